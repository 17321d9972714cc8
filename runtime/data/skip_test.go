package data

import (
	"fmt"
	"strings"
	"testing"
)

// holes is a data set whose examples fail at every third index.
type holes struct{ counter }

func (h holes) Example(i int, epoch uint64, e *Example) error {
	if i%3 == 1 {
		return &Error{Reader: "holes", File: "f", At: fmt.Sprintf("record %d", i), Msg: "is bad", Fix: "mend it"}
	}
	return h.counter.Example(i, epoch, e)
}

func TestSkipBad(t *testing.T) {
	noted := 0
	skip := &Skip{Limit: 3, Note: func(*Error) { noted++ }}
	l := loader(t, tolerate(holes{counter{9, 9}}, skip), pair, LoaderOptions{Batch: 9})
	for step := range 3 {
		if got := fmt.Sprint(values(t, l, step)); got != "[0 2 2 3 5 5 6 8 8]" {
			t.Errorf("step %d: %s", step, got)
		}
	}
	if skip.Count() != 3 || noted != 3 {
		t.Errorf("%d bad records, %d noted, expected 3", skip.Count(), noted)
	}
	l = loader(t, tolerate(holes{counter{12, 12}}, &Skip{Limit: 3}), pair, LoaderOptions{Batch: 12})
	if _, err := l.Batch(0); err == nil || !strings.Contains(err.Error(), "more than the 3 that may be left out") {
		t.Errorf("a fourth bad record: %v", err)
	}
	l = loader(t, tolerate(holes{counter{9, 9}}, &Skip{}), pair, LoaderOptions{Batch: 9})
	if _, err := l.Batch(0); err == nil || !strings.Contains(err.Error(), "record 1:") {
		t.Errorf("without tolerance: %v", err)
	}
	l = loader(t, tolerate(counter{4, 0}, &Skip{Limit: 9}), pair, LoaderOptions{Batch: 2})
	if _, err := l.Batch(0); err == nil || !strings.Contains(err.Error(), "every record is bad") {
		t.Errorf("nothing but bad records: %v", err)
	}
}

// captions has two inputs and a label for each of three tokens.
type captions struct{}

func (captions) Len() int       { return 6 }
func (captions) Labels() Labels { return Labels{Classes: 2, Each: 3} }
func (captions) Example(i int, _ uint64, e *Example) error {
	for j := range e.X {
		e.X[j] = float32(10*i + j)
	}
	for j := range e.Tokens {
		e.Tokens[j] = int32(i)
		e.Labels[j] = float64((i + j) % 2)
	}
	return nil
}

func TestLoaderSeveralInputs(t *testing.T) {
	want := Want{{Name: "image", Shape: []int{1, 2}}, {Name: "text", Shape: []int{3}, Tokens: true, Vocab: 6}}
	for _, workers := range []int{1, 2, 7} {
		l := loader(t, captions{}, want, LoaderOptions{Batch: 4, Partial: true, Workers: workers})
		b, err := l.Batch(1)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(b.Count, b.X, b.Tokens, b.Labels)
		if got != "2 [40 41 50 51 0 0 0 0] [4 4 4 5 5 5 0 0 0 0 0 0] [0 1 0 1 0 1 0 0 0 0 0 0]" {
			t.Errorf("%d workers: %s", workers, got)
		}
		if s := l.Stats(); s.Batches != 1 || s.Examples < 2 || s.Decoding <= 0 {
			t.Errorf("%+v", s)
		}
	}
}
