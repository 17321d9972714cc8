package eval

import (
	"context"
	"fmt"
	"math"
	"time"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/data"
	"mspecc/runtime/train"
)

// warmupShare: the rate rises over a twentieth of the steps, then falls to 0 along a cosine.
const warmupShare = 20

// FineTune trains the whole encoder together with a linear head on its features, once for each
// seed, and tests after every epoch. The features' derivative goes back through the program's
// Pullback; the optimiser is AdamW (Loshchilov and Hutter, 2019, algorithm 2) with the weight
// decay of the spec's train block. Nothing is dropped out. The machine's parameters are left as they were.
func FineTune(ctx context.Context, m *runtime.Machine, trainOn, testOn Source, o Options) (Result, error) {
	start := time.Now()
	r := Result{Method: "finetune", Examples: trainOn.Len(), Tested: testOn.Len()}
	classes := trainOn.Data.Labels().Classes
	if classes == 0 || classes != testOn.Data.Labels().Classes {
		return r, fmt.Errorf("the training data have %d classes, the test data %d; fine-tuning needs labelled data", classes, testOn.Data.Labels().Classes)
	}
	var err error
	if r.Metric, err = CheckMetric(classes, o.Metric); err != nil {
		return r, err
	}
	if _, err := Width(m.Program); err != nil {
		return r, err
	}
	rows := trainOn.rows()
	t, err := newTuner(m, rows)
	if err != nil {
		return r, err
	}
	r.Width = t.size() / rows
	if ok, err := Independent(m, m.Program.Features); err != nil {
		return r, err
	} else if !ok {
		return r, fmt.Errorf("the features of an example depend on the rest of its batch, as with batch statistics; the encoder of %s cannot be fine-tuned", m.Program.Name)
	}
	defer t.reset()
	o.Batch, o.Threads, o.Seeds = m.Program.Batch, m.Threads(), max(1, o.Seeds)
	c := newCurves(o.Seeds)
	for i := range o.Seeds {
		t.reset()
		run := &tuning{t: t, o: o, r: &r, seed: i, test: testOn, curves: c}
		if err := run.run(ctx, trainOn); err != nil {
			return r, err
		}
	}
	c.into(&r)
	r.Train = nil // would cost one more pass over the training set
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// tuning is the work of one seed.
type tuning struct {
	t      *tuner
	o      Options
	r      *Result
	seed   int
	test   Source
	curves *curves
	head   *head
}

func (u *tuning) run(ctx context.Context, trainOn Source) error {
	seed := u.o.Seed + uint64(u.seed)
	l, err := data.NewLoader(trainOn.dataset(), trainOn.Want, data.LoaderOptions{Batch: u.o.Batch, Seed: seed, Shuffle: true})
	if err != nil {
		return err
	}
	defer l.Close()
	vectors := u.o.Batch * trainOn.rows()
	set := &Set{X: make([]float32, vectors*u.r.Width), Width: u.r.Width, Classes: trainOn.Data.Labels().Classes}
	u.o.WeightDecay = u.t.m.Program.Train.WeightDecay
	ho := u.o
	ho.Batch = vectors
	u.head = newHead(set, ho, seed)
	steps := u.o.Epochs * l.Steps()
	for step := 1; step <= steps; step++ {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b, err := l.Batch(step - 1)
		if err != nil {
			return err
		}
		schedule := runtime.Schedule{Kind: "cosine", Warmup: steps / warmupShare}
		if err := u.step(b, set, train.LearningRate(schedule, u.o.LR, step, steps)); err != nil {
			return fmt.Errorf("fine-tuning, step %d: %w", step, err)
		}
		if step%l.Steps() == 0 {
			if err := u.measure(ctx, step/l.Steps()); err != nil {
				return err
			}
		}
		u.o.progress(u.seed*steps+step, u.o.Seeds*steps)
	}
	return nil
}

// step trains on one batch.
func (u *tuning) step(b *data.Batch, set *Set, lr float64) error {
	rows, known := labelled(b.Labels)
	if err := checkLabels(known, set.Classes); err != nil {
		return err
	}
	if len(rows) == 0 {
		return nil // nothing but padding
	}
	if err := u.t.features(set.X, b); err != nil {
		return err
	}
	if i := ckpt.FirstNonFinite(set.X); i >= 0 {
		return fmt.Errorf("the features are not finite (%v): it diverged; use a smaller learning rate", set.X[i])
	}
	set.Y = b.Labels
	u.head.gradients(set, rows)
	part, cotangent := make([]float32, len(rows)*set.Width), make([]float32, len(set.X))
	u.head.back(part, len(rows))
	for i, row := range rows {
		copy(cotangent[int(row)*set.Width:], part[i*set.Width:(i+1)*set.Width])
	}
	u.head.LR = lr
	u.head.descend(set, rows)
	if err := u.t.pull(b, cotangent); err != nil {
		return err
	}
	u.t.adamw(lr)
	return nil
}

// labelled are the places of the labels that count, and these.
func labelled(labels []float64) (rows []int32, known []float64) {
	for i, y := range labels {
		if !math.IsNaN(y) {
			rows, known = append(rows, int32(i)), append(known, y)
		}
	}
	return rows, known
}

// measure tests after an epoch.
func (u *tuning) measure(ctx context.Context, epoch int) error {
	set, err := Features(ctx, u.t.m, u.test, nil)
	if err != nil {
		return err
	}
	if err := checkLabels(set.Y, set.Classes); err != nil {
		return err
	}
	p := u.head.predict(set)
	value, why := u.head.measure(u.r.Metric, p, set)
	u.curves.epoch(u.seed, epoch, value, why)
	if u.seed == 0 && epoch == u.o.Epochs {
		u.r.predicted(p, set)
	}
	return nil
}
