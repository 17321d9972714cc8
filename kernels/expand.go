package kernels

import (
	"math"

	"mspecc/ir/loop"
)

// The functions below expand transcendental functions into elementwise
// instructions, the same for every target. Errors are in units in the last
// place (ulp) of f32, measured by the tests.

var (
	infinity = math.Inf(1)
	nan      = math.NaN()
)

// horner evaluates a polynomial in x, highest coefficient first.
func (b *builder) horner(x loop.Arg, coefficients ...float64) loop.Arg {
	p := loop.Imm(coefficients[0])
	for _, c := range coefficients[1:] {
		p = b.Op(loop.OpFMA, p, x, loop.Imm(c))
	}
	return p
}

// exp is e^x: x = n ln 2 + r with |r| <= ln 2 / 2, then 2^n times a polynomial
// of r. Below -104 the result is 0, above 89 infinite.
func (b *builder) exp(x loop.Arg) loop.Arg {
	x = b.Op(loop.OpMin, loop.Imm(89), x) // the constant first: a NaN in x stays
	x = b.Op(loop.OpMax, loop.Imm(-104), x)
	n := b.Op(loop.OpRound, b.Op(loop.OpMul, x, loop.Imm(math.Log2E)))
	r := b.Op(loop.OpFMA, n, loop.Imm(-0.693359375), x) // 0.693359375 n is exact
	r = b.Op(loop.OpFMA, n, loop.Imm(2.12194440054690583e-4), r)
	p := b.horner(r, 1.381461296e-3, 8.368709847e-3, 4.166838737e-2, 1.666652069e-1, 4.999999345e-1, 1, 1)
	return b.Op(loop.OpScale, p, n)
}

// exp2 is 2^x for x <= 0: x = n + r with |r| <= 1/2, then 2^n times a polynomial of r. Below
// -150 the result is 0.
func (b *builder) exp2(x loop.Arg) loop.Arg {
	x = b.Op(loop.OpMax, loop.Imm(-150), x)
	n := b.Op(loop.OpRound, x)
	r := b.Op(loop.OpSub, x, n)
	p := b.horner(r, 1.535336179e-4, 1.339887446e-3, 9.618437358e-3, 5.550332471e-2, 2.402264791e-1, 6.931472029e-1, 1)
	return b.Op(loop.OpScale, p, n)
}

// log is the natural logarithm: x = 2^e m with m in [sqrt(1/2), sqrt(2)), then
// e ln 2 plus a polynomial of m - 1.
func (b *builder) log(x loop.Arg) loop.Arg {
	e, m := b.Op(loop.OpGetExp, x), b.Op(loop.OpGetMant, x)
	e = b.Op(loop.OpSelLt, m, loop.Imm(math.Sqrt2), e, b.Op(loop.OpAdd, e, loop.Imm(1)))
	m = b.Op(loop.OpSelLt, m, loop.Imm(math.Sqrt2), m, b.Op(loop.OpMul, m, loop.Imm(0.5)))
	f := b.Op(loop.OpAdd, m, loop.Imm(-1))
	f2 := b.Op(loop.OpMul, f, f)
	y := b.horner(f, 7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
		-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)
	y = b.Op(loop.OpMul, y, b.Op(loop.OpMul, f, f2))
	y = b.Op(loop.OpFMA, e, loop.Imm(-2.12194440054690583e-4), y)
	y = b.Op(loop.OpFMA, f2, loop.Imm(-0.5), y)
	y = b.Op(loop.OpFMA, e, loop.Imm(0.693359375), b.Op(loop.OpAdd, f, y))
	outside := b.Op(loop.OpSelEq, x, loop.Imm(0), loop.Imm(-infinity), loop.Imm(nan))
	y = b.Op(loop.OpSelLt, loop.Imm(0), x, y, outside)
	return b.Op(loop.OpSelEq, x, loop.Imm(infinity), x, y)
}

// erf has two branches: x times a polynomial of x^2 near 0, 1 - e^p(|x|)
// elsewhere.
func (b *builder) erf(x loop.Arg) loop.Arg {
	t := b.Op(loop.OpAbs, x)
	s := b.Op(loop.OpMul, x, x)
	near := b.horner(s, -5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1)
	near = b.Op(loop.OpFMA, near, x, x)
	u := b.Op(loop.OpMin, loop.Imm(5), t) // erf is 1 to f32 beyond 4
	far := b.horner(u, -1.72853470e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2, -1.06777877e-1,
		-6.34846687e-1, -1.28717512e-1)
	far = b.Op(loop.OpFMS, far, u, u)
	far = b.Op(loop.OpCopySign, b.Op(loop.OpSub, loop.Imm(1), b.exp(far)), x)
	return b.Op(loop.OpSelLt, t, loop.Imm(0.927734375), near, far)
}

