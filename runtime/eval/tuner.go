package eval

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"mspecc/runtime"
	"mspecc/runtime/data"
	"mspecc/runtime/rounded"
	"mspecc/runtime/train"
)

// tuner trains the parameters that a program's features depend on.
type tuner struct {
	m         *runtime.Machine
	vectors   runtime.Tensor // [B, width], or [B, rows, width] where an example has labels for its tokens
	cotangent runtime.Tensor // the same for the b examples of a batch of the pullback
	other     runtime.Tensor // input for the derivative by vectors that the loss is not of, which is 0; may be none
	part      data.Batch     // b examples
	params    []tuned
	chunks    []chunk
	steps     int
}

// tuned is a parameter with what AdamW keeps of it.
type tuned struct {
	value, grad, start []float32
	sum                []float32 // of the gradients of a batch's parts
	mean, square       []float32 // moments
}

// chunk is the piece of a parameter that one task works on.
type chunk struct{ param, lo, hi int }

// chunkFloats is the length of a chunk.
const chunkFloats = 1 << 14

func newTuner(m *runtime.Machine, rows int) (*tuner, error) {
	f := m.Program.Pullback
	if f == nil {
		return nil, fmt.Errorf("the features of the model %s depend on no parameter that could be tuned", m.Program.Name)
	}
	t := &tuner{m: m}
	var err error
	if t.vectors, err = vectors(m.Program, rows); err != nil {
		return nil, err
	}
	mine, other := "cotangent", "cotangent.tokens"
	if rows > 1 {
		mine, other = other, mine
	}
	var ok bool
	if t.cotangent, ok = f.Input(mine); !ok || !slices.Equal(t.cotangent.Shape[1:], t.vectors.Shape[1:]) {
		return nil, fmt.Errorf("the pullback of the model %s does not fit its features", m.Program.Name)
	}
	t.other, _ = f.Input(other)
	for _, out := range f.Outputs {
		q, ok := m.Program.Param(strings.TrimPrefix(out.Name, "grad."))
		if !ok {
			continue
		}
		value, n := m.Floats(q.Tensor), q.Len()
		t.params = append(t.params, tuned{value, m.Floats(out), append([]float32(nil), value...), make([]float32, n), make([]float32, n), make([]float32, n)})
		for lo := 0; lo < n; lo += chunkFloats {
			t.chunks = append(t.chunks, chunk{len(t.params) - 1, lo, min(n, lo+chunkFloats)})
		}
	}
	return t, nil
}

// reset gives the parameters the values that they had first.
func (t *tuner) reset() {
	t.steps = 0
	for _, p := range t.params {
		copy(p.value, p.start)
		clear(p.mean)
		clear(p.square)
	}
}

// size is the number of features of an example, over all its vectors.
func (t *tuner) size() int { return t.vectors.Len() / t.m.Program.Batch }

// features computes the vectors of a batch into dst.
func (t *tuner) features(dst []float32, b *data.Batch) error {
	f := t.m.Program.Features
	if err := train.Feed(t.m, f, b); err != nil {
		return err
	}
	if err := t.m.Execute(f, 0, 0); err != nil {
		return err
	}
	copy(dst, t.m.Floats(t.vectors))
	return nil
}

// pull sums up the gradients of a batch's loss, whose derivative with respect to the
// vectors is cotangent. The pullback takes the batch in parts; the examples that
// fill up the last one count for nothing.
func (t *tuner) pull(b *data.Batch, cotangent []float32) error {
	part, size := t.cotangent.Shape[0], t.size()
	all := len(cotangent) / size
	for first := 0; first < all; first += part {
		n := min(part, all-first)
		t.part.X, t.part.Tokens = rows(t.part.X[:0], b.X, all, first, n, part), rows(t.part.Tokens[:0], b.Tokens, all, first, n, part)
		if err := train.Feed(t.m, t.m.Program.Pullback, &t.part); err != nil {
			return err
		}
		g := t.m.Floats(t.cotangent)
		clear(g[copy(g, cotangent[first*size:(first+n)*size]):])
		if t.other.Name != "" {
			clear(t.m.Floats(t.other))
		}
		if err := t.m.Execute(t.m.Program.Pullback, 0, 0); err != nil {
			return err
		}
		t.each(func(p *tuned, lo, hi int) {
			if first == 0 {
				copy(p.sum[lo:hi], p.grad[lo:hi])
				return
			}
			for i, v := range p.grad[lo:hi] {
				p.sum[lo+i] += v
			}
		})
	}
	return nil
}

// rows appends n of the all rows of x from first on, and repeats the last one up to part rows.
func rows[T any](dst, x []T, all, first, n, part int) []T {
	width := len(x) / all
	for i := range part {
		from := (first + min(i, n-1)) * width
		dst = append(dst, x[from:from+width]...)
	}
	return dst
}

// adamw updates the parameters.
func (t *tuner) adamw(lr float64) {
	t.steps++
	keep := float32(1 - float64(lr*t.m.Program.Train.WeightDecay))
	rate := float32(lr / (1 - rounded.Pow(beta1, t.steps)))
	bias := float32(1 - rounded.Pow(beta2, t.steps))
	t.each(func(p *tuned, lo, hi int) {
		w, g, m, v := p.value[lo:hi], p.sum[lo:hi], p.mean[lo:hi], p.square[lo:hi]
		for i, d := range g {
			m[i] = float32(beta1*m[i]) + float32((1-beta1)*d)
			v[i] = float32(beta2*v[i]) + float32((1-beta2)*d*d)
			w[i] = float32(keep*w[i]) - float32(rate*m[i])/(float32(math.Sqrt(float64(v[i]/bias)))+adamEps)
		}
	})
}

// each works on all parameters, piece by piece, with the machine's workers.
func (t *tuner) each(f func(p *tuned, lo, hi int)) {
	t.m.Run(func(_ *runtime.Worker, _ *runtime.Call, task int) {
		c := t.chunks[task]
		f(&t.params[c.param], c.lo, c.hi)
	}, len(t.chunks))
}
