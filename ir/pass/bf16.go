package pass

import (
	"slices"

	"mspecc/ir"
)

// bf16Share is the share of the matrix work below which products stay in f32: they would
// gain nothing, and losses and similarities keep their digits.
const bf16Share = 4e-3

// bf16 rounds the operands of matrix products to bf16 and pairs their elements along the
// inner axis, two in 32 bits; products still add up in f32. Packing goes below the views
// through which an operand is read, so that all views of a value share it; rows are paired
// by an interleave of what is packed along rows.
//
// Takes: a program of which no more gradients are wanted. Promises: the operands of every
// product of some size are bf16x2, and nothing else is.
//
//	%3 = matmul %0 %1        %4 = pack %0; %5 = pack %1; %6 = interleave %5; %7 = matmul %4 %6
func bf16(p *Program, _ bool) {
	large := largeProducts(p)
	Rebuild(p, false, func(b *ir.Builder, v *ir.Value, to func(*ir.Value) *ir.Value) *ir.Value {
		if !large[v] {
			return nil
		}
		x, y := to(v.Args[0]), to(v.Args[1])
		k := v.Rank() - 1
		w := pairing{b: b}
		if g := oddGroup(x, k); g == oddGroup(y, k-1) {
			w.group = g
		}
		return b.MatMul(w.along(x, k), w.along(y, k-1))
	})
}

// extents are those of a product, whichever way its gradients turn it round: the number of
// products in a batch and, sorted, rows, columns and inner extent.
type extents struct{ batch, a, b, c int }

// largeProducts are those worth rounding: products of the same extents are counted together,
// since a model has many of those that matter, in layers and heads, forwards and backwards.
func largeProducts(p *Program) map[*ir.Value]bool {
	work, total := map[extents]float64{}, 0.0
	var products []*ir.Value
	for _, v := range p.Live() {
		if v.Op == ir.OpMatMul {
			e := extentsOf(v)
			products = append(products, v)
			work[e] += float64(e.batch) * float64(e.a) * float64(e.b) * float64(e.c)
			total += float64(e.batch) * float64(e.a) * float64(e.b) * float64(e.c)
		}
	}
	large := map[*ir.Value]bool{}
	for _, v := range products {
		large[v] = work[extentsOf(v)] >= bf16Share*total
	}
	return large
}

func extentsOf(v *ir.Value) extents {
	s, k := v.Shape(), v.Rank()-2
	mnk := []int{s[k], s[k+1], v.Args[0].Shape()[k+1]}
	slices.Sort(mnk)
	return extents{ir.Type{Shape: s[:k]}.Len(), mnk[0], mnk[1], mnk[2]}
}

// pairing packs an operand.
type pairing struct {
	b *ir.Builder
	// group, if not 0, is an odd number of rows in a line, of one example each, that are
	// padded to an even number: examples then share no pair.
	group int
}

// along pairs the elements of x along an axis, whose extent is halved.
func (w pairing) along(x *ir.Value, axis int) *ir.Value {
	b := w.b
	switch x.Op {
	case ir.OpTranspose:
		return b.Transpose(w.along(x.Args[0], x.Attr.Axes[axis]), x.Attr.Axes...)
	case ir.OpReshape:
		if a, ok := sameAxis(x, axis, w.group); ok {
			y := w.along(x.Args[0], a)
			shape := slices.Clone(x.Shape())
			shape[axis] = y.Len() / (x.Len() / shape[axis])
			return b.Reshape(y, shape)
		}
	case ir.OpSlice:
		lo, hi := slices.Clone(x.Attr.Lo), slices.Clone(x.Attr.Hi)
		if n := x.Args[0].Shape()[axis]; x.Attr.Step[axis] == 1 && lo[axis]%2 == 0 && (hi[axis]%2 == 0 || hi[axis] == n) {
			lo[axis], hi[axis] = lo[axis]/2, (hi[axis]+1)/2
			return b.Slice(w.along(x.Args[0], axis), lo, hi, x.Attr.Step)
		}
	case ir.OpBroadcast:
		if x.Shape()[axis] == x.Args[0].Shape()[axis] {
			shape := slices.Clone(x.Shape())
			shape[axis] = (shape[axis] + 1) / 2
			return b.Broadcast(w.along(x.Args[0], axis), shape)
		}
	}
	last := x.Rank() - 1
	switch axis {
	case last:
		return b.Pack(x)
	case last - 1:
		return w.rows(w.along(x, last), x.Shape()[last])
	}
	perm := make([]int, x.Rank()) // exchanges axis and the last but one
	for i := range perm {
		perm[i] = i
	}
	perm[axis], perm[last-1] = last-1, axis
	return b.Transpose(w.rows(b.Transpose(w.along(x, last), perm...), x.Shape()[last]), perm...)
}

// rows pairs the rows of n columns that are packed already.
func (w pairing) rows(x *ir.Value, n int) *ir.Value {
	y := w.b.Interleave(x)
	hi := slices.Clone(y.Shape())
	if last := len(hi) - 1; hi[last] != n { // without the padding of an odd number
		hi[last] = n
		return w.b.Slice(y, make([]int, len(hi)), hi, nil)
	}
	return y
}

// sameAxis finds the axis of a reshape's argument along which neighbours are those along
// the given axis of x, also in pairs: both extents are even, or equal, or the argument's is
// one group of several that are each padded.
func sameAxis(x *ir.Value, axis, group int) (int, bool) {
	from, to := x.Args[0].Shape(), x.Shape()
	a := len(from) - 1
	for a >= 0 && (below(from, a) != below(to, axis) || from[a] == 1) {
		a--
	}
	if a < 0 {
		return 0, false
	}
	m, n := from[a], to[axis]
	return a, m == n || m%2 == 0 && n%2 == 0 || m == group && n%m == 0
}

// oddGroup is the odd extent of the axis that a view x merges into a longer one; 0 if there
// is none.
func oddGroup(x *ir.Value, axis int) int {
	for {
		switch x.Op {
		case ir.OpTranspose:
			axis = x.Attr.Axes[axis]
		case ir.OpReshape:
			from := x.Args[0].Shape()
			a, ok := sameAxis(x, axis, 0)
			if !ok {
				if a > 0 && from[a]%2 == 1 && from[a] > 1 && x.Shape()[axis]%from[a] == 0 {
					return from[a]
				}
				return 0
			}
			axis = a
		case ir.OpBroadcast:
			if x.Shape()[axis] != x.Args[0].Shape()[axis] {
				return 0
			}
		case ir.OpSlice:
			if x.Shape()[axis] != x.Args[0].Shape()[axis] {
				return 0
			}
		default:
			return 0
		}
		x = x.Args[0]
	}
}

// below is the number of elements for each index of an axis.
func below(shape []int, axis int) int { return ir.Type{Shape: shape[axis+1:]}.Len() }
