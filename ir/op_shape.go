package ir

import (
	"errors"
	"fmt"
	"slices"
)

func shapeOps() []Info {
	reshape := Info{Op: OpReshape, Name: "reshape", Doc: "the same elements in row-major order, another shape", Class: View, Args: 1, fold: foldReshape}
	reshape.eval = func(_ *Value, a [][]float64) []float64 { return a[0] }
	reshape.vjp = func(b *Builder, v, g *Value) []*Value { return []*Value{b.Reshape(g, v.Args[0].Shape())} }
	reshape.samples = func(b *Builder) []*Value {
		return []*Value{b.Reshape(b.Input("real", F32, []int{2, 6}), []int{3, 4})}
	}

	broadcast := Info{Op: OpBroadcast, Name: "broadcast", Doc: "repeats axes of extent 1", Class: View, Args: 1, fold: foldBroadcast}
	broadcast.eval = func(v *Value, a [][]float64) []float64 {
		strides := Strides(v.Args[0].Shape())
		for i, n := range v.Args[0].Shape() {
			if n == 1 {
				strides[i] = 0
			}
		}
		return pick(v, a[0], strides, 0)
	}
	broadcast.vjp = func(b *Builder, v, g *Value) []*Value {
		x := v.Args[0]
		return []*Value{b.Reshape(b.Sum(g, broadcastAxes(v)...), x.Shape())}
	}
	broadcast.samples = func(b *Builder) []*Value {
		return []*Value{b.Broadcast(b.Input("real", F32, []int{3, 1}), []int{2, 3, 4}), b.Broadcast(b.Input("real 2", F32, nil), []int{5})}
	}
	return []Info{reshape, broadcast, transposeOp(), sliceOp(), padOp(), concatOp()}
}

// broadcastAxes lists the axes that a broadcast repeats.
func broadcastAxes(v *Value) []int {
	var axes []int
	for i, n := range v.Args[0].Shape() {
		if n != v.Shape()[i] {
			axes = append(axes, i)
		}
	}
	return axes
}

// pick reads v's elements out of a through strides.
func pick(v *Value, a []float64, strides []int, base int) []float64 {
	out := make([]float64, 0, v.Len())
	walk(v.Shape(), strides, base, func(o int) { out = append(out, a[o]) })
	return out
}

func transposeOp() Info {
	in := Info{Op: OpTranspose, Name: "transpose", Doc: "result axis i is argument axis perm[i]", Class: View, Args: 1, fold: foldTranspose}
	in.infer = func(args []*Value, attr *Attr) (Type, error) {
		s := args[0].Shape()
		seen := make([]bool, len(s))
		if len(attr.Axes) != len(s) {
			return Type{}, fmt.Errorf("the permutation %v does not fit %d axes", attr.Axes, len(s))
		}
		shape := make([]int, len(s))
		for i, p := range attr.Axes {
			if p < 0 || p >= len(s) || seen[p] {
				return Type{}, fmt.Errorf("%v is not a permutation of %d axes", attr.Axes, len(s))
			}
			seen[p], shape[i] = true, s[p]
		}
		return Type{args[0].Type.DType, shape}, nil
	}
	in.eval = func(v *Value, a [][]float64) []float64 {
		from := Strides(v.Args[0].Shape())
		strides := make([]int, len(from))
		for i, p := range v.Attr.Axes {
			strides[i] = from[p]
		}
		return pick(v, a[0], strides, 0)
	}
	in.vjp = func(b *Builder, v, g *Value) []*Value { return []*Value{b.Transpose(g, inverse(v.Attr.Axes)...)} }
	in.samples = func(b *Builder) []*Value {
		return []*Value{b.Transpose(b.Input("real", F32, []int{2, 3, 4}), 2, 0, 1)}
	}
	return in
}

func inverse(perm []int) []int {
	inv := make([]int, len(perm))
	for i, p := range perm {
		inv[p] = i
	}
	return inv
}

func sliceOp() Info {
	in := Info{Op: OpSlice, Name: "slice", Doc: "elements lo, lo+step, ... below hi of each axis", Class: View, Args: 1, fold: foldSlice}
	in.infer = func(args []*Value, attr *Attr) (Type, error) {
		s := args[0].Shape()
		if len(attr.Lo) != len(s) || len(attr.Hi) != len(s) || len(attr.Step) != len(s) {
			return Type{}, fmt.Errorf("bounds for %d axes of a tensor with %d", len(attr.Lo), len(s))
		}
		shape := make([]int, len(s))
		for i, n := range s {
			lo, hi, step := attr.Lo[i], attr.Hi[i], attr.Step[i]
			if lo < 0 || hi > n || lo > hi || step < 1 {
				return Type{}, fmt.Errorf("%d:%d:%d is outside axis %d of extent %d", lo, hi, step, i, n)
			}
			shape[i] = (hi - lo + step - 1) / step
		}
		return Type{args[0].Type.DType, shape}, nil
	}
	in.eval = func(v *Value, a [][]float64) []float64 {
		strides, base := Strides(v.Args[0].Shape()), 0
		for i := range strides {
			base += v.Attr.Lo[i] * strides[i]
			strides[i] *= v.Attr.Step[i]
		}
		return pick(v, a[0], strides, base)
	}
	in.vjp = func(b *Builder, v, g *Value) []*Value {
		hi := make([]int, v.Rank())
		for i, n := range v.Args[0].Shape() {
			hi[i] = n - v.Attr.Lo[i] - spread(v.Shape()[i], v.Attr.Step[i])
		}
		return []*Value{b.pad(g, v.Attr.Lo, hi, v.Attr.Step)}
	}
	in.samples = func(b *Builder) []*Value {
		x := b.Input("real", F32, []int{4, 7})
		return []*Value{b.Slice(x, []int{1, 0}, []int{3, 7}, nil), b.Slice(x, []int{0, 1}, []int{4, 7}, []int{2, 4})}
	}
	return in
}

