package cli

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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
	channels                   []int
}

func (a *app) reconstruct() *cobra.Command {
	var f reconstructFlags
	c := &cobra.Command{
		Use:   "reconstruct",
		Short: "Show what the model makes of hidden parts, of one with an inner loop before and after adaptation",
		Long: `Hide tokens of a few examples and let the model fill them in. The visible tokens are shown as
they are. What comes out depends on the kind of data:

  images, spectrograms   a PNG with one row per example: original, what the model saw,
                         reconstruction, reconstruction after adaptation
  series                 a PNG of line plots: the original, the hidden stretches in grey, and
                         there both reconstructions; the first three channels, or --channels
  tokens                 aligned text, hidden tokens marked · and wrong ones ^ below
  none                   the errors alone

A model without an inner loop has one reconstruction. A kind of the user's own says what its
examples are shown as: input ... as series; a table is drawn as a series of its columns, a
video as its frames side by side, points as a series of each coordinate.

The errors on visible and hidden tokens are printed for every kind. An --out that ends in
.safetensors keeps the numbers instead, of any number of examples; a PNG shows at most ` + strconv.Itoa(report.MaxDrawn) + `.`,
		Example: `  BIN reconstruct --checkpoint runs/a --data DIR --count 8 --out reconstruction.png
  BIN reconstruct --checkpoint runs/a --data DIR --task cifar10
  BIN reconstruct --checkpoint runs/a --as spectrogram`,
		RunE: func(*cobra.Command, []string) error { return a.runReconstruct(&f) },
	}
	f.data.add(c)
	f.data.addTrained(c)
	fl := c.Flags()
	fl.StringVar(&f.checkpoint, "checkpoint", "", "checkpoint or run directory")
	fl.StringVar(&f.split, "split", "test", "train or test")
	fl.StringVar(&f.out, "out", "", "file to write (default reconstruction.png; for tokens and what is shown by numbers none, they are printed)")
	fl.StringVar(&f.as, "as", "", "show the examples as image, spectrogram or series (default follows from the modality)")
	fl.IntSliceVar(&f.channels, "channels", nil, "channels of series to draw, such as 0,3,7 (default the first three)")
	fl.IntVar(&f.count, "count", 8, fmt.Sprintf("number of examples, of a PNG at most %d", report.MaxDrawn))
	fl.Uint64Var(&f.seed, "seed", 1, "seed of the choice of examples and of the masks")
	return c
}

// check refuses flags that make no sense for a program.
func (f *reconstructFlags) check(l report.Layout) error {
	kinds := []string{report.Image, report.Spectrogram, report.Series}
	endings := slices.DeleteFunc([]string{l.Ending(), ".safetensors"}, func(s string) bool { return s == "" })
	switch {
	case f.count < 1:
		return usagef("--count is %d, expected at least 1", f.count)
	case len(f.channels) > 0 && l.Kind != report.Series:
		return usagef("--channels is for series, the examples are shown as %s", l.Kind)
	case f.as != "" && !slices.Contains(kinds, f.as):
		return usagef("--as is %q, expected %s", f.as, strings.Join(kinds, ", "))
	case f.out != "" && !slices.Contains(endings, filepath.Ext(f.out)):
		return usagef("--out is %q, expected a name ending in %s", f.out, strings.Join(endings, " or "))
	case f.count > report.MaxDrawn && l.Kind != report.Tokens && l.Kind != report.None && filepath.Ext(f.out) != ".safetensors":
		return usagef("--count is %d, a picture shows at most %d examples; lower it, or keep the numbers of all with an --out that ends in .safetensors", f.count, report.MaxDrawn)
	}
	for _, c := range f.channels {
		if c < 0 || l.Channels > 0 && c >= l.Channels { // 0 where only the model's output tells
			most := ""
			if l.Channels > 0 {
				most = fmt.Sprintf(" to %d", l.Channels-1)
			}
			return usagef("--channels has %d, expected channels from 0%s", c, most)
		}
	}
	return nil
}

