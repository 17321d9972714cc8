// Package overview gathers what a run left behind and shows it: as a page of its own, side by side
// with other runs, or as a line of a list.
package overview

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"mspecc/runtime/eval"
	"mspecc/runtime/report"
	"mspecc/runtime/runs"
)

// Run is what a run directory says of its run, which may still go on.
type Run struct {
	Dir         runs.Dir
	State       string // runs.Running and so on
	Manifest    *runs.Manifest
	Records     []report.Record   // metrics, by step
	Evaluations []eval.Evaluation // oldest first
	Panels      []*report.Panel   // reconstructions, by step; see ReadPanels
	Notes       []string          // what could not be read
}

// Open reads a run directory, all but its pictures.
func Open(d runs.Dir) (*Run, error) {
	r := &Run{Dir: d}
	var err error
	if r.State, r.Manifest, err = d.State(); err != nil {
		return nil, err
	}
	if list := r.Manifest.Wrong(); len(list) > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%s: is damaged: %s", d.Manifest(), runs.Wrongs(list)))
	}
	var damaged int
	if r.Records, damaged, err = report.ReadRecords(d.Metrics()); err != nil {
		return nil, err
	}
	if damaged > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d damaged lines of %s are left out", damaged, d.Metrics()))
	}
	if r.Evaluations, damaged, err = eval.ReadLog(d); err != nil {
		return nil, err
	}
	if note := eval.DamagedNote(d, damaged); note != "" {
		r.Notes = append(r.Notes, note)
	}
	return r, nil
}

// maxPanels is the number of panels that are read: those between are left out at even distances.
const maxPanels = 40

// ReadPanels reads the reconstructions. Of a run that went back to a checkpoint, those of steps
// that it has not reached again are left out.
func (r *Run) ReadPanels() error {
	names, err := filepath.Glob(filepath.Join(r.Dir.Pictures(), "step-*.safetensors"))
	if err != nil {
		return err
	}
	sort.Strings(names)
	names = slices.DeleteFunc(names, func(n string) bool {
		var step int
		_, err := fmt.Sscanf(filepath.Base(n), "step-%d.", &step)
		return err != nil || step > r.Step() && len(r.Records) > 0
	})
	n := min(len(names), maxPanels)
	for k := range n {
		p, err := report.ReadPanel(names[k*(len(names)-1)/max(1, n-1)])
		switch {
		case errors.Is(err, os.ErrNotExist): // taken away meanwhile
		case err != nil:
			r.Notes = append(r.Notes, err.Error())
		default:
			r.Panels = append(r.Panels, p)
		}
	}
	return nil
}

// Name is the run directory's name.
func (r *Run) Name() string {
	if abs, err := filepath.Abs(string(r.Dir)); err == nil {
		return filepath.Base(abs)
	}
	return filepath.Base(string(r.Dir))
}

// Step is the last step known to be done.
func (r *Run) Step() int {
	step := 0
	if n := len(r.Records); n > 0 {
		step = r.Records[n-1].Step
	}
	for _, s := range r.Manifest.Sessions {
		if s.End != "" {
			step = max(step, s.Step)
		}
	}
	return step
}

// Names are the scalars of the metrics: the loss first, then the reports.
func (r *Run) Names() []string {
	if len(r.Records) == 0 {
		return nil
	}
	return r.Records[len(r.Records)-1].Names
}

// Loss is the last mean of the loss in the metrics, and the lowest one with its step; NaN and 0
// where there is none.
func (r *Run) Loss() (last, best float64, at int) {
	last, best = math.NaN(), math.NaN()
	names := r.Names()
	if len(names) == 0 {
		return last, best, 0
	}
	for _, rec := range r.Records {
		v := rec.Value(names[0])
		if finite(v) {
			last = v
		}
		if finite(v) && !(v >= best) {
			best, at = v, rec.Step
		}
	}
	return last, best, at
}

// Seconds is the time spent training, over all sessions.
func (r *Run) Seconds() float64 {
	total, last := 0.0, 0.0
	for _, rec := range r.Records {
		if rec.Seconds < last {
			total += last // another session
		}
		if finite(rec.Seconds) {
			last = rec.Seconds
		}
	}
	return total + last
}

// Rate is the median of the examples per second, NaN where none is known.
func (r *Run) Rate() float64 {
	var list []float64
	for _, rec := range r.Records {
		if finite(rec.Rate) {
			list = append(list, rec.Rate)
		}
	}
	if len(list) == 0 {
		return math.NaN()
	}
	sort.Float64s(list)
	return list[len(list)/2]
}

// TrainedInput is what eval calls the features of the trained encoder.
const TrainedInput = "trained encoder"

// Evaluation is the newest one, nil where there is none.
func (r *Run) Evaluation() *eval.Evaluation {
	if len(r.Evaluations) == 0 {
		return nil
	}
	return &r.Evaluations[len(r.Evaluations)-1]
}

// Method is a result's method with what distinguishes it, such as "knn, k 20".
func Method(r *eval.Result) string {
	if r.Detail == "" {
		return r.Method
	}
	return r.Method + ", " + r.Detail
}

// Metric is a metric's name for people.
func Metric(name string) string { return strings.ReplaceAll(name, "_", " ") }

// isShare says whether a metric is a share, shown in per cent, rather than a correlation or an area.
func isShare(metric string) bool { return metric == "accuracy" || metric == "weighted_f1" }

// Score is a score for people: shares in per cent, correlations as they are, with the deviation
// where there are several values; "-" for none.
func Score(metric string, s *eval.Score) string {
	switch {
	case s == nil:
		return "-"
	case !s.Defined():
		return "undefined"
	case !isShare(metric) && len(s.Values) == 1:
		return fmt.Sprintf("%.4f", s.Mean)
	case !isShare(metric):
		return fmt.Sprintf("%.4f ± %.4f", s.Mean, s.Deviation)
	case len(s.Values) == 1:
		return fmt.Sprintf("%.2f %%", 100*s.Mean)
	}
	return fmt.Sprintf("%.2f ± %.2f %%", 100*s.Mean, 100*s.Deviation)
}

// Undefined says of every result whose test metric is undefined why it is, once for each reason.
func Undefined(results []eval.Result) []string {
	var lines []string
	for i := range results {
		r := &results[i]
		if r.Test == nil || r.Test.Defined() {
			continue
		}
		if line := fmt.Sprintf("%s is undefined where %s", Metric(r.Metric), r.Test.Undefined); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
