package loop

import (
	"errors"
	"fmt"
	"sort"
)

// ErrPressure is returned (wrapped) by Lower when no form of a kernel fits
// the target's vector registers. The caller should split the fusion.
var ErrPressure = errors.New("too many live values for the vector registers of the target")

// Registers counts what a kernel needs after allocation.
type Registers struct{ Vec, Ptr, Counter int }

// Pressure returns the most vector registers, pointers and counters that are
// live at once (vectors live through any part of a loop and used outside it
// count for the whole loop).
func Pressure(k *Kernel) Registers {
	l := live(k)
	return Registers{Vec: colour(l.v, nil).used, Ptr: colour(l.p, nil).used, Counter: colour(l.n, nil).used}
}

// Allocate renames the registers of k so that each class uses the fewest
// (linear scan over live intervals), and reports a wrapped ErrPressure when
// the vectors do not fit the target.
func Allocate(k *Kernel, t Machine) error {
	l := live(k)
	v, p, n := colour(l.v, l.hint), colour(l.p, nil), colour(l.n, nil)
	if v.used > t.VecRegs {
		return fmt.Errorf("kernel %s: %d live vectors, %s has %d: %w", k.Name, v.used, t.Name, t.VecRegs, ErrPressure)
	}
	rename(k.Body, func(r V) V { return V(v.reg[int(r)]) }, func(r P) P { return P(p.reg[int(r)]) },
		func(r N) N { return N(n.reg[int(r)]) })
	return nil
}

// interval is the part of the code, in positions, where a register is in use.
// Statement i reads at position 2i and writes at 2i+1, so that a result may
// take the register of an argument that dies there.
type interval struct{ first, last int }

type liveness struct {
	v, p, n map[int]*interval
	hint    map[int][]int // result -> arguments whose register it would best take over
	pos     int
}

func live(k *Kernel) *liveness {
	l := &liveness{v: map[int]*interval{}, p: map[int]*interval{}, n: map[int]*interval{}, hint: map[int][]int{}}
	l.block(k.Body)
	return l
}

func touch(m map[int]*interval, r, pos int) {
	if iv := m[r]; iv != nil {
		iv.last = max(iv.last, pos)
	} else {
		m[r] = &interval{pos, pos}
	}
}

func (l *liveness) block(body []Stmt) {
	for _, s := range body {
		l.pos++
		read, write := 2*l.pos, 2*l.pos+1
		switch s := s.(type) {
		case *Instr:
			l.instr(s, read, write)
		case *Scalar:
			switch s.Op {
			case OpMove:
				touch(l.p, int(s.From), read)
				touch(l.p, int(s.P), write)
			case OpBase:
				touch(l.p, int(s.P), write)
			case OpCount:
				touch(l.n, int(s.N), write)
			}
		case *Loop:
			touch(l.n, int(s.N), write)
			l.block(s.Body)
			l.pos++
			end := 2*l.pos + 1
			touch(l.n, int(s.N), end)
			l.extend(write, end)
		case *If:
			touch(l.n, int(s.N), read)
			l.block(s.Then)
			l.block(s.Else)
		}
	}
}

func (l *liveness) instr(s *Instr, read, write int) {
	for _, v := range s.reads() {
		touch(l.v, int(v), read)
	}
	if usesMem(s.Op) {
		touch(l.p, int(s.Mem.P), read)
		if s.Mem.Index != NoIndex {
			touch(l.n, int(s.Mem.Index), read)
		}
	}
	for _, v := range s.writes() {
		touch(l.v, int(v), write)
	}
	switch s.Op {
	case OpFused, OpFMA, OpFNMA, OpFMS, OpFMALane:
		for _, i := range []int{2, 0, 1} {
			if a := s.Args[i]; !a.Const {
				l.hint[int(s.Dst)] = append(l.hint[int(s.Dst)], int(a.V))
			}
		}
	}
}

// extend keeps whatever was set before a loop and is used in it until the
// loop's end.
func (l *liveness) extend(start, end int) {
	for _, m := range []map[int]*interval{l.v, l.p, l.n} {
		for _, iv := range m {
			if iv.first < start && iv.last > start {
				iv.last = max(iv.last, end)
			}
		}
	}
}

func usesMem(op Op) bool { return op == OpLoad || op == OpBcast || op == OpStore || op == OpPrefetch }

// reads lists the vector registers whose value an instruction uses.
func (s *Instr) reads() []V {
	var r []V
	for _, a := range s.Args {
		if !a.Const {
			r = append(r, a.V)
		}
	}
	return append(r, s.Block...)
}

// writes lists the vector registers an instruction sets.
func (s *Instr) writes() []V {
	switch {
	case s.Op == OpTranspose:
		return s.Block
	case s.Op.HasResult():
		return []V{s.Dst}
	}
	return nil
}

type colouring struct {
	reg  map[int]int
	used int
}

// colour gives each interval the lowest free register, or a hinted one.
func colour(ivs map[int]*interval, hint map[int][]int) colouring {
	order := make([]int, 0, len(ivs))
	for r := range ivs {
		order = append(order, r)
	}
	sort.Slice(order, func(i, j int) bool {
		a, b := ivs[order[i]], ivs[order[j]]
		return a.first < b.first || a.first == b.first && order[i] < order[j]
	})
	c := colouring{reg: map[int]int{}}
	var busyUntil []int // per register
	for _, r := range order {
		iv := ivs[r]
		pick := -1
		for _, h := range hint[r] {
			if got, ok := c.reg[h]; ok && busyUntil[got] < iv.first {
				pick = got
				break
			}
		}
		for i := 0; pick < 0 && i < len(busyUntil); i++ {
			if busyUntil[i] < iv.first {
				pick = i
			}
		}
		if pick < 0 {
			pick = len(busyUntil)
			busyUntil = append(busyUntil, 0)
		}
		c.reg[r] = pick
		busyUntil[pick] = iv.last
	}
	c.used = len(busyUntil)
	return c
}

func rename(body []Stmt, v func(V) V, p func(P) P, n func(N) N) {
	for _, s := range body {
		switch s := s.(type) {
		case *Instr:
			for i := range s.Args {
				if !s.Args[i].Const {
					s.Args[i].V = v(s.Args[i].V)
				}
			}
			if s.Op == OpTranspose {
				for i := range s.Block {
					s.Block[i] = v(s.Block[i])
				}
			} else if s.Op.HasResult() {
				s.Dst = v(s.Dst)
			}
			if usesMem(s.Op) {
				s.Mem.P = p(s.Mem.P)
				if s.Mem.Index != NoIndex {
					s.Mem.Index = n(s.Mem.Index)
				}
			}
		case *Scalar:
			switch s.Op {
			case OpCount:
				s.N = n(s.N)
			case OpMove:
				s.From = p(s.From)
				s.P = p(s.P)
			default:
				s.P = p(s.P)
			}
		case *Loop:
			s.N = n(s.N)
			rename(s.Body, v, p, n)
		case *If:
			s.N = n(s.N)
			rename(s.Then, v, p, n)
			rename(s.Else, v, p, n)
		}
	}
}
