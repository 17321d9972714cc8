package parser

import "mspecc/spec"

// Each production as a node of the syntax tree.

func (s *span) where() spec.Range {
	r := spec.Range{Pos: toPos(s.Pos), End: toPos(s.Pos)}
	for i := len(s.Tokens) - 1; i >= 0; i-- {
		if s.Tokens[i].Type != tokComment {
			r.End = tokenEnd(s.Tokens[i])
			break
		}
	}
	return r
}

func each[T, U any](list []T, f func(T) U) []U {
	var out []U
	for _, x := range list {
		out = append(out, f(x))
	}
	return out
}

func (e *Expr) tree() spec.Expr {
	if e == nil {
		return nil
	}
	return e.X
}

func (n *name) tree() spec.Name { return spec.Name{Range: n.where(), Text: n.Text} }

func (s *stringLit) tree() *spec.Str {
	if s == nil {
		return nil
	}
	return &spec.Str{Range: s.where(), Value: unquote(s.Text)}
}

// add puts the declaration into the file.
func (d *declaration) add(f *spec.File) {
	switch {
	case d.Import != nil:
		f.Imports = append(f.Imports, &spec.Import{Range: d.Import.where(), Path: d.Import.Path.tree().Value})
	case d.Modality != nil:
		f.Modalities = append(f.Modalities, d.Modality.tree())
	case d.Kind != nil:
		f.Kinds = append(f.Kinds, d.Kind.tree())
	case d.Model != nil:
		f.Models = append(f.Models, d.Model.tree())
	case d.Func != nil:
		f.Funcs = append(f.Funcs, d.Func.tree())
	case d.Train != nil:
		items := each(d.Train.Items, func(t *trainItem) *spec.TrainItem {
			return &spec.TrainItem{Range: t.where(), Name: t.Name.tree(), Value: t.Value.tree()}
		})
		f.Trains = append(f.Trains, &spec.Train{Range: d.Train.where(), Items: items})
	}
}

func (d *funcDecl) tree() *spec.Func {
	f := &spec.Func{Range: d.where(), Name: d.Name.tree(), Params: each(d.Params, (*funcParam).tree)}
	if d.Body != nil {
		f.Body = d.Body.tree()
	} else {
		r := d.Value.X.Where()
		f.Body = &spec.Block{Range: r, Stmts: []spec.Stmt{&spec.Return{Range: r, Values: []spec.Expr{d.Value.X}}}}
	}
	return f
}

func (p *funcParam) tree() *spec.FuncParam {
	q := &spec.FuncParam{Range: p.where(), Name: p.Name.tree(), Default: p.Default.tree()}
	if p.Shape != nil {
		q.Shape = &spec.ShapePattern{Range: p.Shape.where(), Rest: p.Shape.Rest, Dims: each(p.Shape.Dims, (*Expr).tree)}
	}
	return q
}

func (d *kindDecl) tree() *spec.Kind {
	k := &spec.Kind{Range: d.where(), Name: d.Name.tree(), Params: each(d.Params, (*funcParam).tree)}
	for _, it := range d.Items {
		switch {
		case it.Input != nil:
			k.Inputs = append(k.Inputs, it.Input.tree())
		case it.Let != nil:
			k.Items = append(k.Items, it.Let.tree())
		case it.Require != nil:
			k.Items = append(k.Items, it.Require.tree())
		case it.Func != nil:
			k.Funcs = append(k.Funcs, it.Func.tree())
		}
	}
	return k
}

func (d *inputItem) tree() *spec.Input {
	in := &spec.Input{Range: d.where(), DType: d.First.tree(), Shape: each(d.Shape, (*Expr).tree), Below: d.Below.tree()}
	if d.DType != nil {
		name := d.First.tree()
		in.Name, in.DType = &name, d.DType.tree()
	}
	if d.As != nil {
		as := d.As.tree()
		in.As = &as
	}
	return in
}

// asCall sees a bare name as a call without arguments.
func asCall(x spec.Expr) *spec.Call {
	if c, ok := x.(*spec.Call); ok {
		return c
	}
	return &spec.Call{Range: x.Where(), Fn: x}
}

