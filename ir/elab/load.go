package elab

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mspecc/parser"
	"mspecc/spec"
)

// Load reads, checks and elaborates a spec. The model is nil if there are errors; there
// may be warnings either way.
func Load(file string, opt Options) (*Model, []spec.Diagnostic) {
	p, diags := read(file, opt)
	if spec.HasErrors(diags) {
		return nil, errorsOf(diags)
	}
	model, more := p.elaborate(opt)
	diags = append(diags, more...)
	if spec.HasErrors(diags) {
		return nil, errorsOf(diags)
	}
	return model, spec.Sort(diags)
}

// Check is Load for files that need not be a whole program: of a file without model, such as
// a library, only the names are checked, and the model is nil.
func Check(file string, opt Options) (*Model, []spec.Diagnostic) {
	p, diags := read(file, opt)
	if spec.HasErrors(diags) {
		return nil, errorsOf(diags)
	}
	tree := p.main.tree
	if m, _, _ := p.model(); m == nil && len(tree.Models) == 0 && len(tree.Funcs)+len(tree.Kinds)+len(tree.Modalities) > 0 {
		return nil, spec.Sort(diags)
	}
	return Load(file, opt)
}

// errorsOf leaves warnings out: they may follow from the errors.
func errorsOf(diags []spec.Diagnostic) []spec.Diagnostic {
	diags = slices.DeleteFunc(diags, func(d spec.Diagnostic) bool { return d.Severity != spec.Error })
	return spec.Sort(diags)
}

// program is a parsed and resolved spec.
type program struct {
	main   *source
	loader *loader
}

// read loads a file with its imports and checks all names.
func read(file string, opt Options) (*program, []spec.Diagnostic) {
	l := &loader{files: map[string]*source{}}
	main := l.load(filepath.Clean(file), spec.Range{})
	if main == nil || spec.HasErrors(l.diags) {
		return nil, l.diags
	}
	for _, s := range l.order {
		l.index(s)
	}
	if !spec.HasErrors(l.diags) {
		l.diags = append(l.diags, resolveAll(l.order, main)...)
	}
	p := &program{main, l}
	if !spec.HasErrors(l.diags) {
		l.diags = append(l.diags, p.data(opt.OwnReaders)...)
	}
	return p, l.diags
}

// index enters the file's functions and kinds under their names.
func (l *loader) index(s *source) {
	first := map[string]spec.Pos{}
	declare := func(n spec.Name) bool {
		if p, ok := first[n.Text]; ok {
			l.diags = append(l.diags, duplicate(n, p))
			return false
		}
		if builtins[n.Text] != nil || constants[n.Text] != nil || n.Text == "training" {
			l.fail(n.Range, "E021", "%s is built into the language; choose another name", n.Text)
			return false
		}
		first[n.Text] = n.Pos
		return true
	}
	for _, f := range s.tree.Funcs {
		if declare(f.Name) {
			s.funcs[f.Name.Text] = f
		}
	}
	for _, k := range s.tree.Kinds {
		if declare(k.Name) {
			s.kinds[k.Name.Text] = k
		}
	}
	for _, m := range s.tree.Modalities {
		declare(m.Name)
	}
	for _, m := range s.tree.Models {
		declare(m.Name)
	}
}

func duplicate(n spec.Name, first spec.Pos) spec.Diagnostic {
	return spec.Diagnostic{Pos: n.Pos, End: n.End, Code: "E021", Msg: n.Text + " is declared twice",
		Notes: []spec.Note{{Pos: first, Msg: "first declared here"}}}
}

// elaborate builds every chosen variant of the model.
func (p *program) elaborate(opt Options) (*Model, []spec.Diagnostic) {
	model, from, diags := p.model()
	if model == nil {
		return nil, diags
	}
	m := &Model{Name: model.Name.Text, File: p.main.name, Digest: p.loader.digest(), Sources: p.loader.sources()}
	sets, diags := parseSets(opt.Set, model)
	if spec.HasErrors(diags) {
		return nil, diags
	}
	chosen := []*chosenModality{nil}
	if model.Modality != nil {
		if chosen, diags = p.modalities(opt.Modalities, model); spec.HasErrors(diags) {
			return nil, diags
		}
	} else if len(opt.Modalities) > 0 && !slices.Equal(opt.Modalities, []string{m.Name}) {
		return nil, []spec.Diagnostic{{Pos: model.Name.Pos, End: model.Name.End, Code: "E071",
			Msg: fmt.Sprintf("the model %s has no modality parameter, so there is no modality %s", m.Name, opt.Modalities[0])}}
	}
	if diags = append(diags, distinct(chosen)...); spec.HasErrors(diags) {
		return nil, diags
	}
	for _, c := range chosen {
		vb := &variantBuild{p: p, model: model, from: from, modality: c, sets: sets, sites: map[string]paramSite{}}
		m.Variants = append(m.Variants, vb.build())
		diags = append(diags, vb.diags...)
		if len(diags) >= maxErrors {
			break
		}
	}
	return m, diags
}

