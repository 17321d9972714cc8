package avx512

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"mspecc/ir/loop"
	"mspecc/kernels/gen/amd64"
)

// vectors writes the instructions of one kernel. It keeps masks of the first lanes in registers.
type vectors struct {
	*amd64.Emitter
	masks map[int]reg.OpmaskVirtual
}

// Prologue makes the masks of the first tails, as many as there are registers to spare.
func (e *vectors) Prologue(tails []int, _ bool) {
	for _, n := range tails[:min(len(tails), 5)] {
		e.masks[n] = e.makeMask(n)
	}
}

// makeMask sets an opmask to the first n lanes (0: all).
func (e *vectors) makeMask(n int) reg.OpmaskVirtual {
	bits := uint32(1)<<n - 1
	if n == 0 {
		bits = 0xffff
	}
	t, k := e.C.GP32(), e.C.K()
	e.C.MOVL(operand.U32(bits), t)
	e.C.KMOVW(t, k)
	return k
}

func (e *vectors) mask(n int) reg.OpmaskVirtual {
	if k, ok := e.masks[n]; ok {
		return k
	}
	return e.makeMask(n)
}

// Quiet predicates of VCMPPS.
var predicates = map[loop.Op]operand.Constant{
	loop.OpSelLt: operand.U8(17), loop.OpSelLe: operand.U8(18), loop.OpSelEq: operand.U8(0), loop.OpSelNe: operand.U8(4),
}

// unordered is the predicate of VCMPPS that holds where an argument is NaN.
const unordered = operand.U8(3)

// Instr writes what depends on masks, on AVX-512 alone, or on the width.
func (e *vectors) Instr(s *loop.Instr) error {
	switch s.Op {
	case loop.OpLoad:
		e.load(s)
	case loop.OpStore:
		e.store(s)
	case loop.OpBcast:
		if s.Int {
			e.C.VCVTDQ2PS_BCST(e.Address(s.Mem), e.V(s.Dst))
		} else {
			e.C.VBROADCASTSS(e.Address(s.Mem), e.V(s.Dst))
		}
	case loop.OpDot:
		e.dot(s)
	case loop.OpPair:
		t := e.C.ZMM()
		e.C.VPSRLD(operand.U8(16), e.In(s.Args[0]), t)
		e.C.VPORD(e.In(s.Args[1]), t, e.V(s.Dst))
	case loop.OpSelLt, loop.OpSelLe, loop.OpSelEq, loop.OpSelNe:
		e.choose(s)
	case loop.OpIota:
		e.iota(s)
	case loop.OpTail:
		e.blend(e.mask(s.Lanes), s.Args[0], s.Args[1], e.V(s.Dst))
	case loop.OpGetExp:
		e.C.VGETEXPPS(e.In(s.Args[0]), e.V(s.Dst))
	case loop.OpGetMant:
		e.C.VGETMANTPS(operand.U8(4), e.In(s.Args[0]), e.V(s.Dst)) // [1,2), sign dropped
	case loop.OpCopySign:
		x, y, t := e.In(s.Args[0]), e.In(s.Args[1]), e.C.ZMM()
		e.C.VBROADCASTSS(e.Word(1<<31-1), t)
		e.C.VPTERNLOGD(operand.U8(0xca), y, x, t) // t ? x : y, bit by bit
		e.C.VMOVAPS(t, e.V(s.Dst))
	default:
		return fmt.Errorf("avx512 has no instruction for %s", s.Op)
	}
	return nil
}

func (e *vectors) choose(s *loop.Instr) {
	k := e.C.K()
	x := e.In(s.Args[0])
	if y := s.Args[1]; y.Const {
		e.C.VCMPPS_BCST(predicates[s.Op], e.Constant(y.Imm), x, k)
	} else {
		e.C.VCMPPS(predicates[s.Op], e.V(y.V), x, k)
	}
	e.blend(k, s.Args[2], s.Args[3], e.V(s.Dst))
}

// blend sets d to a where k is set and to b elsewhere.
func (e *vectors) blend(k reg.OpmaskVirtual, a, b loop.Arg, d amd64.Vec) {
	switch zero := b.Const && math.Float32bits(b.Imm) == 0; { // not -0
	case zero && a.Const:
		e.C.VBROADCASTSS_Z(e.Constant(a.Imm), k, d)
	case zero:
		e.C.VMOVAPS_Z(e.V(a.V), k, d)
	case a.Const:
		e.C.VBLENDMPS_BCST(e.Constant(a.Imm), e.In(b), k, d)
	default:
		e.C.VBLENDMPS(e.V(a.V), e.In(b), k, d)
	}
}

