package ir

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"mspecc/runtime/rounded"
)

func reduceOps() []Info {
	sum := reduction(OpSum, "sum", "sum of x over the axes", 0, func(x, y float64) float64 { return x + y })
	sum.vjp = func(b *Builder, v, g *Value) []*Value { return []*Value{b.expand(g, v)} }
	sum.fold = foldSum
	maximum := reduction(OpMax, "maximum", "largest x over the axes, NaN where one is; ties share the gradient", math.Inf(-1), func(x, y float64) float64 { return larger(x, y) + 0 }) // of zeros: +0
	maximum.vjp = func(b *Builder, v, g *Value) []*Value {
		hit := b.Binary(Eq, v.Args[0], b.expand(v, v))
		share := b.div(g, b.Sum(hit, v.Attr.Axes...))
		return []*Value{b.mul(hit, b.expand(share, v))}
	}
	return []Info{sum, maximum, softmaxOp()}
}

// larger is NaN where x or y is, which math.Max is not beside an infinity.
func larger(x, y float64) float64 {
	if x > y || x != x {
		return x
	}
	return y
}

// softmaxOp is an operation of its own for the sake of its gradient, which is written with
// the result itself: at every order of differentiation the exponentials are computed once.
// Passes replace it by its definition afterwards; see Softmax.
func softmaxOp() Info {
	in := Info{Op: OpSoftmax, Name: "softmax", Doc: "e^x over the sum of e^x along the last axis", Class: Composite, Args: 1}
	in.infer = func(args []*Value, _ *Attr) (Type, error) {
		if t := args[0].Type; t.DType != F32 || len(t.Shape) == 0 || t.Shape[len(t.Shape)-1] == 0 {
			return Type{}, errors.New("the argument must be f32 with elements along its last axis")
		}
		return args[0].Type, nil
	}
	in.eval = func(v *Value, a [][]float64) []float64 {
		n := v.Shape()[v.Rank()-1]
		out := make([]float64, v.Len())
		for i := 0; i < len(out); i += n {
			x, y := a[0][i:i+n], out[i:i+n]
			top, sum := slices.Max(x), 0.0
			for j, xx := range x {
				y[j] = rounded.Exp(xx - top)
				sum += y[j]
			}
			for j := range y {
				y[j] /= sum
			}
		}
		return out
	}
	in.vjp = func(b *Builder, v, g *Value) []*Value {
		axis := v.Rank() - 1
		inner := b.Sum(b.mul(g, v), axis)
		return []*Value{b.mul(v, b.sub(g, b.alongLast(inner, v)))}
	}
	in.fold = func(b *Builder, v *Value) *Value {
		if v.Args[0].Op == OpConst {
			return b.Splat(1/float64(v.Shape()[v.Rank()-1]), v.Shape()...)
		}
		return nil
	}
	in.samples = func(b *Builder) []*Value {
		return []*Value{b.Softmax(b.Input("real", F32, []int{3, 5})), b.Softmax(b.Input("real 2", F32, []int{2, 3, 4}))}
	}
	return in
}

// alongLast repeats x, which lacks the last axis of like, along that axis.
func (b *Builder) alongLast(x, like *Value) *Value {
	s := like.Shape()
	return b.Broadcast(b.Reshape(x, append(slices.Clone(s[:len(s)-1]), 1)), s)
}

// OpenSoftmax is softmax(x) in other operations. The maximum is subtracted first, so that
// no exponential overflows.
func (b *Builder) OpenSoftmax(x *Value) *Value {
	axis := x.Rank() - 1
	e := b.Unary(Exp, b.sub(x, b.alongLast(b.MaxOver(x, axis), x)))
	inverse := b.div(b.Splat(1, x.Shape()[:axis]...), b.Sum(e, axis))
	return b.mul(e, b.alongLast(inverse, x))
}

// expand repeats a value of the reduced shape of v along v's reduced axes.
func (b *Builder) expand(x, v *Value) *Value {
	full := v.Args[0].Shape()
	kept := slices.Clone(full)
	for _, a := range v.Attr.Axes {
		kept[a] = 1
	}
	return b.Broadcast(b.Reshape(x, kept), full)
}

func reduction(op Op, name, doc string, start float64, f func(acc, x float64) float64) Info {
	in := Info{Op: op, Name: name, Doc: doc, Class: Reduction, Args: 1}
	in.infer = func(args []*Value, attr *Attr) (Type, error) {
		t := args[0].Type
		if t.DType != F32 {
			return Type{}, errors.New("the argument must be f32; float(x) converts")
		}
		var shape []int
		for i, n := range t.Shape {
			if !slices.Contains(attr.Axes, i) {
				shape = append(shape, n)
			} else if n == 0 && op == OpMax {
				return Type{}, errors.New("the maximum of no elements")
			}
		}
		for i, a := range attr.Axes {
			if a < 0 || a >= len(t.Shape) || i > 0 && attr.Axes[i-1] >= a {
				return Type{}, fmt.Errorf("axes %v of a tensor with %d axes", attr.Axes, len(t.Shape))
			}
		}
		return Type{F32, shape}, nil
	}
	in.eval = func(v *Value, a [][]float64) []float64 {
		out := slices.Repeat([]float64{start}, v.Len())
		x := v.Args[0]
		// The stride of each argument axis in the result; 0 for a reduced one.
		strides, outStrides, k := make([]int, x.Rank()), Strides(v.Shape()), 0
		for i := range strides {
			if !slices.Contains(v.Attr.Axes, i) {
				strides[i] = outStrides[k]
				k++
			}
		}
		i := 0
		walk(x.Shape(), strides, 0, func(o int) {
			out[o] = f(out[o], a[0][i])
			i++
		})
		return out
	}
	in.samples = func(b *Builder) []*Value {
		x := b.Input("distinct", F32, []int{2, 3, 4})
		return []*Value{b.reduce(op, x, []int{2}), b.reduce(op, x, []int{0}), b.reduce(op, x, []int{0, 2}), b.reduce(op, x, []int{0, 1, 2})}
	}
	return in
}

// walk visits all index tuples of shape in row-major order with the offset that the
// strides give them.
func walk(shape, strides []int, base int, visit func(offset int)) {
	if len(shape) == 0 {
		visit(base)
		return
	}
	for i := range shape[0] {
		walk(shape[1:], strides[1:], base+i*strides[0], visit)
	}
}
