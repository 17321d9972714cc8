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
// characteristic, the predictions being any numbers that are larger where class 1 is likelier), "spearman"
// (correlation of ranks, ties sharing theirs) or "pearson" (correlation). Where a metric is undefined, as in
// scikit-learn 1.9 and SciPy 1.17, it is NaN, and undefined says why: the area for labels of one class, a correlation for
// fewer than two examples or numbers that are all the same.
func Metric(name string, predicted, labels []float64, classes int) (value float64, undefined string) {
	switch name {
	case "weighted_f1":
		return weightedF1(predicted, labels, classes), ""
	case "auroc":
		return auroc(predicted, labels)
	case "spearman", "pearson":
		switch {
		case len(labels) < 2:
			return math.NaN(), "there are fewer than two examples"
		case constant(labels):
			return math.NaN(), "the labels are all the same"
		case constant(predicted):
			return math.NaN(), "the predictions are all the same"
		case name == "spearman":
			predicted, labels = ranks(predicted), ranks(labels)
		}
		return pearson(predicted, labels), ""
	}
	right := 0
	for i, p := range predicted {
		if p == labels[i] {
			right++
		}
	}
	return float64(right) / float64(len(labels)), ""
}

// constant says whether all numbers are the same.
func constant(x []float64) bool {
	return !slices.ContainsFunc(x, func(v float64) bool { return v != x[0] })
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
func auroc(scores, labels []float64) (area float64, undefined string) {
	sum, ones := 0.0, 0.0
	for i, r := range ranks(scores) {
		if labels[i] == 1 {
			sum, ones = sum+r, ones+1
		}
	}
	zeros := float64(len(labels)) - ones
	if ones == 0 || zeros == 0 {
		return math.NaN(), "the labels are all of one class"
	}
	return (sum - float64(ones*(ones-1)/2)) / (ones * zeros), ""
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

// pearson is the correlation of numbers that are not all the same.
func pearson(a, b []float64) float64 {
	a, b = unitDeviations(a), unitDeviations(b)
	r := 0.0
	for i, v := range a {
		r += float64(v * b[i])
	}
	return max(-1, min(1, r))
}

// unitDeviations are the differences of numbers from their mean, as a vector of length 1. Neither large numbers nor small
// ones lose their differences.
func unitDeviations(x []float64) []float64 {
	d, mean, largest := make([]float64, len(x)), 0.0, 0.0
	for i, v := range x {
		d[i] = float64(v/2) - float64(x[0]/2) // halves, since a difference may not be finite
		mean += d[i] / float64(len(x))
	}
	for i := range d {
		d[i] -= mean
		largest = max(largest, math.Abs(d[i]))
	}
	length := 0.0
	for i := range d {
		d[i] /= largest
		length += float64(d[i] * d[i])
	}
	for i := range d {
		d[i] /= math.Sqrt(length)
	}
	return d
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
