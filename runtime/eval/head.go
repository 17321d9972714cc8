package eval

import (
	"context"
	"fmt"
	"math"

	"mspecc/runtime"
)

// Options are the protocol of linear evaluation. The published one is 100 epochs of Adam with
// coupled L2 at lr 1e-4 and weight decay 1e-4, batches shuffled, the last partial one dropped.
type Options struct {
	Epochs      int
	LR          float64
	WeightDecay float64
	Batch       int
	Seed        uint64
	Threads     int
	Metric      string // "accuracy", "weighted_f1", "spearman"; "" follows from the labels
	Progress    func(epoch int)
}

// Result is what a head achieved. Metrics are shares (1 is perfect) or correlations.
type Result struct {
	Metric    string  `json:"metric"`
	Width     int     `json:"width"` // of the vectors
	Examples  int     `json:"train_examples"`
	Train     float64 `json:"train"`      // after the last epoch
	Test      float64 `json:"test"`       // after the last epoch
	Best      float64 `json:"best_test"`  // of all epochs; optimistic, as the test set chose it
	BestEpoch int     `json:"best_epoch"` // counted from 1
}

// head is a linear map with Adam's state; column Width is the bias.
type head struct {
	Options
	outputs int // 1 for two classes and for regression
	stride  int // of a row: Width + 1 rounded up
	w, m, v [][]float32
	delta   []float32 // [batch, outputs]: the loss's gradient with respect to the outputs
	step    int
}

// Linear trains a linear head on one set and tests it on another. Two classes make one
// logistic output, more a softmax, a number to regress the squared error. The result depends
// on the seed, not on the threads.
func Linear(ctx context.Context, train, test *Set, o Options) (Result, error) {
	r := Result{Metric: o.Metric, Width: train.Width, Examples: train.Len()}
	if err := check(train, test, &r); err != nil {
		return r, err
	}
	o.Batch, o.Threads = min(max(1, o.Batch), train.Len()), max(1, o.Threads)
	h := newHead(train, o)
	order := make([]int32, train.Len())
	r.Best = math.Inf(-1)
	for epoch := 1; epoch <= o.Epochs; epoch++ {
		shuffle(order, o.Seed, epoch)
		for lo := 0; lo+o.Batch <= len(order); lo += o.Batch {
			h.update(train, order[lo:lo+o.Batch])
		}
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
		r.Test = Metric(r.Metric, h.predict(test), test.Y, test.Classes)
		if r.Test > r.Best {
			r.Best, r.BestEpoch = r.Test, epoch
		}
		if o.Progress != nil {
			o.Progress(epoch)
		}
	}
	r.Train = Metric(r.Metric, h.predict(train), train.Y, train.Classes)
	for _, row := range h.w {
		for _, v := range row {
			if v-v != 0 {
				return r, fmt.Errorf("the linear head diverged; try --standardize or a smaller --lr")
			}
		}
	}
	return r, nil
}

// check refuses sets that cannot be evaluated and settles the metric.
func check(train, test *Set, r *Result) error {
	switch {
	case train.Classes == 0:
		return fmt.Errorf("the data have no labels; linear evaluation needs labelled data")
	case train.Len() == 0 || test.Len() == 0:
		return fmt.Errorf("%d training and %d test examples; linear evaluation needs both", train.Len(), test.Len())
	case train.Width != test.Width || train.Classes != test.Classes:
		return fmt.Errorf("training set and test set differ: %d and %d columns, %d and %d classes", train.Width, test.Width, train.Classes, test.Classes)
	}
	regression := train.Classes == 1
	switch r.Metric {
	case "":
		r.Metric = "accuracy"
		if regression {
			r.Metric = "spearman"
		}
	case "accuracy", "weighted_f1":
		if regression {
			return fmt.Errorf("the metric %s needs classes, the labels are numbers; use spearman", r.Metric)
		}
	case "spearman":
		if !regression {
			return fmt.Errorf("the metric spearman needs numbers, the labels are %d classes; use accuracy or weighted_f1", train.Classes)
		}
	default:
		return fmt.Errorf("there is no metric %q; use accuracy, weighted_f1 or spearman", r.Metric)
	}
	for _, s := range []*Set{train, test} {
		for i, y := range s.Y {
			if regression && y-y == 0 || y >= 0 && y < float64(s.Classes) && y == math.Trunc(y) {
				continue
			}
			return fmt.Errorf("example %d has the label %v, expected 0..%d", i, y, s.Classes-1)
		}
	}
	return nil
}

