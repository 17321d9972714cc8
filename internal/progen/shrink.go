package progen

import "mspecc/ir"

// Shrink makes a failing program small: the first value that fails as the only output,
// with as many of the values it is computed from as possible replaced by inputs. fails
// must hold for p.
func Shrink(p *ir.Program, fails func(p *ir.Program) bool) *ir.Program {
	for _, v := range p.Live() {
		q := &ir.Program{B: p.B, Outputs: []ir.Output{{Name: "out", Value: v}}}
		if fails(q) {
			p = q
			break
		}
	}
	for i := len(p.Live()) - 1; i >= 0; i-- {
		live := p.Live()
		if i >= len(live) || live[i].Type.DType != ir.F32 || live[i].Op == ir.OpInput {
			continue
		}
		if q := cut(p, live[i]); fails(q) {
			p = q
		}
	}
	return cut(p, nil)
}

// cut copies p without gaps, with an input in place of v.
func cut(p *ir.Program, v *ir.Value) *ir.Program {
	q := &ir.Program{B: ir.NewBuilder()}
	to := map[*ir.Value]*ir.Value{}
	for _, x := range p.Live() {
		args := make([]*ir.Value, len(x.Args))
		for i, a := range x.Args {
			args[i] = to[a]
		}
		q.B.Pos, q.B.Label, q.B.Phase = x.Pos, x.Label, x.Phase
		if x == v {
			to[x] = q.B.Input(freshName(p), ir.F32, x.Shape())
		} else {
			to[x] = q.B.Copy(x, args)
		}
	}
	for _, o := range p.Outputs {
		q.Outputs = append(q.Outputs, ir.Output{Name: o.Name, Value: to[o.Value]})
	}
	return q
}

// freshName is an input name that p does not use.
func freshName(p *ir.Program) string {
	name := "cut"
	for p.Leaf(ir.OpInput, name) != nil {
		name += "+"
	}
	return name
}
