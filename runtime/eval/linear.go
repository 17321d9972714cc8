package eval

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"
)

// Options are the protocol of an evaluation. The published one of the linear probe is 100
// epochs of Adam with coupled L2 at lr 1e-4 and weight decay 1e-4, batches shuffled, the last
// partial one dropped.
type Options struct {
	Epochs      int
	LR          float64
	WeightDecay float64
	Batch       int
	Seed        uint64 // the first; repetition i uses Seed + i
	Seeds       int    // repetitions, at least 1
	Threads     int
	Metric      string // "accuracy", "weighted_f1", "spearman"; "" follows from the labels
	Progress    func(done, total int)
}

func (o *Options) progress(done, total int) {
	if o.Progress != nil {
		o.Progress(done, total)
	}
}

// Linear trains a linear head on one set and tests it on another, once for each seed, which
// decides its first weights and the order of the examples. Two classes make one logistic
// output, more a softmax, a number to regress the squared error. The result depends on the
// seeds, not on the threads.
func Linear(ctx context.Context, train, test *Set, o Options) (Result, error) {
	start := time.Now()
	metric, err := check(train, test, o.Metric)
	r := begin("linear", "", metric, train, test)
	if err != nil {
		return r, err
	}
	o.Batch, o.Threads, o.Seeds = min(max(1, o.Batch), train.Len()), max(1, o.Threads), max(1, o.Seeds)
	c := newCurves(o.Seeds)
	for i := range o.Seeds {
		h := newHead(train, o, o.Seed+uint64(i))
		order := make([]int32, train.Len())
		for epoch := 1; epoch <= o.Epochs; epoch++ {
			shuffle(order, h.seed, epoch)
			for lo := 0; lo+o.Batch <= len(order); lo += o.Batch {
				h.update(train, order[lo:lo+o.Batch])
			}
			if ctx.Err() != nil {
				return r, ctx.Err()
			}
			p := h.predict(test)
			value, why := h.measure(metric, p, test)
			c.epoch(i, epoch, value, why)
			if i == 0 && epoch == o.Epochs {
				r.predicted(p, test)
			}
			o.progress(i*o.Epochs+epoch, o.Seeds*o.Epochs)
		}
		value, why := h.measure(metric, h.predict(train), train)
		c.trained(i, value, why)
		if !h.finite() {
			return r, fmt.Errorf("the linear head diverged; try --standardize or a smaller --lr")
		}
	}
	c.into(&r)
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// curves collects the metric of every seed over the epochs.
type curves struct {
	train, last, best []float64 // NaN where undefined
	epochs            []int     // of the best, 0 for none
	whyTrain, whyTest string    // a metric is undefined, where one is
}

func newCurves(seeds int) *curves {
	c := &curves{train: make([]float64, seeds), last: make([]float64, seeds), best: make([]float64, seeds), epochs: make([]int, seeds)}
	for i := range c.best {
		c.best[i] = math.NaN()
	}
	return c
}

// epoch notes the test metric after an epoch. One that is undefined is not the best.
func (c *curves) epoch(seed, epoch int, test float64, why string) {
	c.last[seed] = test
	if why != "" {
		c.whyTest = why
	}
	if best := c.best[seed]; test > best || math.IsNaN(best) && !math.IsNaN(test) {
		c.best[seed], c.epochs[seed] = test, epoch
	}
}

// trained notes the metric on the training set.
func (c *curves) trained(seed int, train float64, why string) {
	c.train[seed] = train
	if why != "" {
		c.whyTrain = why
	}
}

func (c *curves) into(r *Result) {
	r.Train, r.Test, r.Best, r.BestEpochs = score(c.train, c.whyTrain), score(c.last, c.whyTest), score(c.best, c.whyTest), c.epochs
}

// check refuses sets that cannot be evaluated and settles the metric.
func check(train, test *Set, metric string) (string, error) {
	switch {
	case train.Classes == 0:
		return "", fmt.Errorf("the data have no labels; evaluation needs labelled data")
	case train.Len() == 0 || test.Len() == 0:
		return "", fmt.Errorf("%d training and %d test examples; evaluation needs both", train.Len(), test.Len())
	case train.Width != test.Width || train.Classes != test.Classes:
		return "", fmt.Errorf("training set and test set differ: %d and %d columns, %d and %d classes", train.Width, test.Width, train.Classes, test.Classes)
	}
	metric, err := CheckMetric(train.Classes, metric)
	if err != nil {
		return "", err
	}
	for _, s := range []*Set{train, test} {
		if err := checkLabels(s.Y, s.Classes); err != nil {
			return "", err
		}
	}
	return metric, nil
}

// CheckMetric settles the metric for labels of so many classes.
func CheckMetric(classes int, metric string) (string, error) {
	regression := classes == 1
	switch metric {
	case "":
		if regression {
			return "spearman", nil
		}
		return "accuracy", nil
	case "accuracy", "weighted_f1", "auroc":
		if regression {
			return "", fmt.Errorf("the metric %s needs classes, the labels are numbers; use spearman or pearson", metric)
		}
		if metric == "auroc" && classes != 2 {
			return "", fmt.Errorf("the metric auroc needs two classes, the data have %d; use accuracy or weighted_f1", classes)
		}
	case "spearman", "pearson":
		if !regression {
			return "", fmt.Errorf("the metric %s needs numbers, the labels are %d classes; use accuracy or weighted_f1", metric, classes)
		}
	default:
		return "", fmt.Errorf("there is no metric %q; use one of %s", metric, strings.Join(Metrics, ", "))
	}
	return metric, nil
}

func checkLabels(labels []float64, classes int) error {
	for i, y := range labels {
		if classes == 1 && y-y == 0 || y >= 0 && y < float64(classes) && y == math.Trunc(y) {
			continue
		}
		if classes == 1 {
			return fmt.Errorf("example %d has the label %v, expected a finite number", i, y)
		}
		return fmt.Errorf("example %d has the label %v, expected a class 0..%d", i, y, classes-1)
	}
	return nil
}
