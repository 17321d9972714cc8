package pass

import (
	"reflect"

	"mspecc/ir"
)

// maxRounds bounds fixpoints; in practice two or three rounds suffice.
const maxRounds = 8

// simplify rebuilds the graph with the local rules of the operation table, which also
// merges common subexpressions, until it no longer changes.
//
// Takes: any program. Promises: no value could be simplified by a rule alone, or the
// bound on rounds was reached.
//
//	%1 = neg %0; %2 = neg %1; %3 = exp %2        %1 = exp %0
func simplify(p *Program, fold bool) {
	for range maxRounds {
		before := p.Live()
		Rebuild(p, fold, nil)
		if same(before, p.Live()) {
			return
		}
	}
}

// same reports whether two graphs are equal up to numbering.
func same(xs, ys []*ir.Value) bool {
	if len(xs) != len(ys) {
		return false
	}
	to := make(map[*ir.Value]*ir.Value, len(xs))
	for i, x := range xs {
		y := ys[i]
		if x.Op != y.Op || !x.Type.Equal(y.Type) || len(x.Args) != len(y.Args) {
			return false
		}
		for j, a := range x.Args {
			if to[a] != y.Args[j] {
				return false
			}
		}
		if !sameAttr(&x.Attr, &y.Attr) {
			return false
		}
		to[x] = y
	}
	return true
}

func sameAttr(x, y *ir.Attr) bool {
	if len(x.Table) > 0 && len(x.Table) == len(y.Table) && &x.Table[0] == &y.Table[0] {
		a, b := *x, *y // the usual case: a copy shares its elements
		a.Table, b.Table = nil, nil
		return reflect.DeepEqual(a, b)
	}
	return reflect.DeepEqual(*x, *y)
}

// eraseStopGradient removes stop_gradient, which means nothing once gradients are taken.
//
// Takes: a program of which no more gradients are wanted. Promises: no stop_gradient.
//
//	%1 = stop_gradient %0; %2 = exp %1        %1 = exp %0
func eraseStopGradient(p *Program, _ bool) {
	Rebuild(p, false, func(_ *ir.Builder, v *ir.Value, to func(*ir.Value) *ir.Value) *ir.Value {
		if v.Op == ir.OpStopGradient {
			return to(v.Args[0])
		}
		return nil
	})
}

// dce keeps only what the outputs need, numbered without gaps.
func dce(p *Program, _ bool) { Rebuild(p, false, nil) }
