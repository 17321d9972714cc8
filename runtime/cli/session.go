package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/data"
	"mspecc/runtime/report"
	"mspecc/runtime/runs"
	"mspecc/runtime/train"
)

// session is one process's part of a run.
type session struct {
	app      *app
	f        *trainFlags
	m        *runtime.Machine
	dir      runs.Dir
	keep     *runs.Run // the directory, once it is this process's
	state    ckpt.State
	old      *runs.Manifest // of the run that goes on, nil for a new one or where it is not known
	fromFile bool           // the data are those that the checkpoint names
	loader   *data.Loader
	set      *sets // nil for a model without data
	trained  bool  // something was done
	unended  bool  // the session before was killed
	data     runs.Data
	logLines []string // said before there was a log
	leftOut  leftOut
}

// say tells the user and the log something.
func (s *session) say(format string, args ...any) {
	s.app.note(format, args...)
	s.logLines = append(s.logLines, fmt.Sprintf(format, args...))
}

// tellLost says, in the log and where it can still be seen, that the trainer's output goes nowhere.
func (s *session) tellLost() {
	for _, w := range []io.Writer{s.app.out, s.app.err} {
		if o, ok := w.(*outlet); ok {
			if text := o.news(); text != "" {
				s.warn("%s", text)
			}
		}
	}
}

// warn is say once the log is open.
func (s *session) warn(format string, args ...any) {
	s.app.note(format, args...)
	s.keep.Say(format, args...)
}

// close gives back what the session holds.
func (s *session) close() error {
	if s.loader != nil {
		s.loader.Close()
	}
	if s.keep != nil {
		return s.keep.Close()
	}
	return nil
}

// run prepares the run, trains, and says how it ended.
func (s *session) run(ctx context.Context) error {
	var err error
	if s.f.resume != "" {
		err = s.goOn()
	} else {
		err = s.begin()
	}
	if err != nil {
		return err
	}
	if err := s.openData(); err != nil {
		return err
	}
	if s.keep == nil {
		if err := s.newDir(); err != nil {
			return err
		}
	}
	for _, l := range s.logLines {
		s.keep.Say("%s", l)
	}
	left := s.state.Steps - s.state.Step
	if left <= 0 && !(left == 0 && s.unended) {
		s.app.note("the run is at step %d of %d already; give more --steps to go on", s.state.Step, s.state.Steps)
		return nil
	}
	if err := s.keep.Begin(s.manifest(), s.m.Program, s.m.Threads(), s.state.Step); err != nil {
		return err
	}
	if left == 0 {
		s.warn("the session before was killed behind its last checkpoint: what belongs to that is made up for")
	} else {
		s.keep.Say("training steps %d to %d, threads: %d", s.state.Step+1, s.state.Steps, s.m.Threads())
	}
	return s.train(ctx)
}

// begin sets a new run up.
func (s *session) begin() error {
	t := s.m.Program.Train
	s.state = ckpt.State{Seed: t.Seed, LR: t.LR, Steps: t.Steps}
	s.f.presets(t)
	if s.f.changed("seed") {
		s.state.Seed = s.f.seed
	}
	s.choose()
	if !s.f.changed("summary-every") {
		s.f.summaryEvery = summaryEvery(s.state.Steps)
	}
	return s.initialize(s.f.initFrom)
}

// choose lets flags win over the spec or the checkpoint.
func (s *session) choose() {
	if s.f.changed("lr") {
		s.state.LR = s.f.lr
	}
	if s.f.changed("steps") {
		s.state.Steps = s.f.steps
	}
}

