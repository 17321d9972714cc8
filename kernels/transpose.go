package kernels

import (
	"fmt"

	"mspecc/ir/loop"
)

// Lower makes a kernel that exchanges blocks of as many rows and columns as a
// vector has lanes, in registers; at the edges the blocks are smaller.
func (m *Transpose) Lower(t loop.Machine) (*loop.Kernel, error) {
	if m.R <= 0 || m.C <= 0 {
		return nil, fmt.Errorf("transpose: shape %d x %d", m.R, m.C)
	}
	b := newBuilder(t, []string{"in", "out"}, []string{"matrices"})
	b.Kernel.Doc = []string{
		fmt.Sprintf("out[c,r] = in[r,c] for r < %d, c < %d; rows of in %d, rows of out %d apart", m.R, m.C, m.In, m.Out),
		fmt.Sprintf("from matrix to matrix in advances by %d, out by %d", m.InNext, m.OutNext),
		fmt.Sprintf("%d bytes per matrix", 8*m.R*m.C),
	}
	in, out := b.Base(0), b.Base(1)
	b.Down("matrix", b.Count(0), 1, func() {
		m.blocks(b, in, out)
		b.Step(in, m.InNext)
		b.Step(out, m.OutNext)
	})
	return b.Kernel, loop.Allocate(b.Kernel, t)
}

func (m *Transpose) blocks(b *builder, in, out loop.P) {
	l := b.Lanes
	rows, cols := m.R/l*l, m.C/l*l
	from, to := b.CopyP(in, 0), b.CopyP(out, 0)
	b.Up("rows", rows, l, func(loop.N) {
		p, q := b.CopyP(from, 0), b.CopyP(to, 0)
		b.Up("columns", cols, l, func(loop.N) {
			m.block(b, p, q, l, l)
			b.Step(p, l)
			b.Step(q, l*m.Out)
		})
		if rest := m.C - cols; rest > 0 {
			m.block(b, p, q, l, rest)
		}
		b.Step(from, l*m.In)
		b.Step(to, l)
	})
	if rest := m.R - rows; rest > 0 {
		m.lastRows(b, from, to, rest)
	}
}

// block exchanges a block of at most as many rows and columns as lanes.
func (m *Transpose) block(b *builder, p, q loop.P, rows, cols int) {
	block := make([]loop.V, b.Lanes)
	for i := range block {
		if i < rows {
			block[i] = b.Load(loop.At(p, i*m.In), 1, cols, false)
		} else {
			block[i] = b.NewV()
			b.OpTo(block[i], loop.OpMov, loop.Imm(0))
		}
	}
	if b.Lanes > 1 {
		b.Emit(&loop.Instr{Op: loop.OpTranspose, Block: block})
	}
	for i := 0; i < cols; i++ {
		b.Store(loop.Reg(block[i]), loop.At(q, i*m.Out), 1, rows, false)
	}
}

// lastRows exchanges the rows below the last whole block.
func (m *Transpose) lastRows(b *builder, from, to loop.P, rows int) {
	l := b.Lanes
	cols := m.C / l * l
	b.Up("columns", cols, l, func(loop.N) {
		m.block(b, from, to, rows, l)
		b.Step(from, l)
		b.Step(to, l*m.Out)
	})
	if rest := m.C - cols; rest > 0 {
		m.block(b, from, to, rows, rest)
	}
}
