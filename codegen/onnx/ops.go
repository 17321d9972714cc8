package onnx

import (
	"errors"
	"math"
	"slices"

	"mspecc/ir"
)

// translation makes the form of a value from those of its arguments.
type translation func(e *emitter, v *value) (form, error)

// translations has an entry for every operation of the tensor IR.
var translations map[ir.Op]translation

func init() {
	translations = map[ir.Op]translation{
		ir.OpConst: constantOp, ir.OpTable: tableOp, ir.OpParam: paramOp, ir.OpInput: inputOp, ir.OpUniform: inputOp, ir.OpIota: iotaOp,
		ir.Neg: elementwise("Neg"), ir.Exp: elementwise("Exp"), ir.Log: elementwise("Log"), ir.Sqrt: elementwise("Sqrt"), ir.Tanh: elementwise("Tanh"),
		ir.Erf: elementwise("Erf"), ir.Erfc: erfcOp, ir.Sin: elementwise("Sin"), ir.Cos: elementwise("Cos"), ir.Abs: elementwise("Abs"), ir.Sign: elementwise("Sign"),
		ir.Floor: elementwise("Floor"),
		ir.Add:   elementwise("Add"), ir.Sub: elementwise("Sub"), ir.Mul: elementwise("Mul"), ir.Div: elementwise("Div"), ir.Max: elementwise("Max"), ir.Min: elementwise("Min"),
		ir.Lt: comparison("Less"), ir.Le: comparison("LessOrEqual"), ir.Eq: comparison("Equal"),
		ir.OpSelect: selectOp, ir.OpFloat: castOp(typeFloat), ir.OpInt: castOp(typeInt32),
		ir.OpSum: reduction("ReduceSum"), ir.OpMax: maximumOp, ir.OpSoftmax: softmaxOp,
		ir.OpReshape: reshapeOp, ir.OpTranspose: transposeOp, ir.OpBroadcast: sameForm, ir.OpSlice: sliceOp, ir.OpPad: padOp, ir.OpConcat: concatOp,
		ir.OpMatMul: matmulOp, ir.OpGather: gatherOp, ir.OpScatterAdd: scatterAddOp, ir.OpArgSort: argSortOp, ir.OpStopGradient: sameForm,
	}
}

// ---- leaves ----

func constantOp(e *emitter, v *value) (form, error) {
	return form{e.constant(elementType(v.Type.DType), nil, rawElements(v.Type.DType, []float64{v.Attr.Const})), nil}, nil
}

func tableOp(e *emitter, v *value) (form, error) {
	return form{e.constant(elementType(v.Type.DType), v.Shape(), rawElements(v.Type.DType, v.Attr.Table)), v.shape}, nil
}

func paramOp(e *emitter, v *value) (form, error) {
	e.params = append(e.params, v.Attr.Name)
	e.taken[v.Attr.Name] = true
	return form{v.Attr.Name, v.shape}, nil
}

func inputOp(e *emitter, v *value) (form, error) {
	e.inputs = append(e.inputs, v)
	e.taken[v.Attr.Name] = true
	return form{v.Attr.Name, v.shape}, nil
}

// iotaOp counts along one axis; the others have extent 1.
func iotaOp(e *emitter, v *value) (form, error) {
	shape := slices.Repeat([]dim{fixed(1)}, len(v.shape))
	d := v.shape[v.Attr.Axis]
	shape[v.Attr.Axis] = d
	if d.per == 0 {
		count := make([]float64, d.plus)
		for i := range count {
			count[i] = float64(i)
		}
		dims := slices.Repeat([]int{1}, len(shape))
		dims[v.Attr.Axis] = d.plus
		return form{e.constant(elementType(v.Type.DType), dims, rawElements(v.Type.DType, count)), shape}, nil
	}
	return form{e.reshape(e.cast(e.count(d), elementType(v.Type.DType)), shape), shape}, nil
}

// count is the int64 tensor 0, 1, ..., d - 1.
func (e *emitter) count(d dim) string {
	scalar := func(n int) string { return e.constant(typeInt64, nil, rawInts([]int{n})) }
	end := e.emit("Squeeze", []string{e.extents(d), e.extents(fixed(0))})
	return e.emit("Range", []string{scalar(0), end, scalar(1)})
}

// ---- elementwise ----

// argForms are the forms of a value's arguments.
func (e *emitter) argForms(v *value) (forms []form, names []string) {
	for _, a := range v.args {
		forms, names = append(forms, e.forms[a]), append(names, e.forms[a].name)
	}
	return forms, names
}

func elementwise(op string) translation {
	return func(e *emitter, v *value) (form, error) {
		forms, names := e.argForms(v)
		return form{e.emit(op, names), broadcast(forms...)}, nil
	}
}

