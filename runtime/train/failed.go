package train

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
)

// FailedError says that a run had to stop at a step. The run is kept as it was before the step.
type FailedError struct {
	Step       int    // that cannot be done
	Cause      error  // what was noticed
	Where      string // the first tensor that is not finite, "" if none was found
	Replay     string // file with the parameters and the batch of the step, for replay; "" if there is none
	Checkpoint string // the last one; "" if there is none
}

// Error says what happened, where, and what can be done.
func (e *FailedError) Error() string {
	text := e.Cause.Error()
	if e.Where != "" {
		text += ": " + e.Where
	}
	if e.Replay != "" {
		text += fmt.Sprintf("; step %d is kept for replay in %s", e.Step, e.Replay)
	}
	if e.Checkpoint == "" {
		return text + "; there is no checkpoint yet"
	}
	return text + "; the last good checkpoint is " + e.Checkpoint
}

// Unwrap gives the cause.
func (e *FailedError) Unwrap() error { return e.Cause }

// fail ends the run at a step: it finds out which step went wrong and where, keeps that step for
// replay and the run as it was before.
func (r *run) fail(step int, cause error) error {
	f := &FailedError{Step: step, Cause: cause}
	var bad *NonFiniteError
	var unsound *ckpt.NonFiniteError
	var gone *BatchError
	switch {
	case errors.As(cause, &gone): // nothing is computed yet
	case errors.As(cause, &bad) && bad.Batch: // likewise
		r.keepStep(f)
	case errors.As(cause, &bad), errors.As(cause, &unsound):
		r.search(f, step)
	case r.State.Step >= step: // it is done, but cannot be kept
		return r.lastGood(f)
	default: // a kernel failed halfway
		r.restart(step)
	}
	if r.State.Step > r.saver.written {
		if err := r.saveLast(context.Background()); err != nil {
			r.warn("%v", err)
		}
	}
	r.result.Step = r.State.Step
	return r.lastGood(f)
}

// lastGood names the newest checkpoint.
func (r *run) lastGood(f *FailedError) error {
	if steps, err := r.Run.Steps(); err == nil && len(steps) > 0 {
		f.Checkpoint = r.Run.Checkpoint(steps[len(steps)-1])
	}
	return f
}

// restart computes the steps up to the one before the given one again, from the last copy of the
// parameters on. It gives the first step that does not end in finite numbers, 0 if all do.
func (r *run) restart(step int) int {
	r.State = r.guard.restore(r.Machine)
	for s := r.State.Step + 1; s < step; s++ {
		values, err := r.checked(context.Background(), s)
		if err != nil || ckpt.NonFinite(r.Machine) != "" {
			return s
		}
		r.State.Step = s
		r.sum(s, values)
	}
	return 0
}

// search finds the step that first gave numbers that are not finite, which may lie before the one
// where it was noticed, and the tensor.
func (r *run) search(f *FailedError, noticed int) {
	first := r.restart(noticed + 1)
	if first == 0 {
		f.Where = fmt.Sprintf("computed again, steps %d to %d are finite; the program gives the same bits every time, so the processor or the memory made an error",
			r.guard.state.Step+1, noticed)
		return // the state after the step is sound
	}
	after := ckpt.NonFinite(r.Machine)
	f.Step = first
	r.restart(first)
	r.keepStep(f)
	if f.Where = r.gradients(first); f.Where == "" {
		f.Where = after
	}
	if first < noticed {
		f.Where = fmt.Sprintf("it began at step %d, %s", first, f.Where)
	}
	r.restart(first) // computing gradients leaves the parameters alone, but not everything is its business
}

// keepStep writes what replay needs of the step after r.State.Step.
func (r *run) keepStep(f *FailedError) {
	file := r.bundle(f.Step)
	if file == nil {
		return
	}
	name := r.Run.Failed(f.Step)
	err := ckpt.MakeFolder(filepath.Dir(name))
	if err == nil {
		err = file.WriteFile(name)
	}
	if err != nil {
		r.warn("the step cannot be kept for replay: %v", err)
		return
	}
	f.Replay = name
}

// bundle gathers parameters, batch and random streams of a step as replay takes them.
func (r *run) bundle(step int) *ckpt.File {
	m := r.Machine
	p := m.Program
	if p.Replay == nil {
		return nil
	}
	file := &ckpt.File{Metadata: map[string]string{"model": p.Name, "modality": p.Modality.Name, "spec_digest": p.Digest,
		"step": strconv.Itoa(step), "seed": strconv.FormatUint(r.Seed, 10)}}
	for _, q := range p.Params {
		file.Tensors = append(file.Tensors, ckpt.Take(m, q.Tensor, "param."+q.Name))
	}
	if r.Batches != nil {
		b, err := r.Batches.BatchUntil(context.Background(), step-1)
		if err == nil {
			err = Feed(m, p.Replay, b)
		}
		if err != nil {
			r.warn("the batch of step %d cannot be read again: %v", step, err)
			return nil
		}
	}
	for _, t := range p.Replay.Inputs {
		file.Tensors = append(file.Tensors, ckpt.Take(m, t, "batch."+t.Name))
	}
	for _, t := range p.Replay.Streams {
		m.FillUniform(t.Offset, t.Len(), t.Name, r.Seed, uint64(step))
		file.Tensors = append(file.Tensors, ckpt.Take(m, t, "batch."+t.Name))
	}
	return file
}

// gradients replays a step and names the first of its values that is not finite, "" if all are.
func (r *run) gradients(step int) string {
	m := r.Machine
	f := m.Program.Replay
	if f == nil {
		return ""
	}
	if r.Batches != nil {
		b, err := r.Batches.BatchUntil(context.Background(), step-1)
		if err != nil || Feed(m, f, b) != nil {
			return ""
		}
	}
	if m.Execute(f, r.Seed, uint64(step)) != nil {
		return ""
	}
	for _, t := range f.Outputs {
		if t.DType != runtime.F32 {
			continue
		}
		x := m.Floats(t)
		if i := ckpt.FirstNonFinite(x); i >= 0 {
			return fmt.Sprintf("%s is %v at element %d", t.Name, x[i], i)
		}
	}
	return ""
}
