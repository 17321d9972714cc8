package cli

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mspecc/runtime"
	"mspecc/runtime/data"
	_ "mspecc/runtime/data/dabs"    // its readers
	_ "mspecc/runtime/data/generic" // its readers
	"mspecc/runtime/eval"
)

// sampleData is what messages and checkpoints call the data set that the binary carries.
const sampleData = "sample data"

// dataFlags choose a data set.
type dataFlags struct {
	dir     string
	reader  string
	options []string
	task    string // "" for the modality's own data
	skipBad int
	scaled  bool     // the values are scaled already
	columns []string // of the records, to carry along
	seed    uint64   // of random splits and windows, where seeded says that it is given
	seeded  func() bool
}

func (d *dataFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&d.dir, "data", "", "folder with the data (default the small data set this binary carries)")
	c.Flags().StringVar(&d.reader, "reader", "", "data reader to use instead of the spec's")
	c.Flags().StringArrayVar(&d.options, "data-option", nil, "option of the reader, NAME=VALUE; may be repeated")
	c.Flags().IntVar(&d.skipBad, "skip-bad", 0, "leave out up to so many bad records; the next good one stands for each")
}

// addTask adds the flag that chooses a task.
func (d *dataFlags) addTask(c *cobra.Command) {
	c.Flags().StringVar(&d.task, "task", "", "named data of the modality to work on instead of its own")
}

// addTrained adds the flags of commands that take a trained model.
func (d *dataFlags) addTrained(c *cobra.Command) {
	d.addTask(c)
	c.Flags().Uint64Var(&d.seed, "data-seed", 0, "seed of the data's random split and windows (default that of the checkpoint, whose training data then stay apart from its test data)")
	d.seeded = func() bool { return c.Flags().Changed("data-seed") }
	c.Flags().BoolVar(&d.scaled, "scaled-input", false, "the values are scaled already, as the model's training data were: take them as they are")
}

// want is what a modality expects of one example.
func want(m runtime.Modality) data.Want {
	var w data.Want
	for _, in := range m.Inputs {
		w = append(w, data.Input{Name: in.Name, Shape: in.Shape, Tokens: in.DType == runtime.I32, Vocab: in.Vocab})
	}
	return w
}

// sets are an opened data set.
type sets struct {
	train, test eval.Source
	name        string // for messages and checkpoints
	reader      string
	options     map[string]string // of the reader, as given in all
	metric      string            // that the spec names, "" for none
	seed        uint64            // of random splits and windows
	skip        *data.Skip
}

// open reads the data set for a program; the seed decides random windows and splits.
func (a *app) open(d *dataFlags, p *runtime.Program, seed uint64) (*sets, error) {
	return a.openFrom(d, p, seed, opening{})
}

// addColumns adds the flag that names columns to carry along.
func (d *dataFlags) addColumns(c *cobra.Command) {
	c.Flags().StringSliceVar(&d.columns, "columns", nil, "columns of the records to write too, by name")
}

// openFor is open for the model of a checkpoint: split as in its training, unless another seed is given.
func (a *app) openFor(l loaded, d *dataFlags, p *runtime.Program) (*sets, error) {
	seed := l.seed(p)
	if d.seeded != nil && d.seeded() {
		seed = d.seed
	}
	return a.openFrom(d, p, seed, opening{learned: l.Data.Learned, trained: l.Data.Reader != ""})
}

// opening says who hears of what happens to data.
type opening struct {
	witness *witness              // of the files that are used, if not nil
	bad     func(bad *data.Error) // hears of records that are left out, on any goroutine; nil: the user is told
	note    func(text string)     // hears what is worth knowing; nil: the user is told
	learned data.Learned          // what the model was trained with
	trained bool                  // and that is all of it
}

// openFrom is open with more to hear.
func (a *app) openFrom(d *dataFlags, p *runtime.Program, seed uint64, o opening) (*sets, error) {
	reader, options, metric, err := d.choose(p.Modality)
	if err != nil {
		return nil, err
	}
	if d.skipBad < 0 {
		return nil, usagef("--skip-bad is %d, expected at least 0", d.skipBad)
	}
	if err := a.sayScaling(d, options, o); err != nil {
		return nil, err
	}
	root, name := p.Sample, sampleData
	switch {
	case d.dir != "":
		root, name = os.DirFS(d.dir), d.dir
	case root == nil:
		return nil, usagef("this binary carries no data for the modality %s: give a folder with --data", p.Modality.Name)
	}
	if o.witness != nil {
		o.witness.FS = root
		root = o.witness
	}
	if o.bad == nil {
		o.bad = func(bad *data.Error) { a.note("left out: %v", bad) }
	}
	if o.note == nil {
		o.note = func(text string) { a.note("%s: %s", name, text) }
	}
	wanted, shown := want(p.Modality), a.showing()
	s := &sets{name: name, reader: reader, options: options, metric: metric, seed: seed, skip: &data.Skip{Limit: d.skipBad, Note: o.bad}}
	train, test, err := data.Open(reader, options, root, name, wanted, data.OpenOptions{Seed: seed, Skip: s.skip, Progress: shown.set, Note: o.note,
		Learned: o.learned, Trained: o.trained, Scaled: d.scaled, Columns: d.columns})
	shown.end()
	if err != nil {
		return nil, err
	}
	s.train, s.test = eval.Source{Data: train, Want: wanted}, eval.Source{Data: test, Want: wanted}
	return s, nil
}

