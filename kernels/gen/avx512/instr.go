package avx512

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"mspecc/ir/loop"
)

// forms are the register and the broadcast-from-memory form of an
// instruction; only the last source may be in memory.
type forms struct {
	regs, bcst func(c *build.Context, ops ...operand.Op)
}

var binaryForms = map[loop.Op]forms{
	loop.OpAdd:   {(*build.Context).VADDPS, (*build.Context).VADDPS_BCST},
	loop.OpSub:   {(*build.Context).VSUBPS, (*build.Context).VSUBPS_BCST},
	loop.OpMul:   {(*build.Context).VMULPS, (*build.Context).VMULPS_BCST},
	loop.OpDiv:   {(*build.Context).VDIVPS, (*build.Context).VDIVPS_BCST},
	loop.OpMax:   {(*build.Context).VMAXPS, (*build.Context).VMAXPS_BCST},
	loop.OpMin:   {(*build.Context).VMINPS, (*build.Context).VMINPS_BCST},
	loop.OpScale: {(*build.Context).VSCALEFPS, (*build.Context).VSCALEFPS_BCST},
}

// fusedForms are those of x y + z.
var fusedForms = struct{ f231, f213, f132 forms }{
	forms{(*build.Context).VFMADD231PS, (*build.Context).VFMADD231PS_BCST},
	forms{(*build.Context).VFMADD213PS, (*build.Context).VFMADD213PS_BCST},
	forms{(*build.Context).VFMADD132PS, (*build.Context).VFMADD132PS_BCST},
}

// productForms are the three operand orders of a fused product: 231 adds to
// the destination, 213 and 132 multiply it.
var productForms = map[loop.Op]struct{ f231, f213, f132 forms }{
	loop.OpFused: fusedForms,
	loop.OpFMA:   fusedForms,
	loop.OpFNMA: {
		forms{(*build.Context).VFNMADD231PS, (*build.Context).VFNMADD231PS_BCST},
		forms{(*build.Context).VFNMADD213PS, (*build.Context).VFNMADD213PS_BCST},
		forms{(*build.Context).VFNMADD132PS, (*build.Context).VFNMADD132PS_BCST}},
	loop.OpFMS: {
		forms{(*build.Context).VFMSUB231PS, (*build.Context).VFMSUB231PS_BCST},
		forms{(*build.Context).VFMSUB213PS, (*build.Context).VFMSUB213PS_BCST},
		forms{(*build.Context).VFMSUB132PS, (*build.Context).VFMSUB132PS_BCST}},
}

// Quiet predicates of VCMPPS.
var predicates = map[loop.Op]operand.Constant{
	loop.OpSelLt: operand.U8(17), loop.OpSelLe: operand.U8(18), loop.OpSelEq: operand.U8(0), loop.OpSelNe: operand.U8(4),
}

// unordered is the predicate of VCMPPS that holds where an argument is NaN.
const unordered = operand.U8(3)

// Rounding of VRNDSCALEPS to integers, exceptions suppressed.
var roundings = map[loop.Op]operand.Constant{
	loop.OpRound: operand.U8(8), loop.OpFloor: operand.U8(9), loop.OpTrunc: operand.U8(11),
}

func (e *emitter) instr(s *loop.Instr) error {
	if f, ok := binaryForms[s.Op]; ok {
		e.last(f, s.Args[1], e.in(s.Args[0]), e.v(s.Dst))
		return nil
	}
	switch s.Op {
	case loop.OpLoad:
		e.load(s)
	case loop.OpStore:
		e.store(s)
	case loop.OpPrefetch:
		e.c.PREFETCHT0(e.address(s.Mem))
	case loop.OpBcast:
		if s.Int {
			e.c.VCVTDQ2PS_BCST(e.address(s.Mem), e.v(s.Dst))
		} else {
			e.c.VBROADCASTSS(e.address(s.Mem), e.v(s.Dst))
		}
	case loop.OpFused, loop.OpFMA, loop.OpFNMA, loop.OpFMS:
		e.product(s)
	case loop.OpDot:
		e.dot(s)
	case loop.OpPair:
		t := e.c.ZMM()
		e.c.VPSRLD(operand.U8(16), e.in(s.Args[0]), t)
		e.c.VPORD(e.in(s.Args[1]), t, e.v(s.Dst))
	case loop.OpSelLt, loop.OpSelLe, loop.OpSelEq, loop.OpSelNe:
		e.choose(s)
	case loop.OpHSum:
		e.horizontal(s, func(x, y, d reg.VecVirtual) { e.c.VADDPS(y, x, d) })
	case loop.OpHMax:
		e.horizontal(s, e.larger)
	case loop.OpIota:
		e.iota(s)
	case loop.OpTail:
		e.blend(e.mask(s.Lanes), s.Args[0], s.Args[1], e.v(s.Dst))
	case loop.OpTranspose:
		e.transpose(s.Block)
	default:
		return e.unary(s)
	}
	return nil
}

