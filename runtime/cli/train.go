package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mspecc/runtime"
	"mspecc/runtime/overview"
	"mspecc/runtime/runs"
)

// trainFlags are the flags of train; a value counts only where changed says that it was given.
type trainFlags struct {
	data            dataFlags
	out, resume     string
	initFrom        string
	steps           int
	seed            uint64
	lr              float64
	logEvery        int
	checkpointEvery int
	summaryEvery    int
	saveEvery       time.Duration
	keep            int
	timeLimit       time.Duration
	stopAbove       float64
	patience        time.Duration
	otherSpec       bool
	newOptimizer    bool
	eval            bool
	changed         func(name string) bool   // whether a flag was given
	shown           func(name string) string // the value that it has
}

func (a *app) train() *cobra.Command {
	var f trainFlags
	c := &cobra.Command{
		Use:         "train",
		Annotations: map[string]string{outlives: "true"},
		Short:       "Train the model",
		Long: `Train the model. The run directory gets settings and sessions (run.json), the spec (spec/),
checkpoints (checkpoints/step-*.safetensors, best.safetensors), losses (metrics.jsonl, pictures/curve.png),
reconstructions of test examples (pictures/), all of this for TensorBoard (events/), and what was said
(log.txt). One trainer at a time writes it.

The same seed gives the same bits, whatever the number of threads, and a resumed run ends as one
that was never interrupted. --resume RUN takes the newest checkpoint that verifies, and the flags
of the run where none are given.

Ctrl-C, SIGTERM, SIGHUP and --time-limit write a checkpoint of what is done and end with exit code 3;
a second signal ends at once. A disk that is full does not stop a run: the checkpoint is tried again.
A loss that is not finite does: the step is kept in failed/ for replay, the run as it was before.`,
		Example: `  BIN train                               the small data set this binary carries
  BIN train --data DIR --steps 20000 --out runs/a
  BIN train --resume runs/a               go on where runs/a ended, whatever ended it
  BIN train --resume runs/a --steps 40000 the same, for longer
  BIN train --data DIR --init-from pretrained.safetensors --lr 3e-5`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.changed = cmd.Flags().Changed
			f.shown = func(name string) string { return cmd.Flags().Lookup(name).Value.String() }
			return a.runTrain(cmd.Context(), &f)
		},
	}
	f.data.add(c)
	fl := c.Flags()
	fl.StringVar(&f.out, "out", "", "run directory (default runs/MODEL-MODALITY, the resumed one with --resume)")
	fl.StringVar(&f.resume, "resume", "", "run directory to go on with, or checkpoint to go on from in another --out")
	fl.StringVar(&f.initFrom, "init-from", "", "checkpoint or run to take the first parameters from: those of the same name and shape")
	fl.IntVar(&f.steps, "steps", 0, "steps to train in all (default the spec's)")
	fl.Uint64Var(&f.seed, "seed", 0, "seed of all random numbers (default the spec's)")
	fl.Float64Var(&f.lr, "lr", 0, "learning rate (default the spec's)")
	fl.IntVar(&f.logEvery, "log-every", 10, "steps per line of metrics")
	fl.IntVar(&f.checkpointEvery, "checkpoint-every", 0, "steps per checkpoint, 0 for the last only (default the spec's)")
	fl.IntVar(&f.summaryEvery, "summary-every", 0, "steps per picture of reconstructions and histograms, 0 for the last only (default a tenth of the run, at least 100)")
	fl.DurationVar(&f.saveEvery, "save-every", 10*time.Minute, "a checkpoint also after so much time without one, 0 for never")
	fl.IntVar(&f.keep, "keep", 5, "newest checkpoints that stay, beside the best one; 0 for all")
	fl.DurationVar(&f.timeLimit, "time-limit", 0, "save and end before so much time has passed, such as 7h30m")
	fl.Float64Var(&f.stopAbove, "stop-above", 0, "a loss beyond this is a failure (default: only one that is not finite)")
	fl.DurationVar(&f.patience, "patience", 10*time.Minute, "for how long to try to write the last checkpoint")
	fl.BoolVar(&f.otherSpec, "allow-other-spec", false, "resume a checkpoint of another version of the spec, if its tensors fit")
	fl.BoolVar(&f.newOptimizer, "new-optimizer", false, "with --resume: keep the parameters and begin anew with the optimiser, also another than the run had")
	fl.BoolVar(&f.eval, "eval", false, "evaluate the encoder after training")
	return c
}

