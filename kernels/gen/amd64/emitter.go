package amd64

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"mspecc/ir/loop"
	"mspecc/kernels/gen/asm"
)

// Layout of runtime.Args: Mem []float32; Off [24]int; N [8]int.
const (
	argsOff = 24
	argsN   = argsOff + 24*8
)

// Bytes of an element of the arena, and of a bf16 number.
const (
	FloatSize = 4
	HalfSize  = 2
)

// An Emitter turns the statements of one kernel into instructions.
type Emitter struct {
	C       *build.Context
	isa     *ISA
	k       *loop.Kernel
	vectors Vectors
	dotMode bool // it has begun

	args reg.GPVirtual // *runtime.Args
	mem  reg.GPVirtual // start of the arena

	vec    map[loop.V]Vec
	ptr    map[loop.P]place
	cnt    map[loop.N]place
	data   map[string][]operand.Constant
	labels map[string]int
}

// place is where a pointer or counter lives: a register or, when there are
// more than the registers hold, a stack slot.
type place struct {
	reg  reg.GPVirtual
	slot operand.Mem
}

func (p place) op() operand.Op {
	if p.reg != nil {
		return p.reg
	}
	return p.slot
}

func newEmitter(isa *ISA, c *build.Context, k *loop.Kernel) *Emitter {
	e := &Emitter{
		C: c, isa: isa, k: k, vec: map[loop.V]Vec{}, ptr: map[loop.P]place{}, cnt: map[loop.N]place{},
		data: map[string][]operand.Constant{}, labels: map[string]int{},
	}
	e.vectors = isa.New(e)
	return e
}

// prologue loads what the whole kernel uses and decides where pointers and
// counters live.
func (e *Emitter) prologue() {
	e.args, e.mem = e.C.GP64(), e.C.GP64()
	e.C.Load(e.C.Param("a"), e.args)
	e.C.MOVQ(operand.Mem{Base: e.args}, e.mem)
	tailed, dots := map[int]bool{}, false // numbers of active lanes below all
	u := asm.Uses{Index: 2, See: func(s *loop.Instr) {
		dots = dots || s.Op == loop.OpDot
		if s.Lanes > 0 && s.Stride <= 1 {
			tailed[s.Lanes] = true
		}
	}}
	for i, x := range u.Rank(e.k) {
		var p place
		if i < e.isa.PtrRegs {
			p.reg = e.C.GP64()
		} else {
			p.slot = e.C.AllocLocal(8)
		}
		if x.Counter {
			e.cnt[loop.N(x.ID)] = p
		} else {
			e.ptr[loop.P(x.ID)] = p
		}
	}
	e.vectors.Prologue(slices.Sorted(maps.Keys(tailed)), dots)
}

func (e *Emitter) label(name string) string {
	e.labels[name]++
	if n := e.labels[name]; n > 1 {
		return fmt.Sprintf("%s_%d", name, n)
	}
	return name
}

// block writes statements, runs of dots in their mode.
func (e *Emitter) block(body []loop.Stmt) error {
	modal, ok := e.vectors.(Modal)
	if !ok || e.dotMode {
		return e.statements(body)
	}
	for len(body) > 0 {
		n := dotRun(body)
		if n == 0 {
			if err := e.statements(body[:1]); err != nil {
				return err
			}
			body = body[1:]
			continue
		}
		modal.DotMode(true)
		e.dotMode = true
		if err := e.statements(body[:n]); err != nil {
			return err
		}
		modal.DotMode(false)
		e.dotMode = false
		body = body[n:]
	}
	return nil
}

