// Package onnx completes the ONNX graph that the compiler made of a model's features: with the
// values of the parameters it becomes a file that onnxruntime and others run.
package onnx

import (
	"fmt"
	"io"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"mspecc/runtime/ckpt"
)

// The fields of onnx.proto that are written here.
const (
	modelIR, modelProducer, modelGraph, modelOpset, modelMetadata = 1, 2, 7, 8, 14
	graphInitializer                                              = 5
	tensorDims, tensorType, tensorName, tensorRaw                 = 1, 2, 8, 9
)

const (
	irVersion = 8
	opset     = 18 // the one that the compiler writes graphs for
	float     = 1  // TensorProto.FLOAT
)

// Write writes a model: the graph (a GraphProto without initializers for params), the parameters,
// and what is known of them. The same content gives the same bytes.
func Write(w io.Writer, graph []byte, params []ckpt.Tensor, meta map[string]string) error {
	heads := make([][]byte, len(params))
	size := int64(len(graph))
	for i, p := range params {
		if p.DType != "F32" {
			return fmt.Errorf("parameter %s is %s, expected F32", p.Name, p.DType)
		}
		heads[i] = head(p)
		size += int64(len(heads[i]) + len(p.Data))
	}
	if size > math.MaxInt32-1<<20 {
		return fmt.Errorf("the model takes %d bytes; an ONNX file holds at most 2 GiB", size)
	}
	var m []byte
	m = protowire.AppendVarint(protowire.AppendTag(m, modelIR, protowire.VarintType), irVersion)
	m = text(m, modelProducer, "mspecc")
	m = protowire.AppendVarint(protowire.AppendTag(m, modelGraph, protowire.BytesType), uint64(size))
	if err := write(w, m, graph); err != nil {
		return err
	}
	for i, p := range params {
		if err := write(w, heads[i], p.Data); err != nil {
			return err
		}
	}
	return write(w, tail(meta))
}

// head is what comes before a parameter's elements: the tag and length of the initializer, and
// its fields up to the raw data.
func head(p ckpt.Tensor) []byte {
	var t []byte
	for _, d := range p.Shape {
		t = protowire.AppendVarint(protowire.AppendTag(t, tensorDims, protowire.VarintType), uint64(d))
	}
	t = protowire.AppendVarint(protowire.AppendTag(t, tensorType, protowire.VarintType), float)
	t = text(t, tensorName, p.Name)
	t = protowire.AppendVarint(protowire.AppendTag(t, tensorRaw, protowire.BytesType), uint64(len(p.Data)))
	h := protowire.AppendTag(nil, graphInitializer, protowire.BytesType)
	h = protowire.AppendVarint(h, uint64(len(t)+len(p.Data)))
	return append(h, t...)
}

// tail is what follows the graph.
func tail(meta map[string]string) []byte {
	version := text(nil, 1, "")
	version = protowire.AppendVarint(protowire.AppendTag(version, 2, protowire.VarintType), opset)
	m := protowire.AppendBytes(protowire.AppendTag(nil, modelOpset, protowire.BytesType), version)
	var keys []string
	for k := range meta {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		m = protowire.AppendBytes(protowire.AppendTag(m, modelMetadata, protowire.BytesType), text(text(nil, 1, k), 2, meta[k]))
	}
	return m
}

func text(m []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(m, field, protowire.BytesType), s)
}

func write(w io.Writer, parts ...[]byte) error {
	for _, p := range parts {
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return nil
}
