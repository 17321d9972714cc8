package cli

import (
	"fmt"
	"maps"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"mspecc/runtime"
	"mspecc/runtime/data"
	"mspecc/runtime/eval"
)

// dataFlags choose a data set.
type dataFlags struct {
	dir     string
	reader  string
	options []string
}

func (d *dataFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&d.dir, "data", "", "folder with the data (default the small data set this binary carries)")
	c.Flags().StringVar(&d.reader, "reader", "", "data reader to use instead of the spec's")
	c.Flags().StringArrayVar(&d.options, "data-option", nil, "option of the reader, NAME=VALUE; may be repeated")
}

// want is what a program expects of one example.
func want(p *runtime.Program) data.Want {
	return data.Want{Shape: p.Modality.Input, Tokens: p.Modality.DType == runtime.I32, Vocab: p.Modality.Vocab}
}

// sets are an opened data set.
type sets struct {
	train, test eval.Source
	name        string // for messages and checkpoints
	reader      string
	options     map[string]string // of the reader, as given in all
}

// open reads the data set for a program; the seed decides random windows and splits.
func (d *dataFlags) open(p *runtime.Program, seed uint64) (*sets, error) {
	reader, options := p.Modality.Reader, p.Modality.ReaderOptions()
	if d.reader != "" {
		if d.reader != reader {
			options = map[string]string{}
		}
		reader = d.reader
	}
	if reader == "" {
		return nil, usagef("the modality %s names no data reader; choose one with --reader (%s)", p.Modality.Name, strings.Join(readers(), ", "))
	}
	given, err := pairs(d.options)
	if err != nil {
		return nil, err
	}
	maps.Copy(options, given)
	root, name := p.Sample, "sample data"
	switch {
	case d.dir != "":
		root, name = os.DirFS(d.dir), d.dir
	case root == nil:
		return nil, usagef("this binary carries no data for the modality %s: give a folder with --data", p.Modality.Name)
	}
	w := want(p)
	train, test, err := data.Open(reader, options, root, name, w, seed)
	if err != nil {
		return nil, err
	}
	return &sets{eval.Source{Data: train, Want: w}, eval.Source{Data: test, Want: w}, name, reader, options}, nil
}

// split is one of the two parts by name.
func (s *sets) split(name string) (eval.Source, error) {
	switch name {
	case "train":
		return s.train, nil
	case "test":
		return s.test, nil
	}
	return eval.Source{}, usagef("--split is %q, expected train or test", name)
}

func readers() []string {
	var names []string
	for _, r := range data.Readers() {
		names = append(names, r.Name)
	}
	return names
}

// pairs splits NAME=VALUE arguments.
func pairs(list []string) (map[string]string, error) {
	m := map[string]string{}
	for _, x := range list {
		name, value, ok := strings.Cut(x, "=")
		if !ok || name == "" {
			return nil, usagef("--data-option is %q, expected NAME=VALUE", x)
		}
		m[name] = value
	}
	return m, nil
}

// sayData tells the user which data are used where nobody chose any.
func (a *app) sayData(d *dataFlags, s *sets) {
	if d.dir == "" {
		a.note("no --data given: using the small data set this binary carries (%s)", describe(s))
	}
}

func describe(s *sets) string {
	return fmt.Sprintf("%d training and %d test examples", s.train.Data.Len(), s.test.Data.Len())
}
