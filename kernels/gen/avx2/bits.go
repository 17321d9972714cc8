package avx2

import (
	"math"

	"github.com/mmcloughlin/avo/operand"

	"mspecc/kernels/gen/amd64"
)

// Parts of a float32.
const (
	signBit      = 1 << 31
	magnitude    = 1<<31 - 1
	mantissaBits = 23
	mantissaMask = 1<<mantissaBits - 1
	bias         = 127
	quiet        = 1 << 22 // set in a NaN that is not signalling
)

const (
	smallestNormal = 0x1p-126
	subnormalExp   = -149 // the last place of a subnormal number is 2^-149
)

// normalise sets size to |x| and d to it where it is a normal number (or none). Where it is subnormal,
// d is its last places as an integer, |x| / 2^-149, and mask is set. d and x may be the same.
func (e *vectors) normalise(x, size, mask, d amd64.Vec) {
	e.C.VANDPS(e.Word(magnitude), x, size)
	e.C.VCMPPS(less, e.Constant(smallestNormal), size, mask)
	e.C.VCVTDQ2PS(size, d) // the bits of a subnormal number are its last places
	e.C.VBLENDVPS(mask, d, size, d)
}

// exponent sets d to floor(log2|x|), -Inf for 0, |x| where x is infinite or NaN.
func (e *vectors) exponent(x, d amd64.Vec) {
	size, mask := e.C.YMM(), e.C.YMM()
	e.normalise(x, size, mask, d)
	e.C.VPSRLD(operand.U8(mantissaBits), d, d)
	e.C.VPADDD(e.Word(-bias&math.MaxUint32), d, d)
	e.C.VPAND(e.Word(subnormalExp&math.MaxUint32), mask, mask)
	e.C.VPADDD(mask, d, d)
	e.C.VCVTDQ2PS(d, d)
	e.C.VCMPPS(notLess, e.Constant(inf), size, mask)
	e.C.VBLENDVPS(mask, size, d, d)
	e.C.VCMPPS(equal, e.Constant(0), size, mask)
	e.C.VBLENDVPS(mask, e.Constant(-inf), d, d)
}

var inf = float32(math.Inf(1))

// mantissa sets d to |x| / 2^floor(log2|x|), 1 for 0 and where x is infinite, NaN for NaN.
func (e *vectors) mantissa(x, d amd64.Vec) {
	size, mask := e.C.YMM(), e.C.YMM()
	e.normalise(x, size, mask, d)
	e.C.VANDPS(e.Word(mantissaMask), d, d)
	e.C.VORPS(e.Constant(1), d, d)
	e.C.VCMPPS(unordered, size, size, mask)
	e.C.VBLENDVPS(mask, size, d, d)
}

// scale sets d to x 2^n for an integer n, |n| <= 252, rounded once: n is a sum of a number from -126
// to 127, whose power of two is a normal number, and of the rest, which has the same sign. x is
// multiplied by the power of the rest first: that is exact, or else the result is 0 or infinite.
func (e *vectors) scale(x, n, d amd64.Vec) {
	most, rest := e.C.YMM(), e.C.YMM()
	e.C.VMAXPS(e.Constant(-126), n, most)
	e.C.VMINPS(e.Constant(127), most, most)
	e.C.VSUBPS(most, n, rest)
	for _, p := range []amd64.Vec{rest, most} {
		e.C.VADDPS(e.Constant(1<<mantissaBits+bias), p, p) // ends in the bits of p + bias
		e.C.VPSLLD(operand.U8(mantissaBits), p, p)
	}
	e.C.VMULPS(rest, x, d)
	e.C.VMULPS(most, d, d)
}