func (a *app) runReconstruct(f *reconstructFlags) error {
	if err := a.chooseByTask(&f.data); err != nil {
		return err
	}
	program, err := a.program()
	if err != nil {
		return err
	}
	if _, err := f.layouts(program.Modality, data.Look{}); err != nil {
		return err
	}
	m, state, err := a.trained(f.checkpoint)
	if err != nil {
		return err
	}
	defer m.Close()
	if m.Program.Reconstruct == nil {
		return fmt.Errorf("the model %s has no reconstruct block", m.Program.Name)
	}
	s, err := a.openFor(state, &f.data, m.Program)
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
	look, count := data.LookOf(src.Data), min(f.count, src.Len())
	l, err := f.layouts(m.Program.Modality, look)
	if err != nil {
		return err
	}
	p, err := (&sample{next: loader.Batch, layouts: l, words: look.Words, count: count, keep: count, seed: f.seed}).panel(context.Background(), m)
	if err != nil {
		return err
	}
	p.Step = state.Step
	return a.showPanel(p, f.out)
}

// layouts say how the inputs are shown where the flags have their say.
func (f *reconstructFlags) layouts(m runtime.Modality, look data.Look) ([]report.Arrangement, error) {
	list, err := arrangements(m, look, f.as)
	if err != nil {
		return nil, usagef("--as: %v", err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("the modality %s has no examples to reconstruct", m.Name)
	}
	if first := list[0].Kind; f.as != "" && (first == report.Tokens || first == report.None) {
		return nil, usagef("--as is %q, but the examples are shown as %s", f.as, first)
	}
	list[0].Show = f.channels
	return list, f.check(list[0].Layout)
}

// showPanel writes the panel's file and prints the rest: texts where no file was asked for.
func (a *app) showPanel(p *report.Panel, out string) error {
	texts := out == ""
	if out == "" && p.Kind != report.Tokens && p.Kind != report.None {
		out = "reconstruction" + p.Ending()
	}
	write := p.WritePicture
	if filepath.Ext(out) == ".safetensors" {
		write = p.WriteFile
	}
	if out != "" {
		if err := write(out); err != nil {
			return err
		}
	}
	result := struct {
		*report.Panel
		Picture string `json:"picture,omitempty"`
	}{p, out}
	return a.print(result, func(w io.Writer) {
		for k, q := range p.All() {
			file := out
			switch {
			case k > 0 && (out == "" || filepath.Ext(out) == ".safetensors"):
				file = "" // nothing was written, or all into one file
			case k > 0:
				file = q.FileName(out)
			}
			writePanel(w, q, file, texts)
		}
	})
}

// writePanel prints what became of one input, of tokens the text too where texts says so.
func writePanel(w io.Writer, p *report.Panel, out string, texts bool) {
	if texts && p.Kind == report.Tokens {
		var paint func(string, report.Mark) string
		if colourful(w) {
			paint = report.Terminal
		}
		_ = p.Text(w, columns(w), paint) // an output that is gone takes nothing more
	}
	if p.Name != "" {
		fmt.Fprintf(w, "%s: ", p.Name)
	}
	fmt.Fprintf(w, "%d examples, %s\n", p.Count, p.Measure)
	fmt.Fprintf(w, "                 visible     hidden\n")
	for i, e := range []report.Errors{p.Before, p.After} {
		if i == 0 || !p.Plain {
			fmt.Fprintf(w, "%-14s  %8s   %8s\n", [2]string{"reconstruction", "adapted"}[i], measured(e[0]), measured(e[1]))
		}
	}
	switch {
	case out == "":
	case filepath.Ext(out) == ".png" && p.Kind == report.Series && p.Plain:
		fmt.Fprintf(w, "%s: original, and reconstruction of the hidden stretches\n", out)
	case filepath.Ext(out) == ".png" && p.Kind == report.Series:
		fmt.Fprintf(w, "%s: original, and reconstructions of the hidden stretches before and after adaptation\n", out)
	case filepath.Ext(out) == ".png":
		what := "original, masked, reconstruction"
		if !p.Plain {
			what += ", reconstruction after adaptation"
		}
		fmt.Fprintf(w, "%s: %s\n", out, what)
	default:
		fmt.Fprintf(w, "%s\n", out)
	}
}

// measured is a measure, "-" where there is none.
func measured(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf("%.5g", v)
}

// columns is the width of a terminal, and what suits a file.
func columns(w io.Writer) int {
	if f := file(w); f != nil {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 20 {
			return n
		}
	}
	return 100
}

// colourful says whether to write in colours: on a terminal, unless the user wants none
// (https://no-color.org).
func colourful(w io.Writer) bool { return terminal(w) && os.Getenv("NO_COLOR") == "" }
