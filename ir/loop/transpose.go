package loop

import "fmt"

// Lower makes a kernel that exchanges blocks of as many rows and columns as a
// vector has lanes, in registers; at the edges the blocks are smaller.
func (m *Transpose) Lower(t Machine) (*Kernel, error) {
	if m.R <= 0 || m.C <= 0 {
		return nil, fmt.Errorf("transpose: shape %d x %d", m.R, m.C)
	}
	b := newBuilder(t, []string{"in", "out"}, []string{"matrices"})
	b.k.Doc = []string{
		fmt.Sprintf("out[c,r] = in[r,c] for r < %d, c < %d; rows of in %d, rows of out %d apart", m.R, m.C, m.In, m.Out),
		fmt.Sprintf("from matrix to matrix in advances by %d, out by %d", m.InNext, m.OutNext),
		fmt.Sprintf("%d bytes per matrix", 8*m.R*m.C),
	}
	in, out := b.base(0), b.base(1)
	b.down("matrix", b.count(0), 1, func() {
		m.blocks(b, in, out)
		b.step(in, m.InNext)
		b.step(out, m.OutNext)
	})
	return b.k, Allocate(b.k, t)
}

func (m *Transpose) blocks(b *builder, in, out P) {
	l := b.lanes
	rows, cols := m.R/l*l, m.C/l*l
	from, to := b.copyP(in, 0), b.copyP(out, 0)
	b.up("rows", rows, l, func(N) {
		p, q := b.copyP(from, 0), b.copyP(to, 0)
		b.up("columns", cols, l, func(N) {
			m.block(b, p, q, l, l)
			b.step(p, l)
			b.step(q, l*m.Out)
		})
		if rest := m.C - cols; rest > 0 {
			m.block(b, p, q, l, rest)
		}
		b.step(from, l*m.In)
		b.step(to, l)
	})
	if rest := m.R - rows; rest > 0 {
		m.lastRows(b, from, to, rest)
	}
}

// block exchanges a block of at most as many rows and columns as lanes.
func (m *Transpose) block(b *builder, p, q P, rows, cols int) {
	block := make([]V, b.lanes)
	for i := range block {
		if i < rows {
			block[i] = b.load(at(p, i*m.In), 1, cols, false)
		} else {
			block[i] = b.newV()
			b.opTo(block[i], OpMov, imm(0))
		}
	}
	if b.lanes > 1 {
		b.emit(&Instr{Op: OpTranspose, Block: block})
	}
	for i := 0; i < cols; i++ {
		b.store(reg(block[i]), at(q, i*m.Out), 1, rows, false)
	}
}

// lastRows exchanges the rows below the last whole block.
func (m *Transpose) lastRows(b *builder, from, to P, rows int) {
	l := b.lanes
	cols := m.C / l * l
	b.up("columns", cols, l, func(N) {
		m.block(b, from, to, rows, l)
		b.step(from, l)
		b.step(to, l*m.Out)
	})
	if rest := m.C - cols; rest > 0 {
		m.block(b, from, to, rows, rest)
	}
}
