package ir_test

import (
	"testing"

	"mspecc/internal/progen"
	"mspecc/ir"
)

// TestNarrowRandom gathers from values of random programs with and without narrowing, and
// compares results and gradients.
func TestNarrowRandom(t *testing.T) {
	moved := 0
	for _, seed := range progen.Seeds(t, 150) {
		b, _ := progen.Random(3 * seed)
		p := &ir.Program{B: b}
		q := &ir.Program{B: b}
		var wrt []*ir.Value
		for _, v := range b.Values() {
			if v.Op == ir.OpParam {
				wrt = append(wrt, v)
			}
		}
		for _, x := range b.Values() {
			if x.Rank() == 0 || x.Type.DType != ir.F32 || x.ID > 120 {
				continue
			}
			n := x.ID % x.Rank()
			if x.Shape()[n] < 2 {
				continue
			}
			s := append(append([]int{}, x.Shape()[:n]...), x.Shape()[n]-1)
			idx := b.Float(b.ArgSort(b.Broadcast(b.Uniform("order", nil), append(s[:n:n], x.Shape()[n])))) // 0, 1, ...
			idx = b.Binary(ir.Sub, b.Splat(float64(x.Shape()[n]-1), idx.Shape()...), idx)
			rows := b.Int(b.Slice(idx, make([]int, n+1), s, nil))
			for _, r := range []struct {
				p *ir.Program
				v *ir.Value
			}{{p, b.Gather(x, rows, n)}, {q, b.GatherNarrow(x, rows, n)}} {
				r.p.Outputs = append(r.p.Outputs, ir.Output{Name: x.String(), Value: r.v})
				sum := r.v
				for sum.Rank() > 0 {
					sum = b.Sum(sum, 0)
				}
				for i, g := range b.Grad(sum, wrt...) {
					r.p.Outputs = append(r.p.Outputs, ir.Output{Name: wrt[i].String() + x.String(), Value: g})
				}
			}
			if last := len(p.Outputs) - 1 - len(wrt); p.Outputs[last].Value != q.Outputs[last].Value {
				moved++
			}
			if len(p.Outputs) > 40 {
				break
			}
		}
		if msg := progen.Compare(progen.Feeds(seed, b.Values()), p, q, 1e-9); msg != "" {
			t.Fatalf("MSPECC_SEED=%d: %s", seed, msg)
		}
	}
	if moved < 100 && len(progen.Seeds(t, 2)) > 1 {
		t.Errorf("only %d gathers moved", moved)
	}
}

// TestNarrowBlock: the rows that nobody reads of a two-layer perceptron with layer norm and
// residual, after dropping the first row, cost nothing, forward and backward.
func TestNarrowBlock(t *testing.T) {
	flops := func(narrow bool) (total int64) {
		b := ir.NewBuilder()
		b.Fold = true
		x := b.Input("x", ir.F32, []int{2, 9, 4})
		d := b.Binary(ir.Sub, x, b.Broadcast(b.Reshape(b.Sum(x, 2), []int{2, 9, 1}), []int{2, 9, 4}))
		h := b.Unary(ir.Tanh, b.MatMul(d, b.Param("w1", []int{4, 16}, ir.Init{})))
		h = b.MatMul(h, b.Param("w2", []int{16, 4}, ir.Init{}))
		h = b.Binary(ir.Add, h, b.Broadcast(b.Param("bias", []int{4}, ir.Init{}), []int{2, 9, 4}))
		h = b.Slice(b.Binary(ir.Add, h, x), []int{0, 1, 0}, []int{2, 9, 4}, nil)
		idx := b.Input("index 8", ir.I32, []int{2, 2})
		y := b.Gather(h, idx, 1)
		if narrow {
			y = b.GatherNarrow(h, idx, 1)
		}
		loss := b.Sum(b.Binary(ir.Mul, y, y), 0, 1, 2)
		grads := b.Grad(loss, b.Values()[0], b.Param("w1", []int{4, 16}, ir.Init{}), b.Param("w2", []int{16, 4}, ir.Init{}))
		for _, n := range ir.Flops(ir.Reachable(append(grads, loss))) {
			total += n
		}
		return total
	}
	if full, part := flops(false), flops(true); full != 6*2*2*9*4*16 || part != 6*2*2*2*4*16 {
		t.Errorf("%d operations in full, %d narrowed; expected 9 and 2 of 9 rows", full, part)
	}
}
