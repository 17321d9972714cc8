package ir

import (
	"math"
	"slices"
)

// Local simplifications. A rule sees a value that is about to be built and returns an
// equal, simpler one, or nil. Rules only look one or two values deep; the simplify pass
// rebuilds the graph bottom-up, so what they see is already simple.
//
// Equal means equal for NaN and infinities, too: x*0, x-x and 0/x are not 0 for every x, and stay
// what they are. Only the sign of a zero may change, and which of NaN and infinity comes out
// where an infinite factor is taken out of a sum. What holds for real numbers but moves numbers
// towards the ends of float32 is done with moderate constants alone.

// isConst reports whether v is a splat of c.
func isConst(v *Value, c float64) bool { return v.Op == OpConst && v.Attr.Const == c }

// moderate reports whether a product with c may be taken at another place: it changes by no more
// than 2^40 where float32 overflows, and a constant so made is a normal number.
func moderate(c float64) bool {
	c = math.Abs(c)
	return c >= 1.0/(1<<40) && c <= 1<<40
}

// scales reports whether v is a product with a constant that may move, and gives that.
func scales(v *Value) (c float64, ok bool) {
	if v.Op != Mul || v.Args[1].Op != OpConst {
		return 0, false
	}
	c = v.Args[1].Attr.Const
	return c, moderate(c)
}

func foldUnary(f func(float64) float64) func(b *Builder, v *Value) *Value {
	return func(b *Builder, v *Value) *Value {
		x := v.Args[0]
		switch {
		case x.Op == OpConst:
			return b.splatOf(v.Type.DType, f(x.Attr.Const), v.Shape())
		case x.Op == OpBroadcast: // compute once, then repeat
			return b.Broadcast(b.Unary(v.Op, x.Args[0]), v.Shape())
		case v.Op == Neg:
			return foldNeg(b, x)
		}
		return nil
	}
}

func foldNeg(b *Builder, x *Value) *Value {
	switch {
	case x.Op == Neg:
		return x.Args[0]
	case x.Op == Sub:
		return b.sub(x.Args[1], x.Args[0])
	case x.Op == Mul && x.Args[1].Op == OpConst:
		return b.scale(x.Args[0], -x.Args[1].Attr.Const)
	}
	return nil
}

func foldBinary(op Op, f func(x, y float64) float64) func(b *Builder, v *Value) *Value {
	return func(b *Builder, v *Value) *Value {
		x, y := v.Args[0], v.Args[1]
		if x.Op == OpConst && y.Op == OpConst {
			return b.splatOf(v.Type.DType, f(x.Attr.Const, y.Attr.Const), v.Shape())
		}
		if w := hoistBroadcast(b, v, x, y); w != nil {
			return w
		}
		if v.Type.DType != F32 {
			return nil
		}
		switch op {
		case Add:
			return foldAdd(b, v, x, y)
		case Sub:
			return foldSub(b, v, x, y)
		case Mul:
			return foldMul(b, v, x, y)
		case Div:
			return foldDiv(b, v, x, y)
		}
		return nil
	}
}

// hoistBroadcast computes on the small tensors: op(broadcast x, broadcast y) is
// broadcast(op(x, y)) when both repeat the same shape or one side is constant.
func hoistBroadcast(b *Builder, v, x, y *Value) *Value {
	small := func(a, like *Value) *Value {
		switch {
		case a.Op == OpBroadcast && slices.Equal(a.Args[0].Shape(), like.Args[0].Shape()):
			return a.Args[0]
		case a.Op == OpConst:
			return b.splatOf(a.Type.DType, a.Attr.Const, like.Args[0].Shape())
		}
		return nil
	}
	like := x
	if x.Op != OpBroadcast {
		like = y
	}
	if like.Op != OpBroadcast {
		return nil
	}
	sx, sy := small(x, like), small(y, like)
	if sx == nil || sy == nil {
		return nil
	}
	return b.Broadcast(b.Binary(v.Op, sx, sy), v.Shape())
}

