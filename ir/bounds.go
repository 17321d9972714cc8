package ir

import "math"

// Interval is a range of numbers, ends included. It says nothing of NaN.
type Interval struct{ Lo, Hi float64 }

// unbounded is what is known of a tensor of which nothing is known.
var unbounded = Interval{math.Inf(-1), math.Inf(1)}

// Within reports whether no number of i is below lo or above hi.
func (i Interval) Within(lo, hi float64) bool { return i.Lo >= lo && i.Hi <= hi }

// join is the smallest interval that holds both.
func (i Interval) join(j Interval) Interval { return Interval{min(i.Lo, j.Lo), max(i.Hi, j.Hi)} }

// corners is the smallest interval that holds f of all pairs of ends, for an f that is monotone in each argument
// between them. Where a corner is no number (0 times infinity), nothing is known.
func corners(x, y Interval, f func(x, y float64) float64) Interval {
	out := Interval{math.Inf(1), math.Inf(-1)}
	for _, a := range []float64{x.Lo, x.Hi} {
		for _, b := range []float64{y.Lo, y.Hi} {
			c := f(a, b)
			if c != c {
				return unbounded
			}
			out = out.join(Interval{c, c})
		}
	}
	return out
}

// Bounds finds intervals that hold all elements of tensors, in exact arithmetic.
type Bounds struct {
	// Leaf bounds the inputs; nil: nothing is known of them.
	Leaf  func(v *Value) Interval
	known map[*Value]Interval
}

// Of bounds the elements of v. What has no rule is not bounded.
func (b *Bounds) Of(v *Value) Interval {
	if i, ok := b.known[v]; ok {
		return i
	}
	if b.known == nil {
		b.known = map[*Value]Interval{}
	}
	// Arguments first, on a stack of our own: a graph may be hundreds of thousands deep.
	for stack := []*Value{v}; len(stack) > 0; {
		top := stack[len(stack)-1]
		waits := false
		for _, a := range top.Args {
			if _, ok := b.known[a]; !ok {
				stack, waits = append(stack, a), true
			}
		}
		if !waits {
			b.known[top] = b.rule(top)
			stack = stack[:len(stack)-1]
		}
	}
	return b.known[v]
}

func (b *Bounds) rule(v *Value) Interval {
	arg := func(i int) Interval { return b.known[v.Args[i]] }
	monotone := func(f func(float64) float64) Interval { return Interval{f(arg(0).Lo), f(arg(0).Hi)} }
	switch v.Op {
	case OpConst:
		return Interval{v.Attr.Const, v.Attr.Const}
	case OpTable:
		out := Interval{math.Inf(1), math.Inf(-1)}
		for _, x := range v.Attr.Table {
			if x != x {
				return unbounded
			}
			out = out.join(Interval{x, x})
		}
		return out
	case OpIota:
		return Interval{0, max(0, float64(v.Shape()[v.Attr.Axis]-1))}
	case OpArgSort:
		return Interval{0, max(0, float64(v.Shape()[v.Rank()-1]-1))}
	case OpUniform, Lt, Le, Eq, OpSoftmax:
		return Interval{0, 1}
	case Sign, Tanh, Erf, Sin, Cos:
		return Interval{-1, 1}
	case Erfc:
		return Interval{0, 2}
	case OpInput:
		if b.Leaf != nil {
			return b.Leaf(v)
		}
	case Neg:
		return Interval{-arg(0).Hi, -arg(0).Lo}
	case Abs:
		x := arg(0)
		if x.Lo <= 0 && x.Hi >= 0 {
			return Interval{0, max(-x.Lo, x.Hi)}
		}
		return corners(x, x, func(x, _ float64) float64 { return math.Abs(x) })
	case Floor:
		return monotone(math.Floor)
	case OpInt:
		return monotone(math.Trunc)
	case Exp:
		return monotone(math.Exp)
	case Sqrt:
		return Interval{0, math.Sqrt(max(0, arg(0).Hi))}
	case Add:
		return corners(arg(0), arg(1), func(x, y float64) float64 { return x + y })
	case Sub:
		return corners(arg(0), arg(1), func(x, y float64) float64 { return x - y })
	case Mul:
		return corners(arg(0), arg(1), func(x, y float64) float64 { return x * y })
	case Div:
		if y := arg(1); y.Lo > 0 || y.Hi < 0 {
			return corners(arg(0), y, func(x, y float64) float64 { return x / y })
		}
	case Max:
		return Interval{max(arg(0).Lo, arg(1).Lo), max(arg(0).Hi, arg(1).Hi)}
	case Min:
		return Interval{min(arg(0).Lo, arg(1).Lo), min(arg(0).Hi, arg(1).Hi)}
	case OpSelect:
		return arg(1).join(arg(2))
	case OpFloat, OpMax, OpReshape, OpTranspose, OpBroadcast, OpSlice, OpGather, OpStopGradient:
		return arg(0)
	case OpPad:
		return arg(0).join(Interval{})
	case OpConcat:
		out := arg(0)
		for i := range v.Args[1:] {
			out = out.join(arg(i + 1))
		}
		return out
	case OpSum:
		n := float64(v.Args[0].Len()) / float64(max(1, v.Len()))
		return corners(arg(0), Interval{n, n}, func(x, n float64) float64 { return x * n })
	}
	return unbounded
}
