package ir

import (
	"errors"
	"fmt"
	"slices"
	"sort"
)

func indexOps() []Info {
	stop := unary(OpStopGradient, "stop_gradient", "x, without its gradient", "real", func(x float64) float64 { return x }, nil)
	stop.fold = nil
	return []Info{gatherOp(), scatterAddOp(), argSortOp(), stop}
}

func gatherOp() Info {
	in := Info{Op: OpGather, Name: "gather", Doc: "v[b, k, ...] = x[b, idx[b, k], ...]", Class: Opaque, Args: 2}
	in.infer = func(args []*Value, attr *Attr) (Type, error) {
		x, idx, n := args[0].Type, args[1].Type, attr.Batch
		if err := checkIndex(idx, n); err != nil {
			return Type{}, err
		}
		if len(x.Shape) < n+1 || !slices.Equal(x.Shape[:n], idx.Shape[:n]) {
			return Type{}, fmt.Errorf("the first %d axes of both must be equal", n)
		}
		shape := append(slices.Clone(idx.Shape), x.Shape[n+1:]...)
		return Type{x.DType, shape}, nil
	}
	in.eval = func(v *Value, a [][]float64) []float64 {
		out := make([]float64, v.Len())
		rows := v.Args[0].Shape()[v.Attr.Batch]
		indexed(v.Args[1], v.Len(), rows, a[1], func(at, row, width int) { copy(out[at:at+width], a[0][row:row+width]) })
		return out
	}
	in.vjp = func(b *Builder, v, g *Value) []*Value {
		n := v.Attr.Batch
		return []*Value{b.ScatterAdd(g, v.Args[1], n, v.Args[0].Shape()[n]), nil}
	}
	in.samples = func(b *Builder) []*Value {
		return []*Value{
			b.Gather(b.Input("real", F32, []int{2, 4, 3}), b.Input("index 4", I32, []int{2, 5}), 1),
			b.Gather(b.Input("real 2", F32, []int{4, 3}), b.Input("index 4b", I32, []int{6}), 0),
			b.Gather(b.Input("real 3", F32, []int{2, 4}), b.Input("index 4", I32, []int{2, 5}), 1),
		}
	}
	return in
}

// checkIndex wants i32 [b..., K] with n batch axes.
func checkIndex(idx Type, n int) error {
	if idx.DType != I32 {
		return errors.New("the index must be i32")
	}
	if n < 0 || len(idx.Shape) != n+1 {
		return fmt.Errorf("the index needs %d axes, it is %s", n+1, idx)
	}
	return nil
}

// indexed visits, for every element of idx, the offset at of its row among the picked
// rows, the offset of the row it names among `rows` rows per batch, and the row's width.
func indexed(idx *Value, picked, rows int, a []float64, visit func(at, row, width int)) {
	if len(a) == 0 {
		return
	}
	k, width := idx.Shape()[idx.Rank()-1], picked/len(a)
	for i, x := range a {
		r := int(x)
		if r < 0 || r >= rows {
			panic(&Error{"gather", fmt.Sprintf("index %d outside 0..%d", r, rows-1), nil})
		}
		visit(i*width, (i/k*rows+r)*width, width)
	}
}

func scatterAddOp() Info {
	in := Info{Op: OpScatterAdd, Name: "scatter_add", Doc: "v[b, idx[b, k], ...] += src[b, k, ...], from zeros", Class: Opaque, Args: 2}
	in.infer = func(args []*Value, attr *Attr) (Type, error) {
		src, idx, n := args[0].Type, args[1].Type, attr.Batch
		if err := checkIndex(idx, n); err != nil {
			return Type{}, err
		}
		if src.DType != F32 || len(src.Shape) < n+1 || !slices.Equal(src.Shape[:n+1], idx.Shape) {
			return Type{}, fmt.Errorf("the first %d axes of both must be equal", n+1)
		}
		shape := slices.Clone(src.Shape)
		shape[n] = attr.Rows
		return Type{F32, shape}, nil
	}
	in.eval = func(v *Value, a [][]float64) []float64 {
		out := make([]float64, v.Len())
		indexed(v.Args[1], v.Args[0].Len(), v.Attr.Rows, a[1], func(at, row, width int) {
			for i, x := range a[0][at : at+width] {
				out[row+i] += x
			}
		})
		return out
	}
	in.vjp = func(b *Builder, v, g *Value) []*Value { return []*Value{b.Gather(g, v.Args[1], v.Attr.Batch), nil} }
	in.samples = func(b *Builder) []*Value {
		return []*Value{
			b.ScatterAdd(b.Input("real", F32, []int{2, 5, 3}), b.Input("index 4", I32, []int{2, 5}), 1, 4),
			b.ScatterAdd(b.Input("real 2", F32, []int{6, 2}), b.Input("index 4b", I32, []int{6}), 0, 4),
		}
	}
	return in
}

func argSortOp() Info {
	in := Info{Op: OpArgSort, Name: "argsort", Doc: "indices that sort the last axis, ascending, stable, NaN last", Class: Opaque, Args: 1,
		NoVJP: "a sorting order does not change by small steps"}
	in.infer = func(args []*Value, _ *Attr) (Type, error) {
		if args[0].Rank() == 0 {
			return Type{}, errors.New("a scalar has no order")
		}
		return Type{I32, args[0].Shape()}, nil
	}
	in.eval = func(v *Value, a [][]float64) []float64 {
		out := make([]float64, v.Len())
		n := v.Shape()[v.Rank()-1]
		for lo := 0; lo < len(out); lo += n {
			row, keys := out[lo:lo+n], a[0][lo:lo+n]
			for i := range row {
				row[i] = float64(i)
			}
			sort.SliceStable(row, func(i, j int) bool {
				x, y := keys[int(row[i])], keys[int(row[j])]
				return x < y || x == x && y != y
			})
		}
		return out
	}
	in.samples = func(b *Builder) []*Value {
		return []*Value{b.Float(b.ArgSort(b.Input("distinct", F32, []int{3, 5})))}
	}
	return in
}
