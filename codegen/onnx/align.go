package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"mspecc/ir"
)

// dim is an extent that may depend on the batch N: per N + plus.
type dim struct{ per, plus int }

func fixed(n int) dim { return dim{plus: n} }

func (d dim) times(k int) dim { return dim{d.per * k, d.plus * k} }
func (d dim) add(k int) dim   { return dim{d.per, d.plus + k} }
func (d dim) String() string {
	switch {
	case d.per == 0:
		return fmt.Sprint(d.plus)
	case d == dim{1, 0}:
		return "N"
	case d.plus == 0:
		return fmt.Sprintf("%d N", d.per)
	}
	return fmt.Sprintf("%d N + %d", d.per, d.plus)
}

// graph is a tensor graph whose extents may depend on the batch.
type graph struct {
	values  []*value // arguments first
	outputs []*value
}

// value is an ir.Value in a graph.
type value struct {
	*ir.Value
	args   []*value
	shape  []dim
	lo, hi []dim // of slice and pad
	rows   dim   // of scatter_add
}

// fixedGraph is the graph of outputs as it is.
func fixedGraph(outs ...*ir.Value) *graph {
	g, err := align([]int{1}, [][]*ir.Value{outs})
	if err != nil {
		panic(err) // a graph fits itself
	}
	return g
}

var errDiffer = errors.New("the graph has another form for another batch")

// align finds how a graph depends on the batch: outs are the same outputs, elaborated for
// each of the given batches. Every extent must be a multiple of the batch plus a constant in
// all of them, and all else must be equal.
func align(batches []int, outs [][]*ir.Value) (*graph, error) {
	lists := make([][]*ir.Value, len(outs))
	for i, o := range outs {
		lists[i] = ir.Reachable(o)
		if len(lists[i]) != len(lists[0]) {
			return nil, errDiffer
		}
	}
	g := &graph{}
	index := make([]map[*ir.Value]int, len(outs))
	for i := range index {
		index[i] = map[*ir.Value]int{}
	}
	for at, first := range lists[0] {
		all := make([]*ir.Value, len(lists))
		for i, l := range lists {
			all[i] = l[at]
			index[i][l[at]] = at
		}
		v, err := alignValue(batches, all, index, g.values)
		if err != nil {
			return nil, err
		}
		v.Value = first
		g.values = append(g.values, v)
	}
	for k, o := range outs[0] {
		for i := range outs {
			if index[i][outs[i][k]] != index[0][o] {
				return nil, errDiffer
			}
		}
		g.outputs = append(g.outputs, g.values[index[0][o]])
	}
	return g, nil
}

func alignValue(batches []int, all []*ir.Value, index []map[*ir.Value]int, done []*value) (*value, error) {
	first := all[0]
	for i, v := range all[1:] {
		a, b := first.Attr, v.Attr
		same := v.Op == first.Op && v.Type.DType == first.Type.DType && len(v.Args) == len(first.Args) &&
			a.Name == b.Name && math.Float64bits(a.Const) == math.Float64bits(b.Const) && slices.Equal(a.Axes, b.Axes) && slices.Equal(a.Step, b.Step) &&
			a.Axis == b.Axis && a.Batch == b.Batch && slices.Equal(a.Table, b.Table)
		if !same {
			return nil, errDiffer
		}
		for k, x := range v.Args {
			if index[i+1][x] != index[0][first.Args[k]] {
				return nil, errDiffer
			}
		}
	}
	out := &value{}
	for _, x := range first.Args {
		out.args = append(out.args, done[index[0][x]])
	}
	var err error
	get := func(of func(v *ir.Value) []int) []dim {
		dims, e := alignDims(batches, all, of)
		err = errors.Join(err, e)
		return dims
	}
	out.shape = get(func(v *ir.Value) []int { return v.Shape() })
	out.lo = get(func(v *ir.Value) []int { return v.Attr.Lo })
	out.hi = get(func(v *ir.Value) []int { return v.Attr.Hi })
	if rows := get(func(v *ir.Value) []int { return []int{v.Attr.Rows} }); err == nil {
		out.rows = rows[0]
	}
	return out, err
}

// alignDims finds the extents that give these numbers for these batches.
func alignDims(batches []int, all []*ir.Value, of func(v *ir.Value) []int) ([]dim, error) {
	first := of(all[0])
	dims := make([]dim, len(first))
	for k, n := range first {
		dims[k] = fixed(n)
		if len(all) > 1 {
			second := of(all[1])
			if len(second) != len(first) || (second[k]-n)%(batches[1]-batches[0]) != 0 {
				return nil, errDiffer
			}
			per := (second[k] - n) / (batches[1] - batches[0])
			dims[k] = dim{per, n - per*batches[0]}
		}
		for i, v := range all {
			list := of(v)
			if len(list) != len(first) || list[k] != dims[k].per*batches[i]+dims[k].plus {
				return nil, errDiffer
			}
		}
	}
	return dims, nil
}
