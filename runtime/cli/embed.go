package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"mspecc/runtime/embed"
	"mspecc/runtime/eval"
)

// embedFlags are the flags of embed.
type embedFlags struct {
	data       dataFlags
	checkpoint string
	split, out string
	seed       uint64
	max        int
}

func (a *app) embed() *cobra.Command {
	var f embedFlags
	c := &cobra.Command{
		Use:   "embed",
		Short: "Write the features of a data set to a file",
		Long: `Write the features of every example, in the data set's order, with its id (its number
in that order, from 0) and its label. They are written as they are computed; memory does not
grow with the data set. The file's ending chooses the format:

  .parquet      columns id, features (a list of float32), label
  .csv          columns id, f0, f1, ..., label
  .npy          the features; ids and labels go to NAME.ids.npy and NAME.labels.npy
  .safetensors  tensors features, ids, labels`,
		Example: `  BIN embed --checkpoint runs/a --data DIR --split test --out test.parquet
  BIN embed --checkpoint runs/a --data DIR --out train.npy`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runEmbed(cmd.Context(), &f) },
	}
	f.data.add(c)
	f.data.addTrained(c)
	fl := c.Flags()
	fl.StringVar(&f.checkpoint, "checkpoint", "", "checkpoint or run directory")
	fl.StringVar(&f.split, "split", "train", "train or test")
	fl.StringVar(&f.out, "out", "features.safetensors", "file to write")
	fl.Uint64Var(&f.seed, "seed", 1, "seed of the data's random windows")
	fl.IntVar(&f.max, "max-examples", 0, "write at most so many (default all)")
	return c
}

func (a *app) runEmbed(ctx context.Context, f *embedFlags) error {
	if !embed.Known(f.out) {
		return usagef("--out is %q, expected a name ending in %s", f.out, strings.Join(embed.Endings(), ", "))
	}
	if f.max < 0 {
		return usagef("--max-examples is %d, expected at least 0", f.max)
	}
	if err := a.chooseByTask(&f.data); err != nil {
		return err
	}
	m, state, err := a.trained(f.checkpoint)
	if err != nil {
		return err
	}
	defer m.Close()
	width, err := eval.Width(m.Program)
	if err != nil {
		return err
	}
	s, err := a.openFor(state, &f.data, m.Program, f.seed)
	if err != nil {
		return err
	}
	a.sayData(&f.data, s)
	src, err := s.split(f.split)
	if err != nil {
		return err
	}
	src.Max = f.max
	if src.Data.Labels().Each > 1 {
		a.note("the examples have a label for each token: only the features of whole examples are written, without labels")
		src = src.WithoutLabels()
	}
	info := embed.Info{Rows: src.Len(), Width: width, Classes: src.Data.Labels().Classes, Meta: map[string]string{
		"model": m.Program.Name, "modality": m.Program.Modality.Name, "spec_digest": m.Program.Digest, "step": strconv.Itoa(state.Step),
		"data": s.name, "split": f.split, "seed": strconv.FormatUint(f.seed, 10)}}
	bar := a.progress("features", src.Len(), 0)
	err = embed.Write(f.out, info, func(add func(first int, x []float32, y []float64) error) error {
		return eval.Stream(ctx, m, src, func(first int, x []float32, y []float64) error {
			bar.set(first + len(y))
			return add(first, x, y)
		})
	})
	bar.end()
	if err != nil {
		return err
	}
	return a.print(map[string]any{"out": f.out, "examples": info.Rows, "width": width, "classes": info.Classes, "format": filepath.Ext(f.out)[1:]}, func(w io.Writer) {
		fmt.Fprintf(w, "%s: features of %d examples, %d each\n", f.out, info.Rows, width)
	})
}
