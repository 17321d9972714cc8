package recompute

import (
	"slices"

	"mspecc/ir"
)

// rebuild writes the graph anew. What is read after it was computed again is read from
// there; it is written right before the first that reads it.
func (s *schedule) rebuild(p *ir.Program) *ir.Program {
	r := &rebuilt{schedule: s, b: ir.NewBuilder(), first: map[*ir.Value]*ir.Value{}, second: map[*ir.Value]*ir.Value{}}
	for _, v := range s.order {
		r.first[v] = r.copy(v, s.at[v], v.Phase)
	}
	q := &ir.Program{B: r.b}
	for _, o := range p.Outputs {
		q.Outputs = append(q.Outputs, ir.Output{Name: o.Name, Value: r.value(o.Value, len(s.tiled), o.Value.Phase, map[*ir.Value]*ir.Value{})})
	}
	return q
}

// rebuilt is the graph being written.
type rebuilt struct {
	*schedule
	b             *ir.Builder
	first, second map[*ir.Value]*ir.Value // of each value: what computes it, and what computes it again
}

// copy writes the operation of v, which runs at time t, and all of its kernel. What is
// computed again shares nothing with the first time: it would be kept in between.
func (r *rebuilt) copy(v *ir.Value, t int, phase ir.Phase) *ir.Value {
	args, made := make([]*ir.Value, len(v.Args)), map[*ir.Value]*ir.Value{}
	for i, x := range v.Args {
		args[i] = r.value(x, t, phase, made)
	}
	r.b.Pos, r.b.Label, r.b.Phase = v.Pos, v.Label, phase
	return r.b.Copy(v, args)
}

// value is what a kernel that runs at time t reads for x. made are the values inside the
// kernel.
func (r *rebuilt) value(x *ir.Value, t int, phase ir.Phase, made map[*ir.Value]*ir.Value) *ir.Value {
	if _, ok := r.loads[x]; ok {
		again, twice := r.again[x]
		if !twice || t < again {
			return r.first[x]
		}
		if r.second[x] == nil {
			r.second[x] = r.copy(x, again, ir.Recompute)
		}
		return r.second[x]
	}
	if made[x] == nil {
		args := make([]*ir.Value, len(x.Args))
		for i, y := range x.Args {
			args[i] = r.value(y, t, phase, made)
		}
		r.b.Pos, r.b.Label, r.b.Phase = x.Pos, x.Label, x.Phase
		if phase == ir.Recompute && r.changing(x) {
			r.b.Phase = phase
		}
		made[x] = r.b.Copy(x, args)
	}
	return made[x]
}

// changing reports whether x depends on more than inputs and parameters: views of those are
// shared by all who read them.
func (r *rebuilt) changing(x *ir.Value) bool {
	if _, ok := r.loads[x]; ok {
		return true
	}
	return slices.ContainsFunc(x.Args, r.changing)
}
