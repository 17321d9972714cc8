package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"mspecc/runtime"
	"mspecc/runtime/data"
	"mspecc/runtime/report"
)

// reconstructFlags are the flags of reconstruct.
type reconstructFlags struct {
	data                       dataFlags
	checkpoint, split, out, as string
	seed                       uint64
	count                      int
}

func (a *app) reconstruct() *cobra.Command {
	var f reconstructFlags
	c := &cobra.Command{
		Use:   "reconstruct",
		Short: "Show what the model makes of hidden parts, before and after adaptation",
		Long: `Hide tokens of a few examples and let the model fill them in. The visible tokens are shown as
they are. What comes out depends on the kind of data:

  images, spectrograms   a PNG with one row per example: original, what the model saw,
                         reconstruction, reconstruction after adaptation
  series                 a PNG of line plots: the original, the hidden stretches in grey, and
                         there both reconstructions; the first three channels
  tokens                 aligned text, hidden tokens marked · and wrong ones ^ below

The errors on visible and hidden tokens are printed for every kind. An --out that ends in
.safetensors keeps the numbers instead. Where an example has several inputs each gets a file
of its own, with its name before the ending.`,
		Example: `  BIN reconstruct --checkpoint runs/a --data DIR --count 8 --out reconstruction.png
  BIN reconstruct --checkpoint runs/a --as spectrogram`,
		RunE: func(*cobra.Command, []string) error { return a.runReconstruct(&f) },
	}
	f.data.add(c)
	fl := c.Flags()
	fl.StringVar(&f.checkpoint, "checkpoint", "", "checkpoint or run directory")
	fl.StringVar(&f.split, "split", "test", "train or test")
	fl.StringVar(&f.out, "out", "", "file to write (default reconstruction.png; none for tokens, which are printed)")
	fl.StringVar(&f.as, "as", "", "show the examples as image, spectrogram or series (default follows from the modality)")
	fl.IntVar(&f.count, "count", 8, "number of examples")
	fl.Uint64Var(&f.seed, "seed", 1, "seed of the choice of examples and of the masks")
	return c
}

// check refuses flags that make no sense for a program whose inputs are shown so.
func (f *reconstructFlags) check(l []report.Layout) error {
	kinds := []string{report.Image, report.Spectrogram, report.Series}
	endings := []string{l[0].Ending(), ".safetensors"}
	switch {
	case f.count < 1:
		return usagef("--count is %d, expected at least 1", f.count)
	case f.as != "" && !slices.Contains(kinds, f.as):
		return usagef("--as is %q, expected %s", f.as, strings.Join(kinds, ", "))
	case f.as != "" && l[0].Kind == report.Tokens:
		return usagef("--as is %q, but the examples are tokens", f.as)
	case f.out != "" && !slices.Contains(endings, filepath.Ext(f.out)):
		return usagef("--out is %q, expected a name ending in %s", f.out, strings.Join(endings, " or "))
	}
	return nil
}

func (a *app) runReconstruct(f *reconstructFlags) error {
	program, err := a.program()
	if err != nil {
		return err
	}
	l := layouts(program.Modality, f.data.readerOf(program))
	if err := f.check(l); err != nil {
		return err
	}
	if f.as != "" {
		l[0].Kind = f.as
	}
	m, state, err := a.trained(f.checkpoint)
	if err != nil {
		return err
	}
	defer m.Close()
	if m.Program.Reconstruct == nil {
		return fmt.Errorf("the model %s has no reconstruct block", m.Program.Name)
	}
	s, err := a.open(&f.data, m.Program, f.seed)
	if err != nil {
		return err
	}
	a.sayData(&f.data, s)
	src, err := s.split(f.split)
	if err != nil {
		return err
	}
	loader, err := data.NewLoader(src.Data, src.Want, data.LoaderOptions{Batch: m.Program.Batch, Seed: f.seed, Shuffle: true, Partial: true})
	if err != nil {
		return err
	}
	defer loader.Close()
	count := min(f.count, src.Len())
	panels, err := reconstructPanels(m, l, loader.Batch, count, count, f.seed)
	if err != nil {
		return err
	}
	shown := make([]*shownPanel, len(panels))
	for k, p := range panels {
		p.Step = state.Step
		if shown[k], err = showPanel(p, f.out); err != nil {
			return err
		}
	}
	return a.printPanels(shown)
}

// readerOf is the name of the reader that the flags choose for a program.
func (d *dataFlags) readerOf(p *runtime.Program) string {
	if d.reader != "" {
		return d.reader
	}
	return p.Modality.Reader
}

// shownPanel is a panel with the file that shows it, "" for none.
type shownPanel struct {
	*report.Panel
	Picture string `json:"picture,omitempty"`
}

// showPanel writes the panel's file.
func showPanel(p *report.Panel, out string) (*shownPanel, error) {
	if out == "" && p.Kind != report.Tokens {
		out = "reconstruction" + p.Ending()
	}
	if out == "" {
		return &shownPanel{p, ""}, nil
	}
	ending, write := p.Ending(), p.WritePicture
	if filepath.Ext(out) == ".safetensors" {
		ending, write = ".safetensors", p.WriteFile
	}
	if p.Input != "" {
		out = strings.TrimSuffix(out, filepath.Ext(out)) + "." + p.Input + ending
	}
	return &shownPanel{p, out}, write(out)
}

// printPanels prints what there is to say of each input.
func (a *app) printPanels(list []*shownPanel) error {
	result := struct {
		*shownPanel
		Inputs []*shownPanel `json:"inputs,omitempty"` // all of them, where there are several
	}{shownPanel: list[0]}
	if len(list) > 1 {
		result.Inputs = list
	}
	return a.print(result, func(w io.Writer) {
		for _, p := range list {
			p.print(w)
		}
	})
}

func (p *shownPanel) print(w io.Writer) {
	if p.Kind == report.Tokens {
		var paint func(string, report.Mark) string
		if colourful(w) {
			paint = report.Terminal
		}
		_ = p.Text(w, columns(w), paint) // an output that is gone takes nothing more
	}
	if p.Input != "" {
		fmt.Fprintf(w, "%s: ", p.Input)
	}
	fmt.Fprintf(w, "%d examples, %s\n", p.Count, p.Measure)
	fmt.Fprintf(w, "                 visible     hidden\n")
	fmt.Fprintf(w, "reconstruction  %8.5g   %8.5g\nadapted         %8.5g   %8.5g\n", p.Before[0], p.Before[1], p.After[0], p.After[1])
	switch {
	case p.Picture == "":
	case filepath.Ext(p.Picture) == ".png" && p.Kind == report.Series:
		fmt.Fprintf(w, "%s: original, and reconstructions of the hidden stretches before and after adaptation\n", p.Picture)
	case filepath.Ext(p.Picture) == ".png":
		fmt.Fprintf(w, "%s: original, masked, reconstruction, reconstruction after adaptation\n", p.Picture)
	default:
		fmt.Fprintf(w, "%s\n", p.Picture)
	}
}

// columns is the width of a terminal, and what suits a file.
func columns(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 20 {
			return n
		}
	}
	return 100
}

// colourful says whether to write in colours: on a terminal, unless the user wants none
// (https://no-color.org).
func colourful(w io.Writer) bool { return terminal(w) && os.Getenv("NO_COLOR") == "" }
