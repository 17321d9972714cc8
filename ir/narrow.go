package ir

import "slices"

// Gathers and slices are pushed towards the leaves, so that rows nobody reads are never computed:
// where only some rows of a value are picked, the work that leads to it is done on those rows,
// up to where all rows are needed, as in the keys and values of an attention. Since this is done while a graph is built, gradients follow.
//
//	gather(f(x), idx)                 = f(gather(x, idx))            f works on each row by itself
//	gather(gather(x, p'), p[lo:hi])   = x[lo:hi]                     p a permutation, p' = argsort(p)

// picking names rows of an axis: those of an index, or a range of them.
type picking struct {
	axis   int
	index  *Value // i32 [batch..., K], batch... being the axes before axis; nil for a range
	lo, hi int
}

// count is the number of rows picked.
func (p picking) count() int {
	if p.index != nil {
		return p.index.Shape()[p.axis]
	}
	return p.hi - p.lo
}

// at is the same picking along another axis, which only ranges allow.
func (p picking) at(axis int) picking {
	p.axis = axis
	return p
}

// pick takes the rows p of x. Rows that are all equal need no picking.
func (b *Builder) pick(x *Value, p picking) *Value {
	shape := withExtent(x.Shape(), p.axis, p.count())
	switch {
	case b.Look(x) == OpConst:
		return b.splatOf(x.Type.DType, x.Attr.Const, shape)
	case b.Look(x) == OpBroadcast && x.Args[0].Shape()[p.axis] == 1:
		return b.Broadcast(x.Args[0], shape)
	case p.index != nil:
		return b.Gather(x, p.index, p.axis)
	}
	return b.piece(x, p.axis, p.lo, p.hi)
}

// GatherNarrow is Gather, computed on the picked rows alone where nothing else that x is made from
// needs the others. What else was built from the same values is not looked at: where that
// needs all rows, the picked ones are computed twice.
func (b *Builder) GatherNarrow(x, idx *Value, batch int) *Value {
	all := picking{axis: batch, index: idx}
	partly := b.partlyRead(x, all)
	var take func(x *Value, p picking) *Value
	take = func(x *Value, p picking) *Value {
		if partly[b.unshaped(x)] {
			if w := b.narrow(x, p, take); w != nil {
				return w
			}
		}
		return b.pick(x, p)
	}
	return take(x, all)
}

// NarrowOnce moves the gather v one operation towards the leaves; nil if it cannot move.
func (b *Builder) NarrowOnce(v *Value) *Value {
	if v.Op != OpGather {
		return nil
	}
	return b.narrow(v.Args[0], picking{axis: v.Attr.Batch, index: v.Args[1]}, b.pick)
}

// partlyRead finds the values that root is made from, reshapes aside, of which nothing is read but
// the same rows if the rows p of root are.
func (b *Builder) partlyRead(root *Value, p picking) map[*Value]bool {
	type wanted struct {
		rows  picking
		from  *Value // the value as it was asked for, perhaps reshaped
		times int
	}
	reads, wants, partly := map[*Value]int{}, map[*Value]*wanted{}, map[*Value]bool{}
	cone := Reachable([]*Value{root})
	for _, v := range cone {
		if b.Look(v) != OpReshape {
			for _, a := range v.Args {
				reads[b.unshaped(a)]++
			}
		}
	}
	want := func(x *Value, p picking) *Value {
		w, ok := wants[b.unshaped(x)]
		if !ok {
			w = &wanted{rows: p, from: b.rowsOf(x, p)}
			wants[b.unshaped(x)] = w
		}
		if w.rows == p && slices.Equal(w.from.Shape()[:p.axis+1], x.Shape()[:p.axis+1]) {
			w.times++
		}
		return b.pick(x, p)
	}
	want(root, p)
	reads[b.unshaped(root)]++
	for _, v := range slices.Backward(cone) {
		if w := wants[v]; w != nil && w.times == reads[v] {
			partly[v] = b.narrow(w.from, w.rows, want) != nil
		}
	}
	return partly
}

// unshaped is x before it was reshaped.
func (b *Builder) unshaped(x *Value) *Value {
	for b.Look(x) == OpReshape {
		x = x.Args[0]
	}
	return x
}

// rowsOf is x before it was reshaped, as far back as the axes up to that of p were the same.
func (b *Builder) rowsOf(x *Value, p picking) *Value {
	last, lead := x, x.Shape()[:p.axis+1]
	for y := x; b.Look(y) == OpReshape; { // there may be others in between
		y = y.Args[0]
		if y.Rank() > p.axis && slices.Equal(y.Shape()[:p.axis+1], lead) {
			last = y
		}
	}
	return last
}

