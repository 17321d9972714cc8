package eval

import (
	"math"

	"mspecc/runtime"
	"mspecc/runtime/rounded"
)

// Adam's constants, for heads and for encoders.
const beta1, beta2, adamEps = 0.9, 0.999, 1e-8

// head is a linear map with Adam's state; column Width is the bias.
type head struct {
	Options
	seed    uint64
	classes int         // of the labels, as Set.Classes
	outputs int         // 1 for two classes and for regression
	stride  int         // of a row: Width + 1
	w       [][]float32 // rows of zeros fill it up to a multiple of 4
	m, v    [][]float32
	delta   []float32 // [batch, outputs]: the loss's gradient with respect to the outputs
	step    int
}

// newHead makes a head with PyTorch's default start: uniform in +-1/sqrt(width).
func newHead(train *Set, o Options, seed uint64) *head {
	h := &head{Options: o, seed: seed, classes: train.Classes, outputs: train.Classes, stride: train.Width + 1}
	if train.Classes <= 2 {
		h.outputs = 1
	}
	bound := float32(1 / math.Sqrt(float64(train.Width)))
	for c := range h.outputs {
		row := make([]float32, h.stride)
		runtime.Uniform(row, "eval/head", seed, uint64(c))
		for i, u := range row {
			row[i] = bound * (2*u - 1)
		}
		h.w = append(h.w, row)
		h.m = append(h.m, make([]float32, h.stride))
		h.v = append(h.v, make([]float32, h.stride))
	}
	for len(h.w)%4 != 0 {
		h.w = append(h.w, make([]float32, h.stride))
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
	h.gradients(train, rows)
	h.descend(train, rows)
}

// descend changes the weights by what gradients found for the same rows.
func (h *head) descend(train *Set, rows []int32) {
	h.step++
	parallel(h.Threads, h.stride, 128, func(lo, hi int) {
		gradient := make([]float32, hi-lo)
		for c := range h.outputs {
			h.gradient(gradient, train, rows, c, lo, hi)
			h.adam(gradient, c, lo)
		}
	})
}

// gradients computes delta, the mean loss's gradient with respect to the outputs.
func (h *head) gradients(train *Set, rows []int32) {
	parallel(h.Threads, len(rows), 32, func(lo, hi int) {
		out := make([]float32, 2*len(h.w))
		for i := lo; i < hi; i += 2 {
			h.deltas(out, train, rows, i, min(hi, i+2))
		}
	})
}

// deltas computes the loss's gradient with respect to the outputs of rows lo..hi-1 (one or
// two); out has room for two rows of outputs.
func (h *head) deltas(out []float32, train *Set, rows []int32, lo, hi int) {
	h.apply(out, train.Row(int(rows[lo])), train.Row(int(rows[hi-1])))
	scale := 1 / float32(len(rows))
	for i := lo; i < hi; i++ {
		d, y := h.delta[i*h.outputs:(i+1)*h.outputs], train.Y[rows[i]]
		copy(d, out[(i-lo)*len(h.w):])
		switch h.classes {
		case 1:
			d[0] = 2 * (d[0] - float32(y)) * scale
		case 2:
			d[0] = (float32(1/(1+rounded.Exp(-float64(d[0])))) - float32(y)) * scale
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
		e := rounded.Exp(float64(v - top))
		sum += e
		x[i] = float32(e)
	}
	for i := range x {
		x[i] = float32(float64(x[i]) / sum)
	}
}

// apply computes the outputs [2, len(h.w)] of two vectors.
func (h *head) apply(out, a, b []float32) {
	n := len(a)
	for c := 0; c < len(h.w); c += 4 {
		w := h.w[c : c+4 : c+4]
		s := dots(a, b, w[0][:n], w[1][:n], w[2][:n], w[3][:n])
		for i := range 4 {
			out[c+i], out[len(h.w)+c+i] = s[i]+w[i][n], s[4+i]+w[i][n]
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
		addScaled(g[:end-lo], cut(i), cut(i+1), cut(i+2), cut(i+3), [4]float32{d(i), d(i + 1), d(i + 2), d(i + 3)})
	}
	for ; i < len(rows) && lo < end; i++ {
		x := cut(i)
		addScaled(g[:end-lo], x, x, x, x, [4]float32{d(i)})
	}
	if hi == h.stride { // the bias
		for i := range rows {
			g[hi-lo-1] += d(i)
		}
	}
}

// back computes the loss's gradient with respect to the vectors themselves, [rows, width],
// from delta.
func (h *head) back(dst []float32, rows int) {
	n := h.stride - 1
	parallel(h.Threads, rows, 8, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			row, d := dst[i*n:(i+1)*n], make([]float32, len(h.w))
			copy(d, h.delta[i*h.outputs:(i+1)*h.outputs])
			clear(row)
			for c := 0; c < len(h.w); c += 4 {
				addScaled(row, h.w[c][:n], h.w[c+1][:n], h.w[c+2][:n], h.w[c+3][:n], [4]float32(d[c:c+4]))
			}
		}
	})
}

// adam updates the weights of output c from column lo on, with L2 decay added to the gradient.
func (h *head) adam(g []float32, c, lo int) {
	rate := float32(h.LR / (1 - rounded.Pow(beta1, h.step)))
	root := float32(math.Sqrt(1 - rounded.Pow(beta2, h.step)))
	decay := float32(h.WeightDecay)
	w, m, v := h.w[c][lo:lo+len(g)], h.m[c][lo:lo+len(g)], h.v[c][lo:lo+len(g)]
	for i, d := range g {
		d += float32(decay * w[i])
		m[i] += float32((1 - beta1) * (d - m[i]))
		v[i] = float32(beta2*v[i]) + float32((1-beta2)*d*d)
		w[i] -= float32(rate*m[i]) / (float32(math.Sqrt(float64(v[i])))/root + adamEps)
	}
}

// measure scores predictions of a set by a metric, as Metric does; that of an order needs the outputs themselves.
func (h *head) measure(metric string, p []float64, s *Set) (value float64, undefined string) {
	if metric == "auroc" {
		p = h.each(s, func(out []float32) float64 { return float64(out[0]) })
	}
	return Metric(metric, p, s.Y, s.Classes)
}

// predict gives the class of every example, or the number.
func (h *head) predict(s *Set) []float64 {
	return h.each(s, func(out []float32) float64 { return decide(out, s.Classes) })
}

// each is what f makes of the outputs for every example.
func (h *head) each(s *Set, f func(out []float32) float64) []float64 {
	p := make([]float64, s.Len())
	parallel(h.Threads, s.Len(), 64, func(lo, hi int) {
		out := make([]float32, 2*len(h.w))
		for i := lo; i < hi; i += 2 {
			n := min(2, hi-i)
			h.apply(out, s.Row(i), s.Row(i+n-1))
			for k := range n {
				p[i+k] = f(out[k*len(h.w):][:h.outputs])
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

// finite says whether training went well.
func (h *head) finite() bool {
	for _, row := range h.w {
		for _, v := range row {
			if v-v != 0 {
				return false
			}
		}
	}
	return true
}
