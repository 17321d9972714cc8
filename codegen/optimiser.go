package codegen

import (
	"mspecc/codegen/fuse"
	"mspecc/ir"
	"mspecc/ir/pass"
)

// optimiser appends the parameter update to a step: AdamW (Loshchilov and Hutter, 2019,
// algorithm 2) over whole regions at once, with the gradients' norm clipped first where
// the spec asks for it. The learning rate and the bias corrections 1-beta^t are inputs.
func (c *compilation) optimiser() error {
	t := c.prog.Variant.Train
	b := ir.NewBuilder()
	b.Phase, b.Label = ir.Optimiser, "optimizer"
	n := c.prog.Region
	region := func(name string, i int) *ir.Value {
		c.leaves["input "+name] = &fuse.Buffer{Name: name, Class: fuse.State, Len: n, Offset: i * n, Fixed: true}
		return b.Input(name, ir.F32, []int{n})
	}
	p, m, v, g := region("parameters", 0), region("adam.m", 1), region("adam.v", 2), region("gradients", 3)
	scalar := func(name string) *ir.Value { return b.Broadcast(b.Input(name, ir.F32, nil), []int{n}) }
	lr, bias1, bias2 := scalar("opt.lr"), scalar("opt.bias1"), scalar("opt.bias2")
	splat := func(x float64) *ir.Value { return b.Splat(x, n) }
	mul := func(x, y *ir.Value) *ir.Value { return b.Binary(ir.Mul, x, y) }
	add := func(x, y *ir.Value) *ir.Value { return b.Binary(ir.Add, x, y) }

	var outputs []ir.Output
	if t.Clip > 0 {
		rows := b.Sum(b.Reshape(mul(g, g), []int{n / regionAlign, regionAlign}), 1)
		norm := b.Unary(ir.Sqrt, b.Sum(rows, 0))
		outputs = append(outputs, ir.Output{Name: "grad_norm", Value: norm})
		scale := b.Binary(ir.Min, b.Const(1), b.Binary(ir.Div, b.Const(t.Clip), b.Binary(ir.Add, norm, b.Const(1e-6))))
		g = mul(g, b.Broadcast(scale, []int{n}))
	}
	named := len(outputs)
	m2 := add(mul(m, splat(t.Beta1)), mul(g, splat(1-t.Beta1)))
	v2 := add(mul(v, splat(t.Beta2)), mul(mul(g, g), splat(1-t.Beta2)))
	denom := add(b.Unary(ir.Sqrt, b.Binary(ir.Div, v2, bias2)), splat(t.Eps))
	decayed := mul(p, b.Binary(ir.Sub, splat(1), mul(lr, splat(t.WeightDecay))))
	p2 := b.Binary(ir.Sub, decayed, mul(lr, b.Binary(ir.Div, b.Binary(ir.Div, m2, bias1), denom)))
	outputs = append(outputs, ir.Output{Name: "parameters", Value: p2}, ir.Output{Name: "adam.m", Value: m2}, ir.Output{Name: "adam.v", Value: v2})
	// The regions are updated in place.
	return c.graph(&pass.Program{B: b, Outputs: outputs}, c.fn.Floats, named, func(_ int, name string) (*fuse.Buffer, int) {
		return c.leaves["input "+name], 0
	})
}