func (d *modalityDecl) tree() *spec.Modality {
	m := &spec.Modality{Range: d.where(), Name: d.Name.tree(), Kind: asCall(d.Kind.X)}
	for _, it := range d.Items {
		switch {
		case it.Data != nil:
			m.Data = asCall(it.Data.X)
		case it.Sample != nil:
			m.Sample = it.Sample.tree()
		case it.Metric != nil:
			m.Metric = it.Metric.tree()
		case it.Task != nil:
			t := &spec.Task{Range: it.Task.where(), Name: it.Task.Name.tree(), Data: asCall(it.Task.Data.X)}
			if it.Task.Metric != nil {
				t.Metric = it.Task.Metric.tree()
			}
			m.Tasks = append(m.Tasks, t)
		case it.Set != nil:
			m.Sets = append(m.Sets, it.Set.tree()...)
		}
	}
	return m
}

func (s *setItem) tree() []*spec.Setting {
	return each(s.Settings, func(s *setting) *spec.Setting {
		return &spec.Setting{Range: s.where(), Name: s.Name.tree(), Value: s.Value.tree()}
	})
}

func (d *modelDecl) tree() *spec.Model {
	m := &spec.Model{Range: d.where(), Name: d.Name.tree()}
	if d.Modality != nil {
		n := d.Modality.tree()
		m.Modality = &n
	}
	for _, it := range d.Items {
		switch {
		case it.Set != nil:
			m.Sets = append(m.Sets, it.Set.tree()...)
		case it.Let != nil:
			m.Items = append(m.Items, it.Let.tree())
		case it.Param != nil:
			m.Items = append(m.Items, it.Param.tree())
		case it.Require != nil:
			m.Items = append(m.Items, it.Require.tree())
		case it.Func != nil:
			m.Funcs = append(m.Funcs, it.Func.tree())
		case it.Entry != nil:
			it.Entry.add(m)
		}
	}
	return m
}

// add sets the model's entry point. A second one of the same name is kept as a function,
// so that the check for duplicate names finds it.
func (d *entryDecl) add(m *spec.Model) {
	r := d.where()
	end := r.Pos
	end.Col += len(d.Kind)
	f := &spec.Func{Range: r, Name: spec.Name{Range: spec.Range{Pos: r.Pos, End: end}, Text: d.Kind},
		Params: each(d.Params, (*funcParam).tree), Body: d.Body.tree()}
	at := map[string]**spec.Func{"objective": &m.Objective, "features": &m.Features, "reconstruct": &m.Reconstruct}[d.Kind]
	if *at == nil {
		*at = f
	} else {
		m.Funcs = append(m.Funcs, f)
	}
}

func (b *block) tree() *spec.Block {
	return &spec.Block{Range: b.where(), Stmts: each(b.Stmts, (*statement).tree)}
}

func (s *statement) tree() spec.Stmt {
	switch {
	case s.Let != nil:
		return s.Let.tree()
	case s.For != nil:
		f := s.For
		return &spec.For{Range: f.where(), Var: f.Var.tree(), From: f.From.tree(), To: f.To.tree(), Body: f.Body.tree()}
	case s.If != nil:
		return s.If.tree()
	case s.Return != nil:
		return &spec.Return{Range: s.Return.where(), Values: each(s.Return.Values, (*Expr).tree)}
	case s.Output != nil:
		return s.Output.tree()
	case s.Require != nil:
		return s.Require.tree()
	case s.Param != nil:
		return s.Param.tree()
	}
	a := s.Assign
	return &spec.Assign{Range: a.where(), Name: a.Name.tree(), Index: each(a.Index, (*Expr).tree), Value: a.Value.tree()}
}

func (l *letStmt) tree() spec.Stmt {
	return &spec.Let{Range: l.where(), Names: each(l.Names, (*name).tree), Value: l.Value.tree()}
}

func (i *ifStmt) tree() spec.Stmt {
	s := &spec.If{Range: i.where(), Cond: i.Cond.tree(), Then: i.Then.tree()}
	switch {
	case i.ElseIf != nil:
		s.Else = i.ElseIf.tree()
	case i.Else != nil:
		s.Else = i.Else.tree()
	}
	return s
}

func (o *outputStmt) tree() spec.Stmt {
	return &spec.Output{Range: o.where(), Report: o.Kind == "report", Items: each(o.Items, func(i *outputItem) *spec.OutputItem {
		return &spec.OutputItem{Range: i.where(), Name: i.Name.tree(), Value: i.Value.tree()}
	})}
}

func (r *require) tree() spec.Stmt {
	return &spec.Require{Range: r.where(), Cond: r.Cond.tree(), Msg: r.Msg.tree()}
}

func (p *paramStmt) tree() spec.Stmt {
	return &spec.Param{Range: p.where(), Name: p.Name.tree(), Shape: each(p.Shape, (*Expr).tree), Init: p.Init.tree()}
}
