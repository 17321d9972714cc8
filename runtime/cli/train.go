package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/data"
	"mspecc/runtime/report"
	"mspecc/runtime/train"
)

// trainFlags are the flags of train; a value counts only where changed says that it was given.
type trainFlags struct {
	data            dataFlags
	out, resume     string
	init            string
	steps           int
	seed            uint64
	lr              float64
	logEvery        int
	checkpointEvery int
	eval            bool
	changed         func(name string) bool
}

func (a *app) train() *cobra.Command {
	var f trainFlags
	c := &cobra.Command{
		Use:   "train",
		Short: "Train the model",
		Long: `Train the model. The run directory gets the checkpoints (step-*.safetensors), the log
(log.jsonl) and the loss curve (curve.png). The same seed gives the same bits, whatever the
number of threads, and a resumed run ends as one that was never interrupted.

Ctrl-C writes a checkpoint and ends. A loss that is not finite stops the run; the checkpoints
written before stay.`,
		Example: `  BIN train                               the small data set this binary carries
  BIN train --data DIR --steps 20000 --out runs/a
  BIN train --data DIR --resume runs/a    go on with the latest checkpoint of runs/a
  BIN train --data DIR --init pretrained.safetensors --lr 3e-5`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.changed = cmd.Flags().Changed
			return a.runTrain(cmd.Context(), &f)
		},
	}
	f.data.add(c)
	fl := c.Flags()
	fl.StringVar(&f.out, "out", "", "run directory (default runs/MODEL-MODALITY, the resumed one with --resume)")
	fl.StringVar(&f.resume, "resume", "", "run directory or checkpoint to go on from")
	fl.StringVar(&f.init, "init", "", "checkpoint to take the first parameters from")
	fl.IntVar(&f.steps, "steps", 0, "steps to train in all (default the spec's)")
	fl.Uint64Var(&f.seed, "seed", 0, "seed of all random numbers (default the spec's)")
	fl.Float64Var(&f.lr, "lr", 0, "learning rate (default the spec's)")
	fl.IntVar(&f.logEvery, "log-every", 10, "steps per line of the log")
	fl.IntVar(&f.checkpointEvery, "checkpoint-every", 0, "steps per checkpoint, 0 for the last only (default the spec's)")
	fl.BoolVar(&f.eval, "eval", false, "evaluate the encoder after training")
	return c
}

func (a *app) runTrain(ctx context.Context, f *trainFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	m, err := a.machine()
	if err != nil {
		return err
	}
	defer m.Close()
	p := m.Program
	if p.Step == nil {
		return fmt.Errorf("the model %s has no objective to train", p.Name)
	}
	state, err := a.startState(m, f)
	if err != nil {
		return err
	}
	var batches train.Batches
	if p.Modality.Fed(p.Step) {
		s, err := a.open(&f.data, p, state.Seed)
		if err != nil {
			return err
		}
		a.sayData(&f.data, s)
		if state.Data != "" && state.Data != s.name {
			a.note("the run was on %s before", state.Data)
		}
		state.Data = s.name
		l, err := data.NewLoader(s.train.Data, s.train.Want, data.LoaderOptions{Batch: p.Batch, Seed: state.Seed, Shuffle: true})
		if err != nil {
			return err
		}
		defer l.Close()
		defer a.sayWait(l, s)
		batches = l
	}
	dir, err := f.runDir(p)
	if err != nil {
		return err
	}
	interruptible, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(interruptible, stop) // a second signal ends the process at once
	err = a.trainLoop(interruptible, m, batches, f, dir, state)
	interrupted := interruptible.Err() != nil
	stop()
	if err != nil {
		return err
	}
	if f.eval && !interrupted {
		o := defaultEval()
		o.checkpoint, o.data, o.seed = dir, f.data, state.Seed
		return a.runEval(ctx, &o)
	}
	return nil
}

// check refuses flags that make no sense.
func (f *trainFlags) check() error {
	switch {
	case f.resume != "" && f.init != "":
		return usagef("--resume and --init exclude each other")
	case f.changed("steps") && f.steps < 1:
		return usagef("--steps is %d, expected at least 1", f.steps)
	case f.changed("lr") && !(f.lr >= 0 && f.lr < 1e30):
		return usagef("--lr is %v, expected a number of at least 0", f.lr)
	case f.logEvery < 1:
		return usagef("--log-every is %d, expected at least 1", f.logEvery)
	case f.checkpointEvery < 0:
		return usagef("--checkpoint-every is %d, expected at least 0", f.checkpointEvery)
	}
	return nil
}

