package kernels_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"mspecc/kernels"
)

// extremes is a row kernel with the largest of each row, of each row of x - y, and what max and
// min give of two tensors and of a tensor and a number on either side.
func extremes(w int) *kernels.Rows {
	var d dag
	x := d.load(kernels.Operand{Name: "x", Row: w, Col: 1})
	y := d.load(kernels.Operand{Name: "y", Row: w, Col: 1})
	limit := d.constant(0.25)
	d.store(d.node("max", x, y), kernels.Operand{Name: "max", Row: w, Col: 1})
	d.store(d.node("min", x, y), kernels.Operand{Name: "min", Row: w, Col: 1})
	d.store(d.node("max", x, limit), kernels.Operand{Name: "above", Row: w, Col: 1})
	d.store(d.node("min", limit, x), kernels.Operand{Name: "below", Row: w, Col: 1})
	d.store(d.node("rowmax", x), kernels.Operand{Name: "top", Row: 1})
	d.store(d.node("rowmax", d.node("sub", x, y)), kernels.Operand{Name: "top of difference", Row: 1})
	return d.rows(w)
}

// columnExtremes is the largest of each column.
func columnExtremes(w int) *kernels.ColReduce {
	var d dag
	x := d.load(kernels.Operand{Name: "x", Row: w, Col: 1})
	d.store(d.node("colmax", x), kernels.Operand{Name: "top", Col: 1})
	return &kernels.ColReduce{Width: w, Operands: d.operands, Nodes: d.nodes, Stores: d.stores}
}

// TestNaNStays: wherever a NaN stands, max, min and the largest of a row or column are NaN, and
// what has none has the same bits on every target.
func TestNaNStays(t *testing.T) {
	s := newSuite(t)
	widths := []int{1, 2, 4, 15, 16, 17, 33, 64, 65, 130, 300}
	const rows = 3
	names := map[string]string{}
	for _, w := range widths {
		names[fmt.Sprint("rows ", w)] = s.add(extremes(w))
		names[fmt.Sprint("columns ", w)] = s.add(columnExtremes(w))
	}
	s.build()
	r := rand.New(rand.NewPCG(21, 22))
	for _, w := range widths {
		for _, at := range []int{-1, 0, 1, 3, 7, 8, 15, 16, w / 2, w - 2, w - 1} {
			if at >= w || at < -1 {
				continue
			}
			x, y := normal(r, rows*w), normal(r, rows*w)
			if at >= 0 {
				x[w+at] = float32(math.NaN()) // in the middle row
			}
			y[at+1] = float32(math.NaN())
			x[0], y[0] = float32(math.Inf(1)), float32(math.Inf(-1))
			var first []float32
			for _, target := range s.targets {
				out := s.extremes(names[fmt.Sprint("rows ", w)]+target, x, y, rows, w)
				want := wantExtremes(x, y, rows, w)
				if i := differ(out, want); i >= 0 {
					t.Fatalf("%s, rows of %d, NaN at %d: element %d is %v, want %v", target, w, at, i, out[i], want[i])
				}
				if first == nil {
					first = out
				}
				var a arena
				a.add(x)
				o := a.add(nans(w))
				s.run(names[fmt.Sprint("columns ", w)]+target, a.mem, a.off, []int{rows})
				for j := range w {
					top := math.Inf(-1)
					for i := range rows {
						top = largest(top, float64(x[i*w+j]))
					}
					if got := a.mem[o+j]; got != float32(top) && !(got != got && math.IsNaN(top)) {
						t.Fatalf("%s, columns of width %d, NaN at %d: column %d is %v, want %v", target, w, at, j, got, top)
					}
				}
			}
		}
	}
}

// TestZerosOfMax: the largest of a row of zeros of both signs is +0 on every target, in
// whatever order they stand.
func TestZerosOfMax(t *testing.T) {
	s := newSuite(t)
	const w, rows = 70, 8
	kernel := s.add(extremes(w))
	s.build()
	r := rand.New(rand.NewPCG(23, 24))
	x, y := make([]float32, rows*w), make([]float32, rows*w)
	for i := range x {
		x[i] = float32(math.Copysign(0, float64(r.IntN(2))-0.5))
	}
	for _, target := range s.targets {
		out := s.extremes(kernel+target, x, y, rows, w)
		for i, v := range out[4*rows*w : 4*rows*w+rows] {
			if math.Float32bits(v) != 0 {
				t.Errorf("%s: the largest of row %d is %g", target, i, v)
			}
		}
	}
}

// extremes runs a kernel of that name and gives all its outputs, one after another.
func (s *suite) extremes(kernel string, x, y []float32, rows, w int) []float32 {
	var a arena
	a.add(x)
	a.add(y)
	sizes := []int{rows * w, rows * w, rows * w, rows * w, rows, rows}
	for _, n := range sizes {
		a.add(nans(n))
	}
	a.add(nans(s.byName[kernel].Scratch))
	s.run(kernel, a.mem, a.off, []int{rows})
	var out []float32
	for i, n := range sizes {
		out = append(out, a.mem[a.off[2+i]:a.off[2+i]+n]...)
	}
	return out
}

func largest(x, y float64) float64 {
	if math.IsNaN(x) || math.IsNaN(y) {
		return math.NaN()
	}
	return math.Max(x, y)
}

func wantExtremes(x, y []float32, rows, w int) []float32 {
	var parts [6][]float32
	for i := range rows {
		top, over := math.Inf(-1), math.Inf(-1)
		for j := range w {
			a, b := float64(x[i*w+j]), float64(y[i*w+j])
			parts[0] = append(parts[0], float32(largest(a, b)))
			parts[1] = append(parts[1], float32(-largest(-a, -b)))
			parts[2] = append(parts[2], float32(largest(a, 0.25)))
			parts[3] = append(parts[3], float32(-largest(-a, -0.25)))
			top, over = largest(top, a), largest(over, float64(float32(a-b)))
		}
		parts[4], parts[5] = append(parts[4], float32(top)), append(parts[5], float32(over))
	}
	var out []float32
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// differ is the first place where two lists differ, all NaN being equal; -1 if there is none.
func differ(got, want []float32) int {
	for i := range want {
		if got[i] != want[i] && !(got[i] != got[i] && want[i] != want[i]) {
			return i
		}
	}
	return -1
}
