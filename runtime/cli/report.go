package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"mspecc/runtime/overview"
	"mspecc/runtime/runs"
)

func (a *app) report() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:         "report RUN",
		Annotations: map[string]string{ofRuns: "true"},
		Short:       "Show a run as one HTML page",
		Long: `Write one HTML page that shows a run: losses, reconstructions before and after adaptation, the
newest evaluation with its confusion matrix, learning rate, speed, settings and machine. The
page needs nothing else, neither files nor a network. A run that is still going on has one too.

train writes it at the end, after --eval, and with summaries: with each for which the
run has grown by a sixteenth since.`,
		Example: `  BIN report runs/a
  BIN report runs/a --out a.html`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := runs.Dir(args[0])
			if out == "" {
				out = dir.Report()
			}
			r, err := overview.Open(dir)
			if err != nil {
				return err
			}
			if err := r.WriteReport(out); err != nil {
				return err
			}
			for _, n := range r.Notes {
				a.note("%s", n)
			}
			return a.print(map[string]any{"run": args[0], "report": out, "state": r.State, "step": r.Step()}, func(w io.Writer) {
				fmt.Fprintf(w, "%s: %s, step %d of %d, %s\n", out, r.State, r.Step(), r.Manifest.Options.Steps, sizes(r))
			})
		},
	}
	c.Flags().StringVar(&out, "out", "", "file to write (default report.html in the run directory)")
	return c
}

// sizes says what a report is made of.
func sizes(r *overview.Run) string {
	return fmt.Sprintf("%d lines of metrics, reconstructions of %d steps, %d evaluations", len(r.Records), len(r.Panels), len(r.Evaluations))
}

// renewReport brings the page of a run up to date that says that the run is going on although it does not, since
// its trainer was killed before it could say something else.
func renewReport(r *overview.Run) error {
	if r.State == runs.Running || overview.StatePage(r.Dir.Report()) != runs.Running {
		return nil
	}
	return r.WriteReport(r.Dir.Report())
}

// writeReport brings the page of a run up to date.
func writeReport(dir runs.Dir) error {
	r, err := overview.Open(dir)
	if err != nil {
		return err
	}
	return r.WriteReport(dir.Report())
}
