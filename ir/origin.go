package ir

import "math"

// Origin is where one element of a value comes from: an element of an input, parameter or random stream, or a
// constant.
type Origin struct {
	Leaf  *Value  // whose element it is; nil: a constant
	At    int     // which element
	Const float64 // the constant
	Equal bool    // not the leaf's element itself, but 1 where that is Const and else 0
}

// Origin follows one element of a value back through views, joins, picks by known indices and conversions, all of
// which keep elements as they are, to where it comes from; false where something is computed on the way. It
// looks at the graph alone, so what it says holds for whatever the inputs are.
func (v *Value) Origin(at int) (Origin, bool) {
	for {
		switch v.Op {
		case OpInput, OpParam, OpUniform:
			return Origin{Leaf: v, At: at}, true
		case OpConst:
			return Origin{Const: v.Attr.Const}, true
		case OpTable:
			return Origin{Const: v.Attr.Table[at]}, true
		case OpIota:
			axis := v.Attr.Axis
			return Origin{Const: float64(at / Strides(v.Shape())[axis] % v.Shape()[axis])}, true
		case Eq:
			return v.equality(at)
		case OpInt:
			return v.wholeNumber(at)
		}
		x, from, ok := v.source(at)
		if !ok {
			return Origin{}, false
		}
		if x == nil {
			return Origin{}, true // a zero around x
		}
		v, at = x, from
	}
}

// source is the argument, and the element of it, that an element of v is; nil for a zero of a pad.
func (v *Value) source(at int) (x *Value, from int, ok bool) {
	if len(v.Args) == 0 {
		return nil, 0, false
	}
	x = v.Args[0]
	switch v.Op {
	case OpReshape, OpStopGradient, OpFloat:
		return x, at, true
	case OpTranspose, OpBroadcast, OpSlice, OpPad:
		return v.along(at)
	case OpConcat:
		axis := v.Attr.Axis
		inner := product(v.Shape()[axis+1:])
		outer, k := at/(v.Shape()[axis]*inner), at%(v.Shape()[axis]*inner)
		for _, x := range v.Args {
			n := x.Shape()[axis] * inner
			if k < n {
				return x, outer*n + k, true
			}
			k -= n
		}
	case OpGather:
		idx := v.Args[1]
		width := product(x.Shape()[v.Attr.Batch+1:])
		i, column := at/width, at%width
		row, known := idx.Origin(i)
		if !known || row.Leaf != nil {
			return nil, 0, false
		}
		return x, (i/idx.Shape()[idx.Rank()-1]*x.Shape()[v.Attr.Batch]+int(row.Const))*width + column, true
	}
	return nil, 0, false
}

// along finds the element by its position on each axis.
func (v *Value) along(at int) (x *Value, from int, ok bool) {
	x = v.Args[0]
	strides, into := Strides(x.Shape()), Strides(v.Shape())
	for i, n := range v.Shape() {
		if into[i] == 0 {
			return nil, 0, false
		}
		k := at / into[i] % n
		switch v.Op {
		case OpTranspose:
			from += k * strides[v.Attr.Axes[i]]
		case OpBroadcast:
			if j := i - v.Rank() + x.Rank(); j >= 0 && x.Shape()[j] > 1 {
				from += k * strides[j]
			}
		case OpSlice:
			from += (v.Attr.Lo[i] + k*v.Attr.Step[i]) * strides[i]
		default:
			k -= v.Attr.Lo[i]
			if k < 0 || k%v.Attr.Step[i] != 0 || k/v.Attr.Step[i] >= x.Shape()[i] {
				return nil, 0, true
			}
			from += k / v.Attr.Step[i] * strides[i]
		}
	}
	return x, from, true
}

// wholeNumber is an element that is cut off to a whole number: whole numbers are as they were.
func (v *Value) wholeNumber(at int) (Origin, bool) {
	o, ok := v.Args[0].Origin(at)
	if o.Leaf == nil {
		o.Const = math.Trunc(o.Const)
	}
	return o, ok && (o.Leaf == nil || o.Leaf.Type.DType == I32 || o.Equal)
}

// equality is an element of a comparison of a leaf's element with a constant, as one_hot makes them.
func (v *Value) equality(at int) (Origin, bool) {
	x, okX := v.Args[0].Origin(at)
	y, okY := v.Args[1].Origin(at)
	if x.Leaf == nil {
		x, y = y, x
	}
	if !okX || !okY || x.Leaf == nil || y.Leaf != nil || x.Equal || y.Equal {
		return Origin{}, false
	}
	return Origin{Leaf: x.Leaf, At: x.At, Const: y.Const, Equal: true}, true
}
