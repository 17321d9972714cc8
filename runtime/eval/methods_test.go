package eval

import (
	"context"
	"math"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cosine is the similarity in float64.
func cosine(a, b []float32) float64 {
	ab, aa, bb := 0.0, 0.0, 0.0
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// slowNearest is the definition.
func slowNearest(train, test *Set, k int) []float64 {
	var out []float64
	for i := range test.Len() {
		order := make([]int, train.Len())
		for j := range order {
			order[j] = j
		}
		s := func(j int) float64 { return cosine(test.Row(i), train.Row(j)) }
		sort.SliceStable(order, func(a, b int) bool { return s(order[a]) > s(order[b]) })
		votes, sum, total := make([]float64, max(1, train.Classes)), 0.0, 0.0
		for _, j := range order[:k] {
			w := math.Exp(s(j) / 0.07)
			sum += w * train.Y[j]
			total += w
			if train.Classes > 1 {
				votes[int(train.Y[j])] += w
			}
		}
		best := 0
		for c, v := range votes {
			if v > votes[best] {
				best = c
			}
		}
		if train.Classes == 1 {
			out = append(out, sum/total)
		} else {
			out = append(out, float64(best))
		}
	}
	return out
}

func TestNearest(t *testing.T) {
	for _, classes := range []int{1, 2, 9} {
		for _, k := range []int{1, 7, 1000} {
			train, test := blobs(103, 17, classes, "train"), blobs(31, 17, classes, "test")
			clear(train.X[5*17 : 6*17]) // a vector without direction
			want := slowNearest(train, test, min(k, 103))
			for _, threads := range []int{1, 3} {
				r, err := Nearest(context.Background(), train, test, k, Options{Threads: threads})
				if err != nil {
					t.Fatal(err)
				}
				for i, p := range r.Predictions {
					if !(math.Abs(p-want[i]) <= 1e-4) {
						t.Fatalf("%d classes, k %d: example %d is %v, expected %v", classes, k, i, p, want[i])
					}
				}
				if classes > 1 && r.Test.Mean < 0.8 && k < 1000 {
					t.Errorf("%d classes, k %d: %v", classes, k, r.Test.Mean)
				}
			}
		}
	}
}

// Vectors whose products overflow are refused: compared with NaN, every example would be of class 0.
func TestVectorsTooLarge(t *testing.T) {
	train, test := blobs(40, 3, 2, "train"), blobs(20, 3, 2, "test")
	for i := range test.X {
		test.X[i] *= 1e30
	}
	o := Options{Threads: 1}
	_, err := Nearest(context.Background(), train, test, 3, o)
	_, err2 := FewShot(context.Background(), train, test, 3, 2, o)
	for _, err := range []error{err, err2} {
		if err == nil || !strings.Contains(err.Error(), "value 0 of the vector of example 0") || !strings.Contains(err.Error(), "--standardize") {
			t.Errorf("error %v", err)
		}
	}
}

func TestNeighboursKeepTheFirstOfEqualOnes(t *testing.T) {
	b := newNeighbours(3)
	for i, s := range []float32{1, 2, 2, 0, 2, 3, 2} {
		b.add(s, i)
	}
	if d := cmp.Diff([]int{5, 1, 2}, b.index[:b.n]); d != "" {
		t.Error(d)
	}
}

func TestFewShot(t *testing.T) {
	train, test := blobs(180, 17, 9, "train"), blobs(61, 17, 9, "test")
	for _, s := range []*Set{train, test} { // more noise
		noise := random(len(s.X), "noise")
		for i := range s.X {
			s.X[i] += 5 * noise[i]
		}
	}
	scores := map[int]float64{}
	for _, shots := range []int{1, 5, 100} {
		var want Result
		for _, threads := range []int{1, 3} {
			r, err := FewShot(context.Background(), train, test, shots, 10, Options{Threads: threads, Seed: 4})
			if err != nil {
				t.Fatal(err)
			}
			r.Seconds = 0
			if threads == 1 {
				want = r
			} else if d := cmp.Diff(want, r); d != "" {
				t.Errorf("threads matter: %s", d)
			}
		}
		scores[shots] = want.Test.Mean
		if want.Examples != 9*min(shots, 20) || len(want.Test.Values) != 10 {
			t.Errorf("%d shots: %+v", shots, want)
		}
	}
	if !(scores[1] < scores[5]) || scores[5] < 0.5 {
		t.Errorf("more examples should be better: %v", scores)
	}
	// With all examples there is nothing to draw: every episode is the nearest class mean.
	r, err := FewShot(context.Background(), train, test, 100, 3, Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.Test.Deviation > 1e-12 {
		t.Errorf("episodes differ although they use all examples: %v", r.Test.Values)
	}
	for i, p := range r.Predictions {
		best, at := math.Inf(1), -1
		for c := range 9 {
			d, n := 0.0, 0.0
			mean := make([]float64, 17)
			for e, y := range train.Y {
				if int(y) == c {
					n++
					for k, v := range train.Row(e) {
						mean[k] += float64(v)
					}
				}
			}
			for k, v := range test.Row(i) {
				d += (float64(v) - mean[k]/n) * (float64(v) - mean[k]/n)
			}
			if d < best {
				best, at = d, c
			}
		}
		if int(p) != at {
			t.Errorf("example %d is class %v, its nearest mean is that of %d", i, p, at)
		}
	}
}

func TestFewShotDrawsWithoutReplacement(t *testing.T) {
	train := &Set{Width: 1, Classes: 1}
	for i := range 10 {
		train.X, train.Y = append(train.X, float32(int(1)<<i)), append(train.Y, 0)
	}
	members := [][]int32{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}
	seen := map[float32]bool{}
	for episode := range 200 {
		sum := newPrototypes(train, members, 3, 1, episode).mean[0][0] * 3
		bits := 0
		for n := int(math.Round(float64(sum))); n > 0; n &= n - 1 {
			bits++
		}
		if bits != 3 {
			t.Fatalf("episode %d: the examples sum up to %v, three different ones were to be drawn", episode, sum)
		}
		seen[sum] = true
	}
	if len(seen) < 60 {
		t.Errorf("only %d different draws in 200 episodes", len(seen))
	}
}

func TestFewShotWithoutAClass(t *testing.T) {
	train, test := blobs(40, 5, 3, "train"), blobs(12, 5, 3, "test")
	for i, y := range train.Y {
		if y == 1 {
			train.Y[i] = 0
		}
	}
	r, err := FewShot(context.Background(), train, test, 5, 2, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Predictions {
		if p == 1 {
			t.Error("a class without training examples was predicted")
		}
	}
	train.Classes, test.Classes = 1, 1
	if _, err := FewShot(context.Background(), train, test, 5, 2, Options{}); err == nil || !strings.Contains(err.Error(), "needs classes") {
		t.Errorf("error %v", err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := blobs(40, 5, 3, "train")
	for name, run := range map[string]func() error{
		"linear":  func() error { _, err := Linear(ctx, s, s, quick); return err },
		"knn":     func() error { _, err := Nearest(ctx, s, s, 3, quick); return err },
		"fewshot": func() error { _, err := FewShot(ctx, s, s, 3, 3, quick); return err },
	} {
		if err := run(); err != context.Canceled {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Nearest neighbours at the size of PAMAP2: 10,000 vectors of 256 among 50,000; here a tenth
// of the former.
func BenchmarkNearest(b *testing.B) {
	train, test := blobs(50000, 256, 12, "train"), blobs(1000, 256, 12, "test")
	for b.Loop() {
		if _, err := Nearest(context.Background(), train, test, 20, Options{Threads: 2}); err != nil {
			b.Fatal(err)
		}
	}
}
