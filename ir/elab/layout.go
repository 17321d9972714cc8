package elab

import (
	"slices"

	"mspecc/ir"
	"mspecc/spec"
)

// Layout says how one input of an example is shown, and where the values of its tokens lie in it.
type Layout struct {
	As     string
	Tokens int   // of an example
	Values int   // of a token; 1, the id, of tokens
	Places []int // place in the input of value j of token t, at t*Values + j; nil where the input is not shown
}

// shownInput is what reconstruct exposes of one input.
type shownInput struct {
	input   int
	name    string // of its target
	target  *ir.Value
	tokens  int
	values  int // of a token's prediction
	several bool
}

// layouts checks what reconstruct exposes, and says how the inputs are shown.
func (vb *variantBuild) layouts(e *elab, f *spec.Func, m *instance) []Layout {
	if m == nil || len(vb.out.Modality.Inputs) == 0 {
		return nil // there is nothing to show
	}
	mask := e.exposed(f, "mask")
	if mask.Rank() != 2 || mask.Type.DType != ir.F32 || mask.Shape()[0] != vb.out.Batch {
		e.fail(e.outputs["mask"], "E073", "mask is f32[%d, tokens], 1 where a token was hidden, not %s", vb.out.Batch, mask.Type)
	}
	several := e.found("target.0") != nil
	var all []Layout
	for first := 0; first < mask.Shape()[1]; first += all[len(all)-1].Tokens {
		s := e.shownInput(f, mask, first, len(all), several)
		all = append(all, vb.layout(e, m, s))
	}
	return all
}

// found is an output by name, nil where there is none.
func (e *elab) found(name string) *ir.Value {
	for _, o := range e.fn.Outputs {
		if o.Name == name {
			return o.Value
		}
	}
	return nil
}

// exposed is an output that reconstruct must have.
func (e *elab) exposed(f *spec.Func, name string) *ir.Value {
	v := e.found(name)
	if v == nil {
		e.failWith(f.Name.Range, "E073", []spec.Note{{Msg: "it exposes target, mask and reconstruction, of several inputs target.0, target.1 and so on"}},
			"reconstruct exposes no %s", name)
	}
	return v
}

// shownInput checks the outputs of input k, whose first token is the given one of all: target [B, L, P] or ids i32 [B, L],
// reconstruction and adapted [B, L, P].
func (e *elab) shownInput(f *spec.Func, mask *ir.Value, first, k int, several bool) shownInput {
	name := func(s string) string {
		if several {
			return s + "." + text(k)
		}
		return s
	}
	left := mask.Shape()[1] - first
	if n := len(e.v.out.Modality.Inputs); k >= n {
		e.fail(e.outputs["mask"], "E073", "mask has %d tokens more than the targets, and there is no input beyond %d", left, n)
	}
	target, out := e.exposed(f, name("target")), e.exposed(f, name("reconstruction"))
	wrong := func(of string, v *ir.Value) {
		e.failWith(e.outputs[name(of)], "E073", []spec.Note{{Pos: e.outputs["mask"].Pos, Msg: "mask is " + mask.Type.String()}, {Pos: e.outputs[name("target")].Pos, Msg: name("target") + " is " + target.Type.String()},
			{Msg: "they are mask [batch, tokens], target, reconstruction and adapted [batch, tokens, values]; a target may be ids i32[batch, tokens]"}},
			"%s is %s, which does not go with the others", name(of), v.Type)
	}
	ids := target.Type.DType == ir.I32
	if target.Rank() < 2 || ids && target.Rank() != 2 || target.Shape()[0] != mask.Shape()[0] || target.Shape()[1] < 1 ||
		target.Shape()[1] > left || !several && target.Shape()[1] != left {
		wrong("target", target)
	}
	if out.Type.DType != ir.F32 || out.Rank() < 2 || !slices.Equal(out.Shape()[:2], target.Shape()[:2]) || !ids && out.Len() != target.Len() {
		wrong("reconstruction", out)
	}
	if adapted := e.found(name("adapted")); adapted != nil && !adapted.Type.Equal(out.Type) {
		wrong("adapted", adapted)
	}
	tokens := target.Shape()[1]
	return shownInput{k, name("target"), target, tokens, out.Len() / (out.Shape()[0] * tokens), several}
}

