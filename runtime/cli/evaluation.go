package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"mspecc/runtime"
	"mspecc/runtime/eval"
	"mspecc/runtime/overview"
)

// evaluation is one call of eval under way.
type evaluation struct {
	a       *app
	f       *evalFlags
	m       *runtime.Machine
	sets    *sets
	cache   *eval.Cache // nil: keep nothing
	options eval.Options
	tunes   int // repetitions of fine-tuning
	results []eval.Result
	silent  bool // results are not told one by one
}

// prepare settles the protocol.
func (e *evaluation) prepare() error {
	f, p := e.f, e.m.Program
	e.sets.train.Max, e.sets.test.Max = f.max, f.max
	e.options = eval.Options{Epochs: f.epochs, LR: f.lr, WeightDecay: f.weightDecay, Batch: f.batch, Seed: f.seed, Seeds: f.seeds, Threads: e.m.Threads(), Metric: f.metric}
	if f.batch == 0 {
		e.options.Batch = p.Batch
	}
	if f.seeds == 0 {
		e.options.Seeds = 3
	}
	e.tunes = max(1, f.seeds)
	if f.metric == "" {
		e.options.Metric = e.sets.metric
	}
	classes := e.sets.train.Data.Labels().Classes
	if classes == 0 {
		return fmt.Errorf("%s: the data have no labels; evaluation needs labelled data", e.sets.name)
	}
	if classes == 1 && slices.Contains(f.methods, "fewshot") {
		e.a.note("few-shot evaluation needs classes, the labels are numbers: left out")
		f.methods = slices.DeleteFunc(slices.Clone(f.methods), func(m string) bool { return m == "fewshot" })
		if len(f.methods) == 0 {
			return errors.New("there is nothing left to evaluate")
		}
	}
	// Before hours are spent on features.
	_, err := eval.CheckMetric(classes, e.options.Metric)
	return err
}

// needsVectors says whether any method works on features of a frozen encoder.
func (e *evaluation) needsVectors() bool {
	return slices.ContainsFunc(e.f.methods, func(m string) bool { return m != "finetune" })
}

// encoder evaluates the features of the machine's parameters.
func (e *evaluation) encoder(ctx context.Context, input string) error {
	if e.needsVectors() {
		if err := e.frozen(ctx, input, func(s eval.Source) (*eval.Set, error) { return e.features(ctx, input, s) }); err != nil {
			return err
		}
	}
	if !slices.Contains(e.f.methods, "finetune") {
		return nil
	}
	o := e.options
	o.Epochs, o.LR, o.Seeds = e.f.tuneEpochs, e.f.tuneLR, e.tunes
	return e.run(input, "finetune", func(progress func(done, total int)) (eval.Result, error) {
		o.Progress = progress
		return eval.FineTune(ctx, e.m, e.sets.train, e.sets.test, o)
	})
}

// encoders evaluates random encoders, one for each repetition: chance decides more about them than about the
// heads. Each has the heads, orders and episodes of its own seed.
func (e *evaluation) encoders(ctx context.Context, input string) error {
	repetitions := e.tunes
	if e.needsVectors() {
		repetitions = max(e.options.Seeds, e.tunes)
	}
	var order []string
	results := map[string][]eval.Result{}
	for i := range repetitions {
		one, flags := *e, *e.f
		one.f, one.results, one.silent, one.tunes = &flags, nil, true, 1
		one.options.Seed, one.options.Seeds = e.options.Seed+uint64(i), 1
		flags.methods = slices.DeleteFunc(slices.Clone(flags.methods), func(m string) bool {
			return m == "finetune" && i >= e.tunes || m != "finetune" && i >= e.options.Seeds
		})
		e.m.Initialize(one.options.Seed)
		if err := one.encoder(ctx, input); err != nil {
			return err
		}
		for _, r := range one.results {
			name := overview.Method(&r)
			if results[name] == nil {
				order = append(order, name)
			}
			results[name] = append(results[name], r)
		}
	}
	for _, name := range order {
		e.keep(eval.Encoders(results[name]))
	}
	return nil
}

// frozen applies all methods that work on vectors to what get makes of the data.
func (e *evaluation) frozen(ctx context.Context, input string, get func(eval.Source) (*eval.Set, error)) error {
	train, err := get(e.sets.train)
	if err != nil {
		return err
	}
	test, err := get(e.sets.test)
	if err != nil {
		return err
	}
	if n := e.sets.train.Len(); train.Most > 0 {
		e.a.note("%s: using the first %d of %d training examples, as all would not fit into memory", input, train.Most, n)
	}
	if e.f.standardize {
		eval.Standardize(train, test)
	}
	each := func(method string, settings []int, f func(o eval.Options, setting int) (eval.Result, error)) error {
		if !slices.Contains(e.f.methods, method) {
			return nil
		}
		for _, n := range settings {
			err := e.run(input, method, func(progress func(done, total int)) (eval.Result, error) {
				o := e.options
				o.Progress = progress
				return f(o, n)
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	if err := each("linear", []int{0}, func(o eval.Options, _ int) (eval.Result, error) { return eval.Linear(ctx, train, test, o) }); err != nil {
		return err
	}
	if err := each("knn", e.f.k, func(o eval.Options, k int) (eval.Result, error) { return eval.Nearest(ctx, train, test, k, o) }); err != nil {
		return err
	}
	return each("fewshot", e.f.shots, func(o eval.Options, shots int) (eval.Result, error) {
		return eval.FewShot(ctx, train, test, shots, e.f.episodes, o)
	})
}

// run applies one method, with a bar, and keeps the result.
func (e *evaluation) run(input, method string, f func(progress func(done, total int)) (eval.Result, error)) error {
	var bar *progress
	r, err := f(func(done, total int) {
		if bar == nil {
			bar = e.a.progress(input+": "+method, total, 0)
		}
		bar.set(done)
	})
	if bar != nil {
		bar.end()
	}
	if err != nil {
		return err
	}
	r.Input = input
	e.keep(r)
	return nil
}

// keep keeps a result, and tells it.
func (e *evaluation) keep(r eval.Result) {
	e.results = append(e.results, r)
	if !e.silent && !terminal(e.a.err) && !e.a.json {
		e.a.note("%s, %s: test %s %s (%s)", r.Input, overview.Method(&r), overview.Metric(r.Metric), overview.Score(r.Metric, r.Test), duration(r.Seconds))
	}
}

// features computes features, or takes them from the cache.
func (e *evaluation) features(ctx context.Context, input string, s eval.Source) (*eval.Set, error) {
	if e.cache == nil {
		return e.a.features(ctx, e.m, s)
	}
	bar := e.a.progress("looking for features", s.Len(), 0)
	key, err := eval.Key(ctx, e.m, s, bar.set)
	bar.end()
	if err != nil {
		return nil, err
	}
	set, err := e.cache.Load(key)
	if err != nil {
		e.a.note("%v; computing the features again", err)
	}
	if set != nil {
		e.a.note("%s: %d features taken from the cache", input, set.Len())
		return set, nil
	}
	if set, err = e.a.features(ctx, e.m, s); err != nil {
		return nil, err
	}
	if err := e.cache.Save(key, set); err != nil {
		e.a.note("the features are not kept: %v", err)
	}
	return set, nil
}

// featureCache is where features are kept, nil for nowhere.
func (a *app) featureCache(f *evalFlags) *eval.Cache {
	if f.noCache {
		return nil
	}
	dir := f.cache
	if dir == "" {
		var err error
		if dir, err = eval.DefaultCache(); err != nil {
			a.note("the features are not kept: there is no cache folder (%v); name one with --feature-cache", err)
			return nil
		}
	}
	return &eval.Cache{Dir: dir, Limit: eval.CacheLimit}
}

// features computes features with a bar.
func (a *app) features(ctx context.Context, m *runtime.Machine, s eval.Source) (*eval.Set, error) {
	bar := a.progress("features", s.Len(), 0)
	defer bar.end()
	return eval.Features(ctx, m, s, bar.set)
}
