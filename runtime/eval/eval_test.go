package eval

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mspecc/runtime"
	"mspecc/runtime/data"
	"mspecc/runtime/internal/tiny"
)

// blobs makes classes around random centres, or with one class a noisy linear function.
func blobs(n, width, classes int, stream string) *Set {
	s := &Set{X: make([]float32, n*width), Y: make([]float64, n), Width: width, Classes: classes}
	runtime.Uniform(s.X, stream, 1, 0)
	centres := make([]float32, max(1, classes)*width)
	runtime.Uniform(centres, "centres", 1, 0)
	for i := range s.Y {
		c := i % max(1, classes)
		s.Y[i] = float64(c)
		for j := range width {
			if classes == 1 {
				s.Y[i] += float64(s.X[i*width+j] * centres[j])
			} else {
				s.X[i*width+j] += 2 * centres[c*width+j]
			}
		}
	}
	return s
}

var quick = Options{Epochs: 20, LR: 0.01, WeightDecay: 1e-4, Batch: 16, Seed: 3, Threads: 2}

func TestLinearLearns(t *testing.T) {
	for _, classes := range []int{1, 2, 3, 9} {
		train, test := blobs(205, 17, classes, "train"), blobs(61, 17, classes, "test")
		var want Result
		for _, threads := range []int{1, 2, 5} {
			o := quick
			o.Threads = threads
			got, err := Linear(context.Background(), train, test, o)
			if err != nil {
				t.Fatal(err)
			}
			if got.Test.Mean < 0.85 || got.Best.Mean < got.Test.Mean || got.Examples != 205 || got.Tested != 61 {
				t.Errorf("%d classes: %+v", classes, got)
			}
			got.Seconds = 0
			if threads == 1 {
				want = got
			} else if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%d threads: %s", threads, d)
			}
		}
	}
}

