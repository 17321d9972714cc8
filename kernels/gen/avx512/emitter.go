package avx512

import (
	"fmt"
	"math"
	"sort"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"mspecc/ir/loop"
)

// Layout of runtime.Args: Mem []float32; Off [24]int; N [8]int.
const (
	argsOff = 24
	argsN   = argsOff + 24*8
	floatSz = 4
	halfSz  = 2
)

// emitter turns the statements of one kernel into instructions.
type emitter struct {
	c    *build.Context
	k    *loop.Kernel
	args reg.GPVirtual // *runtime.Args
	mem  reg.GPVirtual // start of the arena

	vec    map[loop.V]reg.VecVirtual
	ptr    map[loop.P]place
	cnt    map[loop.N]place
	masks  map[int]reg.OpmaskVirtual // first n lanes
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

func newEmitter(c *build.Context, k *loop.Kernel) *emitter {
	return &emitter{
		c: c, k: k, vec: map[loop.V]reg.VecVirtual{}, ptr: map[loop.P]place{}, cnt: map[loop.N]place{},
		masks: map[int]reg.OpmaskVirtual{}, data: map[string][]operand.Constant{}, labels: map[string]int{},
	}
}

// prologue loads what the whole kernel uses and decides where pointers and
// counters live.
func (e *emitter) prologue() {
	e.args, e.mem = e.c.GP64(), e.c.GP64()
	e.c.Load(e.c.Param("a"), e.args)
	e.c.MOVQ(operand.Mem{Base: e.args}, e.mem)
	u := countUses(e.k)
	for i, x := range u.ranked() {
		var p place
		if i < Machine.PtrRegs {
			p.reg = e.c.GP64()
		} else {
			p.slot = e.c.AllocLocal(8)
		}
		if x.counter {
			e.cnt[loop.N(x.id)] = p
		} else {
			e.ptr[loop.P(x.id)] = p
		}
	}
	tails := make([]int, 0, len(u.tails))
	for n := range u.tails {
		tails = append(tails, n)
	}
	sort.Ints(tails)
	for _, n := range tails[:min(len(tails), 5)] {
		e.masks[n] = e.makeMask(n)
	}
}

// makeMask sets an opmask to the first n lanes (0: all).
func (e *emitter) makeMask(n int) reg.OpmaskVirtual {
	bits := uint32(1)<<n - 1
	if n == 0 {
		bits = 0xffff
	}
	t, k := e.c.GP32(), e.c.K()
	e.c.MOVL(operand.U32(bits), t)
	e.c.KMOVW(t, k)
	return k
}

func (e *emitter) mask(n int) reg.OpmaskVirtual {
	if k, ok := e.masks[n]; ok {
		return k
	}
	return e.makeMask(n)
}

func (e *emitter) label(name string) string {
	e.labels[name]++
	if n := e.labels[name]; n > 1 {
		return fmt.Sprintf("%s_%d", name, n)
	}
	return name
}

func (e *emitter) block(body []loop.Stmt) error {
	for _, s := range body {
		switch s := s.(type) {
		case *loop.Comment:
			e.c.Comment(s.Text)
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

func (e *emitter) loop(l *loop.Loop) error {
	n, head := e.cnt[l.N].op(), e.label(l.Label)
	if l.Down {
		end := head + "_end"
		e.c.CMPQ(n, operand.I32(l.Step))
		e.c.JLT(operand.LabelRef(end))
		e.c.Label(head)
		if err := e.block(l.Body); err != nil {
			return err
		}
		e.c.SUBQ(operand.I32(l.Step), n)
		e.c.CMPQ(n, operand.I32(l.Step))
		e.c.JGE(operand.LabelRef(head))
		e.c.Label(end)
		return nil
	}
	e.c.MOVQ(operand.I32(0), n)
	e.c.Label(head)
	if err := e.block(l.Body); err != nil {
		return err
	}
	e.c.ADDQ(operand.I32(l.Step), n)
	e.c.CMPQ(n, operand.I32(l.Limit))
	e.c.JLT(operand.LabelRef(head))
	return nil
}

func (e *emitter) branch(s *loop.If) error {
	name := e.label(s.Label)
	end, other := name+"_end", name+"_else"
	if len(s.Else) == 0 {
		other = end
	}
	e.c.CMPQ(e.cnt[s.N].op(), operand.I32(s.Equal))
	e.c.JNE(operand.LabelRef(other))
	if err := e.block(s.Then); err != nil {
		return err
	}
	if len(s.Else) > 0 {
		e.c.JMP(operand.LabelRef(end))
		e.c.Label(other)
		if err := e.block(s.Else); err != nil {
			return err
		}
	}
	e.c.Label(end)
	return nil
}

func (e *emitter) scalar(s *loop.Scalar) {
	switch s.Op {
	case loop.OpCount:
		src := operand.Mem{Base: e.args, Disp: argsN + 8*s.Value}
		e.set(e.cnt[s.N], func(r reg.GPVirtual) {
			e.c.MOVQ(src, r)
			if s.Less != 0 {
				e.c.SUBQ(operand.I32(s.Less), r)
			}
		})
	case loop.OpBase:
		src := operand.Mem{Base: e.args, Disp: argsOff + 8*s.Value}
		e.set(e.ptr[s.P], func(r reg.GPVirtual) {
			e.c.MOVQ(src, r)
			e.c.LEAQ(operand.Mem{Base: e.mem, Index: r, Scale: floatSz}, r)
		})
	case loop.OpMove:
		if s.P == s.From {
			e.c.ADDQ(operand.I32(floatSz*s.Value), e.ptr[s.P].op())
			return
		}
		from := e.pointer(s.From)
		e.set(e.ptr[s.P], func(r reg.GPVirtual) {
			if s.Value == 0 {
				e.c.MOVQ(from, r)
				return
			}
			e.c.LEAQ(operand.Mem{Base: from, Disp: floatSz * s.Value}, r)
		})
	}
}

// set computes into a place, through a temporary if it is a stack slot.
func (e *emitter) set(p place, f func(r reg.GPVirtual)) {
	if p.reg != nil {
		f(p.reg)
		return
	}
	t := e.c.GP64()
	f(t)
	e.c.MOVQ(t, p.slot)
}

func (e *emitter) pointer(p loop.P) reg.GPVirtual { return e.inRegister(e.ptr[p]) }

func (e *emitter) inRegister(p place) reg.GPVirtual {
	if p.reg != nil {
		return p.reg
	}
	t := e.c.GP64()
	e.c.MOVQ(p.slot, t)
	return t
}

func (e *emitter) address(m loop.Mem) operand.Mem {
	a := operand.Mem{Base: e.pointer(m.P), Disp: floatSz * m.Off}
	if m.Index != loop.NoIndex {
		a.Index, a.Scale = e.inRegister(e.cnt[m.Index]), floatSz
	}
	return a
}

// addressHalf is address where Index and Off count bf16 elements.
func (e *emitter) addressHalf(m loop.Mem) operand.Mem {
	a := e.address(m)
	a.Disp = halfSz * m.Off
	if m.Index != loop.NoIndex {
		a.Scale = halfSz
	}
	return a
}

// v is the register of an IR register.
func (e *emitter) v(v loop.V) reg.VecVirtual {
	r, ok := e.vec[v]
	if !ok {
		r = e.c.ZMM()
		e.vec[v] = r
	}
	return r
}

// constant is the address of a 4-byte constant.
func (e *emitter) constant(x float32) operand.Mem {
	name := fmt.Sprintf("f32_%08x", math.Float32bits(x))
	var c operand.Constant = operand.F32(x)
	if y := float64(x); math.IsNaN(y) || math.IsInf(y, 0) || y == 0 {
		c = operand.U32(math.Float32bits(x))
	}
	return e.table(name, c)
}

func (e *emitter) word(x uint32) operand.Mem {
	return e.table(fmt.Sprintf("u32_%08x", x), operand.U32(x))
}

func (e *emitter) table(name string, values ...operand.Constant) operand.Mem {
	e.data[name] = values
	return operand.NewDataAddr(operand.NewStaticSymbol(name), 0)
}

type dataTable struct {
	name   string
	values []operand.Constant
}

func (e *emitter) tables() []dataTable {
	var t []dataTable
	for name, v := range e.data {
		t = append(t, dataTable{name, v})
	}
	sort.Slice(t, func(i, j int) bool { return t[i].name < t[j].name })
	return t
}

// fill loads a constant into all lanes of r.
func (e *emitter) fill(x float32, r reg.VecVirtual) {
	if math.Float32bits(x) == 0 {
		e.c.VXORPS(r, r, r)
		return
	}
	e.c.VBROADCASTSS(e.constant(x), r)
}

// in is the register that holds an argument; a constant takes a temporary.
func (e *emitter) in(a loop.Arg) reg.VecVirtual {
	if !a.Const {
		return e.v(a.V)
	}
	t := e.c.ZMM()
	e.fill(a.Imm, t)
	return t
}
