package pass

import (
	"slices"

	"mspecc/ir"
)

// rows works on rows that several places look up in a table once, in the table, and leaves out rows
// that nobody reads; see ir.Builder.Share and ir.Builder.GatherNarrow. Since gradients are taken of what
// is left, and that of the objective comes later, they follow.
//
// Takes: a program before the gradient of its objective is taken. Promises: what gradients inside
// the program are taken by is a variable, which no row is moved across.
//
//	%2 = gather %0 %1; %3 = exp %2        %2 = exp %0; %3 = gather %2 %1
func rows(p *Program, _ bool) {
	b := ir.NewBuilder()
	b.Share = true
	*p = *ir.Rederive(p, b, func(v *ir.Value, args []*ir.Value) *ir.Value {
		switch v.Op {
		case ir.OpGather:
			return b.GatherNarrow(args[0], args[1], v.Attr.Batch)
		case ir.OpMatMul: // of a tall matrix of rows, which the builder made of several axes
			if x := args[0]; b.Look(x) == ir.OpReshape && args[1].Rank() == 2 && sameRows(x.Args[0], x) {
				w := b.MatMul(x.Args[0], args[1])
				return reshaped(b, w, v.Shape())
			}
			return b.MatMul(args[0], args[1])
		case ir.OpReshape:
			if v.Args[0].Op == ir.OpMatMul {
				return reshaped(b, args[0], v.Shape())
			}
		}
		return b.Copy(v, args)
	})
}

// sameRows reports whether x, with more axes than the matrix y has, is the same rows.
func sameRows(x, y *ir.Value) bool {
	return x.Rank() > 2 && x.Shape()[x.Rank()-1] == y.Shape()[1]
}

// reshaped is x in another shape; a reshape back takes the way it came.
func reshaped(b *ir.Builder, x *ir.Value, shape []int) *ir.Value {
	if b.Look(x) == ir.OpReshape && slices.Equal(x.Args[0].Shape(), shape) {
		return x.Args[0]
	}
	return b.Reshape(x, shape)
}
