// Package train runs training steps: it feeds batches, sets the optimiser's scalars, watches
// the loss, and keeps the run directory (checkpoints, log.jsonl, curve.png).
//
// Everything a step depends on follows from the seed and the step's number, so a resumed run
// continues bit by bit as if it had never stopped.
package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/data"
	"mspecc/runtime/report"
)

// Batches gives the batch of a step, counted from 0; *data.Loader does.
type Batches interface {
	Batch(step int) (*data.Batch, error)
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
	values  []float64
}

// NonFiniteError says that a step's loss is no number, and what was wrong first.
type NonFiniteError struct {
	Step int
	Loss float64
	At   string // the tensors that are not finite
}

// Error names the step and the tensors.
func (e *NonFiniteError) Error() string {
	return fmt.Sprintf("step %d: the loss is %v (%s)", e.Step, e.Loss, e.At)
}

// Step does step number step, counted from 1, and gives the scalar outputs in the order of
// Scalars; they are valid until the next call. A loss that is not finite is a *NonFiniteError.
func (s *Stepper) Step(step int) ([]float64, error) {
	m, f, t := s.Machine, s.Machine.Program.Step, s.Machine.Program.Train
	if s.Batches != nil {
		b, err := s.Batches.Batch(step - 1)
		if err != nil {
			return nil, err
		}
		if err := Feed(m, f, b); err != nil {
			return nil, err
		}
	}
	for name, v := range map[string]float64{
		"opt.lr":    LearningRate(t.Schedule, s.LR, step, s.Steps),
		"opt.bias1": 1 - math.Pow(t.Beta1, float64(step)),
		"opt.bias2": 1 - math.Pow(t.Beta2, float64(step)),
	} {
		if in, ok := f.Input(name); ok {
			m.Mem[in.Offset] = float32(v)
		}
	}
	if err := m.Execute(f, s.Seed, uint64(step)); err != nil {
		return nil, fmt.Errorf("step %d: %w", step, err)
	}
	s.values = readScalars(s.values[:0], m, f)
	if len(s.values) > 0 && (math.IsNaN(s.values[0]) || math.IsInf(s.values[0], 0)) {
		return nil, &NonFiniteError{step, s.values[0], s.blame()}
	}
	return s.values, nil
}

// blame names what is not finite after a bad step: the data if they are, else the reports
// and the parameters.
func (s *Stepper) blame() string {
	m, f := s.Machine, s.Machine.Program.Step
	for _, in := range m.Program.Modality.Inputs {
		if x, ok := f.Input(in.Tensor()); ok && x.DType == runtime.F32 {
			if i := ckpt.FirstNonFinite(m.Floats(x)); i >= 0 {
				return fmt.Sprintf("%s, the batch itself, is %v at element %d", x.Name, m.Floats(x)[i], i)
			}
		}
	}
	at := ""
	for _, t := range f.Outputs[1:] {
		if i := ckpt.FirstNonFinite(m.Floats(t)); i >= 0 && t.DType == runtime.F32 {
			at += fmt.Sprintf("%s is %v, ", t.Name, m.Floats(t)[i])
		}
	}
	if p := ckpt.NonFinite(m); p != "" {
		return at + "after its update " + p
	}
	return at + "batch and parameters are finite"
}

// Options say how a run goes.
type Options struct {
	Dir             string     // run directory, which must exist
	State           ckpt.State // Step: steps done already; Steps, Seed, LR, Data as given
	CheckpointEvery int        // steps, 0 for only the last one
	LogEvery        int        // steps
	OnStep          func(step int, values []float64)
	OnRecord        func(report.Record)
	OnCheckpoint    func(path string)
}

// Result says how a run ended.
type Result struct {
	Step        int
	Checkpoint  string // the last one written, "" if none
	Interrupted bool
	Last        report.Record
}

// run is a Run in progress.
type run struct {
	Options
	Stepper
	log     *report.Log
	names   []string
	sums    []float64
	summed  int
	mark    time.Time // of the last record
	started time.Time
	result  Result
}

// Run trains from o.State.Step to o.State.Steps. When ctx ends it writes a checkpoint and
// returns with Interrupted set. On an error the checkpoints written before stay as they are.
func Run(ctx context.Context, m *runtime.Machine, batches Batches, o Options) (Result, error) {
	r := &run{Options: o, names: Scalars(m.Program.Step), mark: time.Now(), started: time.Now()}
	r.Stepper = Stepper{Machine: m, Batches: batches, LR: o.State.LR, Steps: o.State.Steps, Seed: o.State.Seed}
	r.sums = make([]float64, len(r.names))
	r.result.Step = o.State.Step
	var err error
	if r.log, err = report.OpenLog(filepath.Join(o.Dir, "log.jsonl"), o.State.Step, r.names); err != nil {
		return r.result, err
	}
	err = r.loop(ctx)
	return r.result, errors.Join(err, r.curve(), r.log.Close())
}

func (r *run) loop(ctx context.Context) error {
	for step := r.State.Step + 1; step <= r.State.Steps; step++ {
		if ctx.Err() != nil {
			r.result.Interrupted = true
			break
		}
		values, err := r.Step(step)
		if err != nil {
			return err
		}
		r.result.Step = step
		if err := r.note(step, values); err != nil {
			return err
		}
		if r.CheckpointEvery > 0 && step%r.CheckpointEvery == 0 && step < r.State.Steps {
			pause := time.Now()
			if err := errors.Join(r.checkpoint(step), r.curve()); err != nil {
				return err
			}
			r.mark = r.mark.Add(time.Since(pause)) // the log's rate is that of training
		}
	}
	if r.result.Step == r.State.Step {
		return nil // nothing new
	}
	return r.checkpoint(r.result.Step)
}

// note logs the means of the scalars every LogEvery steps and at the end.
func (r *run) note(step int, values []float64) error {
	if r.OnStep != nil {
		r.OnStep(step, values)
	}
	for i, v := range values {
		r.sums[i] += v
	}
	r.summed++
	if step%max(1, r.LogEvery) != 0 && step != r.State.Steps {
		return nil
	}
	now := time.Now()
	rec := report.Record{Step: step, Names: r.names, Values: make([]float64, len(values)),
		LR:      LearningRate(r.Machine.Program.Train.Schedule, r.LR, step, r.Steps),
		Rate:    float64(r.summed*max(1, r.Machine.Program.Batch)) / now.Sub(r.mark).Seconds(),
		Seconds: now.Sub(r.started).Seconds()}
	for i := range values {
		rec.Values[i] = r.sums[i] / float64(r.summed)
		r.sums[i] = 0
	}
	r.summed, r.mark, r.result.Last = 0, now, rec
	if r.OnRecord != nil {
		r.OnRecord(rec)
	}
	return r.log.Add(rec)
}

func (r *run) checkpoint(step int) error {
	s := r.State
	s.Step = step
	f, err := ckpt.Snapshot(r.Machine, s)
	if err != nil {
		return err
	}
	path := ckpt.Path(r.Dir, step)
	if err := f.WriteFile(path); err != nil {
		return err
	}
	r.result.Checkpoint = path
	if r.OnCheckpoint != nil {
		r.OnCheckpoint(path)
	}
	return nil
}

func (r *run) curve() error {
	p := r.Machine.Program
	title := p.Name
	if p.Modality.Name != "" && p.Modality.Name != p.Name {
		title += ", " + p.Modality.Name
	}
	return report.Curve(filepath.Join(r.Dir, "curve.png"), title, r.log.Records)
}
