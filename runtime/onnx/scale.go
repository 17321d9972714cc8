package onnx

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"mspecc/runtime/ckpt"
	"mspecc/runtime/data"
)

// The fields of onnx.proto that Scale reads and writes.
const (
	graphNode, graphInput                   = 1, 11
	nodeInput, nodeOutput, nodeName, nodeOp = 1, 2, 3, 4
	valueName                               = 1
)

// Input is an input of values of a model: its name in the graph, and its shape without the batch.
type Input struct {
	Name  string
	Shape []int
}

// Scale puts the standardisation of a model's inputs of values in front of its graph, so that it
// takes values as they are in files: (x - mean) * factor. The scaling is that of all values of an
// example, those of one input after those of another. It returns the graph and the tensors that
// it needs beside the parameters. The arithmetic is float32, which every runtime has; the mean is
// a sum of two numbers, so that values far from 0 lose nothing.
func Scale(graph []byte, inputs []Input, s *data.Scaling) ([]byte, []ckpt.Tensor, error) {
	total := 0
	for _, in := range inputs {
		total += size(in.Shape)
	}
	channels := len(s.Mean)
	if message := s.Check(channels); message != "" || channels == 0 || total%channels != 0 {
		return nil, nil, fmt.Errorf("the scaling of %d channels does not fit the model's %d values", channels, total)
	}
	names, err := graphNames(graph)
	if err != nil {
		return nil, nil, err
	}
	fresh := func(name string) string {
		for names[name] {
			name += "_"
		}
		names[name] = true
		return name
	}
	var nodes []byte
	var tensors []ckpt.Tensor
	scaled := map[string]string{} // the name that the graph's nodes read instead
	from := 0
	for _, in := range inputs {
		mean, rest, factor := channelTensors(in, s, from, total)
		from += size(in.Shape)
		if !names[in.Name] {
			continue // nothing depends on it
		}
		last := in.Name
		step := func(op string, t ckpt.Tensor, result string) {
			t.Name, result = fresh(t.Name), fresh(result)
			nodes = protowire.AppendBytes(protowire.AppendTag(nodes, graphNode, protowire.BytesType), node(op, last, t.Name, result))
			tensors, last = append(tensors, t), result
		}
		step("Sub", mean, in.Name+".centred")
		if slices.ContainsFunc(rest.Data, func(b byte) bool { return b != 0 }) {
			step("Sub", rest, in.Name+".centred_rest")
		}
		step("Mul", factor, in.Name+".scaled")
		scaled[in.Name] = last
	}
	out, err := renameInputs(graph, scaled)
	return append(nodes, out...), tensors, err
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// channelTensors are the mean, as two numbers, and the factor of an input whose values begin at a place
// of the total. Axes at the end that lie within a channel are broadcast.
func channelTensors(in Input, s *data.Scaling, from, total int) (mean, rest, factor ckpt.Tensor) {
	per := total / len(s.Mean) // values of a channel
	shape, step := append([]int{1}, in.Shape...), 1
	if from%per == 0 {
		for axis := len(shape) - 1; axis > 0 && per%(step*shape[axis]) == 0; axis-- {
			step *= shape[axis]
			shape[axis] = 1
		}
	}
	n := size(in.Shape) / step
	a, b, f := make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range n {
		c := (from + i*step) / per
		a[i] = float32(s.Mean[c])
		b[i] = float32(s.Mean[c] - float64(a[i]))
		f[i] = float32(s.Factor[c])
	}
	return ckpt.Floats(in.Name+".mean", shape, a), ckpt.Floats(in.Name+".mean_rest", shape, b), ckpt.Floats(in.Name+".factor", shape, f)
}

// node is a NodeProto of two inputs.
func node(op, a, b, result string) []byte {
	n := text(text(nil, nodeInput, a), nodeInput, b)
	return text(text(text(n, nodeOutput, result), nodeName, result), nodeOp, op)
}

// each calls use with every field of a message, whole and, of bytes, its contents.
func each(message []byte, use func(field protowire.Number, whole, contents []byte) error) error {
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		var m int
		if n >= 0 {
			m = protowire.ConsumeFieldValue(field, kind, message[n:])
		}
		if n < 0 || m < 0 {
			return fmt.Errorf("the ONNX graph in this binary is damaged")
		}
		var contents []byte
		if kind == protowire.BytesType {
			contents, _ = protowire.ConsumeBytes(message[n:])
		}
		if err := use(field, message[:n+m], contents); err != nil {
			return err
		}
		message = message[n+m:]
	}
	return nil
}

// graphNames are the names of a graph's inputs, initializers and results.
func graphNames(graph []byte) (map[string]bool, error) {
	names := map[string]bool{}
	inside := map[protowire.Number]protowire.Number{graphNode: nodeOutput, graphInitializer: tensorName, graphInput: valueName}
	err := each(graph, func(field protowire.Number, _, contents []byte) error {
		wanted, ok := inside[field]
		if !ok {
			return nil
		}
		return each(contents, func(field protowire.Number, _, name []byte) error {
			if field == wanted {
				names[string(name)] = true
			}
			return nil
		})
	})
	return names, err
}

// renameInputs makes the nodes of a graph read other names.
func renameInputs(graph []byte, names map[string]string) (out []byte, err error) {
	err = each(graph, func(field protowire.Number, whole, contents []byte) error {
		if field != graphNode {
			out = append(out, whole...)
			return nil
		}
		var n []byte
		if err := each(contents, func(field protowire.Number, whole, name []byte) error {
			if other, ok := names[string(name)]; ok && field == nodeInput {
				n = text(n, nodeInput, other)
			} else {
				n = append(n, whole...)
			}
			return nil
		}); err != nil {
			return err
		}
		out = protowire.AppendBytes(protowire.AppendTag(out, graphNode, protowire.BytesType), n)
		return nil
	})
	return out, err
}
