package avx2

import (
	"github.com/mmcloughlin/avo/operand"

	"mspecc/ir/loop"
	"mspecc/kernels/gen/amd64"
)

// A bf16 number is the upper half of a float32.
const halfBits, upperHalf = 16, 0xffff0000

// loadHalves loads n bf16 numbers and touches nothing else; the other lanes are 0.
func (e *vectors) loadHalves(a operand.Mem, n int, d amd64.Vec) {
	if n == Machine.Lanes {
		e.C.VPMOVZXWD(a, d)
		e.C.VPSLLD(operand.U8(halfBits), d, d)
		return
	}
	at := func(i int) operand.Mem { return after(a, i*amd64.HalfSize) }
	switch {
	case n >= 4:
		e.low("VMOVQ", d, a)
		if n >= 6 {
			e.low("VPINSRD", d, operand.U8(2), at(4), d.AsX())
		}
	case n >= 2:
		e.low("VMOVD", d, a)
	default:
		e.C.VPXOR(d, d, d)
	}
	if n%2 == 1 {
		e.low("VPINSRW", d, operand.U8(n-1), at(n-1), d.AsX())
	}
	e.C.VPMOVZXWD(d.AsX(), d)
	e.C.VPSLLD(operand.U8(halfBits), d, d)
}

// storeHalves rounds to bf16, as loop.Half does, and stores the first n lanes.
func (e *vectors) storeHalves(x amd64.Vec, a operand.Mem, n int) {
	t, mask := e.C.YMM(), e.C.YMM()
	e.C.VPSRLD(operand.U8(halfBits), x, t)
	e.C.VPAND(e.Word(1), t, t)
	e.C.VPADDD(e.Word(0x7fff), t, t)
	e.C.VPADDD(x, t, t) // to nearest, ties to even; an infinity stays what it is
	e.C.VCMPPS(unordered, x, x, mask)
	e.C.VBLENDVPS(mask, x, t, t)
	e.C.VPAND(e.Word(quiet), mask, mask)
	e.C.VPOR(mask, t, t)
	e.C.VPAND(e.Word(magnitude), x, mask)
	e.C.VCMPPS(less, e.Constant(smallestNormal), mask, mask)
	e.C.VPAND(e.Word(magnitude), mask, mask)
	e.C.VPANDN(t, mask, t) // of a subnormal number the sign
	e.C.VPSRLD(operand.U8(halfBits), t, t)
	e.C.VEXTRACTF128(operand.U8(1), t, mask.AsX())
	e.C.VPACKUSDW(mask.AsX(), t.AsX(), mask.AsX())
	words := mask.AsX()
	at := func(i int) operand.Mem { return after(a, i*amd64.HalfSize) }
	switch {
	case n == Machine.Lanes:
		e.C.VMOVDQU(words, a)
		return
	case n >= 4:
		e.C.VMOVQ(words, a)
		if n >= 6 {
			e.C.VPEXTRD(operand.U8(2), words, at(4))
		}
	case n >= 2:
		e.C.VMOVD(words, a)
	}
	if n%2 == 1 {
		e.C.VPEXTRW(operand.U8(n-1), words, at(n-1))
	}
}

// dot adds the products of the upper and then of the lower halves to the addend, as loop.Dot does:
// the product of two bf16 numbers is exact in float32 or too small or large for it, so that a fused
// product rounds its sum once. Sums that are subnormal become 0 by the mode that DotMode sets.
func (e *vectors) dot(s *loop.Instr) {
	x, y, d := e.In(s.Args[0]), e.In(s.Args[1]), e.V(s.Dst)
	sum := d
	if z := s.Args[2]; z.Const || z.V != s.Dst || x == d || y == d {
		sum = e.C.YMM()
		e.C.VMOVAPS(e.In(z), sum)
	}
	p, q := e.C.YMM(), e.C.YMM()
	e.C.VANDPS(e.Word(upperHalf), x, p)
	e.C.VANDPS(e.Word(upperHalf), y, q)
	e.C.VFMADD231PS(p, q, sum)
	e.C.VPSLLD(operand.U8(halfBits), x, p)
	e.C.VPSLLD(operand.U8(halfBits), y, q)
	e.C.VFMADD231PS(p, q, sum)
	if sum != d {
		e.C.VMOVAPS(sum, d)
	}
}

// flushToZero makes subnormal results 0, and subnormal arguments too: bits of MXCSR.
const flushToZero = 1<<15 | 1<<6

func (e *vectors) prepareDots() {
	e.mode = e.C.AllocLocal(8)
	t := e.C.GP32()
	e.C.VSTMXCSR(e.mode)
	e.C.MOVL(e.mode, t)
	e.C.ORL(operand.U32(flushToZero), t)
	e.C.MOVL(t, after(e.mode, 4))
}

// DotMode sets the mode in which subnormal numbers are 0, or again the one that the kernel found.
func (e *vectors) DotMode(begin bool) {
	if begin {
		e.C.VLDMXCSR(after(e.mode, 4))
	} else {
		e.C.VLDMXCSR(e.mode)
	}
}
