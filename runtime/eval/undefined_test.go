package eval

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"mspecc/runtime"
	"mspecc/runtime/data"
	"mspecc/runtime/internal/tiny"
)

// oneClass are the examples of a set that are of a class.
func oneClass(s *Set, class float64) *Set {
	out := &Set{Width: s.Width, Classes: s.Classes}
	for i, y := range s.Y {
		if y == class {
			out.X, out.Y = append(out.X, s.Row(i)...), append(out.Y, y)
		}
	}
	return out
}

// Where a metric is undefined every method says so and why, in JSON too, and chooses no best epoch.
func TestUndefined(t *testing.T) {
	ctx := context.Background()
	o := quick
	o.Epochs, o.Seeds = 3, 2
	train, test := blobs(60, 5, 2, "train"), oneClass(blobs(60, 5, 2, "test"), 1)
	o.Metric = "auroc"
	linear, err := Linear(ctx, train, test, o)
	if err != nil {
		t.Fatal(err)
	}
	knn, err := Nearest(ctx, train, test, 5, o)
	if err != nil {
		t.Fatal(err)
	}
	fewshot, err := FewShot(ctx, train, test, 2, 4, o)
	if err != nil {
		t.Fatal(err)
	}
	numbers, same := blobs(60, 5, 1, "train"), blobs(60, 5, 1, "test")
	for i := range same.Y {
		same.Y[i] = 0.1
	}
	o.Metric = "pearson"
	regression, err := Linear(ctx, numbers, same, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Result{linear, knn, fewshot, regression} {
		why := "the labels are all of one class"
		if r.Metric == "pearson" {
			why = "the labels are all the same"
		}
		if !math.IsNaN(r.Test.Mean) || r.Test.Undefined != why || r.Test.Defined() {
			t.Errorf("%s: %+v", r.Method, r.Test)
		}
		if r.Method == "linear" && (!r.Train.Defined() || !math.IsNaN(r.Best.Mean) || !slices.Equal(r.BestEpochs, []int{0, 0})) {
			t.Errorf("%s: train %+v, best %+v at %v", r.Method, r.Train, r.Best, r.BestEpochs)
		}
		text, err := json.Marshal(r)
		if err != nil || !strings.Contains(string(text), `"test":{"mean":null,"deviation":null,"values":[null`) || !strings.Contains(string(text), `"undefined":"`+why+`"`) {
			t.Errorf("%s: %s, %v", r.Method, text, err)
		}
		var back Result
		if err := json.Unmarshal(text, &back); err != nil || !math.IsNaN(back.Test.Mean) || len(back.Test.Values) != len(r.Test.Values) || back.Test.Undefined != why {
			t.Errorf("%s: read back %+v, %v", r.Method, back.Test, err)
		}
	}
}

// A best epoch is one of those after which the metric is defined.
func TestBestOfTheDefined(t *testing.T) {
	nan := math.NaN()
	c := newCurves(2)
	for epoch, v := range []float64{nan, -0.5, nan, -0.25, nan} {
		c.epoch(0, epoch+1, v, "as it is")
		c.epoch(1, epoch+1, nan, "as it is")
	}
	var r Result
	c.into(&r)
	if r.Best.Values[0] != -0.25 || !math.IsNaN(r.Best.Values[1]) || !slices.Equal(r.BestEpochs, []int{4, 0}) || r.Best.Undefined != "in 1 of 2 repetitions as it is" || r.Test.Undefined != "as it is" {
		t.Errorf("%+v, %+v at %v", r.Test, r.Best, r.BestEpochs)
	}
}

// Fine-tuning copes too.
func TestFineTuneUndefined(t *testing.T) {
	m, s := tinyMachine(t)
	same := s
	same.Data = relabelled{s.Data}
	r, err := FineTune(context.Background(), m, s, same, Options{Epochs: 2, LR: 0.01, Metric: "auroc", Seed: 1, Seeds: 1})
	if err != nil || r.Test.Defined() || r.Best.Defined() || r.BestEpochs[0] != 0 {
		t.Errorf("%+v %+v %v: %v", r.Test, r.Best, r.BestEpochs, err)
	}
}

// relabelled is a data set all of whose examples are of class 0.
type relabelled struct{ data.Dataset }

func (r relabelled) Example(i int, epoch uint64, e *data.Example) error {
	err := r.Dataset.Example(i, epoch, e)
	e.Labels[0] = 0
	return err
}

func tinyMachine(t *testing.T) (*runtime.Machine, Source) {
	t.Helper()
	p := tiny.Program()
	m, err := runtime.NewMachine(p, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	m.Initialize(1)
	want := data.Want{{Shape: []int{1, 4, 4}}}
	train, _, err := data.Open("idx", map[string]string{"classes": "2"}, p.Sample, "sample", want, data.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return m, Source{Data: train, Want: want}
}

// holed is a data set in which the next example stands for every seventh, which is bad.
type holed struct{ data.Dataset }

func (h holed) Example(i int, epoch uint64, e *data.Example) error {
	if i%7 == 3 {
		i++
		e.From = i
	}
	return h.Dataset.Example(i, epoch, e)
}

// What stands for a bad record in training counts for nothing where examples are evaluated.
func TestFeaturesWithoutBadRecords(t *testing.T) {
	m, s := tinyMachine(t)
	s.Max = 30
	all, err := Features(context.Background(), m, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	bad := s
	bad.Data = holed{s.Data}
	raw, err := Raw(bad)
	if err != nil {
		t.Fatal(err)
	}
	some, err := Features(context.Background(), m, bad, nil)
	if err != nil {
		t.Fatal(err)
	}
	cache := &Cache{Dir: t.TempDir(), Limit: CacheLimit}
	if err := cache.Save("00", some); err != nil {
		t.Fatal(err)
	}
	kept, err := cache.Load("00")
	if err != nil {
		t.Fatal(err)
	}
	var want []int
	for i := range 30 {
		if i%7 != 3 {
			want = append(want, i)
		}
	}
	for name, set := range map[string]*Set{"features": some, "raw input": raw, "kept features": kept} {
		if !slices.Equal(set.From, want) || set.Len() != len(want) {
			t.Fatalf("%s: examples %v, expected %v", name, set.From, want)
		}
	}
	for k, i := range want {
		if !slices.Equal(some.Row(k), all.Row(i)) || some.Y[k] != all.Y[i] {
			t.Fatalf("the features of example %d are others", i)
		}
	}
	var from []int
	err = Stream(context.Background(), m, bad.WithoutLabels(), func(b *Batch) error {
		for k, i := range b.From {
			if !slices.Equal(b.X[k*all.Width:(k+1)*all.Width], all.Row(i)) {
				t.Errorf("streamed, the features of example %d are others", i)
			}
		}
		from = append(from, b.From...)
		return nil
	})
	if err != nil || !slices.Equal(from, want) {
		t.Errorf("streamed: %v, expected %v (%v)", from, want, err)
	}
	a, _ := Key(context.Background(), m, s, nil)
	b, _ := Key(context.Background(), m, bad, nil)
	if a == b {
		t.Error("features with and without bad records are kept under one key")
	}
}
