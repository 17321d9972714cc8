package amd64

import "mspecc/ir/loop"

// dotRun is how many statements, if the first has dots, may run in the mode of dots: the last of them
// has some, too. 0: the first has none, or other arithmetic.
func dotRun(body []loop.Stmt) int {
	n := 0
	for i, s := range body {
		dots, other := arithmetic(s)
		if other || i == 0 && !dots {
			break
		}
		if dots {
			n = i + 1
		}
	}
	return n
}

// arithmetic reports whether a statement has dots, and other arithmetic than that: anything that a
// mode may change.
func arithmetic(s loop.Stmt) (dots, other bool) {
	add := func(bodies ...[]loop.Stmt) {
		for _, body := range bodies {
			for _, s := range body {
				d, o := arithmetic(s)
				dots, other = dots || d, other || o
			}
		}
	}
	switch s := s.(type) {
	case *loop.Instr:
		switch s.Op {
		case loop.OpDot:
			return true, false
		case loop.OpLoad, loop.OpBcast, loop.OpPrefetch, loop.OpMov:
			return false, false
		}
		return false, true
	case *loop.Loop:
		add(s.Body)
	case *loop.If:
		add(s.Then, s.Else)
	}
	return dots, other
}
