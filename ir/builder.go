package ir

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"mspecc/spec"
)

// Builder makes the values of one graph. Its methods panic with *Error when arguments do
// not fit an operation; callers that build from user input recover it (see Try).
type Builder struct {
	Pos   spec.Pos // given to the values built from here on
	Label string   // likewise
	Phase Phase    // likewise
	Fold  bool     // simplify while building
	Share bool     // work on looked up rows once, in their table

	vals  []*Value
	memo  map[string]*Value
	key   []byte
	taken []derivation // by Grad, in order

	needed dependence      // of the gradient that is taken
	grad   int             // the call of Grad that is under way, 1 for the first; 0: none
	opaque map[*Value]bool // values that no rewriting looks into: variables of gradients
}

// NewBuilder returns an empty graph.
func NewBuilder() *Builder { return &Builder{memo: map[string]*Value{}, opaque: map[*Value]bool{}} }

// Values lists the graph in topological order; it must not be changed.
func (b *Builder) Values() []*Value { return b.vals }

// Try runs build and returns the *Error it panicked with, if any.
func Try(build func()) (err *Error) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *Error:
			err = e
		default:
			panic(e)
		}
	}()
	build()
	return nil
}

// Apply builds op on args, or returns the existing value that equals it.
func (b *Builder) Apply(op Op, attr Attr, args ...*Value) *Value {
	in := op.Info()
	if in.Args >= 0 && len(args) != in.Args {
		panic(&Error{in.Name, fmt.Sprintf("takes %d arguments, not %d", in.Args, len(args)), args})
	}
	t, err := in.infer(args, &attr)
	if err != nil {
		panic(&Error{in.Name, err.Error(), args})
	}
	return b.apply(op, t, attr, args)
}

// apply is Apply after the type is known; leaves, reshape and broadcast carry their type.
func (b *Builder) apply(op Op, t Type, attr Attr, args []*Value) *Value {
	key := b.hashKey(op, t, &attr, args)
	if v, ok := b.memo[key]; ok {
		return v
	}
	v := b.value(op, t, attr, args)
	if w := b.better(v); w != nil {
		b.memo[key] = w
		return w
	}
	b.append(v) // with another ID, where a rule that failed has built values
	b.memo[key] = v
	return v
}

// value is a value that does not belong to the graph yet, whose end it could be.
func (b *Builder) value(op Op, t Type, attr Attr, args []*Value) *Value {
	return &Value{ID: len(b.vals), Op: op, Type: t, Args: args, Attr: attr, Pos: b.Pos, Label: b.Label, Phase: b.Phase}
}

// append puts a value at the end of the graph.
func (b *Builder) append(v *Value) *Value {
	v.ID = len(b.vals)
	b.vals = append(b.vals, v)
	return v
}

// better is what to build in place of v, or nil.
func (b *Builder) better(v *Value) *Value {
	if fold := v.Op.Info().fold; b.Fold && fold != nil {
		if w := fold(b, v); w != nil {
			return w
		}
	}
	if b.Share {
		return b.share(v)
	}
	return nil
}

func (b *Builder) hashKey(op Op, t Type, a *Attr, args []*Value) string {
	k := append(b.key[:0], byte(op), byte(t.DType))
	if b.Phase == Recompute {
		k = append(k, '!')
	}
	if b.grad > 0 { // what a gradient is made of is nothing that another one may be taken by
		k = append(strconv.AppendInt(append(k, '@'), int64(b.grad), 36), ',')
	}
	ints := func(tag byte, s []int) {
		if len(s) > 0 {
			k = append(k, tag)
			for _, n := range s {
				k = strconv.AppendInt(k, int64(n), 36)
				k = append(k, ',')
			}
		}
	}
	for _, x := range args {
		k = strconv.AppendInt(k, int64(x.ID), 36)
		k = append(k, ',')
	}
	ints('S', t.Shape) // capitals, since digits reach to z
	ints('A', a.Axes)
	ints('L', a.Lo)
	ints('H', a.Hi)
	ints('T', a.Step)
	ints('N', []int{a.Axis, a.Batch, a.Rows})
	k = append(k, a.Name...)
	k = strconv.AppendUint(append(k, '#'), math.Float64bits(a.Const), 36)
	for _, x := range a.Table {
		k = strconv.AppendUint(append(k, ';'), math.Float64bits(x), 36)
	}
	b.key = k
	return string(k)
}