// layout says where the values of a stream's tokens lie: where the target takes them from, what the kind's own
// function layout says, or what its grid and patch say. It is an error where nobody says it, and
// where two say different things.
func (vb *variantBuild) layout(e *elab, m *instance, s shownInput) Layout {
	in := vb.out.Modality.Inputs[s.input]
	l := Layout{As: in.As, Tokens: s.tokens, Values: s.values}
	scores := 0
	if in.As == asTokens {
		if s.target.Type.DType == ir.F32 {
			scores = in.Vocab
		}
		if l.Values = 1; s.values != in.Vocab {
			e.failWith(e.outputs[s.name], "E076", asNoneNote, "a token of %s is shown as one of %d ids, and its prediction has %d values", s.name, in.Vocab, s.values)
		}
	} else if s.target.Type.DType == ir.I32 && in.As != asNone {
		e.failWith(e.outputs[s.name], "E076", asNoneNote, "%s is %s, ids, and an example is shown as %s", s.name, s.target.Type, in.As)
	}
	if in.As == asNone {
		return l
	}
	from, taken := rearranged(s.target, in, l.Tokens*l.Values, scores)
	stated, at := vb.statedLayout(m, s, l)
	if stated == nil && !taken {
		stated = vb.gridLayout(m, s, l)
	}
	switch {
	case stated == nil && !taken:
		e.unknownLayout(m, s)
	case stated != nil && taken:
		if i := differ(stated, from); i >= 0 {
			e.fail(at, "E076", "layout(x) says that value %d of token %d is %s, target(x) has %s there", i%l.Values, i/l.Values,
				element(in, stated[i]), element(in, from[i]))
		}
	}
	if l.Places = from; stated != nil {
		l.Places = stated
	}
	return l
}

var asNoneNote = []spec.Note{{Msg: "an input that is shown as none, input ... as none, is told by numbers alone"}}

func differ(a, b []int) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

// element writes an element of an input, such as x[0, 17].
func element(in Input, at int) string {
	index := make([]int, len(in.Type.Shape))
	for i, s := range ir.Strides(in.Type.Shape) {
		index[i] = at / s % in.Type.Shape[i]
	}
	return in.Tensor() + text(ints(index))
}

// unknownLayout says that nobody knows where a stream's values lie.
func (e *elab) unknownLayout(m *instance, s shownInput) {
	at := e.outputs[s.name]
	for _, f := range m.kind.Funcs {
		if f.Name.Text == "target" {
			at = f.Name.Range
		}
	}
	e.failWith(at, "E076", []spec.Note{{Pos: e.outputs[s.name].Pos, Msg: s.name + " is exposed here"},
		{Msg: "fn layout(x) = ..., of the shape of target(x), says it by a rearrangement of x"}, asNoneNote[0]},
		"the kind %s does not say how its tokens lie: the values of target(x) are none of x", m.kind.Name.Text)
}

// rearranged says for n values of an example's target which elements of the input they are, where they are such:
// for whatever the input holds. Scores are rows of so many values, 1 at the token's id.
func rearranged(target *ir.Value, in Input, n, scores int) ([]int, bool) {
	size, last := in.Type.Len(), 0
	if batch := target.Shape()[0]; batch > 1 {
		last = batch - 1
	}
	places := make([]int, n)
	for _, example := range []int{0, last} {
		for i := range places {
			at, ok := origin(target, example*n+i, scores)
			if at -= example * size; !ok || at < 0 || at >= size || example > 0 && at != places[i] {
				return nil, false
			}
			places[i] = at
		}
	}
	return places, leafNamed(target, in.Tensor())
}

// origin is the element of an input that element i of a target is; with scores, that which row i is 1 for.
func origin(target *ir.Value, i, scores int) (at int, ok bool) {
	if scores == 0 {
		o, ok := target.Origin(i)
		return o.At, ok && o.Leaf != nil && !o.Equal
	}
	for id := range scores {
		o, ok := target.Origin(i*scores + id)
		if !ok || o.Leaf == nil || !o.Equal || o.Const != float64(id) || id > 0 && o.At != at {
			return 0, false
		}
		at = o.At
	}
	return at, true
}

