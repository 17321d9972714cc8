// Package eval measures representations: by a linear probe, by nearest neighbours and by a
// few examples of each class, all on features computed once, or by tuning the whole encoder.
package eval

import (
	"context"
	"fmt"
	"math"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/data"
	"mspecc/runtime/train"
)

// Set holds one vector and one label per example.
type Set struct {
	X       []float32 // [n, Width] row-major
	Y       []float64 // [n] classes or numbers
	Width   int
	Classes int // as data.Dataset.Classes
}

// Len is the number of examples.
func (s *Set) Len() int { return len(s.Y) }

// Row is the vector of example i.
func (s *Set) Row(i int) []float32 { return s.X[i*s.Width : (i+1)*s.Width : (i+1)*s.Width] }

// Source is a data set with what the model wants of it.
type Source struct {
	Data data.Dataset
	Want data.Want
	Max  int // use only the first so many examples; 0 for all
}

// Len is the number of examples used.
func (s Source) Len() int {
	if n := s.Data.Len(); s.Max <= 0 || n < s.Max {
		return n
	}
	return s.Max
}

// dataset is the data set, without the examples that are not used.
func (s Source) dataset() data.Dataset {
	if s.Len() == s.Data.Len() {
		return s.Data
	}
	return firstOf{s.Data, s.Len()}
}

// firstOf is a data set's first examples.
type firstOf struct {
	data.Dataset
	n int
}

// Len is their number.
func (f firstOf) Len() int { return f.n }

// Width is the number of features of one example, an error where the program has none that
// could be used.
func Width(p *runtime.Program) (int, error) {
	if p.Features == nil {
		return 0, fmt.Errorf("the model %s computes no features; give its spec a features block", p.Name)
	}
	out, ok := p.Features.Output("features")
	if !ok || len(out.Shape) == 0 || out.Shape[0] != p.Batch {
		return 0, fmt.Errorf("the model's features are %s, expected one vector for each of the %d examples of a batch", out.TypeString(), p.Batch)
	}
	return out.Len() / p.Batch, nil
}

// Stream computes a program's features of every example, in order and without randomness,
// and calls use with those of one batch after another: x is [n, width], y the labels of the
// examples first, first+1, ...; both are valid until use returns.
func Stream(ctx context.Context, m *runtime.Machine, s Source, use func(first int, x []float32, y []float64) error) error {
	width, err := Width(m.Program)
	if err != nil {
		return err
	}
	f := m.Program.Features
	out, _ := f.Output("features")
	return batches(ctx, s, m.Program.Batch, func(first, n int, b *data.Batch) error {
		if err := train.Feed(m, f, b); err != nil {
			return err
		}
		if err := m.Execute(f, 0, uint64(b.Step)); err != nil {
			return err
		}
		x := m.Floats(out)[:n*width]
		if i := ckpt.FirstNonFinite(x); i >= 0 {
			return fmt.Errorf("the features of example %d are not finite (%v)", first+i/width, x[i])
		}
		return use(first, x, b.Labels[:n])
	})
}

// batches calls use for every batch of the examples in order: those from first on, n of them.
func batches(ctx context.Context, s Source, size int, use func(first, n int, b *data.Batch) error) error {
	l, err := data.NewLoader(s.dataset(), s.Want, data.LoaderOptions{Batch: size, Partial: true})
	if err != nil {
		return err
	}
	defer l.Close()
	for step := range l.Steps() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b, err := l.Batch(step)
		if err != nil {
			return err
		}
		if err := use(step*size, b.Count, b); err != nil {
			return err
		}
	}
	return nil
}

// Features gathers the features of every example. Progress, if not nil, hears how many
// examples are done.
func Features(ctx context.Context, m *runtime.Machine, s Source, progress func(done int)) (*Set, error) {
	width, err := Width(m.Program)
	if err != nil {
		return nil, err
	}
	set := &Set{Width: width, Classes: s.Data.Classes()}
	err = Stream(ctx, m, s, func(_ int, x []float32, y []float64) error {
		set.X, set.Y = append(set.X, x...), append(set.Y, y...)
		if progress != nil {
			progress(set.Len())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return set, nil
}

// maxRaw bounds the floats Raw gathers: 1 GiB.
const maxRaw = 1 << 28

// Raw gathers the inputs themselves, flattened; tokens become one-hot vectors. Where all of
// them would take too much memory it takes the first so many examples as fit.
func Raw(s Source) (*Set, error) {
	size := s.Want.Size()
	set := &Set{Width: size, Classes: s.Data.Classes()}
	if s.Want.Tokens {
		set.Width = size * max(1, s.Want.Vocab)
	}
	n := max(1, min(s.Len(), maxRaw/set.Width))
	set.X, set.Y = make([]float32, n*set.Width), make([]float64, n)
	tokens := make([]int32, size)
	for i := range n {
		var err error
		if !s.Want.Tokens {
			set.Y[i], err = s.Data.Example(i, 0, set.Row(i), nil)
		} else if set.Y[i], err = s.Data.Example(i, 0, nil, tokens); err == nil {
			for j, t := range tokens {
				if t < 0 || int(t) >= s.Want.Vocab {
					return nil, fmt.Errorf("example %d has the token %d, expected 0..%d", i, t, s.Want.Vocab-1)
				}
				set.Row(i)[j*s.Want.Vocab+int(t)] = 1
			}
		}
		if err != nil {
			return nil, err
		}
	}
	if i := ckpt.FirstNonFinite(set.X); i >= 0 {
		return nil, fmt.Errorf("example %d of the data is not finite (%v)", i/set.Width, set.X[i])
	}
	return set, nil
}

// Standardize brings every column of the training set to mean 0 and deviation 1 and applies
// the same map to the test set. A column that never changes is only shifted.
func Standardize(train, test *Set) {
	mean, square := make([]float64, train.Width), make([]float64, train.Width)
	for i := range train.Len() {
		for j, v := range train.Row(i) {
			mean[j] += float64(v)
		}
	}
	n := float64(train.Len())
	for j := range mean {
		mean[j] /= n
	}
	for i := range train.Len() {
		for j, v := range train.Row(i) {
			d := float64(v) - mean[j]
			square[j] += d * d
		}
	}
	for _, s := range []*Set{train, test} {
		for i := range s.Len() {
			row := s.Row(i)
			for j, v := range row {
				d := float64(v) - mean[j]
				if square[j] > 0 {
					d /= math.Sqrt(square[j] / n)
				}
				row[j] = float32(d)
			}
		}
	}
}