// ---- leaves ----

// Const is the scalar x.
func (b *Builder) Const(x float64) *Value { return b.Splat(x) }

// Splat is a tensor with every element x.
func (b *Builder) Splat(x float64, shape ...int) *Value {
	return b.apply(OpConst, Type{F32, slices.Clone(shape)}, Attr{Const: x}, nil)
}

func (b *Builder) splatOf(dtype DType, x float64, shape []int) *Value {
	return b.apply(OpConst, Type{dtype, shape}, Attr{Const: x}, nil)
}

// SplatInt is an i32 tensor with every element x.
func (b *Builder) SplatInt(x int, shape ...int) *Value {
	return b.splatOf(I32, float64(x), slices.Clone(shape))
}

// Table is a constant tensor with the given row-major elements.
func (b *Builder) Table(t Type, data []float64) *Value {
	if len(data) != t.Len() {
		panic(&Error{"table", fmt.Sprintf("%d elements for %s", len(data), t), nil})
	}
	return b.apply(OpTable, t, Attr{Table: data}, nil)
}

// Input is a tensor handed in at each run.
func (b *Builder) Input(name string, dtype DType, shape []int) *Value {
	return b.named(OpInput, Type{dtype, shape}, Attr{Name: name})
}

// Param is a trained tensor. The same name again gives the same value.
func (b *Builder) Param(name string, shape []int, init Init) *Value {
	return b.named(OpParam, Type{F32, shape}, Attr{Name: name, Init: init})
}

// Uniform is a named random stream of values in [0, 1), drawn anew in each run.
func (b *Builder) Uniform(stream string, shape []int) *Value {
	return b.named(OpUniform, Type{F32, shape}, Attr{Name: stream})
}

func (b *Builder) named(op Op, t Type, attr Attr) *Value {
	key := op.String() + "\x00" + attr.Name
	if v, ok := b.memo[key]; ok {
		if !v.Type.Equal(t) {
			panic(&Error{op.String(), fmt.Sprintf("%q is %s here but %s before", attr.Name, t, v.Type), []*Value{v}})
		}
		return v
	}
	t.Shape = slices.Clone(t.Shape)
	v := b.apply(op, t, attr, nil)
	b.memo[key] = v
	return v
}

// Iota counts along one axis: element i has the value of its index on that axis.
func (b *Builder) Iota(shape []int, axis int) *Value {
	if axis < 0 || axis >= len(shape) {
		panic(&Error{"iota", fmt.Sprintf("axis %d of a shape with %d axes", axis, len(shape)), nil})
	}
	return b.apply(OpIota, Type{F32, slices.Clone(shape)}, Attr{Axis: axis}, nil)
}

// ---- elementwise ----

// Unary applies an elementwise operation of one argument.
func (b *Builder) Unary(op Op, x *Value) *Value { return b.Apply(op, Attr{}, x) }

// Binary applies an elementwise operation of two arguments of equal type.
func (b *Builder) Binary(op Op, x, y *Value) *Value { return b.Apply(op, Attr{}, x, y) }

func (b *Builder) add(x, y *Value) *Value { return b.Binary(Add, x, y) }
func (b *Builder) sub(x, y *Value) *Value { return b.Binary(Sub, x, y) }
func (b *Builder) mul(x, y *Value) *Value { return b.Binary(Mul, x, y) }
func (b *Builder) div(x, y *Value) *Value { return b.Binary(Div, x, y) }
func (b *Builder) neg(x *Value) *Value    { return b.Unary(Neg, x) }

