package ir

import (
	"math"
	"slices"
	"testing"
)

// gradAt is the gradient of the sum of f(x) at x.
func gradAt(t *testing.T, x []float64, f func(b *Builder, x *Value) *Value) []float64 {
	t.Helper()
	b := NewBuilder()
	in := b.Input("x", F32, []int{len(x)})
	y := f(b, in)
	for y.Rank() > 0 {
		y = b.Sum(y, 0)
	}
	out, err := Eval(map[string][]float64{"x": x}, b.Grad(y, in)...)
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

// TestSubgradients fixes the gradient where there is none in the usual sense.
func TestSubgradients(t *testing.T) {
	inf := math.Inf(1)
	zero := func(b *Builder, x *Value) *Value { return b.Splat(0, x.Shape()...) }
	cases := []struct {
		name    string
		x, want []float64
		f       func(b *Builder, x *Value) *Value
	}{
		{"abs at 0 is 0", []float64{-2, 0, 3}, []float64{-1, 0, 1}, func(b *Builder, x *Value) *Value { return b.Unary(Abs, x) }},
		{"sign has none", []float64{-2, 0, 3}, []float64{0, 0, 0}, func(b *Builder, x *Value) *Value { return b.Unary(Sign, x) }},
		{"floor has none", []float64{-2, 0, 0.5}, []float64{0, 0, 0}, func(b *Builder, x *Value) *Value { return b.Unary(Floor, x) }},
		{"max shares ties", []float64{-1, 0, 1}, []float64{0, 0.5, 1}, func(b *Builder, x *Value) *Value { return b.Binary(Max, x, zero(b, x)) }},
		{"max of itself", []float64{2}, []float64{1}, func(b *Builder, x *Value) *Value { return b.Binary(Max, x, x) }},
		{"min shares ties", []float64{-1, 0, 1}, []float64{1, 0.5, 0}, func(b *Builder, x *Value) *Value { return b.Binary(Min, x, zero(b, x)) }},
		{"maximum shares ties", []float64{3, 1, 3, 3}, []float64{1. / 3, 0, 1. / 3, 1. / 3}, func(b *Builder, x *Value) *Value { return b.MaxOver(x, 0) }},
		{"a pole outside the mask, masked before", []float64{0, 4}, []float64{0, 0.25}, func(b *Builder, x *Value) *Value {
			safe := b.Binary(Lt, zero(b, x), x)
			one := b.Splat(1, x.Shape()...)
			return b.Select(safe, b.Unary(Sqrt, b.Select(safe, x, one)), zero(b, x))
		}},
		{"sqrt at 0 is infinite", []float64{0}, []float64{inf}, func(b *Builder, x *Value) *Value { return b.Unary(Sqrt, x) }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := gradAt(t, c.x, c.f); !slices.Equal(got, c.want) {
				t.Errorf("gradient %v, want %v", got, c.want)
			}
		})
	}
}

// TestStopGradient cuts the gradient in, but not with respect to, a stopped value.
func TestStopGradient(t *testing.T) {
	b := NewBuilder()
	x := b.Input("x", F32, nil)
	s := b.StopGradient(b.mul(x, x))
	y := b.mul(s, x)
	out, err := Eval(map[string][]float64{"x": {3}}, append(b.Grad(y, x, s), b.Grad(b.mul(s, s), x)...)...)
	if err != nil {
		t.Fatal(err)
	}
	if out[0][0] != 9 || out[1][0] != 3 || out[2][0] != 0 {
		t.Errorf("gradients %v, want 9, 3, 0", out)
	}
}

// TestGradWRT takes gradients with respect to values of which one depends on the other,
// is the result itself, or has no influence.
func TestGradWRT(t *testing.T) {
	b := NewBuilder()
	x, z := b.Input("x", F32, nil), b.Input("z", F32, nil)
	y := b.mul(x, x)
	f := b.mul(y, x)
	out, err := Eval(map[string][]float64{"x": {2}, "z": {1}}, b.Grad(f, y, x, z, f)...)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{2, 12, 0, 1} { // the total derivative in x: y is a function of it
		if out[i][0] != want {
			t.Errorf("gradient %d is %v, want %v", i, out[i][0], want)
		}
	}
}

// TestGradInLoop: a gradient in a long loop looks at what its round built, not at the rounds before.
func TestGradInLoop(t *testing.T) {
	b := NewBuilder()
	x, reached := b.Input("x", F32, []int{4}), 0
	for round := range 100 {
		loss := b.Sum(b.mul(x, x), 0)
		if n := len(b.needed.find(loss, []*Value{x})); round > 0 && n != reached {
			t.Fatalf("round %d looks at %d values, the one before at %d", round, n, reached)
		} else {
			reached = n
		}
		x = b.sub(x, b.Grad(loss, x)[0])
	}
}

// TestGradPath says which operation blocks a gradient.
func TestGradPath(t *testing.T) {
	b := NewBuilder()
	x, w := b.Input("x", F32, []int{4}), b.Input("w", F32, []int{4})
	picked := b.Sum(b.Gather(w, b.ArgSort(x), 0), 0)
	if ok, blocker := b.GradPath(picked, x); ok || blocker == nil {
		t.Errorf("a path through argsort: %v, blocked by %v", ok, blocker)
	}
	if ok, _ := b.GradPath(picked, w); !ok {
		t.Error("no path through gather")
	}
	if ok, blocker := b.GradPath(b.Sum(w, 0), x); ok || blocker != nil {
		t.Errorf("independent values: %v, %v", ok, blocker)
	}
}
