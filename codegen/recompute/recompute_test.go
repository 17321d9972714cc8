package recompute

import (
	"slices"
	"testing"

	"mspecc/codegen/fuse"
	"mspecc/internal/progen"
	"mspecc/ir"
)

// mlp is the step of a network of so many layers, h = h + tanh(h W sin(h W)), on 128 examples of
// so many numbers: its loss and the gradients of its weights.
func mlp(layers, width int) *ir.Program {
	b := ir.NewBuilder()
	h := b.Input("x", ir.F32, []int{128, width})
	var weights []*ir.Value
	for i := range layers {
		w := b.Param("w"+string(rune('a'+i)), []int{width, width}, ir.Init{})
		weights = append(weights, w)
		y := b.MatMul(h, w)
		h = b.Binary(ir.Add, h, b.Unary(ir.Tanh, b.Binary(ir.Mul, y, b.Unary(ir.Sin, y))))
	}
	loss := b.Sum(b.Binary(ir.Mul, h, h), 0, 1)
	b.Phase = ir.Backward
	p := &ir.Program{B: b, Outputs: []ir.Output{{Name: "loss", Value: loss}}}
	for i, g := range b.Grad(loss, weights...) {
		p.Outputs = append(p.Outputs, ir.Output{Name: "grad." + weights[i].Attr.Name, Value: g})
	}
	return p
}

// fused is a program in kernel form, without tiled launches: each launch is a time of its own.
func fused(t *testing.T, p *ir.Program) *fuse.Result {
	t.Helper()
	var roots []fuse.Root
	for _, o := range p.Outputs {
		roots = append(roots, fuse.Root{Value: o.Value, Name: o.Name})
	}
	leaf := func(v *ir.Value) *fuse.Buffer {
		return &fuse.Buffer{Name: v.Attr.Name, Class: fuse.Input, DType: v.Type.DType, Len: v.Len()}
	}
	res, err := fuse.Fuse(roots, leaf, func(*fuse.Launch) error { return nil }, fuse.Options{NoChains: true})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// Each level gives the same numbers, keeps its promise about matrix products, and takes
// less memory than the level below.
func TestLevels(t *testing.T) {
	p := mlp(12, 64)
	res := fused(t, p)
	last := 0
	for _, level := range []string{None, Cheap, All} {
		q, r := Run(p, res, level, 0)
		if err := ir.Verify(q); err != nil {
			t.Fatal(level, err)
		}
		if msg := progen.Compare(progen.Feeds(1, p.Live()), p, q, 0); msg != "" {
			t.Error(level, msg)
		}
		again, products := 0, 0
		for _, v := range q.Live() {
			if v.Phase == ir.Recompute {
				again++
				if v.Op == ir.OpMatMul {
					products++
				}
			}
		}
		switch {
		case level == None && (again > 0 || q != p || r.Before != r.After):
			t.Errorf("none: %d values computed again", again)
		case level == Cheap && (again == 0 || products > 0):
			t.Errorf("cheap: %d values, %d of them products", again, products)
		case level == All && products == 0:
			t.Error("all: no product is computed again")
		case level != None && (r.After >= last || r.Seconds <= 0):
			t.Errorf("%s: %d bytes in %g s, the level below takes %d bytes", level, r.After, r.Seconds, last)
		}
		last = r.After
		// What the schedule promises is what another look at the result finds.
		if peak, _ := highest(newSchedule(q, fused(t, q)).memory()); peak > r.After*5/4 {
			t.Errorf("%s: promised a peak of %d bytes, the result has %d", level, r.After, peak)
		}
	}
}

// Products of few steps are cheap.
func TestShortProducts(t *testing.T) {
	for width, want := range map[int]bool{shortInner: true, 2 * shortInner: false} {
		p := mlp(12, width)
		q, _ := Run(p, fused(t, p), Cheap, 0)
		got := slices.ContainsFunc(q.Live(), func(v *ir.Value) bool { return v.Phase == ir.Recompute && v.Op == ir.OpMatMul })
		if got != want {
			t.Errorf("products of %d steps are computed again: %v, want %v", width, got, want)
		}
	}
}

// A limit is met with as little as it takes.
func TestLimit(t *testing.T) {
	p := mlp(12, 64)
	res := fused(t, p)
	_, none := Run(p, res, All, 1<<40)
	_, least := Run(p, res, All, 0)
	if none.Values != 0 {
		t.Errorf("%d values are computed again under a limit that binds nothing", none.Values)
	}
	before := Result{}
	for _, limit := range []int{none.Before * 9 / 10, none.Before * 3 / 4, none.Before / 2} {
		_, r := Run(p, res, All, limit)
		if limit >= least.After && r.After > limit {
			t.Errorf("limit %d: the peak is %d, and %d can be reached", limit, r.After, least.After)
		}
		if r.Values < before.Values || r.Seconds < before.Seconds {
			t.Errorf("limit %d: %+v is less work than for a higher limit, %+v", limit, r, before)
		}
		before = r
	}
}

// Random programs keep their numbers, bit by bit.
func TestRandomPrograms(t *testing.T) {
	again := 0
	for _, seed := range progen.Seeds(t, 100) {
		p := progen.Program(seed)
		s := newSchedule(p, fused(t, p))
		s.smallest = 1
		r := s.choose(All, 0)
		q := s.rebuild(p)
		if err := ir.Verify(q); err != nil {
			t.Fatal(err)
		}
		if msg := progen.Compare(progen.Feeds(seed, p.Live()), p, q, 0); msg != "" {
			t.Fatalf("MSPECC_SEED=%d: %s\n%s", seed, msg, q)
		}
		again += r.Values
	}
	if again < 20 && len(progen.Seeds(t, 100)) > 1 {
		t.Errorf("only %d values are computed again", again)
	}
}