func (b *Builder) scale(x *Value, c float64) *Value { return b.mul(x, b.Splat(c, x.Shape()...)) }

// Select is x where mask is not 0 and y elsewhere.
func (b *Builder) Select(mask, x, y *Value) *Value { return b.Apply(OpSelect, Attr{}, mask, x, y) }

// Float converts i32 to f32.
func (b *Builder) Float(x *Value) *Value { return b.Apply(OpFloat, Attr{}, x) }

// Int converts f32 to i32, truncating.
func (b *Builder) Int(x *Value) *Value { return b.Apply(OpInt, Attr{}, x) }

// StopGradient is x, seen as a constant by Grad.
func (b *Builder) StopGradient(x *Value) *Value { return b.Apply(OpStopGradient, Attr{}, x) }

// ---- reductions ----

// Sum adds over the given axes, which leave the shape.
func (b *Builder) Sum(x *Value, axes ...int) *Value { return b.reduce(OpSum, x, axes) }

// MaxOver takes the maximum over the given axes, which leave the shape.
func (b *Builder) MaxOver(x *Value, axes ...int) *Value { return b.reduce(OpMax, x, axes) }

// Softmax is e^x over the sum of e^x along the last axis.
func (b *Builder) Softmax(x *Value) *Value { return b.Apply(OpSoftmax, Attr{}, x) }

func (b *Builder) reduce(op Op, x *Value, axes []int) *Value {
	if len(axes) == 0 {
		return x
	}
	axes = slices.Clone(axes)
	slices.Sort(axes)
	return b.Apply(op, Attr{Axes: axes}, x)
}

// ---- shape ----

// Reshape gives the same elements in row-major order another shape.
func (b *Builder) Reshape(x *Value, shape []int) *Value {
	if slices.Equal(x.Shape(), shape) {
		return x
	}
	for _, n := range shape {
		if n < 0 {
			panic(&Error{"reshape", fmt.Sprintf("negative extent %d", n), []*Value{x}})
		}
	}
	t := Type{x.Type.DType, slices.Clone(shape)}
	if t.Len() != x.Len() {
		panic(&Error{"reshape", fmt.Sprintf("%d elements do not fit %s with %d", x.Len(), t, t.Len()), []*Value{x}})
	}
	return b.apply(OpReshape, t, Attr{}, []*Value{x})
}

// Transpose permutes axes: result axis i is argument axis perm[i].
func (b *Builder) Transpose(x *Value, perm ...int) *Value {
	return b.Apply(OpTranspose, Attr{Axes: slices.Clone(perm)}, x)
}

// SwapLast exchanges the two last axes.
func (b *Builder) SwapLast(x *Value) *Value {
	perm := make([]int, x.Rank())
	for i := range perm {
		perm[i] = i
	}
	n := len(perm)
	perm[n-1], perm[n-2] = n-2, n-1
	return b.Transpose(x, perm...)
}

// Broadcast repeats x to a larger shape by the usual rules: axes are added on the left
// and an extent of 1 becomes any.
func (b *Builder) Broadcast(x *Value, shape []int) *Value {
	if slices.Equal(x.Shape(), shape) {
		return x
	}
	bad := len(shape) < x.Rank()
	if !bad {
		lead := len(shape) - x.Rank()
		for i, n := range x.Shape() {
			bad = bad || n != 1 && n != shape[lead+i]
		}
	}
	t := Type{x.Type.DType, slices.Clone(shape)}
	if bad {
		panic(&Error{"broadcast", fmt.Sprintf("%s does not broadcast to %s", x.Type, t), []*Value{x}})
	}
	if lead := len(shape) - x.Rank(); lead > 0 { // the primitive keeps the rank
		x = b.Reshape(x, append(slices.Repeat([]int{1}, lead), x.Shape()...))
		if slices.Equal(x.Shape(), shape) {
			return x
		}
	}
	return b.apply(OpBroadcast, t, Attr{}, []*Value{x})
}

