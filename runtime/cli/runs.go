package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mspecc/runtime/overview"
	"mspecc/runtime/runs"
)

// runLine is what runs says of one run.
type runLine struct {
	Run      string    `json:"run"`
	Model    string    `json:"model"`
	Modality string    `json:"modality"`
	State    string    `json:"state"`
	Step     int       `json:"step"`
	Steps    int       `json:"steps"`
	Loss     *float64  `json:"loss"` // null before the first line of metrics
	BestLoss *float64  `json:"lowest_loss"`
	BestAt   int       `json:"lowest_loss_step"`
	Best     *runBest  `json:"best_evaluation,omitempty"`
	Began    time.Time `json:"began"`
	Last     time.Time `json:"last_session"` // when it began
}

// runBest is the best evaluation of a run's trained encoder.
type runBest struct {
	Method    string  `json:"method"`
	Metric    string  `json:"metric"`
	Mean      float64 `json:"mean"`
	Deviation float64 `json:"deviation"`
	Step      int     `json:"step"` // of the checkpoint
	Task      string  `json:"task,omitempty"`
	Star      bool    `json:"best"` // of the runs with the same method, metric, examples and protocol, of which there are several
	text      string
	basis     string
}

func (a *app) runs() *cobra.Command {
	return &cobra.Command{
		Use:         "runs [DIR...]",
		Annotations: map[string]string{ofRuns: "true", prints: "true"},
		Short:       "List runs: state, step, loss, best evaluation",
		Long: `List the runs in folders (default runs), at any depth, the newest last: how each stands, its step, its last
and lowest loss, and the highest test metric that its newest evaluation, or another one on the same
examples, gave its encoder. * marks the best of several runs that were evaluated on the same examples, by the
same method and protocol.

  running    a trainer is at work on it
  finished   the last step is done
  stopped    by a signal or the time limit; train --resume goes on
  failed     run.json says why; train --resume goes on, from before the step that failed
  killed     it ended without a word; train --resume goes on from the newest checkpoint

A page (report.html) that says of a run that it is going on, although its trainer was killed, is brought up to date.`,
		Example: `  BIN runs
  BIN runs /data/runs --json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"runs"}
			}
			list := []runLine{}
			for _, root := range args {
				dirs, err := findRuns(root)
				if err != nil {
					return err
				}
				for _, d := range dirs {
					r, err := overview.Open(d)
					if err != nil {
						a.note("%v", err)
						continue
					}
					for _, n := range r.Notes {
						a.note("%s", n)
					}
					list = append(list, lineOf(r))
					if err := renewReport(r); err != nil {
						a.note("%s: its page still says that it is going on: %v", r.Dir, err)
					}
				}
			}
			star(list)
			slices.SortStableFunc(list, func(x, y runLine) int { return x.Last.Compare(y.Last) })
			return a.print(list, func(w io.Writer) { writeRuns(w, list, args) })
		},
	}
}

// findRuns lists the run directories in a folder, which may be one itself.
func findRuns(root string) ([]runs.Dir, error) {
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s: no such folder of runs; train makes one", root)
	}
	var list []runs.Dir
	err := filepath.WalkDir(root, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			if os.IsPermission(err) || os.IsNotExist(err) {
				return nil // not ours to see, or gone meanwhile
			}
			return err
		}
		if !d.IsDir() {
			return nil
		}
		if _, err := os.Stat(runs.Dir(name).Manifest()); err == nil {
			list = append(list, runs.Dir(name))
			return filepath.SkipDir // there are no runs within runs
		}
		return nil
	})
	return list, err
}

func lineOf(r *overview.Run) runLine {
	m := r.Manifest
	l := runLine{Run: string(r.Dir), Model: m.Model, Modality: m.Modality, State: r.State, Step: r.Step(), Steps: m.Options.Steps, Began: m.Created}
	if n := len(m.Sessions); n > 0 {
		l.Last = m.Sessions[n-1].Started
	}
	if last, best, at := r.Loss(); last == last { // a number
		l.Loss, l.BestLoss, l.BestAt = &last, &best, at
	}
	if b := r.Best(); b != nil {
		l.Best = &runBest{Method: overview.Method(b.Result), Metric: b.Metric, Mean: b.Test.Mean, Deviation: b.Test.Deviation, Step: b.Evaluation.Step, Task: b.Evaluation.Task,
			text: overview.Score(b.Metric, b.Test), basis: overview.Method(b.Result) + b.Basis()}
	}
	return l
}

// star marks the best of the runs whose best evaluations are comparable.
func star(list []runLine) {
	same := map[string][]*runBest{}
	for _, l := range list {
		if l.Best != nil {
			same[l.Best.basis] = append(same[l.Best.basis], l.Best)
		}
	}
	for _, some := range same {
		best := slices.MaxFunc(some, func(a, b *runBest) int { return cmp.Compare(a.Mean, b.Mean) })
		for _, b := range some {
			b.Star = len(some) > 1 && b.Mean == best.Mean
		}
	}
}

func writeRuns(w io.Writer, list []runLine, roots []string) {
	if len(list) == 0 {
		fmt.Fprintf(w, "no runs in %s\n", roots[0])
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "run\tmodel\tstate\tstep\tloss\tlowest (step)\tbest evaluation")
	for _, l := range list {
		model := l.Model
		if l.Modality != "" && l.Modality != l.Model {
			model += " " + l.Modality
		}
		loss, lowest, best := "-", "-", "-"
		if l.Loss != nil {
			loss, lowest = fmt.Sprintf("%.5g", *l.Loss), fmt.Sprintf("%.5g (%d)", *l.BestLoss, l.BestAt)
		}
		if l.Best != nil {
			where := l.Best.Method
			if l.Best.Task != "" {
				where += ", task " + l.Best.Task
			}
			if best = fmt.Sprintf("%s %s (%s)", overview.Metric(l.Best.Metric), l.Best.text, where); l.Best.Star {
				best += " *"
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d/%d\t%s\t%s\t%s\n", l.Run, model, l.State, l.Step, l.Steps, loss, lowest, best)
	}
	_ = t.Flush()
}
