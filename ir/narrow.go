package ir

import "slices"

// GatherNarrow is Gather, computed on the picked rows alone where that can be: row-wise
// work that x was made by is done again on the K picked rows, and what nobody else reads
// of x is then not computed at all, nor is its gradient. It pays where x is read through
// gathers only; where x is used in full as well, the picked rows are computed twice.
func (b *Builder) GatherNarrow(x, idx *Value, batch int) *Value {
	v := b.Gather(x, idx, batch)
	if w := b.narrow(v, b.GatherNarrow); w != nil {
		return w
	}
	return v
}

// NarrowOnce moves the gather v one operation towards the leaves; nil if it cannot move.
func (b *Builder) NarrowOnce(v *Value) *Value { return b.narrow(v, b.Gather) }

// narrow rewrites gather(f(y)) to f(gather(y)), for f that work on each row by itself.
func (b *Builder) narrow(v *Value, gather func(x, idx *Value, batch int) *Value) *Value {
	if v.Op != OpGather {
		return nil
	}
	x, idx, n := v.Args[0], v.Args[1], v.Attr.Batch
	if v.Shape()[n] >= x.Shape()[n] {
		return nil
	}
	rows := func(y *Value) *Value {
		if y.Op == OpConst {
			return b.splatOf(y.Type.DType, y.Attr.Const, append(append(slices.Clone(y.Shape()[:n]), v.Shape()[n]), y.Shape()[n+1:]...))
		}
		return gather(y, idx, n)
	}
	each := func() *Value {
		args := make([]*Value, len(x.Args))
		for i, a := range x.Args {
			args[i] = rows(a)
		}
		return b.Apply(x.Op, x.Attr, args...)
	}
	lead := func(s []int) bool { return len(s) > n && slices.Equal(s[:n+1], x.Shape()[:n+1]) }
	switch x.Op {
	case OpConst:
		return rows(x)
	case OpReshape:
		y := x.Args[0]
		for y.Op == OpReshape && !lead(y.Shape()) { // there may be several in a row
			y = y.Args[0]
		}
		if lead(y.Shape()) {
			return b.Reshape(rows(y), v.Shape())
		}
		return b.narrowProduct(v, x, n, rows)
	case OpBroadcast:
		y := x.Args[0]
		switch s := y.Shape(); {
		case lead(s):
			return b.Broadcast(rows(y), v.Shape())
		case s[n] == 1: // all rows are the same
			return b.Broadcast(y, v.Shape())
		}
	case OpSum, OpMax:
		if x.Attr.Axes[0] > n {
			return each()
		}
	case OpSoftmax:
		if x.Rank()-1 > n {
			return each()
		}
	case OpTranspose:
		for i := range n + 1 {
			if x.Attr.Axes[i] != i {
				return nil
			}
		}
		return each()
	case OpConcat:
		if x.Attr.Axis > n {
			return each()
		}
	case OpMatMul:
		if n == x.Rank()-2 {
			return b.Apply(OpMatMul, Attr{}, rows(x.Args[0]), x.Args[1])
		}
	case OpGather:
		if x.Attr.Batch == n {
			return gather(x.Args[0], b.Gather(x.Args[1], idx, n), n)
		}
	case OpSlice:
		return b.narrowSlice(v, x, gather)
	case OpStopGradient:
		return each()
	default:
		if x.Op.Class() == Elementwise {
			return each()
		}
	}
	return nil
}

// narrowProduct picks the rows of a product with a shared matrix, which MatMul built as
// x = reshape(matmul(a, w)); n counts the batch axes of the gather. Each picked row is one
// or several whole rows of a.
func (b *Builder) narrowProduct(v, x *Value, n int, rows func(*Value) *Value) *Value {
	p := x.Args[0]
	if p.Op != OpMatMul || p.Rank() != 2 {
		return nil
	}
	a, lead := p.Args[0], x.Shape()[:n+1]
	m, k := a.Shape()[0], a.Shape()[1]
	picks := product(lead)
	if picks == 0 || m%picks != 0 {
		return nil
	}
	y := rows(b.Reshape(a, append(slices.Clone(lead), m/picks, k)))
	return b.Reshape(b.MatMul(b.Reshape(y, []int{y.Len() / max(k, 1), k}), p.Args[1]), v.Shape())
}

// narrowSlice picks from the whole instead of from rows lo, lo+1, ... of it.
func (b *Builder) narrowSlice(v, x *Value, gather func(x, idx *Value, batch int) *Value) *Value {
	n := v.Attr.Batch
	for i, extent := range x.Args[0].Shape() {
		if i != n && x.Shape()[i] != extent {
			return nil
		}
	}
	if x.Attr.Step[n] != 1 {
		return nil
	}
	idx := v.Args[1]
	return gather(x.Args[0], b.add(idx, b.SplatInt(x.Attr.Lo[n], idx.Shape()...)), n)
}
