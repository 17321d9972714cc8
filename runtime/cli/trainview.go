package cli

import (
	"fmt"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/report"
	"mspecc/runtime/train"
)

// trainView shows a run under way: a bar with smoothed losses on a terminal, lines of the
// log elsewhere, JSON lines where --json asks for them.
type trainView struct {
	a      *app
	bar    *progress
	steps  int
	names  []string
	smooth []report.Smoother
	last   report.Record // for what is measured over many steps
}

// keepStep makes the losses beside the bar those of about the last 50 steps.
const keepStep = 0.98

func (a *app) trainView(p *runtime.Program, state ckpt.State) *trainView {
	v := &trainView{a: a, bar: a.progress("training", state.Steps, state.Step), steps: state.Steps, names: train.Scalars(p.Step)}
	v.smooth = make([]report.Smoother, len(v.names))
	for i := range v.smooth {
		v.smooth[i].Keep = keepStep
	}
	return v
}

// step is told of every step.
func (v *trainView) step(step int, scalars []float64) {
	means := make([]float64, len(scalars))
	for i, s := range scalars {
		means[i] = v.smooth[i].Add(s)
	}
	if v.bar.bar != nil {
		// What matters most comes first: a narrow terminal cuts the rest.
		v.bar.say(values(v.names[:1], means[:1]) + "  " + speed(v.last) + values(v.names[1:], means[1:]))
	}
	v.bar.set(step)
}

// record is told of every line of the log.
func (v *trainView) record(r report.Record) {
	v.last = r
	switch {
	case v.a.json:
		_ = v.a.print(r, nil) // what cannot be written is told of elsewhere
	case v.bar.bar == nil && !v.a.quiet:
		left, _ := v.bar.meter.left()
		fmt.Fprintf(v.a.out, "step %d/%d  %s  %s%s left\n", r.Step, v.steps, values(r.Names, r.Values), speed(r), duration(left))
	}
}

// speed is the pace of a record and what slows it, "" before the first one.
func speed(r report.Record) string {
	if r.Step == 0 {
		return ""
	}
	return fmt.Sprintf("%s examples/s  data wait %.0f %%  ", rate(r.Rate), 100*r.Wait)
}
