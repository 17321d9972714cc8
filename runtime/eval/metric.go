package eval

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"mspecc/runtime/options"
)

// Metrics are the names of the metrics: for classes accuracy, weighted_f1 and, where there are
// two, auroc; for numbers spearman and pearson.
var Metrics = options.Metrics

// Metric compares predictions with labels: "accuracy", "weighted_f1" (the classes' F1 scores
// weighted by how often they occur), "auroc" (the area under the receiver operating
// characteristic, the predictions being any numbers that are larger where class 1 is likelier; 0.5
// where there is but one class), "spearman" (correlation of ranks, ties sharing theirs) or
// "pearson" (correlation).
func Metric(name string, predicted, labels []float64, classes int) float64 {
	switch name {
	case "weighted_f1":
		return weightedF1(predicted, labels, classes)
	case "auroc":
		return auroc(predicted, labels)
	case "spearman":
		return pearson(ranks(predicted), ranks(labels))
	case "pearson":
		return pearson(predicted, labels)
	}
	right := 0
	for i, p := range predicted {
		if p == labels[i] {
			right++
		}
	}
	return float64(right) / float64(len(labels))
}

func weightedF1(predicted, labels []float64, classes int) float64 {
	right, guessed, real := make([]float64, classes), make([]float64, classes), make([]float64, classes)
	for i, p := range predicted {
		guessed[int(p)]++
		real[int(labels[i])]++
		if p == labels[i] {
			right[int(p)]++
		}
	}
	f := 0.0
	for c := range classes {
		if guessed[c]+real[c] > 0 {
			f += real[c] * 2 * right[c] / (guessed[c] + real[c])
		}
	}
	return f / float64(len(labels))
}

// auroc is the share of pairs of one example of class 1 and one of class 0 whose scores are in
// that order, equal ones counting half: from the sum of the ranks (Mann and Whitney, 1947).
func auroc(scores, labels []float64) float64 {
	sum, ones := 0.0, 0.0
	for i, r := range ranks(scores) {
		if labels[i] == 1 {
			sum, ones = sum+r, ones+1
		}
	}
	zeros := float64(len(labels)) - ones
	if ones == 0 || zeros == 0 {
		return 0.5
	}
	return (sum - float64(ones*(ones-1)/2)) / (ones * zeros)
}

// ranks are the positions in sorted order; equal values share the mean of theirs.
func ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case x[a] < x[b]:
			return -1
		case x[a] > x[b]:
			return 1
		}
		return 0
	})
	r := make([]float64, len(x))
	for lo := 0; lo < len(order); {
		hi := lo + 1
		for hi < len(order) && x[order[hi]] == x[order[lo]] {
			hi++
		}
		for _, i := range order[lo:hi] {
			r[i] = float64(lo+hi-1) / 2
		}
		lo = hi
	}
	return r
}

// pearson is the correlation, 0 where one side never changes.
func pearson(a, b []float64) float64 {
	n := float64(len(a))
	ma, mb := 0.0, 0.0
	for i := range a {
		ma, mb = ma+a[i]/n, mb+b[i]/n
	}
	ab, aa, bb := 0.0, 0.0, 0.0
	for i := range a {
		ab += float64((a[i] - ma) * (b[i] - mb))
		aa += float64((a[i] - ma) * (a[i] - ma))
		bb += float64((b[i] - mb) * (b[i] - mb))
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// parallel calls f for successive pieces of 0..n-1, each of so many elements, from several
// goroutines. The pieces are the same for any number of threads.
func parallel(threads, n, piece int, f func(lo, hi int)) {
	pieces := (n + piece - 1) / piece
	var next atomic.Int64
	work := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= pieces {
				return
			}
			f(i*piece, min(n, (i+1)*piece))
		}
	}
	var others sync.WaitGroup
	for range min(threads, pieces) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
}
