package elab

import (
	"maps"
	"slices"
	"strings"

	"mspecc/ir/optim"
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
var trainDefaults = Train{Optimizer: optim.All()[0].Name, Settings: optim.All()[0].Defaults(),
	Schedule: Schedule{Kind: schedules[0].name}, Steps: 1000, Precision: "f32", Recompute: "none"}

// trainItem is what a train block may say.
type trainItem struct {
	name   string
	preset func(d *Train) any // the default, for the reference
	doc    string
	read   func(e *elab, t *Train, it *spec.TrainItem, env *scope)
}

// trainItems lists all there is, in the order of the reference. It is made when it is asked for, as what
// reads an item refers to it.
func trainItems() []trainItem {
	return []trainItem{
		{"optimizer", func(d *Train) any { return d.Optimizer + "()" }, "how a gradient changes the parameters, see below", (*elab).optimizer},
		{"schedule", func(d *Train) any { return d.Schedule.Kind + "()" }, "the course of the learning rate, see below", (*elab).schedule},
		{"clip", func(d *Train) any { return d.Clip }, "largest norm of the gradient over all parameters, which is scaled down to it; 0: no limit", func(e *elab, t *Train, it *spec.TrainItem, env *scope) {
			t.Clip = e.positive(e.eval(it.Value, env), it.Value.Where(), "clip", true)
		}},
		{"steps", func(d *Train) any { return d.Steps }, "training steps", func(e *elab, t *Train, it *spec.TrainItem, env *scope) { t.Steps = e.atLeast(1, it, env) }},
		{"checkpoint", func(d *Train) any { return d.CheckpointEvery }, "steps between two checkpoints: `checkpoint every 1000`; 0: only at the end", func(e *elab, t *Train, it *spec.TrainItem, env *scope) {
			t.CheckpointEvery = e.atLeast(0, it, env)
		}},
		{"seed", func(d *Train) any { return d.Seed }, "where random numbers start from", func(e *elab, t *Train, it *spec.TrainItem, env *scope) { t.Seed = uint64(e.atLeast(0, it, env)) }},
		{"precision", func(d *Train) any { return d.Precision }, "`f32`, or `bf16` for the inputs of matrix products; also a setting with one of these names, such as `set precision = \"f32\"`",
			func(e *elab, t *Train, it *spec.TrainItem, env *scope) { t.Precision = e.oneOf(it, env, "f32", "bf16") }},
		{"recompute", func(d *Train) any { return d.Recompute }, "what is computed a second time instead of being kept in memory: `none`, `cheap` (all but matrix products with an inner extent " +
			"above 32: norms, activations, the scores of attention) or `all`; also a setting with one of these names. `mspecc build --memory` takes as little of it as a limit needs",
			func(e *elab, t *Train, it *spec.TrainItem, env *scope) {
				t.Recompute = e.oneOf(it, env, "none", "cheap", "all")
			}},
	}
}

// TrainOptions lists all that a train block may say: its items, and the numbers that optimisers and schedules take,
// such as "optimizer sgd(momentum)".
func TrainOptions() []string {
	var list []string
	for _, item := range trainItems() {
		list = append(list, item.name)
	}
	for _, o := range optim.All() {
		list = append(list, "optimizer "+o.Name)
		for _, a := range o.Args {
			list = append(list, "optimizer "+o.Name+"("+a.Name+")")
		}
	}
	for _, s := range schedules {
		list = append(list, "schedule "+s.name)
		for _, a := range s.args {
			list = append(list, "schedule "+s.name+"("+a+")")
		}
	}
	return list
}

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
	var names []string
	for _, item := range trainItems() {
		if names = append(names, item.name); item.name == it.Name.Text {
			item.read(e, t, it, env)
			return
		}
	}
	e.failWith(it.Name.Range, "E074", spec.DidYouMean(it.Name.Text, names), "a train block has no %s", it.Name.Text)
}

// atLeast is an item's value as a whole number that is not too small.
func (e *elab) atLeast(least int, it *spec.TrainItem, env *scope) int {
	n := e.integer(it.Value, env)
	if n < least {
		e.fail(it.Value.Where(), "E074", "%s must be at least %d, it is %d", it.Name.Text, least, n)
	}
	return n
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
	names := slices.Sorted(maps.Keys(allowed))
	if !ok || allowed[id.Name] == nil {
		if !ok {
			e.fail(call.Fn.Where(), "E074", "expected the name of the %s, one of %s", it.Name.Text, strings.Join(names, ", "))
		}
		e.failWith(call.Fn.Where(), "E074", spec.DidYouMean(id.Name, names), "unknown %s %s", it.Name.Text, id.Name)
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
	allowed := map[string][]string{}
	for _, o := range optim.All() {
		for _, a := range o.Args {
			allowed[o.Name] = append(allowed[o.Name], a.Name)
		}
	}
	name, got := e.options(it, env, allowed)
	o, _ := optim.Find(name)
	t.Optimizer, t.Settings = name, o.Defaults()
	for _, a := range o.Args {
		x := got[a.Name]
		if x == nil {
			continue
		}
		f := e.positive(x.val, x.at, a.Name, !a.Positive)
		if a.Below1 && f >= 1 {
			e.fail(x.at, "E074", "%s must be below 1, it is %s", a.Name, text(f))
		}
		*a.Of(&t.Settings) = f
	}
}

// schedule is a course of the learning rate; runtime/train computes it.
type schedule struct {
	name string
	args []string // in the order in which they may be given without names
	doc  string
}

// schedules lists the schedules; the first is the default.
var schedules = []schedule{
	{"constant", []string{"warmup"}, "stays as it is"},
	{"cosine", []string{"warmup", "final"}, "falls along half a cosine, to the share `final` (0) of the rate, which it reaches right behind the last step"},
	{"linear", []string{"warmup", "final"}, "falls along a line, to the share `final` (0) of the rate, which it reaches right behind the last step"},
	{"step", []string{"every", "factor", "warmup"}, "is multiplied with `factor` every so many steps; both must be given"},
}

func (e *elab) schedule(t *Train, it *spec.TrainItem, env *scope) {
	allowed := map[string][]string{}
	for _, s := range schedules {
		allowed[s.name] = s.args
	}
	name, got := e.options(it, env, allowed)
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
