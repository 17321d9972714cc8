package cli

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/spf13/cobra"

	"mspecc/runtime"
	"mspecc/runtime/data"
	"mspecc/runtime/report"
	"mspecc/runtime/train"
)

func (a *app) reconstruct() *cobra.Command {
	var d dataFlags
	var checkpoint, split, out string
	var seed uint64
	var count int
	c := &cobra.Command{
		Use:   "reconstruct",
		Short: "Show what the model makes of hidden parts, before and after adaptation",
		Long: `Hide tokens of a few examples and let the model fill them in. Images become a PNG with one
row per example: original, masked, reconstruction, reconstruction after adaptation, the last
two with the visible tokens put in. For every
modality the errors on visible and hidden tokens are printed.`,
		Example: `  BIN reconstruct --checkpoint runs/a --data DIR --count 8 --out reconstruction.png`,
		RunE: func(*cobra.Command, []string) error {
			if count < 1 {
				return usagef("--count is %d, expected at least 1", count)
			}
			m, _, err := a.trained(checkpoint)
			if err != nil {
				return err
			}
			defer m.Close()
			if m.Program.Reconstruct == nil {
				return fmt.Errorf("the model %s has no reconstruct block", m.Program.Name)
			}
			s, err := a.open(&d, m.Program, seed)
			if err != nil {
				return err
			}
			a.sayData(&d, s)
			src, err := s.split(split)
			if err != nil {
				return err
			}
			l, err := data.NewLoader(src.Data, src.Want, data.LoaderOptions{Batch: m.Program.Batch, Seed: seed, Shuffle: true, Partial: true})
			if err != nil {
				return err
			}
			defer l.Close()
			return a.runReconstruct(m, l, min(count, src.Len()), seed, out)
		},
	}
	d.add(c)
	fl := c.Flags()
	fl.StringVar(&checkpoint, "checkpoint", "", "checkpoint or run directory")
	fl.StringVar(&split, "split", "test", "train or test")
	fl.StringVar(&out, "out", "reconstruction.png", "picture to write, for images")
	fl.IntVar(&count, "count", 8, "number of examples")
	fl.Uint64Var(&seed, "seed", 1, "seed of the choice of examples and of the masks")
	return c
}

// reconstructed is what reconstruct prints.
type reconstructed struct {
	Examples int `json:"examples"`
	*measured
	Streams []*measured `json:"streams,omitempty"` // of each input, where there are several
	Picture string      `json:"picture,omitempty"`
	rows    []report.Example
}

// measured says how well a stream of tokens was reconstructed.
type measured struct {
	Measure string     `json:"measure"`        // "mean squared error" or "token accuracy"
	Before  [2]float64 `json:"reconstruction"` // on visible and on hidden tokens
	After   [2]float64 `json:"adapted"`

	before, after tally
}

func (d *measured) write(w io.Writer) {
	fmt.Fprintf(w, "                 visible     hidden\n")
	fmt.Fprintf(w, "reconstruction  %8.5g   %8.5g\nadapted         %8.5g   %8.5g\n", d.Before[0], d.Before[1], d.After[0], d.After[1])
}

func (a *app) runReconstruct(m *runtime.Machine, l *data.Loader, count int, seed uint64, out string) error {
	p := m.Program
	grid, isImage := imageGrid(p.Modality)
	var r reconstructed
	var all []*measured
	for step := 0; r.Examples < count; step++ {
		b, err := l.Batch(step)
		if err != nil {
			return err
		}
		if err := train.Feed(m, p.Reconstruct, b); err != nil {
			return err
		}
		if err := m.Execute(p.Reconstruct, seed, uint64(step)); err != nil {
			return err
		}
		streams, err := readReconstruction(m)
		if err != nil {
			return err
		}
		n := min(b.Count, count-r.Examples)
		for k, o := range streams {
			if k == len(all) {
				all = append(all, &measured{Measure: o.measure()})
			}
			for i := range n {
				all[k].before.add(o, o.reconstruction, i)
				all[k].after.add(o, o.adapted, i)
				if k == 0 && isImage && o.measure() == squaredError && o.tokens == grid.Rows*grid.Cols {
					r.rows = append(r.rows, o.example(i))
				}
			}
		}
		r.Examples += n
	}
	for _, d := range all {
		d.Before, d.After = d.before.means(), d.after.means()
	}
	if r.measured = all[0]; len(all) > 1 {
		r.Streams = all
	}
	if len(r.rows) > 0 {
		if err := report.Grid(out, grid, r.rows); err != nil {
			return err
		}
		r.Picture = out
	}
	return a.print(r, func(w io.Writer) {
		for k, d := range all {
			if len(all) > 1 {
				fmt.Fprintf(w, "input %d: ", k+1)
			}
			fmt.Fprintf(w, "%d examples, %s\n", r.Examples, d.Measure)
			d.write(w)
		}
		if r.Picture != "" {
			fmt.Fprintf(w, "%s: original, masked, reconstruction, reconstruction after adaptation\n", r.Picture)
		}
	})
}

// imageGrid says how tokens make up an image, where the modality is one.
func imageGrid(m runtime.Modality) (report.Patches, bool) {
	if len(m.Grid) != 2 || len(m.Patch) != 2 || m.Channels < 1 || len(m.Inputs) == 0 || m.Inputs[0].DType != runtime.F32 {
		return report.Patches{}, false
	}
	return report.Patches{Rows: m.Grid[0], Cols: m.Grid[1], Height: m.Patch[0], Width: m.Patch[1], Channels: m.Channels}, true
}

