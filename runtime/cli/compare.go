package cli

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mspecc/runtime/overview"
	"mspecc/runtime/runs"
)

func (a *app) compare() *cobra.Command {
	var page string
	var all bool
	c := &cobra.Command{
		Use:         "compare RUN RUN...",
		Annotations: map[string]string{ofRuns: "true"},
		Short:       "Lay runs side by side: losses, evaluations, and the settings that differ",
		Long: `Lay runs side by side: how far they are, losses, errors of reconstructions, speed, the newest
evaluations of each, and the settings that differ. * marks the best of each row, of those that are
comparable: losses of the same model, settings and data, scores on the same examples by the same
protocol, speeds on the same machine. --html also writes one page with the losses of all runs in the
same charts, and their reconstructions.

The runs may be of other models and other trainers than this one.`,
		Example: `  BIN compare runs/a runs/b
  BIN compare runs/* --html compare.html
  BIN compare runs/a runs/b --json`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			var list []*overview.Run
			for _, name := range args {
				r, err := overview.Open(runs.Dir(name))
				if err == nil {
					err = r.ReadPanels()
				}
				if err != nil {
					return err
				}
				for _, n := range r.Notes {
					a.note("%s", n)
				}
				list = append(list, r)
			}
			cmp := overview.Compare(list, all)
			if page != "" {
				if err := cmp.WritePage(page); err != nil {
					return err
				}
			}
			return a.print(compareJSON(cmp, page), func(w io.Writer) {
				writeComparison(w, cmp)
				if page != "" {
					fmt.Fprintln(w, page)
				}
			})
		},
	}
	c.Flags().StringVar(&page, "html", "", "also write a page with charts and reconstructions to this file")
	c.Flags().BoolVar(&all, "all", false, "also the settings that are the same in all runs")
	return c
}

// compareJSON is a comparison for programs.
func compareJSON(c *overview.Comparison, page string) any {
	var names []string
	for _, r := range c.Runs {
		names = append(names, string(r.Dir))
	}
	return struct {
		Runs []string              `json:"runs"`
		Rows []overview.CompareRow `json:"rows"`
		Page string                `json:"page,omitempty"`
	}{names, c.Rows, page}
}

// writeComparison prints a comparison as a table, a column for each run.
func writeComparison(w io.Writer, c *overview.Comparison) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range c.Runs {
		fmt.Fprintf(t, "\t%s", r.Name())
	}
	fmt.Fprintln(t)
	group := c.Rows[0].Group
	for _, row := range c.Rows {
		if row.Group != group {
			fmt.Fprintln(t)
			group = row.Group
		}
		fmt.Fprint(t, row.Name)
		for i, text := range row.Text {
			if text == "" {
				text = "-"
			}
			if row.Best[i] {
				text += " *"
			}
			fmt.Fprintf(t, "\t%s", text)
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush()
	for _, row := range c.Rows {
		if row.Note != "" {
			fmt.Fprintf(w, "%s: %s\n", row.Name, row.Note)
		}
	}
}
