package fuse_test

import (
	"fmt"
	"testing"

	"mspecc/codegen/fuse"
	"mspecc/internal/progen"
	"mspecc/ir"
	"mspecc/ir/pass"
)

// TestRandomPrograms: fused and laid out, random programs with first and second gradients
// keep their numbers, with and without the optional passes, and with operands in bf16.
func TestRandomPrograms(t *testing.T) {
	var optional []string
	for _, p := range pass.List() {
		if !p.Required {
			optional = append(optional, p.Name)
		}
	}
	const factors = 2139 // a column reduction whose result has more factors than what it reads
	for _, seed := range append(progen.Seeds(t, 400), factors) {
		for i, o := range []struct {
			pass.Options
			tol float64
		}{{tol: 1e-3}, {tol: 1e-3}, {pass.Options{Disable: optional}, 1e-3}, {pass.Options{BF16: true}, 3e-2}} {
			opt := fuse.Options{Rows: 1, Examples: []int{0, 2, 3, 4, 6}[(int(seed)+i)%5], NoLocal: seed%3 == 0}
			p := progen.Program(seed)
			feeds := progen.Feeds(seed, p.Live())
			if err := pass.Run(p, o.Options); err != nil {
				t.Fatal(err)
			}
			ok := t.Run(fmt.Sprintf("%d-%d", seed, i), func(t *testing.T) { compare(t, p.Roots(), feeds, o.tol, opt) })
			if !ok {
				small := progen.Shrink(p, func(p *ir.Program) bool {
					return len(p.Outputs) > 0 && fails(p, progen.Feeds(seed, p.Live()), opt, o.tol)
				})
				t.Fatalf("MSPECC_SEED=%d\n%s", seed, small)
			}
		}
	}
}

// fails reports whether a program's numbers change, or fusion breaks down.
func fails(p *ir.Program, feeds map[string][]float64, opt fuse.Options, tol float64) (bad bool) {
	defer func() { bad = recover() != nil || bad }()
	_, err := check(p.Roots(), feeds, tol, opt)
	return err != nil
}