// Slice takes elements lo, lo+step, ... below hi of each axis; step nil means 1.
func (b *Builder) Slice(x *Value, lo, hi, step []int) *Value {
	if step == nil {
		step = slices.Repeat([]int{1}, len(lo))
	}
	return b.Apply(OpSlice, Attr{Lo: slices.Clone(lo), Hi: slices.Clone(hi), Step: slices.Clone(step)}, x)
}

// Pad puts lo zeros before and hi zeros after the elements of each axis.
func (b *Builder) Pad(x *Value, lo, hi []int) *Value {
	return b.pad(x, lo, hi, slices.Repeat([]int{1}, len(lo)))
}

func (b *Builder) pad(x *Value, lo, hi, step []int) *Value {
	return b.Apply(OpPad, Attr{Lo: slices.Clone(lo), Hi: slices.Clone(hi), Step: slices.Clone(step)}, x)
}

// Concat joins tensors along an axis.
func (b *Builder) Concat(axis int, xs ...*Value) *Value {
	if len(xs) == 1 {
		return xs[0]
	}
	return b.Apply(OpConcat, Attr{Axis: axis}, slices.Clone(xs)...)
}

// ---- products and indexing ----

// MatMul multiplies [..., M, K] by [..., K, N]; leading axes are equal. A matrix on the
// right is shared by all leading axes of the left: their rows then form one tall matrix.
func (b *Builder) MatMul(x, y *Value) *Value {
	if b.Share && y.Rank() == 2 {
		if w := b.shareProduct(x, y); w != nil {
			return w
		}
	}
	if y.Rank() == 2 && x.Rank() > 2 {
		s := x.Shape()
		rows := b.Reshape(x, []int{product(s[:len(s)-1]), s[len(s)-1]})
		out := append(slices.Clone(s[:len(s)-1]), y.Shape()[1])
		return b.Reshape(b.Apply(OpMatMul, Attr{}, rows, y), out)
	}
	return b.Apply(OpMatMul, Attr{}, x, y)
}

// Pack rounds to bf16, two neighbours along the last axis to an element; the last one of an
// odd number stands with 0.
func (b *Builder) Pack(x *Value) *Value { return b.Apply(OpPack, Attr{}, x) }

// Interleave makes of rows with neighbours in pairs, [..., r, w], pairs of rows: the halves
// of element [..., i, 2j] come from half 0 of [..., 2i, j] and [..., 2i+1, j], those of
// [..., i, 2j+1] from half 1. The last row of an odd number is paired with 0.
func (b *Builder) Interleave(x *Value) *Value { return b.Apply(OpInterleave, Attr{}, x) }

// Gather picks rows: x [b..., R, rest...], idx i32 [b..., K] -> [b..., K, rest...], where
// b... are the first batch axes of both.
func (b *Builder) Gather(x, idx *Value, batch int) *Value {
	return b.Apply(OpGather, Attr{Batch: batch}, x, idx)
}

// ScatterAdd is the transpose of Gather: src [b..., K, rest...] is added into zeros
// [b..., rows, rest...] at idx [b..., K].
func (b *Builder) ScatterAdd(src, idx *Value, batch, rows int) *Value {
	return b.Apply(OpScatterAdd, Attr{Batch: batch, Rows: rows}, src, idx)
}

// ArgSort gives the indices that sort the last axis, ascending and stable.
func (b *Builder) ArgSort(x *Value) *Value { return b.Apply(OpArgSort, Attr{}, x) }

// String lists the graph, one value a line, in the form of Print.
func (b *Builder) String() string {
	var s strings.Builder
	for _, v := range b.vals {
		s.WriteString(v.String())
		s.WriteByte('\n')
	}
	return s.String()
}