// last emits f with argument a as the source that may be in memory.
func (e *emitter) last(f forms, a loop.Arg, rest ...operand.Op) {
	if a.Const {
		f.bcst(e.c, append([]operand.Op{e.constant(a.Imm)}, rest...)...)
		return
	}
	f.regs(e.c, append([]operand.Op{e.v(a.V)}, rest...)...)
}

func (e *emitter) unary(s *loop.Instr) error {
	d := e.v(s.Dst)
	if s.Op == loop.OpMov && s.Args[0].Const {
		e.fill(s.Args[0].Imm, d)
		return nil
	}
	x := e.in(s.Args[0])
	switch s.Op {
	case loop.OpMov:
		if x != d {
			e.c.VMOVAPS(x, d)
		}
	case loop.OpNeg:
		e.c.VXORPS_BCST(e.word(1<<31), x, d)
	case loop.OpAbs:
		e.c.VANDPS_BCST(e.word(1<<31-1), x, d)
	case loop.OpSqrt:
		e.c.VSQRTPS(x, d)
	case loop.OpRound, loop.OpFloor, loop.OpTrunc:
		e.c.VRNDSCALEPS(roundings[s.Op], x, d)
	case loop.OpGetExp:
		e.c.VGETEXPPS(x, d)
	case loop.OpGetMant:
		e.c.VGETMANTPS(operand.U8(4), x, d) // [1,2), sign dropped
	case loop.OpCopySign:
		y, t := e.in(s.Args[1]), e.c.ZMM()
		e.c.VBROADCASTSS(e.word(1<<31-1), t)
		e.c.VPTERNLOGD(operand.U8(0xca), y, x, t) // t ? x : y, bit by bit
		e.c.VMOVAPS(t, d)
	default:
		return fmt.Errorf("avx512 has no instruction for %s", s.Op)
	}
	return nil
}

// product picks the form that overwrites an argument which is the destination
// already; otherwise the addend is moved there first.
func (e *emitter) product(s *loop.Instr) {
	x, y, z := s.Args[0], s.Args[1], s.Args[2]
	if x.Const {
		x, y = y, x
	}
	is := func(a loop.Arg) bool { return !a.Const && a.V == s.Dst }
	f, d := productForms[s.Op], e.v(s.Dst)
	switch {
	case z.Const && y.Const: // one of them needs a register
		t := e.in(y)
		if !is(x) {
			e.c.VMOVAPS(e.in(x), d)
		}
		e.last(f.f213, z, t, d)
	case is(z):
		e.last(f.f231, y, e.in(x), d)
	case is(x) && y.Const:
		e.last(f.f132, y, e.in(z), d)
	case is(x):
		e.last(f.f213, z, e.in(y), d)
	case is(y):
		e.last(f.f213, z, e.in(x), d)
	case z.Const:
		e.c.VMOVAPS(e.in(x), d)
		e.last(f.f213, z, e.in(y), d)
	default:
		e.c.VMOVAPS(e.in(z), d)
		e.last(f.f231, y, e.in(x), d)
	}
}

func (e *emitter) choose(s *loop.Instr) {
	k := e.c.K()
	x := e.in(s.Args[0])
	if y := s.Args[1]; y.Const {
		e.c.VCMPPS_BCST(predicates[s.Op], e.constant(y.Imm), x, k)
	} else {
		e.c.VCMPPS(predicates[s.Op], e.v(y.V), x, k)
	}
	e.blend(k, s.Args[2], s.Args[3], e.v(s.Dst))
}

// blend sets d to a where k is set and to b elsewhere.
func (e *emitter) blend(k reg.OpmaskVirtual, a, b loop.Arg, d reg.VecVirtual) {
	switch zero := b.Const && b.Imm == 0; {
	case zero && a.Const:
		e.c.VBROADCASTSS_Z(e.constant(a.Imm), k, d)
	case zero:
		e.c.VMOVAPS_Z(e.v(a.V), k, d)
	case a.Const:
		e.c.VBLENDMPS_BCST(e.constant(a.Imm), e.in(b), k, d)
	default:
		e.c.VBLENDMPS(e.v(a.V), e.in(b), k, d)
	}
}

