package loop

import "math"

// The functions below expand transcendental functions into elementwise
// instructions, the same for every target. Errors are in units in the last
// place (ulp) of f32, measured by the tests.

var (
	infinity = math.Inf(1)
	nan      = math.NaN()
)

// horner evaluates a polynomial in x, highest coefficient first.
func (b *builder) horner(x Arg, coefficients ...float64) Arg {
	p := imm(coefficients[0])
	for _, c := range coefficients[1:] {
		p = b.op(OpFMA, p, x, imm(c))
	}
	return p
}

// exp is e^x: x = n ln 2 + r with |r| <= ln 2 / 2, then 2^n times a polynomial
// of r. Below -104 the result is 0, above 89 infinite.
func (b *builder) exp(x Arg) Arg {
	x = b.op(OpMin, imm(89), x) // the constant first: a NaN in x stays
	x = b.op(OpMax, imm(-104), x)
	n := b.op(OpRound, b.op(OpMul, x, imm(math.Log2E)))
	r := b.op(OpFMA, n, imm(-0.693359375), x) // 0.693359375 n is exact
	r = b.op(OpFMA, n, imm(2.12194440054690583e-4), r)
	p := b.horner(r, 1.381461296e-3, 8.368709847e-3, 4.166838737e-2, 1.666652069e-1, 4.999999345e-1, 1, 1)
	return b.op(OpScale, p, n)
}

// exp2 is 2^x for x <= 0: x = n + r with |r| <= 1/2, then 2^n times a polynomial of r. Below
// -150 the result is 0.
func (b *builder) exp2(x Arg) Arg {
	x = b.op(OpMax, imm(-150), x)
	n := b.op(OpRound, x)
	r := b.op(OpSub, x, n)
	p := b.horner(r, 1.535336179e-4, 1.339887446e-3, 9.618437358e-3, 5.550332471e-2, 2.402264791e-1, 6.931472029e-1, 1)
	return b.op(OpScale, p, n)
}

// log is the natural logarithm: x = 2^e m with m in [sqrt(1/2), sqrt(2)), then
// e ln 2 plus a polynomial of m - 1.
func (b *builder) log(x Arg) Arg {
	e, m := b.op(OpGetExp, x), b.op(OpGetMant, x)
	e = b.op(OpSelLt, m, imm(math.Sqrt2), e, b.op(OpAdd, e, imm(1)))
	m = b.op(OpSelLt, m, imm(math.Sqrt2), m, b.op(OpMul, m, imm(0.5)))
	f := b.op(OpAdd, m, imm(-1))
	f2 := b.op(OpMul, f, f)
	y := b.horner(f, 7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
		-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)
	y = b.op(OpMul, y, b.op(OpMul, f, f2))
	y = b.op(OpFMA, e, imm(-2.12194440054690583e-4), y)
	y = b.op(OpFMA, f2, imm(-0.5), y)
	y = b.op(OpFMA, e, imm(0.693359375), b.op(OpAdd, f, y))
	outside := b.op(OpSelEq, x, imm(0), imm(-infinity), imm(nan))
	y = b.op(OpSelLt, imm(0), x, y, outside)
	return b.op(OpSelEq, x, imm(infinity), x, y)
}

// erf has two branches: x times a polynomial of x^2 near 0, 1 - e^p(|x|)
// elsewhere.
func (b *builder) erf(x Arg) Arg {
	t := b.op(OpAbs, x)
	s := b.op(OpMul, x, x)
	near := b.horner(s, -5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1)
	near = b.op(OpFMA, near, x, x)
	u := b.op(OpMin, imm(5), t) // erf is 1 to f32 beyond 4
	far := b.horner(u, -1.72853470e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2, -1.06777877e-1,
		-6.34846687e-1, -1.28717512e-1)
	far = b.op(OpFMS, far, u, u)
	far = b.op(OpCopySign, b.op(OpSub, imm(1), b.exp(far)), x)
	return b.op(OpSelLt, t, imm(0.927734375), near, far)
}

