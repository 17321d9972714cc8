package onnx

import (
	"errors"
	"fmt"
	"slices"
)

// form is the tensor that stands for a value. Its shape may be smaller than the value's
// where ONNX's broadcasting makes up for it: axes of extent 1, or none on the left.
type form struct {
	name  string
	shape []dim
}

// emitter makes nodes for values.
type emitter struct {
	nodes     []*node
	constants []*constant
	inputs    []*value // inputs and random streams
	params    []string
	forms     map[*value]form
	bools     map[*value]string // comparisons as ONNX has them, in the shape of their form
	known     map[string]string // constants and computed extents by content
	taken     map[string]bool
	at        *value // what is being translated, for names
	err       error
}

func newEmitter(outputs []string) *emitter {
	e := &emitter{forms: map[*value]form{}, bools: map[*value]string{}, known: map[string]string{}, taken: map[string]bool{}}
	for _, name := range outputs {
		e.taken[name] = true
	}
	return e
}

// value translates one value.
func (e *emitter) value(v *value) error {
	e.at = v
	f, ok := translations[v.Op]
	if !ok {
		return errors.New("has no translation to ONNX")
	}
	out, err := f(e, v)
	if err != nil {
		return err
	}
	e.forms[v] = out
	return e.err
}

// name makes a new name that says where in the model something is.
func (e *emitter) name(what string) string {
	base := what
	if e.at != nil && e.at.Label != "" {
		base = e.at.Label + "/" + what
	}
	for i := len(e.nodes) + len(e.constants); ; i++ {
		if n := fmt.Sprintf("%s_%d", base, i); !e.taken[n] {
			e.taken[n] = true
			return n
		}
	}
}

// emit adds a node and gives the name of its output.
func (e *emitter) emit(op string, inputs []string, attributes ...attribute) string {
	n := &node{op: op, name: e.name(op), inputs: inputs, attributes: attributes}
	e.nodes = append(e.nodes, n)
	return n.name
}

// constant adds a tensor of constants, once for each content.
func (e *emitter) constant(kind int, dims []int, raw []byte) string {
	key := fmt.Sprint(kind, dims, " ", string(raw))
	if name, ok := e.known[key]; ok {
		return name
	}
	at := e.at
	e.at = nil // shared by all
	c := &constant{e.name("const"), kind, dims, raw}
	e.at = at
	e.constants = append(e.constants, c)
	e.known[key] = c.name
	return c.name
}

// extents is an int64 tensor [len(dims)], computed where a dim depends on the batch.
func (e *emitter) extents(dims ...dim) string {
	var plain []int
	for _, d := range dims {
		plain = append(plain, d.plus)
	}
	if !slices.ContainsFunc(dims, func(d dim) bool { return d.per != 0 }) {
		return e.constant(typeInt64, []int{len(plain)}, rawInts(plain))
	}
	key := fmt.Sprint("extents ", dims)
	if name, ok := e.known[key]; ok {
		return name
	}
	var name string
	if len(dims) == 1 {
		name = e.extent(dims[0])
	} else {
		var parts []string
		for _, d := range dims {
			parts = append(parts, e.extents(d))
		}
		name = e.emit("Concat", parts, one("axis", 0))
	}
	e.known[key] = name
	return name
}

// extent computes one dim that depends on the batch, which is the first extent of the
// first input.
func (e *emitter) extent(d dim) string {
	if len(e.inputs) == 0 || len(e.inputs[0].shape) == 0 || e.inputs[0].shape[0] != (dim{1, 0}) {
		e.fail("the batch is not the first extent of the input")
		return ""
	}
	name := e.emit("Shape", []string{e.inputs[0].Attr.Name}, one("start", 0), one("end", 1))
	if d.per != 1 {
		name = e.emit("Mul", []string{name, e.extents(fixed(d.per))})
	}
	if d.plus != 0 {
		name = e.emit("Add", []string{name, e.extents(fixed(d.plus))})
	}
	return name
}

func (e *emitter) fail(format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf(format, args...)
	}
}

// full is a value with its whole shape.
func (e *emitter) full(v *value) string {
	f := e.forms[v]
	if slices.Equal(f.shape, v.shape) {
		return f.name
	}
	lead := len(v.shape) - len(f.shape)
	target := slices.Clone(v.shape)
	for i := range f.shape {
		if f.shape[i] == v.shape[lead+i] {
			target[lead+i] = fixed(1) // stays as it is
		}
	}
	name := e.emit("Expand", []string{f.name, e.extents(target...)})
	e.forms[v] = form{name, v.shape}
	return name
}

// reshape gives a tensor another shape.
func (e *emitter) reshape(name string, to []dim) string {
	dynamic, zero := -1, false
	target := make([]int, len(to))
	for i, d := range to {
		target[i] = d.plus
		if d.per != 0 {
			if dynamic >= 0 {
				dynamic = len(to) // more than one
				break
			}
			dynamic, target[i] = i, -1
		} else if d.plus == 0 {
			zero = true
		}
	}
	if zero || dynamic == len(to) && len(to) > 0 {
		return e.emit("Reshape", []string{name, e.extents(to...)}, one("allowzero", 1))
	}
	return e.emit("Reshape", []string{name, e.constant(typeInt64, []int{len(target)}, rawInts(target))})
}

// cast converts the elements.
func (e *emitter) cast(name string, kind int) string {
	return e.emit("Cast", []string{name}, one("to", kind))
}

// broadcast is the shape of an elementwise operation on forms.
func broadcast(forms ...form) []dim {
	var out []dim
	for _, f := range forms {
		if n := len(f.shape) - len(out); n > 0 {
			out = append(slices.Repeat([]dim{fixed(1)}, n), out...)
		}
		lead := len(out) - len(f.shape)
		for i, d := range f.shape {
			if d != fixed(1) {
				out[lead+i] = d
			}
		}
	}
	return out
}
