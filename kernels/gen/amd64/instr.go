package amd64

import (
	"github.com/mmcloughlin/avo/operand"

	"mspecc/ir/loop"
)

// Rounding to integers, exceptions suppressed.
var roundings = map[loop.Op]operand.Constant{
	loop.OpRound: operand.U8(8), loop.OpFloor: operand.U8(9), loop.OpTrunc: operand.U8(11),
}

// instr writes what all instruction sets have in common and leaves the rest to the set at hand.
func (e *Emitter) instr(s *loop.Instr) error {
	if f, ok := e.isa.Binary[s.Op]; ok {
		e.Last(f, s.Args[1], e.In(s.Args[0]), e.V(s.Dst))
		return nil
	}
	if f, ok := e.isa.Products[s.Op]; ok {
		e.product(f, s)
		return nil
	}
	switch s.Op {
	case loop.OpPrefetch:
		e.C.PREFETCHT0(e.Address(s.Mem))
	case loop.OpMov:
		e.move(s)
	case loop.OpNeg:
		e.isa.Xor.Mem(e.C, e.Word(1<<31), e.In(s.Args[0]), e.V(s.Dst))
	case loop.OpAbs:
		e.isa.And.Mem(e.C, e.Word(1<<31-1), e.In(s.Args[0]), e.V(s.Dst))
	case loop.OpSqrt:
		e.C.VSQRTPS(e.In(s.Args[0]), e.V(s.Dst))
	case loop.OpRound, loop.OpFloor, loop.OpTrunc:
		e.isa.Round(e.C, roundings[s.Op], e.In(s.Args[0]), e.V(s.Dst))
	case loop.OpHSum:
		e.horizontal(s, func(x, y, d Vec) { e.C.VADDPS(y, x, d) })
	case loop.OpHMax:
		e.horizontal(s, e.vectors.Larger)
	case loop.OpTranspose:
		e.transpose(s.Block)
	default:
		return e.vectors.Instr(s)
	}
	return nil
}

// Last writes f with argument a as the source that may be in memory.
func (e *Emitter) Last(f Forms, a loop.Arg, rest ...operand.Op) {
	if a.Const {
		f.Mem(e.C, append([]operand.Op{e.Constant(a.Imm)}, rest...)...)
		return
	}
	f.Regs(e.C, append([]operand.Op{e.V(a.V)}, rest...)...)
}

func (e *Emitter) move(s *loop.Instr) {
	d := e.V(s.Dst)
	if s.Args[0].Const {
		e.Fill(s.Args[0].Imm, d)
		return
	}
	if x := e.V(s.Args[0].V); x != d {
		e.C.VMOVAPS(x, d)
	}
}

// product picks the form that overwrites an argument which is the destination
// already; otherwise the addend is moved there first.
func (e *Emitter) product(f ProductForms, s *loop.Instr) {
	x, y, z := s.Args[0], s.Args[1], s.Args[2]
	if x.Const {
		x, y = y, x
	}
	is := func(a loop.Arg) bool { return !a.Const && a.V == s.Dst }
	d := e.V(s.Dst)
	switch {
	case z.Const && y.Const: // one of them needs a register
		t := e.In(y)
		if !is(x) {
			e.C.VMOVAPS(e.In(x), d)
		}
		e.Last(f.F213, z, t, d)
	case is(z):
		e.Last(f.F231, y, e.In(x), d)
	case is(x) && y.Const:
		e.Last(f.F132, y, e.In(z), d)
	case is(x):
		e.Last(f.F213, z, e.In(y), d)
	case is(y):
		e.Last(f.F213, z, e.In(x), d)
	case z.Const:
		e.C.VMOVAPS(e.In(x), d)
		e.Last(f.F213, z, e.In(y), d)
	default:
		e.C.VMOVAPS(e.In(z), d)
		e.Last(f.F231, y, e.In(x), d)
	}
}

// horizontal combines each lane with its partner half the lanes away, then a quarter and so on, so
// that the result is in all lanes.
func (e *Emitter) horizontal(s *loop.Instr, join func(x, y, d Vec)) {
	x, d, t := e.In(s.Args[0]), e.V(s.Dst), e.isa.Register(e.C)
	for distance := e.isa.Lanes / 2; distance > 0; distance /= 2 {
		switch distance {
		case 2:
			e.C.VPERMILPS(operand.U8(0x4e), x, t)
		case 1:
			e.C.VPERMILPS(operand.U8(0xb1), x, t)
		default:
			e.vectors.Exchange(distance, x, t)
		}
		join(x, t, d)
		x = d
	}
}
