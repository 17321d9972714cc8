package loop

import "fmt"

// Lower makes a kernel that reads two rows of bf16 numbers and writes them number by number
// in turn.
func (m *Interleave) Lower(t Machine) (*Kernel, error) {
	if m.Width <= 0 {
		return nil, fmt.Errorf("interleave: width %d", m.Width)
	}
	b := newBuilder(t, []string{"in", "out"}, []string{"rows"})
	b.k.Doc = []string{
		fmt.Sprintf("out[i,j] = (in[2i,j], in[2i+1,j]) for j < %d bf16 numbers; rows of in %d, rows of out %d apart", 2*m.Width, m.In, m.Out),
		fmt.Sprintf("reads and writes %d bytes per row of out", 8*m.Width),
	}
	in, out := b.base(0), b.base(1)
	n := b.count(0)
	row := func(second bool) {
		m.row(b, in, out, second)
		b.step(in, 2*m.In)
		b.step(out, m.Out)
	}
	if !m.Odd {
		b.down("row", n, 1, func() { row(true) })
		return b.k, Allocate(b.k, t)
	}
	b.down("row", n, 1, func() {
		last := &If{Label: "last", N: n, Equal: 1}
		b.into(&last.Then, func() { m.row(b, in, out, false) })
		b.into(&last.Else, func() { row(true) })
		b.emit(last)
	})
	return b.k, Allocate(b.k, t)
}

// row writes one row of out; without a second row its numbers are 0.
func (m *Interleave) row(b *builder, in, out P, second bool) {
	width := 2 * m.Width // bf16 numbers
	chunk := func(n N, off, active int) {
		x, y := reg(b.loadHalf(Mem{in, n, off}, active)), imm(0)
		if second {
			y = reg(b.loadHalf(Mem{in, n, off + 2*m.In}, active))
		}
		b.store(b.op(OpPair, x, y), Mem{out, n, off}, 1, active, false)
	}
	const group = 4
	done := 0
	if step := group * b.lanes; width > step {
		done = width / step * step
		b.up("chunk", done, step, func(n N) {
			for u := range group {
				chunk(n, u*b.lanes, b.lanes)
			}
		})
	}
	for ; done < width; done += b.lanes {
		chunk(NoIndex, done, min(b.lanes, width-done))
	}
}