// erfcOp is 1 - erf(x): ONNX has no erfc. Far right of 0 it has no more than the absolute
// precision of float32.
func erfcOp(e *emitter, v *value) (form, error) {
	f := e.forms[v.args[0]]
	one := e.constant(typeFloat, nil, rawElements(ir.F32, []float64{1}))
	return form{e.emit("Sub", []string{one, e.emit("Erf", []string{f.name})}), f.shape}, nil
}

// comparison gives 1 and 0; the truth values are kept for selections.
func comparison(op string) translation {
	return func(e *emitter, v *value) (form, error) {
		forms, names := e.argForms(v)
		e.bools[v] = e.emit(op, names)
		return form{e.cast(e.bools[v], typeFloat), broadcast(forms...)}, nil
	}
}

func selectOp(e *emitter, v *value) (form, error) {
	forms, names := e.argForms(v)
	if truth, ok := e.bools[v.args[0]]; ok && e.forms[v.args[0]].name == names[0] {
		names[0] = truth
	} else {
		names[0] = e.cast(names[0], typeBool)
	}
	return form{e.emit("Where", names), broadcast(forms...)}, nil
}

func castOp(kind int) translation {
	return func(e *emitter, v *value) (form, error) {
		f := e.forms[v.args[0]]
		return form{e.cast(f.name, kind), f.shape}, nil
	}
}

// sameForm is for values whose form is their argument's: broadcasting is left to those who
// use it.
func sameForm(e *emitter, v *value) (form, error) { return e.forms[v.args[0]], nil }

// ---- reductions ----

func reduction(op string) translation {
	return func(e *emitter, v *value) (form, error) {
		var axes []dim
		for _, a := range v.Attr.Axes {
			axes = append(axes, fixed(a))
		}
		return form{e.emit(op, []string{e.full(v.args[0]), e.extents(axes...)}, one("keepdims", 0)), v.shape}, nil
	}
}

// maximumOp is NaN where one of the elements is: onnxruntime's ReduceMax passes over NaN, unless
// it comes first.
func maximumOp(e *emitter, v *value) (form, error) {
	x := e.full(v.args[0])
	var axes []dim
	for _, a := range v.Attr.Axes {
		axes = append(axes, fixed(a))
	}
	over := func(name string) string {
		return e.emit("ReduceMax", []string{name, e.extents(axes...)}, one("keepdims", 0))
	}
	bad := e.cast(over(e.cast(e.emit("IsNaN", []string{x}), typeFloat)), typeBool)
	nan := e.constant(typeFloat, nil, rawElements(ir.F32, []float64{math.NaN()}))
	return form{e.emit("Where", []string{bad, nan, over(x)}), v.shape}, nil
}

func softmaxOp(e *emitter, v *value) (form, error) {
	return form{e.emit("Softmax", []string{e.full(v.args[0])}, one("axis", -1)), v.shape}, nil
}

// ---- shape ----

func reshapeOp(e *emitter, v *value) (form, error) {
	if f := e.forms[v.args[0]]; len(f.shape) == 0 {
		return f, nil // the same number everywhere
	}
	return form{e.reshape(e.full(v.args[0]), v.shape), v.shape}, nil
}

func transposeOp(e *emitter, v *value) (form, error) {
	f := e.forms[v.args[0]]
	if len(f.shape) == 0 {
		return f, nil
	}
	if len(f.shape) < len(v.shape) {
		f = form{e.full(v.args[0]), v.args[0].shape}
	}
	shape := make([]dim, len(f.shape))
	for i, p := range v.Attr.Axes {
		shape[i] = f.shape[p]
	}
	return form{e.emit("Transpose", []string{f.name}, many("perm", v.Attr.Axes)), shape}, nil
}

func sliceOp(e *emitter, v *value) (form, error) {
	x := v.args[0]
	var lo, hi, axes, steps []dim
	for i := range v.lo {
		if step := v.Attr.Step[i]; v.lo[i] != fixed(0) || v.hi[i] != x.shape[i] || step != 1 {
			lo, hi, axes, steps = append(lo, v.lo[i]), append(hi, v.hi[i]), append(axes, fixed(i)), append(steps, fixed(step))
		}
	}
	if len(axes) == 0 {
		return e.forms[x], nil
	}
	return form{e.emit("Slice", []string{e.full(x), e.extents(lo...), e.extents(hi...), e.extents(axes...), e.extents(steps...)}), v.shape}, nil
}

