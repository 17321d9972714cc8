package asm

import (
	"cmp"
	"maps"
	"slices"

	"mspecc/ir/loop"
)

// A Name is a pointer or a counter of the loop IR.
type Name struct {
	Counter bool
	ID      int
}

// Pointer and Counter are the names of registers of the loop IR.
func Pointer(p loop.P) Name { return Name{false, int(p)} }
func Counter(n loop.N) Name { return Name{true, int(n)} }

// InLoop is how much more often than what is around it a loop is taken to run.
const InLoop = 10

// Uses counts how often a kernel needs its pointers and counters, weighted by the depth of the loops around, and shows
// each instruction to see.
type Uses struct {
	Index int // what a counter weighs that is the index of an access
	See   func(s *loop.Instr)

	weights map[Name]int
}

// Rank lists the pointers and counters of a kernel, the most used first.
func (u *Uses) Rank(k *loop.Kernel) []Name {
	u.weights = map[Name]int{}
	u.block(k.Body, 1)
	return slices.SortedFunc(maps.Keys(u.weights), func(a, b Name) int {
		switch c := cmp.Compare(u.weights[b], u.weights[a]); {
		case c != 0:
			return c
		case a.Counter != b.Counter && a.Counter:
			return -1
		case a.Counter != b.Counter:
			return 1
		}
		return cmp.Compare(a.ID, b.ID)
	})
}

func (u *Uses) block(body []loop.Stmt, weight int) {
	for _, s := range body {
		switch s := s.(type) {
		case *loop.Instr:
			u.See(s)
			switch s.Op {
			case loop.OpLoad, loop.OpStore, loop.OpBcast, loop.OpPrefetch:
				u.weights[Pointer(s.Mem.P)] += weight
				if s.Mem.Index != loop.NoIndex {
					u.weights[Counter(s.Mem.Index)] += u.Index * weight
				}
			}
		case *loop.Scalar:
			switch s.Op {
			case loop.OpCount:
				u.weights[Counter(s.N)] += weight
			case loop.OpMove:
				u.weights[Pointer(s.From)] += weight
				u.weights[Pointer(s.P)] += weight
			default:
				u.weights[Pointer(s.P)] += weight
			}
		case *loop.Loop:
			u.weights[Counter(s.N)] += InLoop * weight
			u.block(s.Body, min(InLoop*weight, 1e6))
		case *loop.If:
			u.weights[Counter(s.N)] += weight
			u.block(s.Then, weight)
			u.block(s.Else, weight)
		}
	}
}
