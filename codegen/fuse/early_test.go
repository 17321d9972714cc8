package fuse

import (
	"slices"
	"testing"

	"mspecc/ir"
)

// TestSumsFirst: the sum of a loss's weights over the batch goes first with what it is made of;
// what a parameter has a part in, and what has a value for each example, stays behind.
func TestSumsFirst(t *testing.T) {
	const examples = 64
	b := ir.NewBuilder()
	x, w := b.Input("x", ir.F32, []int{examples, 8}), b.Param("w", []int{8, 8}, ir.Init{})
	y := b.MatMul(x, w)
	mask := b.Input("mask", ir.F32, []int{examples})
	weight := b.Unary(ir.Exp, mask)
	other := b.Unary(ir.Tanh, mask)
	total := b.Sum(weight, 0)
	each := b.Binary(ir.Mul, b.Binary(ir.Mul, b.Sum(y, 1), weight), other)
	loss := b.Binary(ir.Div, b.Sum(each, 0), total)

	order := ir.Reachable([]*ir.Value{loss})
	got := sumsFirst(order, examples)
	if want := []*ir.Value{mask, weight, total}; !slices.Equal(got[:3], want) {
		t.Errorf("first come %v, want %v", got[:3], want)
	}
	rest := slices.DeleteFunc(slices.Clone(order), func(v *ir.Value) bool { return slices.Contains(got[:3], v) })
	if !slices.Equal(got[3:], rest) {
		t.Errorf("then come %v, want %v", got[3:], rest)
	}
}