func padOp(e *emitter, v *value) (form, error) {
	name, shape := e.full(v.args[0]), slices.Clone(v.args[0].shape)
	for i, step := range v.Attr.Step {
		if step > 1 && shape[i] != fixed(1) && shape[i] != fixed(0) {
			name = e.spread(name, shape, i, step)
			shape[i] = shape[i].add(-1).times(step).add(1)
		}
	}
	if !slices.ContainsFunc(append(slices.Clone(v.lo), v.hi...), func(d dim) bool { return d != fixed(0) }) {
		return form{name, v.shape}, nil
	}
	return form{e.emit("Pad", []string{name, e.extents(append(slices.Clone(v.lo), v.hi...)...)}), v.shape}, nil
}

// spread puts step - 1 zeros between the elements of an axis: each becomes a row of step
// elements, and the zeros behind the last one are cut off.
func (e *emitter) spread(name string, shape []dim, axis, step int) string {
	name = e.emit("Unsqueeze", []string{name, e.extents(fixed(axis + 1))})
	pads := slices.Repeat([]dim{fixed(0)}, 2*(len(shape)+1))
	pads[len(shape)+1+axis+1] = fixed(step - 1)
	name = e.emit("Pad", []string{name, e.extents(pads...)})
	rows := slices.Clone(shape)
	rows[axis] = shape[axis].times(step)
	name = e.reshape(name, rows)
	return e.emit("Slice", []string{name, e.extents(fixed(0)), e.extents(rows[axis].add(1 - step)), e.extents(fixed(axis))})
}

func concatOp(e *emitter, v *value) (form, error) {
	var names []string
	for _, a := range v.args {
		names = append(names, e.full(a))
	}
	return form{e.emit("Concat", names, one("axis", v.Attr.Axis)), v.shape}, nil
}

// ---- products and indexing ----

func matmulOp(e *emitter, v *value) (form, error) {
	return form{e.emit("MatMul", []string{e.full(v.args[0]), e.full(v.args[1])}), v.shape}, nil
}

func gatherOp(e *emitter, v *value) (form, error) {
	x, index := e.full(v.args[0]), e.full(v.args[1])
	if v.Attr.Batch == 0 {
		return form{e.emit("Gather", []string{x, index}, one("axis", 0)), v.shape}, nil
	}
	places := e.emit("Unsqueeze", []string{e.cast(index, typeInt64), e.extents(fixed(-1))})
	return form{e.emit("GatherND", []string{x, places}, one("batch_dims", v.Attr.Batch)), v.shape}, nil
}

// scatterAddOp adds rows into zeros. The batch axes are made one with the rows, as ONNX's
// operation has none.
func scatterAddOp(e *emitter, v *value) (form, error) {
	src, index, n := v.args[0], v.args[1], v.Attr.Batch
	batch, rest := fixed(1), v.shape[n+1:]
	for _, d := range v.shape[:n] {
		switch {
		case batch.per == 0:
			batch = d.times(batch.plus)
		case d.per == 0:
			batch = batch.times(d.plus)
		default:
			return form{}, errors.New("two of its batch axes depend on the batch")
		}
	}
	k := index.shape[n]
	if batch.per != 0 && k.per != 0 || batch.per != 0 && v.rows.per != 0 {
		return form{}, errors.New("its rows depend on the batch twice")
	}
	product := func(d dim) dim {
		if batch.per == 0 {
			return d.times(batch.plus)
		}
		return batch.times(d.plus)
	}
	places := e.cast(e.full(index), typeInt64)
	if n > 0 {
		first := e.emit("Mul", []string{e.count(batch), e.constant(typeInt64, nil, rawInts([]int{v.rows.plus}))})
		if v.rows.per != 0 {
			first = e.emit("Mul", []string{e.count(batch), e.extents(v.rows)})
		}
		places = e.emit("Add", []string{e.reshape(places, []dim{batch, k}), e.reshape(first, []dim{batch, fixed(1)})})
	}
	places = e.reshape(places, []dim{product(k), fixed(1)})
	zeros := e.emit("Expand", []string{e.constant(typeFloat, nil, rawElements(ir.F32, []float64{0})), e.extents(append([]dim{product(v.rows)}, rest...)...)})
	from := e.reshape(e.full(src), append([]dim{product(k)}, rest...))
	sum := e.emit("ScatterND", []string{zeros, places, from}, attribute{name: "reduction", text: "add"})
	return form{e.reshape(sum, v.shape), v.shape}, nil
}

func argSortOp(e *emitter, v *value) (form, error) {
	last := len(v.shape) - 1
	return form{e.cast(e.topK(e.full(v.args[0]), v.shape[last]), typeInt32), v.shape}, nil
}

// topK gives the indices that sort the last axis; of equal elements the first comes first.
func (e *emitter) topK(name string, n dim) string {
	values := e.emit("TopK", []string{name, e.extents(n)}, one("axis", -1), one("largest", 0), one("sorted", 1))
	e.nodes[len(e.nodes)-1].second = values + "_indices"
	return values + "_indices"
}
