package progen

import (
	"fmt"
	"math"
	"math/rand/v2"

	"mspecc/ir"
)

// specials are what Sprinkle puts among numbers.
var specials = []float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), 1, -1}

// Sprinkle replaces some numbers for f32 leaves by zeros, infinities and NaN: of half the leaves
// one number in five, since nothing is left to compare where everything is NaN.
func Sprinkle(seed uint64, feeds map[string][]float64, values []*ir.Value) {
	for _, v := range values {
		x, fed := feeds[v.Attr.Name]
		r := rand.New(rand.NewPCG(seed, hash(v.Attr.Name)))
		if !fed || v.Type.DType != ir.F32 || r.IntN(2) == 0 {
			continue
		}
		for i := range x {
			if r.IntN(5) == 0 {
				x[i] = specials[r.IntN(len(specials))]
			}
		}
	}
}

// CompareKinds is Compare for numbers that may be NaN or infinite: it says where an output is
// finite in one program and not in the other, or finite in both and different.
func CompareKinds(feeds map[string][]float64, p, q *ir.Program, tol float64) string {
	x, err := ir.Eval(feeds, p.Roots()...)
	if err != nil {
		return err.Error()
	}
	y, err := ir.Eval(feeds, q.Roots()...)
	if err != nil {
		return err.Error()
	}
	finite := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	for i, o := range p.Outputs {
		scale := 1.0
		for _, v := range x[i] {
			if finite(v) {
				scale = max(scale, math.Abs(v))
			}
		}
		for j, v := range x[i] {
			w := y[i][j]
			if finite(v) != finite(w) || finite(v) && math.Abs(v-w) > tol*scale {
				return fmt.Sprintf("output %q, element %d: %v became %v\n%s\n%s", o.Name, j, v, w, o.Value, q.Outputs[i].Value)
			}
		}
	}
	return ""
}
