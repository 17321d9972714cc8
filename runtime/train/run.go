package train

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/report"
	"mspecc/runtime/runs"
)

// Options say how a run goes.
type Options struct {
	Run             *runs.Run                        // where it is kept
	State           ckpt.State                       // Step: steps done already; Steps, Seed, LR, Data as given
	CheckpointEvery int                              // steps, 0 for only the last one
	SaveEvery       time.Duration                    // a checkpoint also after so much time without one, 0 for never
	Keep            int                              // newest checkpoints that stay, 0 for all
	Patience        time.Duration                    // for how long the last checkpoint is tried again where it cannot be written
	LogEvery        int                              // steps
	StopAbove       float64                          // a loss beyond it is a failure, 0 for none
	Deadline        time.Time                        // when everything must be over, zero for never
	OnStep          func(step int, values []float64) // its time does not count in the rate of the metrics
	OnRecord        func(report.Record)
	OnWarn          func(text string) // what went wrong without stopping the run
}

// Result says how a run ended.
type Result struct {
	Step       int
	Checkpoint string // the last one written, "" if none
	Stopped    string // why it ended before the last step, "" if it did not
	Last       report.Record
}

// run is a Run in progress.
type run struct {
	Options
	Stepper
	saver
	log     *report.Log
	logSick bool // the last line could not be written
	drawn   report.Redraw
	names   []string
	mark    time.Time     // of the last record
	marked  int           // its step, or that which this session began after
	waited  time.Duration // for data, until then
	started time.Time
	slowest time.Duration // of the steps so far
	guard   guard
	result  Result
}

// Run trains from o.State.Step to o.State.Steps. When ctx ends, in the midst of a step, which is then
// not done, or the deadline comes near, it writes a checkpoint and returns with Stopped set. With no
// step left to do it writes the last checkpoint again, and what belongs to it. A step that fails is a *FailedError; the run is
// then kept as it was before that step.
func Run(ctx context.Context, m *runtime.Machine, batches Batches, o Options) (Result, error) {
	now := time.Now()
	r := &run{Options: o, names: Scalars(m.Program.Step), mark: now, marked: o.State.Step, started: now}
	r.Stepper = Stepper{Machine: m, Batches: batches, LR: o.State.LR, Steps: o.State.Steps, Seed: o.State.Seed, Began: o.State.Began}
	r.saver.last = now
	r.result.Step = o.State.Step
	var note string
	var err error
	if r.log, note, err = report.OpenLog(o.Run.Metrics(), o.State.Step, r.names); err != nil {
		return r.result, err
	}
	if note != "" {
		r.warn("%s", note)
	}
	if list := r.log.Records(); len(list) > 0 && list[len(list)-1].Step == o.State.Step {
		r.result.Last = list[len(list)-1]
	}
	r.guard.take(m, r.State)
	r.waited, _ = r.dataStats()
	err = r.loop(ctx)
	if r.saver.written == r.State.Step && r.drawn.Stale(r.log.Lines()) {
		r.curve()
	}
	return r.result, errors.Join(err, r.log.Close())
}

func (r *run) loop(ctx context.Context) error {
	for step := r.State.Step + 1; step <= r.State.Steps; step++ {
		if r.result.Stopped = r.mustStop(ctx); r.result.Stopped != "" {
			break
		}
		begun := time.Now()
		values, err := r.checked(ctx, step)
		if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			r.result.Stopped = r.mustStop(ctx)
			break
		}
		if err != nil {
			return r.fail(step, err)
		}
		r.result.Step, r.State.Step = step, step
		r.note(step, values)
		r.slowest = max(r.slowest, time.Since(begun))
		if step < r.State.Steps && (r.scheduled(step) || r.overdue()) { // saveLast follows the last step
			if err := r.save(); err != nil {
				return r.fail(step, err)
			}
		}
		if step-r.guard.state.Step >= guardEvery {
			if bad := ckpt.NonFinite(r.Machine); bad != "" {
				return r.fail(step, &ckpt.NonFiniteError{Step: step, What: bad})
			}
			r.guard.take(r.Machine, r.State)
		}
	}
	if r.saver.written == r.State.Step {
		return nil
	}
	if err := r.saveLast(ctx); err != nil {
		return r.fail(r.State.Step, err)
	}
	return nil
}

