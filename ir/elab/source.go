package elab

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"mspecc/parser"
	"mspecc/runtime/files"
	"mspecc/spec"
)

// source is one file of the program with those it imports.
type source struct {
	name    string
	text    []byte
	tree    *spec.File
	imports []*source
	used    []bool // by import: something of it was looked up
	funcs   map[string]*spec.Func
	kinds   map[string]*spec.Kind
}

// maxFiles is what one program may consist of.
const maxFiles = 256

// loader reads the files of a program, each once.
type loader struct {
	files map[string]*source
	order []*source // imported files before those that import them
	stack []string  // files being loaded, to find cycles
	diags []spec.Diagnostic
}

// readSource reads a file, or a standard library file.
func readSource(name string) ([]byte, error) {
	if text, ok := spec.StdFile(strings.TrimSuffix(name, ".mspec")); ok {
		return text, nil
	}
	return spec.ReadFile(name)
}

// load reads a file and what it imports; at is the import that asked for it.
func (l *loader) load(name string, at spec.Range) *source {
	for i, s := range l.stack {
		if s == name {
			l.fail(at, "E011", "%s imports itself: %s", name, strings.Join(append(l.stack[i:], name), " -> "))
			return nil
		}
	}
	if s := l.files[name]; s != nil {
		return s
	}
	if len(l.files) >= maxFiles {
		l.fail(at, "E081", "more than %d files", maxFiles)
		return nil
	}
	text, err := readSource(name)
	if err != nil {
		l.notFound(name, at, err)
		return nil
	}
	tree, diags := parser.Parse(name, text)
	l.diags = append(l.diags, diags...)
	s := &source{name: name, text: text, tree: tree, funcs: map[string]*spec.Func{}, kinds: map[string]*spec.Kind{}}
	l.files[name] = s
	l.stack = append(l.stack, name)
	for _, imp := range tree.Imports {
		if t := l.load(importPath(name, imp.Path), imp.Range); t != nil {
			s.imports = append(s.imports, t)
			s.used = append(s.used, false)
		}
	}
	l.stack = l.stack[:len(l.stack)-1]
	l.order = append(l.order, s)
	return s
}

// importPath is the file an import names: std/NAME, or relative to the importing file.
func importPath(from, path string) string {
	if strings.HasPrefix(path, "std/") {
		return strings.TrimSuffix(path, ".mspec") + ".mspec"
	}
	if !strings.HasSuffix(path, ".mspec") {
		path += ".mspec"
	}
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(filepath.Dir(from), path)
}

func (l *loader) notFound(name string, at spec.Range, err error) {
	if !at.Pos.Known() {
		l.diags = append(l.diags, spec.Diagnostic{Pos: spec.Pos{File: name}, Code: "E001", Msg: reason(err)})
		return
	}
	d := spec.Diagnostic{Pos: at.Pos, End: at.End, Code: "E010", Msg: fmt.Sprintf("cannot import %s: %s", name, reason(err))}
	if strings.HasPrefix(name, "std/") {
		d.Msg = fmt.Sprintf("the standard library has no %s", name)
		d.Notes = append(spec.DidYouMean(strings.TrimSuffix(name, ".mspec"), spec.StdNames()),
			spec.Note{Msg: "there are " + strings.Join(spec.StdNames(), ", ")})
	}
	l.diags = append(l.diags, d)
}

// reason is an error without the path that os puts before it.
func reason(err error) string {
	var kind *files.KindError
	var large *files.SizeError
	switch {
	case errors.As(err, &kind):
		return "it is " + kind.What + ", expected a file"
	case errors.As(err, &large):
		return fmt.Sprintf("the file has %d bytes; a spec has at most %d", large.Size, large.Limit)
	case os.IsNotExist(err):
		return "there is no such file"
	case os.IsPermission(err):
		return "the file may not be read"
	}
	return err.Error()
}

func (l *loader) fail(at spec.Range, code, format string, args ...any) {
	l.diags = append(l.diags, spec.Diagnostic{Pos: at.Pos, End: at.End, Code: code, Msg: fmt.Sprintf(format, args...)})
}

// digest is the sha256 over all sources in load order, without their paths.
func (l *loader) digest() string {
	h := sha256.New()
	for _, s := range l.order {
		fmt.Fprintf(h, "%s %d\n", filepath.Base(s.name), len(s.text))
		h.Write(s.text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// sources lists all files, the main one last.
func (l *loader) sources() []Source {
	own := map[*source]string{}
	root := ""
	for _, s := range l.order {
		if l.std(s) {
			continue
		}
		name, err := filepath.Abs(s.name)
		if err != nil {
			name = s.name // the current folder is gone; then names are all that is known
		}
		own[s] = name
		if root == "" {
			root = filepath.Dir(name)
		}
		for root != filepath.Dir(root) && !strings.HasPrefix(name, strings.TrimSuffix(root, string(filepath.Separator))+string(filepath.Separator)) {
			root = filepath.Dir(root)
		}
	}
	var list []Source
	for _, s := range l.order {
		name := s.name
		if own[s] != "" {
			name = strings.TrimPrefix(strings.TrimPrefix(own[s], root), string(filepath.Separator))
		}
		list = append(list, Source{filepath.ToSlash(name), string(s.text)})
	}
	return list
}

// std reports whether a source is a file of the standard library.
func (l *loader) std(s *source) bool {
	_, ok := spec.StdFile(strings.TrimSuffix(s.name, ".mspec"))
	return ok
}

// findFunc looks a function up in the file, then in what it imports.
func (s *source) findFunc(name string) (*spec.Func, *source) {
	if f := s.funcs[name]; f != nil {
		return f, s
	}
	for i, t := range s.imports {
		if f, from := t.findFunc(name); f != nil {
			s.used[i] = true
			return f, from
		}
	}
	return nil, nil
}

// findKind is findFunc for kinds.
func (s *source) findKind(name string) (*spec.Kind, *source) {
	if k := s.kinds[name]; k != nil {
		return k, s
	}
	for i, t := range s.imports {
		if k, from := t.findKind(name); k != nil {
			s.used[i] = true
			return k, from
		}
	}
	return nil, nil
}

// visible lists the functions and kinds that the file can use.
func (s *source) visible() []string {
	seen, out := map[*source]bool{}, []string{}
	var visit func(*source)
	visit = func(t *source) {
		if seen[t] {
			return
		}
		seen[t] = true
		for n := range t.funcs {
			out = append(out, n)
		}
		for n := range t.kinds {
			out = append(out, n)
		}
		for _, u := range t.imports {
			visit(u)
		}
	}
	visit(s)
	return out
}

// isStd reports whether a position lies in the standard library.
func isStd(p spec.Pos) bool { return strings.HasPrefix(p.File, "std/") }