func foldAdd(b *Builder, v, x, y *Value) *Value {
	switch {
	case isConst(x, 0):
		return y
	case isConst(y, 0):
		return x
	case y.Op == Neg:
		return b.sub(x, y.Args[0])
	case x.Op == Neg:
		return b.sub(y, x.Args[0])
	case x.Op == Erf && isConst(y, 1): // as in GELU; erfc has one branch where erf has two
		return b.Unary(Erfc, b.neg(x.Args[0]))
	case x.Op == OpPad && y.Op == OpPad:
		if w := joinPads(b, x, y); w != nil {
			return w
		}
	}
	return commute(b, v, x, y)
}

// joinPads turns the sum of two pads that sit side by side into one pad of a concat;
// gradients of slices come in this form.
func joinPads(b *Builder, x, y *Value) *Value {
	axis := -1
	for i, n := range x.Shape() {
		ex, ey := x.Args[0].Shape()[i], y.Args[0].Shape()[i]
		switch {
		case x.Attr.Step[i] != 1 || y.Attr.Step[i] != 1:
			return nil
		case x.Attr.Lo[i] == y.Attr.Lo[i] && ex == ey:
		case axis >= 0 || n < ex+ey:
			return nil
		default:
			axis = i
		}
	}
	if axis < 0 {
		return nil
	}
	if x.Attr.Lo[axis] > y.Attr.Lo[axis] {
		x, y = y, x
	}
	if x.Attr.Lo[axis]+x.Args[0].Shape()[axis] != y.Attr.Lo[axis] {
		return nil
	}
	hi := slices.Clone(x.Attr.Hi)
	hi[axis] = y.Attr.Hi[axis]
	return b.Pad(b.concatFlat(axis, x.Args[0], y.Args[0]), x.Attr.Lo, hi)
}

// concatFlat joins x and y, opening arguments that are such joins themselves.
func (b *Builder) concatFlat(axis int, xs ...*Value) *Value {
	var parts []*Value
	for _, x := range xs {
		if x.Op == OpConcat && x.Attr.Axis == axis {
			parts = append(parts, x.Args...)
		} else {
			parts = append(parts, x)
		}
	}
	return b.Concat(axis, parts...)
}

// commute puts constants second and else the older value first, so that equal sums and
// products are the same value.
func commute(b *Builder, v, x, y *Value) *Value {
	if x.Op == OpConst || y.Op != OpConst && y.ID < x.ID {
		return b.Binary(v.Op, y, x)
	}
	return nil
}

func foldSub(b *Builder, v, x, y *Value) *Value {
	switch {
	case isConst(y, 0):
		return x
	case isConst(x, 0):
		return b.neg(y)
	case y.Op == Neg:
		return b.add(x, y.Args[0])
	case y.Op == OpConst:
		return b.add(x, b.Splat(-y.Attr.Const, v.Shape()...))
	}
	return nil
}

func foldMul(b *Builder, v, x, y *Value) *Value {
	if x.Op == OpConst {
		return b.Binary(Mul, y, x)
	}
	cx, movesX := scales(x)
	cy, movesY := scales(y)
	switch {
	case isConst(y, 1):
		return x
	case isConst(y, -1):
		return b.neg(x)
	case y.Op == OpConst && x.Op == Neg:
		return b.scale(x.Args[0], -y.Attr.Const)
	case y.Op == OpConst && movesX && moderate(y.Attr.Const) && moderate(cx*y.Attr.Const):
		return b.scale(x.Args[0], cx*y.Attr.Const)
	case y.Op == OpConst:
		return nil
	case x.Op == Neg:
		return b.neg(b.mul(x.Args[0], y))
	case y.Op == Neg:
		return b.neg(b.mul(x, y.Args[0]))
	case movesX: // constants outwards
		return b.scale(b.mul(x.Args[0], y), cx)
	case movesY:
		return b.scale(b.mul(x, y.Args[0]), cy)
	}
	return commute(b, v, x, y)
}

func foldDiv(b *Builder, v, x, y *Value) *Value {
	switch {
	case y.Op == OpConst && moderate(y.Attr.Const):
		return b.scale(x, 1/y.Attr.Const)
	case x.Op == Neg:
		return b.neg(b.div(x.Args[0], y))
	}
	return nil
}