// tanh has two branches: a polynomial near 0, 1 - 2/(e^2|x| + 1) elsewhere.
func (b *builder) tanh(x loop.Arg) loop.Arg {
	t := b.Op(loop.OpAbs, x)
	s := b.Op(loop.OpMul, x, x)
	near := b.horner(s, -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)
	near = b.Op(loop.OpFMA, b.Op(loop.OpMul, near, s), x, x)
	far := b.Op(loop.OpAdd, b.exp(b.Op(loop.OpAdd, t, t)), loop.Imm(1))
	far = b.Op(loop.OpSub, loop.Imm(1), b.Op(loop.OpDiv, loop.Imm(2), far))
	return b.Op(loop.OpSelLt, t, loop.Imm(0.625), near, b.Op(loop.OpCopySign, far, x))
}

// sineLimit is the largest magnitude that sine takes: up to here the multiple of pi/2 that is taken
// off has 22 bits.
const sineLimit = 1 << 22

// pi/2 in three parts of 24 bits, of which the last two are negative.
const (
	halfPi1 = 1.5707963705062866
	halfPi2 = -4.371138828673793e-08
	halfPi3 = -1.7151245100058819e-15
)

// sine is sin(x + quarter pi/2), NaN for |x| > sineLimit: x = n pi/2 + r + low, where low is what
// of the difference does not fit into r (Cody and Waite's reduction with fused products, whose
// first difference is exact), then the polynomial of the quadrant, for |r| <= 1.1. All of it is
// rounded in one way only, so that every target gives the same bits.
func (b *builder) sine(x loop.Arg, quarter float64) loop.Arg {
	n := b.Op(loop.OpRound, b.Op(loop.OpMul, x, loop.Imm(2/math.Pi)))
	r, low := b.reduce(x, n)
	s := b.Op(loop.OpMul, r, r)
	sin := b.polynomial(s, 2.662276301634847e-06, -1.9829168741125613e-4, 8.333271369338036e-3, -0.1666666567325592)
	sin = b.Op(loop.OpAdd, r, b.Op(loop.OpAdd, low, b.Op(loop.OpMul, b.Op(loop.OpMul, r, s), sin)))
	half := b.Op(loop.OpMul, s, loop.Imm(0.5))
	near := b.Op(loop.OpSub, loop.Imm(1), half) // what its rounding loses is added to the small terms
	lost := b.Op(loop.OpSub, b.Op(loop.OpSub, loop.Imm(1), near), half)
	cos := b.polynomial(s, 2.4094186301226728e-05, -1.388309057801962e-3, 4.166651889681816e-2)
	cos = b.Op(loop.OpAdd, lost, b.Op(loop.OpMul, b.Op(loop.OpMul, s, s), cos))
	cos = b.Op(loop.OpAdd, near, b.Op(loop.OpSub, cos, b.Op(loop.OpMul, r, low)))
	q := b.Op(loop.OpAdd, n, loop.Imm(quarter))
	turn := b.Op(loop.OpFloor, b.Op(loop.OpMul, q, loop.Imm(0.5)))
	odd := b.Op(loop.OpFNMA, turn, loop.Imm(2), q) // 0 or 1
	sign := b.Op(loop.OpFNMA, b.Op(loop.OpFloor, b.Op(loop.OpMul, turn, loop.Imm(0.5))), loop.Imm(2), turn)
	y := b.Op(loop.OpSelEq, odd, loop.Imm(0), sin, cos)
	y = b.Op(loop.OpSelEq, sign, loop.Imm(0), y, b.Op(loop.OpNeg, y))
	return b.Op(loop.OpSelLe, b.Op(loop.OpAbs, x), loop.Imm(sineLimit), y, loop.Imm(nan))
}

