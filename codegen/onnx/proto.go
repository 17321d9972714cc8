package onnx

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"mspecc/ir"
)

// The element types of ONNX's TensorProto that are used here.
const (
	typeFloat = 1
	typeInt32 = 6
	typeInt64 = 7
	typeBool  = 9
)

func elementType(d ir.DType) int {
	if d == ir.I32 {
		return typeInt32
	}
	return typeFloat
}

// message is a protobuf message in the making. Field numbers are those of onnx.proto.
type message []byte

func (m *message) integer(field protowire.Number, v int) {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), uint64(int64(v)))
}

func (m *message) text(field protowire.Number, s string) {
	*m = protowire.AppendString(protowire.AppendTag(*m, field, protowire.BytesType), s)
}

func (m *message) bytes(field protowire.Number, b []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), b)
}

// attribute is a named constant of a node: an int, a list of ints, or a text.
type attribute struct {
	name string
	ints []int
	list bool
	text string
}

func one(name string, v int) attribute    { return attribute{name: name, ints: []int{v}} }
func many(name string, v []int) attribute { return attribute{name: name, ints: v, list: true} }

func (a attribute) proto() message {
	var m message
	m.text(1, a.name)
	switch {
	case a.text != "":
		m.text(4, a.text)
		m.integer(20, 3) // STRING
		return m
	case !a.list:
		m.integer(3, a.ints[0])
		m.integer(20, 2) // INT
		return m
	}
	for _, v := range a.ints {
		m.integer(8, v)
	}
	m.integer(20, 7) // INTS
	return m
}

// node is a NodeProto, with its output named as the node.
type node struct {
	op, name   string
	inputs     []string
	attributes []attribute
	second     string // another output, "" for none
}

func (n *node) proto() message {
	var m message
	for _, in := range n.inputs {
		m.text(1, in)
	}
	m.text(2, n.name)
	if n.second != "" {
		m.text(2, n.second)
	}
	m.text(3, n.name)
	m.text(4, n.op)
	for _, a := range n.attributes {
		m.bytes(5, a.proto())
	}
	return m
}

// constant is a TensorProto with its elements.
type constant struct {
	name string
	kind int
	dims []int
	raw  []byte
}

func (c *constant) proto() message {
	var m message
	for _, d := range c.dims {
		m.integer(1, d)
	}
	m.integer(2, c.kind)
	m.text(8, c.name)
	m.bytes(9, c.raw)
	return m
}

// rawInts are int64 elements.
func rawInts(v []int) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, uint64(int64(x)))
	}
	return b
}

// rawElements are float32 or int32 elements.
func rawElements(d ir.DType, v []float64) []byte {
	var b []byte
	for _, x := range v {
		bits := math.Float32bits(float32(x))
		if d == ir.I32 {
			bits = uint32(int32(x))
		}
		b = binary.LittleEndian.AppendUint32(b, bits)
	}
	return b
}

// tensorInfo is a ValueInfoProto: a tensor's name, element type and shape.
func tensorInfo(name string, kind int, shape []dim) message {
	var dims message
	for _, d := range shape {
		var m message
		if d.per == 0 {
			m.integer(1, d.plus)
		} else {
			m.text(2, d.String())
		}
		dims.bytes(1, m)
	}
	var tensor, typ, info message
	tensor.integer(1, kind)
	tensor.bytes(2, dims)
	typ.bytes(1, tensor)
	info.text(1, name)
	info.bytes(2, typ)
	return info
}
