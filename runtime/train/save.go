package train

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"mspecc/runtime/ckpt"
	"mspecc/runtime/report"
	"mspecc/runtime/runs"
)

const (
	retryAfter = 30 * time.Second // between attempts to write a checkpoint while training goes on
	retryLast  = 2 * time.Second  // the same when nothing but the last one is left to do
)

// saver knows how the checkpoints of a run stand.
type saver struct {
	written int           // step of the last one, 0 before the first
	last    time.Time     // when it was written
	took    time.Duration // the slowest so far
	retry   time.Time     // when to try again, zero if the last attempt went well
}

// overdue says whether a checkpoint is to be written although none is scheduled.
func (r *run) overdue() bool {
	if !r.saver.retry.IsZero() {
		return time.Now().After(r.saver.retry)
	}
	return r.SaveEvery > 0 && time.Since(r.saver.last) >= r.SaveEvery
}

// saveTime is for how long writing a checkpoint may take: twice the slowest so far; before the
// first one, what a slow disk takes.
func (r *run) saveTime() time.Duration {
	if r.saver.took > 0 {
		return 2*r.saver.took + time.Second
	}
	const slow = 50e6 // bytes a second
	p := r.Machine.Program
	bytes := float64(4 * p.ParamCount() * (1 + len(p.State)))
	return time.Second + time.Duration(bytes/slow*float64(time.Second))
}

// save writes a checkpoint. Where the disk does not take it the run goes on, and tries again: it
// stops for parameters that are not finite and for another trainer in its directory alone.
func (r *run) save() error {
	err := r.try()
	var bad *ckpt.NonFiniteError
	var locked *runs.LockedError
	switch {
	case err == nil:
		r.saver.retry = time.Time{}
		return nil
	case errors.As(err, &bad), errors.As(err, &locked):
		return err
	}
	r.saver.retry = time.Now().Add(retryAfter)
	r.warn("the checkpoint of step %d is not written: %v; training goes on, next attempt in %v", r.State.Step, err, retryAfter)
	return nil
}

// saveLast writes the final checkpoint, retrying for up to Patience.
func (r *run) saveLast(ctx context.Context) error {
	var cancelled <-chan struct{} // of a run that was not interrupted yet
	if ctx.Err() == nil {
		cancelled = ctx.Done()
	}
	for began, said := time.Now(), false; ; {
		err := r.try()
		var bad *ckpt.NonFiniteError
		var locked *runs.LockedError
		if err == nil || errors.As(err, &bad) || errors.As(err, &locked) {
			return err
		}
		left := r.Patience - time.Since(began)
		if !r.Deadline.IsZero() {
			left = min(left, time.Until(r.Deadline)-r.saveTime())
		}
		if left <= 0 || cancelled != nil && ctx.Err() != nil {
			return fmt.Errorf("the checkpoint of step %d is not written: %w", r.State.Step, err)
		}
		if !said {
			r.warn("the checkpoint of step %d is not written: %v; it is tried again for %v, which Ctrl-C ends", r.State.Step, err, left.Round(time.Second))
			said = true
		}
		select {
		case <-cancelled:
		case <-time.After(min(left, retryLast)):
		}
	}
}

// try writes a checkpoint of the present state, and what goes with it.
func (r *run) try() error {
	r.position()
	f, err := ckpt.Snapshot(r.Machine, r.State)
	if err != nil {
		return err
	}
	began := time.Now()
	remade, err := r.Run.Ensure()
	if err != nil {
		return err
	}
	if remade {
		r.warn("the run directory %s had vanished and was made anew", r.Run.Dir)
		r.drawn = report.Redraw{}
		err = r.log.Rewrite(r.Run.Metrics())
	} else {
		err = r.log.Sync()
	}
	if err != nil {
		return err
	}
	path, err := r.Run.WriteCheckpoint(r.State.Step, f)
	if err != nil {
		return err
	}
	now := time.Now()
	r.saver.written, r.saver.last, r.saver.took = r.State.Step, now, max(r.saver.took, now.Sub(began))
	r.result.Checkpoint = path
	r.Run.Say("checkpoint of step %d", r.State.Step)
	r.guard.take(r.Machine, r.State)
	r.tidy(f, path)
	r.mark = r.mark.Add(time.Since(began)) // the rate of the metrics is that of training
	return nil
}

// tidy does what follows a checkpoint and can fail without harm to it.
func (r *run) tidy(f *ckpt.File, path string) {
	if b := r.State.Best; b != nil && b.Step == r.State.Step {
		if err := f.Copy(path, r.Run.Best()); err != nil {
			r.warn("the best checkpoint: %v", err)
		}
	}
	if err := r.Run.Prune(r.Keep); err != nil {
		r.warn("%v", err)
	}
	if r.drawn.Due(r.log.Lines()) {
		r.curve()
	}
	debug.FreeOSMemory() // the copy of all parameters, until the next one
}

// position says where in the data the next step is.
func (r *run) position() {
	d, batch := &r.State.Data, r.Machine.Program.Batch
	if d.Examples == 0 || batch == 0 {
		return
	}
	if per := d.Examples / batch; per > 0 {
		d.Epoch, d.Position = r.State.Step/per, r.State.Step%per*batch
	}
}
