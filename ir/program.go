package ir

// Output is a named root of a graph.
type Output struct {
	Name  string
	Value *Value
}

// Program is a graph with its roots: what passes rewrite, and what is printed and parsed.
// Parameters, inputs and random streams are known by name, since a pass rebuilds the graph
// and so gives them new Values; see Leaf.
type Program struct {
	B       *Builder
	Outputs []Output
}

// Roots lists the values of the outputs.
func (p *Program) Roots() []*Value {
	roots := make([]*Value, len(p.Outputs))
	for i, o := range p.Outputs {
		roots[i] = o.Value
	}
	return roots
}

// Live lists the values that the outputs need, arguments first.
func (p *Program) Live() []*Value { return Reachable(p.Roots()) }

// Leaf finds the parameter, input or random stream with a name; nil if the program has
// none, or lost it because no output depends on it.
func (p *Program) Leaf(op Op, name string) *Value {
	for _, v := range p.B.vals {
		if v.Op == op && v.Attr.Name == name {
			return v
		}
	}
	return nil
}

// Copy builds v's operation in b on other arguments of the same types. Position, label
// and phase are b's.
func (b *Builder) Copy(v *Value, args []*Value) *Value {
	switch v.Op {
	case OpParam, OpInput, OpUniform:
		return b.named(v.Op, v.Type, v.Attr)
	}
	return b.apply(v.Op, v.Type, v.Attr, args)
}

// Flops counts the floating point operations of the matrix products among values, by
// phase; a multiplication and its addition are two.
func Flops(values []*Value) (byPhase [Phases]int64) {
	for _, v := range values {
		if v.Op == OpMatMul {
			s := v.Args[0].Shape()
			byPhase[v.Phase] += 2 * int64(v.Len()) * int64(s[len(s)-1])
		}
	}
	return byPhase
}

// MarkInner corrects the phase of forward values, of which roots[0] is the loss: one that
// an inner gradient reads, and that reaches the loss through inner gradients only, becomes
// Inner. Call it before the outer gradient is taken, whose SecondOrder part is then told
// from the rest.
func MarkInner(roots []*Value) {
	if len(roots) == 0 {
		return
	}
	order := Reachable(roots)
	own := map[*Value]bool{roots[0]: true} // on a forward way to the loss
	inner := map[*Value]bool{}             // read by an inner value, directly or through others
	for i := len(order) - 1; i >= 0; i-- { // users come before what they read
		v := order[i]
		if v.Phase == Forward && inner[v] && !own[v] {
			v.Phase = Inner
		}
		for _, a := range v.Args {
			own[a] = own[a] || own[v] && v.Phase == Forward
			inner[a] = inner[a] || inner[v] || v.Phase == Inner
		}
	}
}
