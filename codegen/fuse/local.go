package fuse

// Local buffers: what is written and read inside one tile of a chain only needs room for
// one tile. Each worker has memory of its own for that, small enough to stay in its cache,
// and nothing of it travels to the shared arena.
//
// Takes: launches. Promises: the same, where buffers that live inside one chain have class
// Local, a length of one tile and no stride from tile to tile.
//
//	chain: [1024 heads] > scores [1024, 65, 65] > [1024 heads]   =>   scores [65, 65] of the worker

// localize makes buffers local where one launch alone touches them.
func localize(launches []*Launch) {
	all := map[*Buffer][]touch{}
	in := map[*Buffer][]*Launch{}
	for _, l := range launches {
		for _, t := range touches(l) {
			b := t.access().Buf
			all[b] = append(all[b], t)
			if n := len(in[b]); n == 0 || in[b][n-1] != l {
				in[b] = append(in[b], l)
			}
		}
	}
	for _, l := range launches {
		for _, b := range buffers(l) {
			if b.Class == Temp && len(in[b]) == 1 {
				localizeIn(l, b, all[b])
			}
		}
	}
	for _, l := range launches {
		l.remerge()
	}
}

// buffers lists what a launch touches, in order.
func buffers(l *Launch) []*Buffer {
	var out []*Buffer
	seen := map[*Buffer]bool{}
	for _, t := range touches(l) {
		if b := t.access().Buf; !seen[b] {
			seen[b] = true
			out = append(out, b)
		}
	}
	return out
}

// localizeIn makes b local to l, or to the one chain among its stages that touches it.
func localizeIn(l *Launch, b *Buffer, ts []touch) {
	if l.Kind == TiledKind {
		for _, s := range l.Stages {
			if s.Kind == ChainKind && len(touching(s, b)) == len(ts) {
				localizeIn(s, b, ts)
				return
			}
		}
	}
	base, end := ts[0].access().Offset, 0
	for _, t := range ts {
		base = min(base, t.access().Offset)
	}
	for _, t := range ts {
		o := t.access()
		n := reach(t.l.called(t.i))
		if l.Kind == TiledKind {
			if n = reach(t.l.whole(t.i)); o.Offset-base+n > o.Tile {
				return // the tile is in several places
			}
		}
		end = max(end, o.Offset-base+n)
	}
	if l.Kind != TiledKind && l.Kind != ChainKind || !ts[0].access().Write {
		return
	}
	for _, t := range ts {
		o := t.access()
		o.Offset -= base
		o.Tile = 0
		if l.Kind == ChainKind {
			o.Chunk = 0
			o.Outer = make([]int, len(o.Outer))
		}
	}
	b.Class, b.Len, b.Within = Local, end, l
}

func touching(l *Launch, b *Buffer) []touch {
	var out []touch
	for _, t := range touches(l) {
		if t.access().Buf == b {
			out = append(out, t)
		}
	}
	return out
}

// remerge lists the operands of a chain anew: those of its stages that are not local to it.
func (l *Launch) remerge() {
	if l.Stages == nil {
		return
	}
	for _, s := range l.Stages {
		s.remerge()
	}
	m := merge(l.Kind, l.Stages)
	l.Operands = nil
	for _, o := range m.Operands {
		if o.Buf.Within != l {
			l.Operands = append(l.Operands, o)
		}
	}
}
