package pass

import (
	"mspecc/ir"
)

// Bounds of full reductions. Larger ones than maxWhole reduce rows first, by all workers and where
// these rows are made.
const (
	maxWhole = 64
	maxRow   = 4096
)

// splitReduce brings every reduction into one of the two forms that kernels have: over a
// block of trailing axes, or over a block of neighbouring axes with kept axes after it.
//
// Takes: any program. Promises: the axes of every sum and maximum are neighbours; one
// that leaves a single element reduces at most 64, unless those have one axis.
//
//	%1: f32[3] = sum %0 {axes: [0, 2]}        %1 = sum %0 {axes: [2]}; %2 = sum %1 {axes: [0]}
func splitReduce(p *Program, _ bool) {
	Rebuild(p, false, func(b *ir.Builder, v *ir.Value, to func(*ir.Value) *ir.Value) *ir.Value {
		if v.Op != ir.OpSum && v.Op != ir.OpMax {
			return nil
		}
		over := b.Sum
		if v.Op == ir.OpMax {
			over = b.MaxOver
		}
		x := to(v.Args[0])
		for _, block := range blocks(x, v.Attr.Axes) { // the last block first: axes before it stay where they are
			x = over(x, block...)
		}
		return x
	})
}

// blocks groups ascending axes into runs of neighbours, the last run first. The full
// reduction of a large tensor is cut in two: as many trailing axes as reduce to rows of
// at most 4096 elements, then the rest.
func blocks(x *ir.Value, axes []int) [][]int {
	var out [][]int
	end := len(axes)
	for i := end - 1; i >= 0; i-- {
		if i == 0 || axes[i-1] != axes[i]-1 {
			out = append(out, axes[i:end])
			end = i
		}
	}
	if len(out) != 1 || len(axes) != x.Rank() || x.Len() <= maxWhole {
		return out
	}
	width, cut := 1, len(axes)
	for cut > 1 && (cut == len(axes) || width*x.Shape()[cut-1] <= maxRow) {
		cut--
		width *= x.Shape()[cut]
	}
	if cut == len(axes) || width == x.Len() {
		return out
	}
	return [][]int{axes[cut:], axes[:cut]}
}
