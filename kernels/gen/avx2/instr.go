package avx2

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"

	"mspecc/ir/loop"
	"mspecc/kernels/gen/amd64"
)

// vectors writes the instructions of one kernel. None takes more than two registers beside those of
// its arguments and result, and one for each argument that is a constant.
type vectors struct {
	*amd64.Emitter
	mode operand.Mem // MXCSR as the kernel found it, and after that as dots want it
}

// Prologue prepares dots only: masks are read from memory.
func (e *vectors) Prologue(_ []int, dots bool) {
	if dots {
		e.prepareDots()
	}
}

// Instr writes what depends on the width, and what AVX-512 has an instruction for.
func (e *vectors) Instr(s *loop.Instr) error {
	switch s.Op {
	case loop.OpLoad:
		e.load(s)
	case loop.OpStore:
		e.store(s)
	case loop.OpBcast:
		d := e.V(s.Dst)
		e.C.VBROADCASTSS(e.Address(s.Mem), d)
		if s.Int {
			e.C.VCVTDQ2PS(d, d)
		}
	case loop.OpDot:
		e.dot(s)
	case loop.OpPair:
		t := e.C.YMM()
		e.C.VPSRLD(operand.U8(16), e.In(s.Args[0]), t)
		e.C.VPOR(e.In(s.Args[1]), t, e.V(s.Dst))
	case loop.OpSelLt, loop.OpSelLe, loop.OpSelEq, loop.OpSelNe:
		e.choose(s)
	case loop.OpIota:
		e.C.VADDPS(e.lanes(), e.In(s.Args[0]), e.V(s.Dst))
	case loop.OpTail:
		e.tail(s)
	case loop.OpGetExp:
		e.exponent(e.In(s.Args[0]), e.V(s.Dst))
	case loop.OpGetMant:
		e.mantissa(e.In(s.Args[0]), e.V(s.Dst))
	case loop.OpScale:
		e.scale(e.In(s.Args[0]), e.In(s.Args[1]), e.V(s.Dst))
	case loop.OpCopySign:
		x, t, d := s.Args[0], e.C.YMM(), e.V(s.Dst)
		e.C.VANDPS(e.Word(1<<31), e.In(s.Args[1]), t)
		e.C.VANDPS(e.Word(1<<31-1), e.In(x), d)
		e.C.VORPS(t, d, d)
	default:
		return fmt.Errorf("avx2 has no instruction for %s", s.Op)
	}
	return nil
}

// lanes are the numbers of the lanes.
func (e *vectors) lanes() operand.Mem {
	lanes := make([]operand.Constant, Machine.Lanes)
	for i := range lanes {
		lanes[i] = operand.F32(i)
	}
	return e.Table("lanes", lanes...)
}

// predicate has the quiet predicates of VCMPPS for x ? y, its negation, y ? x and its negation.
type predicate struct{ is, not, isSwapped, notSwapped operand.U8 }

var predicates = map[loop.Op]predicate{
	loop.OpSelLt: {0x11, 0x15, 0x1e, 0x1a},
	loop.OpSelLe: {0x12, 0x16, 0x1d, 0x19},
	loop.OpSelEq: {0x00, 0x04, 0x00, 0x04},
	loop.OpSelNe: {0x04, 0x00, 0x04, 0x00},
}

// unordered is the predicate of VCMPPS that holds where an argument is NaN, less and equal hold for
// numbers only, notLess also where an argument is NaN.
const (
	unordered = operand.U8(0x03)
	equal     = operand.U8(0x00)
	less      = operand.U8(0x11)
	notLess   = operand.U8(0x15)
)

// isZero: 0 has no bits, unlike -0.
func isZero(a loop.Arg) bool { return a.Const && math.Float32bits(a.Imm) == 0 }

// choose compares and takes an argument where that holds, another elsewhere. A constant is the
// source that may be in memory, of the comparison and of the choice.
func (e *vectors) choose(s *loop.Instr) {
	p := predicates[s.Op]
	x, y, a, b := s.Args[0], s.Args[1], s.Args[2], s.Args[3]
	if x.Const && !y.Const {
		x, y = y, x
		p.is, p.not = p.isSwapped, p.notSwapped
	}
	if b.Const && !a.Const && !isZero(b) {
		a, b = b, a
		p.is = p.not
	}
	mask, d := e.C.YMM(), e.V(s.Dst)
	e.C.VCMPPS(p.is, e.operand(y), e.In(x), mask)
	switch {
	case isZero(b):
		e.C.VANDPS(e.operand(a), mask, d)
	case isZero(a):
		e.C.VANDNPS(e.operand(b), mask, d)
	case a.Const && b.Const:
		e.C.VANDPS(e.Word(math.Float32bits(a.Imm)^math.Float32bits(b.Imm)), mask, mask)
		e.C.VXORPS(e.Constant(b.Imm), mask, d)
	default:
		e.C.VBLENDVPS(mask, e.operand(a), e.In(b), d)
	}
}

// operand is an argument as the source that may be in memory.
func (e *vectors) operand(a loop.Arg) operand.Op {
	if a.Const {
		return e.Constant(a.Imm)
	}
	return e.V(a.V)
}

// tail takes the first lanes of one argument and the others of another.
func (e *vectors) tail(s *loop.Instr) {
	a, b, first := s.Args[0], s.Args[1], operand.U8(1)<<s.Lanes-1
	if b.Const {
		a, b, first = b, a, ^first
	}
	e.C.VBLENDPS(first, e.operand(a), e.In(b), e.V(s.Dst))
}

// Exchange exchanges halves.
func (e *vectors) Exchange(_ int, x, d amd64.Vec) { e.C.VPERM2F128(operand.U8(0x01), x, x, d) }

// Quarters joins the lower or the upper halves of two registers.
func (e *vectors) Quarters(odd bool, x, y, d amd64.Vec) {
	order := operand.U8(0x20)
	if odd {
		order = 0x31
	}
	e.C.VPERM2F128(order, y, x, d)
}

// Larger sets d to the larger of x and y, NaN where one of them is; VMAXPS gives y there.
func (e *vectors) Larger(x, y, d amd64.Vec) {
	mask := e.C.YMM()
	e.C.VCMPPS(unordered, x, x, mask)
	e.C.VMAXPS(y, x, y)
	e.C.VBLENDVPS(mask, x, y, d)
}

// low emits an instruction that writes the lower half of d and, as all of these with a destination of
// 128 bits do, sets the upper half to 0. The allocator is told so: it would take the upper half for
// kept, and d for in use ever since the kernel began.
func (e *vectors) low(opcode string, d amd64.Vec, operands ...operand.Op) {
	e.C.Instruction(&ir.Instruction{Opcode: opcode, ISA: []string{"AVX"}, Operands: append(operands, d.AsX()),
		Inputs: operands, Outputs: []operand.Op{d}})
}
