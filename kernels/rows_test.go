package kernels_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"mspecc/kernels"
)

// dag builds expression graphs for tests.
type dag struct {
	operands []kernels.Operand
	nodes    []kernels.Node
	stores   []kernels.Store
}

func (d *dag) operand(o kernels.Operand) int {
	d.operands = append(d.operands, o)
	return len(d.operands) - 1
}

func (d *dag) node(op string, args ...int) int {
	d.nodes = append(d.nodes, kernels.Node{Op: op, Args: args})
	return len(d.nodes) - 1
}

func (d *dag) load(o kernels.Operand) int {
	d.nodes = append(d.nodes, kernels.Node{Op: "load", Operand: d.operand(o)})
	return len(d.nodes) - 1
}

func (d *dag) constant(x float64) int {
	d.nodes = append(d.nodes, kernels.Node{Op: "const", Const: x})
	return len(d.nodes) - 1
}

func (d *dag) store(n int, o kernels.Operand) {
	d.stores = append(d.stores, kernels.Store{Node: n, Operand: d.operand(o)})
}

func (d *dag) rows(width int) *kernels.Rows {
	return &kernels.Rows{Width: width, Operands: d.operands, Nodes: d.nodes, Stores: d.stores}
}

// rowCase is a Rows kernel with inputs of a given range.
type rowCase struct {
	name  string
	spec  *kernels.Rows
	rows  int
	input func(r *rand.Rand) float64
	tol   float64 // relative to the largest intermediate value, or absolute
}

func layerNorm(w int) *kernels.Rows {
	var d dag
	x := d.load(kernels.Operand{Name: "x", Row: w, Col: 1})
	n := d.constant(1 / float64(w))
	mean := d.node("mul", d.node("rowsum", x), n)
	c := d.node("sub", x, mean)
	v := d.node("mul", d.node("rowsum", d.node("mul", c, c)), n)
	r := d.node("div", d.constant(1), d.node("sqrt", d.node("add", v, d.constant(1e-5))))
	gain := d.load(kernels.Operand{Name: "gain", Col: 1})
	bias := d.load(kernels.Operand{Name: "bias", Col: 1})
	d.store(d.node("add", d.node("mul", d.node("mul", c, r), gain), bias), kernels.Operand{Name: "y", Row: w + 3, Col: 1})
	d.store(mean, kernels.Operand{Name: "mean", Row: 1})
	d.store(r, kernels.Operand{Name: "rstd", Row: 2})
	return d.rows(w)
}

func softmax(w int) *kernels.Rows {
	var d dag
	x := d.load(kernels.Operand{Name: "x", Row: w, Col: 1})
	e := d.node("exp", d.node("sub", x, d.node("rowmax", x)))
	s := d.node("rowsum", e)
	d.store(d.node("div", e, s), kernels.Operand{Name: "p", Row: w, Col: 1})
	d.store(d.node("log", s), kernels.Operand{Name: "logsum", Row: 1})
	return d.rows(w)
}

// gelu with its derivative, of a strided input, in one pass.
func gelu(w int) *kernels.Rows {
	var d dag
	x := d.load(kernels.Operand{Name: "x", Row: 3*w + 1, Col: 3})
	phi := d.node("mul", d.constant(0.5), d.node("add", d.constant(1), d.node("erf", d.node("mul", x, d.constant(math.Sqrt(0.5))))))
	d.store(d.node("mul", x, phi), kernels.Operand{Name: "y", Row: w, Col: 1})
	density := d.node("mul", d.constant(1/math.Sqrt(2*math.Pi)), d.node("exp", d.node("mul", d.node("mul", x, x), d.constant(-0.5))))
	d.store(d.node("add", phi, d.node("mul", x, density)), kernels.Operand{Name: "dy", Row: 2 * w, Col: 2})
	return d.rows(w)
}

// integers: ids by position and comparisons, stored as i32.
func integers(w int) *kernels.Rows {
	var d dag
	id := d.load(kernels.Operand{Name: "id", Int: true, Row: w, Col: 1})
	limit := d.load(kernels.Operand{Name: "limit", Int: true, Row: 1})
	at := d.node("iota")
	big := d.node("select", d.node("lt", id, limit), d.node("float", id), d.node("mul", at, d.constant(2)))
	d.store(d.node("int", big), kernels.Operand{Name: "out", Int: true, Row: w, Col: 1})
	d.store(d.node("rowsum", d.node("eq", id, limit)), kernels.Operand{Name: "hits", Int: true, Row: 1})
	d.store(limit, kernels.Operand{Name: "limits", Row: w, Col: 1})
	return d.rows(w)
}

