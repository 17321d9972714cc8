package codegen

import (
	"fmt"

	"mspecc/codegen/fuse"
	"mspecc/ir"
	"mspecc/ir/optim"
	"mspecc/ir/pass"
)

// optimiser appends the parameter update to a step: that of the spec's optimiser over whole regions at
// once, with the gradients' norm clipped first where the spec asks for it. The learning rate and
// the bias corrections 1-beta^t are inputs.
func (c *compilation) optimiser() error {
	t := c.prog.Variant.Train
	o, ok := optim.Find(t.Optimizer)
	if !ok {
		return fmt.Errorf("there is no optimiser %q", t.Optimizer)
	}
	b := ir.NewBuilder()
	b.Phase, b.Label = ir.Optimiser, "optimizer"
	n := c.prog.Trained
	region := func(name string, i int) *ir.Value {
		c.leaves["input "+name] = &fuse.Buffer{Name: name, Class: fuse.State, Len: n, Offset: i * c.prog.Region, Fixed: true}
		return b.Input(name, ir.F32, []int{n})
	}
	params := region("parameters", 0)
	var state []*ir.Value
	for i, name := range c.prog.State {
		state = append(state, region(name, 1+i))
	}
	g := region("gradients", c.prog.gradients())

	var outputs []ir.Output
	if t.Clip > 0 {
		rows := b.Sum(b.Reshape(b.Binary(ir.Mul, g, g), []int{n / regionAlign, regionAlign}), 1)
		norm := b.Unary(ir.Sqrt, b.Sum(rows, 0))
		outputs = append(outputs, ir.Output{Name: "grad_norm", Value: norm})
		scale := b.Binary(ir.Min, b.Const(1), b.Binary(ir.Div, b.Const(t.Clip), b.Binary(ir.Add, norm, b.Const(1e-6))))
		g = b.Binary(ir.Mul, g, b.Broadcast(scale, []int{n}))
	}
	named := len(outputs)
	after, kept := o.Update(optim.NewUpdate(b, t.Settings, params, g, state))
	outputs = append(outputs, ir.Output{Name: "parameters", Value: after})
	for i, name := range c.prog.State {
		outputs = append(outputs, ir.Output{Name: name, Value: kept[i]})
	}
	graph := &graph{&pass.Program{B: b, Outputs: outputs}, named}
	if err := pass.Run(graph.Program, c.passOptions()); err != nil {
		return err
	}
	// The regions are updated in place.
	return c.launch(graph, c.fn.Floats, func(name string) (*fuse.Buffer, int) { return c.leaves["input "+name], 0 })
}
