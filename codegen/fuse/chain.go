package fuse

import (
	"slices"

	"mspecc/ir"
)

// Chains run several kernels on one block of rows, or one batch index, before going on to
// the next: what a product reads is made just before it (its prologue), what is done with
// its result follows while the result is in cache (its epilogue), and the scores of an
// attention head never leave it.
//
// Takes: launches in order. Promises: the same kernels on the same operands; launches of a
// chain depend on each other block by block only.
//
//	rows (norm) [96 rows]; matmul [96 rows]; rows (bias, GELU) [96 rows]   =>   one chain

// maxOperands is how many operands a launch can have, with room for scratch.
const maxOperands = 22

// openChains is how many chains may still grow while launches are sorted into them.
const openChains = 10

// chain is a list of launches that share a grid of blocks.
type chain []*Launch

// chains groups launches where that is possible. A launch joins the newest open chain that
// it fits; what it needs from chains opened later is moved before that chain, if nothing
// stands against it.
func chains(launches []*Launch) []*Launch {
	var done []*Launch
	var open []chain
	for _, l := range launches {
		joined := false
		for i := len(open) - 1; i >= 0 && !joined; i-- {
			if order, ok := before(open, i, l); ok {
				if c, ok := open[i].join(l); ok {
					open[i] = c
					open = reorder(open, i, order)
					joined = true
				}
			}
		}
		if !joined {
			open = append(open, chain{l})
		}
		if len(open) > openChains {
			done = append(done, open[0].launch())
			open = open[1:]
		}
	}
	for _, c := range open {
		done = append(done, c.launch())
	}
	return done
}

// before lists the chains after chain i that must run before it when l joins it: those
// that l depends on. ok is false if one of them cannot.
func before(open []chain, i int, l *Launch) (moved []int, ok bool) {
	for j := i + 1; j < len(open); j++ {
		if !open[j].conflicts(l) {
			continue
		}
		for k := i; k < j; k++ {
			if slices.Contains(moved, k) {
				continue
			}
			for _, s := range open[j] {
				if open[k].conflicts(s) {
					return nil, false
				}
			}
		}
		moved = append(moved, j)
	}
	return moved, true
}

// reorder puts the moved chains before chain i.
func reorder(open []chain, i int, moved []int) []chain {
	out := slices.Clone(open[:i])
	for _, j := range moved {
		out = append(out, open[j])
	}
	for j := i; j < len(open); j++ {
		if !slices.Contains(moved, j) {
			out = append(out, open[j])
		}
	}
	return out
}

// launch is the chain as one launch.
func (c chain) launch() *Launch {
	if len(c) == 1 {
		return c[0]
	}
	return merge(c)
}

// merge makes one launch of the stages. Its operands are those of all stages.
func merge(stages []*Launch) *Launch {
	first := stages[0]
	m := &Launch{Kind: ChainKind, Stages: stages, Outer: first.Outer, Count: first.Count, Chunk: first.Chunk, PerTask: first.PerTask,
		Note: "one block after another through all of these kernels"}
	for _, s := range stages {
		m.Flops += s.Flops
		m.Bytes += s.Bytes
		m.Values = append(m.Values, s.Main())
		if s.Kind == MatMulKind { // products decide how much one task takes
			m.PerTask = s.PerTask
		}
		for _, o := range s.Operands {
			if i := m.Operand(o); i < 0 {
				m.Operands = append(m.Operands, Access{Buf: o.Buf, Offset: o.Offset, Write: o.Write})
			} else {
				m.Operands[i].Write = m.Operands[i].Write || o.Write
			}
		}
	}
	return m
}

// Operand finds the operand at the place of o; -1 if there is none.
func (l *Launch) Operand(o Access) int {
	return slices.IndexFunc(l.Operands, func(p Access) bool { return p.Buf == o.Buf && p.Offset == o.Offset })
}

// join adds l to the chain if its blocks can follow those of the chain.
func (c chain) join(l *Launch) (chain, bool) {
	if !chainable(l) || !chainable(c[0]) {
		return nil, false
	}
	stages, ok := align(c, l)
	if !ok {
		return nil, false
	}
	last := stages[len(stages)-1]
	linked := false
	for _, s := range stages[:len(stages)-1] {
		for _, a := range s.Operands {
			for _, b := range last.Operands {
				if !conflict(s, a, last, b) {
					continue
				}
				if !sameBlocks(s, a, last, b) {
					return nil, false
				}
				linked = true
			}
		}
	}
	if !linked || len(merge(stages).Operands) > maxOperands {
		return nil, false
	}
	return stages, true
}

func chainable(l *Launch) bool {
	return l.Kind == RowsKind || l.Kind == MatMulKind || l.Kind == TransposeKind
}

// align brings l and the stages before it to one grid of blocks.
func align(stages []*Launch, l *Launch) ([]*Launch, bool) {
	head := stages[0]
	if sameGrid(head, l) {
		return append(slices.Clone(stages), l), true
	}
	if m, ok := regrid(l, head); ok {
		return append(slices.Clone(stages), m), true
	}
	out := make([]*Launch, 0, len(stages)+1)
	for _, s := range stages {
		m, ok := regrid(s, l)
		if !ok {
			return nil, false
		}
		out = append(out, m)
	}
	return append(out, l), true
}

