package ir

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"mspecc/runtime/rounded"
)

// unary declares an elementwise operation of one f32 argument. from names the set its
// test inputs are drawn from: real, positive, or away from integers (see gradcheck).
func unary(op Op, name, doc, from string, f func(float64) float64, vjp func(b *Builder, v, g *Value) *Value) Info {
	in := Info{Op: op, Name: name, Doc: doc, Class: Elementwise, Args: 1, fold: foldUnary(f)}
	in.infer = func(args []*Value, _ *Attr) (Type, error) {
		if args[0].Type.DType != F32 {
			return Type{}, errors.New("the argument must be f32; float(x) converts")
		}
		return args[0].Type, nil
	}
	in.eval = func(_ *Value, a [][]float64) []float64 {
		out := make([]float64, len(a[0]))
		for i, x := range a[0] {
			out[i] = f(x)
		}
		return out
	}
	if vjp != nil {
		in.vjp = func(b *Builder, v, g *Value) []*Value { return []*Value{vjp(b, v, g)} }
	}
	in.samples = func(b *Builder) []*Value { return []*Value{b.Unary(op, b.Input(from, F32, []int{3, 5}))} }
	return in
}

func unaryOps() []Info {
	return []Info{
		unary(Neg, "neg", "-x", "real", func(x float64) float64 { return -x },
			func(b *Builder, v, g *Value) *Value { return b.neg(g) }),
		unary(Exp, "exp", "e^x", "real", rounded.Exp,
			func(b *Builder, v, g *Value) *Value { return b.mul(g, v) }),
		unary(Log, "log", "natural logarithm of x", "positive", rounded.Log,
			func(b *Builder, v, g *Value) *Value { return b.div(g, v.Args[0]) }),
		unary(Sqrt, "sqrt", "square root of x", "positive", math.Sqrt,
			func(b *Builder, v, g *Value) *Value { return b.div(b.scale(g, 0.5), v) }),
		unary(Tanh, "tanh", "(e^x - e^-x)/(e^x + e^-x)", "real", math.Tanh,
			func(b *Builder, v, g *Value) *Value { return b.sub(g, b.mul(g, b.mul(v, v))) }),
		unary(Erf, "erf", "2/sqrt(pi) integral of e^(-t^2) from 0 to x", "real", math.Erf,
			func(b *Builder, v, g *Value) *Value {
				x := v.Args[0]
				return b.mul(g, b.scale(b.Unary(Exp, b.neg(b.mul(x, x))), 2/math.Sqrt(math.Pi)))
			}),
		unary(Erfc, "erfc", "1 - erf(x), without its cancellation for large x", "real", math.Erfc,
			func(b *Builder, v, g *Value) *Value {
				x := v.Args[0]
				return b.mul(g, b.scale(b.Unary(Exp, b.neg(b.mul(x, x))), -2/math.Sqrt(math.Pi)))
			}),
		unary(Sin, "sin", "sine of x in radians", "real", rounded.Sin,
			func(b *Builder, v, g *Value) *Value { return b.mul(g, b.Unary(Cos, v.Args[0])) }),
		unary(Cos, "cos", "cosine of x in radians", "real", rounded.Cos,
			func(b *Builder, v, g *Value) *Value { return b.neg(b.mul(g, b.Unary(Sin, v.Args[0]))) }),
		unary(Abs, "abs", "|x|; the gradient at 0 is 0", "nonzero", math.Abs,
			func(b *Builder, v, g *Value) *Value { return b.mul(g, b.Unary(Sign, v.Args[0])) }),
		unary(Sign, "sign", "-1, 0 or 1; its gradient is 0", "nonzero", sign, nil),
		unary(Floor, "floor", "largest integer <= x; its gradient is 0", "noninteger", math.Floor, nil),
	}
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x // keeps 0 and NaN
}

func binary(op Op, name, doc string, f func(x, y float64) float64, vjp func(b *Builder, v, g *Value) []*Value) Info {
	in := Info{Op: op, Name: name, Doc: doc, Class: Elementwise, Args: 2, vjp: vjp}
	in.infer = func(args []*Value, _ *Attr) (Type, error) {
		x, y := args[0].Type, args[1].Type
		if !x.Equal(y) {
			return Type{}, fmt.Errorf("the arguments differ: %s and %s", x, y)
		}
		if x.DType == I32 {
			switch op {
			case Div:
				return Type{}, errors.New("integers do not divide; float(x) converts")
			case Lt, Le, Eq:
				x.DType = F32
			}
		}
		return x, nil
	}
	in.eval = func(_ *Value, a [][]float64) []float64 {
		out := make([]float64, len(a[0]))
		for i, x := range a[0] {
			out[i] = f(x, a[1][i])
		}
		return out
	}
	in.fold = foldBinary(op, f)
	in.samples = func(b *Builder) []*Value {
		from := "real"
		if op == Div {
			from = "nonzero"
		}
		x, y := b.Input("real 1", F32, []int{3, 5}), b.Input(from+" 2", F32, []int{3, 5})
		if op == Mul || op == Add {
			return []*Value{b.Binary(op, x, y), b.Binary(op, x, x)}
		}
		return []*Value{b.Binary(op, x, y)}
	}
	return in
}

func mask(c bool) float64 {
	if c {
		return 1
	}
	return 0
}

