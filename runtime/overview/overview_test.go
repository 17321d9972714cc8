package overview

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mspecc/runtime"
	"mspecc/runtime/eval"
	"mspecc/runtime/report"
	"mspecc/runtime/runs"
)

// write puts a value as JSON into a file.
func write(t *testing.T, name string, v any) {
	t.Helper()
	raw, err := json.Marshal(v)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(name), 0o755)
	}
	if err == nil {
		err = os.WriteFile(name, append(raw, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// example makes a finished run of a number of lines of metrics, with everything a run can have.
func example(t *testing.T, kind string, lines int) runs.Dir {
	t.Helper()
	d := runs.Dir(filepath.Join(t.TempDir(), "first"))
	start := time.Date(2026, 11, 26, 5, 0, 0, 0, time.UTC)
	end := start.Add(time.Minute)
	m := &runs.Manifest{Model: "meta<mae>", Modality: "wafers & co", Spec: "m.mspec", Digest: "0123", Batch: 64, Parameters: 1234567,
		Settings: []runtime.Setting{{Name: "mask_ratio", Value: "0.75", From: "model"}}, Train: runtime.Train{Optimizer: "adamw", Precision: "f32"},
		Options: runs.Options{Steps: 10 * lines, Seed: 7, LR: 1e-3}, Data: runs.Data{Reader: "idx", Train: 4000, Test: 1000}, Created: start,
		Sessions: []runs.Session{{Started: start, Host: "box", Threads: 2, Target: "avx512", Ended: &end, Step: 20, End: runs.Stopped},
			{Started: end, Machine: runs.Machine{System: "linux/amd64", CPU: "A CPU", Cores: 2, Memory: 8 << 30, Go: "go1.26"}, Host: "box", From: 20, Threads: 1, Step: 10 * lines, End: runs.Finished}}}
	write(t, d.Manifest(), m)
	if err := os.MkdirAll(d.Spec(), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"m.mspec": "model </pre><script>alert(1)</script>", "a.mspec": "kind"} {
		if err := os.WriteFile(filepath.Join(d.Spec(), name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	l, _, err := report.OpenLog(d.Metrics(), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range lines {
		seconds := float64(i + 1)
		if i >= 2 {
			seconds = float64(i - 1) // the second session
		}
		rec := report.Record{Step: 10 * (i + 1), Names: []string{"loss", "inner_loss"}, Values: []float64{2 / float64(i+1), math.NaN()}, LR: 1e-3, Rate: 100 + float64(i%3), Wait: 0.01, Seconds: seconds}
		if i == 1 {
			rec.Values[1] = 3
		}
		if err := l.Add(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, step := range []int{10, 10 * lines, 10*lines + 10} { // the last one is of a future that a resumed run has left
		p := panel(kind)
		p.Step = step
		if err := os.MkdirAll(d.Pictures(), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := p.WriteFile(d.Panel(step)); err != nil {
			t.Fatal(err)
		}
	}
	one := func(v float64) *eval.Score { return &eval.Score{Mean: v, Values: []float64{v}} }
	write(t, d.Evaluations(), eval.Evaluation{Model: "m", Step: 30, Data: "sample", Classes: 2, ClassNames: []string{"lamb", "wolf"}, Results: []eval.Result{
		{Method: "linear", Input: TrainedInput, Metric: "accuracy", Test: one(0.745), Best: one(0.75), Confusion: [][]int{{9, 1}, {3, 7}}},
		{Method: "linear", Input: "random encoder", Metric: "accuracy", Test: one(0.35)},
		{Method: "knn", Detail: "k 20", Input: TrainedInput, Metric: "accuracy", Test: one(0.8)}}})
	return d
}

// panel is two reconstructed examples of a kind.
func panel(kind string) *report.Panel {
	if kind == "both" {
		p, text := panel(report.Image), panel(report.Tokens)
		text.Name, p.More = "text", []*report.Panel{text}
		return p
	}
	p := &report.Panel{Measure: "mean squared error", Before: [2]float64{0.1, 0.3}, After: [2]float64{0.1, 0.2}, Count: 2}
	switch kind {
	case report.Image, report.Spectrogram:
		p.Layout = report.Layout{Kind: kind, Grid: []int{2, 2}, Patch: []int{2, 2}, Channels: 1}
	case report.Series:
		p.Layout = report.Layout{Kind: kind, Grid: []int{4}, Patch: []int{3}, Channels: 2}
	case report.Tokens:
		p.Layout = report.Layout{Kind: kind, Grid: []int{4}, Words: map[int]string{0: "<", 1: "&"}}
	}
	for range 2 {
		values := make([]float32, p.Size()*p.Width())
		for i := range values {
			values[i] = float32(i % 2)
		}
		p.Rows = append(p.Rows, report.Example{Target: values, Mask: []float32{0, 1, 1, 0}, Reconstruction: make([]float32, len(values)), Adapted: values})
	}
	return p
}

func readReport(t *testing.T, d runs.Dir) string {
	t.Helper()
	r, err := Open(d)
	if err == nil {
		err = r.WriteReport(d.Report())
	}
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(d.Report())
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Void elements of HTML have no end.
var void = regexp.MustCompile(`<(meta|img)\b([^>]*)>`)

// wellFormed reads a page as XML, apart from its style and script.
func wellFormed(t *testing.T, page string) {
	t.Helper()
	body := regexp.MustCompile(`(?s)<style>.*?</style>|<script>.*?</script>|<!DOCTYPE html>`).ReplaceAllString(page, "")
	d := xml.NewDecoder(strings.NewReader(void.ReplaceAllString(body, "<$1$2/>")))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("the page is not well-formed: %v", err)
		}
	}
}

func TestReport(t *testing.T) {
	for kind, want := range map[string][]string{
		"both":             {`alt="example 1: reconstruction"`, "<h3>text</h3>", "<em>&lt;</em>"},
		report.Image:       {`alt="example 1: reconstruction"`, "data:image/png;base64,", "what it saw", "The first example in the course of the run", "step 50"},
		report.Spectrogram: {"data:image/png;base64,"},
		report.Series:      {"example 2, channel 1", `class="band"`, `class="line broad c5"`},
		report.Tokens:      {"original          &lt;&amp;&lt;&amp;", "<i>·</i><i>·</i>", "<em>&lt;</em>", "<b>&amp;</b>"},
	} {
		d := example(t, kind, 5)
		page := readReport(t, d)
		wellFormed(t, page)
		for _, w := range append(want, "meta&lt;mae&gt; on wafers &amp; co", "first: step 50 of 50, batch 64, seed 7", "finished", "74.50 %", "on hidden tokens after adaptation, 0.3 before", "0.3 → 0.2 after adaptation", "recall", "70 %", `class="side">wolf`,
			"mask_ratio", "A CPU", "8.0 GiB", "carried by the trainer", "inner loss", "learning rate", "time waiting for data", "The numbers as a table",
			"model &lt;/pre&gt;&lt;script&gt;alert", "2026-11-26 05:00:00 UTC", "stopped") {
			if !strings.Contains(page, w) {
				t.Errorf("%s: the page lacks %q", kind, w)
			}
		}
		for _, never := range []string{"src=\"http", "href=", "@import", "url(", "NaN", "alert(1)</script>", "step 60"} {
			if strings.Contains(page, never) {
				t.Errorf("%s: the page has %q", kind, never)
			}
		}
		if again := readReport(t, d); again != page {
			t.Errorf("%s: the same run gives another page", kind)
		}
	}
}

// Pages of models without an inner loop do not speak of adaptation, and examples that are told by numbers alone have no pictures.
func TestReportOfPlainModels(t *testing.T) {
	for _, kind := range []string{report.Image, report.Series, report.Tokens, report.None} {
		var list []*Run
		for _, lines := range []int{5, 8} {
			d := example(t, report.Image, lines)
			for _, step := range []int{10, 10 * lines} {
				p := panel(kind)
				if kind == report.None {
					p = panel(report.Series)
					p.Layout = report.Layout{Kind: kind, Grid: []int{4}, Patch: []int{6}, Channels: 1}
				}
				p.Step, p.Plain = step, true
				for i := range p.Rows {
					p.Rows[i].Adapted = nil
				}
				if err := p.WriteFile(d.Panel(step)); err != nil {
					t.Fatal(err)
				}
			}
			page := readReport(t, d)
			wellFormed(t, page)
			if n := strings.Count(page, "adapt"); n > 0 || !strings.Contains(page, "mean squared error on hidden tokens: 0.3") {
				t.Errorf("%s: the page speaks of adaptation %d times", kind, n)
			}
			if shown := strings.Count(page, "<img") + strings.Count(page, `"band"`) + strings.Count(page, "original  "); (shown > 0) != (kind != report.None) {
				t.Errorf("%s: the page has %d pictures", kind, shown)
			}
			r, err := Open(d)
			if err == nil {
				err = r.ReadPanels()
			}
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, r)
		}
		file := filepath.Join(t.TempDir(), "compare.html")
		c := Compare(list, false)
		if err := c.WritePage(file); err != nil {
			t.Fatal(err)
		}
		page, _ := os.ReadFile(file)
		wellFormed(t, string(page))
		if strings.Contains(string(page), "adapt") || !slices.ContainsFunc(c.Rows, func(r CompareRow) bool { return r.Name == "mean squared error on hidden tokens" }) {
			t.Errorf("%s: the comparison speaks of adaptation", kind)
		}
	}
}

// A run that has only just begun, was killed, or lost parts of what it kept has a page too.
func TestReportOfLittle(t *testing.T) {
	d := runs.Dir(t.TempDir())
	if _, err := Open(d); err == nil || !strings.Contains(err.Error(), "no run directory") {
		t.Errorf("an empty folder: %v", err)
	}
	write(t, d.Manifest(), &runs.Manifest{Model: "m", Sessions: []runs.Session{{}}})
	page := readReport(t, d)
	wellFormed(t, page)
	for _, w := range []string{"killed", "No metrics yet", "None kept yet", "Not evaluated yet: eval --checkpoint "} {
		if !strings.Contains(page, w) {
			t.Errorf("the page lacks %q", w)
		}
	}
	d = example(t, report.Image, 5)
	for name, text := range map[string]string{d.Panel(10): "broken", d.Evaluations(): "broken\n"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, _ := os.OpenFile(d.Metrics(), os.O_APPEND|os.O_WRONLY, 0)
	fmt.Fprint(f, `{"step":60,"lo`)
	f.Close()
	page = readReport(t, d)
	for _, w := range []string{"cannot be understood", "not a sound safetensors file", "step 50 of 50"} {
		if !strings.Contains(page, w) {
			t.Errorf("the page lacks %q", w)
		}
	}
}

func TestRunFigures(t *testing.T) {
	r, err := Open(example(t, report.Image, 5))
	if err != nil {
		t.Fatal(err)
	}
	last, best, at := r.Loss()
	if last != 0.4 || best != 0.4 || at != 50 || r.Step() != 50 || r.Rate() != 101 || r.Seconds() != 2+3 {
		t.Errorf("loss %v, best %v at %d, step %d, rate %v, %v s", last, best, at, r.Step(), r.Rate(), r.Seconds())
	}
	if b := r.Best(); b == nil || Method(b.Result) != "knn, k 20" {
		t.Errorf("best is %+v", b)
	}
}

// Of very many panels some are read: the first, the last, and others at even distances.
func TestManyPanels(t *testing.T) {
	r, err := Open(example(t, report.Image, 100))
	if err != nil {
		t.Fatal(err)
	}
	for step := 10; step <= 1000; step += 10 {
		p := panel(report.Image)
		p.Step = step
		if err := p.WriteFile(r.Dir.Panel(step)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.ReadPanels(); err != nil {
		t.Fatal(err)
	}
	if n := len(r.Panels); n != maxPanels || r.Panels[0].Step != 10 || r.Panels[n-1].Step != 1000 || r.Panels[20].Step != 510 {
		t.Errorf("%d panels", n)
	}
}

func TestLargeConfusionIsAPicture(t *testing.T) {
	c := make([][]int, 30)
	for i := range c {
		c[i] = make([]int, 30)
		c[i][(i+i%2)%30] = 4
	}
	v := viewConfusion(&eval.Result{Method: "linear", Confusion: c}, nil)
	if v.Rows != nil || strings.Count(string(v.Picture), "<rect") != 30 || !strings.Contains(string(v.Picture), "60 of 120 test examples on the diagonal") {
		t.Errorf("%d rows, %s", len(v.Rows), v.Picture)
	}
}
