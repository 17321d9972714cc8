package cli

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mspecc/runtime"
	"mspecc/runtime/data"
	"mspecc/runtime/eval"
	"mspecc/runtime/report"
)

// checkFlags are the flags of data check.
type checkFlags struct {
	data  dataFlags
	out   string
	count int
	max   int
	seed  uint64
}

func (a *app) dataCommand() *cobra.Command {
	c := &cobra.Command{Use: "data", Short: "Look at data: what was found, what is missing, which readers there are", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(a.dataCheck(), a.dataReaders())
	return c
}

func (a *app) dataCheck() *cobra.Command {
	var f checkFlags
	c := &cobra.Command{
		Use:   "check",
		Short: "Say what is found in a data folder, what is missing, and draw a few examples",
		Long: `Open the data as training would and read examples of both parts. Printed are the files in
use, the number of examples and classes, the range of the values, how fast examples are
decoded, and for data that are not there where users get them. A picture shows some
examples as the model sees them. The tasks of the modality are looked for, too.

What is wrong with the data is said as training would say it, and the exit code is 1.`,
		Example: `  BIN data check --data DIR
  BIN data check --data DIR --task genomics-ood --out ood.png
  BIN data check --data DIR --max-examples 0     read every example`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runCheck(cmd.Context(), &f) },
	}
	f.data.add(c)
	f.data.addTask(c)
	fl := c.Flags()
	fl.StringVar(&f.out, "out", "data.png", "picture to write; empty for none")
	fl.IntVar(&f.count, "count", 8, fmt.Sprintf("number of examples in the picture, at most %d", report.MaxDrawn))
	fl.IntVar(&f.max, "max-examples", 2000, "examples to read of each part, spread evenly; 0 for all")
	fl.Uint64Var(&f.seed, "seed", 0, "seed of random windows and splits")
	return c
}

// checked is what data check says.
type checked struct {
	Modality string        `json:"modality"`
	Task     string        `json:"task,omitempty"`
	Reader   string        `json:"reader"`
	Doc      string        `json:"doc"`
	Data     string        `json:"data"`
	Files    int           `json:"files"` // that were read
	Bytes    int64         `json:"bytes"`
	Examples string        `json:"example"` // type of one
	Classes  int           `json:"classes"`
	Names    []string      `json:"class_names,omitempty"`
	Schema   *data.Schema  `json:"schema,omitempty"` // of the records, where the reader has one
	Notes    []string      `json:"notes,omitempty"`
	Parts    []checkedPart `json:"parts"`
	Skipped  int           `json:"bad_records"`
	Tasks    []checkedTask `json:"tasks,omitempty"`
	Picture  string        `json:"picture,omitempty"`

	used *witness // of the files
}

// checkedPart describes the training or the test part.
type checkedPart struct {
	Name     string    `json:"name"`
	Examples int       `json:"examples"`
	Read     int       `json:"read"`
	Rate     float64   `json:"examples_per_s"` // that one core decodes
	Min      *float64  `json:"min,omitempty"`
	Max      *float64  `json:"max,omitempty"`
	Mean     *float64  `json:"mean,omitempty"`
	Tokens   int       `json:"different_tokens,omitempty"`
	Drawn    bool      `json:"drawn,omitempty"`     // every epoch draws other examples; these are the first one's
	PerClass []float64 `json:"per_class,omitempty"` // labels among the examples read
}

type checkedTask struct {
	Name  string `json:"name"`
	Train int    `json:"train,omitempty"`
	Test  int    `json:"test,omitempty"`
	Error string `json:"error,omitempty"`

	Notes []string `json:"notes,omitempty"`
}

func (a *app) runCheck(ctx context.Context, f *checkFlags) error {
	if f.count < 1 || f.max < 0 {
		return usagef("--count is %d and --max-examples %d, expected at least 1 and 0", f.count, f.max)
	}
	if f.out != "" && f.count > report.MaxDrawn {
		return usagef("--count is %d, a picture shows at most %d examples; lower it, or give --out '' for no picture", f.count, report.MaxDrawn)
	}
	if err := a.chooseByTask(&f.data); err != nil {
		return err
	}
	p, err := a.program()
	if err != nil {
		return err
	}
	if len(p.Modality.Inputs) == 0 {
		return fmt.Errorf("the model %s takes no data", p.Name)
	}
	c, s, err := a.check(&f.data, p, f.seed)
	if err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		set  data.Dataset
	}{{"train", s.train.Data}, {"test", s.test.Data}} {
		d, err := readPart(ctx, part.name, part.set, want(p.Modality), f.max, a)
		if err != nil {
			return err
		}
		c.Parts = append(c.Parts, *d)
	}
	c.Files, c.Bytes = c.used.sum()
	c.Skipped = s.skip.Count()
	if f.data.task == "" {
		for _, t := range p.Modality.Tasks {
			d := f.data
			d.task, d.reader, d.options = t.Name, "", nil
			found := checkedTask{Name: t.Name}
			if of, sets, err := a.check(&d, p, f.seed); err != nil {
				found.Error = err.Error()
			} else {
				found.Train, found.Test, found.Notes = sets.train.Data.Len(), sets.test.Data.Len(), of.Notes
			}
			c.Tasks = append(c.Tasks, found)
		}
	}
	if f.out != "" {
		if err := drawSamples(f.out, s.train, f.count); err != nil {
			return err
		}
		c.Picture = f.out
	}
	return a.print(c, c.write)
}

