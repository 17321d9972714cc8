package amd64

import (
	"sort"

	"mspecc/ir/loop"
)

// use counts how often a pointer or counter is needed, weighted by the depth
// of the loops around it.
type use struct {
	counter bool
	id      int
	weight  int
}

type uses struct {
	ptr, cnt map[int]int
	tails    map[int]bool // numbers of active lanes below all
	dots     bool
}

func countUses(k *loop.Kernel) *uses {
	u := &uses{ptr: map[int]int{}, cnt: map[int]int{}, tails: map[int]bool{}}
	u.block(k.Body, 1)
	return u
}

func (u *uses) block(body []loop.Stmt, weight int) {
	for _, s := range body {
		switch s := s.(type) {
		case *loop.Instr:
			switch s.Op {
			case loop.OpLoad, loop.OpStore, loop.OpBcast, loop.OpPrefetch:
				u.ptr[int(s.Mem.P)] += weight
				if s.Mem.Index != loop.NoIndex {
					u.cnt[int(s.Mem.Index)] += 2 * weight
				}
			}
			u.dots = u.dots || s.Op == loop.OpDot
			if s.Lanes > 0 && s.Stride <= 1 {
				u.tails[s.Lanes] = true
			}
		case *loop.Scalar:
			switch s.Op {
			case loop.OpCount:
				u.cnt[int(s.N)] += weight
			case loop.OpMove:
				u.ptr[int(s.From)] += weight
				u.ptr[int(s.P)] += weight
			default:
				u.ptr[int(s.P)] += weight
			}
		case *loop.Loop:
			u.cnt[int(s.N)] += 10 * weight
			u.block(s.Body, min(10*weight, 1e6))
		case *loop.If:
			u.cnt[int(s.N)] += weight
			u.block(s.Then, weight)
			u.block(s.Else, weight)
		}
	}
}

// ranked lists all pointers and counters, the most used first.
func (u *uses) ranked() []use {
	var all []use
	for id, w := range u.ptr {
		all = append(all, use{false, id, w})
	}
	for id, w := range u.cnt {
		all = append(all, use{true, id, w})
	}
	sort.Slice(all, func(i, j int) bool {
		a, b := all[i], all[j]
		if a.weight != b.weight {
			return a.weight > b.weight
		}
		if a.counter != b.counter {
			return a.counter
		}
		return a.id < b.id
	})
	return all
}
