package kernels_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"mspecc/kernels"
)

// randomRows is a random graph whose values stay of order 1.
func randomRows(r *rand.Rand, width, size int) *kernels.Rows {
	var d dag
	inputs := 1 + r.IntN(8)
	for i := 0; i < inputs; i++ {
		o := []kernels.Operand{{Row: width, Col: 1}, {Row: width, Col: 1}, {Row: 2*width + 1, Col: 2}, {Row: 1}, {Col: 1}}[r.IntN(5)]
		d.load(o)
	}
	pick := func() int {
		if r.IntN(2) == 0 {
			return len(d.nodes) - 1 - r.IntN(min(4, len(d.nodes)))
		}
		return r.IntN(len(d.nodes))
	}
	for len(d.nodes) < size {
		x, y := pick(), pick()
		switch r.IntN(12) {
		case 0:
			d.node("div", x, d.node("add", d.node("abs", y), d.constant(1)))
		case 1:
			d.node("tanh", x)
		case 2:
			d.node("exp", d.node("min", x, d.constant(0.5)))
		case 3:
			d.node("mul", d.node("rowsum", x), d.constant(1/float64(width)))
		case 4:
			d.node("rowmax", x)
		case 5:
			d.node("erf", d.node("erfc", x))
		case 6:
			d.node("max", x, y)
		case 7:
			d.node("sub", d.node("mul", d.constant(0.5), x), y)
		case 8:
			d.node("sub", x, d.node("mul", d.constant(0.5), y))
		default:
			d.node("mul", d.node("add", x, y), d.constant(0.5))
		}
	}
	stores := 1 + r.IntN(5)
	full := fullLevel(d)
	for i := 0; i < stores; i++ {
		n := len(d.nodes) - 1 - i*2
		if o := (kernels.Operand{Row: width, Col: 1}); full[n] || r.IntN(2) == 0 {
			d.store(n, o)
		} else {
			d.store(n, kernels.Operand{Row: 1})
		}
	}
	return d.rows(width)
}

// fullLevel tells the nodes with a value per element.
func fullLevel(d dag) []bool {
	full := make([]bool, len(d.nodes))
	for i, n := range d.nodes {
		full[i] = n.Op == "load" && d.operands[n.Operand].Col != 0
		for _, a := range n.Args {
			full[i] = full[i] || full[a]
		}
		full[i] = full[i] && n.Op != "rowsum" && n.Op != "rowmax"
	}
	return full
}

// TestRandomRows compares random graphs of growing size with float64; they
// reach every form of a row kernel.
func TestRandomRows(t *testing.T) {
	s := newSuite(t)
	r := rand.New(rand.NewPCG(13, 14))
	widths := []int{1, 7, 16, 20, 48, 65, 130, 256, 300}
	var cases []rowCase
	for i := 0; i < 72; i++ {
		spec := randomRows(r, widths[i%len(widths)], 12+i)
		cases = append(cases, rowCase{"random", spec, 1 + i%3, func(r *rand.Rand) float64 { return r.NormFloat64() }, 2e-5})
	}
	names := make([]string, len(cases))
	for i, c := range cases {
		names[i] = s.add(c.spec)
	}
	s.build()
	for i, c := range cases {
		for _, target := range s.targets {
			if err := c.check(s, names[i], target, r); err != nil {
				t.Errorf("graph %d, width %d, %s: %v", i, c.spec.Width, target, err)
				t.Log(s.byName[names[i]+target])
			}
		}
	}
}

func TestNaNAndInfinity(t *testing.T) {
	s := newSuite(t)
	spec := softmax(40)
	name := s.add(spec)
	s.build()
	for _, target := range s.targets {
		var a arena
		x := make([]float32, 80)
		x[45] = float32(math.NaN())
		a.add(x)
		y, l := a.add(nans(80)), a.add(nans(2))
		a.add(nans(s.byName[name+target].Scratch))
		s.run(name+target, a.mem, a.off, []int{2})
		if a.mem[y] != 1.0/40 || a.mem[y+45] == a.mem[y+45] || a.mem[l+1] == a.mem[l+1] {
			t.Errorf("%s: a NaN in row 1 gave %g in row 0, %g and %g in row 1", target, a.mem[y], a.mem[y+45], a.mem[l+1])
		}
	}
}