// initialize gives the parameters their first values, those of a checkpoint as far as they fit.
func (s *session) initialize(from string) error {
	s.m.Initialize(s.state.Seed)
	if from == "" {
		return nil
	}
	found, err := s.app.find(from)
	if err != nil {
		return err
	}
	tr, err := found.Adopt(s.m)
	if err != nil {
		return err
	}
	s.say("%d of %d parameters are those of %s", len(tr.Taken), len(s.m.Program.Params), found.Path)
	if len(tr.Fresh) > 0 {
		s.list(fmt.Sprintf("%d parameters keep their first values", len(tr.Fresh)), tr.Fresh)
	}
	if len(tr.Unused) > 0 {
		s.list(fmt.Sprintf("%d tensors of the checkpoint are not used", len(tr.Unused)), sorted(tr.Unused))
	}
	state, _, err := readState(found)
	if err == nil && state.Modality == s.m.Program.Modality.Name {
		s.state.Data.Learned = state.Data.Learned // what the parameters were trained with
		if state.Data.Vocabulary != nil {
			s.say("tokens are those of the vocabulary of %s", found.Path)
		}
		given, err := pairs(s.f.data.options)
		switch {
		case err != nil:
			return err
		case state.Data.Scaling == nil:
		case standardize(given) == "false":
			s.state.Data.Scaling = nil
			s.say("values are taken as they are, as the option says; those of %s were scaled", found.Path)
		default:
			s.say("values are scaled as those of %s", found.Path)
		}
	}
	return err
}

// goOn restores the run that is to go on.
func (s *session) goOn() error {
	f := s.f
	from := runs.Dir(f.resume)
	if of := runs.Of(f.resume); of != "" {
		from = of
	} else if filepath.Base(f.resume) == "checkpoints" {
		from = runs.Dir(filepath.Dir(filepath.Clean(f.resume)))
	}
	info, err := os.Stat(f.resume)
	if err != nil {
		return fmt.Errorf("%s: no such checkpoint or run directory", f.resume)
	}
	isRun := info.IsDir() || from != runs.Dir(f.resume)
	if !isRun && f.out == "" {
		return usagef("%s lies in no run directory: name one with --out", f.resume)
	}
	f.presets(s.m.Program.Train)
	if isRun {
		if err := s.inherit(from); err != nil {
			return err
		}
	}
	if isRun && (f.out == "" || sameFolder(f.out, string(from))) {
		s.dir = from
		if s.keep, err = runs.Acquire(from); err != nil {
			return err
		}
		s.unended = s.old == nil || s.old.Unended()
		s.sayKilled()
	}
	found, err := s.app.find(f.resume)
	var none *runs.NoCheckpointError
	if errors.As(err, &none) && len(none.Skipped) == 0 && s.old != nil {
		return s.startOver()
	}
	if err != nil {
		return err
	}
	for _, x := range found.Skipped {
		s.logLines = append(s.logLines, "skipped "+x.Err.Error())
	}
	if s.keep != nil {
		if err := s.checkNewest(found); err != nil {
			return err
		}
		if err := runs.SetAside(found.Skipped); err != nil {
			return err
		}
	}
	return s.restore(found)
}

// sameFolder says whether two names stand for the same folder.
func sameFolder(a, b string) bool {
	x, err := os.Stat(a)
	y, e := os.Stat(b)
	return err == nil && e == nil && os.SameFile(x, y)
}

// sayKilled says so where the session before ended without a word.
func (s *session) sayKilled() {
	if s.old == nil || len(s.old.Sessions) == 0 {
		return
	}
	if last := s.old.Sessions[len(s.old.Sessions)-1]; last.End == "" {
		s.say("the session of %s (process %d on %s) was killed", last.Started.Format(time.RFC3339), last.PID, last.Host)
	}
}

// startOver begins a run again that was killed before its first checkpoint.
func (s *session) startOver() error {
	o := s.old.Options
	for _, w := range s.old.Wrong() {
		if slices.Contains([]string{"options", "options.seed", "options.steps", "options.lr", "options.init_from", "spec_digest"}, w.Path) || s.fromFile {
			return fmt.Errorf("%s: has no checkpoint yet, and its run.json no longer says how it was begun; begin a new run", s.dir)
		}
	}
	if s.old.Digest != s.m.Program.Digest && !s.f.otherSpec {
		return fmt.Errorf("%s: was begun with another version of %s, and has no checkpoint yet; begin a new run", s.dir, s.m.Program.Spec)
	}
	s.say("%s has no checkpoint yet: it starts over", s.dir)
	s.state = ckpt.State{Seed: o.Seed, LR: o.LR, Steps: o.Steps}
	if s.f.changed("seed") && s.f.seed != o.Seed {
		return usagef("--seed is %d but the run to resume has seed %d; leave it out", s.f.seed, o.Seed)
	}
	s.choose()
	s.f.initFrom = o.InitFrom
	return s.initialize(o.InitFrom)
}