// narrow rewrites the picked rows of x = f(y) as f of the rows that take gets of y; nil where f does
// not work on each row by itself, or all rows are picked.
func (b *Builder) narrow(x *Value, p picking, take func(x *Value, p picking) *Value) *Value {
	n, ranged := p.axis, p.index == nil
	if p.count() >= x.Shape()[n] {
		return nil
	}
	shape := withExtent(x.Shape(), n, p.count())
	each := func(p picking) *Value {
		args := make([]*Value, len(x.Args))
		for i, a := range x.Args {
			args[i] = take(a, p)
		}
		return b.Apply(x.Op, x.Attr, args...)
	}
	leads := func(s []int) bool { return len(s) > n && slices.Equal(s[:n+1], x.Shape()[:n+1]) }
	switch b.Look(x) {
	case OpReshape:
		if y := b.rowsOf(x, p); y != x {
			return b.Reshape(take(y, p), shape)
		}
		return b.narrowProduct(x, p, shape, take)
	case OpBroadcast:
		if y := x.Args[0]; y.Shape()[n] > 1 && (ranged || leads(y.Shape())) {
			return b.Broadcast(take(y, p), shape)
		}
	case OpSum, OpMax:
		if x.Attr.Axes[0] > n {
			return each(p)
		}
	case OpSoftmax:
		if x.Rank()-1 > n {
			return each(p)
		}
	case OpTranspose:
		if ranged {
			return each(p.at(x.Attr.Axes[n]))
		}
		for i := range n + 1 {
			if x.Attr.Axes[i] != i {
				return nil
			}
		}
		return each(p)
	case OpConcat:
		if x.Attr.Axis > n || ranged && x.Attr.Axis != n {
			return each(p)
		}
	case OpMatMul:
		if n == x.Rank()-2 {
			return b.Apply(OpMatMul, Attr{}, take(x.Args[0], p), x.Args[1])
		}
	case OpGather:
		if x.Attr.Batch == n && !ranged {
			if lo, ok := undone(x.Args[1], p.index); ok {
				return take(x.Args[0], picking{axis: n, lo: lo, hi: lo + p.count()})
			}
			return take(x.Args[0], picking{axis: n, index: b.Gather(x.Args[1], p.index, n)})
		}
	case OpSlice:
		return b.narrowSlice(x, p, take)
	case OpStopGradient:
		return each(p)
	default:
		if b.Look(x).Class() == Elementwise {
			return each(p)
		}
	}
	return nil
}

// undone reports whether inv is the inverse of a permutation of which idx is the part from lo on.
func undone(inv, idx *Value) (lo int, ok bool) {
	order, last := idx, idx.Rank()-1
	if idx.Op == OpSlice {
		order = idx.Args[0]
		for i, extent := range order.Shape() {
			if idx.Attr.Step[i] != 1 || i != last && extent != idx.Shape()[i] {
				return 0, false
			}
		}
		lo = idx.Attr.Lo[last]
	}
	return lo, inv.Op == OpArgSort && inv.Args[0] == order && order.Op == OpArgSort
}

// narrowProduct picks the rows of a product with a shared matrix, which MatMul built as
// x = reshape(matmul(a, w)). Each row of x is one or several whole rows of a.
func (b *Builder) narrowProduct(x *Value, p picking, shape []int, take func(*Value, picking) *Value) *Value {
	product2 := b.unshaped(x)
	if b.Look(product2) != OpMatMul || product2.Rank() != 2 {
		return nil
	}
	a, lead := product2.Args[0], x.Shape()[:p.axis+1]
	m, k := a.Shape()[0], a.Shape()[1]
	count := product(lead)
	if count == 0 || m%count != 0 {
		return nil
	}
	y := take(b.Reshape(a, append(slices.Clone(lead), m/count, k)), p)
	return b.Reshape(b.MatMul(b.Reshape(y, []int{y.Len() / max(k, 1), k}), product2.Args[1]), shape)
}

// narrowSlice picks from the whole instead of from a slice of it.
func (b *Builder) narrowSlice(x *Value, p picking, take func(*Value, picking) *Value) *Value {
	y, n := x.Args[0], p.axis
	if x.Attr.Step[n] != 1 {
		return nil
	}
	if p.index == nil {
		p.lo, p.hi = p.lo+x.Attr.Lo[n], p.hi+x.Attr.Lo[n]
		lo, hi := slices.Clone(x.Attr.Lo), slices.Clone(x.Attr.Hi)
		lo[n], hi[n] = 0, p.count()
		return b.Slice(take(y, p), lo, hi, x.Attr.Step)
	}
	for i, extent := range y.Shape() {
		if i != n && x.Shape()[i] != extent {
			return nil
		}
	}
	p.index = b.add(p.index, b.SplatInt(x.Attr.Lo[n], p.index.Shape()...))
	return take(y, p)
}
