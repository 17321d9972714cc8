package spec

import (
	"strings"
	"testing"
)

func TestRender(t *testing.T) {
	src := "first\n\tlet é = wrong\n"
	diags := []Diagnostic{
		{Pos: Pos{"f", 2, 10}, End: Pos{"f", 2, 15}, Code: "E1", Msg: "no", Notes: []Note{{Msg: "why"}, {Pos{"g", 1, 2}, "there"}}},
		{Pos: Pos{"f", 9, 1}, Severity: Warning, Code: "W1", Msg: "past the end"},
		{Code: "E2", Msg: "nowhere"},
	}
	var out strings.Builder
	Render(&out, diags, func(string) []byte { return []byte(src) })
	want := `f:2:10: error[E1]: no
    2 |     let é = wrong
      |             ^~~~~
  note: why
  note: g:1:2: there

f:9:1: warning[W1]: past the end

?: error[E2]: nowhere
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	if !HasErrors(diags) || HasErrors(diags[1:2]) {
		t.Error("HasErrors")
	}
}

func TestSort(t *testing.T) {
	a, b := Diagnostic{Pos: Pos{"f", 2, 1}, Msg: "a"}, Diagnostic{Pos: Pos{"f", 1, 5}, Msg: "b"}
	got := Sort([]Diagnostic{a, b, a})
	if len(got) != 2 || got[0].Msg != "b" || got[1].Msg != "a" {
		t.Errorf("%v", got)
	}
}

func TestSuggest(t *testing.T) {
	names := []string{"mask_ratio", "batch", "dropout", "lr"}
	for name, want := range map[string]string{"mask_ration": "mask_ratio", "btach": "batch", "Dropout": "dropout", "zzz": "", "batch": "", "rl": "lr"} {
		if got := Suggest(name, names); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestStd(t *testing.T) {
	for _, n := range StdNames() {
		if src, ok := StdFile(n); !ok || len(src) == 0 {
			t.Errorf("%s: %v", n, ok)
		}
	}
	for _, n := range []string{"std/../std/nn2", "nn", "std/none"} {
		if _, ok := StdFile(n); ok {
			t.Errorf("%s exists", n)
		}
	}
}
