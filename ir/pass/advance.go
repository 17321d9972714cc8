package pass

import (
	"cmp"
	"slices"

	"mspecc/ir"
)

// advance moves what is small and made from large values to where the last of these is
// computed: weight gradients, which are matrix products, and bias gradients, which are sums
// over many rows. What they read then need not be kept until other parts of the step have
// added to the same gradient; a sum of terms that lie far apart is taken term by term.
//
// Takes: any program. Promises: the same values in another order, and the same sums in
// another grouping.
//
//	dy = ...                            dy = ...
//	...                          ->     dW1 = xᵀ dy; db1 = sum dy
//	dv = ...                            ...
//	dW = xᵀ dy + uᵀ dv                  dW = dW1 + uᵀ dv
//	db = sum (dy + dv)                  db = db1 + sum dv
func advance(p *Program, _ bool) {
	order := p.Live()
	m := &mover{b: ir.NewBuilder(), uses: users(order), roots: p.Roots(), became: map[*ir.Value]*ir.Value{},
		products: map[*ir.Value][]*ir.Value{}, sums: map[*ir.Value]bool{}, parts: map[*ir.Value][]part{}, made: map[*ir.Value][]*ir.Value{}}
	for _, v := range order {
		m.plan(v)
	}
	for _, v := range order {
		m.write(v)
		for _, x := range m.products[v] {
			m.write(x)
		}
		for _, s := range m.parts[v] {
			m.writePart(s)
		}
	}
	for i, o := range p.Outputs {
		p.Outputs[i].Value = m.became[o.Value]
	}
	p.B = m.b
}

const (
	farApart  = 200 // values between two terms of a sum that are not added up first
	muchLarge = 8   // how much larger than its result a reduction's argument is
)

// mover is the state of advance.
type mover struct {
	b        *ir.Builder
	uses     map[*ir.Value][]*ir.Value
	roots    []*ir.Value
	became   map[*ir.Value]*ir.Value
	products map[*ir.Value][]*ir.Value // by the value they wait for
	sums     map[*ir.Value]bool        // reductions that are taken in parts
	parts    map[*ir.Value][]part      // by the value they wait for
	made     map[*ir.Value][]*ir.Value // of a reduction: the parts that are there
}

// part is a group of terms of a reduction.
type part struct {
	sum   *ir.Value
	terms []*ir.Value
}

// plan decides about one value.
func (m *mover) plan(v *ir.Value) {
	switch {
	case v.Op == ir.OpMatMul && 2*v.Len() <= v.Args[0].Len()+v.Args[1].Len():
		last := later(source(v.Args[0]), source(v.Args[1]))
		m.products[last] = append(m.products[last], v)
	case v.Op == ir.OpSum && muchLarge*v.Len() <= v.Args[0].Len():
		groups := m.groups(v)
		if len(groups) < 2 {
			return
		}
		m.sums[v] = true
		for _, g := range groups {
			last := source(g[0])
			for _, x := range g {
				last = later(last, source(x))
			}
			m.parts[last] = append(m.parts[last], part{v, g})
		}
	}
}

// groups sorts the terms of a reduction into those that are computed close to each other.
func (m *mover) groups(v *ir.Value) [][]*ir.Value {
	var terms []*ir.Value
	var collect func(x *ir.Value)
	collect = func(x *ir.Value) {
		if x.Op != ir.Add || len(m.uses[x]) > 1 || slices.Contains(m.roots, x) {
			terms = append(terms, x)
			return
		}
		collect(x.Args[0])
		collect(x.Args[1])
	}
	collect(v.Args[0])
	slices.SortStableFunc(terms, func(a, b *ir.Value) int { return cmp.Compare(source(a).ID, source(b).ID) })
	groups := [][]*ir.Value{{terms[0]}}
	for i, x := range terms[1:] {
		if source(x).ID-source(terms[i]).ID > farApart {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], x)
	}
	return groups
}

// write copies a value with all that it needs.
func (m *mover) write(v *ir.Value) *ir.Value {
	if w := m.became[v]; w != nil {
		return w
	}
	if m.sums[v] {
		m.describe(v)
		w := m.made[v][0]
		for _, x := range m.made[v][1:] {
			w = m.b.Apply(ir.Add, ir.Attr{}, w, x)
		}
		m.became[v] = w
		return w
	}
	args := make([]*ir.Value, len(v.Args))
	for i, a := range v.Args {
		args[i] = m.write(a)
	}
	m.describe(v)
	m.became[v] = m.b.Copy(v, args)
	return m.became[v]
}

func (m *mover) writePart(s part) {
	x := m.write(s.terms[0])
	for _, y := range s.terms[1:] {
		y := m.write(y)
		m.describe(s.sum)
		x = m.b.Apply(ir.Add, ir.Attr{}, x, y)
	}
	m.describe(s.sum)
	m.made[s.sum] = append(m.made[s.sum], m.b.Sum(x, s.sum.Attr.Axes...))
}

func (m *mover) describe(v *ir.Value) { m.b.Pos, m.b.Label, m.b.Phase = v.Pos, v.Label, v.Phase }

// source is the value below views and packing.
func source(v *ir.Value) *ir.Value {
	for v.Op.Class() == ir.View || v.Op == ir.OpPack || v.Op == ir.OpInterleave {
		v = v.Args[0]
	}
	return v
}

func later(a, b *ir.Value) *ir.Value {
	if a.ID > b.ID {
		return a
	}
	return b
}
