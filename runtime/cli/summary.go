package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/data"
	"mspecc/runtime/report"
	"mspecc/runtime/runs"
	"mspecc/runtime/tensorboard"
	"mspecc/runtime/train"
)

// summaries keeps what people look at during and after a run: the events for TensorBoard, and
// every so many steps histograms and a panel of reconstructed test examples. Nothing of it is
// worth losing a run for: what fails is said once, and left out.
type summaries struct {
	m        *runtime.Machine
	dir      runs.Dir
	every    int // steps, 0 for the end alone
	steps    int
	seed     uint64
	examples *data.Loader // of the test set, nil where nothing can be reconstructed
	sample   sample       // of them
	batches  *data.Loader // those of training once more, for gradients; nil where the model takes no data
	last     int          // step of the last summary
	page     report.Redraw
	events   *tensorboard.Writer
	warn     func(format string, args ...any)
	warned   map[string]bool
}

// Limits of a panel: examples, and values of all of them in a file.
const (
	panelRows   = 8
	panelValues = 1 << 18
)

// panelSeed chooses the examples and what is hidden of them: the same in every run, so that
// pictures of different steps and runs can be compared.
const panelSeed = 1

// summaryEvery is how often summaries are made where nobody says: ten times in a run, but not
// for fewer than 100 steps each.
func summaryEvery(steps int) int { return max(100, steps/10) }

// newSummaries prepares the summaries of a session; set is nil for a model without data.
func newSummaries(m *runtime.Machine, dir runs.Dir, every int, state ckpt.State, set *sets, warn func(string, ...any)) *summaries {
	s := &summaries{m: m, dir: dir, every: every, steps: state.Steps, seed: state.Seed, last: state.Step, warn: warn, warned: map[string]bool{}}
	notes, err := tensorboard.Repair(dir.Events())
	s.said("repair of damaged events", err)
	for _, n := range notes {
		warn("%s", n)
	}
	w, err := tensorboard.Create(dir.Events(), state.Step)
	s.said("events", err)
	if s.events = w; err == nil && state.Step == 0 {
		var sum tensorboard.Summary
		sum.Text("settings", settingsText(m.Program))
		s.said("events", w.Write(0, &sum))
	}
	if set != nil {
		s.openData(set)
	}
	return s
}

func (s *summaries) openData(set *sets) {
	p := s.m.Program
	var err error
	if p.Reconstruct != nil && set.test.Len() > 0 {
		s.examples, err = data.NewLoader(set.test.Data, set.test.Want, data.LoaderOptions{Batch: p.Batch, Seed: panelSeed, Shuffle: true, Partial: true})
		look := data.LookOf(set.test.Data)
		layouts, wrong := arrangements(p.Modality, look, "")
		err = errors.Join(err, wrong)
		s.sample = sample{layouts: layouts, words: look.Words, count: min(p.Batch, set.test.Len()), seed: panelSeed}
		values := 1
		for _, l := range s.sample.layouts {
			values += 3 * l.Size() * max(1, l.Width())
		}
		s.sample.keep = max(1, min(panelRows, panelValues/values))
		if s.said("reconstructions", err) {
			s.examples = nil
		} else {
			s.sample.next = s.examples.Batch
		}
	}
	if p.Replay != nil {
		s.batches, err = data.NewLoader(set.train.Data, set.train.Want, data.LoaderOptions{Batch: p.Batch, Seed: s.seed, Shuffle: true})
		s.said("gradients", err)
	}
}

// said warns of the first error of each kind, and says whether there is one.
func (s *summaries) said(what string, err error) bool {
	if err == nil {
		return false
	}
	if !s.warned[what] {
		s.warned[what] = true
		s.warn("no %s for now: %v; the run goes on", what, err)
	}
	return true
}

// saidUntil is said of what is cut short when ctx ends, which is no error.
func (s *summaries) saidUntil(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		s.said(what, err)
	}
}

// record writes a line of metrics as scalars.
func (s *summaries) record(r report.Record) {
	var sum tensorboard.Summary
	for i, n := range r.Names {
		sum.Scalar("train/"+n, r.Values[i])
	}
	sum.Scalar("optimizer/lr", r.LR)
	sum.Scalar("speed/examples_per_second", r.Rate)
	sum.Scalar("speed/data_wait", r.Wait)
	if r.LeftOut > 0 {
		sum.Scalar("data/bad_records", float64(r.LeftOut))
	}
	s.write(r.Step, &sum)
}

// write appends to the events. A file that has vanished is begun anew.
func (s *summaries) write(step int, sum *tensorboard.Summary) {
	if s.events == nil || s.events.Gone() {
		w, err := tensorboard.Create(s.dir.Events(), s.last)
		if s.said("events", err) {
			return
		}
		if s.events != nil {
			_ = s.events.Close() // nothing in it can be found any more
		}
		s.events = w
	}
	s.said("events", s.events.Write(step, sum))
}

