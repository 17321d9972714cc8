package progen

import (
	"fmt"
	"slices"

	"mspecc/ir"
)

// between lists the values, from the leaves on, by which a gradient of a scalar may be taken, since it
// depends on them in a differentiable way.
func between(b *ir.Builder, loss *ir.Value) []*ir.Value {
	var out []*ir.Value
	for _, v := range ir.Reachable([]*ir.Value{loss}) {
		if v.Type.DType != ir.F32 || v == loss {
			continue
		}
		if ok, _ := b.GradPath(loss, v); ok {
			out = append(out, v)
		}
	}
	return out
}

// some picks up to n of the values between the leaves and a scalar.
func (g *generator) some(loss *ir.Value, n int) []*ir.Value {
	all := between(g.b, loss)
	g.r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(n, len(all))]
}

// Variables is how many values of Random's program of a seed an inner gradient can be taken by.
func Variables(seed uint64) int {
	g, loss := grow(seed)
	return len(between(g.b, loss))
}

// An Inner program has gradients of three orders, each of a scalar made from those before, by values
// in between; last come the gradients of it all by its leaves.
type Inner struct {
	*ir.Program
	Derivatives []Derivative
}

// Derivative is the gradient of a scalar by a variable.
type Derivative struct {
	Order                int
	Loss, Variable, Grad *ir.Value
}

// NewInner builds Random's program of a seed with an inner gradient by the variable of a number
// below Variables, and sometimes by others with it. Of these and of the variables, as a step on them
// would make them, comes the next scalar, and so on. Its variables are some of the first program's,
// which a spec can name, or gradients.
func NewInner(seed uint64, variable int) *Inner {
	g, loss := grow(seed)
	b := g.b
	own := between(b, loss)
	in, wrt := &Inner{Program: &ir.Program{B: b}}, []*ir.Value{own[variable]}
	output := func(name string, v *ir.Value) { in.Outputs = append(in.Outputs, ir.Output{Name: name, Value: v}) }
	output("loss", loss)
	named := own
	for order := 1; order <= 3; order++ {
		possible := slices.DeleteFunc(slices.Clone(named), func(v *ir.Value) bool {
			ok, _ := b.GradPath(loss, v)
			return !ok || slices.Contains(wrt, v)
		})
		g.r.Shuffle(len(possible), func(i, j int) { possible[i], possible[j] = possible[j], possible[i] })
		more := g.r.IntN(3)
		if order > 1 {
			wrt, more = nil, more+1
		}
		wrt = append(wrt, possible[:min(more, len(possible))]...)
		next := b.Const(0)
		for i, d := range b.Grad(loss, wrt...) {
			in.Derivatives = append(in.Derivatives, Derivative{order, loss, wrt[i], d})
			output(fmt.Sprintf("gradient %d by %s", order, wrt[i]), d)
			step := b.Binary(ir.Sub, wrt[i], b.Binary(ir.Mul, d, b.Splat(0.5, d.Shape()...)))
			next = b.Binary(ir.Add, next, b.Binary(ir.Add, g.mean(b.Unary(ir.Tanh, d)), g.mean(b.Unary(ir.Sin, step))))
			if !slices.Contains(named, d) {
				named = append(named, d)
			}
		}
		loss = next
	}
	output("last", loss)
	b.Phase = ir.Backward
	for i, d := range b.Grad(loss, g.smooth...) {
		output("gradient by "+g.smooth[i].Attr.Name, d)
	}
	return in
}
