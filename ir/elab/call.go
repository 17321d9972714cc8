package elab

import (
	"fmt"
	"maps"
	"strconv"

	"mspecc/ir"
	"mspecc/spec"
)

func (e *elab) call(x *spec.Call, env *scope) value {
	switch f := e.callee(x.Fn, env).(type) {
	case *function:
		return e.callFunction(f, x, env)
	case *builtin:
		args := make([]argument, len(x.Args))
		for i, a := range x.Args {
			args[i] = argument{name: a.Name, val: e.eval(a.Value, env), at: a.Value.Where(), expr: a.Value}
		}
		e.focus(x.Range)
		return e.callBuiltin(f, args, x.Range)
	case *kindOf:
		return e.instantiate(f, x, env)
	default:
		e.fail(x.Range, "E031", "this is not a function but %s", describe(f))
	}
	return nil
}

// callee evaluates what is called. A name that is called means a function, even where a
// variable of that name hides it.
func (e *elab) callee(x spec.Expr, env *scope) value {
	id, ok := x.(*spec.Ident)
	if !ok {
		return e.eval(x, env)
	}
	for s := env; s != nil; s = s.parent {
		if v, ok := s.vars[id.Name]; ok {
			switch f := v.val.(type) {
			case *function, *builtin, *kindOf:
				return f
			}
		}
	}
	if f := e.lookup(id.Name, fileScope(env.file)); f != nil {
		return f
	}
	return e.eval(x, env)
}

// argument is an evaluated argument.
type argument struct {
	name *spec.Name
	val  value
	at   spec.Range
	expr spec.Expr // nil where nothing was written
}

func (e *elab) callFunction(f *function, x *spec.Call, env *scope) value {
	name := f.decl.Name.Text
	for _, fr := range e.frames {
		if fr.fn == f.decl {
			e.failWith(x.Range, "E080", []spec.Note{{Pos: f.decl.Name.Pos, Msg: name + " is declared here"}, {Msg: "use a loop"}},
				"%s calls itself, directly or through others", name)
		}
	}
	if len(e.frames) >= maxCalls {
		e.fail(x.Range, "E081", "more than %d calls inside each other", maxCalls)
	}
	inner := newScope(f.env)
	e.bind(f.decl.Name.Text, f.decl.Params, f.decl.Name.Pos, x, env, inner)
	depth := len(e.labels)
	e.labels = append(e.labels, f.labels...)
	e.setLabel()
	args := inner
	if f.of != nil {
		args = &scope{vars: maps.Clone(inner.vars)} // the body may change them
	}
	v := e.enter(f.decl, x.Range, inner)
	e.labels = e.labels[:depth]
	e.setLabel()
	if f.of != nil {
		e.keepContract(f.of, f.decl, args, v, x.Range)
	}
	return v
}

// instantiate makes a modality from a kind: its values and functions in a scope of their own.
func (e *elab) instantiate(k *kindOf, x *spec.Call, env *scope) *instance {
	name := k.decl.Name
	for _, fr := range e.frames {
		if fr.fn.Name == name {
			e.failWith(x.Range, "E080", []spec.Note{{Pos: name.Pos, Msg: name.Text + " is declared here"}}, "the kind %s is made of itself", name.Text)
		}
	}
	if len(e.frames) >= maxCalls {
		e.fail(x.Range, "E081", "more than %d calls inside each other", maxCalls)
	}
	inner := newScope(fileScope(k.from))
	e.bind(name.Text, k.decl.Params, name.Pos, x, env, inner)
	e.frames = append(e.frames, frame{&spec.Func{Name: name}, x.Range})
	for _, f := range k.decl.Funcs {
		inner.set(f.Name.Text, &function{decl: f, env: inner}, f.Name.Pos)
	}
	for _, s := range k.decl.Items {
		before := len(e.diags)
		e.stmt(s, inner)
		if len(e.diags) > before {
			panic(failure{}) // what follows would only repeat it
		}
	}
	e.frames = e.frames[:len(e.frames)-1]
	return &instance{env: inner, kind: k.decl}
}

// enter runs a function's body in a scope that holds its arguments.
func (e *elab) enter(f *spec.Func, at spec.Range, inner *scope) value {
	e.frames = append(e.frames, frame{f, at})
	v, _ := e.block(f.Body, inner)
	e.frames = e.frames[:len(e.frames)-1]
	e.focus(at)
	return v
}

// bind evaluates the arguments of a call in env and sets the parameters in inner.
func (e *elab) bind(fn string, params []*spec.FuncParam, decl spec.Pos, x *spec.Call, env, inner *scope) {
	given := make([]*argument, len(params))
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.Name.Text
	}
	for i, a := range x.Args {
		at := e.place(fn, names, decl, a, i)
		if given[at] != nil {
			e.fail(a.Range, "E030", "%s gets its argument %s twice", fn, names[at])
		}
		given[at] = &argument{val: e.eval(a.Value, env), at: a.Value.Where()}
	}
	for i, p := range params {
		a := given[i]
		if a == nil {
			if p.Default == nil {
				e.failWith(x.Range, "E030", []spec.Note{{Pos: decl, Msg: signature(fn, params)}}, "%s needs its argument %s", fn, names[i])
			}
			a = &argument{val: e.eval(p.Default, inner), at: x.Range}
		}
		if p.Shape != nil {
			e.match(p, a, inner)
		}
		inner.set(names[i], a.val, p.Pos)
	}
}

