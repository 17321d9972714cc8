package ir

import "slices"

// Leaves carry their type with them; the builder makes them without a shape rule.
func leafOps() []Info {
	leaf := func(op Op, name, doc string) Info {
		return Info{Op: op, Name: name, Doc: doc, Class: Leaf, samples: func(*Builder) []*Value { return nil }}
	}
	constant := leaf(OpConst, "const", "every element is the same number")
	constant.eval = func(v *Value, _ [][]float64) []float64 {
		return slices.Repeat([]float64{v.Attr.Const}, v.Len())
	}
	tab := leaf(OpTable, "table", "constant elements")
	tab.eval = func(v *Value, _ [][]float64) []float64 { return v.Attr.Table }
	iota := leaf(OpIota, "iota", "v[..., i, ...] = i on one axis")
	iota.eval = func(v *Value, _ [][]float64) []float64 {
		out := make([]float64, v.Len())
		stride, n := Strides(v.Shape())[v.Attr.Axis], v.Shape()[v.Attr.Axis]
		for i := range out {
			out[i] = float64(i / stride % n)
		}
		return out
	}
	return []Info{
		constant, tab, iota,
		leaf(OpParam, "param", "a trained tensor"),
		leaf(OpInput, "input", "a tensor handed in at each run"),
		leaf(OpUniform, "uniform", "a named random stream: independent, uniform in [0, 1), new in each run"),
	}
}