// reduce is x - n pi/2 as the sum of two numbers, to some 70 bits after the point.
func (b *builder) reduce(x, n loop.Arg) (r, low loop.Arg) {
	first := b.Op(loop.OpFused, n, loop.Imm(-halfPi1), x)
	product := b.Op(loop.OpMul, n, loop.Imm(-halfPi2))
	rounding := b.Op(loop.OpFused, n, loop.Imm(halfPi2), product) // product less what it should be
	sum := b.Op(loop.OpAdd, first, product)
	back := b.Op(loop.OpSub, sum, first)
	low = b.Op(loop.OpAdd, b.Op(loop.OpSub, first, b.Op(loop.OpSub, sum, back)), b.Op(loop.OpSub, product, back))
	low = b.Op(loop.OpFused, n, loop.Imm(-halfPi3), b.Op(loop.OpSub, low, rounding))
	r = b.Op(loop.OpAdd, sum, low)
	return r, b.Op(loop.OpAdd, b.Op(loop.OpSub, sum, r), low)
}

// polynomial is horner with products and sums rounded one by one.
func (b *builder) polynomial(x loop.Arg, coefficients ...float64) loop.Arg {
	p := loop.Imm(coefficients[0])
	for _, c := range coefficients[1:] {
		p = b.Op(loop.OpAdd, b.Op(loop.OpMul, p, x), loop.Imm(c))
	}
	return p
}

// sign is -1, 0 or 1; it keeps NaN.
func (b *builder) sign(x loop.Arg) loop.Arg {
	return b.Op(loop.OpSelLt, loop.Imm(0), x, loop.Imm(1), b.Op(loop.OpSelLt, x, loop.Imm(0), loop.Imm(-1), x))
}

// extremum is the larger (OpMax) or smaller (OpMin) of x and y, NaN where one of them is. The
// instruction keeps a NaN of its second argument only, which is enough where the first is a
// number.
func (b *builder) extremum(op loop.Op, x, y loop.Arg) loop.Arg {
	if y.Const {
		x, y = y, x
	}
	if x.Const {
		if x.Imm != x.Imm {
			return x
		}
		return b.Op(op, x, y)
	}
	return b.Op(loop.OpSelNe, x, x, x, b.Op(op, x, y))
}

// raise makes v the larger of v and x, NaN where one of them is.
func (b *builder) raise(v loop.V, x loop.Arg) {
	larger := b.NewV()
	b.OpTo(larger, loop.OpMax, loop.Reg(v), x)
	b.OpTo(v, loop.OpSelNe, loop.Reg(v), loop.Reg(v), loop.Reg(v), loop.Reg(larger))
}

// positiveZero is x, with +0 for -0.
func (b *builder) positiveZero(x loop.Arg) loop.Arg { return b.Op(loop.OpAdd, x, loop.Imm(0)) }

// function expands one node operation whose arguments are known.
func (b *builder) function(op string, x []loop.Arg) (loop.Arg, bool) {
	switch op {
	case "neg", "sqrt", "abs", "floor", "add", "sub", "mul", "div":
		return b.Op(loop.Op(op), x...), true
	case "max", "min":
		return b.extremum(loop.Op(op), x[0], x[1]), true
	case "exp":
		return b.exp(x[0]), true
	case "exp2":
		return b.exp2(x[0]), true
	case "log":
		return b.log(x[0]), true
	case "tanh":
		return b.tanh(x[0]), true
	case "erf":
		return b.erf(x[0]), true
	case "sin":
		return b.sine(x[0], 0), true
	case "cos":
		return b.sine(x[0], 1), true
	case "sign":
		return b.sign(x[0]), true
	case "float":
		return x[0], true
	case "int":
		return b.Op(loop.OpTrunc, x[0]), true
	case "lt":
		return b.Op(loop.OpSelLt, x[0], x[1], loop.Imm(1), loop.Imm(0)), true
	case "le":
		return b.Op(loop.OpSelLe, x[0], x[1], loop.Imm(1), loop.Imm(0)), true
	case "eq":
		return b.Op(loop.OpSelEq, x[0], x[1], loop.Imm(1), loop.Imm(0)), true
	case "select":
		return b.Op(loop.OpSelNe, x[0], loop.Imm(0), x[1], x[2]), true
	}
	return loop.Arg{}, false
}

// weights estimate the cost of an operation in additions.
var weights = map[string]float64{
	"load": 0.5, "const": 0, "iota": 1, "div": 6, "sqrt": 8, "exp": 12, "exp2": 10, "log": 24, "tanh": 30, "erf": 32,
	"sin": 40, "cos": 40, "sign": 2, "float": 0,
}

func weight(op string) float64 {
	if w, ok := weights[op]; ok {
		return w
	}
	return 1
}
