package elab

import (
	"math"
	"slices"
	"strconv"

	"mspecc/ir"
	"mspecc/spec"
)

// eval evaluates an expression. A poisoned result unwinds silently to the statement.
func (e *elab) eval(x spec.Expr, env *scope) value {
	e.step(x.Where())
	v := e.evalExpr(x, env)
	if _, bad := v.(poison); bad {
		panic(failure{})
	}
	if v == nil {
		e.fail(x.Where(), "E031", "this has no value: the function returns nothing")
	}
	return v
}

func (e *elab) evalExpr(x spec.Expr, env *scope) value {
	switch x := x.(type) {
	case *spec.Number:
		if x.Whole {
			return int(x.Value)
		}
		return x.Value
	case *spec.Bool:
		return x.Value
	case *spec.Str:
		return x.Value
	case *spec.Ident:
		return e.ident(x, env)
	case *spec.List:
		l := make(list, len(x.Elems))
		for i, y := range x.Elems {
			l[i] = e.eval(y, env)
		}
		return l
	case *spec.Unary:
		return e.unary(x, env)
	case *spec.Binary:
		return e.binary(x, env)
	case *spec.Cond:
		if e.truth(x.C, env) {
			return e.eval(x.X, env)
		}
		return e.eval(x.Y, env)
	case *spec.Call:
		return e.call(x, env)
	case *spec.Index:
		return e.subscript(x, env)
	case *spec.Member:
		return e.member(x, env)
	case *spec.Label:
		return e.labelled(x, env)
	}
	e.fail(x.Where(), "E031", "this is not an expression")
	return nil
}

func (e *elab) ident(x *spec.Ident, env *scope) value {
	if v := e.lookup(x.Name, env); v != nil {
		return v
	}
	e.failWith(x.Range, "E020", spec.DidYouMean(x.Name, e.known(env)), "unknown name %s", x.Name)
	return nil
}

// lookup finds a name: variables, then the file's functions, then builtins.
func (e *elab) lookup(name string, env *scope) value {
	if v := env.find(name); v != nil {
		return v.val
	}
	if f, from := env.file.findFunc(name); f != nil {
		return &function{decl: f, env: fileScope(from)}
	}
	if k, from := env.file.findKind(name); k != nil {
		return &kindOf{k, from}
	}
	if name == "training" {
		return e.training
	}
	if c, ok := constants[name]; ok {
		return c
	}
	if b := builtins[name]; b != nil {
		return b
	}
	return nil
}

func fileScope(s *source) *scope { return &scope{vars: map[string]*variable{}, file: s} }

func (e *elab) known(env *scope) []string {
	return append(append(env.names(), env.file.visible()...), builtinNames()...)
}

// member is m.name: a value or function of a modality.
func (e *elab) member(x *spec.Member, env *scope) value {
	m, ok := e.eval(x.X, env).(*instance)
	if !ok {
		e.fail(x.Range, "E031", "only a modality has members; %s follows something else", x.Name.Text)
	}
	if v, ok := m.env.vars[x.Name.Text]; ok {
		if f, ok := v.val.(*function); ok {
			return &function{f.decl, f.env, m.labels, m}
		}
		return v.val
	}
	e.failWith(x.Name.Range, "E020", spec.DidYouMean(x.Name.Text, m.env.names()),
		"the kind %s has no %s", m.kind.Name.Text, x.Name.Text)
	return nil
}

// labelled evaluates with the label's parts added to the path.
func (e *elab) labelled(x *spec.Label, env *scope) value {
	depth := len(e.labels)
	for _, part := range x.Path {
		text := part.Name
		if part.Index != nil {
			text = strconv.Itoa(e.integer(part.Index, env))
		}
		e.labels = append(e.labels, label{text, part.Pos})
	}
	e.setLabel()
	v := e.eval(x.X, env)
	if m, ok := v.(*instance); ok {
		v = &instance{m.env, m.kind, append(slices.Clone(e.labels[depth:]), m.labels...)}
	}
	e.labels = e.labels[:depth]
	e.setLabel()
	return v
}

// ---- constants ----

// integer evaluates to a whole number.
func (e *elab) integer(x spec.Expr, env *scope) int {
	return e.asInt(e.eval(x, env), x.Where())
}

func (e *elab) asInt(v value, at spec.Range) int {
	switch v := v.(type) {
	case int:
		return v
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int(v)
		}
		e.failWith(at, "E031", []spec.Note{{Msg: "int(x) cuts off the fraction"}}, "expected a whole number, this is %s", text(v))
	case *ir.Value:
		e.fail(at, "E033", "expected a whole number known at compile time, this is %s", describe(v))
	}
	e.fail(at, "E031", "expected a whole number, this is %s", describe(v))
	return 0
}

