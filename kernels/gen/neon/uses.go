package neon

import (
	"cmp"
	"slices"

	"mspecc/ir/loop"
)

// name is a pointer or a counter of the IR.
type name struct {
	counter bool
	id      int
}

func pointer(p loop.P) name { return name{false, int(p)} }
func counter(n loop.N) name { return name{true, int(n)} }

// uses counts how often pointers and counters are needed, weighted by the depth of the loops around
// them, and the vector registers, and sees whether there are dots.
type uses struct {
	weights map[name]int
	vectors int
	dots    bool
}

func (u *uses) vector(v loop.V) { u.vectors = max(u.vectors, int(v)+1) }

func (u *uses) block(body []loop.Stmt, weight int) {
	for _, s := range body {
		switch s := s.(type) {
		case *loop.Instr:
			u.instr(s, weight)
		case *loop.Scalar:
			switch s.Op {
			case loop.OpCount:
				u.weights[counter(s.N)] += weight
			case loop.OpMove:
				u.weights[pointer(s.From)] += weight
				u.weights[pointer(s.P)] += weight
			default:
				u.weights[pointer(s.P)] += weight
			}
		case *loop.Loop:
			inner := min(inLoop*weight, 1e6)
			u.weights[counter(s.N)] += inner
			u.block(s.Body, inner)
		case *loop.If:
			u.weights[counter(s.N)] += weight
			u.block(s.Then, weight)
			u.block(s.Else, weight)
		}
	}
}

// inLoop is how much more often than what is around it a loop is taken to run.
const inLoop = 10

func (u *uses) instr(s *loop.Instr, weight int) {
	switch s.Op {
	case loop.OpLoad, loop.OpStore, loop.OpBcast, loop.OpPrefetch:
		u.weights[pointer(s.Mem.P)] += weight
		if s.Mem.Index != loop.NoIndex {
			u.weights[counter(s.Mem.Index)] += weight
		}
	}
	for _, a := range s.Args {
		if !a.Const {
			u.vector(a.V)
		}
	}
	for _, v := range s.Block {
		u.vector(v)
	}
	if s.Op.HasResult() {
		u.vector(s.Dst)
	}
	u.dots = u.dots || s.Op == loop.OpDot
}

// ranked lists pointers and counters, the most used first.
func (u *uses) ranked() []name {
	all := make([]name, 0, len(u.weights))
	for n := range u.weights {
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b name) int {
		if c := cmp.Compare(u.weights[b], u.weights[a]); c != 0 {
			return c
		}
		if a.counter != b.counter {
			if a.counter {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.id, b.id)
	})
	return all
}