func binaryOps() []Info {
	return []Info{
		binary(Add, "add", "x + y", func(x, y float64) float64 { return x + y },
			func(b *Builder, v, g *Value) []*Value { return []*Value{g, g} }),
		binary(Sub, "sub", "x - y", func(x, y float64) float64 { return x - y },
			func(b *Builder, v, g *Value) []*Value { return []*Value{g, b.neg(g)} }),
		binary(Mul, "mul", "x y", func(x, y float64) float64 { return x * y },
			mulVJP),
		binary(Div, "div", "x / y", func(x, y float64) float64 { return x / y },
			func(b *Builder, v, g *Value) []*Value {
				gx := b.div(g, v.Args[1])
				return []*Value{gx, b.neg(b.mul(gx, v))}
			}),
		binary(Max, "max", "the larger of x and y, NaN where one is; the gradient goes to the larger, to each by half where they are equal",
			larger, extremumVJP),
		binary(Min, "min", "the smaller of x and y, NaN where one is; the gradient goes to the smaller, to each by half where they are equal",
			func(x, y float64) float64 {
				if x < y || x != x {
					return x
				}
				return y
			}, extremumVJP),
		binary(Lt, "lt", "1 where x < y, else 0; its gradient is 0", func(x, y float64) float64 { return mask(x < y) }, nil),
		binary(Le, "le", "1 where x <= y, else 0; its gradient is 0", func(x, y float64) float64 { return mask(x <= y) }, nil),
		binary(Eq, "eq", "1 where x = y, else 0; its gradient is 0", func(x, y float64) float64 { return mask(x == y) }, nil),
	}
}

// mulVJP gives a factor that stands beside a constant 0 no cotangent at all: the derivative is 0
// whatever the other factor is, and what only it would be needed for is not computed.
func mulVJP(b *Builder, v, g *Value) []*Value {
	by := func(other *Value) *Value {
		if isZero(other) {
			return nil
		}
		return b.mul(g, other)
	}
	return []*Value{by(v.Args[1]), by(v.Args[0])}
}

// isZero reports whether v is 0 everywhere, as a constant of the program.
func isZero(v *Value) bool {
	for v.Op == OpBroadcast || v.Op == OpReshape {
		v = v.Args[0]
	}
	return isConst(v, 0)
}

// extremumVJP sends the cotangent to the argument that equals the result; ties share it, and
// beside a NaN both get it. It is chosen, not multiplied by a mask: what is infinite goes nowhere
// else as NaN.
func extremumVJP(b *Builder, v, g *Value) []*Value {
	x, y := v.Args[0], v.Args[1]
	shared := b.Select(b.Binary(Eq, x, y), b.scale(g, 0.5), g)
	unless := func(less, more *Value) *Value {
		return b.Select(b.Binary(Lt, less, more), b.Splat(0, v.Shape()...), shared)
	}
	if v.Op == Min {
		return []*Value{unless(y, x), unless(x, y)}
	}
	return []*Value{unless(x, y), unless(y, x)}
}

func otherElementwiseOps() []Info {
	sel := Info{Op: OpSelect, Name: "select", Doc: "x where mask is not 0, y elsewhere", Class: Elementwise, Args: 3}
	sel.infer = func(args []*Value, _ *Attr) (Type, error) {
		m, x, y := args[0].Type, args[1].Type, args[2].Type
		if m.DType != F32 || !x.Equal(y) || !slices.Equal(m.Shape, x.Shape) {
			return Type{}, fmt.Errorf("the mask is %s, the choices are %s and %s", m, x, y)
		}
		return x, nil
	}
	sel.eval = func(_ *Value, a [][]float64) []float64 {
		out := make([]float64, len(a[1]))
		for i, m := range a[0] {
			if m != 0 {
				out[i] = a[1][i]
			} else {
				out[i] = a[2][i]
			}
		}
		return out
	}
	sel.vjp = func(b *Builder, v, g *Value) []*Value {
		zero := b.Splat(0, v.Shape()...)
		return []*Value{nil, b.Select(v.Args[0], g, zero), b.Select(v.Args[0], zero, g)}
	}
	sel.fold = func(b *Builder, v *Value) *Value {
		if m := v.Args[0]; m.Op == OpConst {
			if m.Attr.Const != 0 {
				return v.Args[1]
			}
			return v.Args[2]
		}
		if v.Args[1] == v.Args[2] {
			return v.Args[1]
		}
		return nil
	}
	sel.samples = func(b *Builder) []*Value {
		m := b.Binary(Lt, b.Input("fixed", F32, []int{3, 5}), b.Splat(0, 3, 5))
		return []*Value{b.Select(m, b.Input("real 1", F32, []int{3, 5}), b.Input("real 2", F32, []int{3, 5}))}
	}
	return []Info{
		sel,
		convert(OpFloat, "float", "integer to f32; integers have no gradient", I32, F32, func(x float64) float64 { return x }),
		convert(OpInt, "int", "f32 to i32, truncated towards 0; integers have no gradient", F32, I32, math.Trunc),
	}
}

func convert(op Op, name, doc string, from, to DType, f func(float64) float64) Info {
	in := unary(op, name, doc, "real", f, nil)
	in.fold = nil
	in.infer = func(args []*Value, _ *Attr) (Type, error) {
		if args[0].Type.DType != from {
			return Type{}, fmt.Errorf("the argument must be %s", from)
		}
		return Type{to, args[0].Type.Shape}, nil
	}
	in.samples = func(b *Builder) []*Value {
		if from == I32 {
			return []*Value{b.Apply(op, Attr{}, b.Input("index 9", I32, []int{3, 5}))}
		}
		return []*Value{b.Float(b.Int(b.Input("noninteger", F32, []int{3, 5})))}
	}
	return in
}