// checkNewest refuses to go back within a run: what lies behind would be written over.
func (s *session) checkNewest(found *runs.Found) error {
	steps, err := s.dir.Steps()
	if err != nil || len(steps) == 0 || len(found.Skipped) > 0 {
		return err
	}
	newest := s.dir.Checkpoint(steps[len(steps)-1])
	if filepath.Clean(found.Path) == filepath.Clean(newest) || filepath.Clean(s.f.resume) == filepath.Clean(string(s.dir)) {
		return nil
	}
	return fmt.Errorf("%s: the run goes on to step %d; resume %s, or name another --out to branch off here", found.Path, steps[len(steps)-1], s.dir)
}

// restore takes parameters, optimiser and all else from a checkpoint.
func (s *session) restore(found *runs.Found) error {
	p := s.m.Program
	state, known, err := found.ReadState()
	if err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("%s: holds no training state to go on from; use --init-from to start from its parameters", found.Path)
	}
	if err := s.checkOptimizer(found, state); err != nil {
		return err
	}
	if diff := found.Differences(state, p, !s.f.newOptimizer); len(diff) > 0 {
		if !s.f.otherSpec {
			return fmt.Errorf("%s: is a checkpoint of another version of %s:\n  %s\n--init-from starts a new run from what fits; --allow-other-spec goes on if all tensors fit",
				found.Path, p.Spec, strings.Join(diff, "\n  "))
		}
		s.list(found.Path+" is a checkpoint of another version of "+p.Spec, diff)
	}
	if state.Random != ckpt.Generator {
		return fmt.Errorf("%s: its random numbers are %q, this trainer's are %s", found.Path, state.Random, ckpt.Generator)
	}
	if s.f.changed("seed") && s.f.seed != state.Seed {
		return usagef("--seed is %d but the run to resume has seed %d; leave it out", s.f.seed, state.Seed)
	}
	if differs := state.Computed().Differs(p.Numerics()); differs != "" {
		s.say("%s", differs)
	}
	if err := found.Restore(s.m, !s.f.newOptimizer); err != nil {
		return err
	}
	s.state = state
	if s.f.newOptimizer {
		s.state.Began = state.Step
		s.say("the optimiser begins anew: %s, with nothing kept of the steps before", p.Train.InTruth())
	}
	if n := len(train.Scalars(p.Step)); state.Line.Steps > 0 && len(state.Line.Of) != n || state.Since.Steps > 0 && len(state.Since.Of) != n {
		s.say("the losses since the last line of metrics are of another version of the spec and do not count")
		s.state.Line, s.state.Since = ckpt.Sums{}, ckpt.Sums{}
	}
	s.choose()
	s.dataOf(state.Data)
	s.say("going on after step %d, from %s", state.Step, found.Path)
	return nil
}

// checkOptimizer refuses to go on with another optimiser than the run had, unless it is asked for.
func (s *session) checkOptimizer(found *runs.Found, state ckpt.State) error {
	t := s.m.Program.Train
	before := state.Optimizer == "" // written by a trainer that ran AdamW whatever the spec said
	if before && t.WeightDecay > 0 {
		var names []string
		for _, p := range s.m.Program.Params {
			if p.Frozen {
				names = append(names, p.Name)
			}
		}
		if len(names) > 0 {
			s.list("weight decay no longer takes parameters that no gradient reaches; until here it did", names)
		}
	}
	if s.f.newOptimizer || state.SameOptimizer(s.m.Program) {
		return nil
	}
	const begin = "to begin anew with %s from these parameters, give --new-optimizer"
	if !before {
		return fmt.Errorf("%s: was trained with %s, this trainer has %s; "+begin, found.Path, state.Optimizer, t.InTruth(), t.InTruth())
	}
	beta1, beta2, eps := t.Beta1, t.Beta2, t.Eps
	if t.Optimizer == "sgd" { // its momentum was beta1
		beta1, beta2, eps = t.Momentum, 0.999, 1e-8
	}
	return fmt.Errorf(`%s: was trained with AdamW although the spec says %s: trainers of then ran AdamW whatever it said
  to go on as the run began, write "optimizer adamw(lr: %g, weight_decay: %g, beta1: %g, beta2: %g, eps: %g)" into the spec, and resume with --allow-other-spec
  `+begin, found.Path, t.Optimizer, t.LR, t.WeightDecay, beta1, beta2, eps, t.Optimizer)
}

