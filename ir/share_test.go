package ir_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"mspecc/internal/progen"
	"mspecc/ir"
)

// TestShareRandom builds random row-wise work on rows of which some are looked up, with and without
// sharing it, and compares results and first and second derivatives.
func TestShareRandom(t *testing.T) {
	const batch, own, picked, rows, width = 3, 2, 4, 5, 4
	shared := 0
	for _, seed := range progen.Seeds(t, 100) {
		var ps [2]*ir.Program
		var products [2]int64
		for i := range ps {
			r := rand.New(rand.NewPCG(seed, 1))
			b := ir.NewBuilder()
			b.Share = i == 1
			table, x := b.Param("table", []int{rows, width}, ir.Init{}), b.Param("x", []int{batch, own, width}, ir.Init{})
			idx := b.Reshape(b.Slice(b.ArgSort(b.Uniform("order", []int{batch, rows})), []int{0, 0}, []int{batch, picked}, nil), []int{batch * picked})
			found := b.Reshape(b.Gather(table, idx, 0), []int{batch, picked, width})
			y := found
			switch r.IntN(3) {
			case 0:
				y = b.Concat(1, x, found)
			case 1:
				y = b.Concat(1, found, x)
			}
			y = work(b, r, y)
			p := &ir.Program{B: b, Outputs: []ir.Output{{Name: "y", Value: y}}}
			sum := b.Sum(b.Binary(ir.Mul, y, y), 0, 1, 2)
			for j, g := range b.Grad(sum, table, x) {
				p.Outputs = append(p.Outputs, ir.Output{Name: fmt.Sprint("first", j), Value: g})
				axes := []int{0, 1, 2}
				for k, h := range b.Grad(b.Sum(b.Binary(ir.Mul, g, g), axes[:g.Rank()]...), table, x) {
					p.Outputs = append(p.Outputs, ir.Output{Name: fmt.Sprint("second", j, k), Value: h})
				}
			}
			ps[i] = p
			for _, n := range ir.Flops(ir.Reachable([]*ir.Value{y})) {
				products[i] += n
			}
		}
		if products[1] < products[0] {
			shared++
		}
		if products[1] > products[0] {
			t.Errorf("MSPECC_SEED=%d: sharing costs operations: %d, before %d", seed, products[1], products[0])
		}
		if msg := progen.Compare(progen.Feeds(seed, ps[0].B.Values()), ps[0], ps[1], 1e-8); msg != "" {
			t.Fatalf("MSPECC_SEED=%d: %s", seed, msg)
		}
	}
	if shared < 20 && len(progen.Seeds(t, 2)) > 1 {
		t.Errorf("work was shared in %d programs only", shared)
	}
}

// work applies a few random operations to the rows y [B, N, K], among them ones that mix rows.
func work(b *ir.Builder, r *rand.Rand, y *ir.Value) *ir.Value {
	for step := range 6 {
		s := y.Shape()
		each := func(v *ir.Value) *ir.Value { return b.Broadcast(b.Reshape(v, []int{s[0], s[1], 1}), s) }
		same := b.Broadcast(b.Param(fmt.Sprint("bias", s[2]), []int{s[2]}, ir.Init{}), s)
		switch r.IntN(9) {
		case 0:
			y = b.Unary(ir.Tanh, y)
		case 1:
			y = b.Binary(ir.Sub, y, each(b.Sum(y, 2)))
		case 2:
			y = b.Binary(ir.Mul, y, each(b.MaxOver(y, 2)))
		case 3:
			y = b.Softmax(y)
		case 4:
			y = b.Binary(ir.Add, y, same)
		case 5:
			n := 2 + r.IntN(3)
			y = b.MatMul(y, b.Param(fmt.Sprint("w", step, s[2], n), []int{s[2], n}, ir.Init{}))
		case 6:
			y = b.Reshape(b.Unary(ir.Tanh, b.Reshape(y, []int{s[0], s[1], s[2], 1})), s)
		case 7: // not row by row
			y = b.Binary(ir.Add, y, b.Broadcast(b.Reshape(b.Sum(y, 1), []int{s[0], 1, s[2]}), s))
		case 8: // differs between places
			y = b.Binary(ir.Mul, y, b.Broadcast(b.Uniform(fmt.Sprint("place", s[1]), []int{s[1], 1}), s))
		}
	}
	return y
}
