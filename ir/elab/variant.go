package elab

import (
	"math"
	"slices"

	"mspecc/ir"
	"mspecc/runtime/options"
	"mspecc/spec"
)

// variantBuild elaborates the model for one modality: once for the settings, and once for
// every entry point, each into a graph of its own.
type variantBuild struct {
	p        *program
	model    *spec.Model
	from     *source
	modality *chosenModality // nil: the model takes none
	sets     []givenSet
	sites    map[string]paramSite

	settings []*variable // values, in the order of the model
	out      *Variant
	diags    []spec.Diagnostic
}

func (vb *variantBuild) build() *Variant {
	vb.out = &Variant{Modality: Modality{Name: vb.model.Name.Text}, build: vb}
	e := vb.elab("settings", false)
	env := vb.run(e, func() *scope { return vb.environment(e, true) })
	if env == nil || spec.HasErrors(vb.diags) {
		return vb.out
	}
	vb.run(e, func() *scope {
		vb.out.Train = e.train(vb.trainBlocks(), env)
		if b := env.find("batch"); b != nil && b.setting != nil {
			vb.out.Batch, _ = b.val.(int)
		}
		return env
	})
	if vb.model.Objective == nil {
		vb.fail(vb.model.Name.Range, "E073", "the model %s has no objective", vb.model.Name.Text)
	}
	if spec.HasErrors(vb.diags) {
		return vb.out
	}
	vb.out.Objective = vb.entry(vb.model.Objective, "objective", true)
	if spec.HasErrors(vb.diags) {
		return vb.out
	}
	vb.out.Params = vb.out.Objective.Params
	if vb.checkReached(); spec.HasErrors(vb.diags) {
		return vb.out
	}
	vb.out.Replay = vb.entry(vb.model.Objective, "replay", false)
	vb.out.Features = vb.entry(vb.model.Features, "features", false)
	vb.out.Reconstruct = vb.entry(vb.model.Reconstruct, "reconstruct", false)
	return vb.out
}

func (vb *variantBuild) fail(at spec.Range, code, format string, args ...any) {
	e := &elab{}
	defer func() {
		if f, ok := recover().(failure); ok {
			vb.diags = append(vb.diags, f.Diagnostic)
		}
	}()
	e.fail(at, code, format, args...)
}

func (vb *variantBuild) elab(name string, training bool) *elab {
	b := ir.NewBuilder()
	return &elab{v: vb, b: b, training: training, unnamed: map[string]int{}, streams: map[string]streamName{},
		outputs: map[string]spec.Range{}, fn: &Func{Name: name, B: b}, holds: ir.Bounds{Leaf: vb.holds}}
}

// holds bounds an input: ids are below their vocabulary.
func (vb *variantBuild) holds(v *ir.Value) ir.Interval {
	for _, in := range vb.out.Modality.Inputs {
		if in.Tensor() == v.Attr.Name && in.Type.DType == ir.I32 {
			return ir.Interval{Lo: 0, Hi: float64(in.Vocab - 1)}
		}
	}
	return ir.Interval{Lo: math.Inf(-1), Hi: math.Inf(1)}
}

// run calls f until it is done or gives up, and collects the diagnostics.
func (vb *variantBuild) run(e *elab, f func() *scope) (env *scope) {
	defer func() {
		if r := recover(); r != nil && r != errStopped {
			panic(r)
		}
		vb.diags = append(vb.diags, e.diags...)
		e.diags = nil
	}()
	e.guard(func() { env = f() })
	return env
}

// environment is the scope of the model's functions: modality, settings, lets, parameters.
func (vb *variantBuild) environment(e *elab, first bool) *scope {
	env := newScope(fileScope(vb.from))
	var m *instance
	if vb.modality != nil {
		m = vb.instance(e, first)
		env.set(vb.model.Modality.Text, m, vb.model.Modality.Pos)
	}
	if first {
		vb.evalSettings(e, m, env)
	}
	for i, s := range vb.model.Sets {
		env.vars[s.Name.Text] = vb.settings[i]
	}
	for _, f := range vb.model.Funcs {
		env.set(f.Name.Text, &function{decl: f, env: env}, f.Name.Pos)
	}
	for _, s := range vb.model.Items {
		e.stmt(s, env)
	}
	return env
}