// due says whether a step is one that is summed up.
func (s *summaries) due(step int) bool { return s.every > 0 && step%s.every == 0 && step < s.steps }

// take sums up a step that is done: the machine holds its parameters. It is cut short when ctx ends.
func (s *summaries) take(ctx context.Context, step int) {
	if s.last == step {
		return
	}
	s.last = step
	var sum tensorboard.Summary
	for _, q := range s.m.Program.Params {
		sum.Histogram("parameters/"+q.Name, tensorboard.NewHistogram(s.m.Floats(q.Tensor)))
	}
	if s.m.Program.Replay != nil {
		s.saidUntil(ctx, "gradients", s.gradients(ctx, step, &sum))
	}
	if s.examples != nil {
		s.saidUntil(ctx, "reconstructions", s.panel(ctx, step, &sum))
	}
	if ctx.Err() != nil {
		return
	}
	s.write(step, &sum)
	if _, err := os.Stat(s.dir.Report()); err != nil {
		s.page = report.Redraw{} // there is none yet, or no more
	}
	if step < s.steps && s.page.Due(step) { // train writes the last one
		s.said("report", writeReport(s.dir))
	}
}

// gradients adds those of the step's batch at the parameters after the step, without dropout.
func (s *summaries) gradients(ctx context.Context, step int, sum *tensorboard.Summary) error {
	f := s.m.Program.Replay
	if s.batches != nil {
		b, err := s.batches.BatchUntil(ctx, step-1)
		if err == nil {
			err = train.Feed(s.m, f, b)
		}
		s.batches.Close() // nothing is prefetched until the next summary
		if err != nil {
			return err
		}
	}
	if err := s.m.ExecuteUntil(ctx, f, s.seed, uint64(step)); err != nil {
		return err
	}
	for _, t := range f.Outputs {
		if name, ok := strings.CutPrefix(t.Name, "grad."); ok {
			sum.Histogram("gradients/"+name, tensorboard.NewHistogram(s.m.Floats(t)))
		}
	}
	return nil
}

// panel reconstructs test examples and keeps them as numbers, as a picture, and in the events.
func (s *summaries) panel(ctx context.Context, step int, sum *tensorboard.Summary) error {
	p, err := s.sample.panel(ctx, s.m)
	s.examples.Close()
	if err != nil {
		return err
	}
	p.Step = step
	for _, q := range p.All() {
		if err := draw(q, sum); err != nil {
			return err
		}
	}
	return errors.Join(p.WriteFile(s.dir.Panel(step)), p.WritePicture(s.dir.Picture(step, p.Ending())))
}

// draw adds the reconstructions of one input, and their errors on hidden tokens.
func draw(p *report.Panel, sum *tensorboard.Summary) error {
	tag, of := "reconstruction", ""
	if p.Name != "" {
		tag, of = tag+"/"+p.Name, p.Name+"_"
	}
	what := "error"
	if p.Measure == tokenAccuracy {
		what = "accuracy"
	}
	tags := []string{"_before", "_adapted"}
	if p.Plain {
		tags = []string{""}
	}
	for i, t := range tags {
		if v := [2]float64{p.Before[1], p.After[1]}[i]; !math.IsNaN(v) { // no token of the examples was hidden
			sum.Scalar("test/"+of+"hidden_"+what+t, v)
		}
	}
	if p.Kind == report.None {
		return nil
	}
	if p.Kind == report.Tokens {
		var b strings.Builder
		if err := p.Text(&b, 100, nil); err != nil {
			return err
		}
		sum.Text(tag, "    "+strings.ReplaceAll(b.String(), "\n", "\n    "))
		return nil
	}
	m, err := p.Picture()
	if err != nil {
		return err
	}
	return sum.Image(tag, m)
}

// close gives back what the summaries hold.
func (s *summaries) close() {
	for _, l := range []*data.Loader{s.examples, s.batches} {
		if l != nil {
			l.Close()
		}
	}
	if s.events != nil {
		s.said("events", s.events.Close())
	}
}

// settingsText is the model and its settings as a Markdown table.
func settingsText(p *runtime.Program) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| setting | value | from |\n| --- | --- | --- |\n| model | %s (%s) | |\n| modality | %s | |\n", p.Name, p.Spec, p.Modality.Name)
	fmt.Fprintf(&b, "| batch | %d | |\n| parameters | %d | |\n", p.Batch, p.ParamCount())
	for _, s := range p.Settings {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", s.Name, s.Value, s.From)
	}
	return b.String()
}
