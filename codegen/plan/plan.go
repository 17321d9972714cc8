// Package plan lays buffers out in memory: two temporary buffers share memory when one is
// last used before the other is first written.
package plan

import (
	"cmp"
	"slices"

	"mspecc/codegen/fuse"
)

// align rounds up to whole cache lines of 16 floats, and large buffers to an odd number of
// them: kernels walk several at once, and streams whose addresses agree in their last bits
// push each other out of the same sets of the first caches.
func align(n int) int {
	lines := (n + 15) / 16
	if n >= 4096 {
		lines += stagger + lines%2
	}
	return 16 * lines
}

// stagger is the number of cache lines by which neighbours are moved against each other.
const stagger = 9

// life is the launches, or the kernels of one launch, between which a buffer holds something
// that is still needed.
type life struct {
	buf         *fuse.Buffer
	first, last int
}

// Assign gives every buffer of the arena without a fixed place an offset of at least start
// and returns the end of the arena it needs. Local buffers get offsets in a worker's memory,
// of which local floats are needed.
//
// Takes: launches in running order. Promises: buffers whose lives overlap do not overlap
// in memory; offsets are whole cache lines; the result depends on the input alone.
func Assign(res *fuse.Result, start int) (end, local int) {
	end = place(lifetimes(res), start)
	for _, l := range res.Launches {
		local = max(local, place(locals(l), 0))
	}
	return end, local
}

// place gives offsets and returns the end of what they need.
func place(lives []life, start int) int {
	// Large buffers first: they leave gaps that small ones fill.
	slices.SortStableFunc(lives, func(a, b life) int {
		return cmp.Or(cmp.Compare(b.buf.Len, a.buf.Len), cmp.Compare(a.first, b.first), cmp.Compare(a.buf.ID, b.buf.ID))
	})
	end := start
	var placed []life
	for _, l := range lives {
		at := start
		for moved := true; moved; {
			moved = false
			for _, p := range placed {
				if p.first <= l.last && l.first <= p.last && at < p.buf.Offset+align(p.buf.Len) && p.buf.Offset < at+align(l.buf.Len) {
					at, moved = p.buf.Offset+align(p.buf.Len), true
				}
			}
		}
		l.buf.Offset = at
		end = max(end, at+align(l.buf.Len))
		i, _ := slices.BinarySearchFunc(placed, l, func(a, b life) int { return cmp.Compare(a.buf.Offset, b.buf.Offset) })
		placed = slices.Insert(placed, i, l)
	}
	return end
}

// lifetimes finds the first and last launch that touches each buffer of the arena. Inputs
// are there from the start and outputs until the end.
func lifetimes(res *fuse.Result) []life {
	lives := make([]life, len(res.Buffers))
	for i, b := range res.Buffers {
		lives[i] = life{b, len(res.Launches), -1}
		if b.Class == fuse.Input || b.Class == fuse.Const {
			lives[i].first = -1
		}
		if b.Class == fuse.Output || b.Class == fuse.Const {
			lives[i].last = len(res.Launches)
		}
	}
	index := map[*fuse.Buffer]int{}
	for i, b := range res.Buffers {
		index[b] = i
	}
	for at, l := range res.Launches {
		for _, o := range l.Operands {
			if i, ok := index[o.Buf]; ok {
				lives[i].first, lives[i].last = min(lives[i].first, at), max(lives[i].last, at)
			}
		}
	}
	return slices.DeleteFunc(lives, func(l life) bool { return l.buf.Fixed || l.buf.Class == fuse.Local || l.last < l.first })
}

// locals finds the first and last kernel of a launch that touches each of its local buffers.
// A chain inside a tiled launch runs its kernels many times: what lives outside of it and is
// touched in it lives all through it.
func locals(l *fuse.Launch) []life {
	var lives []life
	touch := func(b *fuse.Buffer, first, last int) {
		if b.Class != fuse.Local {
			return
		}
		i := slices.IndexFunc(lives, func(l life) bool { return l.buf == b })
		if i < 0 {
			lives = append(lives, life{b, first, last})
			return
		}
		lives[i].first, lives[i].last = min(lives[i].first, first), max(lives[i].last, last)
	}
	at := 0
	for _, s := range stages(l) {
		last := at + len(s.Kernels()) - 1
		for i, k := range s.Kernels() {
			for _, o := range k.Operands {
				if o.Buf.Within == s || s.Stages == nil {
					touch(o.Buf, at+i, at+i)
				} else {
					touch(o.Buf, at, last)
				}
			}
		}
		at = last + 1
	}
	return lives
}

// stages are the parts that run one after another on a tile.
func stages(l *fuse.Launch) []*fuse.Launch {
	if l.Kind == fuse.TiledKind {
		return l.Stages
	}
	return []*fuse.Launch{l}
}
