package pass

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"mspecc/internal/progen"
	"mspecc/ir"
)

// TestInnerGradients takes inner gradients of random programs by each of their intermediate values
// in turn, and then by others of that, up to order three. The program as it was elaborated, without
// any rewriting, is what they are held against: by central differences, order by order, and then
// after the passes before differentiation and after all passes.
func TestInnerGradients(t *testing.T) {
	checked, skipped := 0, 0
	for _, seed := range progen.Seeds(t, 40) {
		for y := range progen.Variables(seed) {
			in := progen.NewInner(seed, y)
			feeds := progen.Feeds(seed, in.Live())
			p := *in.Program
			if err := Prepare(&p, Options{Check: true}); err != nil {
				t.Fatalf("MSPECC_SEED=%d, variable %d: %v", seed, y, err)
			}
			if msg := progen.Compare(feeds, in.Program, &p, 1e-8); msg != "" {
				t.Fatalf("MSPECC_SEED=%d, variable %d: %s\n%s", seed, y, msg, in.Program)
			}
			for _, d := range in.Derivatives {
				switch msg := numericFault(d, feeds, seed); msg {
				case "":
					checked++
				case "rough":
					skipped++
				default:
					t.Fatalf("MSPECC_SEED=%d, variable %d, order %d: %s\n%s", seed, y, d.Order, msg, in.Program)
				}
			}
		}
	}
	t.Logf("%d gradients, %d more at kinks", checked, skipped)
	if skipped > checked/10 {
		t.Errorf("%d of %d gradients could not be checked", skipped, checked+skipped)
	}
}

// numericFault compares a gradient along a random direction with differences of its loss, in which
// the variable is a leaf and what gradients are stopped at does not move. It returns "rough" where the
// loss has a kink, at which a gradient is a convention, or bends too much.
func numericFault(d progen.Derivative, feeds map[string][]float64, seed uint64) string {
	y := d.Variable
	at, err := ir.Eval(feeds, y, d.Grad)
	if err != nil {
		return err.Error()
	}
	p, free, err := cutAt(d.Loss, y, feeds)
	if err != nil {
		return err.Error()
	}
	r := rand.New(rand.NewPCG(seed, uint64(d.Order)))
	dir, want := make([]float64, y.Len()), 0.0
	for i := range dir {
		dir[i] = r.NormFloat64()
		want += dir[i] * at[1][i]
	}
	along := func(h float64) float64 {
		x := make([]float64, len(dir))
		for i, d := range dir {
			x[i] = at[0][i] + h*d
		}
		free["variable"] = x
		out, err := ir.Eval(free, p)
		if err != nil {
			panic(err)
		}
		return out[0][0]
	}
	const h = 1e-5
	at0 := along(0)
	slope := func(h float64) float64 { return (along(h) - along(-h)) / (2 * h) }
	bend := func(h float64) float64 { return (along(h) + along(-h) - 2*at0) / h } // of both sides' slopes: by h, but at a kink
	coarse, fine, kink := slope(2*h), slope(h), 2*bend(h)-bend(2*h)
	if !(math.Abs(coarse-fine) < 1e-6*(1+math.Abs(fine)) && math.Abs(kink) < 1e-6*(1+math.Abs(fine))) {
		return "rough"
	}
	if math.Abs(fine-want) > 1e-5*(1+math.Abs(want)) {
		return fmt.Sprintf("along a direction of %s: numeric %v, analytic %v", y, fine, want)
	}
	return ""
}

// cutAt copies loss with an input "variable" in place of y, and inputs in place of what gradients
// are stopped at.
func cutAt(loss, y *ir.Value, feeds map[string][]float64) (*ir.Value, map[string][]float64, error) {
	b, to, free := ir.NewBuilder(), map[*ir.Value]*ir.Value{}, map[string][]float64{}
	for name, x := range feeds {
		free[name] = x
	}
	var stopped []*ir.Value
	for _, v := range ir.Reachable([]*ir.Value{loss}) {
		switch {
		case v == y:
			to[v] = b.Input("variable", ir.F32, v.Shape())
		case v.Op == ir.OpStopGradient:
			stopped = append(stopped, v)
			to[v] = b.Input(fmt.Sprint("stopped ", v.ID), ir.F32, v.Shape())
		default:
			args := make([]*ir.Value, len(v.Args))
			for i, a := range v.Args {
				args[i] = to[a]
			}
			to[v] = b.Copy(v, args)
		}
	}
	values, err := ir.Eval(feeds, stopped...)
	for i, v := range stopped {
		free[fmt.Sprint("stopped ", v.ID)] = values[i]
	}
	return to[loss], free, err
}

// TestGradientByGradient: one gradient that is made of another depends on it, though the other's rows
// are looked up.
func TestGradientByGradient(t *testing.T) {
	b := ir.NewBuilder()
	x := b.Param("x", []int{5, 3}, ir.Init{})
	z := b.Binary(ir.Mul, x, b.Splat(2, 5, 3))
	summed := b.ScatterAdd(z, b.Input("index 2", ir.I32, []int{5}), 0, 2)
	gs := b.Grad(b.Sum(b.Unary(ir.Tanh, summed), 0, 1), z, x) // by z it is a lookup, by x that times 2
	again := b.Grad(b.Sum(b.Unary(ir.Sin, gs[1]), 0, 1), gs[0])[0]
	p := &ir.Program{B: b, Outputs: []ir.Output{{Name: "out", Value: again}}}
	q := *p
	if err := Prepare(&q, Options{Check: true}); err != nil {
		t.Fatal(err)
	}
	if msg := progen.Compare(progen.Feeds(1, p.Live()), p, &q, 1e-12); msg != "" {
		t.Error(msg)
	}
}
