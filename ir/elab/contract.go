package elab

import (
	"fmt"
	"slices"

	"mspecc/ir"
	"mspecc/spec"
)

// contracts are what functions of a kind give, by the names that kinds and models agree on: the number of
// arguments, and the check of a result. docs/modality.md has them as a table. A result of another shape would often be broadcast,
// and so train something else than what was meant.
var contracts = map[string]struct {
	args  int
	what  string
	check func(c *contract) (want string, ok bool)
}{
	"embed":     {2, "the tokens of a batch", func(c *contract) (string, bool) { return c.shape(c.batch(0), c.length, c.integer(1)) }},
	"predict":   {2, "a prediction for each token", func(c *contract) (string, bool) { return c.leads(c.batch(0)) }},
	"target":    {1, "what is predicted at each token", func(c *contract) (string, bool) { return c.leads(c.batch(0)) }},
	"values":    {1, "a prediction in the units of the target", func(c *contract) (string, bool) { return c.leads(c.batch(0)) }},
	"loss":      {2, "the loss of each token", func(c *contract) (string, bool) { return c.shape(c.batch(1), c.length) }},
	"near":      {1, "v summed over each token and its neighbours", func(c *contract) (string, bool) { return c.shape(c.batch(0), c.length) }},
	"positions": {1, "codes of the class token and of each token", func(c *contract) (string, bool) { return c.shape(1+c.length, c.integer(0)) }},
}

// contract is a call of a kind's function that is to be checked.
type contract struct {
	length int
	args   []value
	result value
}

// keepContract checks the result of a function of a kind against what its name means, at the kind's own lines.
func (e *elab) keepContract(m *instance, f *spec.Func, args *scope, result value, call spec.Range) {
	rule, known := contracts[f.Name.Text]
	length := m.env.vars["length"]
	if !known || length == nil || len(f.Params) != rule.args || result == nil {
		return // names of somebody else's own
	}
	c := &contract{result: result}
	if c.length, known = length.val.(int); !known {
		return
	}
	for _, p := range f.Params {
		c.args = append(c.args, args.vars[p.Name.Text].val)
	}
	if _, bad := result.(poison); bad {
		return
	}
	if want, ok := rule.check(c); !ok {
		e.failWith(f.Name.Range, "E076", []spec.Note{{Pos: call.Pos, Msg: "called here"}, {Pos: length.pos, Msg: fmt.Sprintf("length, the tokens of an example, is %d", c.length)}},
			"%s of a kind gives %s, %s, not %s", f.Name.Text, rule.what, want, c.got())
	}
}

// batch is the first extent of an argument, of the first of a list; -1 where it has none.
func (c *contract) batch(arg int) int {
	v := c.args[arg]
	if l, ok := v.(list); ok && len(l) > 0 {
		v = l[0]
	}
	if t, ok := v.(*ir.Value); ok && t.Rank() > 0 {
		return t.Shape()[0]
	}
	return -1
}

// integer is an argument that is a whole number, else -1.
func (c *contract) integer(arg int) int {
	if n, ok := c.args[arg].(int); ok {
		return n
	}
	return -1
}

// shape wants a tensor of these extents; -1 is any.
func (c *contract) shape(want ...int) (string, bool) {
	t, ok := c.result.(*ir.Value)
	return extents(want), ok && fits(t.Shape(), want) && len(t.Shape()) == len(want)
}

// leads wants a tensor [batch, length, ...], or a list of tensors [batch, ...].
func (c *contract) leads(batch int) (string, bool) {
	want := extents([]int{batch, c.length})
	want = want[:len(want)-1] + ", ...] or a list of such parts"
	if l, ok := c.result.(list); ok {
		return want, len(l) > 0 && !slices.ContainsFunc(l, func(v value) bool {
			t, ok := v.(*ir.Value)
			return !ok || t.Rank() < 2 || !fits(t.Shape(), []int{batch})
		})
	}
	t, ok := c.result.(*ir.Value)
	return want, ok && fits(t.Shape(), []int{batch, c.length})
}

func fits(shape, want []int) bool {
	if len(shape) < len(want) {
		return false
	}
	for i, n := range want {
		if n >= 0 && shape[i] != n {
			return false
		}
	}
	return true
}

// extents writes a shape in which -1 is any extent.
func extents(want []int) string {
	out := "["
	for i, n := range want {
		if i > 0 {
			out += ", "
		}
		if n < 0 {
			out += "any"
		} else {
			out += text(n)
		}
	}
	return out + "]"
}

// got describes what came.
func (c *contract) got() string {
	if l, ok := c.result.(list); ok {
		s := "a list"
		for i, v := range l {
			if t, ok := v.(*ir.Value); ok {
				s += map[bool]string{true: " of ", false: ", "}[i == 0] + t.Type.String()
			}
		}
		return s
	}
	return describe(c.result)
}

// checkLength makes sure that a kind's number of tokens is one.
func (e *elab) checkLength(m *instance) {
	v := m.env.vars["length"]
	if v == nil {
		return
	}
	if n, ok := v.val.(int); !ok || n < 1 {
		at := spec.Range{Pos: v.pos}
		for _, s := range m.kind.Items {
			if l, ok := s.(*spec.Let); ok && slices.ContainsFunc(l.Names, func(n spec.Name) bool { return n.Text == "length" }) {
				at = l.Value.Where()
			}
		}
		if _, bad := v.val.(*function); !bad {
			e.failWith(at, "E076", []spec.Note{{Msg: "require a patch that divides the extent, or cut off by int(...)"}}, "length is the number of an example's tokens, at least 1, not %s", describe(v.val))
		}
	}
}