// adam updates three tensors in place.
func adam(w int) *kernels.Rows {
	var d dag
	p := d.load(kernels.Operand{Name: "p", Row: w, Col: 1})
	m := d.load(kernels.Operand{Name: "m", Row: w, Col: 1})
	v := d.load(kernels.Operand{Name: "v", Row: w, Col: 1})
	g := d.load(kernels.Operand{Name: "g", Row: w, Col: 1})
	lr := d.load(kernels.Operand{Name: "lr"})
	m = d.node("add", d.node("mul", m, d.constant(0.9)), d.node("mul", g, d.constant(0.1)))
	v = d.node("add", d.node("mul", d.node("mul", v, v), d.constant(0.99)), d.node("mul", d.node("mul", g, g), d.constant(0.01)))
	step := d.node("div", m, d.node("add", d.node("sqrt", v), d.constant(1e-8)))
	p = d.node("sub", d.node("sub", p, d.node("mul", p, d.constant(0.01))), d.node("mul", lr, step))
	d.stores = []kernels.Store{{Node: p, Operand: 0}, {Node: m, Operand: 1}, {Node: v, Operand: 2}}
	return d.rows(w)
}

// many operands, expensive values used in three stages.
func crowded(w int) *kernels.Rows {
	var d dag
	sum := -1
	for i := 0; i < 10; i++ {
		x := d.load(kernels.Operand{Name: fmt.Sprintf("x%d", i), Row: w, Col: 1})
		if i == 7 {
			x = d.node("min", x, d.constant(1))
		}
		t := d.node([]string{"tanh", "sin", "cos", "abs", "floor", "sign", "neg", "exp"}[i%8], x)
		if sum < 0 {
			sum = t
		} else {
			sum = d.node("add", sum, d.node("mul", t, d.constant(0.1)))
		}
	}
	n := d.constant(1 / float64(w))
	c := d.node("sub", sum, d.node("mul", d.node("rowsum", sum), n))
	q := d.node("mul", d.node("rowsum", d.node("mul", c, c)), n)
	d.store(d.node("div", c, d.node("add", q, d.constant(1))), kernels.Operand{Name: "y", Row: w, Col: 1})
	d.store(d.node("max", d.node("min", sum, d.constant(0.5)), c), kernels.Operand{Name: "z", Row: w, Col: 1})
	d.store(d.node("le", sum, q), kernels.Operand{Name: "mask", Row: w, Col: 1})
	return d.rows(w)
}

func rowCases() []rowCase {
	var list []rowCase
	wide := func(r *rand.Rand) float64 { return 3 * r.NormFloat64() }
	for _, w := range []int{1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 128, 250, 256, 300, 1000} {
		rows := 1 + w%7
		list = append(list,
			rowCase{"layernorm", layerNorm(w), rows, wide, 4e-6},
			rowCase{"softmax", softmax(w), rows, wide, 2e-6},
			rowCase{"gelu", gelu(w), rows, wide, 1e-6},
			rowCase{"integers", integers(w), rows, func(r *rand.Rand) float64 { return float64(r.IntN(9) - 2) }, 0},
			rowCase{"adam", adam(w), rows, func(r *rand.Rand) float64 { return r.NormFloat64() }, 2e-6},
			rowCase{"crowded", crowded(w), rows, wide, 1e-5})
	}
	return list
}

func TestRows(t *testing.T) {
	s := newSuite(t)
	list := rowCases()
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = s.add(c.spec)
	}
	s.build()
	r := rand.New(rand.NewPCG(5, 6))
	for i, c := range list {
		for _, target := range s.targets {
			if err := c.check(s, names[i], target, r); err != nil {
				t.Errorf("%s of %d, %s: %v", c.name, c.spec.Width, target, err)
			}
		}
	}
}

