package pass

import (
	"fmt"
	"slices"

	"mspecc/ir"
)

// terms looks at whole sums, where the local rules see two terms at a time. Equal terms
// are added up; terms f(x) and f(y) of the same linear f, read nowhere else, become
// f(x+y). Gradients arrive in this form: each use of a value contributes one term.
//
// Takes: a program where common subexpressions are merged. Promises: a sum has each term
// once, one pad per place, one scatter per index and one product per shared operand.
//
//	%5 = matmul %1 %2; %6 = matmul %1 %3; %7 = add %5 %6        %5 = add %2 %3; %6 = matmul %1 %5
func terms(p *Program, fold bool) {
	for range maxRounds {
		order := p.Live()
		t := &termPass{uses: users(order), roots: p.Roots()}
		Rebuild(p, fold, t.rewrite)
		if !t.changed || len(p.Live()) >= len(order) { // the latter where sorted pads did not join
			return
		}
	}
}

type termPass struct {
	uses    map[*ir.Value][]*ir.Value
	roots   []*ir.Value
	changed bool
}

// term is one summand: c times a value of the old graph, or a sum of such values under
// the same linear operation.
type term struct {
	v    *ir.Value
	c    float64
	more []term // further values of the operation's group
}

// single reports whether nobody but one value reads v.
func (t *termPass) single(v *ir.Value) bool {
	return len(t.uses[v]) == 1 && !slices.Contains(t.roots, v)
}

func isSum(v *ir.Value) bool {
	return (v.Op == ir.Add || v.Op == ir.Sub) && v.Type.DType == ir.F32
}

func (t *termPass) rewrite(b *ir.Builder, v *ir.Value, to func(*ir.Value) *ir.Value) *ir.Value {
	if !isSum(v) || t.single(v) && isSum(t.uses[v][0]) {
		return nil // part of a larger sum
	}
	var all []term
	t.collect(v, 1, true, &all)
	merged := t.group(addUp(all))
	if !sortPads(merged) && len(merged) == len(all) {
		return nil
	}
	t.changed = true
	var sum *ir.Value
	for _, m := range merged {
		x := t.emit(b, m, to)
		if sum == nil {
			sum = x
		} else {
			sum = b.Binary(ir.Add, sum, x)
		}
	}
	return sum
}

// collect opens v, if it is a sum that only this sum reads.
func (t *termPass) collect(v *ir.Value, c float64, top bool, out *[]term) {
	if isSum(v) && (top || t.single(v)) && !(v.Args[0] == v.Args[1] && isSum(v.Args[0])) {
		t.collect(v.Args[0], c, false, out)
		if v.Op == ir.Sub {
			c = -c
		}
		t.collect(v.Args[1], c, false, out)
		return
	}
	*out = append(*out, term{v: v, c: c})
}

// addUp merges terms of the same value, keeping the order of their first places. A value that
// cancels, or does in part, also stays with the factor 0: of an infinity or NaN that is NaN, as
// the difference would be.
func addUp(all []term) []term {
	place, negative, positive := map[*ir.Value]int{}, map[*ir.Value]bool{}, map[*ir.Value]bool{}
	var merged []term
	for _, x := range all {
		negative[x.v], positive[x.v] = negative[x.v] || x.c < 0, positive[x.v] || x.c > 0
		if i, ok := place[x.v]; ok {
			merged[i].c += x.c
			continue
		}
		place[x.v] = len(merged)
		merged = append(merged, x)
	}
	var out []term
	for _, x := range merged {
		out = append(out, x)
		if x.c != 0 && negative[x.v] && positive[x.v] {
			out = append(out, term{v: x.v})
		}
	}
	return out
}

// sortPads puts pads first and in order of their places, so that the local rule joins
// neighbours. It reports whether there were three or more of them in another order; two
// join anyway.
func sortPads(all []term) bool {
	order := func(x, y term) int {
		if x.v.Op == ir.OpPad && y.v.Op == ir.OpPad {
			return slices.Compare(x.v.Attr.Lo, y.v.Attr.Lo)
		}
		rank := func(t term) int {
			if t.v.Op == ir.OpPad {
				return 0
			}
			return 1
		}
		return rank(x) - rank(y)
	}
	pads := 0
	for _, x := range all {
		if x.v.Op == ir.OpPad {
			pads++
		}
	}
	if pads < 3 || slices.IsSortedFunc(all, order) {
		return false
	}
	slices.SortStableFunc(all, order)
	return true
}

// group puts terms of the same linear operation together.
func (t *termPass) group(all []term) []term {
	var out []term
	place := map[string]int{}
next:
	for _, x := range all {
		if t.single(x.v) {
			for _, key := range linear(x.v) {
				if i, ok := place[key]; ok {
					out[i].more = append(out[i].more, x)
					if len(out[i].more) == 1 { // a product joins by one operand only
						for k, j := range place {
							if j == i && k != key {
								delete(place, k)
							}
						}
					}
					continue next
				}
			}
			for _, key := range linear(x.v) {
				place[key] = len(out)
			}
		}
		out = append(out, x)
	}
	return out
}

// linear names the linear operations that v is, as a function of one of its arguments;
// values with a name in common differ in that argument only.
func linear(v *ir.Value) []string {
	key := func(varying int) string {
		s := fmt.Sprint(v.Op, varying, v.Args[varying].Type, v.Attr.Axes, v.Attr.Lo, v.Attr.Hi, v.Attr.Step, v.Attr.Batch, v.Attr.Rows)
		for i, a := range v.Args {
			if i != varying {
				s += fmt.Sprint(" ", a.ID)
			}
		}
		return s
	}
	switch v.Op {
	case ir.OpPad, ir.OpScatterAdd, ir.OpReshape, ir.OpTranspose, ir.OpBroadcast:
		return []string{key(0)}
	case ir.OpMatMul:
		return []string{key(0), key(1)}
	}
	return nil
}

// emit builds a term in the new graph.
func (t *termPass) emit(b *ir.Builder, x term, to func(*ir.Value) *ir.Value) *ir.Value {
	if len(x.more) == 0 {
		return scaled(b, to(x.v), x.c)
	}
	varying := 0
	if x.v.Op == ir.OpMatMul && x.v.Args[0] == x.more[0].v.Args[0] {
		varying = 1
	}
	args := make([]*ir.Value, len(x.v.Args))
	for i, a := range x.v.Args {
		args[i] = to(a)
	}
	args[varying] = scaled(b, args[varying], x.c)
	for _, y := range x.more {
		args[varying] = b.Binary(ir.Add, args[varying], scaled(b, to(y.v.Args[varying]), y.c))
	}
	return b.Copy(x.v, args)
}

func scaled(b *ir.Builder, v *ir.Value, c float64) *ir.Value {
	switch c {
	case 1:
		return v
	case -1:
		return b.Unary(ir.Neg, v)
	}
	return b.Binary(ir.Mul, v, b.Splat(c, v.Shape()...))
}
