package kernels_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"mspecc/ir/loop"
	"mspecc/kernels"
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
	{"sin", math.Sin, -10, 10, 1.5, 0},
	{"sin", math.Sin, -1e6, 1e6, 1.5, 0},
	{"sin", math.Sin, -1 << 22, 1 << 22, 2, 0},
	{"sin", math.Sin, 1e-38, 1e6, 1.5, 0}, // by exponent
	{"cos", math.Cos, -10, 10, 1.5, 0},
	{"cos", math.Cos, -1e6, 1e6, 1.5, 0},
	{"cos", math.Cos, -1 << 22, 1 << 22, 2, 0},
}

func TestFunctions(t *testing.T) {
	const n = 20000
	s := newSuite(t)
	names := map[string]string{}
	for _, c := range accuracies {
		if names[c.name] == "" {
			var d dag
			x := d.load(kernels.Operand{Name: "x", Col: 1})
			d.store(d.node(c.name, x), kernels.Operand{Name: "y", Col: 1})
			names[c.name] = s.add(d.rows(n))
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
				if c.lo == 1e-38 {
					x[i] = float32(math.Exp(math.Log(c.lo) + math.Log(c.hi/c.lo)*r.Float64()))
				}
			}
			a.add(x)
			y := a.add(nans(n))
			s.run(names[c.name]+target, a.mem, a.off, []int{1})
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
	checkLimits(t, s, names, n)
}

// spacing is the distance between neighbouring f32 at x.
func spacing(x float64) float64 {
	_, e := math.Frexp(x)
	return math.Ldexp(1, max(e-24, -149))
}

func checkLimits(t *testing.T, s *suite, names map[string]string, n int) {
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
		{"sin", 1e-42, 1e-42}, {"sin", 1 << 22, math.Sin(1 << 22)}, {"sin", -1e7, nan}, {"sin", 1e20, nan}, {"cos", 1e9, nan}, {"cos", -3e38, nan},
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
			s.run(names[c.name]+target, a.mem, a.off, []int{1})
			for _, i := range []int{0, n - 1} {
				got := float64(a.mem[y+i])
				if got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) && !(math.Abs(got-c.want) <= 2*spacing(c.want)) {
					t.Errorf("%s %s(%g) = %g, want %g", target, c.name, c.x, got, c.want)
				}
			}
		}
	}
}

// TestSineNearMultiples: next to multiples of pi/2, where almost all of a number's digits are taken off
// in the reduction, sin and cos keep their accuracy, and all targets give the same bits.
func TestSineNearMultiples(t *testing.T) {
	const n = 20000
	s := newSuite(t)
	names := map[string]string{}
	for _, name := range []string{"sin", "cos"} {
		var d dag
		d.store(d.node(name, d.load(kernels.Operand{Name: "x", Col: 1})), kernels.Operand{Name: "y", Col: 1})
		names[name] = s.add(d.rows(n))
	}
	s.build()
	r := rand.New(rand.NewPCG(13, 14))
	x := make([]float32, n)
	for i := range x {
		k := float64(r.IntN(2670176)) // so many multiples lie below 2^22
		if x[i] = float32(k * math.Pi / 2); i%2 == 1 {
			x[i] = float32(r.Float64() * 5e6) // some beyond the limit
		}
		if i%4 > 1 {
			x[i] = -x[i]
		}
	}
	for name, f := range map[string]func(float64) float64{"sin": math.Sin, "cos": math.Cos} {
		var first []float32
		for _, target := range s.targets {
			var a arena
			a.add(x)
			y := a.add(nans(n))
			s.run(names[name]+target, a.mem, a.off, []int{1})
			out := a.mem[y : y+n]
			if first == nil {
				first = out
			}
			for i, v := range x {
				want, got := f(float64(v)), out[i]
				if math.Abs(float64(v)) > 1<<22 {
					want = math.NaN()
				}
				if !(math.Abs(float64(got)-want) <= 1.5*spacing(want)) && !(got != got && math.IsNaN(want)) {
					t.Fatalf("%s %s(%g) = %g, want %g", target, name, v, got, want)
				}
				if math.Float32bits(got) != math.Float32bits(first[i]) && got == got {
					t.Fatalf("%s(%g) is %g on %s and %g on %s", name, v, got, target, first[i], s.targets[0])
				}
			}
		}
	}
}

// TestFused: a product and a sum with one rounding, against exact arithmetic.
func TestFused(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	draw := func() float32 {
		return float32(math.Ldexp(float64(r.IntN(1<<24)-1<<23), r.IntN(60)-60))
	}
	for range 200000 {
		x, y, z := draw(), draw(), draw()
		if r.IntN(4) == 0 { // close to the negative product, or to the middle between two numbers
			z = -x * y * (1 + float32(r.IntN(5)-2)/(1<<23))
		}
		exact := new(big.Float).SetPrec(400).Mul(big.NewFloat(float64(x)), big.NewFloat(float64(y)))
		exact.Add(exact, big.NewFloat(float64(z)))
		if want, _ := exact.Float32(); loop.Fused(x, y, z) != want {
			t.Fatalf("%g %g + %g = %g, want %g", x, y, z, loop.Fused(x, y, z), want)
		}
	}
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range [][4]float32{{inf, 1, 2, inf}, {inf, 0, 1, nan}, {3e38, 3e38, 1, inf}, {1, 1, -inf, -inf}, {nan, 1, 1, nan}, {inf, 1, -inf, nan}} {
		if got := loop.Fused(c[0], c[1], c[2]); got != c[3] && !(got != got && c[3] != c[3]) {
			t.Errorf("%g %g + %g = %g, want %g", c[0], c[1], c[2], got, c[3])
		}
	}
}
