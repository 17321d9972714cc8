package loop

import "math"

// Op names an instruction.
type Op string

// Scalar and memory instructions, and those that cross lanes.
const (
	OpBase  Op = "base"  // p = start of operand Value
	OpMove  Op = "move"  // p = From + Value
	OpCount Op = "count" // n = Args.N[Value]

	OpLoad     Op = "load"     // Lanes elements Stride apart; the other lanes are 0
	OpBcast    Op = "bcast"    // one element in all lanes
	OpStore    Op = "store"    // of Args[0]
	OpPrefetch Op = "prefetch" // brings the element's cache line near; no other effect

	OpHSum      Op = "hsum"      // sum over the lanes, in all lanes
	OpHMax      Op = "hmax"      // largest lane, in all lanes
	OpIota      Op = "iota"      // lane index + Args[0]
	OpTail      Op = "tail"      // Args[0] in the first Lanes lanes, Args[1] in the others
	OpTranspose Op = "transpose" // Block, Lanes registers, as a matrix in place
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
	OpSelLt    Op = "sellt"
	OpSelLe    Op = "selle"
	OpSelEq    Op = "seleq"
	OpSelNe    Op = "selne"
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
	OpGetMant: unary("|x| / 2^floor(log2|x|), in [1,2); 1 for 0", func(x float64) float64 {
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

	OpFMA:  product("x y + z, rounded once or twice", 1, 1),
	OpFNMA: product("z - x y, rounded once or twice", -1, 1),
	OpFMS:  product("x y - z, rounded once or twice", 1, -1),

	OpSelLt: choice("x < y ? z : w", func(x, y float32) bool { return x < y }),
	OpSelLe: choice("x <= y ? z : w", func(x, y float32) bool { return x <= y }),
	OpSelEq: choice("x == y ? z : w", func(x, y float32) bool { return x == y }),
	OpSelNe: choice("x != y ? z : w", func(x, y float32) bool { return x != y }),
}
