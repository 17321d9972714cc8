package kernels_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"mspecc/kernels"
)

// columnGraph is the sum of x tanh(y) with a value per row and one per column,
// the largest x, and work after the reduction.
func columnGraph(w int) *kernels.ColReduce {
	var d dag
	x := d.load(kernels.Operand{Name: "x", Row: w + 1, Col: 1})
	y := d.load(kernels.Operand{Name: "y", Row: 2 * w, Col: 2})
	scale := d.load(kernels.Operand{Name: "scale", Row: 1})
	bias := d.load(kernels.Operand{Name: "bias", Col: 1})
	rate := d.load(kernels.Operand{Name: "rate"})
	sum := d.node("colsum", d.node("mul", d.node("mul", x, scale), d.node("tanh", y)))
	top := d.node("colmax", d.node("add", x, d.node("iota")))
	count := d.node("colsum", scale)
	d.store(sum, kernels.Operand{Name: "sum", Col: 1})
	d.store(d.node("add", d.node("mul", top, rate), bias), kernels.Operand{Name: "top", Col: 1})
	d.store(count, kernels.Operand{Name: "count", Col: 1})
	return &kernels.ColReduce{Width: w, Operands: d.operands, Nodes: d.nodes, Stores: d.stores}
}

func TestColReduce(t *testing.T) {
	s := newSuite(t)
	widths := []int{1, 15, 16, 17, 63, 64, 65, 128, 250, 300}
	var names []string
	for _, w := range widths {
		names = append(names, s.add(columnGraph(w)))
	}
	s.build()
	r := rand.New(rand.NewPCG(7, 8))
	for i, w := range widths {
		for _, target := range s.targets {
			if err := checkColumns(s, columnGraph(w), names[i]+target, 1+w%6, r); err != nil {
				t.Errorf("%s, width %d: %v", target, w, err)
			}
		}
	}
}

func checkColumns(s *suite, spec *kernels.ColReduce, kernel string, rows int, r *rand.Rand) error {
	var a arena
	w := spec.Width
	for _, o := range spec.Operands[:5] {
		a.add(normal(r, (rows-1)*o.Row+(w-1)*o.Col+1))
	}
	for range spec.Operands[5:] {
		a.add(nans(w))
	}
	before := append([]float32(nil), a.mem...)
	s.run(kernel, a.mem, a.off, []int{rows})
	at := func(operand, row, col int) float64 {
		o := spec.Operands[operand]
		return float64(before[a.off[operand]+row*o.Row+col*o.Col])
	}
	for j := 0; j < w; j++ {
		sum, top, count := 0.0, math.Inf(-1), 0.0
		for i := 0; i < rows; i++ {
			sum += at(0, i, j) * at(2, i, j) * math.Tanh(at(1, i, j))
			top = math.Max(top, at(0, i, j)+float64(j))
			count += at(2, i, j)
		}
		for k, want := range []float64{sum, top*at(4, 0, 0) + at(3, 0, j), count} {
			if got := float64(a.mem[a.off[5+k]+j]); !(math.Abs(got-want) <= 2e-6*(1+math.Abs(want))) {
				return fmt.Errorf("%s[%d] = %g, want %g", spec.Operands[5+k].Name, j, got, want)
			}
		}
	}
	return intact(before, a.mem, func(i int) bool {
		for _, off := range a.off[5:] {
			if i >= off && i < off+w {
				return true
			}
		}
		return false
	})
}

func TestTranspose(t *testing.T) {
	s := newSuite(t)
	shapes := [][2]int{{1, 1}, {16, 16}, {16, 5}, {3, 16}, {17, 33}, {48, 32}, {65, 32}, {31, 70}}
	var specs []*kernels.Transpose
	var names []string
	for _, x := range shapes {
		in, out := x[1]+2, x[0]+1
		m := &kernels.Transpose{R: x[0], C: x[1], In: in, Out: out, InNext: x[0] * in, OutNext: x[1] * out}
		specs, names = append(specs, m), append(names, s.add(m))
	}
	s.build()
	r := rand.New(rand.NewPCG(9, 10))
	for i, m := range specs {
		for _, target := range s.targets {
			if err := checkTranspose(s, m, names[i]+target, r); err != nil {
				t.Errorf("%s, %d x %d: %v", target, m.R, m.C, err)
			}
		}
	}
}

func checkTranspose(s *suite, m *kernels.Transpose, kernel string, r *rand.Rand) error {
	const matrices = 2
	var a arena
	in := a.add(normal(r, matrices*m.InNext))
	out := a.add(nans(matrices * m.OutNext))
	before := append([]float32(nil), a.mem...)
	s.run(kernel, a.mem, a.off, []int{matrices})
	for n := 0; n < matrices; n++ {
		for i := 0; i < m.R; i++ {
			for j := 0; j < m.C; j++ {
				got, want := a.mem[out+n*m.OutNext+j*m.Out+i], before[in+n*m.InNext+i*m.In+j]
				if got != want {
					return fmt.Errorf("matrix %d: out[%d,%d] = %g, want %g", n, j, i, got, want)
				}
			}
		}
	}
	return intact(before, a.mem, func(i int) bool {
		i -= out
		return i >= 0 && i < matrices*m.OutNext && i%m.OutNext%m.Out < m.R
	})
}
