package fuse

import (
	"slices"

	"mspecc/ir"
)

// Chains run several kernels on one tile of rows, or one batch index, before going on to
// the next: what a product reads is made just before it (its prologue), what is done with
// its result follows while the result is in cache (its epilogue), and the scores of an
// attention head never leave it.
//
// Takes: launches in order. Promises: the same kernels on the same operands; launches of a
// chain depend on each other tile by tile only.
//
//	rows (norm) [96 rows]; matmul [96 rows]; rows (bias, GELU) [96 rows]   =>   one chain

// maxOperands is how many operands a launch can have, with room for scratch.
const maxOperands = 22

// openChains is how many chains may still grow while launches are sorted into them.
const openChains = 10

// chain is a list of launches that share a grid of tiles.
type chain []*Launch

// chains groups launches where that is possible; products in parts only where those are
// wanted in a chain of their own.
func chains(launches []*Launch, parts bool) []*Launch {
	return gather(launches, openChains, func(l *Launch) group {
		if l.Parts > 0 && !parts {
			return alone{l}
		}
		return chain{l}
	})
}

// alone is a group that takes no others.
type alone struct{ l *Launch }

func (a alone) launch() *Launch               { return a.l }
func (a alone) join(...*Launch) (group, bool) { return nil, false }

func (c chain) launch() *Launch {
	if len(c) == 1 {
		return c[0]
	}
	return merge(ChainKind, c)
}

// merge makes one launch of the stages. Its operands are those of all stages.
func merge(kind Kind, stages []*Launch) *Launch {
	first := stages[0]
	m := &Launch{Kind: kind, Stages: stages, Outer: first.Outer, Count: first.Count, Chunk: first.Chunk, PerTask: first.PerTask,
		Note: "one tile after another through all of these kernels"}
	for _, s := range stages {
		m.Flops += s.Flops
		m.Bytes += s.Bytes
		m.Values = append(m.Values, s.Main())
		m.ids, m.after = append(m.ids, s.ids...), append(m.after, s.after...)
		if s.Kind == MatMulKind { // products decide how much one task takes
			m.PerTask = s.PerTask
		}
		for _, o := range s.Operands {
			if i := m.Operand(o); i < 0 {
				m.Operands = append(m.Operands, Access{Buf: o.Buf, Offset: o.Offset, Write: o.Write, Tile: o.Tile, Lane: o.Lane})
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

// join adds launches to the chain if their tiles can follow those of the chain.
func (c chain) join(ls ...*Launch) (group, bool) {
	linked, first := false, len(c)
	for _, l := range ls {
		stages, tied, ok := c.with(l, first)
		if !ok {
			return nil, false
		}
		c, linked = stages, linked || tied
	}
	if !linked || len(merge(ChainKind, c).Operands) > maxOperands {
		return nil, false
	}
	return c, true
}

// with is the chain with one launch more, and whether that one reads or writes what one of
// the first stages does.
func (c chain) with(l *Launch, first int) (stages chain, linked, ok bool) {
	if d := l.depth - c[0].depth; max(d, -d) > maxWait && !l.Copy {
		return nil, false, false
	}
	if !chainable(l) || !chainable(c[0]) || (l.Parts > 0) != (c[0].Parts > 0) {
		return nil, false, false
	}
	if stages, ok = align(c, l); !ok {
		return nil, false, false
	}
	last := stages[len(stages)-1]
	for i, s := range stages[:len(stages)-1] {
		for _, a := range touches(s) {
			for _, b := range touches(last) {
				if !conflict(a, b) {
					continue
				}
				if !sameTiles(a, b) {
					return nil, false, false
				}
				linked = linked || i < first
			}
		}
	}
	return stages, linked, true
}

func chainable(l *Launch) bool {
	return l.Kind == RowsKind || l.Kind == MatMulKind || l.Kind == TransposeKind
}

// align brings l and the stages before it to one grid of tiles.
func align(stages []*Launch, l *Launch) (chain, bool) {
	head := stages[0]
	if sameGrid(head, l) {
		return append(slices.Clone(stages), l), true
	}
	if m, ok := regrid(l, head); ok {
		return append(slices.Clone(stages), m), true
	}
	out := make(chain, 0, len(stages)+1)
	for _, s := range stages {
		m, ok := regrid(s, l)
		if !ok {
			return nil, false
		}
		out = append(out, m)
	}
	return append(out, l), true
}

// sameGrid reports whether two launches cut their work into tiles alike: what is cut along
// outer loops, or by the tiles of a tiled launch, may have rows of its own.
func sameGrid(a, b *Launch) bool {
	_, ca := a.Tasks()
	_, cb := b.Tasks()
	if !slices.Equal(a.Outer, b.Outer) || ca != cb {
		return false
	}
	return ca == 1 && (len(a.Outer) > 0 || a.InTiles > 0) || a.Count == b.Count && a.Chunk == b.Chunk
}

// regrid cuts a row kernel, whose rows are independent, into the tiles of another launch.
func regrid(l, like *Launch) (*Launch, bool) {
	if l.Kind != RowsKind || len(l.Outer) > 0 || like.Kind == RowsKind {
		return nil, false
	}
	tiles := product(like.Outer)
	_, chunks := like.Tasks()
	m := *l
	m.Operands = slices.Clone(l.Operands)
	switch {
	case len(like.Outer) == 0 && l.Count == like.Count:
		m.Chunk = like.Chunk
		for i, o := range l.Rows.Operands {
			m.Operands[i].Chunk = m.Chunk * o.Row
		}
	case chunks == 1 && tiles > 1 && l.Count%tiles == 0:
		m.Outer, m.Count, m.PerTask = like.Outer, l.Count/tiles, like.PerTask
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

// sameTiles reports whether b touches, in each tile, only what a touches in that tile.
// Both belong to launches with one grid.
func sameTiles(a, b touch) bool {
	x, y, period := a.access(), b.access(), 0
	for i, n := range a.l.Outer {
		if n > 1 && x.Outer[i] != y.Outer[i] {
			return false
		}
		if n > 1 && (period == 0 || x.Outer[i] < period) {
			period = x.Outer[i]
		}
	}
	if _, chunks := a.l.Tasks(); chunks > 1 {
		if x.Chunk != y.Chunk {
			return false
		}
		if period == 0 || x.Chunk < period { // tiles of the outer loops may lie between those of the rows
			period = x.Chunk
		}
	}
	start := min(x.Offset, y.Offset)
	if x.Offset+reach(a.l.called(a.i)) <= start+period && y.Offset+reach(b.l.called(b.i)) <= start+period {
		return true // each tile has a window of its own
	}
	return x.Offset == y.Offset && slices.Equal(a.l.called(a.i), b.l.called(b.i))
}
