package loop

import "math"

// Op names an instruction.
type Op string

// Scalar and memory instructions, and those that cross lanes.
const (
	OpBase  Op = "base"  // p = start of operand Value
	OpMove  Op = "move"  // p = From + Value
	OpCount Op = "count" // n = Args.N[Value] - Less

	OpLoad     Op = "load"     // Lanes elements Stride apart; the other lanes are 0
	OpBcast    Op = "bcast"    // one element in all lanes
	OpStore    Op = "store"    // of Args[0]
	OpPrefetch Op = "prefetch" // brings the element's cache line near; no other effect

	OpHSum      Op = "hsum"      // sum over the lanes, in all lanes
	OpHMax      Op = "hmax"      // largest lane, in all lanes; NaN where one is
	OpIota      Op = "iota"      // lane index + Args[0]
	OpTail      Op = "tail"      // Args[0] in the first Lanes lanes, Args[1] in the others
	OpTranspose Op = "transpose" // Block, Lanes registers, as a matrix in place
	OpFMALane   Op = "fmalane"   // fma, with Lane of Args[0] in all lanes; only on machines with ByLane
)

// Elementwise instructions; the table below gives their meaning.
const (
	OpMov      Op = "mov"
	OpNeg      Op = "neg"
	OpAbs      Op = "abs"
	OpSqrt     Op = "sqrt"
	OpFloor    Op = "floor"
	OpRound    Op = "round"
	OpTrunc    Op = "trunc"
	OpGetExp   Op = "getexp"
	OpGetMant  Op = "getmant"
	OpAdd      Op = "add"
	OpSub      Op = "sub"
	OpMul      Op = "mul"
	OpDiv      Op = "div"
	OpMax      Op = "max"
	OpMin      Op = "min"
	OpCopySign Op = "copysign"
	OpScale    Op = "scale"
	OpFMA      Op = "fma"
	OpFNMA     Op = "fnma"
	OpFMS      Op = "fms"
	OpFused    Op = "fused"
	OpSelLt    Op = "sellt"
	OpSelLe    Op = "selle"
	OpSelEq    Op = "seleq"
	OpSelNe    Op = "selne"

	OpDot  Op = "dot"
	OpPair Op = "pair"
)

// HasResult reports whether an instruction sets its Dst.
func (op Op) HasResult() bool { return op != OpStore && op != OpPrefetch && op != OpTranspose }

// elementwise is an operation on each lane by itself.
type elementwise struct {
	args int
	doc  string
	eval func(a []float32) float32
}

func unary(doc string, f func(x float64) float64) elementwise {
	return elementwise{1, doc, func(a []float32) float32 { return float32(f(float64(a[0]))) }}
}

func binary(doc string, f func(x, y float32) float32) elementwise {
	return elementwise{2, doc, func(a []float32) float32 { return f(a[0], a[1]) }}
}

// product forms sign*a*b + c with one rounding.
func product(doc string, sign, c float64) elementwise {
	return elementwise{3, doc, func(a []float32) float32 {
		return float32(sign*float64(a[0])*float64(a[1]) + c*float64(a[2]))
	}}
}

func choice(doc string, f func(x, y float32) bool) elementwise {
	return elementwise{4, doc, func(a []float32) float32 {
		if f(a[0], a[1]) {
			return a[2]
		}
		return a[3]
	}}
}

// Elementwise reports how many arguments an elementwise instruction takes and
// its meaning in words; ok is false for other instructions.
func Elementwise(op Op) (args int, doc string, ok bool) {
	e, ok := elementwiseOps[op]
	return e.args, e.doc, ok
}

