package loop

import (
	"fmt"
	"math"
)

// Interpret runs a kernel on mem with operands at off (element offsets) and
// counts n. It is the meaning of the IR, for tests; access outside mem is an
// error.
func Interpret(k *Kernel, mem []float32, off, n []int) error {
	if len(off) < len(k.Operands) || len(n) < len(k.Counts) {
		return fmt.Errorf("kernel %s: %d operands and %d counts for %d and %d", k.Name, len(off), len(n), len(k.Operands), len(k.Counts))
	}
	m := &machine{k: k, mem: mem, off: off, counts: n, v: map[V][]float32{}, p: map[P]int{}, n: map[N]int{}}
	if err := m.block(k.Body); err != nil {
		return fmt.Errorf("kernel %s: %w", k.Name, err)
	}
	return nil
}

// machine is the state of the interpreter.
type machine struct {
	k      *Kernel
	mem    []float32
	off    []int
	counts []int
	v      map[V][]float32
	p      map[P]int
	n      map[N]int
}

func (m *machine) block(body []Stmt) error {
	for _, s := range body {
		if err := m.statement(s); err != nil {
			return err
		}
	}
	return nil
}

func (m *machine) statement(s Stmt) error {
	switch s := s.(type) {
	case *Scalar:
		switch s.Op {
		case OpBase:
			m.p[s.P] = m.off[s.Value]
		case OpMove:
			m.p[s.P] = m.p[s.From] + s.Value
		case OpCount:
			m.n[s.N] = m.counts[s.Value] - s.Less
		}
	case *Instr:
		if err := m.instr(s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	case *Loop:
		return m.loop(s)
	case *If:
		if m.n[s.N] == s.Equal {
			return m.block(s.Then)
		}
		return m.block(s.Else)
	}
	return nil
}

func (m *machine) loop(s *Loop) error {
	if s.Down {
		for ; m.n[s.N] >= s.Step; m.n[s.N] -= s.Step {
			if err := m.block(s.Body); err != nil {
				return err
			}
		}
		return nil
	}
	for m.n[s.N] = 0; m.n[s.N] < s.Limit; m.n[s.N] += s.Step {
		if err := m.block(s.Body); err != nil {
			return err
		}
	}
	return nil
}

// arg is the value of an argument in every lane.
func (m *machine) arg(a Arg) []float32 {
	if !a.Const {
		return m.v[a.V]
	}
	x := make([]float32, m.k.Lanes)
	for i := range x {
		x[i] = a.Imm
	}
	return x
}

func (m *machine) instr(s *Instr) error {
	lanes := m.k.Lanes
	out := make([]float32, lanes)
	args := make([][]float32, len(s.Args))
	for i, a := range s.Args {
		args[i] = m.arg(a)
	}
	if e, ok := elementwiseOps[s.Op]; ok {
		x := make([]float32, len(args))
		for i := range out {
			for j := range args {
				x[j] = args[j][i]
			}
			out[i] = e.eval(x)
		}
		m.v[s.Dst] = out
		return nil
	}
	switch s.Op {
	case OpLoad, OpBcast, OpStore:
		return m.memory(s, args)
	case OpPrefetch:
		return nil
	case OpTranspose:
		m.transpose(s.Block)
		return nil
	case OpHSum, OpHMax:
		r := across(s.Op, args[0])
		for i := range out {
			out[i] = r
		}
	case OpIota:
		for i := range out {
			out[i] = float32(i) + args[0][i]
		}
	case OpFMALane:
		for i := range out {
			out[i] = elementwiseOps[OpFMA].eval([]float32{args[0][s.Lane], args[1][i], args[2][i]})
		}
	case OpTail:
		copy(out, args[1])
		copy(out[:s.Lanes], args[0])
	}
	m.v[s.Dst] = out
	return nil
}

// across combines the lanes in the order of a vector machine: each with its
// partner half the lanes away, then a quarter, ...
func across(op Op, x []float32) float32 {
	x = append([]float32(nil), x...)
	for h := len(x) / 2; h > 0; h /= 2 {
		for i := 0; i < h; i++ {
			switch {
			case op == OpHSum:
				x[i] += x[i+h]
			case x[i] == x[i] && !(x[i] > x[i+h]):
				x[i] = x[i+h]
			}
		}
	}
	return x[0]
}

func (m *machine) transpose(block []V) {
	old := make([][]float32, len(block))
	for i, v := range block {
		old[i] = m.v[v]
	}
	for i, v := range block {
		row := make([]float32, len(block))
		for j := range row {
			row[j] = old[j][i]
		}
		m.v[v] = row
	}
}

func (m *machine) memory(s *Instr, args [][]float32) error {
	if s.Half {
		return m.halves(s, args)
	}
	at := m.p[s.Mem.P] + s.Mem.Off
	if s.Mem.Index != NoIndex {
		at += m.n[s.Mem.Index]
	}
	active, out := m.k.Lanes, make([]float32, m.k.Lanes)
	if s.Lanes > 0 {
		active = s.Lanes
	}
	for i := 0; i < active; i++ {
		a := at
		if s.Op != OpBcast {
			a += i * s.Stride
		}
		if a < 0 || a >= len(m.mem) {
			return fmt.Errorf("element %d of %d", a, len(m.mem))
		}
		switch {
		case s.Op == OpStore && s.Int:
			m.mem[a] = math.Float32frombits(integer(args[0][i]))
		case s.Op == OpStore:
			m.mem[a] = args[0][i]
		case s.Int:
			out[i] = float32(int32(math.Float32bits(m.mem[a])))
		default:
			out[i] = m.mem[a]
		}
	}
	if s.Op != OpStore {
		m.v[s.Dst] = out
	}
	return nil
}

// integer is x as the bits of an int32, -2^31 where it does not fit.
func integer(x float32) uint32 {
	if x >= -1<<31 && x < 1<<31 {
		return uint32(int32(x))
	}
	return 1 << 31
}

// halves loads or stores bf16 elements.
func (m *machine) halves(s *Instr, args [][]float32) error {
	at := 2*m.p[s.Mem.P] + s.Mem.Off
	if s.Mem.Index != NoIndex {
		at += m.n[s.Mem.Index]
	}
	active, out := m.k.Lanes, make([]float32, m.k.Lanes)
	if s.Lanes > 0 {
		active = s.Lanes
	}
	for i := 0; i < active; i++ {
		a := (at + i) >> 1
		if a < 0 || a >= len(m.mem) {
			return fmt.Errorf("element %d of %d", a, len(m.mem))
		}
		word, shift := math.Float32bits(m.mem[a]), 16*uint((at+i)&1)
		if s.Op == OpLoad {
			out[i] = math.Float32frombits(word >> shift << 16)
			continue
		}
		m.mem[a] = math.Float32frombits(word&^(0xffff<<shift) | math.Float32bits(Half(args[0][i]))>>16<<shift)
	}
	if s.Op == OpLoad {
		m.v[s.Dst] = out
	}
	return nil
}