// spread is the extent of n elements that are step apart.
func spread(n, step int) int {
	if n == 0 {
		return 0
	}
	return (n-1)*step + 1
}

func padOp() Info {
	in := Info{Op: OpPad, Name: "pad", Doc: "lo zeros before, hi after, step-1 between the elements of each axis", Class: Opaque, Args: 1}
	in.infer = func(args []*Value, attr *Attr) (Type, error) {
		s := args[0].Shape()
		if len(attr.Lo) != len(s) || len(attr.Hi) != len(s) || len(attr.Step) != len(s) {
			return Type{}, fmt.Errorf("padding for %d axes of a tensor with %d", len(attr.Lo), len(s))
		}
		shape := make([]int, len(s))
		for i, n := range s {
			if attr.Lo[i] < 0 || attr.Hi[i] < 0 || attr.Step[i] < 1 {
				return Type{}, errors.New("negative padding")
			}
			shape[i] = attr.Lo[i] + spread(n, attr.Step[i]) + attr.Hi[i]
		}
		return Type{args[0].Type.DType, shape}, nil
	}
	in.eval = func(v *Value, a [][]float64) []float64 {
		out := make([]float64, v.Len())
		strides, base := Strides(v.Shape()), 0
		for i := range strides {
			base += v.Attr.Lo[i] * strides[i]
			strides[i] *= v.Attr.Step[i]
		}
		i := 0
		walk(v.Args[0].Shape(), strides, base, func(o int) {
			out[o] = a[0][i]
			i++
		})
		return out
	}
	in.vjp = func(b *Builder, v, g *Value) []*Value {
		hi := make([]int, v.Rank())
		for i, n := range v.Args[0].Shape() {
			hi[i] = v.Attr.Lo[i] + spread(n, v.Attr.Step[i])
		}
		return []*Value{b.Slice(g, v.Attr.Lo, hi, v.Attr.Step)}
	}
	in.fold = foldPad
	in.samples = func(b *Builder) []*Value {
		x := b.Input("real", F32, []int{2, 3})
		return []*Value{b.Pad(x, []int{1, 0}, []int{0, 2}), b.pad(x, []int{0, 1}, []int{1, 0}, []int{2, 3})}
	}
	return in
}

func concatOp() Info {
	in := Info{Op: OpConcat, Name: "concat", Doc: "the arguments one after another along an axis", Class: Opaque, Args: -1}
	in.infer = func(args []*Value, attr *Attr) (Type, error) {
		if len(args) == 0 {
			return Type{}, errors.New("nothing to join")
		}
		t := args[0].Type
		shape := slices.Clone(t.Shape)
		if attr.Axis < 0 || attr.Axis >= len(shape) {
			return Type{}, fmt.Errorf("axis %d of a tensor with %d axes", attr.Axis, len(shape))
		}
		for _, a := range args[1:] {
			s := slices.Clone(a.Shape())
			if len(s) == len(shape) {
				shape[attr.Axis] += s[attr.Axis]
				s[attr.Axis] = shape[attr.Axis]
			}
			if a.Type.DType != t.DType || !slices.Equal(s, shape) {
				return Type{}, fmt.Errorf("%s and %s do not join along axis %d", t, a.Type, attr.Axis)
			}
		}
		return Type{t.DType, shape}, nil
	}
	in.eval = func(v *Value, a [][]float64) []float64 {
		out := make([]float64, 0, v.Len())
		inner := product(v.Shape()[v.Attr.Axis+1:])
		for o := range product(v.Shape()[:v.Attr.Axis]) {
			for i, x := range v.Args {
				n := x.Shape()[v.Attr.Axis] * inner
				out = append(out, a[i][o*n:(o+1)*n]...)
			}
		}
		return out
	}
	in.vjp = func(b *Builder, v, g *Value) []*Value {
		out, at := make([]*Value, len(v.Args)), 0
		for i, x := range v.Args {
			out[i] = b.piece(g, v.Attr.Axis, at, at+x.Shape()[v.Attr.Axis])
			at += x.Shape()[v.Attr.Axis]
		}
		return out
	}
	in.samples = func(b *Builder) []*Value {
		return []*Value{b.Concat(1, b.Input("real 1", F32, []int{2, 3}), b.Input("real 2", F32, []int{2, 1}), b.Input("real 3", F32, []int{2, 2}))}
	}
	return in
}

// piece takes lo..hi of one axis.
func (b *Builder) piece(x *Value, axis, lo, hi int) *Value {
	los, his := make([]int, x.Rank()), slices.Clone(x.Shape())
	los[axis], his[axis] = lo, hi
	return b.Slice(x, los, his, nil)
}
