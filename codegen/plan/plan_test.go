package plan

import (
	"math/rand/v2"
	"slices"
	"testing"

	"mspecc/codegen/fuse"
)

// random is a run of launches over buffers of all classes.
func random(seed uint64) *fuse.Result {
	r := rand.New(rand.NewPCG(seed, 3))
	res := &fuse.Result{}
	classes := []fuse.Class{fuse.Temp, fuse.Temp, fuse.Temp, fuse.Temp, fuse.Input, fuse.Output, fuse.Const, fuse.Param}
	for i := range 1 + r.IntN(40) {
		b := &fuse.Buffer{ID: i, Class: classes[r.IntN(len(classes))], Len: r.IntN(200)}
		if b.Class == fuse.Param {
			b.Fixed, b.Offset = true, 16*i
		}
		res.Buffers = append(res.Buffers, b)
	}
	for range r.IntN(40) {
		l := &fuse.Launch{}
		for range 1 + r.IntN(5) {
			l.Operands = append(l.Operands, fuse.Access{Buf: res.Buffers[r.IntN(len(res.Buffers))], Write: r.IntN(2) == 0})
		}
		res.Launches = append(res.Launches, l)
	}
	return res
}

// needed reports whether b holds something needed while launch at runs; launches -1 and
// len are before and after the run.
func needed(res *fuse.Result, b *fuse.Buffer, at int) bool {
	first, last := len(res.Launches), -1
	for i, l := range res.Launches {
		if slices.ContainsFunc(l.Operands, func(o fuse.Access) bool { return o.Buf == b }) {
			first, last = min(first, i), max(last, i)
		}
	}
	switch b.Class {
	case fuse.Input:
		first = -1
	case fuse.Output:
		last = len(res.Launches)
	case fuse.Const:
		first, last = -1, len(res.Launches)
	}
	return first <= at && at <= last
}

// TestAssign: buffers that are needed at the same time do not overlap, all lie on whole
// cache lines between start and end, fixed ones stay, and the plan depends on the input
// alone.
func TestAssign(t *testing.T) {
	const start = 4096
	for seed := range uint64(400) {
		res, again := random(seed), random(seed)
		end, _ := Assign(res, start)
		if e, _ := Assign(again, start); e != end {
			t.Fatalf("seed %d: %d floats, then %d", seed, end, e)
		}
		for i, b := range res.Buffers {
			switch {
			case b.Offset != again.Buffers[i].Offset:
				t.Fatalf("seed %d: buffer %d lies elsewhere the second time", seed, i)
			case b.Fixed && b.Offset != 16*i:
				t.Fatalf("seed %d: fixed buffer %d was moved", seed, i)
			case b.Offset%16 != 0:
				t.Fatalf("seed %d: buffer %d is at %d, inside a cache line", seed, i, b.Offset)
			}
		}
		for at := -1; at <= len(res.Launches); at++ {
			var live []*fuse.Buffer
			for _, b := range res.Buffers {
				if !b.Fixed && b.Len > 0 && needed(res, b, at) {
					live = append(live, b)
				}
			}
			slices.SortFunc(live, func(a, b *fuse.Buffer) int { return a.Offset - b.Offset })
			free := start
			for _, b := range live {
				if b.Offset < free {
					t.Fatalf("seed %d, launch %d: buffer %d at %d overlaps what lies before %d", seed, at, b.ID, b.Offset, free)
				}
				free = b.Offset + b.Len
			}
			if free > end {
				t.Fatalf("seed %d, launch %d: %d floats are used, %d promised", seed, at, free, end)
			}
		}
	}
}

// TestAssignReuses: values that are needed one after another share memory.
func TestAssignReuses(t *testing.T) {
	res := &fuse.Result{}
	for i := range 10 {
		res.Buffers = append(res.Buffers, &fuse.Buffer{ID: i, Len: 160})
		if i > 0 {
			res.Launches = append(res.Launches, &fuse.Launch{Operands: []fuse.Access{{Buf: res.Buffers[i-1]}, {Buf: res.Buffers[i], Write: true}}})
		}
	}
	if end, _ := Assign(res, 0); end != 320 {
		t.Errorf("a row of values of 160 floats takes %d floats, expected 320", end)
	}
}