// sameGrid reports whether two launches cut their work into blocks alike.
func sameGrid(a, b *Launch) bool {
	_, ca := a.Tasks()
	_, cb := b.Tasks()
	if !slices.Equal(a.Outer, b.Outer) || ca != cb {
		return false
	}
	return ca == 1 && len(a.Outer) > 0 || a.Count == b.Count && a.Chunk == b.Chunk
}

// regrid cuts a row kernel, whose rows are independent, into the blocks of another launch.
func regrid(l, like *Launch) (*Launch, bool) {
	if l.Kind != RowsKind || len(l.Outer) > 0 || like.Kind == RowsKind {
		return nil, false
	}
	blocks := product(like.Outer)
	_, chunks := like.Tasks()
	m := *l
	m.Operands = slices.Clone(l.Operands)
	switch {
	case len(like.Outer) == 0 && l.Count == like.Count:
		m.Chunk = like.Chunk
		for i, o := range l.Rows.Operands {
			m.Operands[i].Chunk = m.Chunk * o.Row
		}
	case chunks == 1 && blocks > 1 && l.Count%blocks == 0:
		m.Outer, m.Count, m.PerTask = like.Outer, l.Count/blocks, like.PerTask
		m.Chunk = m.Count
		for i, o := range l.Rows.Operands {
			m.Operands[i].Chunk = 0
			m.Operands[i].Outer = scaled(ir.Strides(like.Outer), m.Count*o.Row)
		}
	default:
		return nil, false
	}
	return &m, true
}

// conflicts reports whether l and the chain touch something in common that one writes.
func (c chain) conflicts(l *Launch) bool {
	for _, s := range c {
		for _, a := range s.Operands {
			for _, b := range l.Operands {
				if conflict(s, a, l, b) {
					return true
				}
			}
		}
	}
	return false
}

// conflict reports whether two accesses may touch the same memory and one writes.
func conflict(la *Launch, a Access, lb *Launch, b Access) bool {
	if a.Buf != b.Buf || !a.Write && !b.Write {
		return false
	}
	return a.Offset < b.Offset+extent(lb, b) && b.Offset < a.Offset+extent(la, a)
}

// sameBlocks reports whether b touches, in each block, only what a touches in that block.
func sameBlocks(la *Launch, a Access, lb *Launch, b Access) bool {
	window := 0
	for i, n := range la.Outer {
		if n > 1 && a.Outer[i] != b.Outer[i] {
			return false
		}
		if n > 1 && (window == 0 || a.Outer[i] < window) {
			window = a.Outer[i]
		}
	}
	if _, chunks := la.Tasks(); chunks > 1 {
		if a.Chunk != b.Chunk {
			return false
		}
		if window == 0 || a.Chunk < window { // blocks of the outer loops may lie between those of the rows
			window = a.Chunk
		}
	}
	start := min(a.Offset, b.Offset)
	if a.Offset+span(la, a) <= start+window && b.Offset+span(lb, b) <= start+window {
		return true // each block has a window of its own
	}
	ra, rb := region(la, a), region(lb, b)
	return a.Offset == b.Offset && ra == rb
}

// block is what one kernel call touches of an operand: rows and columns with strides.
type block struct{ rows, cols, row, col int }

func region(l *Launch, a Access) block {
	i := slices.IndexFunc(l.Operands, func(o Access) bool {
		return o.Buf == a.Buf && o.Offset == a.Offset && o.Write == a.Write && o.Chunk == a.Chunk
	})
	rows := min(l.Chunk, l.Count)
	switch l.Kind {
	case RowsKind:
		o := l.Rows.Operands[i]
		cols := l.Rows.Width
		if o.Col == 0 {
			cols = 1
		}
		if o.Row == 0 {
			rows = 1
		}
		return block{rows, cols, o.Row, o.Col}
	case ColReduceKind:
		o := l.ColReduce.Operands[i]
		return block{rows, l.ColReduce.Width, o.Row, o.Col}
	case MatMulKind:
		m := l.MatMul
		return [...]block{{rows, l.K, m.AM, m.AK}, {l.K, m.N, m.BK, 1}, {rows, m.N, m.CM, 1}}[i]
	case TransposeKind:
		t := l.Transpose
		return [...]block{{t.R, t.C, t.In, 1}, {t.C, t.R, t.Out, 1}}[i]
	}
	return block{1, a.Buf.Len, 0, 1}
}

// span is how far one kernel call reaches into an operand.
func span(l *Launch, a Access) int {
	r := region(l, a)
	return (r.rows-1)*r.row + (r.cols-1)*r.col + 1
}

// extent is how far the whole launch reaches into an operand.
func extent(l *Launch, a Access) int {
	if !chainable(l) && l.Kind != ColReduceKind {
		return a.Buf.Len
	}
	n := span(l, a)
	for i, e := range l.Outer {
		n += (e - 1) * a.Outer[i]
	}
	_, chunks := l.Tasks()
	return n + (chunks-1)*a.Chunk
}
