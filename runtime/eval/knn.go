package eval

import (
	"context"
	"fmt"
	"math"
	"time"

	"mspecc/runtime/rounded"
)

// knnTemperature divides the similarities before they become weights.
const knnTemperature = 0.07

// Nearest classifies each test example by its k most similar training examples: similarity
// is the cosine s, and a neighbour votes with the weight exp(s / 0.07) (Wu et al., "Unsupervised
// feature learning via non-parametric instance discrimination", 2018, section 3.4). A number
// is the weighted mean of the neighbours' numbers. Nothing is drawn at random; of two equally
// similar examples the first counts.
func Nearest(ctx context.Context, train, test *Set, k int, o Options) (Result, error) {
	start := time.Now()
	metric, err := check(train, test, o.Metric)
	k = min(max(1, k), max(1, train.Len()))
	r := begin("knn", fmt.Sprintf("k %d", k), metric, train, test)
	if err == nil {
		err = checkSize(train, test)
	}
	if err != nil {
		return r, err
	}
	threads := max(1, o.Threads)
	a, b := inverseNorms(train, threads), inverseNorms(test, threads)
	p, scores := make([]float64, test.Len()), make([]float64, test.Len())
	const piece, rows = 512, 16 // examples between two looks at ctx, and of one task
	for first := 0; first < test.Len(); first += piece {
		n := min(piece, test.Len()-first)
		parallel(threads, n, rows, func(lo, hi int) {
			near := make([]*neighbours, hi-lo)
			for i := range near {
				near[i] = newNeighbours(k)
			}
			search(near, train, test, first+lo, a, b)
			for i := range near {
				p[first+lo+i], scores[first+lo+i] = near[i].vote(train)
			}
		})
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
		o.progress(first+n, test.Len())
	}
	measured := p
	if metric == "auroc" {
		measured = scores
	}
	value, why := Metric(metric, measured, test.Y, test.Classes)
	r.Test = score([]float64{value}, why)
	r.predicted(p, test)
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// largestFeature bounds features so that a product of two vectors does not overflow: infinite and NaN
// similarities would be compared as if they were small, and every example go to the first class.
const largestFeature = 1e16

// checkSize refuses vectors whose products overflow float32.
func checkSize(sets ...*Set) error {
	for _, s := range sets {
		for i, v := range s.X {
			if !(v <= largestFeature && v >= -largestFeature) {
				return fmt.Errorf("value %d of the vector of example %d is %v; vectors are compared by products in float32, which takes values up to %g: evaluate with --standardize",
					i%s.Width, i/s.Width, v, float64(largestFeature))
			}
		}
	}
	return nil
}

// inverseNorms are 1 over the length of every vector, 0 for vectors of length 0.
func inverseNorms(s *Set, threads int) []float32 {
	out := make([]float32, s.Len())
	parallel(threads, s.Len(), 256, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			sum := 0.0
			for _, v := range s.Row(i) {
				sum += float64(float64(v) * float64(v))
			}
			if sum > 0 {
				out[i] = float32(1 / math.Sqrt(sum))
			}
		}
	})
	return out
}

// search finds the neighbours of the test examples from first on. Training examples are
// taken four at a time, and compared with all of those while they are in the cache.
func search(near []*neighbours, train, test *Set, first int, inverse, inverseTest []float32) {
	last := train.Len() - 1
	for t := 0; t <= last; t += 4 {
		for k := 0; k < len(near); k += 2 {
			i, j := k, min(k+1, len(near)-1)
			s := dots(test.Row(first+i), test.Row(first+j), train.Row(t), train.Row(min(t+1, last)), train.Row(min(t+2, last)), train.Row(min(t+3, last)))
			for q := 0; q < 4 && t+q <= last; q++ {
				near[i].add(s[q]*inverse[t+q]*inverseTest[first+i], t+q)
				if j > i {
					near[j].add(s[4+q]*inverse[t+q]*inverseTest[first+j], t+q)
				}
			}
		}
	}
}

// neighbours keeps the k most similar examples, the most similar first.
type neighbours struct {
	similarity []float32
	index      []int
	n          int
}

func newNeighbours(k int) *neighbours {
	return &neighbours{make([]float32, k), make([]int, k), 0}
}

// add offers an example; examples come in order of their index.
func (b *neighbours) add(s float32, index int) {
	if b.n == len(b.index) {
		if s <= b.similarity[b.n-1] {
			return
		}
		b.n--
	}
	at := b.n
	for at > 0 && s > b.similarity[at-1] {
		at--
	}
	copy(b.similarity[at+1:b.n+1], b.similarity[at:b.n])
	copy(b.index[at+1:b.n+1], b.index[at:b.n])
	b.similarity[at], b.index[at] = s, index
	b.n++
}

// vote is the class with the largest weight, the first of equal ones, or the mean number; mean is
// that of the labels in any case, for two classes the share of class 1.
func (b *neighbours) vote(train *Set) (label, mean float64) {
	weights, sum, total := map[float64]float64{}, 0.0, 0.0
	for i := range b.n {
		w := rounded.Exp(float64(b.similarity[i]-b.similarity[0]) / knnTemperature)
		y := train.Y[b.index[i]]
		weights[y] += w
		sum += float64(w * y)
		total += w
	}
	if train.Classes == 1 {
		return sum / total, sum / total
	}
	best := train.Y[b.index[0]]
	for i := range b.n {
		if y := train.Y[b.index[i]]; weights[y] > weights[best] || weights[y] == weights[best] && y < best {
			best = y
		}
	}
	return best, sum / total
}
