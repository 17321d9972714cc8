// Package eval measures representations by linear evaluation: a linear head is trained on
// features computed once, and its metric on the test set says how much they tell.
package eval

import (
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

// Features computes a program's features of every example, in order and without randomness.
// Progress, if not nil, hears how many examples are done.
func Features(m *runtime.Machine, s Source, progress func(done int)) (*Set, error) {
	f := m.Program.Features
	if f == nil {
		return nil, fmt.Errorf("the model %s computes no features; give its spec a features block", m.Program.Name)
	}
	out, ok := f.Output("features")
	if !ok || len(out.Shape) == 0 || out.Shape[0] != m.Program.Batch {
		return nil, fmt.Errorf("the model's features are %s, expected one vector for each of the %d examples of a batch", out.TypeString(), m.Program.Batch)
	}
	l, err := data.NewLoader(s.Data, s.Want, data.LoaderOptions{Batch: m.Program.Batch, Partial: true})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	set := &Set{Width: out.Len() / m.Program.Batch, Classes: s.Data.Classes()}
	for step := 0; set.Len() < s.Len(); step++ {
		b, err := l.Batch(step)
		if err != nil {
			return nil, err
		}
		if err := train.Feed(m, f, b); err != nil {
			return nil, err
		}
		if err := m.Execute(f, 0, uint64(step)); err != nil {
			return nil, err
		}
		n := min(b.Count, s.Len()-set.Len())
		x := m.Floats(out)[:n*set.Width]
		if i := ckpt.FirstNonFinite(x); i >= 0 {
			return nil, fmt.Errorf("the features of example %d are not finite (%v)", set.Len()+i/set.Width, x[i])
		}
		set.X = append(set.X, x...)
		set.Y = append(set.Y, b.Labels[:n]...)
		if progress != nil {
			progress(set.Len())
		}
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