// model finds the one model: the file's own, else the imported one.
func (p *program) model() (*spec.Model, *source, []spec.Diagnostic) {
	var found []*spec.Model
	var from []*source
	for _, own := range []bool{true, false} {
		for _, s := range p.loader.order {
			if (s == p.main) == own && len(found) == 0 || !own && s != p.main && len(from) > 0 && from[0] != p.main {
				for _, m := range s.tree.Models {
					found, from = append(found, m), append(from, s)
				}
			}
		}
	}
	switch len(found) {
	case 0:
		return nil, nil, []spec.Diagnostic{{Pos: spec.Pos{File: p.main.name}, Code: "E072",
			Msg: "the spec has no model", Notes: []spec.Note{{Msg: "declare one: model NAME(m: modality) { ... }, or import a file that does"}}}}
	case 1:
		return found[0], from[0], nil
	}
	second := found[1].Name
	return nil, nil, []spec.Diagnostic{{Pos: second.Pos, End: second.End, Code: "E072", Msg: "the spec has more than one model",
		Notes: []spec.Note{{Pos: found[0].Name.Pos, Msg: "the first is " + found[0].Name.Text}}}}
}

// chosenModality is a modality with the file that declares it.
type chosenModality struct {
	decl *spec.Modality
	from *source
}

// modalities lists those asked for; without a wish the file's own, else all imported ones.
func (p *program) modalities(names []string, model *spec.Model) ([]*chosenModality, []spec.Diagnostic) {
	var all, own []*chosenModality
	var known []string
	for _, s := range p.loader.order {
		for _, m := range s.tree.Modalities {
			c := &chosenModality{m, s}
			all = append(all, c)
			known = append(known, m.Name.Text)
			if s == p.main {
				own = append(own, c)
			}
		}
	}
	if len(names) == 0 {
		if len(own) > 0 {
			return own, nil
		}
		if len(all) == 0 {
			return nil, []spec.Diagnostic{{Pos: model.Name.Pos, End: model.Name.End, Code: "E071",
				Msg: fmt.Sprintf("the model %s needs a modality, and the spec declares none", model.Name.Text)}}
		}
		return all, nil
	}
	var chosen []*chosenModality
	for _, name := range names {
		found := false
		for _, list := range [][]*chosenModality{own, all} {
			for _, c := range list {
				if !found && c.decl.Name.Text == name {
					chosen, found = append(chosen, c), true
				}
			}
		}
		if !found {
			notes := append(spec.DidYouMean(name, known), spec.Note{Msg: "there are " + strings.Join(known, ", ")})
			return nil, []spec.Diagnostic{{Pos: spec.Pos{File: p.main.name}, Code: "E071", Msg: "there is no modality " + name, Notes: notes}}
		}
	}
	return chosen, nil
}

// givenSet is a setting from the command line.
type givenSet struct {
	name string
	expr spec.Expr
}

func parseSets(sets []string, model *spec.Model) ([]givenSet, []spec.Diagnostic) {
	var out []givenSet
	var known []string
	for _, s := range model.Sets {
		known = append(known, s.Name.Text)
	}
	for _, s := range sets {
		where := spec.Pos{File: "--set " + s}
		name, val, ok := strings.Cut(s, "=")
		name = strings.TrimSpace(name)
		if !ok {
			return nil, []spec.Diagnostic{{Pos: where, Code: "E070", Msg: "expected --set name=value"}}
		}
		if !slices.Contains(known, name) {
			notes := append(spec.DidYouMean(name, known), spec.Note{Msg: "there are " + strings.Join(known, ", ")})
			return nil, []spec.Diagnostic{{Pos: where, Code: "E070", Msg: fmt.Sprintf("the model %s has no setting %s", model.Name.Text, name), Notes: notes}}
		}
		x, diags := parser.ParseExpr(where.File, []byte(val))
		if len(diags) > 0 {
			return nil, []spec.Diagnostic{{Pos: where, Code: "E070", Msg: fmt.Sprintf("%q is not a value: %s", val, diags[0].Msg)}}
		}
		if word, ok := x.(*spec.Ident); ok {
			x = &spec.Str{Range: word.Range, Value: word.Name}
		}
		out = append(out, givenSet{name, x})
	}
	return out, nil
}

// folder finds a sample's folder beside the file that names it.
func folder(from *source, path string) (string, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(from.name), path)
	}
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("it is not a folder")
	}
	if err != nil {
		return "", fmt.Errorf("%s", reason(err))
	}
	return path, nil
}
