package ir

import "slices"

// Row-wise work on gathered rows is done once, on the table, and not at each place that looks
// them up. Hidden tokens of a masked auto-encoder are such rows: mask token plus position is the
// same for every example, and so is what a layer norm and a product make of it. Since this is
// done while a graph is built, gradients follow: the table gets the sum of the cotangents of
// all its places, and what the table does not depend on gets none from there.
//
//	f(lookup(t, i))              = lookup(f(t), i)
//	f(concat(x, lookup(t, i)))   = concat(f(x), lookup(f(t), i))
//
// f is work on each row by itself: elementwise, along later axes, or a product with a shared matrix.
// What else it takes must be the same for all rows.

// lookup is a value [lead..., rest...] of rows table [R, rest...] at index [K], where K, the
// product of the leading axes, is larger than R.
type lookup struct {
	table, index *Value
	lead         int // number of leading axes
}

// lookupOf sees x as a lookup.
func (b *Builder) lookupOf(x *Value) (lookup, bool) {
	g := x
	for b.Look(g) == OpReshape {
		g = g.Args[0]
	}
	if b.Look(g) != OpGather || g.Attr.Batch != 0 {
		return lookup{}, false
	}
	rows, picks := g.Args[0].Shape()[0], g.Args[1].Len()
	for lead := 1; lead <= x.Rank(); lead++ {
		if product(x.Shape()[:lead]) == picks && rows < picks {
			return lookup{b.Reshape(g.Args[0], tableShape(rows, x.Shape()[lead:])), g.Args[1], lead}, true
		}
	}
	return lookup{}, false
}

func tableShape(rows int, rest []int) []int { return append([]int{rows}, rest...) }

// joinsLookup reports whether x joins rows of which some are looked up.
func (b *Builder) joinsLookup(x *Value) bool {
	return b.Look(x) == OpConcat && slices.ContainsFunc(x.Args, func(p *Value) bool {
		l, ok := b.lookupOf(p)
		return ok && l.lead > x.Attr.Axis
	})
}

// share is v, a value about to be built, with its work on looked up rows done in their table;
// nil where that cannot be.
func (b *Builder) share(v *Value) *Value {
	for _, x := range v.Args {
		if b.joinsLookup(x) {
			return b.shareJoined(v, x)
		}
		if l, ok := b.lookupOf(x); ok {
			return b.shareLookup(v, x, l)
		}
	}
	return nil
}

// shareJoined takes v of the parts of the concat x.
func (b *Builder) shareJoined(v, x *Value) *Value {
	n := x.Attr.Axis
	if !rowwise(v, x, n+1) {
		return nil
	}
	parts := make([]*Value, len(x.Args))
	for i, p := range x.Args {
		extent := p.Shape()[n]
		args := make([]*Value, len(v.Args))
		for j, a := range v.Args {
			switch s := withExtent(a.Shape(), n, extent); {
			case b.Look(a) == OpConcat && a.Attr.Axis == n && sameCuts(a, x):
				args[j] = a.Args[i]
			case b.Look(a) == OpConst:
				args[j] = b.splatOf(a.Type.DType, a.Attr.Const, s)
			case b.Look(a) == OpBroadcast && a.Args[0].Shape()[n] == 1:
				args[j] = b.Broadcast(a.Args[0], s)
			default:
				return nil
			}
		}
		parts[i] = b.again(v, withExtent(v.Shape(), n, extent), 0, args)
	}
	return b.Concat(n, parts...)
}

// shareLookup takes v of the table of the lookup x.
func (b *Builder) shareLookup(v, x *Value, l lookup) *Value {
	if v.Op == OpReshape || !rowwise(v, x, l.lead) {
		return nil
	}
	rows := l.table.Shape()[0]
	args := make([]*Value, len(v.Args))
	for j, a := range v.Args {
		s := tableShape(rows, a.Shape()[l.lead:])
		switch other, ok := b.lookupOf(a); {
		case ok && other.lead == l.lead && other.index == l.index && other.table.Shape()[0] == rows:
			args[j] = other.table
		case b.Look(a) == OpConst:
			args[j] = b.splatOf(a.Type.DType, a.Attr.Const, s)
		case b.Look(a) == OpBroadcast && product(a.Args[0].Shape()[:l.lead]) == 1:
			args[j] = b.Broadcast(b.Reshape(a.Args[0], tableShape(1, a.Args[0].Shape()[l.lead:])), s)
		default:
			return nil
		}
	}
	t := b.again(v, tableShape(rows, v.Shape()[l.lead:]), l.lead-1, args)
	return b.Reshape(b.Gather(t, l.index, 0), v.Shape())
}

// shareProduct is the product of the rows x with the matrix y, or nil where x looks up none.
func (b *Builder) shareProduct(x, y *Value) *Value {
	if b.joinsLookup(x) && x.Attr.Axis < x.Rank()-1 {
		parts := make([]*Value, len(x.Args))
		for i, p := range x.Args {
			parts[i] = b.MatMul(p, y)
		}
		return b.Concat(x.Attr.Axis, parts...)
	}
	if l, ok := b.lookupOf(x); ok && l.lead < x.Rank() {
		t := b.MatMul(l.table, y)
		return b.Reshape(b.Gather(t, l.index, 0), withExtent(x.Shape(), x.Rank()-1, y.Shape()[1]))
	}
	return nil
}

// rowwise reports whether v works on each row of its argument x by itself, a row being what the
// first lead axes count.
func rowwise(v, x *Value, lead int) bool {
	later := func(axes ...int) bool { return !slices.ContainsFunc(axes, func(a int) bool { return a < lead }) }
	switch v.Op {
	case OpSum, OpMax:
		return later(v.Attr.Axes...)
	case OpSoftmax:
		return later(x.Rank() - 1)
	case OpReshape, OpBroadcast:
		return v.Rank() >= lead && slices.Equal(v.Shape()[:lead], x.Shape()[:lead])
	}
	return v.Op.Class() == Elementwise
}

// again is v of other arguments, whose rows have fewer leading axes by drop.
func (b *Builder) again(v *Value, shape []int, drop int, args []*Value) *Value {
	switch v.Op {
	case OpReshape:
		return b.Reshape(args[0], shape)
	case OpBroadcast:
		return b.Broadcast(args[0], shape)
	case OpSum, OpMax:
		axes := slices.Clone(v.Attr.Axes)
		for i := range axes {
			axes[i] -= drop
		}
		return b.reduce(v.Op, args[0], axes)
	}
	return b.Apply(v.Op, v.Attr, args...)
}

// withExtent is shape with another extent of one axis.
func withExtent(shape []int, axis, extent int) []int {
	s := slices.Clone(shape)
	s[axis] = extent
	return s
}

// sameCuts reports whether two concats have parts of the same extents.
func sameCuts(x, y *Value) bool {
	return slices.EqualFunc(x.Args, y.Args, func(p, q *Value) bool { return p.Shape()[x.Attr.Axis] == q.Shape()[x.Attr.Axis] })
}
