package kernels_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"mspecc/ir/loop"
	"mspecc/kernels"
)

// guardCase is a kernel whose tensors are as long as it says, with the results last.
type guardCase struct {
	name    string
	spec    lowerer
	counts  []int
	sizes   []int // of each operand, in elements
	results int
	kernel  string
}

// guardCases have shapes around the lanes of each machine.
func guardCases() []guardCase {
	var list []guardCase
	operands := func(ops []kernels.Operand, rows, width int) (sizes []int) {
		for _, o := range ops {
			row := (width-1)*o.Col + 1
			if o.Half {
				row = (width + 1) / 2
			}
			sizes = append(sizes, (rows-1)*o.Row+row)
		}
		return sizes
	}
	for _, w := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 15, 16, 17, 23, 31, 33, 70} {
		const rows = 2
		var d dag
		x := d.load(kernels.Operand{Row: w, Col: 1})
		id := d.load(kernels.Operand{Int: true, Row: w, Col: 1})
		far := d.load(kernels.Operand{Row: 3 * w, Col: 3})
		sum := d.node("add", d.node("mul", x, far), d.node("sub", id, d.node("rowmax", x)))
		d.store(sum, kernels.Operand{Row: w, Col: 1})
		d.store(sum, kernels.Operand{Half: true, Row: (w + 1) / 2, Col: 1})
		d.store(d.node("floor", sum), kernels.Operand{Int: true, Row: w, Col: 1})
		d.store(sum, kernels.Operand{Row: 2 * w, Col: 2})
		list = append(list, guardCase{"rows", d.rows(w), []int{rows}, operands(d.operands, rows, w), 4, ""})
		c := columnExtremes(w)
		list = append(list, guardCase{"columns", c, []int{rows}, operands(c.Operands, rows, w), 1, ""})
		for _, pairs := range []bool{false, true} {
			const k = 3
			m := &kernels.MatMul{N: w, AM: k, AK: 1, BK: w, CM: w, Pairs: pairs}
			list = append(list, guardCase{"matmul", m, []int{7, k, 1}, []int{7 * k, k * w, 7 * w}, 1, ""})
		}
		if w%2 == 0 {
			m := &kernels.MatMul{N: w, AM: 3, AK: 1, BK: w, CM: w / 2, Half: true}
			list = append(list, guardCase{"matmul, rounded", m, []int{7, 3, 0}, []int{7 * 3, 3 * w, 7 * w / 2}, 1, ""})
		}
		for _, r := range []int{5, 9} {
			tr := &kernels.Transpose{R: r, C: w, In: w, Out: r, InNext: r * w, OutNext: r * w}
			list = append(list, guardCase{"transpose", tr, []int{2}, []int{2 * r * w, 2 * r * w}, 1, ""})
		}
		in := &kernels.Interleave{Width: w, In: w, Out: 2 * w}
		list = append(list, guardCase{"interleave", in, []int{2}, []int{4 * w, 4 * w}, 1, ""})
	}
	return list
}

// TestGuardPages: no kernel touches what lies before or behind a tensor, be it only to read it. Each
// tensor in turn is the first after and the last before a page that must not be touched.
func TestGuardPages(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("pages are guarded on Linux only")
	}
	s := newSuite(t)
	list := guardCases()
	for i := range list {
		list[i].kernel = s.add(list[i].spec)
	}
	s.build()
	r := rand.New(rand.NewPCG(41, 42))
	for _, c := range list {
		for _, target := range s.targets {
			if assembly[target] == nil {
				continue
			}
			for outer := range c.sizes {
				for _, end := range []bool{false, true} {
					if err := c.check(s, target, outer, end, r); err != nil {
						t.Fatalf("%s, %s, %+v, operand %d: %v", target, c.name, c.spec, outer, err)
					}
				}
			}
		}
	}
}

// check runs a kernel with one operand at the end of the memory or at its beginning, and compares
// with the interpreter.
func (c guardCase) check(s *suite, target string, outer int, end bool, r *rand.Rand) error {
	k := s.byName[c.kernel+target]
	sizes := append(append([]int(nil), c.sizes...), k.Scratch)
	order := make([]int, 0, len(sizes))
	for i := range sizes {
		if i != outer {
			order = append(order, i)
		}
	}
	if end {
		order = append(order, outer)
	} else {
		order = append([]int{outer}, order...)
	}
	off := make([]int, len(sizes))
	var mem []float32
	for _, i := range order {
		off[i] = len(mem)
		for range sizes[i] { // also as pairs of bf16: small whole numbers are exact, however products are rounded
			mem = append(mem, float32(r.IntN(9)-4))
		}
	}
	want := append([]float32(nil), mem...)
	if err := loop.Interpret(k, want, off, c.counts); err != nil {
		return err
	}
	s.runner.RunGuarded(c.kernel+target, mem, off, c.counts, end)
	for i := len(c.sizes) - c.results; i < len(c.sizes); i++ {
		for j := range c.sizes[i] {
			if at := off[i] + j; !sameBits(mem[at], want[at]) {
				return fmt.Errorf("element %d of operand %d is %g, want %g", j, i, mem[at], want[at])
			}
		}
	}
	return nil
}