// openData opens the training data, where the model has any.
func (s *session) openData() error {
	p := s.m.Program
	if !p.Modality.Fed(p.Step) {
		return nil
	}
	set, err := s.app.openFrom(&s.f.data, p, s.state.Seed, opening{bad: s.leftOut.add, note: func(text string) { s.say("data: %s", text) }, learned: s.state.Data.Learned})
	s.leftOut.tell(s.say)
	if err != nil {
		return err
	}
	s.set = set
	s.app.sayData(&s.f.data, set)
	now := ckpt.Data{Source: set.name, Reader: set.reader, Options: set.options, Examples: set.train.Data.Len(), Learned: data.LearnedOf(set.train.Data)}
	s.data = runs.Data{Reader: set.reader, Train: set.train.Data.Len(), Test: set.test.Data.Len(), SkipBad: s.f.data.skipBad}
	for _, k := range slices.Sorted(maps.Keys(set.options)) {
		s.data.Options = append(s.data.Options, k+"="+set.options[k])
	}
	if dir := s.f.data.dir; dir != "" {
		if s.data.Folder, err = filepath.Abs(dir); err != nil {
			return err
		}
	}
	if s.loader, err = data.NewLoader(set.train.Data, set.train.Want, data.LoaderOptions{Batch: p.Batch, Seed: s.state.Seed, Shuffle: true}); err != nil {
		return err
	}
	if now.Digest, err = s.firstBatch(); err != nil {
		return err
	}
	s.leftOut.tell(s.say)
	was := s.state.Data
	if s.state.Step == 0 {
		s.state.Data = now
		return nil
	}
	if was.Schema == nil { // of a trainer that kept none
		s.state.Data.Schema = now.Schema
	}
	if was.Reader != now.Reader || was.Examples != now.Examples || was.Digest != now.Digest || !maps.Equal(was.Options, now.Options) {
		return fmt.Errorf("a run goes on with the data it began with: %s; these are others: %s; --init-from starts a new run from its parameters",
			describeData(was), describeData(now))
	}
	return nil
}

