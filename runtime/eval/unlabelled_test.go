package eval

import (
	"context"
	"math"
	"testing"

	"mspecc/runtime/data"
)

// halfLabelled has a label for every second example of a data set.
type halfLabelled struct{ data.Dataset }

func (d halfLabelled) Example(i int, epoch uint64, e *data.Example) error {
	err := d.Dataset.Example(i, epoch, e)
	if i%2 == 1 {
		e.Labels[0] = math.NaN()
	}
	return err
}

// neverLabelled has labels in name only.
type neverLabelled struct{ data.Dataset }

func (d neverLabelled) Example(i int, epoch uint64, e *data.Example) error {
	err := d.Dataset.Example(i, epoch, e)
	e.Labels[0] = math.NaN()
	return err
}

// Examples without a label take no part in any evaluation; where there is none with one, that is said.
func TestExamplesWithoutLabel(t *testing.T) {
	m, train, test := encoder(t, 2)
	train.Data, test.Data = halfLabelled{train.Data}, halfLabelled{test.Data}
	ctx := context.Background()
	a, err := Features(ctx, m, train, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Features(ctx, m, test, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := Raw(train)
	if err != nil {
		t.Fatal(err)
	}
	if a.Len() != (train.Len()+1)/2 || raw.Len() != a.Len() || b.Len() != (test.Len()+1)/2 {
		t.Errorf("%d, %d and %d examples, expected half of %d and %d", a.Len(), raw.Len(), b.Len(), train.Len(), test.Len())
	}
	o := quick
	o.Epochs, o.Seeds = 3, 1
	for name, run := range map[string]func() (Result, error){
		"linear":   func() (Result, error) { return Linear(ctx, a, b, o) },
		"knn":      func() (Result, error) { return Nearest(ctx, a, b, 5, o) },
		"fewshot":  func() (Result, error) { return FewShot(ctx, a, b, 2, 5, o) },
		"finetune": func() (Result, error) { return FineTune(ctx, m, train, test, o) },
	} {
		r, err := run()
		if err != nil || !(r.Test.Mean >= 0 && r.Test.Mean <= 1) {
			t.Errorf("%s: %v, %+v", name, err, r.Test)
		}
	}
	train.Data = neverLabelled{train.Data}
	if _, err := Raw(train); err == nil {
		t.Error("raw inputs without a label are accepted")
	}
	if _, err := Features(ctx, m, train, nil); err == nil {
		t.Error("features without a label are accepted")
	}
}
