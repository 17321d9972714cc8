package ir_test

import (
	"fmt"
	"math"
	"testing"

	"mspecc/internal/progen"
	"mspecc/ir"
)

// checkBounds compares what is known of every value with its elements, up to the rounding of the interpreter.
func checkBounds(t *testing.T, what string, feeds map[string][]float64, values []*ir.Value) (bounded int) {
	t.Helper()
	bounds := ir.Bounds{Leaf: func(v *ir.Value) ir.Interval {
		i := ir.Interval{Lo: math.Inf(1), Hi: math.Inf(-1)}
		for _, x := range feeds[v.Attr.Name] {
			i = ir.Interval{Lo: min(i.Lo, x), Hi: max(i.Hi, x)}
		}
		return i
	}}
	got, err := ir.Eval(feeds, values...)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for i, v := range values {
		known := bounds.Of(v)
		if !math.IsInf(known.Lo, 0) && !math.IsInf(known.Hi, 0) {
			bounded++
		}
		slack := 1e-12 * max(1, math.Abs(known.Lo), math.Abs(known.Hi))
		for _, x := range got[i] {
			if v.Type.DType != ir.BF16x2 && !(x >= known.Lo-slack && x <= known.Hi+slack) {
				t.Fatalf("%s: %%%d = %s has an element %g, outside of %v", what, v.ID, v.Op, x, known)
			}
		}
	}
	return bounded
}

// TestBounds: no element of a random program is outside of what is known of its tensor, and of most something is
// known.
func TestBounds(t *testing.T) {
	bounded, all := 0, 0
	for _, seed := range progen.Seeds(t, 100) {
		p := progen.Program(seed)
		values := p.Live()
		bounded += checkBounds(t, fmt.Sprint("seed ", seed), progen.Feeds(seed, values), values)
		all += len(values)
	}
	if bounded < all/4 {
		t.Errorf("bounds are known of %d of %d values", bounded, all)
	}
	feeds := map[string][]float64{"x": {1, 2, 3, 4, 5, 6}, "y": {6, 5, 4, 3, 2, 1}, "i": {2, 0}, "p": {7, 8}}
	for op, m := range meanings {
		if op == ir.OpUniform { // is fed with numbers that it never has
			continue
		}
		p, err := ir.Parse(op.String(), arguments+m.text+"\noutput \"r\" = %9")
		if err != nil {
			t.Fatal(err)
		}
		checkBounds(t, op.String(), feeds, p.Roots())
	}
}
