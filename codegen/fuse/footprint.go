package fuse

// Footprints say which elements of a buffer a launch touches: an offset and extents with
// strides. They decide whether two launches conflict, and whether one can follow the other
// tile by tile.

// dim is one extent of a footprint with its stride.
type dim struct{ n, stride int }

// called is the footprint of operand i of one kernel call: rows and columns. A library call
// accesses all it is given, one element after another.
func (l *Launch) called(i int) []dim { return l.rowsOf(i, min(l.Chunk, l.Count)) }

// rowsOf is the footprint of operand i over that many rows of the launch.
func (l *Launch) rowsOf(i, rows int) []dim {
	switch l.Kind {
	case RowsKind:
		o, width := l.Rows.Operands[i], l.Rows.Width
		if o.Half {
			width = (width + 1) / 2
		}
		return []dim{{rows, o.Row}, {width, o.Col}}
	case ColReduceKind:
		o := l.ColReduce.Operands[i]
		return []dim{{rows, o.Row}, {l.ColReduce.Width, o.Col}}
	case MatMulKind:
		m := l.MatMul
		if i == 2 && m.Half {
			return []dim{{rows, m.CM}, {m.N / 2, 1}}
		}
		return [...][]dim{{{rows, m.AM}, {l.K, m.AK}}, {{l.K, m.BK}, {m.N, 1}}, {{rows, m.CM}, {m.N, 1}}}[i]
	case TransposeKind:
		t := l.Transpose
		return [...][]dim{{{t.R, t.In}, {t.C, 1}}, {{t.C, t.Out}, {t.R, 1}}}[i]
	case InterleaveKind:
		t := l.Interleave
		if i == 1 {
			return []dim{{rows, t.Out}, {2 * t.Width, 1}}
		}
		if rows *= 2; t.Odd {
			rows--
		}
		return []dim{{rows, t.In}, {t.Width, 1}}
	case GatherKind, ScatterAddKind:
		return []dim{{l.indexed(i), 1}}
	case ArgSortKind:
		return []dim{{l.Sizes[0] * l.Sizes[1], 1}}
	case ZeroKind:
		return []dim{{l.Sizes[0], 1}}
	}
	return []dim{{l.Operands[i].Buf.Len, 1}}
}

// indexed is the number of elements of operand i of a gather or a scatter.
func (l *Launch) indexed(i int) int {
	batch, rows, k, width := l.Sizes[0], l.Sizes[1], l.Sizes[2], l.Sizes[3]
	whole, picked := batch*rows*width, batch*k*width
	if l.Kind == ScatterAddKind {
		whole, picked = picked, whole
	}
	return [...]int{whole, batch * k, picked}[i]
}

// whole is what the launch touches of operand i, tiles around it apart.
func (l *Launch) whole(i int) []dim {
	var d []dim
	for k, n := range l.Outer {
		d = append(d, dim{n, l.Operands[i].Outer[k]})
	}
	if _, chunks := l.Tasks(); chunks > 1 && l.Kind == ColReduceKind && l.Operands[i].Write {
		return append(append(d, dim{chunks, l.Operands[i].Chunk}), l.called(i)...)
	}
	return append(d, l.rowsOf(i, l.Count)...)
}

// reach is how far the elements of a footprint lie apart, plus one.
func reach(dims ...[]dim) int {
	n := 1
	for _, ds := range dims {
		for _, d := range ds {
			n += (d.n - 1) * d.stride
		}
	}
	return n
}

// touch is one operand of one kernel, by its launch.
type touch struct {
	l *Launch
	i int
}

func (t touch) access() *Access { return &t.l.Operands[t.i] }

// touches lists what the kernels of launches touch.
func touches(launches ...*Launch) []touch {
	var out []touch
	for _, l := range launches {
		for _, k := range l.Kernels() {
			for i := range k.Operands {
				out = append(out, touch{k, i})
			}
		}
	}
	return out
}

// conflict reports whether two touches may meet in memory and one of them writes. extra are
// loops around the launch itself, if any.
func conflict(a, b touch) bool {
	x, y := a.access(), b.access()
	if x.Buf != y.Buf || !x.Write && !y.Write {
		return false
	}
	end := func(t touch) int { return t.access().Offset + reach(t.l.whole(t.i), t.l.tiles(t.i)) }
	return x.Offset < end(b) && y.Offset < end(a)
}

// tiles is the loop over tiles around a launch that is part of a tiled launch.
func (l *Launch) tiles(i int) []dim {
	if o := l.Operands[i]; l.InTiles > 1 {
		return []dim{{l.InTiles, o.Tile}, {lanes, o.Lane}}
	}
	return nil
}

// conflicting reports whether two launches touch something in common that one writes.
func conflicting(a, b *Launch) bool {
	for _, x := range touches(a) {
		for _, y := range touches(b) {
			if conflict(x, y) {
				return true
			}
		}
	}
	return false
}

// apart reports whether in every one of n tiles, period elements apart, both touches stay
// inside a window that no other tile has: their offsets in the period and the strides
// below it stay within one period, all other strides are multiples of all tiles together.
func apart(a, b touch, n, period int) bool {
	if period <= 0 {
		return false
	}
	all := n * period
	small := func(dims []dim) int {
		s := 0
		for _, d := range dims {
			switch {
			case d.n <= 1 || d.stride%all == 0 && d.stride > 0:
			default:
				s += (d.n - 1) * d.stride
			}
		}
		return s
	}
	sa, sb := small(a.l.whole(a.i)), small(b.l.whole(b.i))
	delta := (b.access().Offset - a.access().Offset) % all
	switch {
	case delta > all/2:
		delta -= all
	case delta < -all/2:
		delta += all
	}
	return max(sa, delta+sb, -delta+sa, sb) < period
}