// shapeOf evaluates the extents of a shape.
func (e *elab) shapeOf(dims []spec.Expr, env *scope) []int {
	shape := make([]int, len(dims))
	for i, d := range dims {
		shape[i] = e.extent(e.integer(d, env), d.Where())
	}
	if n := len(dims); n > 0 {
		e.checkLen(shape, spec.Range{Pos: dims[0].Where().Pos, End: dims[n-1].Where().End})
	}
	return shape
}

func (e *elab) extent(n int, at spec.Range) int {
	if n < 0 || n > maxLen {
		e.fail(at, "E034", "an extent of %d is outside 0..%d", n, maxLen)
	}
	return n
}

// checkLen refuses shapes whose element count overflows.
func (e *elab) checkLen(shape []int, at spec.Range) {
	if !at.Pos.Known() {
		at = e.at
	}
	n := 1
	for _, d := range shape {
		if n *= d; n > maxLen {
			e.fail(at, "E081", "a tensor of shape %s has more than %d elements", text(ints(shape)), maxLen)
		}
	}
}

func ints(shape []int) list {
	l := make(list, len(shape))
	for i, n := range shape {
		l[i] = n
	}
	return l
}

// ---- subscripts ----

// subscript is x[...] of a tensor, a list or a string of subscripts.
func (e *elab) subscript(x *spec.Index, env *scope) value {
	switch v := e.eval(x.X, env).(type) {
	case list:
		return e.element(v, x, env)
	case *ir.Value:
		return e.slice(v, x, env)
	default:
		e.fail(x.Range, "E031", "only tensors and lists have elements, this is %s", describe(v))
	}
	return nil
}

func (e *elab) element(l list, x *spec.Index, env *scope) value {
	if len(x.Subs) != 1 {
		e.fail(x.Range, "E031", "a list has one index, not %d", len(x.Subs))
	}
	s := x.Subs[0]
	if !s.Slice {
		return l[e.index(e.integer(s.Lo, env), len(l), s.Range)]
	}
	lo, hi, step := e.bounds(s, len(l), env)
	var out list
	for i := lo; i < hi; i += step {
		out = append(out, l[i])
	}
	return append(list{}, out...)
}

// index checks an index; negative ones count from the end.
func (e *elab) index(i, n int, at spec.Range) int {
	if n == 0 {
		e.fail(at, "E034", "index %d of what has no elements", i)
	}
	if i < -n || i >= n {
		e.fail(at, "E034", "index %d is outside 0..%d", i, n-1)
	}
	if i < 0 {
		i += n
	}
	return i
}

// bounds evaluates lo:hi:step within 0..n; negative bounds count from the end.
func (e *elab) bounds(s *spec.Sub, n int, env *scope) (lo, hi, step int) {
	hi, step = n, 1
	bound := func(x spec.Expr, otherwise int) int {
		if x == nil {
			return otherwise
		}
		i := e.integer(x, env)
		if i < -n || i > n {
			e.fail(x.Where(), "E034", "the bound %d is outside 0..%d", i, n)
		}
		if i < 0 {
			i += n
		}
		return i
	}
	lo, hi = bound(s.Lo, 0), bound(s.Hi, n)
	if s.Step != nil {
		if step = e.integer(s.Step, env); step < 1 {
			e.fail(s.Step.Where(), "E034", "the step must be at least 1, it is %d", step)
		}
	}
	if lo > hi {
		e.fail(s.Range, "E034", "the slice %d:%d ends before it begins", lo, hi)
	}
	return lo, hi, step
}

// slice takes part of a tensor; an index removes its axis, missing subscripts take all.
func (e *elab) slice(v *ir.Value, x *spec.Index, env *scope) value {
	if len(x.Subs) > v.Rank() {
		e.fail(x.Range, "E032", "%d subscripts for %s with %d axes", len(x.Subs), v.Type, v.Rank())
	}
	n := v.Rank()
	lo, hi, step := make([]int, n), make([]int, n), make([]int, n)
	var shape []int
	for i := range n {
		lo[i], hi[i], step[i] = 0, v.Shape()[i], 1
		if i < len(x.Subs) {
			s := x.Subs[i]
			if !s.Slice {
				lo[i] = e.index(e.integer(s.Lo, env), v.Shape()[i], s.Range)
				hi[i] = lo[i] + 1
				continue
			}
			lo[i], hi[i], step[i] = e.bounds(s, v.Shape()[i], env)
		}
		shape = append(shape, (hi[i]-lo[i]+step[i]-1)/step[i])
	}
	e.focus(x.Range)
	return e.tensor(e.b.Reshape(e.b.Slice(v, lo, hi, step), shape))
}
