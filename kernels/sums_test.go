package kernels_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"mspecc/kernels"
)

// sumCase is a kernel that adds up n terms for each of some results, once as they are and once as products.
type sumCase struct {
	name   string
	n      int
	kernel string
	counts []int
	size   int                            // results
	term   func(result, i int) (x, y int) // places in the inputs
}

// sumCases are sums along rows and down columns, and matrix products.
func sumCases(s *suite) []sumCase {
	const rows, cols = 24, 16
	var list []sumCase
	for _, n := range []int{5, 64, 100, 1000, 4096} {
		var d dag
		x := d.load(kernels.Operand{Name: "x", Row: n, Col: 1})
		y := d.load(kernels.Operand{Name: "y", Row: n, Col: 1})
		d.store(d.node("rowsum", x), kernels.Operand{Name: "sum", Row: 1})
		d.store(d.node("rowsum", d.node("mul", x, y)), kernels.Operand{Name: "dot", Row: 1})
		along := func(r, i int) (int, int) { return r*n + i, r*n + i }
		list = append(list, sumCase{"rows", n, s.add(d.rows(n)), []int{rows}, rows, along})
		var c dag
		x = c.load(kernels.Operand{Name: "x", Row: cols, Col: 1})
		y = c.load(kernels.Operand{Name: "y", Row: cols, Col: 1})
		c.store(c.node("colsum", x), kernels.Operand{Name: "sum", Col: 1})
		c.store(c.node("colsum", c.node("mul", x, y)), kernels.Operand{Name: "dot", Col: 1})
		down := func(r, i int) (int, int) { return i*cols + r, i*cols + r }
		list = append(list, sumCase{"columns", n, s.add(&kernels.ColReduce{Width: cols, Operands: c.operands, Nodes: c.nodes, Stores: c.stores}), []int{n}, cols, down})
		product := func(r, i int) (int, int) { return r/cols*n + i, i*cols + r%cols }
		list = append(list, sumCase{"product", n, s.add(&kernels.MatMul{N: cols, AM: n, AK: 1, BK: cols, CM: cols, Ks: []int{n}}), []int{rows, n, 0}, rows * cols, product})
	}
	return list
}

// TestSumsAreExact: sums and products on the portable target are no less exact than on AVX-512, where
// there are as many partial sums as lanes.
func TestSumsAreExact(t *testing.T) {
	s := newSuite(t)
	list := sumCases(s)
	s.build()
	vector := s.targets[len(s.targets)-1] // avx512, or interpreted where the CPU has none
	for _, kind := range []string{"normal", "positive", "equal"} {
		for _, c := range list {
			r := rand.New(rand.NewPCG(31, uint64(c.n)))
			draw := func() []float32 {
				x := make([]float32, 24*c.n)
				for i := range x {
					switch kind {
					case "normal":
						x[i] = float32(r.NormFloat64())
					case "positive":
						x[i] = r.Float32()
					default:
						x[i] = 0.1
					}
				}
				return x
			}
			x, y := draw(), draw()
			sum, dot, unit := c.errors(s, "portable", x, y)
			vsum, vdot, _ := c.errors(s, vector, x, y)
			t.Logf("%s %s of %d: sum %.2g, on vectors %.2g; of products %.2g, %.2g; a unit is %.2g", kind, c.name, c.n, sum, vsum, dot, vdot, unit)
			if sum > 1.1*vsum+0.5*unit || dot > 1.1*vdot+0.5*unit {
				t.Errorf("%s %s of %d: the error of a sum is %.2g, on vectors %.2g; of products %.2g, %.2g", kind, c.name, c.n, sum, vsum, dot, vdot)
			}
		}
	}
}

// errors are root mean squares over the results, with the last place of a float32 of their size.
func (c sumCase) errors(s *suite, target string, x, y []float32) (sum, dot, unit float64) {
	var a arena
	a.add(x)
	a.add(y)
	plain := -1 // a matrix product has no plain sum
	if c.name != "product" {
		plain = a.add(nans(c.size))
	}
	products := a.add(nans(c.size))
	a.add(nans(s.byName[c.kernel+target].Scratch))
	s.run(c.kernel+target, a.mem, a.off, c.counts)
	for r := range c.size {
		wantSum, wantDot := 0.0, 0.0
		for i := range c.n {
			j, k := c.term(r, i)
			wantSum += float64(x[j])
			wantDot += float64(x[j]) * float64(y[k])
		}
		if plain >= 0 {
			sum += math.Pow(float64(a.mem[plain+r])-wantSum, 2)
		}
		dot += math.Pow(float64(a.mem[products+r])-wantDot, 2)
		unit = max(unit, spacing(wantDot))
	}
	n := float64(c.size)
	return math.Sqrt(sum / n), math.Sqrt(dot / n), unit
}

// TestSumsOfInfinities: a sum with an infinity is infinite, with both or a NaN it is NaN, on every target
// and wherever they stand.
func TestSumsOfInfinities(t *testing.T) {
	s := newSuite(t)
	widths := []int{3, 4, 5, 17, 64, 300}
	var names []string
	for _, w := range widths {
		var d dag
		d.store(d.node("rowsum", d.load(kernels.Operand{Name: "x", Row: w, Col: 1})), kernels.Operand{Name: "sum", Row: 1})
		names = append(names, s.add(d.rows(w)))
	}
	s.build()
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for k, w := range widths {
		for _, target := range s.targets {
			for at := range w {
				for _, c := range []struct{ here, next, want float32 }{{inf, 1, inf}, {-inf, 1, -inf}, {inf, inf, inf}, {inf, -inf, nan}, {nan, 1, nan}, {3e38, 3e38, inf}} {
					x := make([]float32, w)
					for i := range x {
						x[i] = 1
					}
					x[at], x[(at+1)%w] = c.here, c.next
					var a arena
					a.add(x)
					o := a.add(nans(1))
					s.run(names[k]+target, a.mem, a.off, []int{1})
					if got := a.mem[o]; got != c.want && !(got != got && c.want != c.want) {
						t.Fatalf("%s, row of %d with %g and %g at %d: the sum is %g, want %g", target, w, c.here, c.next, at, got, c.want)
					}
				}
			}
		}
	}
}