// horizontal combines each lane with its partner 8, 4, 2 and 1 lanes away, so
// that the result is in all lanes.
func (e *emitter) horizontal(s *loop.Instr, join func(x, y, d reg.VecVirtual)) {
	x, d, t := e.in(s.Args[0]), e.v(s.Dst), e.c.ZMM()
	e.c.VSHUFF32X4(operand.U8(0x4e), x, x, t)
	join(x, t, d)
	e.c.VSHUFF32X4(operand.U8(0xb1), d, d, t)
	join(d, t, d)
	e.c.VPERMILPS(operand.U8(0x4e), d, t)
	join(d, t, d)
	e.c.VPERMILPS(operand.U8(0xb1), d, t)
	join(d, t, d)
}

// larger sets d to the larger of x and y, NaN where one of them is; VMAXPS gives y there.
func (e *emitter) larger(x, y, d reg.VecVirtual) {
	k, t := e.c.K(), e.c.ZMM()
	e.c.VCMPPS(unordered, x, x, k)
	e.c.VMAXPS(y, x, t)
	e.c.VBLENDMPS(x, t, k, d)
}

func (e *emitter) iota(s *loop.Instr) {
	lanes := make([]operand.Constant, Machine.Lanes)
	for i := range lanes {
		lanes[i] = operand.U32(i)
	}
	t, d := e.c.ZMM(), e.v(s.Dst)
	e.c.VCVTDQ2PS(e.table("lanes", lanes...), t)
	e.last(binaryForms[loop.OpAdd], s.Args[0], t, d)
}

// strided is the address of the lanes of an access with a stride: a base and a
// vector of lane offsets.
func (e *emitter) strided(m loop.Mem, stride int) operand.Mem {
	a := e.address(m)
	if a.Index != nil {
		t := e.c.GP64()
		e.c.LEAQ(a, t)
		a = operand.Mem{Base: t}
	}
	off := make([]operand.Constant, Machine.Lanes)
	for i := range off {
		off[i] = operand.U32(i * stride)
	}
	t := e.c.ZMM()
	e.c.VMOVUPS(e.table(fmt.Sprintf("lanes_times_%d", stride), off...), t)
	a.Index, a.Scale = t, floatSz
	return a
}

func (e *emitter) load(s *loop.Instr) {
	d := e.v(s.Dst)
	if s.Stride != 1 {
		a := e.strided(s.Mem, s.Stride)
		e.c.VXORPS(d, d, d)
		e.c.VGATHERDPS(a, e.makeMask(s.Lanes), d) // clears its mask
		if s.Int {
			e.c.VCVTDQ2PS(d, d)
		}
		return
	}
	if s.Half {
		if a := e.addressHalf(s.Mem); s.Lanes > 0 {
			e.c.VPMOVZXWD_Z(a, e.mask(s.Lanes), d)
		} else {
			e.c.VPMOVZXWD(a, d)
		}
		e.c.VPSLLD(operand.U8(16), d, d)
		return
	}
	switch a := e.address(s.Mem); {
	case s.Int && s.Lanes > 0:
		e.c.VCVTDQ2PS_Z(a, e.mask(s.Lanes), d)
	case s.Int:
		e.c.VCVTDQ2PS(a, d)
	case s.Lanes > 0:
		e.c.VMOVUPS_Z(a, e.mask(s.Lanes), d)
	default:
		e.c.VMOVUPS(a, d)
	}
}

func (e *emitter) store(s *loop.Instr) {
	x := e.in(s.Args[0])
	if s.Half {
		y := e.c.YMM()
		e.bf16("VCVTNEPS2BF16", []operand.Op{x}, y)
		if s.Lanes > 0 {
			e.c.VMOVDQU16(y, e.mask(s.Lanes), e.addressHalf(s.Mem))
		} else {
			e.c.VMOVDQU16(y, e.addressHalf(s.Mem))
		}
		return
	}
	if s.Int {
		t := e.c.ZMM()
		e.c.VCVTTPS2DQ(x, t)
		x = t
	}
	switch {
	case s.Stride != 1:
		e.c.VSCATTERDPS(x, e.makeMask(s.Lanes), e.strided(s.Mem, s.Stride))
	case s.Lanes > 0:
		e.c.VMOVUPS(x, e.mask(s.Lanes), e.address(s.Mem))
	default:
		e.c.VMOVUPS(x, e.address(s.Mem))
	}
}