var elementwiseOps = map[Op]elementwise{
	OpMov:   unary("x", func(x float64) float64 { return x }),
	OpNeg:   unary("-x", func(x float64) float64 { return -x }),
	OpAbs:   unary("|x|", math.Abs),
	OpSqrt:  unary("square root of x", math.Sqrt),
	OpFloor: unary("largest integer <= x", math.Floor),
	OpRound: unary("nearest integer, ties to even", math.RoundToEven),
	OpTrunc: unary("x without its fraction", math.Trunc),
	OpGetExp: unary("floor(log2|x|); -Inf for 0", func(x float64) float64 {
		if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
			return math.Log2(math.Abs(x))
		}
		_, e := math.Frexp(x)
		return float64(e - 1)
	}),
	OpGetMant: unary("|x| / 2^floor(log2|x|), in [1,2); 1 for 0 and where x is infinite", func(x float64) float64 {
		if x == 0 || math.IsInf(x, 0) {
			return 1
		}
		m, _ := math.Frexp(math.Abs(x))
		return 2 * m
	}),

	OpAdd: binary("x + y", func(x, y float32) float32 { return x + y }),
	OpSub: binary("x - y", func(x, y float32) float32 { return x - y }),
	OpMul: binary("x y", func(x, y float32) float32 { return x * y }),
	OpDiv: binary("x / y", func(x, y float32) float32 { return x / y }),
	OpMax: binary("x > y ? x : y, so that a NaN in y stays", func(x, y float32) float32 {
		if x > y {
			return x
		}
		return y
	}),
	OpMin: binary("x < y ? x : y, so that a NaN in y stays", func(x, y float32) float32 {
		if x < y {
			return x
		}
		return y
	}),
	OpCopySign: binary("|x| with the sign of y", func(x, y float32) float32 {
		return float32(math.Copysign(float64(x), float64(y)))
	}),
	OpScale: binary("x 2^y for an integer y, |y| <= 252", func(x, y float32) float32 {
		return float32(float64(x) * math.Exp2(float64(y)))
	}),

	OpFused: {3, "x y + z, rounded once", func(a []float32) float32 { return Fused(a[0], a[1], a[2]) }},

	OpFMA:  product("x y + z, rounded once or twice", 1, 1),
	OpFNMA: product("z - x y, rounded once or twice", -1, 1),
	OpFMS:  product("x y - z, rounded once or twice", 1, -1),

	OpSelLt: choice("x < y ? z : w", func(x, y float32) bool { return x < y }),
	OpSelLe: choice("x <= y ? z : w", func(x, y float32) bool { return x <= y }),
	OpSelEq: choice("x == y ? z : w", func(x, y float32) bool { return x == y }),
	OpSelNe: choice("x != y ? z : w", func(x, y float32) bool { return x != y }),

	OpDot: {3, "z + x1 y1 + x0 y0 for the bf16 halves of x and y, each sum rounded once, to 0 if it would be subnormal; no argument is", func(a []float32) float32 {
		return Dot(a[0], a[1], a[2])
	}},
	OpPair: {2, "the bf16 numbers x and y as halves 0 and 1 of an element", func(a []float32) float32 {
		return math.Float32frombits(math.Float32bits(a[0])>>16 | math.Float32bits(a[1]))
	}},
}

// Fused is x y + z, rounded once. The product is exact in float64; where its sum with z is not, the
// last bit of the sum is made odd, so that rounding it to f32 rounds the exact number.
func Fused(x, y, z float32) float32 {
	p, c := float64(x)*float64(y), float64(z)
	s := p + c
	back := s - p
	lost := (p - (s - back)) + (c - back)
	if bits := math.Float64bits(s); lost != 0 && bits&1 == 0 && lost-lost == 0 {
		if (lost > 0) == (s > 0) {
			bits++
		} else {
			bits--
		}
		s = math.Float64frombits(bits)
	}
	return float32(s)
}

// Dot adds the products of the upper and of the lower halves of x and y to z, as VDPBF16PS
// does. A product of two bf16 numbers is exact in float64, and so is its sum with z to all
// the bits that decide how it rounds to f32. A sum is subnormal if it is so once rounded to the
// 24 bits of a normal number.
func Dot(x, y, z float32) float32 {
	a, b := math.Float32bits(x), math.Float32bits(y)
	half := func(z float32, a, b uint32) float32 {
		s := float64(z) + float64(math.Float32frombits(a))*float64(math.Float32frombits(b))
		if math.Abs(s) < 0x1p-126-0x1p-151 {
			s *= 0
		}
		return float32(s)
	}
	return half(half(z, a&^0xffff, b&^0xffff), a<<16, b<<16)
}

// Half is x rounded to bf16, to nearest, ties to even; subnormal numbers are 0.
func Half(x float32) float32 {
	bits := math.Float32bits(x)
	switch exponent := bits >> 23 & 0xff; {
	case exponent == 0:
		bits &= 1 << 31
	case exponent != 0xff:
		bits += 0x7fff + bits>>16&1
	case bits<<9 != 0:
		bits |= 1 << 22
	}
	return math.Float32frombits(bits &^ 0xffff)
}
