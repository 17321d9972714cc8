package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sort"

	"google.golang.org/protobuf/encoding/protowire"
)

// tensor is an ONNX tensor of any element type, in float64; integers are exact.
type tensor struct {
	kind  int
	shape []int
	data  []float64
}

// onnxNode is a decoded NodeProto.
type onnxNode struct {
	op              string
	inputs, outputs []string
	ints            map[string][]int
	text            map[string]string
}

// onnxModel is a decoded ModelProto, as far as graphs here go.
type onnxModel struct {
	nodes   []onnxNode
	init    map[string]tensor
	outputs []string
}

// visit calls f for every field of a message; v is the number of a varint, b the bytes of others.
func visit(m []byte, f func(field protowire.Number, v uint64, b []byte)) {
	for len(m) > 0 {
		num, kind, n := protowire.ConsumeTag(m)
		if n < 0 {
			panic(protowire.ParseError(n))
		}
		m = m[n:]
		var v uint64
		var b []byte
		switch kind {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(m)
		case protowire.BytesType:
			b, n = protowire.ConsumeBytes(m)
		default:
			panic(fmt.Sprintf("wire type %d", kind))
		}
		if n < 0 {
			panic(protowire.ParseError(n))
		}
		m = m[n:]
		f(num, v, b)
	}
}

func decodeModel(raw []byte) *onnxModel {
	m := &onnxModel{init: map[string]tensor{}}
	visit(raw, func(field protowire.Number, _ uint64, b []byte) {
		if field != 7 {
			return
		}
		visit(b, func(field protowire.Number, _ uint64, b []byte) {
			switch field {
			case 1:
				m.nodes = append(m.nodes, decodeNode(b))
			case 5:
				name, t := decodeTensor(b)
				m.init[name] = t
			case 12:
				visit(b, func(field protowire.Number, _ uint64, b []byte) {
					if field == 1 {
						m.outputs = append(m.outputs, string(b))
					}
				})
			}
		})
	})
	return m
}

func decodeNode(raw []byte) onnxNode {
	n := onnxNode{ints: map[string][]int{}, text: map[string]string{}}
	visit(raw, func(field protowire.Number, _ uint64, b []byte) {
		switch field {
		case 1:
			n.inputs = append(n.inputs, string(b))
		case 2:
			n.outputs = append(n.outputs, string(b))
		case 4:
			n.op = string(b)
		case 5:
			name := ""
			visit(b, func(field protowire.Number, v uint64, b []byte) {
				switch field {
				case 1:
					name = string(b)
				case 3, 8:
					n.ints[name] = append(n.ints[name], int(int64(v)))
				case 4:
					n.text[name] = string(b)
				}
			})
		}
	})
	return n
}