// check runs a kernel and compares each stored element with the float64 value.
func (c rowCase) check(s *suite, kernel, target string, r *rand.Rand) error {
	var a arena
	stored := map[int]bool{}
	loaded := map[int]bool{}
	for _, st := range c.spec.Stores {
		stored[st.Operand] = true
	}
	for _, n := range c.spec.Nodes {
		loaded[n.Operand] = loaded[n.Operand] || n.Op == "load"
	}
	for i, o := range c.spec.Operands {
		x := nans((c.rows-1)*o.Row + (c.spec.Width-1)*o.Col + 1)
		for j := range x {
			switch {
			case !loaded[i]:
			case o.Int:
				x[j] = math.Float32frombits(uint32(int32(c.input(r))))
			default:
				x[j] = float32(c.input(r))
			}
		}
		a.add(x)
	}
	scratch := a.add(nans(s.byName[kernel+target].Scratch))
	before := append([]float32(nil), a.mem...)
	s.run(kernel+target, a.mem, a.off, []int{c.rows})
	written := map[int]bool{}
	for row := 0; row < c.rows; row++ {
		values := evaluateRow(c.spec, before, a.off, row)
		for _, st := range c.spec.Stores {
			o := c.spec.Operands[st.Operand]
			for j := 0; j < c.spec.Width; j++ {
				at := a.off[st.Operand] + row*o.Row + j*o.Col
				written[at] = true
				got := float64(a.mem[at])
				if o.Int {
					got = float64(int32(math.Float32bits(a.mem[at])))
				}
				want := values[st.Node][j]
				if !(math.Abs(got-want) <= c.tol*math.Max(1, math.Abs(want))) {
					return fmt.Errorf("%s[%d,%d] = %g, want %g", o.Name, row, j, got, want)
				}
			}
		}
	}
	n := s.byName[kernel+target].Scratch
	return intact(before, a.mem, func(i int) bool { return written[i] || i >= scratch && i < scratch+n })
}

// evaluateRow computes every node of one row in float64.
func evaluateRow(spec *kernels.Rows, mem []float32, off []int, row int) [][]float64 {
	values := make([][]float64, len(spec.Nodes))
	for i, n := range spec.Nodes {
		v := make([]float64, spec.Width)
		var args [][]float64
		for _, a := range n.Args {
			args = append(args, values[a])
		}
		for j := range v {
			o := kernels.Operand{}
			if n.Op == "load" {
				o = spec.Operands[n.Operand]
			}
			v[j] = evaluate(n, o, mem, off, row, j, args)
		}
		values[i] = v
	}
	return values
}

func evaluate(n kernels.Node, o kernels.Operand, mem []float32, off []int, row, j int, args [][]float64) float64 {
	switch n.Op {
	case "load":
		x := mem[off[n.Operand]+row*o.Row+j*o.Col]
		if o.Int {
			return float64(int32(math.Float32bits(x)))
		}
		return float64(x)
	case "const":
		return float64(float32(n.Const))
	case "iota":
		return float64(j)
	case "rowsum":
		sum := 0.0
		for _, x := range args[0] {
			sum += x
		}
		return sum
	case "rowmax":
		m := math.Inf(-1)
		for _, x := range args[0] {
			m = math.Max(m, x)
		}
		return m
	}
	x := make([]float64, len(args))
	for i := range args {
		x[i] = args[i][j]
	}
	return functions[n.Op](x)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func one(f func(float64) float64) func([]float64) float64 {
	return func(x []float64) float64 { return f(x[0]) }
}

var functions = map[string]func(x []float64) float64{
	"neg": one(func(x float64) float64 { return -x }), "exp": one(math.Exp), "log": one(math.Log), "sqrt": one(math.Sqrt),
	"tanh": one(math.Tanh), "erf": one(math.Erf), "erfc": one(math.Erfc), "exp2": one(math.Exp2), "sin": one(math.Sin), "cos": one(math.Cos), "abs": one(math.Abs),
	"floor": one(math.Floor), "float": one(func(x float64) float64 { return x }), "int": one(math.Trunc),
	"sign": one(func(x float64) float64 { return truth(x > 0) - truth(x < 0) }),
	"add":  func(x []float64) float64 { return x[0] + x[1] },
	"sub":  func(x []float64) float64 { return x[0] - x[1] },
	"mul":  func(x []float64) float64 { return x[0] * x[1] },
	"div":  func(x []float64) float64 { return x[0] / x[1] },
	"max":  func(x []float64) float64 { return math.Max(x[0], x[1]) },
	"min":  func(x []float64) float64 { return math.Min(x[0], x[1]) },
	"lt":   func(x []float64) float64 { return truth(x[0] < x[1]) },
	"le":   func(x []float64) float64 { return truth(x[0] <= x[1]) },
	"eq":   func(x []float64) float64 { return truth(x[0] == x[1]) },
	"select": func(x []float64) float64 {
		if x[0] != 0 {
			return x[1]
		}
		return x[2]
	},
}