// instance makes the modality's values and functions from its kind.
func (vb *variantBuild) instance(e *elab, first bool) *instance {
	d := vb.modality.decl
	outer := newScope(fileScope(vb.modality.from))
	id, ok := d.Kind.Fn.(*spec.Ident)
	if !ok {
		e.fail(d.Kind.Range, "E031", "a modality is an instance of a kind: modality %s = kind(...)", d.Name.Text)
	}
	kind, from := vb.modality.from.findKind(id.Name)
	if kind == nil {
		e.fail(id.Range, "E020", "there is no kind %s", id.Name)
	}
	m := e.instantiate(&kindOf{kind, from}, d.Kind, outer)
	e.checkLength(m)
	if first {
		vb.describe(e, m, outer)
	}
	return m
}

// instanceOf is the modality in the scope of the model, nil where it has none.
func (vb *variantBuild) instanceOf(env *scope) *instance {
	if vb.model.Modality == nil {
		return nil
	}
	m, _ := env.find(vb.model.Modality.Text).val.(*instance)
	return m
}

// describe fills in what the run-time library must know about the modality.
func (vb *variantBuild) describe(e *elab, m *instance, outer *scope) {
	info, d := &vb.out.Modality, vb.modality.decl
	info.Name, info.Kind = d.Name.Text, m.kind.Name.Text
	for _, in := range m.kind.Inputs {
		t := Input{Type: ir.Type{Shape: e.shapeOf(in.Shape, m.env)}}
		if in.Name != nil {
			t.Name = in.Name.Text
		}
		if in.DType.Text == "i32" {
			t.Type.DType, t.Vocab = ir.I32, e.integer(in.Below, m.env)
		}
		t.As = e.shown(in, t.Type)
		info.Inputs = append(info.Inputs, t)
	}
	listed := func(name string) []int {
		v := m.env.vars[name]
		if v == nil {
			return nil
		}
		l, ok := v.val.(list)
		if !ok {
			l = list{v.val}
		}
		var out []int
		for _, x := range l {
			out = append(out, e.asInt(x, d.Range))
		}
		return out
	}
	info.Grid, info.Patch = listed("grid"), listed("patch")
	if len(info.Patch) == 1 {
		info.Patch = slices.Repeat(info.Patch, len(info.Grid))
	}
	if c := listed("channels"); len(c) == 1 {
		info.Channels = c[0]
	}
	if d.Data != nil {
		info.Reader, info.Options = e.reader(d.Data, outer)
	}
	if d.Metric != nil {
		info.Metric = d.Metric.Value
	}
	for _, t := range d.Tasks {
		task := Task{Name: t.Name.Value}
		task.Reader, task.Options = e.reader(t.Data, outer)
		if t.Metric != nil {
			task.Metric = t.Metric.Value
		}
		info.Tasks = append(info.Tasks, task)
	}
	if s := d.Sample; s != nil {
		path, err := folder(vb.modality.from, s.Value)
		if err != nil {
			e.fail(s.Range, "E001", "the sample %s cannot be used: %v", s.Value, err)
		}
		info.Sample = path
	}
}

// reader is a data reader with its options as text; program.data has checked them.
func (e *elab) reader(x *spec.Call, env *scope) (string, []Option) {
	name := x.Fn.(*spec.Ident).Name
	r, known := options.Find(name)
	if inputs := e.v.out.Modality.Inputs; known && len(inputs) > 1 && !r.Several {
		e.fail(x.Fn.Where(), "E075", "the data reader %s gives one input, an example of the modality has %d", name, len(inputs))
	}
	var list []Option
	for _, a := range x.Args {
		o, _ := r.Option(a.Name.Text)
		list = append(list, Option{a.Name.Text, optionText(e.eval(a.Value, env), o)})
	}
	return name, list
}