// sayScaling refuses what the command line says of standardizing where it would do nothing, and tells
// the user where the model wants something else than the spec says of these data.
func (a *app) sayScaling(d *dataFlags, options map[string]string, o opening) error {
	given, err := pairs(d.options)
	if err != nil {
		return err
	}
	switch {
	case d.scaled && standardize(given) == "true":
		return usagef("--scaled-input and the option standardize exclude each other")
	case d.scaled || o.learned.Scaling == nil:
	case standardize(given) == "false":
		return usagef("the model was trained with standardized values, so that the option standardize=false would give it others; leave it out, or say that the values are scaled already with --scaled-input")
	case standardize(options) == "false":
		a.note("values are scaled as in training, although the spec says of these data that they are not; --scaled-input takes them as they are")
	}
	if o.trained && !d.scaled && o.learned.Scaling == nil && standardize(options) == "true" {
		a.note("the model was trained with values as they are; these are standardized, as the options say, by their own mean and deviation")
	}
	return nil
}

// standardize is what options say of it, in either spelling, "" for nothing.
func standardize(options map[string]string) string {
	return cmp.Or(options["standardize"], options["standardise"])
}

// choose settles the reader, its options and the metric: those of the task or the modality,
// the command line winning.
func (d *dataFlags) choose(m runtime.Modality) (reader string, options map[string]string, metric string, err error) {
	reader, options, metric = m.Reader, runtime.ReaderOptions(m.Options), m.Metric
	if d.task != "" {
		i := slices.IndexFunc(m.Tasks, func(t runtime.EvalTask) bool { return t.Name == d.task })
		if i < 0 {
			return "", nil, "", usagef("the modality %s has no task %q%s", m.Name, d.task, taskList(m))
		}
		t := m.Tasks[i]
		reader, options, metric = t.Reader, runtime.ReaderOptions(t.Options), t.Metric
	}
	if d.reader != "" {
		if d.reader != reader {
			options = map[string]string{}
		}
		reader = d.reader
	}
	if reader == "" {
		return "", nil, "", usagef("the modality %s names no data reader; choose one with --reader (%s)%s", m.Name, strings.Join(readers(), ", "), taskList(m))
	}
	given, err := pairs(d.options)
	if err != nil {
		return "", nil, "", err
	}
	maps.Copy(options, given)
	return reader, options, metric, nil
}

// taskList says which tasks a modality has, "" for none.
func taskList(m runtime.Modality) string {
	if len(m.Tasks) == 0 {
		return ""
	}
	var names []string
	for _, t := range m.Tasks {
		names = append(names, t.Name)
	}
	return "; its tasks are " + strings.Join(names, ", ")
}

// chooseByTask settles the modality where only the task is given.
func (a *app) chooseByTask(d *dataFlags) error {
	if d.task == "" || a.modality != "" {
		return nil
	}
	var found, all []string
	for _, p := range a.programs {
		for _, t := range p.Modality.Tasks {
			all = append(all, t.Name)
			if t.Name == d.task {
				found = append(found, p.Modality.Name)
			}
		}
	}
	switch {
	case len(found) == 1:
		a.modality = found[0]
		return nil
	case len(found) > 1:
		return usagef("several modalities have a task %s: choose one with --modality (%s)", d.task, strings.Join(found, ", "))
	case len(all) == 0:
		return usagef("there is no task %q; this trainer has none", d.task)
	}
	return usagef("there is no task %q; use one of %s", d.task, strings.Join(all, ", "))
}

// showing is a bar for work that announces itself, such as indexing.
type showing struct {
	a    *app
	what string
	bar  *progress
}

func (a *app) showing() *showing { return &showing{a: a} }

func (s *showing) set(what string, done, total int64) {
	if s.bar == nil || s.what != what {
		s.end()
		s.what, s.bar = what, s.a.progress(what, int(total), int(done))
	}
	s.bar.set(int(done))
}

func (s *showing) end() {
	if s.bar != nil {
		s.bar.end()
	}
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