// newHead makes a head with PyTorch's default start: uniform in +-1/sqrt(width).
func newHead(train *Set, o Options) *head {
	h := &head{Options: o, outputs: train.Classes, stride: train.Width + 1}
	if train.Classes <= 2 {
		h.outputs = 1
	}
	bound := float32(1 / math.Sqrt(float64(train.Width)))
	for c := range h.outputs {
		row := make([]float32, h.stride)
		runtime.Uniform(row, "eval/head", o.Seed, uint64(c))
		for i, u := range row {
			row[i] = bound * (2*u - 1)
		}
		h.w = append(h.w, row)
		h.m = append(h.m, make([]float32, h.stride))
		h.v = append(h.v, make([]float32, h.stride))
	}
	h.delta = make([]float32, o.Batch*h.outputs)
	return h
}

// shuffle fills order with a permutation that the seed and the epoch decide.
func shuffle(order []int32, seed uint64, epoch int) {
	stream := runtime.StreamID("eval/shuffle")
	for i := range order {
		order[i] = int32(i)
	}
	for i := len(order) - 1; i > 0; i-- {
		word := runtime.Philox(runtime.Counter(uint64(i), uint64(epoch), stream), seed)[0]
		j := int(uint64(word) * uint64(i+1) >> 32)
		order[i], order[j] = order[j], order[i]
	}
}

// update does one step of Adam on a batch.
func (h *head) update(train *Set, rows []int32) {
	h.step++
	parallel(h.Threads, len(rows), 32, func(lo, hi int) {
		for i := lo; i < hi; i += 2 {
			h.deltas(train, rows, i, min(hi, i+2))
		}
	})
	parallel(h.Threads, h.stride, 128, func(lo, hi int) {
		gradient := make([]float32, hi-lo)
		for c := range h.outputs {
			h.gradient(gradient, train, rows, c, lo, hi)
			h.adam(gradient, c, lo)
		}
	})
}

// deltas computes the loss's gradient with respect to the outputs of rows lo..hi-1 (one or two).
func (h *head) deltas(train *Set, rows []int32, lo, hi int) {
	out := h.delta[lo*h.outputs : hi*h.outputs]
	h.apply(out, train.Row(int(rows[lo])), train.Row(int(rows[hi-1])), hi-lo)
	scale := 1 / float32(len(rows))
	for i := lo; i < hi; i++ {
		d, y := out[(i-lo)*h.outputs:][:h.outputs], train.Y[rows[i]]
		switch {
		case train.Classes == 1:
			d[0] = 2 * (d[0] - float32(y)) * scale
		case train.Classes == 2:
			d[0] = (float32(1/(1+math.Exp(-float64(d[0])))) - float32(y)) * scale
		default:
			softmax(d)
			d[int(y)]--
			for c := range d {
				d[c] *= scale
			}
		}
	}
}

func softmax(x []float32) {
	top := x[0]
	for _, v := range x {
		top = max(top, v)
	}
	sum := 0.0
	for i, v := range x {
		e := math.Exp(float64(v - top))
		sum += e
		x[i] = float32(e)
	}
	for i := range x {
		x[i] = float32(float64(x[i]) / sum)
	}
}

