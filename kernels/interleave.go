package kernels

import (
	"fmt"

	"mspecc/ir/loop"
)

// Lower makes a kernel that reads two rows of bf16 numbers and writes them number by number
// in turn.
func (m *Interleave) Lower(t loop.Machine) (*loop.Kernel, error) {
	if m.Width <= 0 {
		return nil, fmt.Errorf("interleave: width %d", m.Width)
	}
	b := newBuilder(t, []string{"in", "out"}, []string{"rows"})
	b.Kernel.Doc = []string{
		fmt.Sprintf("out[i,j] = (in[2i,j], in[2i+1,j]) for j < %d bf16 numbers; rows of in %d, rows of out %d apart", 2*m.Width, m.In, m.Out),
		fmt.Sprintf("reads and writes %d bytes per row of out", 8*m.Width),
	}
	in, out := b.Base(0), b.Base(1)
	n := b.Count(0)
	row := func(second bool) {
		m.row(b, in, out, second)
		b.Step(in, 2*m.In)
		b.Step(out, m.Out)
	}
	if !m.Odd {
		b.Down("row", n, 1, func() { row(true) })
		return b.Kernel, loop.Allocate(b.Kernel, t)
	}
	b.Down("row", n, 1, func() {
		last := &loop.If{Label: "last", N: n, Equal: 1}
		b.Into(&last.Then, func() { m.row(b, in, out, false) })
		b.Into(&last.Else, func() { row(true) })
		b.Emit(last)
	})
	return b.Kernel, loop.Allocate(b.Kernel, t)
}

// row writes one row of out; without a second row its numbers are 0.
func (m *Interleave) row(b *builder, in, out loop.P, second bool) {
	width := 2 * m.Width // bf16 numbers
	chunk := func(n loop.N, off, active int) {
		x, y := loop.Reg(b.LoadHalf(loop.Indexed(in, n, off), active)), loop.Imm(0)
		if second {
			y = loop.Reg(b.LoadHalf(loop.Indexed(in, n, off+2*m.In), active))
		}
		b.Store(b.Op(loop.OpPair, x, y), loop.Indexed(out, n, off), 1, active, false)
	}
	const group = 4
	done := 0
	if step := group * b.Lanes; width > step {
		done = width / step * step
		b.Up("chunk", done, step, func(n loop.N) {
			for u := range group {
				chunk(n, u*b.Lanes, b.Lanes)
			}
		})
	}
	for ; done < width; done += b.Lanes {
		chunk(loop.NoIndex, done, min(b.Lanes, width-done))
	}
}
