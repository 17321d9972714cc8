// Package view writes the stages of a compilation as one self-contained HTML page: a
// column per stage, a line per value. Pointing at a value marks what it is in the other
// stages, what it reads and what reads it, and shows the line of the spec it comes from.
package view

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"html/template"
	"io"
	"strings"

	"mspecc/ir"
	"mspecc/ir/pass"
	"mspecc/spec"
)

// Stage is a program at one point of the pipeline. Capture it when it is reached: passes
// change the Program they are given.
type Stage struct {
	Name    string
	Program *ir.Program
}

// Recorder collects stages; its Observe goes into pass.Options.
type Recorder struct{ Stages []Stage }

// Observe records a copy of the program, whose values never change.
func (r *Recorder) Observe(stage string, p *pass.Program) {
	q := *p
	r.Stages = append(r.Stages, Stage{stage, &q})
}

//go:embed view.html
var page string

var tmpl = template.Must(template.New("view").Parse(page))

// line is one value as the page needs it.
type line struct {
	Text  string `json:"t"`           // as in the text form, without position
	Args  []int  `json:"a,omitempty"` // places of the arguments in this column
	Same  string `json:"s"`           // equal for values that compute the same expression
	Place string `json:"p,omitempty"` // position and label, equal for what one line of the spec became
	Phase int    `json:"f"`
}

type column struct {
	Name  string            `json:"name"`
	Note  string            `json:"note"`
	Lines []line            `json:"lines"`
	Out   map[string]string `json:"out"` // place in the column -> names of outputs
}

// Write writes the page. Source lines are read from the files that positions name; a file
// that cannot be read shows its position alone.
func Write(w io.Writer, title string, stages []Stage) error {
	cols := make([]column, len(stages))
	files := map[string][]string{}
	sources := map[string]string{}
	for i, s := range stages {
		cols[i] = makeColumn(s)
		for _, v := range s.Program.Live() {
			if p := place(v); p != "" && sources[p] == "" {
				sources[p] = p + "  " + sourceLine(files, v.Pos)
			}
		}
	}
	phases := make([]string, ir.Phases)
	for i := range phases {
		phases[i] = ir.Phase(i).String()
	}
	data, err := json.Marshal(map[string]any{"columns": cols, "sources": sources, "phases": phases})
	if err != nil {
		return fmt.Errorf("writing the view of %s: %w", title, err)
	}
	return tmpl.Execute(w, map[string]any{"Title": title, "Data": template.JS(data)})
}

func makeColumn(s Stage) column {
	live := s.Program.Live()
	c := column{Name: s.Name, Out: map[string]string{}, Lines: make([]line, len(live))}
	at := make(map[*ir.Value]int, len(live))
	hash := make(map[*ir.Value]uint64, len(live))
	for i, v := range live {
		at[v] = i
		hash[v] = content(v, hash)
		l := line{Text: v.Expr(6), Same: fmt.Sprintf("%x", hash[v]), Place: place(v), Phase: int(v.Phase)}
		for _, a := range v.Args {
			l.Args = append(l.Args, at[a])
		}
		c.Lines[i] = l
	}
	for _, o := range s.Program.Outputs {
		key := fmt.Sprint(at[o.Value])
		c.Out[key] = strings.TrimSpace(c.Out[key] + " " + o.Name)
	}
	c.Note = fmt.Sprintf("%d values", len(live))
	var flops int64
	for _, n := range ir.Flops(live) {
		flops += n
	}
	if flops > 0 {
		c.Note += fmt.Sprintf(", %.3g GFLOP in products", float64(flops)/1e9)
	}
	return c
}

// content is equal for values that are the same expression over the same leaves, in
// whatever stage and under whatever number.
func content(v *ir.Value, hash map[*ir.Value]uint64) uint64 {
	h := fnv.New64a()
	text := v.Expr(6)
	_, text, _ = strings.Cut(text, ":") // without its number
	if i := strings.IndexByte(text, '{'); i >= 0 && len(v.Args) > 0 {
		fmt.Fprint(h, text[i:])
	}
	if len(v.Args) == 0 {
		fmt.Fprint(h, text)
	}
	fmt.Fprint(h, v.Op, v.Type, v.Attr.Table)
	for _, a := range v.Args {
		fmt.Fprint(h, " ", hash[a])
	}
	return h.Sum64()
}

func place(v *ir.Value) string {
	if v.Pos.Line == 0 {
		return v.Label
	}
	return strings.TrimSpace(fmt.Sprintf("%s:%d:%d %s", v.Pos.File, v.Pos.Line, v.Pos.Col, v.Label))
}

// sourceLine reads one line of a spec; files caches what was read.
func sourceLine(files map[string][]string, pos spec.Pos) string {
	if pos.Line == 0 {
		return ""
	}
	lines, ok := files[pos.File]
	if !ok {
		if text, err := spec.ReadFile(pos.File); err == nil {
			lines = strings.Split(string(text), "\n")
		}
		files[pos.File] = lines
	}
	if pos.Line > len(lines) {
		return ""
	}
	return strings.TrimSpace(lines[pos.Line-1])
}