func foldSum(b *Builder, v *Value) *Value {
	x, n := v.Args[0], v.Args[0].Len()/max(1, v.Len())
	c, moves := scales(x)
	switch {
	case x.Op == OpConst:
		return b.Splat(x.Attr.Const*float64(n), v.Shape()...)
	case n == 1 && v.Len() > 0:
		return b.Reshape(x, v.Shape())
	case x.Op == Neg:
		return b.neg(b.Sum(x.Args[0], v.Attr.Axes...))
	case moves:
		return b.scale(b.Sum(x.Args[0], v.Attr.Axes...), c)
	case repeats(x, v.Attr.Axes):
		return b.scale(b.Reshape(x.Args[0], v.Shape()), float64(n))
	case x.Op == Mul && repeats(x.Args[0], v.Attr.Axes):
		return b.mul(b.Reshape(x.Args[0].Args[0], v.Shape()), b.Sum(x.Args[1], v.Attr.Axes...))
	case x.Op == Mul && repeats(x.Args[1], v.Attr.Axes):
		return b.mul(b.Reshape(x.Args[1].Args[0], v.Shape()), b.Sum(x.Args[0], v.Attr.Axes...))
	}
	return nil
}

// repeats reports whether x only repeats a tensor along axes.
func repeats(x *Value, axes []int) bool {
	return x.Op == OpBroadcast && slices.Equal(broadcastAxes(x), axes)
}

func foldReshape(b *Builder, v *Value) *Value {
	switch x := v.Args[0]; x.Op {
	case OpReshape:
		return b.Reshape(x.Args[0], v.Shape())
	case OpConst:
		return b.splatOf(v.Type.DType, x.Attr.Const, v.Shape())
	}
	return nil
}

func foldBroadcast(b *Builder, v *Value) *Value {
	switch x := v.Args[0]; x.Op {
	case OpBroadcast:
		return b.Broadcast(x.Args[0], v.Shape())
	case OpConst:
		return b.splatOf(v.Type.DType, x.Attr.Const, v.Shape())
	}
	return nil
}

func foldTranspose(b *Builder, v *Value) *Value {
	x, identity := v.Args[0], true
	for i, p := range v.Attr.Axes {
		identity = identity && i == p
	}
	switch {
	case identity:
		return x
	case x.Op == OpConst:
		return b.splatOf(v.Type.DType, x.Attr.Const, v.Shape())
	case x.Op == OpTranspose:
		perm := make([]int, len(v.Attr.Axes))
		for i, p := range v.Attr.Axes {
			perm[i] = x.Attr.Axes[p]
		}
		return b.Transpose(x.Args[0], perm...)
	}
	return nil
}

func foldSlice(b *Builder, v *Value) *Value {
	x := v.Args[0]
	switch {
	case slices.Equal(v.Shape(), x.Shape()):
		return x
	case x.Op == OpConst:
		return b.splatOf(v.Type.DType, x.Attr.Const, v.Shape())
	case x.Op == OpConcat:
		return sliceOfConcat(b, v, x)
	}
	return nil
}

// sliceOfConcat reads from the one argument that a slice lies in.
func sliceOfConcat(b *Builder, v, x *Value) *Value {
	axis, at := x.Attr.Axis, 0
	for _, a := range x.Args {
		n := a.Shape()[axis]
		if lo, hi := v.Attr.Lo[axis]-at, v.Attr.Hi[axis]-at; lo >= 0 && hi <= n {
			los, his := slices.Clone(v.Attr.Lo), slices.Clone(v.Attr.Hi)
			los[axis], his[axis] = lo, hi
			return b.Slice(a, los, his, v.Attr.Step)
		}
		at += n
	}
	return nil
}

func foldPad(b *Builder, v *Value) *Value {
	x := v.Args[0]
	if slices.Equal(v.Shape(), x.Shape()) {
		return x
	}
	if isConst(x, 0) {
		return b.splatOf(v.Type.DType, 0, v.Shape())
	}
	return nil
}