// startState puts the first parameters into the machine and says where the run starts: from
// the spec, or where resumed from the checkpoint, flags winning over both.
func (a *app) startState(m *runtime.Machine, f *trainFlags) (ckpt.State, error) {
	t := m.Program.Train
	state := ckpt.State{Seed: t.Seed, LR: t.LR, Steps: t.Steps}
	if f.resume != "" {
		var err error
		if state, err = a.load(m, f.resume, true); err != nil {
			return state, err
		}
		if f.changed("seed") && f.seed != state.Seed {
			return state, usagef("--seed is %d but the run to resume has seed %d; leave it out", f.seed, state.Seed)
		}
		if state.Random != ckpt.Generator {
			return state, fmt.Errorf("%s: its random numbers are %q, this trainer's are %s", f.resume, state.Random, ckpt.Generator)
		}
	}
	if f.changed("seed") {
		state.Seed = f.seed
	}
	if f.changed("lr") {
		state.LR = f.lr
	}
	if f.changed("steps") {
		state.Steps = f.steps
	}
	if f.resume != "" {
		return state, nil
	}
	m.Initialize(state.Seed)
	if f.init != "" {
		if _, err := a.load(m, f.init, false); err != nil {
			return state, err
		}
	}
	return state, nil
}

// runDir makes the run directory. It never mixes two runs.
func (f *trainFlags) runDir(p *runtime.Program) (string, error) {
	dir := f.out
	if f.resume != "" {
		checkpoint, err := ckpt.Latest(f.resume)
		if err != nil {
			return "", err
		}
		if dir == "" || filepath.Clean(dir) == filepath.Dir(checkpoint) {
			return filepath.Dir(checkpoint), nil
		}
	}
	if dir == "" {
		name := p.Name
		if p.Modality.Name != "" && p.Modality.Name != p.Name {
			name += "-" + p.Modality.Name
		}
		dir = filepath.Join("runs", name)
		for n := 2; ; n++ {
			if _, err := os.Stat(dir); err != nil {
				break
			}
			dir = filepath.Join("runs", fmt.Sprintf("%s-%d", name, n))
		}
	}
	if old, err := ckpt.Latest(dir); err == nil {
		return "", fmt.Errorf("%s: already holds a run (%s); go on with --resume %s or choose another --out", dir, filepath.Base(old), dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("the run directory cannot be made: %w", err)
	}
	return dir, nil
}

// trainLoop trains and keeps the user informed.
func (a *app) trainLoop(ctx context.Context, m *runtime.Machine, batches train.Batches, f *trainFlags, dir string, state ckpt.State) error {
	p := m.Program
	every := p.Train.CheckpointEvery
	if f.changed("checkpoint-every") {
		every = f.checkpointEvery
	}
	if !a.json {
		fmt.Fprintf(a.out, "%s %s: %d parameters, batch %d, steps %d to %d, seed %d, %d threads, %s\n", p.Name, p.Modality.Name,
			p.ParamCount(), p.Batch, state.Step+1, state.Steps, state.Seed, m.Threads(), dir)
	}
	if state.Step >= state.Steps {
		a.note("the run is at step %d of %d already; give more --steps to go on", state.Step, state.Steps)
		return nil
	}
	bar := a.progress("training", state.Steps, state.Step)
	r, err := train.Run(ctx, m, batches, train.Options{
		Dir: dir, State: state, CheckpointEvery: every, LogEvery: f.logEvery,
		OnStep:   func(step int, _ []float64) { bar.set(step) },
		OnRecord: func(r report.Record) { a.showRecord(bar, r, state.Steps) },
	})
	bar.end()
	if err != nil {
		if good, none := ckpt.Latest(dir); none == nil {
			return fmt.Errorf("%w; the last good checkpoint is %s", err, good)
		}
		return fmt.Errorf("%w; there is no checkpoint yet", err)
	}
	return a.print(map[string]any{"step": r.Step, "steps": state.Steps, "interrupted": r.Interrupted, "checkpoint": r.Checkpoint}, func(w io.Writer) {
		if r.Interrupted {
			fmt.Fprintf(w, "interrupted at step %d; go on with --resume %s\n", r.Step, dir)
			return
		}
		fmt.Fprintf(w, "step %d  %s  (%s)\ncheckpoint %s\n", r.Step, values(r.Last.Names, r.Last.Values), duration(r.Last.Seconds), r.Checkpoint)
	})
}

// showRecord shows a line of the log: beside the bar, as JSON, or as plain text.
func (a *app) showRecord(bar *progress, r report.Record, steps int) {
	text := fmt.Sprintf("%s  %s examples/s", values(r.Names, r.Values), rate(r.Rate))
	switch {
	case a.json:
		_ = a.print(r, nil) // an output that is gone shows in the summary
	case bar.bar != nil:
		bar.say(text)
	default:
		eta := float64(steps-r.Step) / r.Rate * float64(max(1, a.batch()))
		fmt.Fprintf(a.out, "step %d/%d  %s  %s left\n", r.Step, steps, text, duration(eta))
	}
}

// batch is the chosen program's batch size.
func (a *app) batch() int {
	p, err := a.program()
	if err != nil {
		return 1
	}
	return p.Batch
}
