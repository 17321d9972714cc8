package elab

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"mspecc/ir/optim"
	"mspecc/parser"
	"mspecc/spec"
)

// WriteReference writes the part of the language reference that follows from the code: a
// table of the builtins by group, and what the standard library declares.
func WriteReference(w io.Writer) {
	fmt.Fprint(w, "\n## Builtins\n\nArguments in brackets may be left out. `pi` and `training` are constants.\n")
	var groups []string
	for _, group := range builtinGroups() {
		name := group[0].group
		if !slices.Contains(groups, name) {
			groups = append(groups, name)
			fmt.Fprintf(w, "\n### %s\n\n| builtin | meaning |\n| --- | --- |\n", strings.ToUpper(name[:1])+name[1:])
		}
		for _, b := range group {
			fmt.Fprintf(w, "| `%s` | %s |\n", b.signature(), b.doc)
		}
	}
	fmt.Fprint(w, "\n## Standard library\n")
	for _, name := range spec.StdNames() {
		writeLibrary(w, name)
	}
}

// WriteTraining writes the tables of what a train block may say.
func WriteTraining(w io.Writer) {
	fmt.Fprint(w, "| item | default | meaning |\n| --- | --- | --- |\n")
	for _, item := range trainItems() {
		fmt.Fprintf(w, "| `%s` | `%v` | %s |\n", item.name, item.preset(&trainDefaults), item.doc)
	}
	fmt.Fprint(w, "\n`g` is the gradient after clipping, `w` the parameters, `t` the step:\n\n| optimizer | defaults | meaning |\n| --- | --- | --- |\n")
	for _, o := range optim.All() {
		var args []string
		for _, a := range o.Args {
			args = append(args, fmt.Sprintf("%s: %g", a.Name, a.Default))
		}
		fmt.Fprintf(w, "| `%s` | `%s` | %s |\n", o.Name, strings.Join(args, ", "), o.Doc)
	}
	fmt.Fprint(w, "\nOver the first `warmup` steps (0) the rate grows linearly from 0. Then it\n\n| schedule | meaning |\n| --- | --- |\n")
	for _, s := range schedules {
		fmt.Fprintf(w, "| `%s(%s)` | %s |\n", s.name, strings.Join(s.args, ", "), s.doc)
	}
}

// writeLibrary lists the functions and kinds of a library file with the comments above them.
func writeLibrary(w io.Writer, name string) {
	src, _ := spec.StdFile(name)
	tree, _ := parser.Parse(name, src)
	lines := strings.Split(string(src), "\n")
	fmt.Fprintf(w, "\n### %s\n\n%s\n\n| declaration | meaning |\n| --- | --- |\n", name, comment(lines, firstCode(lines)))
	for _, f := range tree.Funcs {
		fmt.Fprintf(w, "| `%s` | %s |\n", declaration(f.Name, f.Params), comment(lines, f.Pos.Line-1))
	}
	for _, k := range tree.Kinds {
		fmt.Fprintf(w, "| `kind %s` | %s |\n", declaration(k.Name, k.Params), comment(lines, k.Pos.Line-1))
	}
}

// firstCode is the line after the comment at the start of the file.
func firstCode(lines []string) int {
	for i, l := range lines {
		if !strings.HasPrefix(l, "//") {
			return i
		}
	}
	return len(lines)
}

// comment joins the comment lines right above a line.
func comment(lines []string, at int) string {
	var text []string
	for i := at - 1; i >= 0 && strings.HasPrefix(lines[i], "//"); i-- {
		text = append(text, strings.TrimPrefix(strings.TrimPrefix(lines[i], "//"), " "))
	}
	slices.Reverse(text)
	sep := " "
	if at == firstCode(lines) {
		sep = "\n"
	}
	return strings.TrimSpace(strings.Join(text, sep))
}

func declaration(n spec.Name, params []*spec.FuncParam) string {
	parts := make([]string, len(params))
	for i, p := range params {
		parts[i] = p.Name.Text
		if p.Shape != nil {
			parts[i] += ": " + pattern(p.Shape)
		}
		if p.Default != nil {
			parts[i] += " = " + written(p.Default)
		}
	}
	return n.Text + "(" + strings.Join(parts, ", ") + ")"
}
