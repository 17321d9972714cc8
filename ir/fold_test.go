package ir

import (
	"fmt"
	"math"
	"testing"
)

// TestFoldSamples: every sample, and its gradient's gradient, has the same numbers with
// and without simplifications.
func TestFoldSamples(t *testing.T) {
	for _, op := range Ops() {
		for i := range op.Info().samples(NewBuilder()) {
			t.Run(fmt.Sprintf("%s/%d", op, i), func(t *testing.T) {
				var results [2][][]float64
				for k, fold := range []bool{false, true} {
					b := NewBuilder()
					b.Fold = fold
					v := op.Info().samples(b)[i]
					c, wrt := newCheck(t, b, v)
					want := []*Value{v}
					if v.Type.DType == F32 {
						f, seed := c.pair(b.mul(v, v), "real seed")
						grads := b.Grad(f, append(wrt, seed)...)
						want = append(want, grads...)
						h, _ := c.pair(grads[0], "real seed 2")
						want = append(want, b.Grad(h, append(wrt, seed)...)...)
					}
					results[k] = c.eval(c.feeds, want...)
				}
				for j, x := range results[0] {
					for l := range x {
						if y := results[1][j][l]; !(math.Abs(x[l]-y) <= 1e-12*(1+math.Abs(x[l]))) {
							t.Fatalf("value %d, element %d: %v, folded %v", j, l, x[l], y)
						}
					}
				}
			})
		}
	}
}

// TestFoldRules states each rule: what is built and the one line it becomes.
func TestFoldRules(t *testing.T) {
	cases := []struct {
		want string
		f    func(b *Builder, x, y *Value) *Value // x, y: f32[2,3]
	}{
		{"%0", func(b *Builder, x, _ *Value) *Value { return b.neg(b.neg(x)) }},
		{"sub %1 %0", func(b *Builder, x, y *Value) *Value { return b.neg(b.sub(x, y)) }},
		{"%0", func(b *Builder, x, _ *Value) *Value { return b.add(x, b.Splat(0, 2, 3)) }},
		{"sub %0 %1", func(b *Builder, x, y *Value) *Value { return b.add(b.neg(y), x) }},
		{"add %0 %1", func(b *Builder, x, y *Value) *Value { return b.add(y, x) }},
		{"sub %0 %0", func(b *Builder, x, _ *Value) *Value { return b.sub(x, x) }},
		{"mul %0 %2", func(b *Builder, x, _ *Value) *Value { return b.scale(x, 0) }},
		{"div %2 %0", func(b *Builder, x, _ *Value) *Value { return b.div(b.Splat(0, 2, 3), x) }},
		{"div %0 %2", func(b *Builder, x, _ *Value) *Value { return b.div(x, b.Splat(1e-40, 2, 3)) }},
		{"mul %0 %3", func(b *Builder, x, _ *Value) *Value { return b.div(x, b.Splat(8, 2, 3)) }},
		{"mul %3 %4", func(b *Builder, x, _ *Value) *Value { return b.scale(b.scale(x, 1e30), 1e-30) }},
		{"mul %1 %3", func(b *Builder, x, y *Value) *Value { return b.mul(b.scale(x, 1e-30), y) }},
		{"%0", func(b *Builder, x, _ *Value) *Value { return b.scale(b.scale(x, 4), 0.25) }},
		{"neg %0", func(b *Builder, x, _ *Value) *Value { return b.scale(x, -1) }},
		{"mul %0 %1", func(b *Builder, x, y *Value) *Value { return b.mul(b.neg(x), b.neg(y)) }},
		{"const 6", func(b *Builder, _, _ *Value) *Value { return b.Sum(b.Splat(1, 2, 3), 0, 1) }},
		{"sum %0", func(b *Builder, x, _ *Value) *Value { return b.neg(b.Sum(b.neg(x), 0)) }},
		{"%0", func(b *Builder, x, _ *Value) *Value { return b.Reshape(b.Reshape(x, []int{6}), []int{2, 3}) }},
		{"%0", func(b *Builder, x, _ *Value) *Value { return b.Transpose(b.Transpose(x, 1, 0), 1, 0) }},
		{"%1", func(b *Builder, x, y *Value) *Value { return b.Slice(b.Concat(0, x, y), []int{2, 0}, []int{4, 3}, nil) }},
		{"concat %0 %1", func(b *Builder, x, y *Value) *Value {
			return b.add(b.Pad(y, []int{2, 0}, []int{0, 0}), b.Pad(x, []int{0, 0}, []int{2, 0}))
		}},
		{"%0", func(b *Builder, x, y *Value) *Value { return b.Select(b.Splat(1, 2, 3), x, y) }},
		{"matmul %0 %2", func(b *Builder, x, _ *Value) *Value { return b.MatMul(x, b.Splat(0, 3, 4)) }},
		{"broadcast %4", func(b *Builder, x, _ *Value) *Value { // computed on f32[2,1]
			return b.Unary(Exp, b.Broadcast(b.piece(x, 1, 0, 1), []int{2, 3}))
		}},
	}
	for i, c := range cases {
		b := NewBuilder()
		b.Fold = true
		v := c.f(b, b.Input("x", F32, []int{2, 3}), b.Input("y", F32, []int{2, 3}))
		got := v.Op.String()
		switch v.Op {
		case OpInput:
			got = fmt.Sprintf("%%%d", v.ID)
		case OpConst:
			got = fmt.Sprintf("const %v", v.Attr.Const)
		}
		for _, a := range v.Args {
			got += fmt.Sprintf(" %%%d", a.ID)
		}
		if got != c.want {
			t.Errorf("rule %d gives %s, want %s", i, got, c.want)
		}
	}
}