// tanh has two branches: a polynomial near 0, 1 - 2/(e^2|x| + 1) elsewhere.
func (b *builder) tanh(x Arg) Arg {
	t := b.op(OpAbs, x)
	s := b.op(OpMul, x, x)
	near := b.horner(s, -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)
	near = b.op(OpFMA, b.op(OpMul, near, s), x, x)
	far := b.op(OpAdd, b.exp(b.op(OpAdd, t, t)), imm(1))
	far = b.op(OpSub, imm(1), b.op(OpDiv, imm(2), far))
	return b.op(OpSelLt, t, imm(0.625), near, b.op(OpCopySign, far, x))
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
func (b *builder) sine(x Arg, quarter float64) Arg {
	n := b.op(OpRound, b.op(OpMul, x, imm(2/math.Pi)))
	r, low := b.reduce(x, n)
	s := b.op(OpMul, r, r)
	sin := b.polynomial(s, 2.662276301634847e-06, -1.9829168741125613e-4, 8.333271369338036e-3, -0.1666666567325592)
	sin = b.op(OpAdd, r, b.op(OpAdd, low, b.op(OpMul, b.op(OpMul, r, s), sin)))
	half := b.op(OpMul, s, imm(0.5))
	near := b.op(OpSub, imm(1), half) // what its rounding loses is added to the small terms
	lost := b.op(OpSub, b.op(OpSub, imm(1), near), half)
	cos := b.polynomial(s, 2.4094186301226728e-05, -1.388309057801962e-3, 4.166651889681816e-2)
	cos = b.op(OpAdd, lost, b.op(OpMul, b.op(OpMul, s, s), cos))
	cos = b.op(OpAdd, near, b.op(OpSub, cos, b.op(OpMul, r, low)))
	q := b.op(OpAdd, n, imm(quarter))
	turn := b.op(OpFloor, b.op(OpMul, q, imm(0.5)))
	odd := b.op(OpFNMA, turn, imm(2), q) // 0 or 1
	sign := b.op(OpFNMA, b.op(OpFloor, b.op(OpMul, turn, imm(0.5))), imm(2), turn)
	y := b.op(OpSelEq, odd, imm(0), sin, cos)
	y = b.op(OpSelEq, sign, imm(0), y, b.op(OpNeg, y))
	return b.op(OpSelLe, b.op(OpAbs, x), imm(sineLimit), y, imm(nan))
}

// reduce is x - n pi/2 as the sum of two numbers, to some 70 bits after the point.
func (b *builder) reduce(x, n Arg) (r, low Arg) {
	first := b.op(OpFused, n, imm(-halfPi1), x)
	product := b.op(OpMul, n, imm(-halfPi2))
	rounding := b.op(OpFused, n, imm(halfPi2), product) // product less what it should be
	sum := b.op(OpAdd, first, product)
	back := b.op(OpSub, sum, first)
	low = b.op(OpAdd, b.op(OpSub, first, b.op(OpSub, sum, back)), b.op(OpSub, product, back))
	low = b.op(OpFused, n, imm(-halfPi3), b.op(OpSub, low, rounding))
	r = b.op(OpAdd, sum, low)
	return r, b.op(OpAdd, b.op(OpSub, sum, r), low)
}

// polynomial is horner with products and sums rounded one by one.
func (b *builder) polynomial(x Arg, coefficients ...float64) Arg {
	p := imm(coefficients[0])
	for _, c := range coefficients[1:] {
		p = b.op(OpAdd, b.op(OpMul, p, x), imm(c))
	}
	return p
}

// sign is -1, 0 or 1; it keeps NaN.
func (b *builder) sign(x Arg) Arg {
	return b.op(OpSelLt, imm(0), x, imm(1), b.op(OpSelLt, x, imm(0), imm(-1), x))
}

// extremum is the larger (OpMax) or smaller (OpMin) of x and y, NaN where one of them is. The
// instruction keeps a NaN of its second argument only, which is enough where the first is a
// number.
func (b *builder) extremum(op Op, x, y Arg) Arg {
	if y.Const {
		x, y = y, x
	}
	if x.Const {
		if x.Imm != x.Imm {
			return x
		}
		return b.op(op, x, y)
	}
	return b.op(OpSelNe, x, x, x, b.op(op, x, y))
}

// raise makes v the larger of v and x, NaN where one of them is.
func (b *builder) raise(v V, x Arg) {
	larger := b.newV()
	b.opTo(larger, OpMax, reg(v), x)
	b.opTo(v, OpSelNe, reg(v), reg(v), reg(v), reg(larger))
}

// positiveZero is x, with +0 for -0.
func (b *builder) positiveZero(x Arg) Arg { return b.op(OpAdd, x, imm(0)) }

// function expands one node operation whose arguments are known.
func (b *builder) function(op string, x []Arg) (Arg, bool) {
	switch op {
	case "neg", "sqrt", "abs", "floor", "add", "sub", "mul", "div":
		return b.op(Op(op), x...), true
	case "max", "min":
		return b.extremum(Op(op), x[0], x[1]), true
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
		return b.op(OpTrunc, x[0]), true
	case "lt":
		return b.op(OpSelLt, x[0], x[1], imm(1), imm(0)), true
	case "le":
		return b.op(OpSelLe, x[0], x[1], imm(1), imm(0)), true
	case "eq":
		return b.op(OpSelEq, x[0], x[1], imm(1), imm(0)), true
	case "select":
		return b.op(OpSelNe, x[0], imm(0), x[1], x[2]), true
	}
	return Arg{}, false
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
