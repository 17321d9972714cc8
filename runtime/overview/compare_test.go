package overview

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mspecc/runtime"
	"mspecc/runtime/eval"
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
	list[1].Manifest.Settings = append(list[1].Manifest.Settings, runtime.Setting{Name: "lr", Value: "0.5"})
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
		"lr":         {Text: []string{"", "0.5"}, Best: []bool{false, false}},
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

// A star is given only among numbers that are comparable, and else it is said why not.
func TestStarsAreOfWhatIsComparable(t *testing.T) {
	const loss, score, speed = "lowest loss", "linear, test accuracy", "examples per second"
	one := func(v float64) *eval.Score { return &eval.Score{Mean: v, Values: []float64{v}} }
	for _, c := range []struct {
		what    string
		change  func(r *Run)
		row     string
		starred bool
		note    string // part of it
	}{
		{"nothing", func(*Run) {}, loss, true, ""},
		{"nothing", func(*Run) {}, score, true, ""},
		{"nothing", func(*Run) {}, speed, true, ""},
		{"the seed", func(r *Run) { r.Manifest.Options.Seed = 99 }, loss, true, ""},
		{"the rate", func(r *Run) {
			r.Manifest.Settings = append(r.Manifest.Settings, runtime.Setting{Name: "weight_decay", Value: "1"})
		}, loss, true, ""},
		{"a setting", func(r *Run) { r.Manifest.Settings = []runtime.Setting{{Name: "mask_ratio", Value: "0.5"}} }, loss, false, "the setting mask_ratio"},
		{"a setting", func(r *Run) { r.Manifest.Settings = []runtime.Setting{{Name: "mask_ratio", Value: "0.5"}} }, score, true, ""},
		{"a setting", func(r *Run) { r.Manifest.Settings = []runtime.Setting{{Name: "mask_ratio", Value: "0.5"}} }, "mean squared error on hidden tokens, after adaptation", false, "the setting mask_ratio"},
		{"the model", func(r *Run) { r.Manifest.Model = "mae" }, loss, false, "the model"},
		{"the spec", func(r *Run) { r.Manifest.Digest = "4567" }, loss, false, "the spec"},
		{"the data", func(r *Run) { r.Manifest.Data.Train = 7 }, loss, false, "the data"},
		{"the data", func(r *Run) { r.Manifest.Data.Options = []string{"classes=3"} }, loss, false, "the data"},
		{"the machine", func(r *Run) { r.Manifest.Sessions[1].Threads = 9 }, speed, false, "the number of threads"},
		{"the task", func(r *Run) { r.Evaluations[0].Task = "other" }, score, false, ""}, // a row of its own
		{"the test examples", func(r *Run) { r.Evaluations[0].TestDigest = "89" }, score, false, "the test examples"},
		{"how many train", func(r *Run) { r.Evaluations[0].Results[0].Examples = 3 }, score, false, "the number of examples"},
		{"the epochs", func(r *Run) { r.Evaluations[0].Protocol = map[string]any{"epochs": 7.0} }, score, false, "the protocol's epochs"},
		{"the epochs", func(r *Run) { r.Evaluations[0].Protocol = map[string]any{"epochs": 7.0} }, "knn, k 20, test accuracy", true, ""},
		{"the seed of heads", func(r *Run) { r.Evaluations[0].Protocol["seed"] = 5.0 }, score, true, ""},
		{"what is known", func(r *Run) { r.Evaluations[0].TestDigest = "" }, score, false, "the test examples"},
		{"the metric", func(r *Run) { r.Evaluations[0].Results[0].Metric = "weighted_f1" }, score, false, ""},
	} {
		list := open(t, report.Image, 5, 8)
		for _, r := range list {
			r.Evaluations[0].TestDigest, r.Evaluations[0].Protocol = "0123", map[string]any{"epochs": 100.0, "seed": 1.0}
		}
		list[1].Evaluations[0].Results[0].Test, list[1].Evaluations[0].Results[2].Test = one(0.9), one(0.95)
		c.change(list[1])
		cmp := Compare(list, false)
		i := slices.IndexFunc(cmp.Rows, func(r CompareRow) bool { return r.Name == c.row })
		if i < 0 {
			t.Fatalf("%s differs: there is no row %q", c.what, c.row)
		}
		row := cmp.Rows[i]
		if got := slices.Contains(row.Best, true); got != c.starred {
			t.Errorf("%s differs: %s has %v with the stars %v", c.what, c.row, row.Text, row.Best)
		}
		if c.note == "" && row.Note != "" || !strings.Contains(row.Note, c.note) {
			t.Errorf("%s differs: the note of %s is %q, expected %q", c.what, c.row, row.Note, c.note)
		}
	}
	list := open(t, report.Image, 5, 8, 8) // the best of those that are comparable
	list[2].Manifest.Model = "mae"
	i := slices.IndexFunc(Compare(list, false).Rows, func(r CompareRow) bool { return r.Name == loss })
	if row := Compare(list, false).Rows[i]; !slices.Equal(row.Best, []bool{false, true, false}) || row.Note != "comparable in part, they differ in the model" {
		t.Errorf("of three: %+v", row)
	}
}

// The headline is one of the evaluations on the same examples as the newest, all of which the page shows.
func TestHeadlineIsShown(t *testing.T) {
	d := example(t, report.Image, 5)
	add := func(step int, task, digest string, v float64) {
		t.Helper()
		e := &eval.Evaluation{Step: step, Task: task, Data: "sample", TestDigest: digest, Results: []eval.Result{
			{Method: "knn", Detail: "k 20", Input: TrainedInput, Metric: "accuracy", Test: &eval.Score{Mean: v, Values: []float64{v}}}}}
		if err := eval.Append(d, e); err != nil {
			t.Fatal(err)
		}
	}
	add(10, "a", "1", 0.61)
	add(20, "b", "2", 0.99)
	add(30, "a", "1", 0.52)
	r, err := Open(d)
	if err != nil {
		t.Fatal(err)
	}
	if b := r.Best(); b == nil || b.Test.Mean != 0.61 || b.Evaluation.Where() != "step 10, task a" {
		t.Errorf("the headline is %+v", b)
	}
	page := readReport(t, d)
	wellFormed(t, page)
	for _, w := range []string{"61.00 %", "99.00 %", "52.00 %", "80.00 %", "knn, k 20 on trained encoder, step 10, task a", "Earlier evaluations: 3", "sample, task b"} {
		if !strings.Contains(page, w) {
			t.Errorf("the page lacks %q", w)
		}
	}
}