func (e *Emitter) statements(body []loop.Stmt) error {
	for _, s := range body {
		switch s := s.(type) {
		case *loop.Comment:
			e.C.Comment(s.Text)
		case *loop.Scalar:
			e.scalar(s)
		case *loop.Instr:
			if err := e.instr(s); err != nil {
				return err
			}
		case *loop.Loop:
			if err := e.loop(s); err != nil {
				return err
			}
		case *loop.If:
			if err := e.branch(s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *Emitter) loop(l *loop.Loop) error {
	n, head := e.cnt[l.N].op(), e.label(l.Label)
	if l.Down {
		end := head + "_end"
		e.C.CMPQ(n, operand.I32(l.Step))
		e.C.JLT(operand.LabelRef(end))
		e.C.Label(head)
		if err := e.block(l.Body); err != nil {
			return err
		}
		e.C.SUBQ(operand.I32(l.Step), n)
		e.C.CMPQ(n, operand.I32(l.Step))
		e.C.JGE(operand.LabelRef(head))
		e.C.Label(end)
		return nil
	}
	e.C.MOVQ(operand.I32(0), n)
	e.C.Label(head)
	if err := e.block(l.Body); err != nil {
		return err
	}
	e.C.ADDQ(operand.I32(l.Step), n)
	e.C.CMPQ(n, operand.I32(l.Limit))
	e.C.JLT(operand.LabelRef(head))
	return nil
}

func (e *Emitter) branch(s *loop.If) error {
	name := e.label(s.Label)
	end, other := name+"_end", name+"_else"
	if len(s.Else) == 0 {
		other = end
	}
	e.C.CMPQ(e.cnt[s.N].op(), operand.I32(s.Equal))
	e.C.JNE(operand.LabelRef(other))
	if err := e.block(s.Then); err != nil {
		return err
	}
	if len(s.Else) > 0 {
		e.C.JMP(operand.LabelRef(end))
		e.C.Label(other)
		if err := e.block(s.Else); err != nil {
			return err
		}
	}
	e.C.Label(end)
	return nil
}

func (e *Emitter) scalar(s *loop.Scalar) {
	switch s.Op {
	case loop.OpCount:
		src := operand.Mem{Base: e.args, Disp: argsN + 8*s.Value}
		e.set(e.cnt[s.N], func(r reg.GPVirtual) {
			e.C.MOVQ(src, r)
			if s.Less != 0 {
				e.C.SUBQ(operand.I32(s.Less), r)
			}
		})
	case loop.OpBase:
		src := operand.Mem{Base: e.args, Disp: argsOff + 8*s.Value}
		e.set(e.ptr[s.P], func(r reg.GPVirtual) {
			e.C.MOVQ(src, r)
			e.C.LEAQ(operand.Mem{Base: e.mem, Index: r, Scale: FloatSize}, r)
		})
	case loop.OpMove:
		if s.P == s.From {
			e.C.ADDQ(operand.I32(FloatSize*s.Value), e.ptr[s.P].op())
			return
		}
		from := e.pointer(s.From)
		e.set(e.ptr[s.P], func(r reg.GPVirtual) {
			if s.Value == 0 {
				e.C.MOVQ(from, r)
				return
			}
			e.C.LEAQ(operand.Mem{Base: from, Disp: FloatSize * s.Value}, r)
		})
	}
}

// set computes into a place, through a temporary if it is a stack slot.
func (e *Emitter) set(p place, f func(r reg.GPVirtual)) {
	if p.reg != nil {
		f(p.reg)
		return
	}
	t := e.C.GP64()
	f(t)
	e.C.MOVQ(t, p.slot)
}

func (e *Emitter) pointer(p loop.P) reg.GPVirtual { return e.inRegister(e.ptr[p]) }

func (e *Emitter) inRegister(p place) reg.GPVirtual {
	if p.reg != nil {
		return p.reg
	}
	t := e.C.GP64()
	e.C.MOVQ(p.slot, t)
	return t
}

// Address is where an access to f32 or i32 elements begins.
func (e *Emitter) Address(m loop.Mem) operand.Mem {
	a := operand.Mem{Base: e.pointer(m.P), Disp: FloatSize * m.Off}
	if m.Index != loop.NoIndex {
		a.Index, a.Scale = e.inRegister(e.cnt[m.Index]), FloatSize
	}
	return a
}

// AddressHalf is Address where Index and Off count bf16 elements.
func (e *Emitter) AddressHalf(m loop.Mem) operand.Mem {
	a := e.Address(m)
	a.Disp = HalfSize * m.Off
	if m.Index != loop.NoIndex {
		a.Scale = HalfSize
	}
	return a
}

// V is the register of an IR register.
func (e *Emitter) V(v loop.V) Vec {
	if int(v) < len(e.isa.Fixed) {
		return e.isa.Fixed[v]
	}
	r, ok := e.vec[v]
	if !ok {
		r = e.isa.Register(e.C)
		e.vec[v] = r
	}
	return r
}

// Constant is where the Mem form of an instruction reads a number.
func (e *Emitter) Constant(x float32) operand.Mem {
	name := fmt.Sprintf("f32_%08x", math.Float32bits(x))
	var c operand.Constant = operand.F32(x)
	if y := float64(x); math.IsNaN(y) || math.IsInf(y, 0) || y == 0 {
		c = operand.U32(math.Float32bits(x))
	}
	return e.copies(name, c)
}

// Word is where the Mem form of an instruction reads bits.
func (e *Emitter) Word(x uint32) operand.Mem {
	return e.copies(fmt.Sprintf("u32_%08x", x), operand.U32(x))
}

func (e *Emitter) copies(name string, c operand.Constant) operand.Mem {
	values := make([]operand.Constant, e.isa.Copies)
	for i := range values {
		values[i] = c
	}
	return e.Table(name, values...)
}

// Table is the address of values that stand in memory one after the other.
func (e *Emitter) Table(name string, values ...operand.Constant) operand.Mem {
	e.data[name] = values
	return operand.NewDataAddr(operand.NewStaticSymbol(name), 0)
}

type dataTable struct {
	name   string
	values []operand.Constant
}

func (e *Emitter) tables() []dataTable {
	var t []dataTable
	for name, v := range e.data {
		t = append(t, dataTable{name, v})
	}
	sort.Slice(t, func(i, j int) bool { return t[i].name < t[j].name })
	return t
}

// Fill loads a constant into all lanes of r.
func (e *Emitter) Fill(x float32, r Vec) {
	if math.Float32bits(x) == 0 {
		e.C.VXORPS(r, r, r)
		return
	}
	e.C.VBROADCASTSS(e.Constant(x), r)
}

// In is the register that holds an argument; a constant takes a temporary.
func (e *Emitter) In(a loop.Arg) Vec {
	if !a.Const {
		return e.V(a.V)
	}
	t := e.isa.Register(e.C)
	e.Fill(a.Imm, t)
	return t
}
