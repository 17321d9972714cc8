package ir

import "slices"

// A rewriting that runs before the last gradient is taken must not change what gradients mean. The
// gradient by y is about the very value y: a rewriting that says the same numbers without y, such as
// gather(tanh(t), i) for tanh(y) of the rows y = gather(t, i), leaves the loss as it was and loses
// the way from it to y. So a function is first elaborated as it stands, with its gradients. Rederive
// then builds it once more under a rewriting, to which the values that gradients are taken by are
// opaque, and takes the gradients of what has become of the function.

// derivation remembers a call of Grad.
type derivation struct {
	out        *Value
	wrt, grads []*Value
	phase      Phase
}

// Rederive builds what p's outputs need in the builder b, which is new. each gives the value that v
// becomes, of what its arguments became. Gradients are not copied but taken again, and values that
// they are taken by are copied as they are. Position, label and phase go over.
//
// Takes: a program, before the gradient of its objective. Promises: all values of the new program,
// as functions of the leaves and of what gradients are taken by, are what they were, if each makes
// equal values.
func Rederive(p *Program, b *Builder, each func(v *Value, args []*Value) *Value) *Program {
	r := &rederiver{b: b, each: each, to: map[*Value]*Value{}}
	r.find(p)
	for _, v := range p.B.vals {
		if r.needed[v.ID] && r.to[v] == nil {
			r.build(v)
		}
	}
	q := &Program{B: b}
	for _, o := range p.Outputs {
		q.Outputs = append(q.Outputs, Output{o.Name, r.to[o.Value]})
	}
	return q
}

type rederiver struct {
	b        *Builder
	each     func(v *Value, args []*Value) *Value
	to       map[*Value]*Value
	needed   []bool                 // by ID
	variable map[*Value]bool        // what a needed gradient is taken by
	from     map[*Value]*derivation // a gradient -> the call that gave it
}

// find marks what the outputs need and how it is made. The values between a gradient and what it is
// taken of belong to that gradient alone.
func (r *rederiver) find(p *Program) {
	r.needed, r.variable, r.from = make([]bool, len(p.B.vals)), map[*Value]bool{}, map[*Value]*derivation{}
	for i := range p.B.taken {
		for _, g := range p.B.taken[i].grads {
			r.from[g] = &p.B.taken[i]
		}
	}
	stack := p.Roots()
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if r.needed[v.ID] {
			continue
		}
		r.needed[v.ID] = true
		d := r.from[v]
		if d == nil {
			stack = append(stack, v.Args...)
			continue
		}
		stack = append(append(stack, d.out), d.wrt...)
		for _, w := range d.wrt {
			r.variable[w] = true
		}
	}
}

// build makes v of what it is made from, which has lower IDs and is there.
func (r *rederiver) build(v *Value) {
	b := r.b
	b.Pos, b.Label, b.Phase = v.Pos, v.Label, v.Phase
	if d := r.from[v]; d != nil {
		b.Phase = d.phase
		r.derive(d)
		return
	}
	args := r.all(v.Args)
	if r.variable[v] {
		r.to[v] = b.Opaque(v, args)
	} else {
		r.to[v] = r.each(v, args)
	}
}

// derive takes the gradients d again. One that is itself what a gradient is taken by is not
// rewritten, nor are those that are made of it.
func (r *rederiver) derive(d *derivation) {
	opaque := func(g *Value) bool { return r.variable[g] }
	share := r.b.Share
	r.b.Share = share && !slices.ContainsFunc(d.grads, opaque)
	grads := r.b.Grad(r.to[d.out], r.all(d.wrt)...)
	r.b.Share = share
	for i, g := range d.grads {
		r.to[g] = grads[i]
		if opaque(g) {
			r.b.opaque[grads[i]] = true
		}
	}
}

// all are the values that others became.
func (r *rederiver) all(values []*Value) []*Value {
	out := make([]*Value, len(values))
	for i, v := range values {
		out[i] = r.to[v]
	}
	return out
}

// Opaque builds v's operation on other arguments of the same types, as it is and as a value of its own:
// nothing that equals it is taken for it, and no rewriting looks into it. Position, label and phase
// are b's.
func (b *Builder) Opaque(v *Value, args []*Value) *Value {
	var w *Value
	switch v.Op {
	case OpParam, OpInput, OpUniform: // there is but one of each name
		w = b.Copy(v, args)
	default:
		w = b.append(b.value(v.Op, v.Type, v.Attr, args))
	}
	b.opaque[w] = true
	return w
}

// Look is v's operation, as far as a rewriting may look into v; it must not into what gradients are
// taken by.
func (b *Builder) Look(v *Value) Op {
	if b.opaque[v] {
		return opInvalid
	}
	return v.Op
}