const (
	squaredError  = "mean squared error"
	tokenAccuracy = "token accuracy"
)

// reconstruction is one batch of a program's Reconstruct outputs, of one stream of tokens.
type reconstruction struct {
	batch, tokens                   int
	first, all                      int // the stream's first token among all of an example
	mask                            []float32
	target, reconstruction, adapted []float32
	ids                             []int32 // the target where it is token ids
}

// readReconstruction checks the outputs' shapes: mask [B, L], reconstruction and adapted [B, L,
// P], and target either the same or, for tokens, ids i32 [B, L] with logits to compare. Where
// there are several streams, target.0, target.1 and so on are those of successive tokens.
func readReconstruction(m *runtime.Machine) ([]*reconstruction, error) {
	f := m.Program.Reconstruct
	mask, ok := f.Output("mask")
	if !ok || len(mask.Shape) != 2 {
		return nil, fmt.Errorf("the model's reconstruct block gives no mask of each token")
	}
	_, several := f.Output("target.0")
	var all []*reconstruction
	for first := 0; first < mask.Shape[1]; first += all[len(all)-1].tokens {
		suffix := ""
		if several {
			suffix = fmt.Sprint(".", len(all))
		}
		r, err := readStream(m, suffix, mask, first)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// readStream reads the outputs of the stream whose names have the suffix.
func readStream(m *runtime.Machine, suffix string, mask runtime.Tensor, first int) (*reconstruction, error) {
	f := m.Program.Reconstruct
	get := map[string]runtime.Tensor{}
	for _, name := range []string{"target", "reconstruction", "adapted"} {
		t, ok := f.Output(name + suffix)
		if !ok && name == "adapted" {
			t, ok = get["reconstruction"], true // a model without inner loop
		}
		if !ok || len(t.Shape) < 2 {
			return nil, fmt.Errorf("the model's reconstruct block gives no %q per token", name+suffix)
		}
		get[name] = t
	}
	target, out := get["target"], get["reconstruction"]
	r := &reconstruction{batch: mask.Shape[0], tokens: target.Shape[1], first: first, all: mask.Shape[1], mask: m.Floats(mask)}
	head := []int{r.batch, r.tokens}
	if !slices.Equal(out.Shape[:2], head) || !slices.Equal(get["adapted"].Shape, out.Shape) || !slices.Equal(target.Shape[:2], head) ||
		r.tokens < 1 || first+r.tokens > r.all || suffix == "" && r.tokens != r.all || (target.DType == runtime.F32 && target.Len() != out.Len()) {
		return nil, fmt.Errorf("the model's reconstruct block gives target %s, mask %s, reconstruction %s and adapted %s, which do not belong together",
			target.TypeString(), mask.TypeString(), out.TypeString(), get["adapted"].TypeString())
	}
	r.reconstruction, r.adapted = m.Floats(out), m.Floats(get["adapted"])
	if target.DType == runtime.I32 {
		r.ids = m.Ints(target)
	} else {
		r.target = m.Floats(target)
	}
	return r, nil
}

// hidden is the mask of the stream's tokens of example i.
func (r *reconstruction) hidden(i int) []float32 {
	at := i*r.all + r.first
	return r.mask[at : at+r.tokens]
}

func (r *reconstruction) measure() string {
	if r.ids != nil {
		return tokenAccuracy
	}
	return squaredError
}

// example copies example i for the picture. Visible tokens are shown as they are: the loss
// asks nothing of the model there.
func (r *reconstruction) example(i int) report.Example {
	cut := func(x []float32) []float32 { n := len(x) / r.batch; return slices.Clone(x[i*n : (i+1)*n]) }
	e := report.Example{Target: cut(r.target), Mask: slices.Clone(r.hidden(i)), Reconstruction: cut(r.reconstruction), Adapted: cut(r.adapted)}
	width := len(e.Target) / r.tokens
	for t, hidden := range e.Mask {
		if hidden <= 0.5 {
			lo, hi := t*width, (t+1)*width
			copy(e.Reconstruction[lo:hi], e.Target[lo:hi])
			copy(e.Adapted[lo:hi], e.Target[lo:hi])
		}
	}
	return e
}

// tally adds up a measure over visible [0] and hidden [1] tokens.
type tally struct{ sum, n [2]float64 }

// add scores example i.
func (t *tally) add(r *reconstruction, out []float32, i int) {
	width := len(out) / (r.batch * r.tokens)
	for j, hidden := range r.hidden(i) {
		k, where := i*r.tokens+j, 0
		if hidden > 0.5 {
			where = 1
		}
		row := out[k*width : (k+1)*width]
		if r.ids != nil {
			best := 0
			for c, v := range row {
				if v > row[best] {
					best = c
				}
			}
			if best == int(r.ids[k]) {
				t.sum[where]++
			}
			t.n[where]++
			continue
		}
		for c, v := range row {
			d := float64(v) - float64(r.target[k*width+c])
			t.sum[where] += d * d
		}
		t.n[where] += float64(width)
	}
}

// means are the measures, 0 where no token counted.
func (t *tally) means() [2]float64 {
	return [2]float64{t.sum[0] / math.Max(1, t.n[0]), t.sum[1] / math.Max(1, t.n[1])}
}
