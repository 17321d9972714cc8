package elab

import (
	"fmt"

	"mspecc/parser"
	"mspecc/spec"
)

// resolver checks names before anything is elaborated, also in functions that nothing
// calls: unknown and duplicate names, assignments to what is no variable, and what is
// declared but never used.
type resolver struct {
	src   *source
	block *names
	diags []spec.Diagnostic
	used  map[*spec.Func]bool
}

// names is a scope: what is declared where, and whether it was used.
type names struct {
	at     map[string]*declared
	order  []*declared
	parent *names
}

type declared struct {
	name    spec.Name
	what    string // "variable", "argument", ...
	used    bool
	mutable bool
}

func resolveAll(sources []*source, main *source) []spec.Diagnostic {
	used := map[*spec.Func]bool{}
	var diags []spec.Diagnostic
	for _, s := range sources {
		r := &resolver{src: s, used: used}
		r.file()
		diags = append(diags, r.diags...)
	}
	if spec.HasErrors(diags) {
		return diags
	}
	return append(diags, unused(main, used)...)
}

// unused warns about functions and imports of the main file; imported files are libraries.
func unused(main *source, used map[*spec.Func]bool) []spec.Diagnostic {
	var diags []spec.Diagnostic
	library := len(main.tree.Models) == 0 && len(main.tree.Modalities) == 0
	check := func(fs []*spec.Func) {
		for _, f := range fs {
			if !used[f] && !library {
				diags = append(diags, warn(f.Name, "W001", "the function "+f.Name.Text+" is never used"))
			}
		}
	}
	check(main.tree.Funcs)
	for _, m := range main.tree.Models {
		check(m.Funcs)
	}
	for i, imp := range main.tree.Imports {
		if i < len(main.used) && !main.used[i] && !offersMore(main.imports[i]) {
			diags = append(diags, spec.Diagnostic{Pos: imp.Pos, End: imp.End, Severity: spec.Warning, Code: "W003", Msg: "nothing of " + imp.Path + " is used"})
		}
	}
	return diags
}

// offersMore reports whether a file gives something that is not looked up by name.
func offersMore(s *source) bool {
	if len(s.tree.Models)+len(s.tree.Modalities)+len(s.tree.Trains) > 0 {
		return true
	}
	for _, t := range s.imports {
		if offersMore(t) {
			return true
		}
	}
	return false
}

func warn(n spec.Name, code, msg string) spec.Diagnostic {
	return spec.Diagnostic{Pos: n.Pos, End: n.End, Severity: spec.Warning, Code: code, Msg: msg}
}

func (r *resolver) fail(at spec.Range, code string, notes []spec.Note, format string, args ...any) {
	r.diags = append(r.diags, spec.Diagnostic{Pos: at.Pos, End: at.End, Code: code, Msg: fmt.Sprintf(format, args...), Notes: notes})
}

func (r *resolver) push() { r.block = &names{at: map[string]*declared{}, parent: r.block} }

// pop leaves a scope and warns about its unused variables.
func (r *resolver) pop() {
	for _, d := range r.block.order {
		if !d.used && d.what == "variable" && d.name.Text[0] != '_' && !isStd(d.name.Pos) {
			r.diags = append(r.diags, warn(d.name, "W002", "the variable "+d.name.Text+" is never used"))
		}
	}
	r.block = r.block.parent
}

func (r *resolver) declare(n spec.Name, what string, mutable bool) {
	if d := r.block.at[n.Text]; d != nil {
		if d.what != "extent" {
			r.diags = append(r.diags, duplicate(n, d.name.Pos))
			return
		}
	}
	d := &declared{name: n, what: what, mutable: mutable}
	r.block.at[n.Text] = d
	r.block.order = append(r.block.order, d)
}

func (r *resolver) lookup(name string) *declared {
	for b := r.block; b != nil; b = b.parent {
		if d := b.at[name]; d != nil {
			return d
		}
	}
	return nil
}

func (r *resolver) file() {
	t := r.src.tree
	for _, f := range t.Funcs {
		r.function(f)
	}
	for _, k := range t.Kinds {
		r.kind(k)
	}
	for _, m := range t.Modalities {
		r.modality(m)
	}
	for _, m := range t.Models {
		r.model(m)
	}
}

func (r *resolver) function(f *spec.Func) {
	r.push()
	r.params(f.Params)
	r.stmts(f.Body.Stmts)
	r.pop()
}

func (r *resolver) params(params []*spec.FuncParam) {
	optional := false
	for _, p := range params {
		if p.Default != nil {
			r.expr(p.Default)
			optional = true
		} else if optional {
			r.fail(p.Range, "E030", nil, "the argument %s must have a default, because one before it has", p.Name.Text)
		}
		if p.Shape != nil {
			for _, d := range p.Shape.Dims {
				if id, ok := d.(*spec.Ident); ok && r.lookup(id.Name) == nil {
					r.declare(spec.Name{Range: id.Range, Text: id.Name}, "extent", false)
					continue
				}
				r.expr(d)
			}
		}
		r.declare(p.Name, "argument", true)
	}
}

func (r *resolver) kind(k *spec.Kind) {
	r.push()
	for _, f := range k.Funcs {
		r.declare(f.Name, "function", false)
	}
	r.params(k.Params)
	defer r.inputs(k)
	if len(k.Inputs) == 0 {
		r.fail(k.Name.Range, "E073", []spec.Note{{Msg: "say what an example is: input f32[channels, length]"}}, "the kind %s has no input", k.Name.Text)
	}
	for _, s := range k.Items {
		if l, ok := s.(*spec.Let); ok {
			r.expr(l.Value)
			for _, n := range l.Names {
				r.declare(n, "value", false)
			}
			continue
		}
		r.stmt(s)
	}
	for _, in := range k.Inputs {
		r.exprs(in.Shape)
		if in.Below != nil {
			r.expr(in.Below)
		}
	}
	for _, f := range k.Funcs {
		r.function(f)
	}
	r.pop()
}

// inputs checks the element types of a kind's inputs, and that several have names.
func (r *resolver) inputs(k *spec.Kind) {
	first := map[string]spec.Pos{}
	for _, in := range k.Inputs {
		r.input(in)
		switch {
		case in.Name == nil && len(k.Inputs) > 1:
			r.fail(in.Range, "E073", []spec.Note{{Msg: "write input NAME " + in.DType.Text + "[...]"}}, "the kind %s has %d inputs: each needs a name", k.Name.Text, len(k.Inputs))
		case in.Name != nil && first[in.Name.Text].Known():
			r.diags = append(r.diags, duplicate(*in.Name, first[in.Name.Text]))
		case in.Name != nil:
			first[in.Name.Text] = in.Name.Pos
		}
	}
}

func (r *resolver) input(in *spec.Input) {
	switch in.DType.Text {
	case "f32":
		if in.Below != nil {
			r.fail(in.Range, "E031", nil, "only i32 inputs have a bound")
		}
	case "i32":
		if in.Below == nil {
			r.fail(in.Range, "E031", []spec.Note{{Msg: "write input i32[length] < vocab"}}, "token ids need a bound")
		}
	default:
		r.fail(in.DType.Range, "E031", nil, "an input is f32 or i32, not %s", in.DType.Text)
	}
}

func (r *resolver) modality(m *spec.Modality) {
	if id, ok := m.Kind.Fn.(*spec.Ident); !ok {
		r.fail(m.Kind.Range, "E031", nil, "a modality is an instance of a kind: modality %s = kind(...)", m.Name.Text)
	} else if k, _ := r.src.findKind(id.Name); k == nil {
		r.fail(id.Range, "E020", spec.DidYouMean(id.Name, r.src.visible()), "there is no kind %s", id.Name)
	}
	r.push()
	for _, a := range m.Kind.Args {
		r.expr(a.Value)
	}
	if m.Data != nil {
		for _, a := range m.Data.Args {
			r.expr(a.Value)
		}
	}
	first := map[string]spec.Pos{}
	for _, t := range m.Tasks {
		if pos, twice := first[t.Name.Value]; twice {
			r.diags = append(r.diags, duplicate(spec.Name{Range: t.Name.Range, Text: "the task " + t.Name.Value}, pos))
		}
		first[t.Name.Value] = t.Name.Pos
		for _, a := range t.Data.Args {
			r.expr(a.Value)
		}
	}
	for _, s := range m.Sets {
		r.expr(s.Value)
		r.declare(s.Name, "setting", false)
	}
	r.pop()
}

func (r *resolver) model(m *spec.Model) {
	r.push()
	if m.Modality != nil {
		r.declare(*m.Modality, "modality", false)
	}
	for _, s := range m.Sets {
		r.expr(s.Value)
		r.declare(s.Name, "setting", false)
	}
	for _, f := range m.Funcs {
		r.declare(f.Name, "function", false)
		if f.Name.Text == "objective" || f.Name.Text == "features" || f.Name.Text == "reconstruct" {
			r.fail(f.Name.Range, "E021", nil, "the model has two of %s", f.Name.Text)
		}
	}
	for _, s := range m.Items {
		r.stmt(s)
	}
	for _, f := range append(append([]*spec.Func{}, m.Funcs...), m.Objective, m.Features, m.Reconstruct) {
		if f != nil {
			r.function(f)
		}
	}
	for _, t := range r.src.tree.Trains {
		r.train(t)
	}
	for _, f := range m.Funcs {
		r.used[f] = r.used[f] || r.block.at[f.Name.Text].used
	}
	r.pop()
}