// apply computes the outputs [rows, outputs] of one or two vectors; with one, b is a again.
// Eight sums side by side keep the processor's adders busy.
func (h *head) apply(out, a, b []float32, rows int) {
	n := len(a)
	b = b[:n]
	c := 0
	for ; c+4 <= h.outputs; c += 4 {
		w0, w1, w2, w3 := h.w[c][:n], h.w[c+1][:n], h.w[c+2][:n], h.w[c+3][:n]
		var a0, a1, a2, a3, b0, b1, b2, b3 float32
		for i, x := range a {
			y := b[i]
			a0, a1, a2, a3 = a0+x*w0[i], a1+x*w1[i], a2+x*w2[i], a3+x*w3[i]
			b0, b1, b2, b3 = b0+y*w0[i], b1+y*w1[i], b2+y*w2[i], b3+y*w3[i]
		}
		copy(out[c:], []float32{a0 + h.w[c][n], a1 + h.w[c+1][n], a2 + h.w[c+2][n], a3 + h.w[c+3][n]})
		if rows == 2 {
			copy(out[h.outputs+c:], []float32{b0 + h.w[c][n], b1 + h.w[c+1][n], b2 + h.w[c+2][n], b3 + h.w[c+3][n]})
		}
	}
	for ; c < h.outputs; c++ {
		w := h.w[c][:n]
		var a0, b0 float32
		for i, x := range a {
			a0, b0 = a0+x*w[i], b0+b[i]*w[i]
		}
		out[c] = a0 + h.w[c][n]
		if rows == 2 {
			out[h.outputs+c] = b0 + h.w[c][n]
		}
	}
}

// gradient computes columns lo..hi-1 of output c's weight gradient: delta' x, in order of rows,
// four rows at a time.
func (h *head) gradient(g []float32, train *Set, rows []int32, c, lo, hi int) {
	clear(g)
	end := min(hi, train.Width)
	cut := func(i int) []float32 { return train.Row(int(rows[i]))[lo:end] }
	d := func(i int) float32 { return h.delta[i*h.outputs+c] }
	i := 0
	for ; i+4 <= len(rows) && lo < end; i += 4 {
		x0, x1, x2, x3 := cut(i), cut(i+1), cut(i+2), cut(i+3)
		d0, d1, d2, d3 := d(i), d(i+1), d(i+2), d(i+3)
		x1, x2, x3 = x1[:len(x0)], x2[:len(x0)], x3[:len(x0)]
		to := g[:len(x0)]
		for j, x := range x0 {
			to[j] += d0*x + d1*x1[j] + d2*x2[j] + d3*x3[j]
		}
	}
	for ; i < len(rows) && lo < end; i++ {
		for j, x := range cut(i) {
			g[j] += d(i) * x
		}
	}
	if hi == h.stride { // the bias
		for i := range rows {
			g[hi-lo-1] += d(i)
		}
	}
}

// adam updates the weights of output c from column lo on, with L2 decay added to the gradient.
func (h *head) adam(g []float32, c, lo int) {
	const beta1, beta2, eps = 0.9, 0.999, 1e-8
	rate := float32(h.LR / (1 - math.Pow(beta1, float64(h.step))))
	root := float32(math.Sqrt(1 - math.Pow(beta2, float64(h.step))))
	decay := float32(h.WeightDecay)
	w, m, v := h.w[c][lo:lo+len(g)], h.m[c][lo:lo+len(g)], h.v[c][lo:lo+len(g)]
	for i, d := range g {
		d += decay * w[i]
		m[i] += (1 - beta1) * (d - m[i])
		v[i] = beta2*v[i] + (1-beta2)*d*d
		w[i] -= rate * m[i] / (float32(math.Sqrt(float64(v[i])))/root + eps)
	}
}

// predict gives the class of every example, or the number.
func (h *head) predict(s *Set) []float64 {
	p := make([]float64, s.Len())
	parallel(h.Threads, s.Len(), 64, func(lo, hi int) {
		out := make([]float32, 2*h.outputs)
		for i := lo; i < hi; i += 2 {
			n := min(2, hi-i)
			h.apply(out, s.Row(i), s.Row(i+n-1), n)
			for k := range n {
				p[i+k] = decide(out[k*h.outputs:][:h.outputs], s.Classes)
			}
		}
	})
	return p
}

func decide(out []float32, classes int) float64 {
	switch {
	case classes == 1:
		return float64(out[0])
	case classes == 2:
		if out[0] > 0 {
			return 1
		}
		return 0
	}
	best := 0
	for c, v := range out {
		if v > out[best] {
			best = c
		}
	}
	return float64(best)
}
