package ir

import (
	"errors"
	"fmt"
	"slices"
)

func productOps() []Info {
	in := Info{Op: OpMatMul, Name: "matmul", Doc: "v[..., m, n] = sum over k of x[..., m, k] y[..., k, n]; of bf16x2, both halves", Class: Opaque, Args: 2}
	in.infer = func(args []*Value, _ *Attr) (Type, error) {
		x, y := args[0].Shape(), args[1].Shape()
		n := len(x)
		if d := args[0].Type.DType; d == I32 || args[1].Type.DType != d {
			return Type{}, errors.New("both arguments must be f32, or both bf16x2")
		}
		if n < 2 || len(y) != n || !slices.Equal(x[:n-2], y[:n-2]) {
			return Type{}, errors.New("both arguments need two axes or more and equal leading axes")
		}
		if x[n-1] != y[n-2] {
			return Type{}, fmt.Errorf("the inner extents %d and %d differ", x[n-1], y[n-2])
		}
		return Type{F32, append(slices.Clone(x[:n-1]), y[n-1])}, nil
	}
	in.eval = func(v *Value, a [][]float64) []float64 {
		s := v.Args[0].Shape()
		m, k, n := s[len(s)-2], s[len(s)-1], v.Shape()[len(s)-1]
		out := make([]float64, v.Len())
		mul := func(x, y float64) float64 { return x * y }
		if v.Args[0].Type.DType == BF16x2 {
			mul = mulPairs
		}
		for p := range product(s[:len(s)-2]) {
			x, y, z := a[0][p*m*k:], a[1][p*k*n:], out[p*m*n:]
			for i := range m {
				row := z[i*n : (i+1)*n]
				for l := range k {
					c := x[i*k+l]
					for j, yy := range y[l*n : (l+1)*n] {
						row[j] += mul(c, yy)
					}
				}
			}
		}
		return out
	}
	in.vjp = func(b *Builder, v, g *Value) []*Value {
		x, y := v.Args[0], v.Args[1]
		return []*Value{b.MatMul(g, b.SwapLast(y)), b.MatMul(b.SwapLast(x), g)}
	}
	in.samples = func(b *Builder) []*Value {
		return []*Value{
			b.MatMul(b.Input("real 1", F32, []int{3, 4}), b.Input("real 2", F32, []int{4, 2})),
			b.MatMul(b.Input("real 3", F32, []int{2, 3, 4}), b.Input("real 4", F32, []int{2, 4, 2})),
			b.MatMul(b.Input("real 5", F32, []int{2, 3, 4}), b.Input("real 2", F32, []int{4, 2})),
		}
	}
	return []Info{in}
}
