package neon

import (
	"math"

	"mspecc/ir/loop"
)

// Parts of a float32, and of a bf16 number, which is the upper half of one.
const (
	signBit        = 1 << 31
	mantissaBits   = 23
	mantissaMask   = 1<<mantissaBits - 1
	bias           = 127
	smallestNormal = 1 << mantissaBits
	subnormalExp   = -149 // the last place of a subnormal number is 2^-149
	halfBits       = 16
	upperHalf      = 0xffff0000
)

var (
	one      = math.Float32bits(1)
	infinity = math.Float32bits(float32(math.Inf(1)))
)

// normalise sets temp0 to |x| and d to it where it is a normal number (or none). Where it is subnormal,
// temp1 is set, and d is its last places as an integer, |x| / 2^-149.
func (p *printer) normalise(x, d vec) {
	p.word("fabs", temp0, x, 0, 0)
	p.word("fcmgt", temp1, p.bits(smallestNormal, temp2), temp0, 0)
	p.word("scvtf", d, temp0, 0, 0) // the bits of a subnormal number are its last places
	p.unless(temp1, temp0, d)
}

// exponent sets d to floor(log2|x|), -Inf for 0, |x| where x is infinite or NaN.
func (p *printer) exponent(x, d vec) {
	signed := func(i int32) uint32 { return uint32(i) }
	p.normalise(x, d)
	p.right(mantissaBits, d, d)
	p.plus(d, p.bits(signed(-bias), temp2), d)
	p.and(temp1, p.bits(signed(subnormalExp), temp2), temp1)
	p.plus(d, temp1, d)
	p.word("scvtf", d, d, 0, 0)
	p.word("fcmgt", temp1, p.bits(infinity, temp2), temp0, 0)
	p.unless(temp1, temp0, d)
	p.word("fcmeq0", temp1, temp0, 0, 0)
	p.where(temp1, p.bits(infinity|signBit, temp2), d)
}

// mantissa sets d to |x| / 2^floor(log2|x|), 1 for 0 and where x is infinite, NaN for NaN.
func (p *printer) mantissa(x, d vec) {
	p.normalise(x, d)
	p.and(d, p.bits(mantissaMask, temp2), d)
	p.or(d, p.bits(one, temp2), d)
	p.word("fcmeq", temp1, temp0, temp0, 0)
	p.unless(temp1, temp0, d)
}

// scale sets d to x 2^n for an integer n, |n| <= 252, rounded once: n is a sum of a number from -126
// to 127, whose power of two is a normal number, and of the rest, which has the same sign. x is
// multiplied by the power of the rest first: that is exact, or else the result is 0 or infinite. x may
// be temp2 and n temp1.
func (p *printer) scale(x, n, d vec) {
	float := math.Float32bits
	if x == temp2 { // a constant
		if n == d {
			p.move(n, temp1)
			n = temp1
		}
		p.move(x, d)
		x = d
	}
	p.word("fmax", temp0, p.bits(float(-126), temp2), n, 0)
	p.word("fmin", temp0, p.bits(float(127), temp2), temp0, 0)
	p.word("fsub", temp1, n, temp0, 0)
	shift := p.bits(float(1<<mantissaBits+bias), temp2) // a sum with it ends in the bits of the exponent
	for _, t := range []vec{temp1, temp0} {
		p.word("fadd", t, t, shift, 0)
		p.left(mantissaBits, t, t)
	}
	p.word("fmul", d, x, temp1, 0)
	p.word("fmul", d, d, temp0, 0)
}

// integer sets d to x as int32, -2^31 where it does not fit.
func (p *printer) integer(x, d vec) {
	limit := p.bits(math.Float32bits(1<<31), temp1)
	p.word("fcmgt", temp2, limit, x, 0)
	p.word("fcvtzs", d, x, 0, 0)
	p.unless(temp2, p.bits(signBit, temp1), d)
}

