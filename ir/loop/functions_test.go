package loop_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"mspecc/ir/loop"
)

// function is an expanded function with the error it may have: relative in
// units of 2^-23, absolute, or either.
type function struct {
	name     string
	f        func(float64) float64
	lo, hi   float64
	ulp, abs float64
}

var accuracies = []function{
	{"exp", math.Exp, -87, 88.7, 1.5, 0},
	{"exp", math.Exp, -105, -87, 0, 3e-45},
	{"exp2", math.Exp2, -125, 0, 1.5, 0},
	{"exp2", math.Exp2, -152, -125, 0, 3e-45},
	{"log", math.Log, 1e-38, 1e38, 1.5, 0},
	{"log", math.Log, 0.5, 2, 1.5, 1e-8},
	{"tanh", math.Tanh, -12, 12, 2, 0},
	{"tanh", math.Tanh, -0.1, 0.1, 2, 0},
	{"erf", math.Erf, -6, 6, 2, 0},
	{"erf", math.Erf, -0.01, 0.01, 2, 0},
	{"erfc", math.Erfc, -10, 0, 4, 0},
	{"erfc", math.Erfc, 0, 0.5, 8, 0},
	{"erfc", math.Erfc, 0.5, 2, 10, 0},
	{"erfc", math.Erfc, 2, 9, 120, 0}, // the square of x is rounded
	{"sin", math.Sin, -10, 10, 0, 2e-7},
	{"sin", math.Sin, -1e4, 1e4, 0, 1e-6},
	{"cos", math.Cos, -10, 10, 0, 2e-7},
	{"cos", math.Cos, -1e4, 1e4, 0, 1e-6},
}

func TestFunctions(t *testing.T) {
	const n = 20000
	s := newSuite(t)
	kernels := map[string]string{}
	for _, c := range accuracies {
		if kernels[c.name] == "" {
			var d dag
			x := d.load(loop.Operand{Name: "x", Col: 1})
			d.store(d.node(c.name, x), loop.Operand{Name: "y", Col: 1})
			kernels[c.name] = s.add(d.rows(n))
		}
	}
	s.build()
	r := rand.New(rand.NewPCG(11, 12))
	for _, c := range accuracies {
		for _, target := range s.targets {
			var a arena
			x := make([]float32, n)
			for i := range x {
				x[i] = float32(c.lo + (c.hi-c.lo)*r.Float64())
				if c.hi > 1e30 {
					x[i] = float32(math.Exp(math.Log(c.lo) + math.Log(c.hi/c.lo)*r.Float64()))
				}
			}
			a.add(x)
			y := a.add(nans(n))
			s.run(kernels[c.name]+target, a.mem, a.off, []int{1})
			worst, worstAt := 0.0, float32(0)
			for i, v := range x {
				want := c.f(float64(v))
				err := math.Abs(float64(a.mem[y+i])-want) / (c.ulp*spacing(want) + c.abs)
				if !(err <= worst) {
					worst, worstAt = err, v
				}
			}
			t.Logf("%s %s in [%g, %g]: worst at %g, %.2f of the bound", c.name, target, c.lo, c.hi, worstAt, worst)
			if !(worst <= 1) {
				t.Errorf("%s %s(%g): error %.2f times the bound", target, c.name, worstAt, worst)
			}
		}
	}
	checkLimits(t, s, kernels, n)
}

// spacing is the distance between neighbouring f32 at x.
func spacing(x float64) float64 {
	_, e := math.Frexp(x)
	return math.Ldexp(1, max(e-24, -149))
}

func checkLimits(t *testing.T, s *suite, kernels map[string]string, n int) {
	inf, nan := math.Inf(1), math.NaN()
	limits := []struct {
		name    string
		x, want float64
	}{
		{"exp", inf, inf}, {"exp", -inf, 0}, {"exp", nan, nan}, {"exp", 100, inf}, {"exp", -200, 0}, {"exp", 0, 1},
		{"exp2", -inf, 0}, {"exp2", nan, nan}, {"exp2", -1, 0.5}, {"exp2", 0, 1}, {"exp2", -200, 0},
		{"log", 0, -inf}, {"log", -1, nan}, {"log", inf, inf}, {"log", nan, nan}, {"log", 1, 0}, {"log", -inf, nan},
		{"tanh", inf, 1}, {"tanh", -inf, -1}, {"tanh", nan, nan}, {"tanh", 0, 0},
		{"erf", inf, 1}, {"erf", -inf, -1}, {"erf", nan, nan}, {"erf", 0, 0},
		{"erfc", inf, 0}, {"erfc", -inf, 2}, {"erfc", nan, nan}, {"erfc", 0, 1},
		{"sin", inf, nan}, {"sin", nan, nan}, {"cos", -inf, nan}, {"cos", nan, nan}, {"sin", 0, 0}, {"cos", 0, 1},
		{"exp", -103, math.Exp(-103)}, {"log", 1e-42, math.Log(float64(float32(1e-42)))},
	}
	for _, c := range limits {
		for _, target := range s.targets {
			var a arena
			x := make([]float32, n)
			for i := range x {
				x[i] = float32(c.x)
			}
			a.add(x)
			y := a.add(nans(n))
			s.run(kernels[c.name]+target, a.mem, a.off, []int{1})
			for _, i := range []int{0, n - 1} {
				got := float64(a.mem[y+i])
				if got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) && !(math.Abs(got-c.want) <= 2*spacing(c.want)) {
					t.Errorf("%s %s(%g) = %g, want %g", target, c.name, c.x, got, c.want)
				}
			}
		}
	}
}