// firstBatch is the SHA-256 of the first batch of the run, by which other data are noticed.
func (s *session) firstBatch() (string, error) {
	b, err := s.loader.Batch(0)
	if err != nil {
		return "", err
	}
	f := s.m.Program.Step
	if err := train.Feed(s.m, f, b); err != nil {
		return "", err
	}
	h := sha256.New()
	for _, t := range f.Inputs {
		if !strings.HasPrefix(t.Name, "opt.") {
			h.Write(ckpt.Take(s.m, t, t.Name).Data)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func describeData(d ckpt.Data) string {
	text := fmt.Sprintf("%d examples of %s, read by %s", d.Examples, d.Source, d.Reader)
	for _, k := range slices.Sorted(maps.Keys(d.Options)) {
		text += " " + k + "=" + d.Options[k]
	}
	return fmt.Sprintf("%s (first batch %.12s...)", text, d.Digest)
}

// newDir makes the directory of a new run. It never mixes two runs.
func (s *session) newDir() error {
	dir := s.f.out
	if dir == "" {
		p := s.m.Program
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
	s.dir = runs.Dir(dir)
	keep, err := runs.Acquire(s.dir)
	if err != nil {
		return err
	}
	s.keep = keep
	if s.dir.Exists() {
		return fmt.Errorf("%s: already holds a run; go on with --resume %s or choose another --out", dir, dir)
	}
	return nil
}

// manifest describes the run for run.json.
func (s *session) manifest() *runs.Manifest {
	m := runs.Describe(s.m.Program)
	m.Data = s.data
	m.Options = runs.Options{Steps: s.state.Steps, Seed: s.state.Seed, LR: s.state.LR, InitFrom: s.f.initFrom, LogEvery: s.f.logEvery,
		CheckpointEvery: s.f.checkpointEvery, SummaryEvery: s.f.summaryEvery, SaveEvery: runs.Duration(s.f.saveEvery), Keep: s.f.keep, StopAbove: s.f.stopAbove}
	if s.old != nil {
		m.Options.InitFrom = s.old.Options.InitFrom
	}
	return m
}

// train trains and keeps the user informed.
func (s *session) train(ctx context.Context) error {
	a, p, state := s.app, s.m.Program, s.state
	if !a.json && !a.quiet && state.Step < state.Steps {
		fmt.Fprintf(a.out, "%s %s: %d parameters, batch %d, steps %d to %d, seed %d, %d threads, %s\n", p.Name, p.Modality.Name,
			p.ParamCount(), p.Batch, state.Step+1, state.Steps, state.Seed, s.m.Threads(), s.dir)
	}
	s.trained = true
	ctx, stop := a.untilSignal(ctx, "saving what is done; a second signal ends at once")
	defer stop()
	show := a.trainView(p, state)
	sum := newSummaries(s.m, s.dir, s.f.summaryEvery, state, s.set, s.warn)
	defer sum.close()
	o := train.Options{Run: s.keep, State: state, CheckpointEvery: s.f.checkpointEvery, SaveEvery: s.f.saveEvery, Keep: s.f.keep,
		Patience: s.f.patience, LogEvery: s.f.logEvery, StopAbove: s.f.stopAbove,
		OnStep: func(step int, values []float64) {
			show.step(step, values)
			s.leftOut.tell(s.warn)
			s.tellLost()
			if sum.due(step) {
				sum.take(ctx, step)
			}
		},
		OnRecord: func(r report.Record) { show.record(r); sum.record(r) }, OnWarn: func(text string) { a.note("%s", text) }}
	if s.f.timeLimit > 0 {
		o.Deadline = a.begun.Add(s.f.timeLimit)
	}
	var batches train.Batches
	if s.loader != nil {
		batches = s.loader
	}
	r, err := train.Run(ctx, s.m, batches, o)
	show.bar.end()
	s.tellData()
	how := runs.Finished
	switch {
	case err != nil:
		how = runs.Failed
	case r.Stopped != "":
		how = runs.Stopped
	}
	if e := s.keep.End(how, r.Step, err); e != nil {
		a.note("how the run ended is not recorded: %v", e)
	}
	if state.Step == state.Steps {
		sum.last = 0 // nothing says that the killed session has come to it
	}
	if err == nil && (r.Step > state.Step || r.Step == state.Steps) && ctx.Err() == nil { // else there may be no time for it
		sum.take(ctx, r.Step)
	}
	if err != nil {
		return err
	}
	err = s.summary(r)
	s.tellLost()
	return err
}

// summary says how the session ended.
func (s *session) summary(r train.Result) error {
	out := map[string]any{"step": r.Step, "steps": s.state.Steps, "interrupted": r.Stopped != "", "checkpoint": r.Checkpoint}
	if r.Stopped != "" {
		out["reason"] = r.Stopped
	}
	err := s.app.print(out, func(w io.Writer) {
		if r.Stopped != "" {
			fmt.Fprintf(w, "%s at step %d; go on with --resume %s\n", r.Stopped, r.Step, s.dir)
			return
		}
		fmt.Fprintf(w, "step %d  %s  (%s)\ncheckpoint %s\n", r.Step, values(r.Last.Names, r.Last.Values), duration(r.Last.Seconds), r.Checkpoint)
	})
	if err == nil && r.Stopped != "" {
		err = &stoppedError{r.Stopped}
	}
	return err
}
