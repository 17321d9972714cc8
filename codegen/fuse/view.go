package fuse

import (
	"slices"

	"mspecc/ir"
)

// View addresses a tensor inside a buffer: element (i0, i1, ...) lies at
// Offset + i0*Strides[0] + i1*Strides[1] + ..., in elements.
type View struct {
	Buf     *Buffer
	Shape   []int
	Strides []int
	Offset  int
}

// contiguous is the row-major view of a whole buffer.
func contiguous(buf *Buffer, shape []int) View {
	return View{buf, shape, ir.Strides(shape), 0}
}

// isContiguous reports whether the elements lie one after another in row-major order.
func (w View) isContiguous() bool {
	n := 1
	for i := len(w.Shape) - 1; i >= 0; i-- {
		if w.Shape[i] != 1 && w.Strides[i] != n {
			return false
		}
		n *= w.Shape[i]
	}
	return true
}

// same reports whether two views of one shape address the same elements in the same order.
func (w View) same(x View) bool {
	if w.Buf != x.Buf || w.Offset != x.Offset {
		return false
	}
	for i, n := range w.Shape {
		if n > 1 && w.Strides[i] != x.Strides[i] {
			return false
		}
	}
	return true
}

func (w View) transpose(perm []int) View {
	out := View{w.Buf, make([]int, len(perm)), make([]int, len(perm)), w.Offset}
	for i, p := range perm {
		out.Shape[i], out.Strides[i] = w.Shape[p], w.Strides[p]
	}
	return out
}

func (w View) slice(lo, hi, step []int) View {
	out := View{w.Buf, make([]int, len(lo)), make([]int, len(lo)), w.Offset}
	for i := range lo {
		out.Offset += lo[i] * w.Strides[i]
		out.Strides[i] = w.Strides[i] * step[i]
		out.Shape[i] = (hi[i] - lo[i] + step[i] - 1) / step[i]
	}
	return out
}

// piece is the part that argument i of a concat has of its place.
func (w View) piece(v *ir.Value, i int) View {
	lo, hi, step := make([]int, v.Rank()), slices.Clone(v.Shape()), slices.Repeat([]int{1}, v.Rank())
	for _, x := range v.Args[:i] {
		lo[v.Attr.Axis] += x.Shape()[v.Attr.Axis]
	}
	hi[v.Attr.Axis] = lo[v.Attr.Axis] + v.Args[i].Shape()[v.Attr.Axis]
	return w.slice(lo, hi, step)
}

func (w View) broadcast(shape []int) View {
	out := View{w.Buf, shape, slices.Clone(w.Strides), w.Offset}
	for i, n := range w.Shape {
		if n == 1 {
			out.Strides[i] = 0
		}
	}
	return out
}

// reshape gives the same elements another shape without moving them; ok is false where
// that cannot be expressed by strides.
func (w View) reshape(shape []int) (out View, ok bool) {
	type dim struct{ n, stride int }
	var from []dim
	for i, n := range w.Shape {
		switch k := len(from) - 1; {
		case n == 1:
		case k >= 0 && from[k].stride == n*w.Strides[i]: // one longer axis
			from[k] = dim{from[k].n * n, w.Strides[i]}
		default:
			from = append(from, dim{n, w.Strides[i]})
		}
	}
	out = View{w.Buf, shape, make([]int, len(shape)), w.Offset}
	// Walk both shapes from the last axis: cur is the part of from[k] not yet consumed.
	k := len(from) - 1
	var cur dim
	if k >= 0 {
		cur = from[k]
	}
	for i := len(shape) - 1; i >= 0; i-- {
		n := shape[i]
		if n == 1 {
			continue
		}
		out.Strides[i] = cur.stride
		for n > 1 {
			if k < 0 {
				return View{}, false
			}
			switch {
			case cur.n%n == 0: // the rest of this axis is consumed from cur
				cur = dim{cur.n / n, cur.stride * n}
				n = 1
			case n%cur.n == 0: // cur is used up; the next one must continue it
				n /= cur.n
				next := cur.stride * cur.n
				k--
				if k < 0 || from[k].stride != next {
					return View{}, false
				}
				cur = from[k]
				continue
			default:
				return View{}, false
			}
			if cur.n == 1 {
				k--
				if k >= 0 {
					cur = from[k]
				}
			}
		}
	}
	return out, true
}

// apply follows a view operation of the tensor IR; ok is false for a reshape that needs
// a copy.
func (w View) apply(v *ir.Value) (View, bool) {
	switch v.Op {
	case ir.OpReshape:
		return w.reshape(v.Shape())
	case ir.OpTranspose:
		return w.transpose(v.Attr.Axes), true
	case ir.OpSlice:
		return w.slice(v.Attr.Lo, v.Attr.Hi, v.Attr.Step), true
	case ir.OpBroadcast:
		return w.broadcast(v.Shape()), true
	}
	return w, false
}

// invert gives the view that v's argument must have so that v has view w; only
// permutations and reshapes can be inverted.
func (w View) invert(v *ir.Value) (View, bool) {
	switch v.Op {
	case ir.OpReshape:
		return w.reshape(v.Args[0].Shape())
	case ir.OpTranspose:
		return w.transpose(inverse(v.Attr.Axes)), true
	}
	return w, false
}

// inverse is the permutation that undoes perm.
func inverse(perm []int) []int {
	out := make([]int, len(perm))
	for i, p := range perm {
		out[p] = i
	}
	return out
}

// commonDims is the coarsest factorisation of one row-major index space in which every
// shape is a product of neighbouring factors; ok is false where the shapes cross.
func commonDims(shapes ...[]int) (dims []int, ok bool) {
	// A shape is described by its suffix products; the common refinement is their union.
	marks := []int{1}
	for _, s := range shapes {
		p := 1
		for i := len(s) - 1; i >= 0; i-- {
			p *= s[i]
			if !slices.Contains(marks, p) {
				marks = append(marks, p)
			}
		}
	}
	slices.Sort(marks)
	for i := len(marks) - 1; i > 0; i-- {
		if marks[i]%marks[i-1] != 0 {
			return nil, false
		}
		dims = append(dims, marks[i]/marks[i-1])
	}
	return dims, true
}
