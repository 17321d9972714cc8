package pass

import (
	"math"
	"slices"

	"mspecc/ir"
)

// Limits of constFold, in elements: a larger constant would cost more memory than the
// work it saves, and larger intermediate values would make compiling slow.
const (
	maxConstant     = 1 << 20
	maxIntermediate = 1 << 24
)

// constFold computes what depends on constants alone and puts a table in its place.
//
// Takes: any program. Promises: constant values of at most 1M elements are leaves, or
// repeat or reshape one. What a broadcast repeats is made small, not the repetition.
//
//	%0 = iota {axis: 0}; %1 = sin %0        %0 = table {values: [0, 0.84, 0.9]}
func constFold(p *Program, fold bool) {
	order := p.Live()
	fixed := map[*ir.Value]bool{}
	for _, v := range order {
		fixed[v] = isFixed(v, fixed)
	}
	uses := users(order)
	roots := p.Roots()
	var want []*ir.Value
	for _, v := range order {
		if !fixed[v] || v.Op.Class() == ir.Leaf || repeatsOnly(v) || v.Len() > maxConstant {
			continue
		}
		// Only where a constant meets something else; what is below is not needed then.
		meets := slices.Contains(roots, v)
		for _, u := range uses[v] {
			meets = meets || !fixed[u] || repeatsOnly(u) || u.Len() > maxConstant
		}
		if meets {
			want = append(want, v)
		}
	}
	computed, err := ir.Eval(nil, want...)
	if err != nil {
		panic(&ir.Error{Op: "const-fold", Msg: err.Error()})
	}
	place := map[*ir.Value]int{}
	for i, v := range want {
		place[v] = i
	}
	Rebuild(p, fold, func(b *ir.Builder, v *ir.Value, _ func(*ir.Value) *ir.Value) *ir.Value {
		if i, ok := place[v]; ok {
			return constant(b, v.Type, computed[i])
		}
		return nil
	})
}

// isFixed reports whether v depends on constants alone, given the same of its arguments.
func isFixed(v *ir.Value, fixed map[*ir.Value]bool) bool {
	switch v.Op {
	case ir.OpConst, ir.OpTable, ir.OpIota:
		return true
	}
	if len(v.Args) == 0 || v.Len() > maxIntermediate {
		return false
	}
	for _, a := range v.Args {
		if !fixed[a] || a.Len() > maxIntermediate {
			return false
		}
	}
	return true
}

// repeatsOnly values cost nothing where they are read.
func repeatsOnly(v *ir.Value) bool { return v.Op == ir.OpReshape || v.Op == ir.OpBroadcast }

// constant is a splat where all elements are equal, else a table.
func constant(b *ir.Builder, t ir.Type, x []float64) *ir.Value {
	for _, y := range x {
		if y != x[0] || math.IsNaN(y) {
			return b.Table(t, x)
		}
	}
	if len(x) == 0 || t.DType == ir.I32 {
		return b.Table(t, x)
	}
	return b.Splat(x[0], t.Shape...)
}
