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
	from     map[*Value]*derivation // a gradient -> the call that gave it
	needed   []bool                 // by ID
	variable map[*Value]bool        // what a needed gradient is taken by
	asIs     []bool                 // by ID: what is not rewritten, since a gradient of it is such a variable
}

// find marks what the outputs need and how it is made.
func (r *rederiver) find(p *Program) {
	r.from, r.variable = map[*Value]*derivation{}, map[*Value]bool{}
	r.needed, r.asIs = make([]bool, len(p.B.vals)), make([]bool, len(p.B.vals))
	for i := range p.B.taken {
		for _, g := range p.B.taken[i].grads {
			r.from[g] = &p.B.taken[i]
		}
	}
	r.reach(r.needed, p.Roots())
	for g, d := range r.from {
		if r.needed[g.ID] {
			for _, w := range d.wrt {
				r.variable[w] = true
			}
		}
	}
	for v := range r.variable {
		if d := r.from[v]; d != nil {
			r.reach(r.asIs, []*Value{d.out})
		}
	}
}

// reach marks what roots are made of. The values between a gradient and what it is taken of belong to
// that gradient alone.
func (r *rederiver) reach(marks []bool, roots []*Value) {
	stack := slices.Clone(roots)
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if marks[v.ID] {
			continue
		}
		marks[v.ID] = true
		if d := r.from[v]; d != nil {
			stack = append(append(stack, d.out), d.wrt...)
		} else {
			stack = append(stack, v.Args...)
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
	if r.variable[v] || r.asIs[v.ID] {
		r.to[v] = b.Opaque(v, args)
	} else {
		r.to[v] = r.each(v, args)
	}
}

// derive takes the gradients d again. Where a gradient is itself what another one is taken by, which of
// its siblings are made of it follows from how the rules of differentiation share values: nothing is
// rewritten there.
func (r *rederiver) derive(d *derivation) {
	exact := func(g *Value) bool { return r.variable[g] || r.asIs[g.ID] }
	share := r.b.Share
	r.b.Share = share && !slices.ContainsFunc(d.grads, exact)
	grads := r.b.Grad(r.to[d.out], r.all(d.wrt)...)
	r.b.Share = share
	for i, g := range d.grads {
		r.to[g] = grads[i]
		if exact(g) {
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
