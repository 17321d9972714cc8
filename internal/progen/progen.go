// Package progen makes random, well-typed tensor programs and numbers to run them on, to
// compare what should be equal: a program before and after a pass, interpreted and
// compiled, on one target and another.
package progen

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mspecc/ir"
)

// Random builds the program of a seed: 20 to 60 values over small shapes, drawn from the
// operation table, then by the seed nothing, gradients, or gradients of gradients (seed
// modulo 3) of a scalar made from them; the inner ones also by values in between. The outputs are
// that scalar, some of the values and the gradients.
//
// Magnitudes stay bounded and poles are avoided. Operations that jump (comparisons,
// floor, argsort, ties of max) only see numbers that every implementation has exactly:
// inputs, their views and multiples by powers of two. So float32 may be compared with
// float64.
func Random(seed uint64) (b *ir.Builder, outputs []*ir.Value) {
	g, loss := grow(seed)
	outputs = append(outputs, loss)
	for range 3 {
		outputs = append(outputs, g.any(func(v *ir.Value) bool { return v.Type.DType == ir.F32 }))
	}
	for order := seed % 3; order > 0; order-- {
		if order == 1 {
			g.b.Phase = ir.Backward
		}
		wrt := g.smooth
		if order == 2 {
			wrt = append(slices.Clone(wrt), g.some(loss, 3)...)
		}
		grads := g.b.Grad(loss, wrt...)
		outputs = append(outputs, grads...)
		loss = g.b.Const(0)
		for _, d := range grads {
			loss = g.b.Binary(ir.Add, loss, g.mean(g.b.Unary(ir.Tanh, d)))
		}
	}
	slices.SortFunc(outputs, func(x, y *ir.Value) int { return x.ID - y.ID })
	return g.b, slices.Compact(outputs)
}

// grow builds the values of a program and a scalar that depends on all of them.
func grow(seed uint64) (*generator, *ir.Value) {
	g := &generator{b: ir.NewBuilder(), r: rand.New(rand.NewPCG(seed, 2))}
	g.leaves()
	for n := 20 + g.r.IntN(41); len(g.b.Values()) < n; {
		g.step()
	}
	return g, g.loss()
}

// Program is Random with outputs named by their place.
func Program(seed uint64) *ir.Program {
	b, outputs := Random(seed)
	p := &ir.Program{B: b}
	for i, v := range outputs {
		p.Outputs = append(p.Outputs, ir.Output{Name: fmt.Sprintf("out%d", i), Value: v})
	}
	return p
}

// Feeds draws numbers, all of them exact in float32, for the inputs, parameters and
// streams of a program: parameters and f32 inputs in [-2, 2], streams in [0, 1), integers
// in [0, N) where the input's name is "index N".
func Feeds(seed uint64, values []*ir.Value) map[string][]float64 {
	feeds := map[string][]float64{}
	for _, v := range values {
		switch v.Op {
		case ir.OpInput, ir.OpParam, ir.OpUniform:
			// A generator for each name: numbers do not depend on what else is there.
			r := rand.New(rand.NewPCG(seed, uint64(len(v.Attr.Name))<<32+hash(v.Attr.Name)))
			feeds[v.Attr.Name] = feed(r, v)
		}
	}
	return feeds
}

func hash(s string) uint64 {
	h := uint64(7)
	for _, c := range s {
		h = h*31 + uint64(c)
	}
	return h & 0xffffffff
}

func feed(r *rand.Rand, v *ir.Value) []float64 {
	x := make([]float64, v.Len())
	n := 0
	if v.Type.DType == ir.I32 {
		if _, err := fmt.Sscanf(v.Attr.Name, "index %d", &n); err != nil || n < 1 {
			n = 1
		}
	}
	for i := range x {
		switch {
		case n > 0:
			x[i] = float64(r.IntN(n))
		case v.Op == ir.OpUniform:
			x[i] = float64(r.Uint32()>>8) / (1 << 24)
		default:
			x[i] = float64(float32(4*r.Float64() - 2))
		}
	}
	return x
}

// Seeds yields the seeds a test should run: 0 to n-1; only the one in the environment variable
// MSPECC_SEED, to replay a failure; or those from FROM up to TO in MSPECC_SEED=FROM-TO, for a long run.
func Seeds(t testing.TB, n int) []uint64 {
	t.Helper()
	from, to := uint64(0), uint64(n)
	if s := os.Getenv("MSPECC_SEED"); s != "" {
		first, last, ranged := strings.Cut(s, "-")
		var err error
		if from, err = strconv.ParseUint(first, 10, 64); err == nil {
			if to = from + 1; ranged {
				to, err = strconv.ParseUint(last, 10, 64)
			}
		}
		if err != nil || to <= from {
			t.Fatalf("MSPECC_SEED=%s: expected the number of a seed, or FROM-TO", s)
		}
	}
	seeds := make([]uint64, 0, to-from)
	for ; from < to; from++ {
		seeds = append(seeds, from)
	}
	return seeds
}

// Compare interprets two programs on the same numbers and says where outputs of the same
// name differ by more than tol of the output's largest magnitude or 1; "" if nowhere.
func Compare(feeds map[string][]float64, p, q *ir.Program, tol float64) string {
	x, err := ir.Eval(feeds, p.Roots()...)
	if err != nil {
		return err.Error()
	}
	y, err := ir.Eval(feeds, q.Roots()...)
	if err != nil {
		return err.Error()
	}
	if len(x) != len(y) {
		return fmt.Sprintf("%d outputs became %d", len(x), len(y))
	}
	for i, o := range p.Outputs {
		if r := q.Outputs[i]; r.Name != o.Name || !r.Value.Type.Equal(o.Value.Type) {
			return fmt.Sprintf("output %q of type %s became %q of type %s", o.Name, o.Value.Type, r.Name, r.Value.Type)
		}
		if j := Differ(x[i], y[i], tol); j >= 0 {
			return fmt.Sprintf("output %q, element %d: %v became %v\n%s\n%s", o.Name, j, x[i][j], y[i][j], o.Value, q.Outputs[i].Value)
		}
	}
	return ""
}

// Differ finds the first element in which want and got differ by more than tol of the
// largest magnitude of want, or of 1; -1 if there is none.
func Differ(want, got []float64, tol float64) int {
	scale := 1.0
	for _, x := range want {
		scale = max(scale, math.Abs(x))
	}
	for i, x := range want {
		if !(math.Abs(x-got[i]) <= tol*scale) {
			return i
		}
	}
	return -1
}
