package fuse

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"mspecc/ir"
)

// tensor is the plain model of a view: the place of every element in row-major order.
type tensor struct {
	shape []int
	place []int
}

func (w View) places() tensor {
	t := tensor{shape: w.Shape}
	eachIndex(w.Shape, func(index []int) {
		at := w.Offset
		for i, k := range index {
			at += k * w.Strides[i]
		}
		t.place = append(t.place, at)
	})
	return t
}

func eachIndex(shape []int, f func(index []int)) {
	index := make([]int, len(shape))
	for n := range product(shape) {
		for i := len(shape) - 1; i >= 0; i-- {
			index[i] = n % shape[i]
			n /= shape[i]
		}
		f(index)
	}
}

// pick makes a tensor of a shape whose elements are those of t at the given indices.
func (t tensor) pick(shape []int, from func(index []int) []int) tensor {
	out := tensor{shape: shape}
	strides := ir.Strides(t.shape)
	eachIndex(shape, func(index []int) {
		at := 0
		for i, k := range from(index) {
			at += k * strides[i]
		}
		out.place = append(out.place, t.place[at])
	})
	return out
}

// strided reports whether one stride for each axis of the shape reaches all places.
func (t tensor) strided() bool {
	w := View{Shape: t.shape, Strides: make([]int, len(t.shape)), Offset: t.place[0]}
	for i, s := range ir.Strides(t.shape) {
		if t.shape[i] > 1 {
			w.Strides[i] = t.place[s] - t.place[0]
		}
	}
	return slices.Equal(w.places().place, t.place)
}

// TestViews: chains of random view operations address the elements that the definition of
// each operation says, reshape is refused exactly where no strides exist, and invert undoes
// apply.
func TestViews(t *testing.T) {
	refused := 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 7))
		shape := randomShape(r)
		w := contiguous(&Buffer{}, shape)
		w.Offset = r.IntN(5)
		text := fmt.Sprint(shape)
		for range 5 {
			next, want, name := randomView(r, w)
			text += " " + name
			if next.Shape == nil {
				refused++
				if want.strided() {
					t.Fatalf("seed %d: %s: refused, although strides exist", seed, text)
				}
				break
			}
			if got := next.places(); !slices.Equal(got.shape, want.shape) || !slices.Equal(got.place, want.place) {
				t.Fatalf("seed %d: %s:\ngot  %v %v\nwant %v %v", seed, text, got.shape, got.place, want.shape, want.place)
			}
			if contiguousPlaces := slices.Equal(want.place, sequence(want.place[0], len(want.place))); contiguousPlaces != next.isContiguous() {
				t.Fatalf("seed %d: %s: isContiguous is %v", seed, text, !contiguousPlaces)
			}
			w = next
		}
	}
	if refused == 0 {
		t.Error("no reshape was refused: the test tests too little")
	}
}

func sequence(from, n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = from + i
	}
	return s
}

func randomShape(r *rand.Rand) []int {
	shape := make([]int, r.IntN(5))
	for i := range shape {
		shape[i] = 1 + r.IntN(4)
	}
	return shape
}

// randomView applies one operation to w and to its plain model; a refused reshape gives a
// view without shape.
func randomView(r *rand.Rand, w View) (View, tensor, string) {
	t, n := w.places(), len(w.Shape)
	switch r.IntN(4) {
	case 0:
		perm := r.Perm(n)
		next := w.transpose(perm)
		return next, t.pick(next.Shape, func(index []int) []int {
			from := make([]int, n)
			for i, p := range perm {
				from[p] = index[i]
			}
			return from
		}), fmt.Sprint("transpose", perm)
	case 1:
		lo, hi, step := make([]int, n), make([]int, n), make([]int, n)
		for i, d := range w.Shape {
			lo[i] = r.IntN(d)
			hi[i], step[i] = lo[i]+1+r.IntN(d-lo[i]), 1+r.IntN(2)
		}
		next := w.slice(lo, hi, step)
		return next, t.pick(next.Shape, func(index []int) []int {
			from := make([]int, n)
			for i, k := range index {
				from[i] = lo[i] + k*step[i]
			}
			return from
		}), fmt.Sprint("slice", lo, hi, step)
	case 2:
		shape := slices.Clone(w.Shape)
		for i, d := range shape {
			if d == 1 && r.IntN(2) == 0 {
				shape[i] = 1 + r.IntN(3)
			}
		}
		return w.broadcast(shape), t.pick(shape, func(index []int) []int {
			from := slices.Clone(index)
			for i, d := range w.Shape {
				from[i] %= d
			}
			return from
		}), fmt.Sprint("broadcast", shape)
	}
	shape := refactor(r, product(w.Shape))
	next, _ := w.reshape(shape)
	return next, tensor{shape, t.place}, fmt.Sprint("reshape", shape)
}

// refactor is a random shape of n elements.
func refactor(r *rand.Rand, n int) []int {
	shape := []int{}
	for n > 1 || r.IntN(3) == 0 {
		d := 1 + r.IntN(n)
		for n%d != 0 {
			d--
		}
		shape = append(shape, d)
		n /= d
	}
	return shape
}

// TestInvert: the argument's view that invert gives leads back to the view asked for.
func TestInvert(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 8))
		b := ir.NewBuilder()
		x := b.Input("x", ir.F32, randomShape(r))
		v := b.Transpose(x, r.Perm(x.Rank())...)
		if r.IntN(2) == 0 {
			v = b.Reshape(x, refactor(r, x.Len()))
		}
		want := contiguous(&Buffer{}, v.Shape())
		arg, ok := want.invert(v)
		if !ok || v == x {
			continue
		}
		if got, ok := arg.apply(v); !ok || !slices.Equal(got.places().place, want.places().place) {
			t.Fatalf("seed %d: %s of %s does not lead back", seed, v, x.Type)
		}
	}
}

// TestCommonDims: every shape is a product of neighbouring factors, and no factor could be
// merged with its neighbour.
func TestCommonDims(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 9))
		n := []int{12, 24, 36, 60}[r.IntN(4)]
		shapes := [][]int{refactor(r, n), refactor(r, n), refactor(r, n)}
		dims, ok := commonDims(shapes...)
		marks := map[int]bool{1: true}
		for _, s := range shapes {
			for i := range s {
				marks[product(s[i:])] = true
			}
		}
		crosses := false
		for a := range marks {
			for b := range marks {
				crosses = crosses || a < b && b%a != 0
			}
		}
		if ok == crosses {
			t.Fatalf("%v: ok is %v", shapes, ok)
		}
		if !ok {
			continue
		}
		if product(dims) != n || len(dims) != len(marks)-1 {
			t.Fatalf("%v: %v", shapes, dims)
		}
		for i := range dims {
			if !marks[product(dims[i:])] {
				t.Fatalf("%v: %v splits where no shape does", shapes, dims)
			}
		}
	}
}
