package ir

import (
	"fmt"
	"slices"
)

// Grad returns the derivative of the scalar out with respect to each wrt, as values of
// the same graph: reverse mode, in primitives. It may be applied to its own results.
// Where out does not depend on a value the result is zero.
//
// Takes: a graph. Promises: only new values are added, which equal values built outside or by another
// call do not become; each has the position and label of the value whose cotangent it computes.
//
//	%2 = mul %0 %1; %3 = sum %2        Grad(%3, %0) = broadcast 1 * %1
func (b *Builder) Grad(out *Value, wrt ...*Value) []*Value {
	if out.Rank() != 0 || out.Type.DType != F32 {
		panic(&Error{"grad", fmt.Sprintf("the gradient needs a scalar, not %s", out.Type), []*Value{out}})
	}
	pos, label, phase := b.Pos, b.Label, b.Phase
	defer func() { b.Pos, b.Label, b.Phase = pos, label, phase }()

	b.grad = len(b.taken) + 1
	defer func() { b.grad = 0 }()
	order := b.needed.find(out, wrt)
	cot := map[*Value]*Value{}
	if b.needed.of(out) {
		cot[out] = b.Const(1)
	}
	for _, v := range slices.Backward(order) {
		g := cot[v]
		if g == nil || len(v.Args) == 0 || !b.needed.of(v) {
			continue
		}
		b.Pos, b.Label, b.Phase = v.Pos, v.Label, gradPhase(phase, v.Phase)
		b.propagate(cot, v, g)
	}
	grads := make([]*Value, len(wrt))
	for i, w := range wrt {
		if grads[i] = cot[w]; grads[i] == nil {
			grads[i] = b.Splat(0, w.Shape()...)
		}
	}
	b.taken = append(b.taken, derivation{out, slices.Clone(wrt), grads, phase})
	return grads
}

// propagate adds what v's cotangent g contributes to the cotangents of v's arguments.
func (b *Builder) propagate(cot map[*Value]*Value, v, g *Value) {
	in := v.Op.Info()
	if in.NoVJP != "" {
		panic(&Error{"grad", fmt.Sprintf("%s has no gradient: %s", in.Name, in.NoVJP), []*Value{v}})
	}
	if in.vjp == nil { // v is one of wrt and passes nothing on
		return
	}
	for i, ga := range in.vjp(b, v, g) {
		if a := v.Args[i]; ga != nil && b.needed.of(a) {
			if cot[a] != nil {
				ga = b.add(cot[a], ga)
			}
			cot[a] = ga
		}
	}
}

// dependence finds the values on a differentiable way from some values to another one; nothing else
// needs a cotangent. It takes time by these values, not by the graph, which is long where gradients are
// taken in a loop.
type dependence struct {
	marks []int // by ID: 2*round for what was reached, 2*round+1 for what is on the way
	round int
}

// of reports whether v is on the way.
func (d *dependence) of(v *Value) bool { return v.ID < len(d.marks) && d.marks[v.ID] == 2*d.round+1 }

// find looks for the ways from wrt to out, and lists what it reached, arguments first.
func (d *dependence) find(out *Value, wrt []*Value) (order []*Value) {
	d.round++
	lo, hi := out.ID, out.ID
	for _, w := range wrt {
		lo, hi = min(lo, w.ID), max(hi, w.ID)
	}
	d.marks = append(d.marks, make([]int, max(0, hi+1-len(d.marks)))...)
	for stack := []*Value{out}; len(stack) > 0; {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if v.ID < lo || d.marks[v.ID] == 2*d.round {
			continue
		}
		d.marks[v.ID] = 2 * d.round
		order = append(order, v)
		if v.Op != OpStopGradient {
			stack = append(stack, v.Args...)
		}
	}
	slices.SortFunc(order, func(x, y *Value) int { return x.ID - y.ID })
	for _, w := range wrt {
		d.marks[w.ID] = 2*d.round + 1
	}
	for _, v := range order {
		if v.Op != OpStopGradient && v.Type.DType == F32 && !v.Op.Info().piecewiseConstant() && slices.ContainsFunc(v.Args, d.of) {
			d.marks[v.ID] = 2*d.round + 1
		}
	}
	return order
}

// piecewiseConstant operations have a derivative of zero wherever it exists; the gradient
// does not pass them, and that is not an error.
func (in *Info) piecewiseConstant() bool { return in.vjp == nil && in.NoVJP == "" }

// gradPhase is the phase of a cotangent: gradients taken while the objective is being
// built are Inner; the derivative of Inner is SecondOrder.
func gradPhase(at, v Phase) Phase {
	switch {
	case at == Forward:
		return Inner
	case at == Backward && (v == Inner || v == SecondOrder):
		return SecondOrder
	}
	return at
}

// GradPath reports whether out depends on wrt in a differentiable way. If it does not but
// depends on it at all, blocker is an operation on the way that passes no gradient.
func (b *Builder) GradPath(out, wrt *Value) (ok bool, blocker *Value) {
	if b.needed.find(out, []*Value{wrt}); b.needed.of(out) {
		return true, nil
	}
	reaches := make([]bool, out.ID+1)
	for _, v := range b.vals[min(wrt.ID, out.ID+1) : out.ID+1] {
		if reaches[v.ID] = v == wrt; reaches[v.ID] {
			continue
		}
		for _, a := range v.Args {
			if reaches[a.ID] {
				reaches[v.ID] = true
				if in := v.Op.Info(); in.vjp == nil || v.Op == OpStopGradient {
					blocker = v
				}
			}
		}
	}
	if !reaches[out.ID] {
		return false, nil
	}
	return false, blocker
}
