package build

import (
	"slices"
	"strings"

	"mspecc/spec"
)

// trainBlocks lists the train blocks, imported files first, so that later ones win.
func (vb *variantBuild) trainBlocks() []*spec.Train {
	var blocks []*spec.Train
	for _, s := range vb.p.loader.order {
		blocks = append(blocks, s.tree.Trains...)
	}
	return blocks
}

// trainDefaults holds where a train block says nothing.
var trainDefaults = Train{Optimizer: "adamw", LR: 1e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8,
	Schedule: Schedule{Kind: "constant", Factor: 0}, Steps: 1000, Precision: "f32", Recompute: "none"}

var trainItems = []string{"optimizer", "schedule", "clip", "steps", "checkpoint", "seed", "precision", "recompute"}

// train evaluates the train blocks; they see the model's settings.
func (e *elab) train(blocks []*spec.Train, env *scope) Train {
	t := trainDefaults
	for _, b := range blocks {
		seen := map[string]spec.Pos{}
		for _, it := range b.Items {
			if first, ok := seen[it.Name.Text]; ok {
				e.guard(func() {
					e.failWith(it.Name.Range, "E021", []spec.Note{{Pos: first, Msg: "first here"}}, "%s is given twice", it.Name.Text)
				})
			}
			seen[it.Name.Text] = it.Pos
			e.guard(func() { e.trainItem(&t, it, env) })
		}
	}
	return t
}

func (e *elab) trainItem(t *Train, it *spec.TrainItem, env *scope) {
	whole := func(least int) int {
		n := e.integer(it.Value, env)
		if n < least {
			e.fail(it.Value.Where(), "E074", "%s must be at least %d, it is %d", it.Name.Text, least, n)
		}
		return n
	}
	switch it.Name.Text {
	case "optimizer":
		e.optimizer(t, it, env)
	case "schedule":
		e.schedule(t, it, env)
	case "clip":
		t.Clip = e.positive(e.eval(it.Value, env), it.Value.Where(), "clip", true)
	case "steps":
		t.Steps = whole(1)
	case "checkpoint":
		t.CheckpointEvery = whole(0)
	case "seed":
		t.Seed = uint64(whole(0))
	case "precision":
		t.Precision = e.oneOf(it, env, "f32", "bf16")
	case "recompute":
		t.Recompute = e.oneOf(it, env, "none", "cheap", "all")
	default:
		e.failWith(it.Name.Range, "E074", spec.DidYouMean(it.Name.Text, trainItems), "a train block has no %s", it.Name.Text)
	}
}

// oneOf is one of some names, as it stands or as a setting says.
func (e *elab) oneOf(it *spec.TrainItem, env *scope, names ...string) string {
	x, list := it.Value, strings.Join(names[:len(names)-1], ", ")+" or "+names[len(names)-1]
	if id, ok := x.(*spec.Ident); ok {
		if slices.Contains(names, id.Name) {
			return id.Name
		}
		if env.find(id.Name) == nil {
			e.fail(x.Where(), "E074", "%s is %s", it.Name.Text, list)
		}
	}
	v := e.eval(x, env)
	s, ok := v.(string)
	if !ok || !slices.Contains(names, s) {
		e.fail(x.Where(), "E074", "%s is %s, not %s", it.Name.Text, list, describe(v))
	}
	return s
}

// positive checks that a value is a number of at least 0, or above it.
func (e *elab) positive(v value, at spec.Range, name string, zero bool) float64 {
	f, ok := number(v)
	if !ok {
		e.fail(at, "E074", "%s must be a number, this is %s", name, describe(v))
	}
	if f < 0 || f == 0 && !zero {
		least := "above 0"
		if zero {
			least = "at least 0"
		}
		e.fail(at, "E074", "%s must be %s, it is %s", name, least, text(f))
	}
	return f
}

// options reads a call such as adamw(lr: 1e-4): its name and named numbers.
func (e *elab) options(it *spec.TrainItem, env *scope, allowed map[string][]string) (string, map[string]*argument) {
	call, ok := it.Value.(*spec.Call)
	if !ok {
		call = &spec.Call{Range: it.Value.Where(), Fn: it.Value}
	}
	id, ok := call.Fn.(*spec.Ident)
	var names []string
	for n := range allowed {
		names = append(names, n)
	}
	if !ok || allowed[id.Name] == nil {
		wrong := "this"
		var notes []spec.Note
		if ok {
			wrong, notes = id.Name, spec.DidYouMean(id.Name, names)
		}
		e.failWith(call.Fn.Where(), "E074", notes, "%s is no %s", wrong, it.Name.Text)
	}
	got := map[string]*argument{}
	for i, a := range call.Args {
		at := e.place(id.Name, allowed[id.Name], spec.Pos{}, a, i)
		name := allowed[id.Name][at]
		if got[name] != nil {
			e.fail(a.Range, "E030", "%s gets its argument %s twice", id.Name, name)
		}
		got[name] = &argument{val: e.eval(a.Value, env), at: a.Value.Where()}
	}
	return id.Name, got
}

func (e *elab) optimizer(t *Train, it *spec.TrainItem, env *scope) {
	adam := []string{"lr", "weight_decay", "beta1", "beta2", "eps"}
	name, got := e.options(it, env, map[string][]string{"adamw": adam, "adam": adam, "sgd": {"lr", "weight_decay", "momentum"}})
	d := trainDefaults
	t.Optimizer, t.LR, t.WeightDecay, t.Beta1, t.Beta2, t.Eps = name, d.LR, d.WeightDecay, d.Beta1, d.Beta2, d.Eps
	if name == "sgd" {
		t.Beta1 = 0
	}
	into := map[string]*float64{"lr": &t.LR, "weight_decay": &t.WeightDecay, "beta1": &t.Beta1, "beta2": &t.Beta2, "eps": &t.Eps, "momentum": &t.Beta1}
	for key, a := range got {
		f := e.positive(a.val, a.at, key, key != "eps")
		if (key == "beta1" || key == "beta2" || key == "momentum") && f >= 1 {
			e.fail(a.at, "E074", "%s must be below 1, it is %s", key, text(f))
		}
		*into[key] = f
	}
}

func (e *elab) schedule(t *Train, it *spec.TrainItem, env *scope) {
	name, got := e.options(it, env, map[string][]string{"constant": {"warmup"}, "cosine": {"warmup", "final"},
		"linear": {"warmup", "final"}, "step": {"every", "factor", "warmup"}})
	t.Schedule = Schedule{Kind: name}
	for key, a := range got {
		switch key {
		case "warmup", "every":
			n := e.asInt(a.val, a.at)
			if n < 0 || key == "every" && n < 1 {
				e.fail(a.at, "E074", "%s is a number of steps, it cannot be %d", key, n)
			}
			*map[string]*int{"warmup": &t.Schedule.Warmup, "every": &t.Schedule.Every}[key] = n
		default:
			t.Schedule.Factor = e.positive(a.val, a.at, key, true)
		}
	}
	if name == "step" && (got["every"] == nil || got["factor"] == nil) {
		e.fail(it.Value.Where(), "E030", "step needs every and factor: step(every: 1000, factor: 0.5)")
	}
}