// Each seed is a run of its own: the same as that seed alone.
func TestLinearSeeds(t *testing.T) {
	train, test := blobs(205, 17, 3, "train"), blobs(61, 17, 3, "test")
	o := quick
	o.Epochs, o.Seeds, o.LR = 2, 3, 5e-4
	all, err := Linear(context.Background(), train, test, o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range o.Seeds {
		one := o
		one.Seeds, one.Seed = 1, o.Seed+uint64(i)
		r, err := Linear(context.Background(), train, test, one)
		if err != nil {
			t.Fatal(err)
		}
		if r.Test.Mean != all.Test.Values[i] || r.Best.Mean != all.Best.Values[i] || r.Train.Mean != all.Train.Values[i] || r.BestEpochs[0] != all.BestEpochs[i] {
			t.Errorf("seed %d: %+v, among the others %+v", one.Seed, r, all)
		}
	}
	if all.Test.Values[0] == all.Test.Values[1] && all.Test.Values[1] == all.Test.Values[2] {
		t.Error("all seeds give the same")
	}
	right, total := 0, 0
	for c, row := range all.Confusion {
		for p, n := range row {
			total += n
			if c == p {
				right += n
			}
		}
	}
	if got := float64(right) / float64(total); total != 61 || got != all.Test.Values[0] {
		t.Errorf("the confusion matrix holds %d examples, %v of them right; the first seed has %v", total, got, all.Test.Values[0])
	}
}

func TestScore(t *testing.T) {
	s := score([]float64{1, 2, 6}, "")
	if !(math.Abs(s.Mean-3) <= 1e-12) || !(math.Abs(s.Deviation-math.Sqrt(7)) <= 1e-12) {
		t.Errorf("%+v", s)
	}
	if s := score([]float64{5}, ""); s.Mean != 5 || s.Deviation != 0 {
		t.Errorf("%+v", s)
	}
}

// One step against the formulas in float64, with PyTorch's coupled weight decay.
func TestOneStepOfAdam(t *testing.T) {
	for _, classes := range []int{1, 2, 5} {
		s := blobs(7, 6, classes, "train")
		o := Options{LR: 0.1, WeightDecay: 0.3, Batch: 7, Threads: 1, Seed: 9}
		h := newHead(s, o, o.Seed)
		var w [][]float64
		for _, row := range h.w[:h.outputs] {
			var r []float64
			for _, v := range row {
				r = append(r, float64(v))
			}
			w = append(w, r)
		}
		grad := func(c, j int) float64 { // of the mean loss, by central differences
			const e = 1e-6
			w[c][j] += e
			up := loss(w, s)
			w[c][j] -= 2 * e
			down := loss(w, s)
			w[c][j] += e
			return (up-down)/(2*e) + 0.3*w[c][j]
		}
		rows := []int32{0, 1, 2, 3, 4, 5, 6}
		var g [][]float64
		for c := range w {
			g = append(g, nil)
			for j := range w[c] {
				g[c] = append(g[c], grad(c, j))
			}
		}
		h.update(s, rows)
		for c := range w {
			for j := range w[c] {
				m := 0.1 * g[c][j]
				if !(math.Abs(float64(h.m[c][j])-m) <= 1e-6) {
					t.Fatalf("%d classes: first moment [%d,%d] is %v, expected %v", classes, c, j, h.m[c][j], m)
				}
				want := w[c][j] - 0.1*g[c][j]/(math.Abs(g[c][j])+1e-8)
				if !(math.Abs(float64(h.w[c][j])-want) <= 1e-4) {
					t.Fatalf("%d classes: weight [%d,%d] is %v, expected %v", classes, c, j, h.w[c][j], want)
				}
			}
		}
	}
}

func loss(w [][]float64, s *Set) float64 {
	total := 0.0
	for i := range s.Len() {
		var out []float64
		for _, row := range w {
			v := row[s.Width]
			for j, x := range s.Row(i) {
				v += float64(x) * row[j]
			}
			out = append(out, v)
		}
		switch y := s.Y[i]; s.Classes {
		case 1:
			total += (out[0] - y) * (out[0] - y)
		case 2:
			total += math.Log1p(math.Exp(out[0])) - y*out[0]
		default:
			sum := 0.0
			for _, v := range out {
				sum += math.Exp(v)
			}
			total += math.Log(sum) - out[int(y)]
		}
	}
	return total / float64(s.Len())
}

func TestMetrics(t *testing.T) {
	near := func(what, name string, p, y []float64, classes int, want float64) {
		t.Helper()
		if got, why := Metric(name, p, y, classes); !(math.Abs(got-want) <= 1e-12) || why != "" {
			t.Errorf("%s is %v (%s), expected %v", what, got, why, want)
		}
	}
	p, y := []float64{0, 0, 1, 1, 2}, []float64{0, 1, 1, 1, 0}
	near("accuracy", "accuracy", p, y, 3, 0.6)
	// class 0: precision 1/2, recall 1/2; class 1: precision 1, recall 2/3; class 2 never occurs
	near("weighted F1", "weighted_f1", p, y, 3, (2*0.5+3*0.8)/5)
	near("spearman", "spearman", []float64{1, 8, 27, 64}, []float64{-4, -3, -2, 9}, 1, 1)
	near("spearman with ties", "spearman", []float64{1, 2, 2, 3}, []float64{1, 2, 3, 4}, 1, 4.5/math.Sqrt(4.5*5))
}

func TestLinearRefuses(t *testing.T) {
	s := blobs(20, 3, 2, "train")
	for want, change := range map[string]func(train, test *Set, o *Options){
		"no labels":                      func(train, _ *Set, _ *Options) { train.Classes = 0 },
		"differ":                         func(_, test *Set, _ *Options) { test.Classes = 5 },
		"needs both":                     func(_, test *Set, _ *Options) { test.Y = nil },
		"label 7, expected a class 0..1": func(_, test *Set, _ *Options) { test.Y[3] = 7 },
		`no metric "auc"`:                func(_, _ *Set, o *Options) { o.Metric = "auc" },
		"spearman needs":                 func(_, _ *Set, o *Options) { o.Metric = "spearman" },
		"diverged":                       func(train, _ *Set, o *Options) { train.X[0] = 1e38; o.LR = 1e38 },
	} {
		train, test, o := *s, *blobs(20, 3, 2, "test"), quick
		train.X = append([]float32(nil), s.X...)
		change(&train, &test, &o)
		if _, err := Linear(context.Background(), &train, &test, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, expected %q", err, want)
		}
	}
}

func TestStandardize(t *testing.T) {
	train := &Set{X: []float32{1, 5, 3, 5}, Y: make([]float64, 2), Width: 2}
	test := &Set{X: []float32{4, 6}, Y: make([]float64, 1), Width: 2}
	Standardize(train, test)
	for i, want := range []float32{-1, 0, 1, 0} {
		if train.X[i] != want {
			t.Errorf("train %v", train.X)
		}
	}
	if test.X[0] != 2 || test.X[1] != 1 {
		t.Errorf("test %v", test.X)
	}
}

type tokenData struct{ bad bool }

func (tokenData) Len() int            { return 5 }
func (tokenData) Labels() data.Labels { return data.Labels{Classes: 2, Each: 1} }
func (d tokenData) Example(i int, _ uint64, e *data.Example) error {
	e.Tokens[0], e.Tokens[1], e.Labels[0] = int32(i%3), 1, 1
	if d.bad {
		e.Tokens[1] = 3
	}
	return nil
}

func TestRawTokensAreOneHot(t *testing.T) {
	want := data.Want{{Shape: []int{2}, Tokens: true, Vocab: 3}}
	s, err := Raw(Source{Data: tokenData{}, Want: want, Max: 4})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Row(2); s.Len() != 4 || s.Width != 6 || got[2] != 1 || got[4] != 1 || got[0]+got[1]+got[3]+got[5] != 0 {
		t.Errorf("row %v of %d", got, s.Len())
	}
	if _, err := Raw(Source{Data: tokenData{true}, Want: want}); err == nil || !strings.Contains(err.Error(), "token 3, expected 0..2") {
		t.Errorf("error %v", err)
	}
}

// tinySets is the small program on a machine with first parameters, and its data.
func tinySets(t *testing.T) (p *runtime.Program, m *runtime.Machine, want data.Want, train, test data.Dataset) {
	t.Helper()
	p = tiny.Program()
	m, err := runtime.NewMachine(p, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	m.Initialize(1)
	want = data.Want{{Shape: p.Modality.Inputs[0].Shape}}
	train, test, err = data.Open("idx", runtime.ReaderOptions(p.Modality.Options), p.Sample, "sample", want, data.OpenOptions{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return p, m, want, train, test
}

func TestFeatures(t *testing.T) {
	p, m, want, train, test := tinySets(t)
	a, err := Features(context.Background(), m, Source{Data: train, Want: want}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Features(context.Background(), m, Source{Data: test, Want: want, Max: 59}, nil) // 59 is no multiple of the batch
	if err != nil {
		t.Fatal(err)
	}
	if a.Len() != 200 || b.Len() != 59 || a.Width != 5 || a.Classes != 2 {
		t.Fatalf("%d + %d features of width %d, %d classes", a.Len(), b.Len(), a.Width, a.Classes)
	}
	raw, err := Raw(Source{Data: test, Want: want})
	if err != nil {
		t.Fatal(err)
	}
	w := m.Floats(p.Params[0].Tensor)
	for _, i := range []int{0, 58} {
		sum := float32(0)
		for j, x := range raw.Row(i) {
			sum += x * w[j*5+2]
		}
		if got := b.Row(i)[2]; !(math.Abs(float64(got-sum)) <= 1e-5) {
			t.Errorf("feature 2 of example %d is %v, expected %v", i, got, sum)
		}
	}
	w[0] = float32(math.NaN())
	if _, err := Features(context.Background(), m, Source{Data: test, Want: want}, nil); err == nil {
		t.Error("features that are NaN were accepted")
	}
}

// The published protocol's work for one epoch of PAMAP2: 50,000 vectors of 256, 12 classes.
func BenchmarkEpoch(b *testing.B) {
	s := blobs(50000, 256, 12, "train")
	o := quick
	o.Epochs, o.Batch = 1, 256
	for range b.N {
		if _, err := Linear(context.Background(), s, s, o); err != nil {
			b.Fatal(err)
		}
	}
}

// placed are examples of two channels and three places, or of three tokens, with a label for each
// place, of which the second does not count.
type placed struct{ tokens bool }

func (placed) Len() int            { return 2 }
func (placed) Labels() data.Labels { return data.Labels{Classes: 4, Each: 3} }

func (p placed) Example(i int, _ uint64, e *data.Example) error {
	for k := range 3 {
		if p.tokens {
			e.Tokens[k] = int32((i + k) % 3)
		} else {
			e.X[k], e.X[3+k] = float32(10*i+k), float32(100*i+k)
		}
		e.Labels[k] = float64(i + k)
	}
	e.Labels[1] = math.NaN()
	return nil
}

// The raw input at a token's own place stands for the token.
func TestRawOfTokens(t *testing.T) {
	for _, c := range []struct {
		set  placed
		want data.Want
		x    []float32
	}{
		{placed{false}, data.Want{{Shape: []int{2, 3}}}, []float32{0, 0, 2, 2, 10, 100, 12, 102}},
		{placed{true}, data.Want{{Shape: []int{3}, Tokens: true, Vocab: 3}}, []float32{1, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0}},
	} {
		s, err := Raw(Source{Data: c.set, Want: c.want})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(&Set{X: c.x, Y: []float64{0, 2, 1, 3}, From: []int{0, 0, 1, 1}, Place: []int{0, 2, 0, 2}, Width: len(c.x) / 4, Classes: 4}, s); d != "" {
			t.Error(d)
		}
	}
}

// labelledTokens are the images of a data set with a label for each of four tokens, of which
// the last does not count.
type labelledTokens struct{ data.Dataset }

func (labelledTokens) Labels() data.Labels { return data.Labels{Classes: 3, Each: 4} }
func (d labelledTokens) Example(i int, epoch uint64, e *data.Example) error {
	err := d.Dataset.Example(i, epoch, e)
	copy(e.Labels, []float64{0, 1, 2, math.NaN()})
	return err
}

func TestFeaturesOfTokens(t *testing.T) {
	p, m, want, _, test := tinySets(t)
	s := Source{Data: labelledTokens{test}, Want: want, Max: 7}
	if _, err := Features(context.Background(), m, s, nil); err == nil || !strings.Contains(err.Error(), "expose tokens") {
		t.Errorf("features without tokens: %v", err)
	}
	// The target, [B, 4, 4], stands for the vectors of the tokens.
	run := p.Reconstruct.Run
	target, _ := p.Reconstruct.Output("target")
	target.Name = "tokens"
	p.Features = &runtime.Function{Inputs: p.Reconstruct.Inputs, Streams: p.Reconstruct.Streams, Outputs: append(p.Features.Outputs, target), Run: run}
	set, err := Features(context.Background(), m, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if set.Len() != 21 || set.Width != 4 || set.Classes != 3 || set.Y[4] != 1 {
		t.Errorf("%d vectors of width %d, labels %v", set.Len(), set.Width, set.Y)
	}
	whole, err := Features(context.Background(), m, s.WithoutLabels(), nil)
	if err != nil || whole.Len() != 7 || whole.Classes != 0 {
		t.Errorf("%v, %v", whole, err)
	}
	if _, err := Raw(s); err == nil || !strings.Contains(err.Error(), "what of the raw input belongs to each is not known") {
		t.Errorf("raw inputs of images with labels for tokens: %v", err)
	}
}

// The metrics are those of scikit-learn and scipy, see testdata/metrics.py.
func TestMetricsOfOtherTools(t *testing.T) {
	raw, err := os.ReadFile("testdata/metrics.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []map[string]any
	}
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	numbers := func(x any) (out []float64) {
		for _, v := range x.([]any) {
			out = append(out, v.(float64))
		}
		return out
	}
	compared, undefined := map[string]int{}, map[string]int{}
	for i, c := range golden.Cases {
		for _, name := range Metrics {
			known, ok := c[name]
			if !ok {
				continue
			}
			compared[name]++
			got, why := Metric(name, numbers(c["predictions"]), numbers(c["labels"]), int(c["classes"].(float64)))
			want, defined := known.(float64)
			switch {
			case !defined:
				undefined[name]++
				if !math.IsNaN(got) || why == "" {
					t.Errorf("case %d: %s is %v (%q), which is undefined elsewhere", i, name, got, why)
				}
			case !(math.Abs(got-want) <= 1e-12) || why != "":
				t.Errorf("case %d: %s is %v (%q), expected %v", i, name, got, why, want)
			}
		}
	}
	for _, name := range Metrics {
		if compared[name] == 0 {
			t.Errorf("no case compares %s", name)
		}
	}
	for _, name := range []string{"auroc", "spearman", "pearson"} {
		if undefined[name] < 3 {
			t.Errorf("%d cases in which %s is undefined", undefined[name], name)
		}
	}
}

// Where the order counts, methods are measured by their scores, not by their decisions.
func TestAreaUnderCurve(t *testing.T) {
	train, test := blobs(60, 3, 2, "train"), blobs(60, 3, 2, "test")
	o := Options{Epochs: 20, LR: 0.01, Batch: 8, Seeds: 1, Metric: "auroc"}
	for name, f := range map[string]func() (Result, error){
		"linear":  func() (Result, error) { return Linear(context.Background(), train, test, o) },
		"knn":     func() (Result, error) { return Nearest(context.Background(), train, test, 5, o) },
		"fewshot": func() (Result, error) { return FewShot(context.Background(), train, test, 5, 3, o) },
	} {
		r, err := f()
		if err != nil {
			t.Fatal(err)
		}
		decisions, _ := Metric("auroc", r.Predictions, r.Labels, 2)
		if r.Test.Mean < 0.8 || r.Test.Mean == decisions && decisions < 1 {
			t.Errorf("%s: area %v, that of the decisions alone is %v", name, r.Test.Mean, decisions)
		}
	}
	if _, err := CheckMetric(3, "auroc"); err == nil {
		t.Error("auroc of three classes")
	}
}
