package data

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// counter is a data set whose example i has the value i and the label 2i; from bad on, examples fail.
type counter struct{ n, bad int }

func (c counter) Len() int       { return c.n }
func (c counter) Labels() Labels { return Labels{Classes: 1, Each: 1} }
func (c counter) Example(i int, _ uint64, e *Example) error {
	if i >= c.bad {
		return &Error{Reader: "counter", File: "f", At: fmt.Sprintf("record %d", i), Msg: "bad example", Fix: "mend it"}
	}
	for j := range e.X {
		e.X[j] = float32(i)
	}
	for j := range e.Tokens {
		e.Tokens[j] = int32(i)
	}
	e.Labels[0] = float64(2 * i)
	return nil
}

func loader(t *testing.T, set Dataset, want Want, o LoaderOptions) *Loader {
	t.Helper()
	l, err := NewLoader(set, want, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

var pair = Want{{Shape: []int{2}}}

// values are the examples of a batch.
func values(t *testing.T, l *Loader, step int) []int {
	t.Helper()
	b, err := l.Batch(step)
	if err != nil {
		t.Fatal(err)
	}
	var out []int
	for j := range b.Count {
		if v := b.X[2*j]; b.X[2*j+1] != v || b.Labels[j] != float64(2*v) {
			t.Errorf("step %d, row %d: values %v, label %v", step, j, b.X[2*j:2*j+2], b.Labels[j])
		}
		out = append(out, int(b.X[2*j]))
	}
	for _, v := range b.X[2*b.Count:] {
		if v != 0 {
			t.Errorf("step %d: padding is %v", step, v)
		}
	}
	return out
}

func TestLoaderOrder(t *testing.T) {
	l := loader(t, counter{10, 10}, pair, LoaderOptions{Batch: 4, Partial: true})
	got := fmt.Sprint(values(t, l, 0), values(t, l, 1), values(t, l, 2), values(t, l, 3), values(t, l, 7))
	if got != "[0 1 2 3] [4 5 6 7] [8 9] [0 1 2 3] [4 5 6 7]" || l.Steps() != 3 {
		t.Errorf("%d steps: %s", l.Steps(), got)
	}
}

func TestLoaderShuffle(t *testing.T) {
	o := LoaderOptions{Batch: 4, Seed: 5, Shuffle: true}
	l := loader(t, counter{10, 10}, pair, o)
	var run [][]int
	for step := range 20 {
		run = append(run, values(t, l, step))
	}
	if l.Steps() != 2 || slices.Equal(run[0], run[2]) {
		t.Errorf("%d steps per epoch; epochs 0 and 1 start with %v and %v", l.Steps(), run[0], run[2])
	}
	for epoch := range 10 {
		all := append(slices.Clone(run[2*epoch]), run[2*epoch+1]...)
		slices.Sort(all)
		if len(slices.Compact(all)) != 8 {
			t.Errorf("epoch %d gives an example twice", epoch)
		}
	}
	// A fresh loader that starts anywhere, and jumps, gives the same batches.
	fresh := loader(t, counter{10, 10}, pair, o)
	for _, step := range []int{13, 14, 15, 3, 3, 19, 0} {
		if got := values(t, fresh, step); !slices.Equal(got, run[step]) {
			t.Errorf("step %d: %v, expected %v", step, got, run[step])
		}
	}
	o.Seed++
	if other := loader(t, counter{10, 10}, pair, o); slices.Equal(values(t, other, 0), run[0]) {
		t.Error("the seed does not matter")
	}
}

func TestLoaderTokensAndErrors(t *testing.T) {
	want := Want{{Shape: []int{3}, Tokens: true, Vocab: 9}}
	l := loader(t, counter{4, 3}, want, LoaderOptions{Batch: 2})
	b, err := l.Batch(0)
	if err != nil || b.X != nil || fmt.Sprint(b.Tokens) != "[0 0 0 1 1 1]" {
		t.Errorf("tokens %v, error %v", b.Tokens, err)
	}
	if _, err := l.Batch(1); err == nil {
		t.Error("the error of an example is lost")
	}
	if _, err := l.Batch(2); err != nil {
		t.Errorf("after an error: %v", err)
	}
	if _, err := l.Batch(-1); err == nil {
		t.Error("a negative step is accepted")
	}
	l.Close()
	l.Close()
	for _, o := range []LoaderOptions{{Batch: 5}, {Batch: 0}, {Batch: 5, Shuffle: true}} {
		if _, err := NewLoader(counter{4, 4}, pair, o); err == nil {
			t.Errorf("%+v is accepted for 4 examples", o)
		}
	}
}

func TestLoaderAllocations(t *testing.T) {
	l := loader(t, counter{1000, 1000}, pair, LoaderOptions{Batch: 8, Shuffle: true})
	step := 0
	next := func() {
		if _, err := l.Batch(step); err != nil {
			t.Fatal(err)
		}
		step++
	}
	next()
	if n := testing.AllocsPerRun(200, next); n > 0 {
		t.Errorf("%v allocations per batch", n)
	}
}

func TestPermutation(t *testing.T) {
	for n := 1; n < 300; n++ {
		seen := make([]bool, n)
		for epoch := range uint64(3) {
			clear(seen)
			p := permute(n, 9, epoch)
			for i := range n {
				v := p.at(i)
				if v < 0 || v >= n || seen[v] {
					t.Fatalf("n %d, epoch %d: %d -> %d is out of range or twice", n, epoch, i, v)
				}
				seen[v] = true
			}
		}
	}
	// Every element lands everywhere about equally often.
	const n, rounds = 10, 20000
	var count [n][n]int
	for e := range uint64(rounds) {
		p := permute(n, 1, e)
		for i := range n {
			count[i][p.at(i)]++
		}
	}
	for i := range count {
		for v, c := range count[i] {
			if c < rounds/n*9/10 || c > rounds/n*11/10 {
				t.Errorf("%d lands on %d %d times of %d", i, v, c, rounds)
			}
		}
	}
}

func TestBelow(t *testing.T) {
	var count [7]int
	for i := range uint64(70000) {
		count[below(key(3, i), 7)]++
	}
	for v, c := range count {
		if c < 9500 || c > 10500 {
			t.Errorf("%d comes %d times of 70000", v, c)
		}
	}
	if below(allOnes, 5) != 4 || below(0, 5) != 0 {
		t.Error("the ends are wrong")
	}
}

const allOnes = ^uint64(0)

// late is a data set whose examples from some on come when they are let.
type late struct {
	counter
	from int
	let  chan struct{}
}

func (d late) Example(i int, seed uint64, e *Example) error {
	if i >= d.from {
		<-d.let
	}
	return d.counter.Example(i, seed, e)
}

// Who no longer wants to wait for a batch may ask for it again, and gets it.
func TestLoaderUntil(t *testing.T) {
	d := late{counter{12, 12}, 8, make(chan struct{})}
	l := loader(t, d, pair, LoaderOptions{Batch: 4})
	ctx, cancel := context.WithCancel(context.Background())
	for step := range 2 {
		if _, err := l.BatchUntil(ctx, step); err != nil {
			t.Fatal(err)
		}
	}
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := l.BatchUntil(ctx, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	close(d.let)
	for step := 2; step < 20; step++ { // more than there are batches in memory
		if got := values(t, l, step); got[0] != step%3*4 {
			t.Errorf("step %d: examples %v", step, got)
		}
	}
}