// check opens a data set and says what is known before examples are read.
func (a *app) check(d *dataFlags, p *runtime.Program, seed uint64) (*checked, *sets, error) {
	name, options, _, err := d.choose(p.Modality)
	if err != nil {
		return nil, nil, err
	}
	w := &witness{seen: map[string]int64{}}
	var notes []string
	s, err := a.openFrom(d, p, seed, opening{witness: w, note: func(text string) { notes = append(notes, text) }})
	r, known := findReader(name)
	if err != nil {
		for _, text := range notes {
			a.note("%s", text)
		}
		if known && r.Fetch != "" {
			err = fmt.Errorf("%w. Where the data come from: %s", err, r.Fetch)
		}
		return nil, nil, err
	}
	var list []runtime.Option
	for _, o := range r.Options {
		v, ok := options[o.Name]
		if british, given := options["standardise"]; given && o.Name == "standardize" {
			v, ok = british, true
		}
		if ok {
			list = append(list, runtime.Option{Name: o.Name, Value: v})
		}
	}
	c := &checked{Modality: p.Modality.Name, Task: d.task, Reader: readerText(name, list), Doc: r.Doc, Data: s.name,
		Examples: want(p.Modality).String(), Classes: s.train.Data.Labels().Classes, Names: s.train.Data.Labels().Names}
	c.used, c.Schema, c.Notes = w, data.SchemaOf(s.train.Data), notes
	return c, s, nil
}

func findReader(name string) (data.Reader, bool) {
	all := data.Readers()
	i := slices.IndexFunc(all, func(r data.Reader) bool { return r.Name == name })
	if i < 0 {
		return data.Reader{}, false
	}
	return all[i], true
}

// witness notes which files of a folder are opened.
type witness struct {
	fs.FS
	mu   sync.Mutex
	seen map[string]int64 // sizes
}

func (w *witness) Open(name string) (fs.File, error) {
	f, err := w.FS.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && !info.IsDir() {
		w.mu.Lock()
		w.seen[name] = info.Size()
		w.mu.Unlock()
	}
	return f, nil
}

// Stat and ReadDir open no file, so they count for nothing, and a pipe does not hold them up.
func (w *witness) Stat(name string) (fs.FileInfo, error)      { return fs.Stat(w.FS, name) }
func (w *witness) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(w.FS, name) }

func (w *witness) sum() (files int, bytes int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.seen {
		bytes += n
	}
	return len(w.seen), bytes
}

// readPart reads examples of a part, spread evenly.
func readPart(ctx context.Context, name string, set data.Dataset, w data.Want, most int, a *app) (*checkedPart, error) {
	labels := set.Labels()
	n := set.Len()
	if most > 0 {
		n = min(n, most)
	}
	d := &checkedPart{Name: name, Examples: set.Len(), Read: n, Drawn: data.LookOf(set).Drawn}
	if labels.Classes > 1 {
		d.PerClass = make([]float64, labels.Classes)
	}
	e := data.NewExample(w, labels)
	low, high, sum, count := math.Inf(1), math.Inf(-1), 0.0, 0.0
	tokens := map[int32]bool{}
	bar := a.progress("reading "+name, n, 0)
	defer bar.end()
	var decoding time.Duration
	for k := range n {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		start := time.Now()
		if err := set.Example(k*set.Len()/n, 0, e); err != nil {
			return nil, err
		}
		decoding += time.Since(start)
		for _, v := range e.X {
			low, high = min(low, float64(v)), max(high, float64(v))
			sum += float64(v)
		}
		count += float64(len(e.X))
		for _, t := range e.Tokens {
			tokens[t] = true
		}
		for _, y := range e.Labels {
			if labels.Classes > 1 && y >= 0 && int(y) < labels.Classes {
				d.PerClass[int(y)]++
			}
		}
		bar.set(k + 1)
	}
	if count > 0 {
		mean := sum / count
		if math.Abs(mean) < 1e-7*(high-low) {
			mean = 0 // but for rounding
		}
		d.Min, d.Max, d.Mean = &low, &high, &mean
	}
	d.Tokens = len(tokens)
	d.Rate = float64(n) / max(decoding.Seconds(), 1e-9)
	return d, nil
}