// evalSettings computes every setting: the command line wins over the modality, that over
// the model.
func (vb *variantBuild) evalSettings(e *elab, m *instance, env *scope) {
	over := map[string]*spec.Setting{}
	if m != nil {
		for _, s := range vb.modality.decl.Sets {
			over[s.Name.Text] = s
		}
	}
	for _, s := range vb.model.Sets {
		v := &variable{val: e.eval(s.Value, env), pos: s.Pos, setting: &Setting{Name: s.Name.Text, From: "model", Pos: s.Pos}}
		if !constant(v.val) {
			e.fail(s.Value.Where(), "E070", "a setting is a number, true, false or a string, this is %s", describe(v.val))
		}
		if o := over[s.Name.Text]; o != nil {
			e.override(v, o.Value, newScope(fileScope(vb.modality.from)), "modality", o.Pos)
		}
		for _, g := range vb.sets {
			if g.name == s.Name.Text {
				e.override(v, g.expr, newScope(fileScope(vb.from)), "command line", spec.Pos{})
			}
		}
		v.setting.Value = text(v.val)
		vb.settings = append(vb.settings, v)
		env.vars[s.Name.Text] = v
		vb.out.Settings = append(vb.out.Settings, *v.setting)
		delete(over, s.Name.Text)
	}
	for name, o := range over {
		if vb.modality.from == vb.p.main || vb.modality.from == vb.from {
			e.failWith(o.Name.Range, "E070", spec.DidYouMean(name, env.names()), "the model %s has no setting %s", vb.model.Name.Text, name)
		}
	}
}

func constant(v value) bool {
	switch v.(type) {
	case int, float64, bool, string:
		return true
	}
	return false
}

// override replaces a setting's value by one of the same type.
func (e *elab) override(v *variable, x spec.Expr, env *scope, from string, pos spec.Pos) {
	val := e.eval(x, env)
	switch old := v.val.(type) {
	case int:
		f, ok := number(val)
		if !ok || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			e.mismatch(v, val, x, "a whole number")
		}
		val = int(f)
	case float64:
		f, ok := number(val)
		if !ok {
			e.mismatch(v, val, x, "a number")
		}
		val = f
	case bool:
		if _, ok := val.(bool); !ok {
			e.mismatch(v, val, x, "true or false")
		}
	case string:
		if _, ok := val.(string); !ok {
			e.mismatch(v, val, x, "a string, such as "+old)
		}
	}
	v.val, v.setting.From, v.setting.Pos = val, from, pos
}

func (e *elab) mismatch(v *variable, val value, x spec.Expr, want string) {
	notes := []spec.Note{{Pos: v.pos, Msg: "the model says " + v.setting.Name + " = " + text(v.val)}}
	if want == "a whole number" {
		if _, ok := number(val); ok {
			notes = append(notes, spec.Note{Msg: "write " + text(v.val) + ".0 in the model if it may be fractional"})
		}
	}
	e.failWith(x.Where(), "E070", notes, "%s must be %s, this is %s", v.setting.Name, want, describe(val))
}

// entry elaborates an entry point; nil if the model has none.
func (vb *variantBuild) entry(f *spec.Func, name string, training bool) *Func {
	if f == nil {
		return nil
	}
	e := vb.elab(name, training)
	vb.run(e, func() *scope {
		env := vb.environment(e, false)
		v := vb.call(e, f, env)
		switch name {
		case "objective", "replay":
			vb.finishLoss(e, f, v)
		case "features":
			if v == nil {
				e.fail(f.Name.Range, "E073", "features returns nothing")
			}
			if _, bad := v.(poison); bad {
				return env
			}
			t := e.asTensor(v, f.Name.Range)
			if t.Rank() != 2 {
				e.fail(f.Name.Range, "E073", "features returns one row per example, [B, D], not %s", t.Type)
			}
			e.fn.Outputs = append([]Output{{Name: "features", Value: t}}, e.fn.Outputs...)
		case "reconstruct":
			if _, bad := v.(poison); v != nil && !bad {
				e.fail(f.Name.Range, "E073", "reconstruct returns nothing; it names its results with expose")
			}
			if m := vb.instanceOf(env); m != nil && len(e.diags) == 0 {
				vb.out.Modality.Layouts = vb.layouts(e, f, m)
			}
		}
		if name != "objective" && name != "replay" {
			vb.checkTrained(e)
			vb.checkExposed(e, name)
		}
		return env
	})
	if name == "replay" {
		e.fn.Name = "replay"
	}
	return e.fn
}

