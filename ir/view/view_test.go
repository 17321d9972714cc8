package view

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mspecc/internal/progen"
	"mspecc/ir"
	"mspecc/ir/pass"
	"mspecc/spec"
)

func TestWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.mspec")
	if err := os.WriteFile(file, []byte("model a {\n  let y = exp(x) </script>\n}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	b := ir.NewBuilder()
	x := b.Input("x </script> & \"quoted\"", ir.F32, []int{2, 3})
	b.Pos, b.Label = spec.Pos{File: file, Line: 2, Col: 11}, "head"
	y := b.Unary(ir.Exp, b.StopGradient(x))
	p := &ir.Program{B: b, Outputs: []ir.Output{{Name: "y", Value: y}}}
	var r Recorder
	if err := pass.Run(p, pass.Options{Observe: r.Observe}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Write(&out, "a <model>", r.Stages); err != nil {
		t.Fatal(err)
	}
	html := out.String()
	for _, want := range []string{"a &lt;model&gt;", "let y = exp(x)", "erase-stop-gradient", "stop_gradient %0"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if n := strings.Count(html, "</script>"); n != 1 {
		t.Errorf("%d script ends: the data is not escaped", n)
	}
	if m := regexp.MustCompile(`(src|href)=|https?://`).FindString(html); m != "" {
		t.Errorf("the page refers to something outside: %q", m)
	}
}

// TestContent: a value that a pass leaves alone is recognised under its new number. (Before the first
// pass, gradients have values of their own that equal others.)
func TestContent(t *testing.T) {
	p := progen.Program(1)
	var r Recorder
	if err := pass.Run(p, pass.Options{Observe: r.Observe}); err != nil {
		t.Fatal(err)
	}
	first, last := makeColumn(r.Stages[1]), makeColumn(r.Stages[len(r.Stages)-1])
	seen := map[string]bool{}
	for _, l := range first.Lines {
		if seen[l.Same] {
			t.Errorf("%s is taken for another value", l.Text)
		}
		seen[l.Same] = true
	}
	found := 0
	for _, l := range last.Lines {
		if seen[l.Same] {
			found++
		}
	}
	if found < 5 {
		t.Errorf("only %d of %d values are recognised", found, len(last.Lines))
	}
}
