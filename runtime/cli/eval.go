package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mspecc/runtime"
	"mspecc/runtime/eval"
)

type evalFlags struct {
	data            dataFlags
	checkpoint      string
	epochs, batch   int
	lr, weightDecay float64
	seed            uint64
	standardize     bool
	metric          string
	max             int
	baselines       string
}

func (a *app) eval() *cobra.Command {
	var f evalFlags
	c := &cobra.Command{
		Use:   "eval",
		Short: "Linear evaluation of a checkpoint, beside a random encoder and the raw input",
		Long: `Train a linear head on frozen features and report its metric on the test data. The
defaults are the published protocol: features computed once, Adam with coupled L2 (lr 1e-4,
weight decay 1e-4), 100 epochs, the program's batch, the last partial batch dropped, features
as they are. The same head on the features of a randomly initialised encoder and on the raw
input shows what training added.`,
		Example: `  BIN eval --checkpoint runs/a --data DIR
  BIN eval --checkpoint runs/a --data DIR --standardize --epochs 30 --lr 1e-3 --json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runEval(cmd.Context(), &f) },
	}
	f.data.add(c)
	fl := c.Flags()
	fl.StringVar(&f.checkpoint, "checkpoint", "", "checkpoint or run directory")
	fl.IntVar(&f.epochs, "epochs", 100, "epochs to train the head")
	fl.IntVar(&f.batch, "batch", 0, "batch of the head's training (default the program's)")
	fl.Float64Var(&f.lr, "lr", 1e-4, "learning rate of the head")
	fl.Float64Var(&f.weightDecay, "weight-decay", 1e-4, "L2 decay of the head, added to the gradient")
	fl.Uint64Var(&f.seed, "seed", 1, "seed of the data's random windows, the head and the random encoder")
	fl.BoolVar(&f.standardize, "standardize", false, "bring every feature to mean 0 and deviation 1 first (not in the published protocol)")
	fl.StringVar(&f.metric, "metric", "", "accuracy, weighted_f1 or spearman (default follows from the labels)")
	fl.IntVar(&f.max, "max-examples", 0, "use at most so many examples of each part (default all)")
	fl.StringVar(&f.baselines, "baselines", "random,raw", "what to compare with: random, raw, both, or none")
	return c
}

// row is one line of the evaluation's table.
type row struct {
	Name string `json:"name"`
	eval.Result
}

func (a *app) runEval(ctx context.Context, f *evalFlags) error {
	random, raw, err := f.check()
	if err != nil {
		return err
	}
	m, state, err := a.trained(f.checkpoint)
	if err != nil {
		return err
	}
	defer m.Close()
	p := m.Program
	s, err := f.data.open(p, f.seed)
	if err != nil {
		return err
	}
	a.sayData(&f.data, s)
	s.train.Max, s.test.Max = f.max, f.max
	o := eval.Options{Epochs: f.epochs, LR: f.lr, WeightDecay: f.weightDecay, Batch: f.batch, Seed: f.seed, Threads: m.Threads(), Metric: f.metric}
	if o.Batch == 0 {
		o.Batch = p.Batch
	}
	if o.Metric == "" {
		o.Metric = p.Modality.Metric
	}
	var rows []row
	add := func(name string, get func(eval.Source) (*eval.Set, error)) error {
		r, err := a.evaluate(ctx, name, s, get, o, f.standardize)
		rows = append(rows, row{name, r})
		return err
	}
	features := func(src eval.Source) (*eval.Set, error) { return a.features(m, src) }
	err = add("trained encoder", features)
	if err == nil && random {
		m.Initialize(f.seed)
		err = add("random encoder", features)
	}
	if err == nil && raw {
		err = add("raw input", eval.Raw)
	}
	if err != nil {
		return err
	}
	return a.print(map[string]any{"model": p.Name, "modality": p.Modality.Name, "checkpoint": f.checkpoint, "step": state.Step,
		"epochs": f.epochs, "lr": f.lr, "weight_decay": f.weightDecay, "batch": o.Batch, "standardized": f.standardize,
		"test_examples": s.test.Len(), "results": rows}, func(w io.Writer) { table(w, rows, f, s) })
}

func (f *evalFlags) check() (random, raw bool, err error) {
	for _, b := range strings.Split(f.baselines, ",") {
		switch strings.TrimSpace(b) {
		case "random":
			random = true
		case "raw":
			raw = true
		case "none", "":
		default:
			return false, false, usagef("--baselines is %q, expected random, raw, random,raw or none", f.baselines)
		}
	}
	switch {
	case f.epochs < 1:
		err = usagef("--epochs is %d, expected at least 1", f.epochs)
	case f.batch < 0 || f.max < 0:
		err = usagef("--batch and --max-examples must not be negative")
	case !(f.lr > 0) || !(f.weightDecay >= 0):
		err = usagef("--lr is %v and --weight-decay %v, expected a positive number and one of at least 0", f.lr, f.weightDecay)
	}
	return random, raw, err
}

// evaluate trains and tests a head on what get makes of the data.
func (a *app) evaluate(ctx context.Context, name string, s *sets, get func(eval.Source) (*eval.Set, error), o eval.Options, standardize bool) (eval.Result, error) {
	train, err := get(s.train)
	if err != nil {
		return eval.Result{}, err
	}
	test, err := get(s.test)
	if err != nil {
		return eval.Result{}, err
	}
	if n := s.train.Len(); train.Len() < n {
		a.note("%s: using the first %d of %d training examples, as all would not fit into memory", name, train.Len(), n)
	}
	if standardize {
		eval.Standardize(train, test)
	}
	bar := a.progress(name+": head", o.Epochs, 0)
	defer bar.end()
	o.Progress = bar.set
	return eval.Linear(ctx, train, test, o)
}

// features computes features with a bar.
func (a *app) features(m *runtime.Machine, s eval.Source) (*eval.Set, error) {
	bar := a.progress("features", s.Len(), 0)
	defer bar.end()
	return eval.Features(m, s, bar.set)
}

// table prints the results side by side.
func table(w io.Writer, rows []row, f *evalFlags, s *sets) {
	metric := strings.ReplaceAll(rows[0].Metric, "_", " ")
	show := func(v float64) string {
		if rows[0].Metric == "spearman" {
			return fmt.Sprintf("%.4f", v)
		}
		return fmt.Sprintf("%.2f %%", 100*v)
	}
	fmt.Fprintf(w, "linear evaluation on %s (%s), %d epochs\n", s.name, describe(s), f.epochs)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\tfeatures\texamples\ttrain %s\ttest %s\tbest test (epoch)\t\n", metric, metric)
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\t%s (%d)\t\n", r.Name, r.Width, r.Examples, show(r.Train), show(r.Test), show(r.Best), r.BestEpoch)
	}
	_ = t.Flush()
}