// place finds which parameter an argument belongs to.
func (e *elab) place(fn string, names []string, decl spec.Pos, a *spec.Arg, i int) int {
	if a.Name == nil {
		if i >= len(names) {
			e.failWith(a.Range, "E030", []spec.Note{{Pos: decl, Msg: fn + " is declared here"}}, "%s takes %d arguments, this is one more", fn, len(names))
		}
		return i
	}
	for j, n := range names {
		if n == a.Name.Text {
			return j
		}
	}
	notes := spec.DidYouMean(a.Name.Text, names)
	if _, call := a.Value.(*spec.Call); call && notes == nil {
		notes = append(notes, spec.Note{Msg: fmt.Sprintf("a label inside an argument needs brackets: (%s: ...)", a.Name.Text)})
	}
	e.failWith(a.Name.Range, "E030", notes, "%s has no argument %s", fn, a.Name.Text)
	return 0
}

func signature(fn string, params []*spec.FuncParam) string {
	s := fn + "("
	for i, p := range params {
		if i > 0 {
			s += ", "
		}
		s += p.Name.Text
		if p.Default != nil {
			s += " = ..."
		}
	}
	return s + ")"
}

// match compares an argument with the shape its parameter must have. Names in the pattern
// that have no value yet get the extents found.
func (e *elab) match(p *spec.FuncParam, a *argument, inner *scope) {
	v := e.asTensor(a.val, a.at)
	a.val = v
	shape, dims := v.Shape(), p.Shape.Dims
	notes := []spec.Note{{Pos: p.Shape.Pos, Msg: p.Name.Text + " must be " + pattern(p.Shape)}, {Pos: v.Pos, Msg: "the argument is " + v.Type.String()}}
	if len(shape) < len(dims) || len(shape) > len(dims) && !p.Shape.Rest {
		e.failWith(a.at, "E032", notes, "%s has %d axes, expected %s", p.Name.Text, len(shape), pattern(p.Shape))
	}
	shape = shape[len(shape)-len(dims):]
	for i, d := range dims {
		if id, ok := d.(*spec.Ident); ok && inner.find(id.Name) == nil {
			inner.set(id.Name, shape[i], id.Pos)
			continue
		}
		if n := e.integer(d, inner); n != shape[i] {
			e.failWith(a.at, "E032", notes, "%s has an extent of %d where %s = %d is expected", p.Name.Text, shape[i], written(d), n)
		}
	}
}

// written is an expression as in the source, brackets of no effect aside.
func written(x spec.Expr) string {
	switch x := x.(type) {
	case *spec.Ident:
		return x.Name
	case *spec.Number:
		return x.Text
	case *spec.Bool:
		return text(x.Value)
	case *spec.Str:
		return strconv.Quote(x.Value)
	case *spec.Member:
		return written(x.X) + "." + x.Name.Text
	case *spec.Unary:
		return x.Op + written(x.X)
	case *spec.Binary:
		return written(x.X) + " " + x.Op + " " + written(x.Y)
	case *spec.Call:
		return written(x.Fn) + "(...)"
	case *spec.List:
		return "[...]"
	}
	return "..."
}

func pattern(p *spec.ShapePattern) string {
	s := "["
	if p.Rest {
		s += "..."
	}
	for i, d := range p.Dims {
		if i > 0 || p.Rest {
			s += ", "
		}
		s += written(d)
	}
	return s + "]"
}

// callBuiltin places the arguments and calls.
func (e *elab) callBuiltin(b *builtin, args []argument, at spec.Range) value {
	c := &callCtx{e: e, b: b, at: at, args: make([]*argument, len(b.params))}
	names := make([]string, len(b.params))
	for i, p := range b.params {
		names[i] = p.name
	}
	for i := range args {
		j := e.place(b.name, names, spec.Pos{}, &spec.Arg{Range: args[i].at, Name: args[i].name, Value: args[i].expr}, i)
		if c.args[j] != nil {
			e.fail(args[i].at, "E030", "%s gets its argument %s twice", b.name, names[j])
		}
		c.args[j] = &args[i]
	}
	for i, p := range b.params {
		if c.args[i] == nil && !p.optional {
			e.failWith(at, "E030", []spec.Note{{Msg: b.signature()}}, "%s needs its argument %s", b.name, p.name)
		}
	}
	v := b.fn(c)
	if t, ok := v.(*ir.Value); ok {
		e.tensor(t)
	}
	return v
}