// drawSamples draws examples spread evenly over a data set.
func drawSamples(out string, src eval.Source, count int) error {
	set := src.Data
	n := min(count, set.Len())
	var rows [][]report.Sample
	for k := range n {
		e := data.NewExample(src.Want, set.Labels())
		if err := set.Example(k*set.Len()/n, 0, e); err != nil {
			return err
		}
		var row []report.Sample
		x, tokens := e.X, e.Tokens
		for _, in := range src.Want {
			s := report.Sample{Shape: in.Shape, Vocab: in.Vocab}
			if in.Tokens {
				s.Tokens, tokens = tokens[:in.Size()], tokens[in.Size():]
			} else {
				s.Values, x = x[:in.Size()], x[in.Size():]
			}
			row = append(row, s)
		}
		rows = append(rows, row)
	}
	return report.Samples(out, rows)
}

func (c *checked) write(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("modality", "%s, examples %s", c.Modality, c.Examples)
	if c.Task != "" {
		line("task", "%s", c.Task)
	}
	line("reader", "%s", c.Reader)
	line("", "%s", c.Doc)
	line("data", "%s: %d files read, %.1f MiB", c.Data, c.Files, float64(c.Bytes)/(1<<20))
	schemaLines(c.Schema, line)
	switch {
	case c.Classes == 0:
		line("labels", "none")
	case c.Classes == 1:
		line("labels", "numbers")
	default:
		names := ""
		if n := len(c.Names); n > 12 {
			names = ": " + strings.Join(c.Names[:12], ", ") + ", ..."
		} else if n > 0 {
			names = ": " + strings.Join(c.Names, ", ")
		}
		line("labels", "%d classes%s", c.Classes, names)
	}
	for _, p := range c.Parts {
		line(p.Name, "%s", p.text())
	}
	for _, text := range c.Notes {
		line("note", "%s", text)
	}
	if c.Skipped > 0 {
		line("left out", "%d bad records", c.Skipped)
	}
	for _, k := range c.Tasks {
		if k.Error != "" {
			line("task "+k.Name, "missing: %s", k.Error)
		} else {
			line("task "+k.Name, "%d training and %d test examples", k.Train, k.Test)
		}
		for _, text := range k.Notes {
			line("", "%s", text)
		}
	}
	if c.Picture != "" {
		line("picture", "%s", c.Picture)
	}
	_ = t.Flush()
}

func (p checkedPart) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d examples, %d read", p.Examples, p.Read)
	if p.Drawn {
		b.WriteString(" as the first epoch draws them: the rest of the files is read when others do")
	}
	if p.Min != nil {
		fmt.Fprintf(&b, "; values %.4g to %.4g, mean %.4g", *p.Min, *p.Max, *p.Mean)
	}
	if p.Tokens > 0 {
		fmt.Fprintf(&b, "; %d different tokens", p.Tokens)
	}
	if len(p.PerClass) > 1 {
		fmt.Fprintf(&b, "; %.0f to %.0f of a class", slices.Min(p.PerClass), slices.Max(p.PerClass))
	}
	return b.String()
}

func (a *app) dataReaders() *cobra.Command {
	return &cobra.Command{
		Use:         "readers [NAME]",
		Annotations: map[string]string{ofRuns: "true", prints: "true"},
		Short:       "List the data readers, or the options of one",
		Example: `  BIN data readers
  BIN data readers csv`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.print(readerDocs(data.Readers()), func(w io.Writer) {
					t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
					for _, r := range data.Readers() {
						fmt.Fprintf(t, "%s\t%s\n", r.Name, r.Doc)
					}
					_ = t.Flush()
				})
			}
			r, ok := findReader(args[0])
			if !ok {
				return usagef("there is no reader %q; use one of %s", args[0], strings.Join(readers(), ", "))
			}
			return a.print(readerDocs([]data.Reader{r})[0], func(w io.Writer) {
				fmt.Fprintf(w, "%s: %s\n", r.Name, r.Doc)
				if r.Fetch != "" {
					fmt.Fprintf(w, "where the data come from: %s\n", r.Fetch)
				}
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				for _, o := range r.Options {
					preset := ""
					if o.Default != "" {
						preset = " (default " + o.Default + ")"
					}
					fmt.Fprintf(t, "  %s\t%s%s\n", o.Name, o.Doc, preset)
				}
				_ = t.Flush()
			})
		},
	}
}

// readerDocs are readers for JSON.
func readerDocs(list []data.Reader) []map[string]any {
	var out []map[string]any
	for _, r := range list {
		var options []map[string]string
		for _, o := range r.Options {
			options = append(options, map[string]string{"name": o.Name, "default": o.Default, "doc": o.Doc})
		}
		out = append(out, map[string]any{"name": r.Name, "doc": r.Doc, "fetch": r.Fetch, "options": options})
	}
	return out
}