// call runs an entry point on the data input, if it takes one.
func (vb *variantBuild) call(e *elab, f *spec.Func, env *scope) value {
	inner := newScope(env)
	info := vb.out.Modality
	switch {
	case len(f.Params) > 1:
		e.fail(f.Params[1].Range, "E030", "%s takes the batch and nothing else", f.Name.Text)
	case len(f.Params) == 1 && len(info.Inputs) == 0:
		e.fail(f.Params[0].Range, "E030", "there is no data input: the model has no modality, or its kind no input")
	case len(f.Params) == 1:
		if vb.out.Batch < 1 {
			e.fail(f.Params[0].Range, "E070", "the model needs a setting batch, the number of examples per step, at least 1")
		}
		p := f.Params[0]
		e.focus(p.Range)
		var x value = vb.inputs(e, p.Range)
		if l := x.(list); len(l) == 1 {
			x = l[0]
		}
		if p.Shape != nil {
			e.match(p, &argument{val: x, at: p.Range}, inner)
		}
		inner.set(p.Name.Text, x, p.Pos)
	}
	return e.enter(f, spec.Range{}, inner)
}

// inputs are the tensors of a batch, one for each of the kind's inputs.
func (vb *variantBuild) inputs(e *elab, at spec.Range) list {
	var all list
	for _, in := range vb.out.Modality.Inputs {
		shape := append([]int{vb.out.Batch}, in.Type.Shape...)
		e.checkLen(shape, at)
		x := e.tensor(e.b.Input(in.Tensor(), in.Type.DType, shape))
		e.fn.Inputs = append(e.fn.Inputs, x)
		all = append(all, x)
	}
	return all
}

// finishLoss puts the returned loss first, then reports, then what is exposed.
func (vb *variantBuild) finishLoss(e *elab, f *spec.Func, v value) {
	if v == nil {
		e.fail(f.Name.Range, "E073", "the objective returns no loss")
	}
	if _, bad := v.(poison); bad {
		return
	}
	loss := e.asTensor(v, f.Name.Range)
	if loss.Rank() != 0 || loss.Type.DType != ir.F32 {
		e.failWith(f.Name.Range, "E073", []spec.Note{{Pos: loss.Pos, Msg: "the loss is made here"}},
			"the objective must return a scalar, not %s", loss.Type)
	}
	slices.SortStableFunc(e.fn.Outputs, func(a, b Output) int {
		switch {
		case a.Report == b.Report:
			return 0
		case a.Report:
			return -1
		}
		return 1
	})
	e.fn.Outputs = append([]Output{{Name: "loss", Value: loss}}, e.fn.Outputs...)
	if len(e.fn.Params) == 0 {
		e.fail(f.Name.Range, "E073", "the objective has no parameters: there is nothing to train")
	}
}

// checkReached finds the parameters that no gradient of the loss reaches, and warns of them: an
// optimiser leaves them as they are.
func (vb *variantBuild) checkReached() {
	f := vb.out.Objective
	loss := f.Outputs[0].Value
	reached := ir.Reached(loss)
	for _, p := range vb.out.Params {
		if reached[p] {
			continue
		}
		name := p.Attr.Name
		vb.out.Frozen = append(vb.out.Frozen, name)
		d := spec.Diagnostic{Pos: vb.sites[name].at, Severity: spec.Warning, Code: "W006", Msg: "no gradient of the objective reaches the parameter " + name + ": it keeps its first values"}
		if _, blocker := f.B.GradPath(loss, p); blocker != nil {
			d.Notes = append(d.Notes, spec.Note{Pos: blocker.Pos, Msg: "here " + blocker.Op.Info().Name + " lets none through"})
		} else {
			d.Notes = append(d.Notes, spec.Note{Msg: "the loss does not depend on it"})
		}
		vb.diags = append(vb.diags, d)
	}
	if len(vb.out.Frozen) == len(vb.out.Params) {
		vb.fail(vb.model.Objective.Name.Range, "E073", "no gradient of the objective reaches any parameter: there is nothing to train")
	}
}

// checkTrained refuses parameters that the objective does not know.
func (vb *variantBuild) checkTrained(e *elab) {
	for _, p := range e.fn.Params {
		known := slices.ContainsFunc(vb.out.Params, func(q *ir.Value) bool { return q.Attr.Name == p.Attr.Name })
		if !known {
			at := vb.sites[p.Attr.Name].at
			e.fail(spec.Range{Pos: at}, "E042", "the parameter %s of %s is never trained: the objective does not use it", p.Attr.Name, e.fn.Name)
		}
	}
}