// mustStop says why the run has to end before its last step, "" if it has not.
func (r *run) mustStop(ctx context.Context) string {
	if ctx.Err() != nil {
		if cause := context.Cause(ctx); cause != ctx.Err() {
			return cause.Error()
		}
		return "interrupted"
	}
	// A step is finished; after it comes the checkpoint, and what callers compute about the end.
	if !r.Deadline.IsZero() && time.Until(r.Deadline) < 3*r.slowest+r.saveTime() {
		return "time limit"
	}
	return ""
}

// checked is Step with a limit for the loss.
func (r *run) checked(ctx context.Context, step int) ([]float64, error) {
	values, err := r.Step(ctx, step)
	if err == nil && r.StopAbove > 0 && len(values) > 0 && values[0] > r.StopAbove {
		err = &NonFiniteError{Step: step, What: fmt.Sprintf("the loss is %v, above the limit of %v", values[0], r.StopAbove)}
	}
	return values, err
}

// scheduled says whether a checkpoint belongs to a step whatever else happens.
func (r *run) scheduled(step int) bool {
	return step == r.State.Steps || r.CheckpointEvery > 0 && step%r.CheckpointEvery == 0
}

// sum adds a step's values to what is not logged and not judged yet, decides whether this is the
// best checkpoint, and gives the means of a line of metrics where one is complete.
func (r *run) sum(step int, values []float64) []float64 {
	r.State.Line.Add(values)
	r.State.Since.Add(values)
	if r.scheduled(step) {
		loss := r.State.Since.Means()
		r.State.Since = ckpt.Sums{}
		if len(loss) > 0 && (r.State.Best == nil || loss[0] < r.State.Best.Loss) {
			r.State.Best = &ckpt.Best{Step: step, Loss: loss[0]}
		}
	}
	if step%max(1, r.LogEvery) != 0 && step != r.State.Steps {
		return nil
	}
	means := r.State.Line.Means()
	r.State.Line = ckpt.Sums{}
	return means
}

// note logs the means of the scalars every LogEvery steps and at the end.
func (r *run) note(step int, values []float64) {
	if r.OnStep != nil {
		pause := time.Now()
		r.OnStep(step, values)
		r.mark = r.mark.Add(time.Since(pause))
	}
	means := r.sum(step, values)
	if means == nil {
		return
	}
	now := time.Now()
	took := now.Sub(r.mark).Seconds()
	waited, leftOut := r.dataStats()
	// The speed is that of this session, the means may begin in the one before.
	rec := report.Record{Step: step, Names: r.names, Values: means,
		LR:      LearningRate(r.Machine.Program.Train.Schedule, r.LR, step, r.Steps),
		Rate:    float64((step-r.marked)*max(1, r.Machine.Program.Batch)) / took,
		Wait:    (waited - r.waited).Seconds() / took,
		Seconds: now.Sub(r.started).Seconds(), LeftOut: leftOut}
	r.mark, r.marked, r.waited, r.result.Last = now, step, waited, rec
	if r.OnRecord != nil {
		r.OnRecord(rec)
	}
	err := r.log.Add(rec)
	if err != nil && !r.logSick {
		r.warn("%v; the lines are kept and written later", err)
	}
	r.logSick = err != nil
}

// dataStats are how long the run has waited for batches so far, and how many bad records were left out.
func (r *run) dataStats() (waited time.Duration, leftOut int) {
	if r.Batches == nil {
		return 0, 0
	}
	s := r.Batches.Stats()
	return s.First + s.Waited, s.LeftOut
}

// warn says what went wrong without stopping the run.
func (r *run) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.Run.Say("warning: %s", text)
	if r.OnWarn != nil {
		r.OnWarn(text)
	}
}

// curve draws all lines of the run so far.
func (r *run) curve() {
	p := r.Machine.Program
	title := p.Name
	if p.Modality.Name != "" && p.Modality.Name != p.Name {
		title += ", " + p.Modality.Name
	}
	if err := report.Curve(r.Run.Curve(), title, r.log.Records()); err != nil {
		r.warn("%v", err)
	}
}