func decodeTensor(raw []byte) (name string, t tensor) {
	visit(raw, func(field protowire.Number, v uint64, b []byte) {
		switch field {
		case 1:
			t.shape = append(t.shape, int(v))
		case 2:
			t.kind = int(v)
		case 8:
			name = string(b)
		case 9:
			for len(b) > 0 {
				switch t.kind {
				case typeInt64:
					t.data = append(t.data, float64(int64(binary.LittleEndian.Uint64(b))))
					b = b[8:]
				case typeInt32:
					t.data = append(t.data, float64(int32(binary.LittleEndian.Uint32(b))))
					b = b[4:]
				default:
					t.data = append(t.data, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
					b = b[4:]
				}
			}
		}
	})
	return name, t
}

// run evaluates a model by the definitions of ONNX's operations, in float64.
func (m *onnxModel) run(inputs map[string]tensor) map[string]tensor {
	values := map[string]tensor{}
	for n, t := range m.init {
		values[n] = t
	}
	for n, t := range inputs {
		values[n] = t
	}
	for _, n := range m.nodes {
		var in []tensor
		for _, name := range n.inputs {
			t, ok := values[name]
			if !ok {
				panic(fmt.Sprintf("%s reads %q, which nothing has made", n.op, name))
			}
			in = append(in, t)
		}
		for i, t := range n.eval(in) {
			if i < len(n.outputs) {
				values[n.outputs[i]] = t
			}
		}
	}
	out := map[string]tensor{}
	for _, name := range m.outputs {
		out[name] = values[name]
	}
	return out
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// index calls f with every index of a shape, in row-major order.
func index(shape []int, f func(at []int)) {
	at := make([]int, len(shape))
	for range size(shape) {
		f(at)
		for i := len(at) - 1; i >= 0; i-- {
			if at[i]++; at[i] < shape[i] {
				break
			}
			at[i] = 0
		}
	}
}

// get reads an element, axes of extent 1 and missing ones on the left repeated.
func (t tensor) get(at []int) float64 {
	o := 0
	for i, d := range t.shape {
		k := at[len(at)-len(t.shape)+i]
		if d == 1 {
			k = 0
		}
		o = o*d + k
	}
	return t.data[o]
}

// each makes a tensor from a function of the index.
func each(kind int, shape []int, f func(at []int) float64) tensor {
	t := tensor{kind: kind, shape: slices.Clone(shape)}
	index(shape, func(at []int) { t.data = append(t.data, f(at)) })
	return t
}

func joined(in ...tensor) []int {
	var out []int
	for _, t := range in {
		if n := len(t.shape) - len(out); n > 0 {
			out = append(slices.Repeat([]int{1}, n), out...)
		}
		for i, d := range t.shape {
			if o := &out[len(out)-len(t.shape)+i]; *o == 1 {
				*o = d
			} else if d != 1 && d != *o {
				panic(fmt.Sprintf("shapes %v and %v do not broadcast", out, t.shape))
			}
		}
	}
	return out
}

func whole(t tensor) []int {
	out := make([]int, len(t.data))
	for i, v := range t.data {
		out[i] = int(v)
	}
	return out
}

var unaries = map[string]func(x float64) float64{"Neg": func(x float64) float64 { return -x }, "Exp": math.Exp, "Log": math.Log, "Sqrt": math.Sqrt, "Tanh": math.Tanh,
	"Erf": math.Erf, "Sin": math.Sin, "Cos": math.Cos, "Abs": math.Abs, "Floor": math.Floor, "Identity": func(x float64) float64 { return x },
	"Sign": func(x float64) float64 {
		switch {
		case x > 0:
			return 1
		case x < 0:
			return -1
		}
		return 0
	}}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

var binaries = map[string]func(x, y float64) float64{"Add": func(x, y float64) float64 { return x + y }, "Sub": func(x, y float64) float64 { return x - y },
	"Mul": func(x, y float64) float64 { return x * y }, "Div": func(x, y float64) float64 { return x / y }, "Max": math.Max, "Min": math.Min,
	"Less": func(x, y float64) float64 { return truth(x < y) }, "LessOrEqual": func(x, y float64) float64 { return truth(x <= y) }, "Equal": func(x, y float64) float64 { return truth(x == y) }}

// eval applies one node.
func (n onnxNode) eval(in []tensor) []tensor {
	x := in[0]
	if f, ok := unaries[n.op]; ok {
		return []tensor{each(x.kind, x.shape, func(at []int) float64 { return f(x.get(at)) })}
	}
	if f, ok := binaries[n.op]; ok {
		kind := x.kind
		if n.op == "Less" || n.op == "LessOrEqual" || n.op == "Equal" {
			kind = typeBool
		}
		return []tensor{each(kind, joined(x, in[1]), func(at []int) float64 { return f(x.get(at), in[1].get(at)) })}
	}
	f, ok := others[n.op]
	if !ok {
		panic("no meaning for " + n.op)
	}
	return f(n, in)
}

func axis(a, rank int) int {
	if a < 0 {
		return a + rank
	}
	return a
}

var others map[string]func(n onnxNode, in []tensor) []tensor

func init() {
	others = map[string]func(n onnxNode, in []tensor) []tensor{
		"Where": func(_ onnxNode, in []tensor) []tensor {
			return []tensor{each(in[1].kind, joined(in...), func(at []int) float64 {
				if in[0].get(at) != 0 {
					return in[1].get(at)
				}
				return in[2].get(at)
			})}
		},
		"Cast": func(n onnxNode, in []tensor) []tensor {
			to := n.ints["to"][0]
			return []tensor{each(to, in[0].shape, func(at []int) float64 {
				v := in[0].get(at)
				switch {
				case to == typeBool:
					return truth(v != 0)
				case to != typeFloat:
					return math.Trunc(v)
				}
				return v
			})}
		},
		"ReduceSum": reduce(0, func(a, x float64) float64 { return a + x }), "ReduceMax": reduce(math.Inf(-1), func(a, x float64) float64 {
			if x > a { // as onnxruntime does, which passes over NaN
				return x
			}
			return a
		}),
		"IsNaN": func(_ onnxNode, in []tensor) []tensor {
			return []tensor{each(typeBool, in[0].shape, func(at []int) float64 { return truth(math.IsNaN(in[0].get(at))) })}
		},
		"Softmax": softmaxNode, "MatMul": matmulNode, "Gather": gatherNode, "GatherND": gatherNDNode, "ScatterND": scatterNDNode, "TopK": topKNode,
		"Slice": sliceNode, "Pad": padNode, "Concat": concatNode,
		"Reshape": func(n onnxNode, in []tensor) []tensor {
			shape := whole(in[1])
			for i, d := range shape {
				if d == 0 && (len(n.ints["allowzero"]) == 0 || n.ints["allowzero"][0] == 0) {
					shape[i] = in[0].shape[i]
				}
			}
			if i := slices.Index(shape, -1); i >= 0 {
				shape[i] = 1
				shape[i] = len(in[0].data) / size(shape)
			}
			if size(shape) != len(in[0].data) {
				panic(fmt.Sprintf("%v reshaped to %v", in[0].shape, shape))
			}
			return []tensor{{in[0].kind, shape, in[0].data}}
		},
		"Expand": func(_ onnxNode, in []tensor) []tensor {
			shape := joined(in[0], tensor{shape: whole(in[1])})
			return []tensor{each(in[0].kind, shape, in[0].get)}
		},
		"Transpose": func(n onnxNode, in []tensor) []tensor {
			perm := n.ints["perm"]
			shape, from := make([]int, len(perm)), make([]int, len(perm))
			for i, p := range perm {
				shape[i] = in[0].shape[p]
			}
			return []tensor{each(in[0].kind, shape, func(at []int) float64 {
				for i, p := range perm {
					from[p] = at[i]
				}
				return in[0].get(from)
			})}
		},
		"Shape": func(n onnxNode, in []tensor) []tensor {
			part := in[0].shape[n.ints["start"][0]:n.ints["end"][0]]
			return []tensor{each(typeInt64, []int{len(part)}, func(at []int) float64 { return float64(part[at[0]]) })}
		},
		"Squeeze": func(_ onnxNode, in []tensor) []tensor {
			shape := slices.Clone(in[0].shape)
			a := axis(whole(in[1])[0], len(shape))
			return []tensor{{in[0].kind, slices.Delete(shape, a, a+1), in[0].data}}
		},
		"Unsqueeze": func(_ onnxNode, in []tensor) []tensor {
			shape := slices.Clone(in[0].shape)
			return []tensor{{in[0].kind, slices.Insert(shape, axis(whole(in[1])[0], len(shape)+1), 1), in[0].data}}
		},
		"Range": func(_ onnxNode, in []tensor) []tensor {
			t := tensor{kind: in[0].kind}
			for v := in[0].data[0]; v < in[1].data[0]; v += in[2].data[0] {
				t.data = append(t.data, v)
			}
			t.shape = []int{len(t.data)}
			return []tensor{t}
		},
	}
}

func reduce(first float64, f func(a, x float64) float64) func(n onnxNode, in []tensor) []tensor {
	return func(n onnxNode, in []tensor) []tensor {
		if n.ints["keepdims"][0] != 0 {
			panic("keepdims")
		}
		axes := whole(in[1])
		var shape []int
		for i, d := range in[0].shape {
			if !slices.Contains(axes, i) {
				shape = append(shape, d)
			}
		}
		out := tensor{in[0].kind, shape, slices.Repeat([]float64{first}, size(shape))}
		index(in[0].shape, func(at []int) {
			o := 0
			for i, k := range at {
				if !slices.Contains(axes, i) {
					o = o*in[0].shape[i] + k
				}
			}
			out.data[o] = f(out.data[o], in[0].get(at))
		})
		return []tensor{out}
	}
}

func softmaxNode(_ onnxNode, in []tensor) []tensor {
	n := in[0].shape[len(in[0].shape)-1]
	out := tensor{in[0].kind, in[0].shape, slices.Clone(in[0].data)}
	for lo := 0; lo < len(out.data); lo += n {
		row := out.data[lo : lo+n]
		top, sum := slices.Max(row), 0.0
		for i := range row {
			row[i] = math.Exp(row[i] - top)
			sum += row[i]
		}
		for i := range row {
			row[i] /= sum
		}
	}
	return []tensor{out}
}

func matmulNode(_ onnxNode, in []tensor) []tensor {
	a, b := in[0], in[1]
	ra, rb := len(a.shape), len(b.shape)
	lead := joined(tensor{shape: a.shape[:ra-2]}, tensor{shape: b.shape[:rb-2]})
	m, k, n := a.shape[ra-2], a.shape[ra-1], b.shape[rb-1]
	shape := append(slices.Clone(lead), m, n)
	x, y := make([]int, len(shape)), make([]int, len(shape))
	return []tensor{each(a.kind, shape, func(at []int) float64 {
		copy(x, at)
		copy(y, at)
		sum := 0.0
		for l := range k {
			x[len(x)-1], y[len(y)-2] = l, l
			sum += a.get(x) * b.get(y)
		}
		return sum
	})}
}

func gatherNode(n onnxNode, in []tensor) []tensor {
	if n.ints["axis"][0] != 0 {
		panic("axis")
	}
	shape := append(slices.Clone(in[1].shape), in[0].shape[1:]...)
	r := len(in[1].shape)
	return []tensor{each(in[0].kind, shape, func(at []int) float64 {
		return in[0].get(append([]int{int(in[1].get(at[:r]))}, at[r:]...))
	})}
}

// gatherNDNode takes indices [batch..., K, 1].
func gatherNDNode(n onnxNode, in []tensor) []tensor {
	b, r := n.ints["batch_dims"][0], len(in[1].shape)
	shape := append(slices.Clone(in[1].shape[:r-1]), in[0].shape[b+1:]...)
	return []tensor{each(in[0].kind, shape, func(at []int) float64 {
		row := int(in[1].get(append(slices.Clone(at[:r-1]), 0)))
		return in[0].get(append(append(slices.Clone(at[:b]), row), at[r-1:]...))
	})}
}

// scatterNDNode adds rows at indices [K, 1].
func scatterNDNode(n onnxNode, in []tensor) []tensor {
	if n.text["reduction"] != "add" {
		panic("reduction")
	}
	out := tensor{in[0].kind, in[0].shape, slices.Clone(in[0].data)}
	width := size(in[0].shape[1:])
	for k, row := range whole(in[1]) {
		for i := range width {
			out.data[row*width+i] += in[2].data[k*width+i]
		}
	}
	return []tensor{out}
}

func topKNode(n onnxNode, in []tensor) []tensor {
	if n.ints["largest"][0] != 0 || n.ints["sorted"][0] != 1 || n.ints["axis"][0] != -1 {
		panic("TopK of another kind")
	}
	w, k := in[0].shape[len(in[0].shape)-1], whole(in[1])[0]
	if k != w {
		panic("TopK of a part")
	}
	values := tensor{in[0].kind, in[0].shape, nil}
	places := tensor{typeInt64, in[0].shape, nil}
	for lo := 0; lo < len(in[0].data); lo += w {
		order := make([]int, w)
		for i := range order {
			order[i] = i
		}
		sort.SliceStable(order, func(i, j int) bool { return in[0].data[lo+order[i]] < in[0].data[lo+order[j]] })
		for _, i := range order {
			values.data, places.data = append(values.data, in[0].data[lo+i]), append(places.data, float64(i))
		}
	}
	return []tensor{values, places}
}

func sliceNode(_ onnxNode, in []tensor) []tensor {
	rank := len(in[0].shape)
	lo, step, shape := make([]int, rank), slices.Repeat([]int{1}, rank), slices.Clone(in[0].shape)
	for i, a := range whole(in[3]) {
		lo[a] = whole(in[1])[i]
		hi := min(whole(in[2])[i], in[0].shape[a])
		if len(in) > 4 {
			step[a] = whole(in[4])[i]
		}
		shape[a] = max(0, (hi-lo[a]+step[a]-1)/step[a])
	}
	from := make([]int, rank)
	return []tensor{each(in[0].kind, shape, func(at []int) float64 {
		for i, k := range at {
			from[i] = lo[i] + k*step[i]
		}
		return in[0].get(from)
	})}
}

func padNode(_ onnxNode, in []tensor) []tensor {
	rank, pads := len(in[0].shape), whole(in[1])
	shape := slices.Clone(in[0].shape)
	for i := range shape {
		shape[i] += pads[i] + pads[rank+i]
	}
	from := make([]int, rank)
	return []tensor{each(in[0].kind, shape, func(at []int) float64 {
		for i, k := range at {
			if from[i] = k - pads[i]; from[i] < 0 || from[i] >= in[0].shape[i] {
				return 0
			}
		}
		return in[0].get(from)
	})}
}

func concatNode(n onnxNode, in []tensor) []tensor {
	a := n.ints["axis"][0]
	shape := slices.Clone(in[0].shape)
	shape[a] = 0
	for _, t := range in {
		shape[a] += t.shape[a]
	}
	return []tensor{each(in[0].kind, shape, func(at []int) float64 {
		from := slices.Clone(at)
		for _, t := range in {
			if from[a] < t.shape[a] {
				return t.get(from)
			}
			from[a] -= t.shape[a]
		}
		panic("beyond the end")
	})}
}