// check refuses flags that make no sense.
func (f *trainFlags) check() error {
	o := runs.Options{Steps: 1, LR: f.lr, LogEvery: f.logEvery, CheckpointEvery: f.checkpointEvery, SummaryEvery: f.summaryEvery,
		SaveEvery: runs.Duration(f.saveEvery), Keep: f.keep, StopAbove: f.stopAbove}
	if f.changed("steps") {
		o.Steps = f.steps
	}
	for _, x := range o.Check() {
		return usagef("--%s is %v, expected %s", flagOf(x.Name), x.Value, x.Expected)
	}
	switch {
	case f.resume != "" && f.initFrom != "":
		return usagef("--resume and --init-from exclude each other")
	case f.timeLimit < 0 || f.patience < 0:
		return usagef("--time-limit and --patience are times of at least 0")
	case f.changed("stop-above") && f.stopAbove == 0:
		return usagef("--stop-above is %v, expected a number above 0", f.stopAbove)
	case f.otherSpec && f.resume == "":
		return usagef("--allow-other-spec is for --resume")
	case f.newOptimizer && f.resume == "":
		return usagef("--new-optimizer is for --resume")
	}
	return nil
}

// presets gives flags that were not given what the spec says.
func (f *trainFlags) presets(t runtime.Train) {
	if !f.changed("checkpoint-every") {
		f.checkpointEvery = t.CheckpointEvery
	}
	if !f.changed("summary-every") {
		f.summaryEvery = summaryEvery(t.Steps)
	}
}

// flagOf is the flag that an option of run.json has come from.
func flagOf(name string) string { return strings.ReplaceAll(name, "_", "-") }

// stoppedError says that a run ended before its last step, as it was asked to.
type stoppedError struct{ why string }

func (e *stoppedError) Error() string { return e.why }

// exitStopped is the exit code of a run that was stopped and can go on.
const exitStopped = 3

func (a *app) runTrain(ctx context.Context, f *trainFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	m, err := a.machine()
	if err != nil {
		return err
	}
	defer m.Close()
	if m.Program.Step == nil {
		return fmt.Errorf("the model %s has no objective to train", m.Program.Name)
	}
	s := &session{app: a, f: f, m: m}
	err = s.run(ctx)
	if e := s.close(); e != nil {
		err = errors.Join(err, e)
	}
	if s.keep != nil {
		// Now that the run is nobody's any more: the report says how it ended.
		if e := s.report(); e != nil {
			a.note("no report: %v", e)
		}
	}
	if err != nil {
		return err
	}
	if f.eval {
		o := defaultEval()
		o.checkpoint, o.data, o.seed = string(s.dir), f.data, s.state.Seed
		return a.runEval(ctx, &o)
	}
	return nil
}

// report brings the page of the run up to date.
func (s *session) report() error {
	r, err := overview.Open(s.dir)
	switch {
	case s.trained && err == nil:
		return r.WriteReport(s.dir.Report())
	case s.trained:
		return err
	case err == nil:
		return renewReport(r)
	}
	return nil // what is no run has no page
}

// most is how many lines of a list are shown; the log has them all.
const most = 20

// list tells the user, and the log, several lines.
func (s *session) list(head string, lines []string) {
	s.say("%s", head)
	for i, l := range lines {
		if i == most {
			s.app.note("  and %d more, see %s", len(lines)-most, s.dir.Log())
		}
		if i < most {
			s.app.note("  %s", l)
		}
		s.logLines = append(s.logLines, "  "+l)
	}
}

// sorted is a copy in order.
func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}
