package elab

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"mspecc/runtime/options"
	"mspecc/spec"
)

// data checks what modalities say of their data, those of imported files too: readers, their options and
// metrics are names that only the trainer gives a meaning to, by the tables of package options.
func (p *program) data(own bool) []spec.Diagnostic {
	vb := &variantBuild{p: p, out: &Variant{}}
	e := vb.elab("data", false)
	vb.run(e, func() *scope {
		for _, s := range p.loader.order {
			for _, m := range s.tree.Modalities {
				env := newScope(fileScope(s))
				e.source(m.Data, m.Metric, env, own)
				for _, t := range m.Tasks {
					e.source(t.Data, t.Metric, env, own)
				}
			}
		}
		return nil
	})
	return vb.diags
}

// source checks a reader, its options and a metric.
func (e *elab) source(x *spec.Call, metric *spec.Str, env *scope, own bool) {
	if x != nil {
		e.guard(func() { e.checkReader(x, env, own) })
	}
	if metric != nil {
		e.guard(func() { e.listedIn(metric.Range, "metric", metric.Value, options.Metrics) })
	}
}

func (e *elab) checkReader(x *spec.Call, env *scope, own bool) {
	id, ok := x.Fn.(*spec.Ident)
	if !ok {
		e.fail(x.Range, "E003", "expected the name of a data reader")
	}
	r, ok := options.Find(id.Name)
	if !ok && own {
		e.diags = append(e.diags, spec.Diagnostic{Pos: id.Pos, End: id.End, Severity: spec.Warning, Code: "W005",
			Msg:   fmt.Sprintf("the data reader %s is none of this library's", id.Name),
			Notes: append(spec.DidYouMean(id.Name, options.ReaderNames()), spec.Note{Msg: "the program must register it: data.Register"})})
		return
	}
	e.listedIn(id.Range, "data reader", id.Name, options.ReaderNames())
	first := map[string]spec.Pos{}
	for _, a := range x.Args {
		e.guard(func() {
			if a.Name == nil {
				e.fail(a.Range, "E030", "options of a data reader have names: %s(name: value)", id.Name)
			}
			name := options.Spelling(a.Name.Text)
			if pos, twice := first[name]; twice {
				e.failWith(a.Name.Range, "E030", []spec.Note{{Pos: pos, Msg: "first here"}}, "%s gets its option %s twice", id.Name, name)
			}
			first[name] = a.Name.Pos
			e.checkOption(r, a, env)
		})
	}
}

// checkOption checks the name and the value of an option.
func (e *elab) checkOption(r options.Reader, a *spec.Arg, env *scope) {
	o, ok := r.Option(a.Name.Text)
	if !ok {
		var names []string
		for _, o := range r.Options {
			names = append(names, o.Name)
		}
		notes := spec.DidYouMean(a.Name.Text, names)
		if notes == nil {
			notes = []spec.Note{{Msg: "its options are " + strings.Join(names, ", ")}}
		}
		e.failWith(a.Name.Range, "E075", notes, "the data reader %s has no option %s", r.Name, a.Name.Text)
	}
	v := e.eval(a.Value, env)
	if takes(o.Type, v) && o.Fits(optionText(v, o)) {
		return
	}
	var notes []spec.Note
	if word, ok := v.(string); ok {
		notes = spec.DidYouMean(word, o.Type.Words)
	}
	e.failWith(a.Value.Where(), "E075", append(notes, spec.Note{Msg: o.Name + ": " + o.Doc}), "%s must be %s, this is %s", o.Name, o.Type.Want, describe(v))
}

// listedIn refuses a name that a table has not.
func (e *elab) listedIn(at spec.Range, what, name string, all []string) {
	for _, n := range all {
		if n == name {
			return
		}
	}
	e.failWith(at, "E075", append(spec.DidYouMean(name, all), spec.Note{Msg: "there are " + strings.Join(all, ", ")}), "there is no %s %s", what, name)
}

// takes reports whether an option can have values of a kind, whatever they are.
func takes(t options.Type, v value) bool {
	switch v := v.(type) {
	case int, float64, string:
		return true
	case bool:
		return slices.Contains(t.Words, text(v))
	case list:
		return t.List && allConstant(v)
	}
	return false
}

func allConstant(l list) bool {
	return !slices.ContainsFunc(l, func(v value) bool { return !constant(v) })
}

// optionText is the value of an option as the trainer takes it.
func optionText(v value, o options.Option) string {
	switch v := v.(type) {
	case float64:
		if plain := text(v); v != math.Trunc(v) || math.Abs(v) > 1<<53 || o.Fits(plain) {
			return plain
		}
		return strconv.FormatFloat(v, 'f', 0, 64) // a whole number has no exponent
	case list:
		if allConstant(v) {
			var parts []string
			for _, x := range v {
				parts = append(parts, text(x))
			}
			return options.Join(parts)
		}
	}
	return text(v)
}

// checkExposed warns of outputs of features and reconstruct that no command of a trainer looks for.
func (vb *variantBuild) checkExposed(e *elab, name string) {
	known := options.Features
	if name == "reconstruct" {
		known = options.Reconstruct
	}
	for _, o := range e.fn.Outputs {
		base := o.Name
		if stem, number, ok := strings.Cut(o.Name, "."); ok && name == "reconstruct" && stem != "mask" {
			if _, err := strconv.Atoi(number); err == nil {
				base = stem
			}
		}
		if at := e.outputs[o.Name]; !slices.Contains(known, base) {
			vb.diags = append(vb.diags, spec.Diagnostic{Pos: at.Pos, End: at.End, Severity: spec.Warning, Code: "W007",
				Msg:   fmt.Sprintf("%s exposes %s, which no command of the trainer looks for", name, o.Name),
				Notes: append(spec.DidYouMean(base, known), spec.Note{Msg: "they look for " + strings.Join(known, ", ")})})
		}
	}
}
