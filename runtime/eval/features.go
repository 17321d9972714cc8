// Package eval measures representations: by a linear probe, by nearest neighbours and by a
// few examples of each class, all on features computed once, or by tuning the whole encoder.
package eval

import (
	"context"
	"errors"
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
	From    []int     // [n] numbers of the examples in the data set; nil: 0, 1, ...
	Place   []int     // [n] place of the token in its example; nil: a vector is of a whole one
	Width   int
	Classes int // as data.Labels.Classes
	Most    int // of Raw: the first so many examples are all that fitted; 0: all did
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

// Origin is the data set's.
func (f firstOf) Origin(i int, epoch uint64) (data.Origin, error) {
	return data.OriginOf(f.Dataset, i, epoch)
}

// WithoutLabels is the source as one of examples without labels.
func (s Source) WithoutLabels() Source {
	s.Data = unlabelled{s.Data, max(1, s.Data.Labels().Each)}
	return s
}

// unlabelled is a data set whose labels are left out.
type unlabelled struct {
	data.Dataset
	each int
}

// Labels are none.
func (unlabelled) Labels() data.Labels { return data.Labels{Each: 1} }

// Example is that of the data set, with the label 0.
func (u unlabelled) Example(i int, epoch uint64, e *data.Example) error {
	other := *e
	other.Labels = make([]float64, u.each)
	e.Labels[0] = 0
	err := u.Dataset.Example(i, epoch, &other)
	e.From = other.From
	return err
}

// Origin is the data set's.
func (u unlabelled) Origin(i int, epoch uint64) (data.Origin, error) {
	return data.OriginOf(u.Dataset, i, epoch)
}

// rows is the number of vectors that an example gives: one, or where it has a label for each
// token, one for each of those.
func (s Source) rows() int { return max(1, s.Data.Labels().Each) }

// Width is the number of features of one example, an error where the program has none that
// could be used.
func Width(p *runtime.Program) (int, error) {
	out, err := vectors(p, 1)
	return out.Len() / max(1, p.Batch), err
}

// vectors is the output with the vectors of each example: "features" [batch, width], or for
// several rows of an example "tokens" [batch, rows, width].
func vectors(p *runtime.Program, rows int) (runtime.Tensor, error) {
	if p.Features == nil {
		return runtime.Tensor{}, fmt.Errorf("the model %s computes no features; give its spec a features block", p.Name)
	}
	if rows > 1 {
		out, ok := p.Features.Output("tokens")
		if !ok || len(out.Shape) != 3 || out.Shape[0] != p.Batch || out.Shape[1] != rows {
			return out, fmt.Errorf("an example has %d labels, but the features of %s expose no tokens [%d, %d, width]: write expose tokens = ... into the features block", rows, p.Name, p.Batch, rows)
		}
		return out, nil
	}
	out, ok := p.Features.Output("features")
	if !ok || len(out.Shape) == 0 || out.Shape[0] != p.Batch {
		return out, fmt.Errorf("the model's features are %s, expected one vector for each of the %d examples of a batch", out.TypeString(), p.Batch)
	}
	return out, nil
}

// Batch are the features of some examples. Its slices are valid until the next one comes.
type Batch struct {
	Done int       // examples that were looked at so far
	From []int     // numbers of these examples in the data set: a record that is bad and left out is not among them
	X    []float32 // [n, width]; where examples have labels for their tokens, [n, labels, width], of the tokens
	Y    []float64 // [n], or [n, labels]
}

// Stream computes a program's features of every example, in order and without randomness,
// and calls use with those of one batch after another.
func Stream(ctx context.Context, m *runtime.Machine, s Source, use func(b *Batch) error) error {
	rows := s.rows()
	out, err := vectors(m.Program, rows)
	if err != nil {
		return err
	}
	f, width := m.Program.Features, out.Len()/m.Program.Batch
	return batches(ctx, s, m.Program.Batch, func(first, n int, b *data.Batch) error {
		if err := train.Feed(m, f, b); err != nil {
			return err
		}
		if err := m.Execute(f, 0, uint64(b.Step)); err != nil {
			return err
		}
		x, y := m.Floats(out)[:n*width], b.Labels[:n*rows]
		if i := ckpt.FirstNonFinite(x); i >= 0 {
			return fmt.Errorf("the features of example %d are not finite (%v)", first+i/width, x[i])
		}
		own := ownRows(b.From[:n], first)
		return use(&Batch{Done: first + n, From: take(b.From[:n], own, 1), X: take(x, own, width), Y: take(y, own, rows)})
	})
}

// ownRows are the rows whose examples are those from first on, rather than others that stand for bad records.
func ownRows(from []int, first int) (own []int) {
	for j, i := range from {
		if i == first+j {
			own = append(own, j)
		}
	}
	return own
}

// take moves some rows of x to its beginning, in order.
func take[T any](x []T, rows []int, width int) []T {
	if len(rows)*width == len(x) {
		return x
	}
	for k, row := range rows {
		copy(x[k*width:(k+1)*width], x[row*width:(row+1)*width])
	}
	return x[:len(rows)*width]
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

// Features gathers the features of every example that has a label, or of every one where there are no labels. Progress, if not nil, hears how many
// examples are done.
func Features(ctx context.Context, m *runtime.Machine, s Source, progress func(done int)) (*Set, error) {
	each := s.rows()
	out, err := vectors(m.Program, each)
	if err != nil {
		return nil, err
	}
	width := out.Len() / (m.Program.Batch * each)
	set := &Set{Width: width, Classes: s.Data.Labels().Classes}
	err = Stream(ctx, m, s, func(b *Batch) error {
		for i, label := range b.Y {
			if !math.IsNaN(label) {
				set.X = append(set.X, b.X[i*width:(i+1)*width]...)
				set.note(b.From[i/each], i%each, each, label)
			}
		}
		if progress != nil {
			progress(b.Done)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return set, set.labelled()
}

// labelled refuses a set of which no example has a label, as those without one are left out.
func (s *Set) labelled() error {
	if s.Classes > 0 && s.Len() == 0 {
		return errors.New("no example has a label: there is nothing to compare with")
	}
	return nil
}

// note adds the label of a vector, which is of an example and, where these have several labels, of a token of it.
func (s *Set) note(from, place, each int, label float64) {
	s.Y, s.From = append(s.Y, label), append(s.From, from)
	if each > 1 {
		s.Place = append(s.Place, place)
	}
}

// maxRaw bounds the floats Raw gathers: 1 GiB.
const maxRaw = 1 << 28

// Raw gathers the inputs themselves, flattened; tokens become one-hot vectors. Where all of
// them would take too much memory it takes the first so many examples as fit. Where examples
// have labels for their tokens, a vector is what stands at a token's own place.
func Raw(s Source) (*Set, error) {
	rows, width := s.rows(), s.Want.Values()
	for _, in := range s.Want {
		if in.Tokens {
			width += in.Size() * max(1, in.Vocab)
		}
	}
	if rows > 1 {
		if in := s.Want[0]; len(s.Want) > 1 || in.Shape[len(in.Shape)-1] != rows || !in.Tokens && len(in.Shape) != 2 || in.Tokens && len(in.Shape) != 1 {
			return nil, fmt.Errorf("examples %v have %d labels: what of the raw input belongs to each is not known; leave it out", s.Want, rows)
		}
		width /= rows
	}
	set := &Set{Width: width, Classes: s.Data.Labels().Classes}
	e, all := data.NewExample(s.Want, s.Data.Labels()), make([]float32, width*rows)
	n := max(1, min(s.Len(), maxRaw/len(all)))
	if n < s.Len() {
		set.Most = n
	}
	set.X, set.Y = make([]float32, 0, n*len(all)), make([]float64, 0, n*rows)
	for i := range n {
		e.From = i
		if err := s.Data.Example(i, 0, e); err != nil {
			return nil, err
		}
		if e.From != i {
			continue // what stands for a bad record
		}
		clear(all)
		if err := flatten(all, e, s.Want); err != nil {
			return nil, fmt.Errorf("example %d %w", i, err)
		}
		if k := ckpt.FirstNonFinite(all); k >= 0 {
			return nil, fmt.Errorf("example %d of the data is not finite (%v)", i, all[k])
		}
		for k, y := range e.Labels {
			switch {
			case math.IsNaN(y) && set.Classes > 0:
			case s.Want[0].Tokens || rows == 1:
				set.X = append(set.X, all[k*width:(k+1)*width]...)
				set.note(i, k, rows, y)
			default: // channels: those of one place
				for c := range width {
					set.X = append(set.X, all[c*rows+k])
				}
				set.note(i, k, rows, y)
			}
		}
	}
	return set, set.labelled()
}

// flatten writes the values of an example, then its tokens as one-hot vectors.
func flatten(dst []float32, e *data.Example, want data.Want) error {
	dst = dst[copy(dst, e.X):]
	tokens := e.Tokens
	for _, in := range want {
		if !in.Tokens {
			continue
		}
		for _, t := range tokens[:in.Size()] {
			if t < 0 || int(t) >= in.Vocab {
				return fmt.Errorf("has the token %d, expected 0..%d", t, in.Vocab-1)
			}
			dst[t] = 1
			dst = dst[in.Vocab:]
		}
		tokens = tokens[in.Size():]
	}
	return nil
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
			square[j] += float64(d * d)
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
