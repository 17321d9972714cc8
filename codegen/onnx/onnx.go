// Package onnx translates the features of a model into ONNX graphs. Each operation of the
// tensor IR becomes one or a few ONNX nodes; nothing else is known of the model. The batch
// of an ONNX graph is free: the graph is elaborated for several batches, and every extent is
// found to be a multiple of the batch plus a constant.
package onnx

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"mspecc/ir"
	"mspecc/ir/elab"
)

// Opset is the version of ONNX's operations that graphs use.
const Opset = 18

// Graph is an ONNX graph without the values of the parameters.
type Graph struct {
	Proto  []byte   // GraphProto; initializers named as the parameters are still to be added
	Batch  int      // examples of a batch, 0 for any number
	Params []string // the parameters that it uses
}

// trials are the batches that are compared. A model's other extents may happen to equal one of
// them, or a model may want more; then the next ones are tried.
var trials = [][]int{{5, 7, 11}, {13, 17, 19}, {101, 103, 107}, {1009, 1013, 1019}}

// Features translates the features of a variant: for any batch if it can be, else for the
// variant's own. The error says which operation has no translation.
func Features(v *elab.Variant) (*Graph, error) {
	if v.Features == nil {
		return nil, fmt.Errorf("the model has no features")
	}
	for _, batches := range trials {
		g, err := freeBatch(v, batches)
		if err != nil {
			continue
		}
		if out, err := translate(g, []string{"features"}); err == nil {
			return out, nil
		}
	}
	out, err := translate(fixedGraph(v.Features.Outputs[0].Value), []string{"features"})
	if err == nil {
		out.Batch = v.Batch
	}
	return out, err
}

func freeBatch(v *elab.Variant, batches []int) (*graph, error) {
	var outs [][]*ir.Value
	for _, n := range batches {
		f, err := v.FeaturesAt(n)
		if err != nil {
			return nil, err
		}
		outs = append(outs, []*ir.Value{f.Outputs[0].Value})
	}
	return align(batches, outs)
}

// translate emits a graph's nodes and keeps those that the outputs need.
func translate(g *graph, names []string) (*Graph, error) {
	e := newEmitter(names)
	for _, v := range g.values {
		if err := e.value(v); err != nil {
			return nil, fmt.Errorf("%s (%s): %w", v.Op, v.Pos, err)
		}
	}
	for i, v := range g.outputs {
		e.nodes = append(e.nodes, &node{op: "Identity", name: names[i], inputs: []string{e.full(v)}})
	}
	if e.err != nil {
		return nil, e.err
	}
	return e.finish(g, names), nil
}

// finish writes the GraphProto.
func (e *emitter) finish(g *graph, names []string) *Graph {
	live := map[string]bool{}
	for _, n := range names {
		live[n] = true
	}
	var nodes []*node
	for _, n := range slices.Backward(e.nodes) {
		if live[n.name] || n.second != "" && live[n.second] {
			nodes = append(nodes, n)
			for _, in := range n.inputs {
				live[in] = true
			}
		}
	}
	slices.Reverse(nodes)
	var m message
	for _, n := range nodes {
		m.bytes(1, n.proto())
	}
	m.text(2, names[0])
	for _, c := range e.constants {
		if live[c.name] {
			m.bytes(5, c.proto())
		}
	}
	for _, v := range e.inputs {
		if live[v.Attr.Name] {
			m.bytes(11, tensorInfo(v.Attr.Name, elementType(v.Type.DType), v.shape))
		}
	}
	for i, v := range g.outputs {
		m.bytes(12, tensorInfo(names[i], elementType(v.Type.DType), v.shape))
	}
	out := &Graph{Proto: m}
	for _, p := range e.params {
		if live[p] {
			out.Params = append(out.Params, p)
		}
	}
	return out
}

// Model wraps a GraphProto into a ModelProto.
func Model(graph []byte) []byte {
	var opset, m message
	opset.text(1, "")
	opset.integer(2, Opset)
	m.integer(1, 8) // IR version
	m.text(2, "mspecc")
	m = protowire.AppendBytes(protowire.AppendTag(m, 7, protowire.BytesType), graph)
	m.bytes(8, opset)
	return m
}
