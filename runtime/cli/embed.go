package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"mspecc/runtime/data"
	"mspecc/runtime/embed"
	"mspecc/runtime/eval"
)

// embedFlags are the flags of embed.
type embedFlags struct {
	data       dataFlags
	checkpoint string
	split, out string
	max        int
}

func (a *app) embed() *cobra.Command {
	var f embedFlags
	c := &cobra.Command{
		Use:   "embed",
		Short: "Write the features of a data set to a file",
		Long: `Write the features of every example, with its id, its label, the name of its class and the
group that the data are split by, where there are any. The id is the record's own: the value of
the reader's id column, or file and row (FILE:ROW, FILE:FIRST-LAST of a window, FILE:NAME of a
sequence, FILE of a picture), from 0. Records that are bad and left out are not there. Features are
written as they are computed; memory does not grow with the data set. The file's ending chooses the format:

  .parquet      columns id, features (a list of float32), label, class, group
  .csv          columns id, f0, f1, ..., label, class, group
  .npy          the features; ids and labels go to NAME.ids.npy and NAME.labels.npy, the
                other columns to NAME.columns.csv
  .safetensors  tensors features, ids, labels, class, column.group; texts are bytes [n, longest]`,
		Example: `  BIN embed --checkpoint runs/a --data DIR --split test --out test.parquet
  BIN embed --checkpoint runs/a --data DIR --split all --columns patient,time --out all.csv
  BIN embed --checkpoint runs/a --data DIR --out train.npy`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runEmbed(cmd.Context(), &f) },
	}
	f.data.add(c)
	f.data.addTrained(c)
	f.data.addColumns(c)
	fl := c.Flags()
	fl.StringVar(&f.checkpoint, "checkpoint", "", "checkpoint or run directory")
	fl.StringVar(&f.split, "split", "train", "train, test, or all: both, with a column split")
	fl.StringVar(&f.out, "out", "features.safetensors", "file to write")
	fl.Uint64Var(&f.data.seed, "seed", 0, "the same as --data-seed")
	_ = fl.MarkHidden("seed") // it is there
	f.data.seeded = func() bool { return fl.Changed("data-seed") || fl.Changed("seed") }
	fl.IntVar(&f.max, "max-examples", 0, "write at most so many of each part (default all)")
	return c
}

// part is one of the two parts of a data set.
type part struct {
	name string
	eval.Source
}

// parts are those that --split names.
func (s *sets) parts(split string) ([]part, error) {
	if split == "all" {
		return []part{{"train", s.train}, {"test", s.test}}, nil
	}
	src, err := s.split(split)
	if err != nil {
		return nil, usagef("--split is %q, expected train, test or all", split)
	}
	return []part{{split, src}}, nil
}

// carried are what goes along with examples, beside their ids: their group, their part, and columns asked for.
type carried struct {
	names        []string
	group, split bool
}

// carry settles what goes along. The name of a column that files have anyway gets data. in front.
func carry(parts []part, columns []string, taken func(name string) bool) (*carried, error) {
	c := &carried{split: len(parts) > 1}
	for _, p := range parts {
		o, err := data.OriginOf(p.Data, 0, 0)
		if err != nil {
			return nil, err
		}
		c.group = c.group || o.Group != ""
	}
	if c.group {
		c.names = append(c.names, "group")
	}
	if c.split {
		c.names = append(c.names, "split")
	}
	for _, name := range columns {
		if taken(name) || name == "group" || name == "split" {
			name = "data." + name
		}
		c.names = append(c.names, name)
	}
	return c, nil
}

// of is what goes along with an example of a part, and its id.
func (c *carried) of(p part, i int) (id string, texts []string, err error) {
	o, err := data.OriginOf(p.Data, i, 0)
	if c.group {
		texts = append(texts, o.Group)
	}
	if c.split {
		texts = append(texts, p.name)
	}
	return o.ID(), append(texts, o.Columns...), err
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
	s, err := a.openFor(state, &f.data, m.Program)
	if err != nil {
		return err
	}
	a.sayData(&f.data, s)
	parts, err := s.parts(f.split)
	if err != nil {
		return err
	}
	rows := 0
	for i := range parts {
		if parts[i].Max = f.max; parts[i].Data.Labels().Each > 1 {
			if i == 0 {
				a.note("the examples have a label for each token: only the features of whole examples are written, without labels")
			}
			parts[i].Source = parts[i].WithoutLabels()
		}
		rows += parts[i].Len()
	}
	along, err := carry(parts, f.data.columns, func(name string) bool { return embed.Taken(name) || strings.HasPrefix(name, "f") && isNumber(name[1:]) })
	if err != nil {
		return err
	}
	labels := parts[0].Data.Labels()
	info := embed.Info{Rows: rows, Width: width, Classes: labels.Classes, Names: labels.Names, Columns: along.names, Meta: map[string]string{
		"model": m.Program.Name, "modality": m.Program.Modality.Name, "spec_digest": m.Program.Digest, "step": strconv.Itoa(state.Step),
		"data": s.name, "split": f.split, "seed": strconv.FormatUint(s.seed, 10)}}
	bar := a.progress("features", rows, 0)
	n, err := embed.Write(f.out, info, func(add func(b *embed.Batch) error) error {
		before := 0
		for _, p := range parts {
			err := eval.Stream(ctx, m, p.Source, func(b *eval.Batch) error {
				bar.set(before + b.Done)
				out := &embed.Batch{X: b.X, Y: b.Y}
				for _, i := range b.From {
					id, texts, err := along.of(p, i)
					if err != nil {
						return err
					}
					out.IDs, out.Columns = append(out.IDs, id), append(out.Columns, texts)
				}
				return add(out)
			})
			if err != nil {
				return err
			}
			before += p.Len()
		}
		return nil
	})
	bar.end()
	if err != nil {
		return err
	}
	if n < rows {
		a.note("%d bad records are left out", rows-n)
	}
	return a.print(map[string]any{"out": f.out, "examples": n, "width": width, "classes": info.Classes, "format": filepath.Ext(f.out)[1:]}, func(w io.Writer) {
		fmt.Fprintf(w, "%s: features of %d examples, %d each\n", f.out, n, width)
	})
}

// isNumber says whether a text is nothing but digits.
func isNumber(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }
