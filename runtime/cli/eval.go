package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mspecc/runtime/ckpt"
	"mspecc/runtime/eval"
	"mspecc/runtime/overview"
	"mspecc/runtime/runs"
)

// evalFlags are the flags of eval.
type evalFlags struct {
	data            dataFlags
	checkpoint      string
	methods         []string
	baselines       string
	epochs, batch   int
	lr, weightDecay float64
	seeds           int // 0: 3, but 1 for fine-tuning
	seed            uint64
	seeded          func() bool // a seed is given; nil: none is
	standardize     bool
	metric          string
	max             int
	k               []int
	shots           []int
	episodes        int
	tuneEpochs      int
	tuneLR          float64
	cache           string
	noCache         bool
	out             string
	predictions     string
	confusion       bool
}

// defaultEval is the protocol where no flag says otherwise.
func defaultEval() evalFlags {
	return evalFlags{methods: []string{"linear", "knn", "fewshot"}, baselines: "random,raw", epochs: 100, lr: 1e-4, weightDecay: 1e-4,
		k: []int{20}, shots: []int{1, 5, 20}, episodes: 50, tuneEpochs: 10, tuneLR: 3e-4}
}

// methods that eval knows, in the order of its table.
var methods = []string{"linear", "knn", "fewshot", "finetune"}

func (a *app) eval() *cobra.Command {
	f := defaultEval()
	c := &cobra.Command{
		Use:   "eval",
		Short: "Evaluate the encoder: linear probe, nearest neighbours, few examples, fine-tuning",
		Long: `Say how good the features of a checkpoint are, beside those of a randomly initialised
encoder and the raw input. Features are computed once and kept in a cache: a second
evaluation of the same checkpoint on the same data does not compute them again.

  linear    a linear head on frozen features. The defaults are the published protocol:
            Adam with coupled L2 (lr 1e-4, weight decay 1e-4), 100 epochs, the program's
            batch, the last partial batch dropped, features as they are. Reported are the
            test metric after the last epoch, and the best of all epochs, which the test set
            itself has chosen; mean and deviation over several seeds.
  knn       the k most similar training examples vote (cosine, weights exp(s/0.07))
  fewshot   the nearest class mean of a few training examples of each class, in many
            episodes; mean and deviation over the episodes
  finetune  the whole encoder is trained together with a linear head (AdamW, cosine
            schedule); beside it the same from random weights. Takes as long as training.

Randomly initialised encoders differ a lot: each repetition has one of its own, and mean and
deviation are those over the encoders. The data are split as they were in training, and without
--seed all is drawn by the seed of the run, so that train --eval and eval say the same.

The table is also kept as one line of JSON in eval.jsonl of the run directory, with the
confusion matrix of each method, and as scalars for TensorBoard in events/eval.`,
		Example: `  BIN eval --checkpoint runs/a --data DIR
  BIN eval --checkpoint runs/a --data DIR --task genomics-ood
  BIN eval --checkpoint runs/a --data DIR --methods linear,finetune --seeds 5
  BIN eval --checkpoint runs/a --data DIR --standardize --epochs 30 --lr 1e-3 --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.idle(cmd.Flags().Changed); err != nil {
				return err
			}
			return a.runEval(cmd.Context(), &f)
		},
	}
	f.data.add(c)
	f.data.addTrained(c)
	f.data.addColumns(c)
	fl := c.Flags()
	fl.StringVar(&f.checkpoint, "checkpoint", "", "checkpoint or run directory")
	fl.StringSliceVar(&f.methods, "methods", f.methods, "any of "+strings.Join(methods, ", "))
	fl.StringVar(&f.baselines, "baselines", f.baselines, "what to compare with: random, raw, both, or none")
	fl.IntVar(&f.seeds, "seeds", 0, "repetitions with other heads and orders, and other random encoders (default 3, of finetune 1)")
	fl.IntVar(&f.epochs, "epochs", f.epochs, "linear: epochs to train the head")
	fl.IntVar(&f.batch, "batch", 0, "linear: batch of the head's training (default the program's)")
	fl.Float64Var(&f.lr, "lr", f.lr, "linear: learning rate of the head")
	fl.Float64Var(&f.weightDecay, "weight-decay", f.weightDecay, "linear: L2 decay of the head, added to the gradient")
	fl.IntSliceVar(&f.k, "k", f.k, "knn: neighbours that vote; one evaluation for each number")
	fl.IntSliceVar(&f.shots, "shots", f.shots, "fewshot: examples of each class; one evaluation for each number")
	fl.IntVar(&f.episodes, "episodes", f.episodes, "fewshot: draws of examples")
	fl.IntVar(&f.tuneEpochs, "tune-epochs", f.tuneEpochs, "finetune: epochs")
	fl.Float64Var(&f.tuneLR, "tune-lr", f.tuneLR, "finetune: highest learning rate of encoder and head")
	fl.Uint64Var(&f.seed, "seed", 0, "first seed of heads, orders, episodes and random encoders (default that of the checkpoint)")
	f.seeded = func() bool { return fl.Changed("seed") }
	fl.BoolVar(&f.standardize, "standardize", false, "bring every feature to mean 0 and deviation 1 first (not in the published protocol)")
	fl.StringVar(&f.metric, "metric", "", "one of "+strings.Join(eval.Metrics, ", ")+" (default follows from the labels)")
	fl.IntVar(&f.max, "max-examples", 0, "use at most so many examples of each part (default all)")
	fl.StringVar(&f.cache, "feature-cache", "", "folder that keeps features (default mspecc/features in the user's cache folder)")
	fl.BoolVar(&f.noCache, "no-feature-cache", false, "compute all features anew and keep none")
	fl.StringVar(&f.out, "out", "", "also write the result to this file, as JSON")
	fl.StringVar(&f.predictions, "predictions", "", "write every test example's id, label and predictions to this file, as CSV")
	fl.BoolVar(&f.confusion, "confusion", false, "also print the confusion matrix of each method on the trained encoder")
	return c
}

// ofMethod says which method each of these flags is of.
var ofMethod = map[string]string{"epochs": "linear", "batch": "linear", "lr": "linear", "weight-decay": "linear", "k": "knn", "shots": "fewshot", "episodes": "fewshot",
	"tune-epochs": "finetune", "tune-lr": "finetune"}

// idle refuses flags of methods that are not asked for: they would do nothing.
func (f *evalFlags) idle(changed func(name string) bool) error {
	for _, name := range slices.Sorted(maps.Keys(ofMethod)) {
		if changed(name) && !slices.Contains(f.methods, ofMethod[name]) {
			return usagef("--%s is of the method %s, which --methods does not name", name, ofMethod[name])
		}
	}
	return nil
}

// check refuses flags that make no sense.
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
	for _, m := range f.methods {
		if !slices.Contains(methods, m) {
			return false, false, usagef("--methods has %q, expected any of %s", m, strings.Join(methods, ", "))
		}
	}
	switch {
	case len(f.methods) == 0:
		err = usagef("--methods is empty, expected any of %s", strings.Join(methods, ", "))
	case f.epochs < 1 || f.episodes < 1 || f.tuneEpochs < 1:
		err = usagef("--epochs is %d, --episodes %d and --tune-epochs %d, expected at least 1", f.epochs, f.episodes, f.tuneEpochs)
	case f.seeds < 0 || f.batch < 0 || f.max < 0:
		err = usagef("--seeds, --batch and --max-examples must not be negative")
	case !(f.lr > 0) || !(f.weightDecay >= 0) || !(f.tuneLR > 0):
		err = usagef("--lr is %v, --tune-lr %v and --weight-decay %v, expected positive rates and a decay of at least 0", f.lr, f.tuneLR, f.weightDecay)
	case len(f.k) == 0 || slices.Min(f.k) < 1 || len(f.shots) == 0 || slices.Min(f.shots) < 1:
		err = usagef("--k is %v and --shots %v, expected numbers of at least 1", f.k, f.shots)
	case f.metric != "" && !slices.Contains(eval.Metrics, f.metric):
		err = usagef("--metric is %q, expected one of %s", f.metric, strings.Join(eval.Metrics, ", "))
	case len(f.data.columns) > 0 && f.predictions == "":
		err = usagef("--columns is for --predictions, which name the examples")
	case f.noCache && f.cache != "":
		err = usagef("--feature-cache and --no-feature-cache exclude each other")
	}
	return random, raw, err
}

func (a *app) runEval(ctx context.Context, f *evalFlags) error {
	random, raw, err := f.check()
	if err != nil {
		return err
	}
	if err := a.chooseByTask(&f.data); err != nil {
		return err
	}
	m, state, err := a.trained(f.checkpoint)
	if err != nil {
		return err
	}
	defer m.Close()
	if _, err := eval.Width(m.Program); err != nil {
		return err
	}
	s, err := a.openFor(state, &f.data, m.Program)
	if err != nil {
		return err
	}
	a.sayData(&f.data, s)
	if f.seeded == nil || !f.seeded() {
		f.seed = state.seed(m.Program)
	}
	e := &evaluation{a: a, f: f, m: m, sets: s, cache: a.featureCache(f)}
	if err := e.prepare(); err != nil {
		return err
	}
	if err := e.encoder(ctx, overview.TrainedInput); err != nil {
		return err
	}
	if random {
		if err := e.encoders(ctx, "random encoder"); err != nil {
			return err
		}
	}
	if raw && e.needsVectors() {
		if err := e.frozen(ctx, "raw input", eval.Raw); err != nil {
			return err
		}
	}
	return e.report(state)
}

// report prints the results and keeps them.
func (e *evaluation) report(from loaded) error {
	f, p, o := e.f, e.m.Program, e.options
	slices.SortStableFunc(e.results, func(a, b eval.Result) int { return slices.Index(methods, a.Method) - slices.Index(methods, b.Method) })
	classes := e.sets.train.Data.Labels().Classes
	var names []string
	if classes <= eval.MaxConfusion {
		names = e.sets.train.Data.Labels().Names
	}
	test, err := e.testDigest()
	if err != nil {
		return err
	}
	all := &eval.Evaluation{Time: time.Now().UTC().Format(time.RFC3339), Model: p.Name, Modality: p.Modality.Name, Digest: p.Digest,
		Checkpoint: from.path, Step: from.Step, Data: e.sets.name, Task: f.data.task, Classes: classes, ClassNames: names, Results: e.results,
		Reader: e.sets.reader, Options: e.sets.options, DataSeed: e.sets.seed, Train: e.sets.train.Len(), Test: e.sets.test.Len(), TestDigest: test,
		Protocol: map[string]any{"epochs": f.epochs, "lr": f.lr, "weight_decay": f.weightDecay, "batch": o.Batch, "seed": f.seed, "seeds": o.Seeds,
			"standardized": f.standardize, "max_examples": f.max, "episodes": f.episodes, "tune_epochs": f.tuneEpochs, "tune_lr": f.tuneLR, "tune_seeds": e.tunes}}
	if dir := runs.Of(from.path); dir != "" {
		if err := eval.Append(dir, all); err != nil {
			e.a.note("the result is not kept in the run directory: %v", err)
		} else {
			showEvaluations(dir, e.a.note)
		}
	}
	if f.out != "" {
		if err := ckpt.Atomic(f.out, func(w io.Writer) error { return printJSON(w, all) }); err != nil {
			return err
		}
	}
	if f.predictions != "" {
		if err := e.writePredictions(f.predictions); err != nil {
			return err
		}
	}
	return e.a.print(all, e.table)
}

// table prints the results side by side.
func (e *evaluation) table(w io.Writer) {
	first := e.results[0]
	fmt.Fprintf(w, "evaluation on %s (%s)\n", e.sets.name, describe(e.sets))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	metric := overview.Metric(first.Metric)
	fmt.Fprintf(t, "\t\tfeatures\texamples\ttrain %s\ttest %s\tbest test (epoch)\t\n", metric, metric)
	for _, r := range e.results {
		best := overview.Score(r.Metric, r.Best)
		if r.Best != nil {
			best += " (" + epochs(r.BestEpochs) + ")"
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t\n", overview.Method(&r), encodersOf(&r), r.Width, r.Examples, overview.Score(r.Metric, r.Train), overview.Score(r.Metric, r.Test), best)
	}
	_ = t.Flush()
	for _, line := range overview.Undefined(e.results) {
		fmt.Fprintln(w, line)
	}
	for _, r := range e.results {
		if e.f.confusion && r.Input == overview.TrainedInput && r.Confusion != nil {
			fmt.Fprintf(w, "\n%s: classes (rows) and predictions of the first repetition\n", overview.Method(&r))
			for _, row := range r.Confusion {
				for _, n := range row {
					fmt.Fprintf(t, "%d\t", n)
				}
				fmt.Fprintln(t)
			}
			_ = t.Flush()
		}
	}
}

// encodersOf says what features are of, and how many encoders stand for them where these are several.
func encodersOf(r *eval.Result) string {
	if r.Encoders > 1 {
		return fmt.Sprintf("%d %ss", r.Encoders, r.Input)
	}
	return r.Input
}

// epochs is the epoch, or the range of several.
func epochs(list []int) string {
	lo, hi := slices.Min(list), slices.Max(list)
	if lo == 0 { // the metric was undefined after every epoch
		return "-"
	}
	if lo == hi {
		return strconv.Itoa(lo)
	}
	return fmt.Sprintf("%d to %d", lo, hi)
}