// leafNamed reports whether an input of that name is all that a value depends on.
func leafNamed(v *ir.Value, name string) bool {
	for _, x := range ir.Reachable([]*ir.Value{v}) {
		switch x.Op {
		case ir.OpInput:
			if x.Attr.Name != name {
				return false
			}
		case ir.OpParam, ir.OpUniform:
			return false
		}
	}
	return true
}

// statedLayout is what the kind's function layout says of a stream, nil where it has none.
func (vb *variantBuild) statedLayout(m *instance, s shownInput, l Layout) (places []int, at spec.Range) {
	if v := m.env.vars["layout"]; v == nil {
		return nil, at
	} else if _, ok := v.val.(*function); !ok {
		return nil, at
	}
	c := &variantBuild{p: vb.p, model: vb.model, from: vb.from, modality: vb.modality, sets: vb.sets, settings: vb.settings,
		sites: map[string]paramSite{}, out: &Variant{Batch: 1, Modality: vb.out.Modality}}
	e := c.elab("layout", false)
	c.run(e, func() *scope {
		own := c.instance(e, false)
		f := own.env.vars["layout"].val.(*function)
		at = f.decl.Name.Range
		if len(f.decl.Params) != 1 {
			e.fail(at, "E076", "layout takes x, as target does")
		}
		inner := newScope(f.env)
		var x value = c.inputs(e, at)
		if list := x.(list); len(list) == 1 {
			x = list[0]
		}
		p := f.decl.Params[0]
		if p.Shape != nil {
			e.match(p, &argument{val: x, at: p.Range}, inner)
		}
		inner.set(p.Name.Text, x, p.Pos)
		v := e.enter(f.decl, spec.Range{}, inner)
		if parts, ok := v.(list); ok && s.input < len(parts) {
			v = parts[s.input]
		}
		t := e.asTensor(v, at)
		if t.Len() != l.Tokens*l.Values || t.Rank() < 2 || t.Shape()[1] != l.Tokens {
			e.failWith(at, "E076", []spec.Note{{Msg: s.name + " is " + s.target.Type.String()}}, "layout(x) of one example is %s, expected %d tokens of %d values", t.Type, l.Tokens, l.Values)
		}
		var ok bool
		if places, ok = rearranged(t, vb.out.Modality.Inputs[s.input], t.Len(), 0); !ok {
			e.fail(at, "E076", "layout(x) must be a rearrangement of x, this computes with it")
		}
		return own.env
	})
	vb.diags = append(vb.diags, c.diags...)
	if spec.HasErrors(c.diags) {
		panic(failure{})
	}
	return places, at
}

// gridLayout is what a kind's grid and patch say where its target computes something: into how many tokens of how
// many values the last axes of the input are cut. Tokens are in reading order, and in a token the
// values of the axes before (channels) are next to each other. Nil where the kind has none.
func (vb *variantBuild) gridLayout(m *instance, s shownInput, l Layout) []int {
	info := vb.out.Modality
	in := info.Inputs[s.input]
	shape := in.Type.Shape
	lead := len(shape) - len(info.Grid)
	if s.several || len(info.Grid) == 0 || lead < 0 {
		return nil
	}
	grid, patch := info.Grid, info.Patch
	if in.As == asTokens && len(patch) == 0 {
		patch = []int{1}
	}
	if len(patch) != len(grid) || product(grid) != l.Tokens || product(patch)*product(shape[:lead]) != l.Values {
		return nil
	}
	for i, n := range shape[lead:] {
		if grid[i]*patch[i] != n {
			return nil
		}
	}
	places := make([]int, l.Tokens*l.Values)
	strides, channels := ir.Strides(shape), product(shape[:lead])
	for k := range places {
		token, value := k/l.Values, k%l.Values
		at := value % channels * product(shape[lead:])
		value /= channels
		for i := len(grid) - 1; i >= 0; i-- {
			at += (token%grid[i]*patch[i] + value%patch[i]) * strides[lead+i]
			token, value = token/grid[i], value/patch[i]
		}
		places[k] = at
	}
	return places
}

func product(list []int) int {
	n := 1
	for _, x := range list {
		n *= x
	}
	return n
}
