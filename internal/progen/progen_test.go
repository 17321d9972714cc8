package progen

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"mspecc/ir"
)

// TestRandom: programs are valid, repeat, compute finite numbers and cover the table.
func TestRandom(t *testing.T) {
	seen := map[ir.Op]bool{}
	for _, seed := range Seeds(t, 150) {
		p := Program(seed)
		if err := ir.Verify(p); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if seed < 10 && p.String() != Program(seed).String() {
			t.Fatalf("seed %d gives two programs", seed)
		}
		live := p.Live()
		for _, v := range live {
			seen[v.Op] = true
		}
		out, err := ir.Eval(Feeds(seed, live), p.Roots()...)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for i, x := range out {
			for _, y := range x {
				if math.IsNaN(y) || math.Abs(y) > 1e6 {
					t.Fatalf("seed %d: %s is %v", seed, p.Outputs[i].Value, y)
				}
			}
		}
	}
	for _, op := range ir.Ops() {
		made := op == ir.OpPack || op == ir.OpInterleave // by a pass alone
		if !seen[op] && !made && len(Seeds(t, 2)) > 1 {
			t.Errorf("no program uses %s", op)
		}
	}
}

// TestGradients compares the gradients of whole programs with central differences.
func TestGradients(t *testing.T) {
	for _, seed := range Seeds(t, 60) {
		b, _ := Random(3 * seed) // without gradients
		loss := b.Values()[len(b.Values())-1]
		if loss.Rank() != 0 {
			t.Fatalf("seed %d ends with %s", seed, loss)
		}
		feeds := Feeds(seed, b.Values())
		b, loss = freeze(t, b, loss, feeds)
		var wrt []*ir.Value
		for _, v := range b.Values() {
			if v.Op == ir.OpParam {
				wrt = append(wrt, v)
			}
		}
		grads, err := ir.Eval(feeds, b.Grad(loss, wrt...)...)
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range wrt {
			for _, j := range []int{0, w.Len() / 2} {
				const h = 1e-6
				at := func(h float64) float64 {
					x := append([]float64(nil), feeds[w.Attr.Name]...)
					x[j] += h
					moved := map[string][]float64{w.Attr.Name: x}
					for k, x := range feeds {
						if k != w.Attr.Name {
							moved[k] = x
						}
					}
					out, err := ir.Eval(moved, loss)
					if err != nil {
						t.Fatal(err)
					}
					return out[0][0]
				}
				numeric, left, right := (at(h)-at(-h))/(2*h), (at(0)-at(-h))/h, (at(h)-at(0))/h
				if math.Abs(left-right) > 1e-3 {
					continue // a jump or bend right here
				}
				if d := grads[i][j]; math.Abs(d-numeric) > 1e-6*(1+math.Abs(d)) {
					t.Errorf("seed %d: %s[%d]: numeric %v, analytic %v", seed, w.Attr.Name, j, numeric, d)
				}
			}
		}
	}
}

// freeze makes stopped values inputs, as differences must not move them either.
func freeze(t *testing.T, b *ir.Builder, loss *ir.Value, feeds map[string][]float64) (*ir.Builder, *ir.Value) {
	to := ir.NewBuilder()
	moved := map[*ir.Value]*ir.Value{}
	for _, v := range ir.Reachable([]*ir.Value{loss}) {
		args := make([]*ir.Value, len(v.Args))
		for i, a := range v.Args {
			args[i] = moved[a]
		}
		if v.Op != ir.OpStopGradient {
			moved[v] = to.Copy(v, args)
			continue
		}
		x, err := ir.Eval(feeds, v)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("stop %d", v.ID)
		feeds[name] = x[0]
		moved[v] = to.Input(name, ir.F32, v.Shape())
	}
	return to, moved[loss]
}

// TestShrink finds the one operation that a failure hangs on.
func TestShrink(t *testing.T) {
	hasExp := func(p *ir.Program) bool {
		return slices.ContainsFunc(p.Live(), func(v *ir.Value) bool { return v.Op == ir.Exp })
	}
	p, seed := Program(7), uint64(7)
	for ; !hasExp(p); p = Program(seed) {
		seed++
	}
	small := Shrink(p, hasExp)
	if live := small.Live(); len(live) != 2 || live[1].Op != ir.Exp {
		t.Errorf("shrunk to\n%s", small)
	}
}