func (r *resolver) train(t *spec.Train) {
	for _, it := range t.Items {
		if c, ok := it.Value.(*spec.Call); ok && (it.Name.Text == "optimizer" || it.Name.Text == "schedule") {
			for _, a := range c.Args {
				r.expr(a.Value)
			}
		} else if _, bare := it.Value.(*spec.Ident); !bare || it.Name.Text == "steps" || it.Name.Text == "checkpoint" || it.Name.Text == "seed" || it.Name.Text == "clip" {
			r.expr(it.Value)
		}
	}
}

func (r *resolver) stmts(list []spec.Stmt) {
	for i, s := range list {
		r.stmt(s)
		if _, ok := s.(*spec.Return); ok && i+1 < len(list) {
			next := list[i+1].Where()
			r.diags = append(r.diags, spec.Diagnostic{Pos: next.Pos, End: next.End, Severity: spec.Warning, Code: "W004", Msg: "this is never reached: it follows a return"})
		}
	}
}

func (r *resolver) scoped(b *spec.Block) {
	r.push()
	r.stmts(b.Stmts)
	r.pop()
}

func (r *resolver) stmt(s spec.Stmt) {
	switch s := s.(type) {
	case *spec.Let:
		r.expr(s.Value)
		for _, n := range s.Names {
			r.declare(n, "variable", true)
		}
	case *spec.Assign:
		r.assign(s)
	case *spec.For:
		r.expr(s.From)
		r.expr(s.To)
		r.push()
		r.declare(s.Var, "counter", false)
		r.scoped(s.Body)
		r.pop()
	case *spec.If:
		r.expr(s.Cond)
		r.scoped(s.Then)
		if s.Else != nil {
			r.stmt(s.Else)
		}
	case *spec.Block:
		r.scoped(s)
	case *spec.Return:
		r.exprs(s.Values)
	case *spec.Output:
		for _, it := range s.Items {
			if it.Value != nil {
				r.expr(it.Value)
			} else {
				r.use(it.Name.Text, it.Name.Range)
			}
		}
	case *spec.Require:
		r.expr(s.Cond)
		for _, x := range parser.Interpolated(s.Msg) {
			for _, n := range namesIn(x) {
				r.use(n, s.Msg.Range)
			}
		}
	case *spec.Param:
		r.exprs(s.Shape)
		r.expr(s.Init)
		r.declare(s.Name, "parameter", false)
	}
}

func (r *resolver) assign(s *spec.Assign) {
	r.exprs(s.Index)
	r.expr(s.Value)
	d := r.lookup(s.Name.Text)
	switch {
	case d == nil:
		notes := append(spec.DidYouMean(s.Name.Text, r.known()), spec.Note{Msg: "let " + s.Name.Text + " = ... declares it"})
		r.fail(s.Name.Range, "E022", notes, "there is no variable %s", s.Name.Text)
	case !d.mutable:
		r.fail(s.Name.Range, "E022", []spec.Note{{Pos: d.name.Pos, Msg: "declared here"}}, "%s is a %s and cannot be assigned", s.Name.Text, d.what)
	}
}

func (r *resolver) exprs(list []spec.Expr) {
	for _, x := range list {
		r.expr(x)
	}
}

func (r *resolver) expr(x spec.Expr) {
	walk(x, func(x spec.Expr) {
		switch x := x.(type) {
		case *spec.Ident:
			r.use(x.Name, x.Range)
		case *spec.Call:
			r.called(x)
		}
	})
}

// called marks the function of a call, which a variable of the same name may hide.
func (r *resolver) called(x *spec.Call) {
	id, ok := x.Fn.(*spec.Ident)
	if !ok {
		return
	}
	for b := r.block; b != nil; b = b.parent {
		if d := b.at[id.Name]; d != nil && d.what == "function" {
			d.used = true
			return
		}
	}
	if f, _ := r.src.findFunc(id.Name); f != nil {
		r.used[f] = true
	}
}

// use marks a name as used; an unknown one is an error.
func (r *resolver) use(name string, at spec.Range) {
	if d := r.lookup(name); d != nil {
		d.used = true
		return
	}
	if f, _ := r.src.findFunc(name); f != nil {
		r.used[f] = true
		return
	}
	if k, _ := r.src.findKind(name); k != nil {
		return
	}
	if builtins[name] != nil || constants[name] != nil || name == "training" {
		return
	}
	r.fail(at, "E020", spec.DidYouMean(name, r.known()), "unknown name %s", name)
}

func (r *resolver) known() []string {
	var out []string
	for b := r.block; b != nil; b = b.parent {
		for n := range b.at {
			out = append(out, n)
		}
	}
	return append(append(out, r.src.visible()...), builtinNames()...)
}
