// Package train runs training steps: it feeds batches, sets the optimiser's scalars, watches
// the loss, and keeps the run directory (package runs).
//
// Everything a step depends on follows from the seed and the step's number, so a resumed run
// continues bit by bit as if it had never stopped. The same makes it possible to compute a step
// again that went wrong.
package train

import (
	"context"
	"fmt"
	"math"
	"slices"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/data"
	"mspecc/runtime/rounded"
)

// Batches gives the batch of a step, counted from 0; *data.Loader does.
type Batches interface {
	BatchUntil(ctx context.Context, step int) (*data.Batch, error) // the error of ctx when it ends
	Stats() data.Stats
}

// Feed writes a batch into a function's inputs of the modality. A function without such
// inputs takes nothing.
func Feed(m *runtime.Machine, f *runtime.Function, b *data.Batch) error {
	var width, at [2]int // of an example's values and tokens, by runtime.DType
	inputs := m.Program.Modality.Inputs
	for _, in := range inputs {
		width[in.DType] += in.Len()
	}
	for _, in := range inputs {
		if x, ok := f.Input(in.Tensor()); ok {
			n, fits := len(b.X), false
			if in.DType == runtime.I32 {
				n, fits = len(b.Tokens), spread(m.Ints(x), b.Tokens, width[in.DType], at[in.DType], in.Len())
			} else {
				fits = spread(m.Floats(x), b.X, width[in.DType], at[in.DType], in.Len())
			}
			if !fits {
				return fmt.Errorf("the batch has %d values, the program expects %s %s", n, x.Name, x.TypeString())
			}
		}
		at[in.DType] += in.Len()
	}
	return nil
}

// spread copies size elements from each row of src, of the given width, from at on; false where
// the rows of src and dst do not agree in number.
func spread[T any](dst, src []T, width, at, size int) bool {
	if len(src)*size != len(dst)*width {
		return false
	}
	if size == width {
		copy(dst, src)
		return true
	}
	for ; len(src) > 0; src, dst = src[width:], dst[size:] {
		copy(dst[:size], src[at:at+size])
	}
	return true
}

// Scalars are the names of a function's scalar outputs, in order: the loss, the reports.
func Scalars(f *runtime.Function) []string {
	var names []string
	for _, t := range f.Outputs {
		if t.DType == runtime.F32 && t.Len() == 1 {
			names = append(names, t.Name)
		}
	}
	return names
}

// readScalars appends the scalar outputs' values in the order of Scalars.
func readScalars(dst []float64, m *runtime.Machine, f *runtime.Function) []float64 {
	for _, t := range f.Outputs {
		if t.DType == runtime.F32 && t.Len() == 1 {
			dst = append(dst, float64(m.Mem[t.Offset]))
		}
	}
	return dst
}

// Stepper does single training steps.
type Stepper struct {
	Machine *runtime.Machine
	Batches Batches // nil for a model without data
	LR      float64 // base rate
	Steps   int     // the run's goal, for the schedule
	Seed    uint64
	Began   int // the step after which the optimiser began with nothing kept
	values  []float64
}

// Step does step number step, counted from 1, and gives the scalar outputs in the order of
// Scalars; they are valid until the next call. Numbers that are not finite in the batch, before
// anything is computed, in the loss or in the gradient's norm are a *NonFiniteError. When ctx ends
// the step is left with its error, all being as it was before, unless parameters change already.
func (s *Stepper) Step(ctx context.Context, step int) ([]float64, error) {
	m, f, t := s.Machine, s.Machine.Program.Step, s.Machine.Program.Train
	if s.Batches != nil {
		b, err := s.Batches.BatchUntil(ctx, step-1)
		if err != nil {
			return nil, &BatchError{step, err}
		}
		if err := Feed(m, f, b); err != nil {
			return nil, err
		}
		if bad := s.badBatch(step); bad != "" {
			return nil, &NonFiniteError{Step: step, What: bad, Batch: true}
		}
	}
	for name, v := range map[string]float64{
		"opt.lr":    LearningRate(t.Schedule, s.LR, step, s.Steps),
		"opt.bias1": 1 - rounded.Pow(t.Beta1, step-s.Began),
		"opt.bias2": 1 - rounded.Pow(t.Beta2, step-s.Began),
	} {
		if in, ok := f.Input(name); ok {
			m.Mem[in.Offset] = float32(v)
		}
	}
	if err := m.ExecuteUntil(ctx, f, s.Seed, uint64(step)); err != nil {
		return nil, fmt.Errorf("step %d: %w", step, err)
	}
	s.values = readScalars(s.values[:0], m, f)
	if len(s.values) > 0 && (math.IsNaN(s.values[0]) || math.IsInf(s.values[0], 0)) {
		return nil, &NonFiniteError{Step: step, What: fmt.Sprintf("the loss is %v", s.values[0])}
	}
	if bad := s.badNorm(); bad != "" {
		return nil, &NonFiniteError{Step: step, What: bad}
	}
	return s.values, nil
}

// badNorm says that the norm by which gradients are clipped is not finite, "" if it is or there is
// none. Clipped by an infinite norm, as that of large finite gradients is whose squares overflow,
// they would all be 0, and training would go on without them.
func (s *Stepper) badNorm() string {
	p := s.Machine.Program
	i := slices.Index(Scalars(p.Step), "grad_norm")
	switch {
	case i < 0 || p.Train.Clip <= 0:
		return ""
	case math.IsNaN(s.values[i]):
		return "the norm of the gradient is NaN"
	case math.IsInf(s.values[i], 0):
		return "the norm of the gradient is infinite, its elements or their squares are too large"
	}
	return ""
}

// BatchError says that the batch of a step cannot be read; nothing was computed.
type BatchError struct {
	Step int
	Err  error
}

// Error names the step and what the data reader says.
func (e *BatchError) Error() string { return fmt.Sprintf("step %d: %v", e.Step, e.Err) }

// Unwrap gives what the data reader says.
func (e *BatchError) Unwrap() error { return e.Err }

// NonFiniteError says that a number that must be finite is not.
type NonFiniteError struct {
	Step  int
	What  string
	Batch bool // it was in the batch: nothing was computed
}

// Error names the step and what is not finite.
func (e *NonFiniteError) Error() string { return fmt.Sprintf("step %d: %s", e.Step, e.What) }

// badBatch says what is not finite in the batch that was fed, "" if nothing.
func (s *Stepper) badBatch(step int) string {
	m := s.Machine
	for _, in := range m.Program.Modality.Inputs {
		x, ok := m.Program.Step.Input(in.Tensor())
		if !ok || x.DType != runtime.F32 {
			continue
		}
		i := ckpt.FirstNonFinite(m.Floats(x))
		if i < 0 {
			continue
		}
		row := ""
		if l, ok := s.Batches.(interface{ Example(step, row int) int }); ok {
			row = fmt.Sprintf(", which is value %d of the training set's example %d", i%in.Len(), l.Example(step-1, i/in.Len()))
		}
		return fmt.Sprintf("the batch itself is not finite: %s is %v at element %d%s", x.Name, m.Floats(x)[i], i, row)
	}
	return ""
}
