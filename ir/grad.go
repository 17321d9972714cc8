package ir

import "fmt"

// Grad returns the derivative of the scalar out with respect to each wrt, as values of
// the same graph: reverse mode, in primitives. It may be applied to its own results.
// Where out does not depend on a value the result is zero.
//
// Takes: a graph. Promises: only new values are added; each has the position and label
// of the value whose cotangent it computes.
//
//	%2 = mul %0 %1; %3 = sum %2        Grad(%3, %0) = broadcast 1 * %1
func (b *Builder) Grad(out *Value, wrt ...*Value) []*Value {
	if out.Rank() != 0 || out.Type.DType != F32 {
		panic(&Error{"grad", fmt.Sprintf("the gradient needs a scalar, not %s", out.Type), []*Value{out}})
	}
	pos, label, phase := b.Pos, b.Label, b.Phase
	defer func() { b.Pos, b.Label, b.Phase = pos, label, phase }()

	needed := dependsOn(out, wrt)
	cot := map[*Value]*Value{}
	if needed[out] {
		cot[out] = b.Const(1)
	}
	order := b.vals[:out.ID+1]
	for i := len(order) - 1; i >= 0; i-- { // IDs are a topological order
		v := order[i]
		g := cot[v]
		if g == nil || len(v.Args) == 0 || !needed[v] {
			continue
		}
		b.Pos, b.Label, b.Phase = v.Pos, v.Label, gradPhase(phase, v.Phase)
		b.propagate(cot, needed, v, g)
	}
	grads := make([]*Value, len(wrt))
	for i, w := range wrt {
		if grads[i] = cot[w]; grads[i] == nil {
			grads[i] = b.Splat(0, w.Shape()...)
		}
	}
	return grads
}

// propagate adds what v's cotangent g contributes to the cotangents of v's arguments.
func (b *Builder) propagate(cot map[*Value]*Value, needed map[*Value]bool, v, g *Value) {
	in := v.Op.Info()
	if in.NoVJP != "" {
		panic(&Error{"grad", fmt.Sprintf("%s has no gradient: %s", in.Name, in.NoVJP), []*Value{v}})
	}
	if in.vjp == nil { // v is one of wrt and passes nothing on
		return
	}
	for i, ga := range in.vjp(b, v, g) {
		if a := v.Args[i]; ga != nil && needed[a] {
			if cot[a] != nil {
				ga = b.add(cot[a], ga)
			}
			cot[a] = ga
		}
	}
}

// dependsOn marks the values on a differentiable way from wrt to out; nothing else needs
// a cotangent.
func dependsOn(out *Value, wrt []*Value) map[*Value]bool {
	state := map[*Value]bool{} // visited -> depends on wrt
	for _, w := range wrt {
		state[w] = true
	}
	var visit func(v *Value) bool
	visit = func(v *Value) bool {
		if d, ok := state[v]; ok {
			// A wrt value may itself depend on another wrt.
			return d
		}
		state[v] = false
		if v.Op == OpStopGradient {
			return false
		}
		dep := false
		for _, a := range v.Args {
			dep = visit(a) || dep
		}
		state[v] = dep && v.Type.DType == F32 && !v.Op.Info().piecewiseConstant()
		return state[v]
	}
	for _, w := range wrt {
		delete(state, w)
		if !visit(w) {
			state[w] = true
		}
		state[w] = true
	}
	visit(out)
	return state
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
	if dependsOn(out, []*Value{wrt})[out] {
		return true, nil
	}
	reaches := make([]bool, out.ID+1)
	for _, v := range b.vals[:out.ID+1] {
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
