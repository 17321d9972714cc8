package overview

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mspecc/runtime/report"
	"mspecc/runtime/runs"
)

// open makes runs of so many lines of metrics each.
func open(t *testing.T, kind string, lines ...int) []*Run {
	t.Helper()
	var list []*Run
	for _, n := range lines {
		r, err := Open(example(t, kind, n))
		if err == nil {
			err = r.ReadPanels()
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

func TestCompare(t *testing.T) {
	list := open(t, report.Image, 5, 8)
	list[1].Evaluations[0].Results[0].Test.Mean = 0.9
	list[1].Manifest.Settings[0].Value = "0.5"
	list[1].Manifest.Options.Seed = 8
	c := Compare(list, false)
	find := func(name string) CompareRow {
		i := slices.IndexFunc(c.Rows, func(r CompareRow) bool { return r.Name == name })
		if i < 0 {
			t.Fatalf("there is no row %q", name)
		}
		return c.Rows[i]
	}
	for name, want := range map[string]CompareRow{
		"step":                  {Text: []string{"50 of 50", "80 of 80"}, Best: []bool{false, false}},
		"loss at step 50":       {Text: []string{"0.4", "0.4"}, Best: []bool{true, true}},
		"loss":                  {Text: []string{"0.4", "0.25"}, Best: []bool{false, true}},
		"linear, test accuracy": {Text: []string{"74.50 %", "90.00 %"}, Best: []bool{false, true}},
		"mean squared error on hidden tokens, after adaptation": {Text: []string{"0.2", "0.2"}, Best: []bool{true, true}},
		"inner loss": {Text: []string{"3", "3"}, Best: []bool{false, false}},
		"mask_ratio": {Text: []string{"0.75", "0.5"}, Best: []bool{false, false}},
		"seed":       {Text: []string{"7", "8"}, Best: []bool{false, false}},
	} {
		if got := find(name); !slices.Equal(got.Text, want.Text) || !slices.Equal(got.Best, want.Best) {
			t.Errorf("%s: %v %v, expected %v %v", name, got.Text, got.Best, want.Text, want.Best)
		}
	}
	if slices.ContainsFunc(c.Rows, func(r CompareRow) bool { return r.Name == "optimizer" || r.Name == "token accuracy on hidden tokens" }) {
		t.Error("rows that say nothing")
	}
	if all := Compare(list, true); len(all.Rows) <= len(c.Rows) {
		t.Error("all settings are not more")
	}
}

func TestComparePage(t *testing.T) {
	for kind, want := range map[string]string{report.Image: "reconstruction of first", report.Series: "example 2, channel 1", report.Tokens: "<em>&lt;</em>"} {
		c := Compare(open(t, kind, 5, 8, 3), false)
		name := filepath.Join(t.TempDir(), "c.html")
		if err := c.WritePage(name); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		wellFormed(t, string(raw))
		for _, w := range []string{want, "3 runs side by side", "inner_loss of all runs", "<strong>0.25</strong>", `class="line c2"`} {
			if !strings.Contains(string(raw), w) {
				t.Errorf("%s: the page lacks %q", kind, w)
			}
		}
	}
	empty := runs.Dir(t.TempDir())
	write(t, empty.Manifest(), &runs.Manifest{Model: "m"})
	r, err := Open(empty)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "c.html")
	if err := Compare([]*Run{r, r}, true).WritePage(name); err != nil {
		t.Fatal(err)
	}
}