// Exchange moves quarters.
func (e *vectors) Exchange(distance int, x, d amd64.Vec) {
	order := operand.U8(0xb1)
	if distance == 8 {
		order = 0x4e
	}
	e.C.VSHUFF32X4(order, x, x, d)
}

// Quarters gathers quarters of two registers.
func (e *vectors) Quarters(odd bool, x, y, d amd64.Vec) {
	order := operand.U8(0x88)
	if odd {
		order = 0xdd
	}
	e.C.VSHUFF32X4(order, y, x, d)
}

// Larger sets d to the larger of x and y, NaN where one of them is; VMAXPS gives y there.
func (e *vectors) Larger(x, y, d amd64.Vec) {
	k, t := e.C.K(), e.C.ZMM()
	e.C.VCMPPS(unordered, x, x, k)
	e.C.VMAXPS(y, x, t)
	e.C.VBLENDMPS(x, t, k, d)
}

func (e *vectors) iota(s *loop.Instr) {
	lanes := make([]operand.Constant, Machine.Lanes)
	for i := range lanes {
		lanes[i] = operand.U32(i)
	}
	t, d := e.C.ZMM(), e.V(s.Dst)
	e.C.VCVTDQ2PS(e.Table("lanes", lanes...), t)
	e.Last(binaries[loop.OpAdd], s.Args[0], t, d)
}

// strided is the address of the lanes of an access with a stride: a base and a
// vector of lane offsets.
func (e *vectors) strided(m loop.Mem, stride int) operand.Mem {
	a := e.Address(m)
	if a.Index != nil {
		t := e.C.GP64()
		e.C.LEAQ(a, t)
		a = operand.Mem{Base: t}
	}
	off := make([]operand.Constant, Machine.Lanes)
	for i := range off {
		off[i] = operand.U32(i * stride)
	}
	t := e.C.ZMM()
	e.C.VMOVUPS(e.Table(fmt.Sprintf("lanes_times_%d", stride), off...), t)
	a.Index, a.Scale = t, amd64.FloatSize
	return a
}

func (e *vectors) load(s *loop.Instr) {
	d := e.V(s.Dst)
	if s.Stride != 1 {
		a := e.strided(s.Mem, s.Stride)
		e.C.VXORPS(d, d, d)
		e.C.VGATHERDPS(a, e.makeMask(s.Lanes), d) // clears its mask
		if s.Int {
			e.C.VCVTDQ2PS(d, d)
		}
		return
	}
	if s.Half {
		if a := e.AddressHalf(s.Mem); s.Lanes > 0 {
			e.C.VPMOVZXWD_Z(a, e.mask(s.Lanes), d)
		} else {
			e.C.VPMOVZXWD(a, d)
		}
		e.C.VPSLLD(operand.U8(16), d, d)
		return
	}
	switch a := e.Address(s.Mem); {
	case s.Int && s.Lanes > 0:
		e.C.VCVTDQ2PS_Z(a, e.mask(s.Lanes), d)
	case s.Int:
		e.C.VCVTDQ2PS(a, d)
	case s.Lanes > 0:
		e.C.VMOVUPS_Z(a, e.mask(s.Lanes), d)
	default:
		e.C.VMOVUPS(a, d)
	}
}

func (e *vectors) store(s *loop.Instr) {
	x := e.In(s.Args[0])
	if s.Half {
		y := e.C.YMM()
		bf16(e.C, "VCVTNEPS2BF16", []operand.Op{x}, y)
		if s.Lanes > 0 {
			e.C.VMOVDQU16(y, e.mask(s.Lanes), e.AddressHalf(s.Mem))
		} else {
			e.C.VMOVDQU16(y, e.AddressHalf(s.Mem))
		}
		return
	}
	if s.Int {
		t := e.C.ZMM()
		e.C.VCVTTPS2DQ(x, t)
		x = t
	}
	switch {
	case s.Stride != 1:
		e.C.VSCATTERDPS(x, e.makeMask(s.Lanes), e.strided(s.Mem, s.Stride))
	case s.Lanes > 0:
		e.C.VMOVUPS(x, e.mask(s.Lanes), e.Address(s.Mem))
	default:
		e.C.VMOVUPS(x, e.Address(s.Mem))
	}
}
