package elab

import (
	"strconv"
	"strings"

	"mspecc/ir"
	"mspecc/parser"
	"mspecc/spec"
)

// block runs statements in a scope of their own; returned reports whether one was return.
func (e *elab) block(b *spec.Block, env *scope) (result value, returned bool) {
	inner := newScope(env)
	for _, s := range b.Stmts {
		if result, returned = e.stmt(s, inner); returned {
			return result, true
		}
	}
	return nil, false
}

// stmt runs one statement. If it fails, what it would have set is poisoned, so that the
// statements after it can still be checked.
func (e *elab) stmt(s spec.Stmt, env *scope) (result value, returned bool) {
	e.step(s.Where())
	ok := e.guard(func() { result, returned = e.run(s, env) })
	if ok {
		return result, returned
	}
	switch s := s.(type) {
	case *spec.Let:
		for _, n := range s.Names {
			env.set(n.Text, poison{}, n.Pos)
		}
	case *spec.Param:
		env.set(s.Name.Text, poison{}, s.Pos)
	case *spec.Assign:
		if v := env.find(s.Name.Text); v != nil {
			v.val = poison{}
		}
	case *spec.Return, *spec.Require:
		return poison{}, true // what a require guards would only fail again
	}
	return nil, false
}

func (e *elab) run(s spec.Stmt, env *scope) (result value, returned bool) {
	switch s := s.(type) {
	case *spec.Let:
		e.let(s, env)
	case *spec.Assign:
		e.assign(s, env)
	case *spec.Param:
		env.set(s.Name.Text, e.param(s, env), s.Pos)
	case *spec.Require:
		e.require(s, env)
	case *spec.Output:
		for _, it := range s.Items {
			e.output(it, s.Report, env)
		}
	case *spec.Block:
		return e.block(s, env)
	case *spec.For:
		return e.loop(s, env)
	case *spec.If:
		if e.truth(s.Cond, env) {
			return e.block(s.Then, env)
		}
		if s.Else != nil {
			return e.stmt(s.Else, env)
		}
	case *spec.Return:
		if len(s.Values) == 1 {
			return e.eval(s.Values[0], env), true
		}
		var l list
		for _, x := range s.Values {
			l = append(l, e.eval(x, env))
		}
		return l, true
	}
	return nil, false
}

func (e *elab) let(s *spec.Let, env *scope) {
	v := e.eval(s.Value, env)
	if len(s.Names) == 1 {
		env.set(s.Names[0].Text, v, s.Names[0].Pos)
		return
	}
	l, ok := v.(list)
	if !ok || len(l) != len(s.Names) {
		e.fail(s.Value.Where(), "E031", "%d names need a list of %d values, this is %s", len(s.Names), len(s.Names), describe(v))
	}
	for i, n := range s.Names {
		env.set(n.Text, l[i], n.Pos)
	}
}

func (e *elab) assign(s *spec.Assign, env *scope) {
	v := e.eval(s.Value, env)
	target := env.find(s.Name.Text)
	if target == nil || target.setting != nil {
		e.fail(s.Name.Range, "E022", "%s is not a variable that can be assigned", s.Name.Text)
	}
	target.val = e.replaced(target.val, s.Index, v, env)
}

// replaced is old with the element at the index changed; lists are values, others that
// hold the same list do not see it.
func (e *elab) replaced(old value, index []spec.Expr, v value, env *scope) value {
	if len(index) == 0 {
		return v
	}
	l, ok := old.(list)
	if !ok {
		e.fail(index[0].Where(), "E031", "only elements of lists can be assigned, this is %s", describe(old))
	}
	i := e.index(e.integer(index[0], env), len(l), index[0].Where())
	copied := append(list(nil), l...)
	copied[i] = e.replaced(l[i], index[1:], v, env)
	return copied
}

func (e *elab) loop(s *spec.For, env *scope) (value, bool) {
	from, to := e.integer(s.From, env), e.integer(s.To, env)
	for i := from; i < to; i++ {
		e.step(s.Range)
		inner := newScope(env)
		inner.set(s.Var.Text, i, s.Var.Pos)
		if result, returned := e.block(s.Body, inner); returned {
			return result, true
		}
	}
	return nil, false
}

// truth evaluates a condition, which must be a constant.
func (e *elab) truth(x spec.Expr, env *scope) bool {
	switch v := e.eval(x, env).(type) {
	case bool:
		return v
	case *ir.Value:
		e.failWith(x.Where(), "E033", []spec.Note{{Msg: "where(mask, x, y) chooses element by element"}},
			"the condition must be known at compile time, this is %s", describe(v))
	default:
		e.fail(x.Where(), "E031", "the condition must be true or false, this is %s", describe(v))
	}
	return false
}

func (e *elab) output(it *spec.OutputItem, report bool, env *scope) {
	x := it.Value
	if x == nil {
		x = &spec.Ident{Range: it.Name.Range, Name: it.Name.Text}
	}
	val := e.eval(x, env)
	if l, several := val.(list); several && !report {
		for i, v := range l {
			e.named(it, it.Name.Text+"."+strconv.Itoa(i), e.asTensor(v, x.Where()), report)
		}
		return
	}
	v := e.asTensor(val, x.Where())
	if report && v.Rank() != 0 {
		e.failWith(x.Where(), "E031", []spec.Note{{Msg: "expose names tensors"}}, "report is for scalars, %s is %s", it.Name.Text, v.Type)
	}
	e.named(it, it.Name.Text, v, report)
}

// named adds an output.
func (e *elab) named(it *spec.OutputItem, name string, v *ir.Value, report bool) {
	for _, o := range e.fn.Outputs {
		if o.Name == name {
			e.fail(it.Range, "E021", "there is already an output named %s", name)
		}
	}
	e.checkOutput(name, report, it.Range)
	e.outputs[name] = it.Range
	e.fn.Outputs = append(e.fn.Outputs, Output{name, v, report})
}

// require fails with the spec's own message. Constants that the condition uses are listed.
func (e *elab) require(s *spec.Require, env *scope) {
	if e.truth(s.Cond, env) {
		return
	}
	var notes []spec.Note
	for _, name := range namesIn(s.Cond) {
		if v := env.find(name); v != nil {
			if v.setting != nil {
				notes = append(notes, spec.Note{Pos: v.setting.Pos, Msg: name + " = " + v.setting.Value + ", set by the " + v.setting.From})
			} else if _, ok := number(v.val); ok {
				notes = append(notes, spec.Note{Msg: name + " = " + text(v.val)})
			}
		}
	}
	e.failWith(s.Range, "E060", notes, "%s", e.interpolate(s.Msg.Value, env))
}

// interpolate replaces {expression} in a message.
func (e *elab) interpolate(msg string, env *scope) string {
	var out strings.Builder
	for msg != "" {
		before, rest, ok := strings.Cut(msg, "{")
		out.WriteString(before)
		inside, after, closed := strings.Cut(rest, "}")
		if !ok || !closed {
			break
		}
		if x, diags := parser.ParseExpr("message", []byte(inside)); len(diags) == 0 {
			out.WriteString(text(e.eval(x, env)))
		} else {
			out.WriteString("{" + inside + "}")
		}
		msg = after
	}
	return out.String()
}