// loadHalves loads n bf16 numbers and touches nothing else; the other lanes are 0.
func (p *printer) loadHalves(a place, n int, d vec) {
	switch n {
	case 4:
		p.linef("FMOVD %s, F%d", a, d)
	case 3, 2:
		p.linef("FMOVS %s, F%d", a, d)
	case 1:
		p.fill(words{}, d)
	}
	if n%2 == 1 {
		p.linef("VLD1 (%s), V%d.H[%d]", p.direct(a.after((n-1)*halfSize)), d, n-1)
	}
	p.word("shll", d, d, 0, 0)
}

// storeHalves stores the upper halves of the first n lanes.
func (p *printer) storeHalves(x vec, a place, n int) {
	p.linef("VUZP2 V%d.H8, V%d.H8, V%d.H8", x, x, temp0)
	switch n {
	case 4:
		p.linef("FMOVD F%d, %s", temp0, a)
	case 3, 2:
		p.linef("FMOVS F%d, %s", temp0, a)
	}
	if n%2 == 1 {
		p.linef("VST1 V%d.H[%d], (%s)", temp0, n-1, p.direct(a.after((n-1)*halfSize)))
	}
}

// half is an argument rounded to bf16, as loop.Half does.
func (p *printer) half(a loop.Arg) vec {
	if a.Const {
		return p.bits(math.Float32bits(loop.Half(a.Imm)), temp0)
	}
	x := vec(a.V)
	p.left(31-halfBits, x, temp0)
	p.right(31, temp0, temp0) // the last bit that stays
	p.plus(temp0, p.bits(1<<(halfBits-1)-1, temp1), temp0)
	p.plus(temp0, x, temp0) // to nearest, ties to even; an infinity stays what it is
	p.word("fcmeq", temp1, x, x, 0)
	p.word("fadd", temp2, x, x, 0) // where x is NaN, this is quiet
	p.unless(temp1, temp2, temp0)
	p.flush(p.bits(smallestNormal, temp2), x, temp1, temp0)
	return temp0
}

// flush makes d 0 of the same sign where x is smaller than a limit; t is lost.
func (p *printer) flush(limit, x, t, d vec) {
	p.word("facgt", t, limit, x, 0)
	p.right(1, t, t)
	p.word("bic", d, d, t, 0)
}

// Dots need more registers than other instructions: these, unless the kernel has none.
const (
	dotTemp0 = firstTemp - 2
	dotTemp1 = firstTemp - 1
	// dotRegs are these and those that hold what dots need all the time.
	dotRegs = 5
)

// dot adds the products of the upper and then of the lower halves to the addend, as loop.Dot does. The
// product of two bf16 numbers is exact in float32 or too small or large for it, so that a fused product
// rounds its sum once; what would be subnormal is 0.
func (p *printer) dot(s *loop.Instr) {
	x, y, d := p.in(s.Args[0], dotTemp0), p.in(s.Args[1], dotTemp1), vec(s.Dst)
	sum := d
	if x == d || y == d || s.Args[0].Const || s.Args[1].Const {
		sum = dotTemp1
	}
	p.mov(s.Args[2], sum)
	mask := p.bits(upperHalf, temp1)
	p.and(x, mask, temp0)
	p.and(y, mask, temp1)
	p.addHalf(sum)
	p.left(halfBits, x, temp0)
	p.left(halfBits, y, temp1)
	p.addHalf(sum)
	p.move(sum, d)
}

// addHalf adds the product of temp0 and temp1 to a sum. Whether that is subnormal is said by a sum of
// which everything is so much larger that it is not: it is rounded to 24 bits in any case.
func (p *printer) addHalf(sum vec) {
	const larger = 32
	factor := p.bits((bias+larger)<<mantissaBits, dotTemp0)
	p.word("fmul", temp2, sum, factor, 0)
	p.word("fmul", dotTemp0, temp0, factor, 0)
	p.linef("VFMLA V%d.S4, V%d.S4, V%d.S4", temp1, dotTemp0, temp2)
	p.linef("VFMLA V%d.S4, V%d.S4, V%d.S4", temp1, temp0, sum)
	p.flush(p.bits((1+larger)<<mantissaBits, dotTemp0), temp2, temp2, sum)
}
