package train

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/data"
	"mspecc/runtime/internal/tiny"
	"mspecc/runtime/runs"
)

// start makes a machine with fresh parameters and a loader of the sample data.
func start(t *testing.T, threads int, seed uint64) (*runtime.Machine, *data.Loader) {
	t.Helper()
	p := tiny.Program()
	m, err := runtime.NewMachine(p, threads)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	m.Initialize(seed)
	want := data.Want{{Shape: p.Modality.Inputs[0].Shape}}
	set, _, err := data.Open(p.Modality.Reader, runtime.ReaderOptions(p.Modality.Options), p.Sample, "sample", want, data.OpenOptions{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	l, err := data.NewLoader(set, want, data.LoaderOptions{Batch: p.Batch, Seed: seed, Shuffle: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return m, l
}

func options(dir *runs.Run, done, steps int) Options {
	return Options{Run: dir, CheckpointEvery: 20, LogEvery: 5, State: ckpt.State{Step: done, Steps: steps, Seed: 7, LR: 0.01}}
}

// folder makes a run directory that the test writes.
func folder(t *testing.T) *runs.Run {
	t.Helper()
	r, err := runs.Acquire(runs.Dir(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	if err := r.Begin(runs.Describe(tiny.Program()), tiny.Program(), 1, 0); err != nil {
		t.Fatal(err)
	}
	return r
}

// resume restores the newest checkpoint and gives the options to go on.
func resume(t *testing.T, m *runtime.Machine, dir *runs.Run) Options {
	t.Helper()
	f, err := runs.Find(string(dir.Dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Restore(m, true); err != nil {
		t.Fatal(err)
	}
	o := options(dir, 0, 0)
	if o.State, _, err = f.ReadState(); err != nil {
		t.Fatal(err)
	}
	return o
}

// finish trains and gives the bytes of the last checkpoint.
func finish(t *testing.T, m *runtime.Machine, l *data.Loader, o Options) []byte {
	t.Helper()
	r, err := Run(context.Background(), m, l, o)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(r.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestLossFalls(t *testing.T) {
	m, l := start(t, 2, 7)
	var first, last float64
	o := options(folder(t), 0, 300)
	o.OnStep = func(step int, values []float64) {
		if step == 1 {
			first = values[0]
		}
		last = values[0]
	}
	finish(t, m, l, o)
	if last > first/2 {
		t.Errorf("loss %v after 300 steps, %v at first", last, first)
	}
	for _, f := range []string{o.Run.Metrics(), o.Run.Curve(), o.Run.Checkpoint(20)} {
		if _, err := os.Stat(f); err != nil {
			t.Error(err)
		}
	}
}

// hooked calls a function within the first launch of each step, before parameters change, or in one that
// follows the optimiser's.
func hooked(p *runtime.Program, behind bool, f func()) {
	run, calls := p.Step.Run, p.Step.Calls
	hook := func(m *runtime.Machine) { m.Run(func(*runtime.Worker, *runtime.Call, int) { f() }, 1) }
	p.Step.Calls = append([]runtime.CallInfo{calls[0]}, calls...)
	p.Step.Run = func(m *runtime.Machine) { hook(m); run(m) }
	if behind {
		p.Step.Calls = append(calls[:len(calls):len(calls)], calls[len(calls)-1])
		p.Step.Run = func(m *runtime.Machine) { run(m); hook(m) }
	}
}

// A run that is to end does not finish its step, unless that has begun to change parameters; it saves the step
// before, and goes on from there to the same bits.
func TestStopWithinAStep(t *testing.T) {
	m, l := start(t, 1, 7)
	want := finish(t, m, l, options(folder(t), 0, 60))
	for behind, done := range map[bool]int{false: 32, true: 33} {
		m, l = start(t, 2, 7)
		dir, steps := folder(t), 0
		ctx, cancel := context.WithCancel(context.Background())
		hooked(m.Program, behind, func() {
			if steps++; steps == 33 {
				cancel()
			}
		})
		r, err := Run(ctx, m, l, options(dir, 0, 60))
		if err != nil || r.Step != done || r.Stopped == "" || r.Checkpoint != dir.Checkpoint(done) {
			t.Fatalf("parameters change: %v; %+v, %v", behind, r, err)
		}
		m, l = start(t, 2, 7)
		if got := finish(t, m, l, resume(t, m, dir)); !slices.Equal(got, want) {
			t.Errorf("parameters change: %v; other bits after going on", behind)
		}
	}
}

// stuck gives batches up to step 10, and then none.
type stuck struct {
	*data.Loader
	end func() // of the run
}

func (s stuck) BatchUntil(ctx context.Context, step int) (*data.Batch, error) {
	if step < 10 {
		return s.Loader.BatchUntil(ctx, step)
	}
	s.end()
	<-ctx.Done()
	return nil, ctx.Err()
}

// A run that waits for data can be ended, too.
func TestStopWithoutData(t *testing.T) {
	m, l := start(t, 1, 7)
	ctx, cancel := context.WithCancel(context.Background())
	o := options(folder(t), 0, 60)
	r, err := Run(ctx, m, stuck{l, cancel}, o)
	if err != nil || r.Step != 10 || r.Checkpoint != o.Run.Checkpoint(10) {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestSameBitsAtAnyThreadCount(t *testing.T) {
	var want []byte
	for _, threads := range []int{1, 2, 3, 8} {
		m, l := start(t, threads, 7)
		got := finish(t, m, l, options(folder(t), 0, 60))
		if want == nil {
			want = got
		} else if !slices.Equal(got, want) {
			t.Errorf("%d threads: other bits", threads)
		}
	}
}

// A run interrupted anywhere and resumed ends in the same bits as one that went through,
// across the end of an epoch (25 steps) too.
func TestResumeEqualsUninterrupted(t *testing.T) {
	m, l := start(t, 1, 7)
	through := folder(t)
	want := finish(t, m, l, options(through, 0, 60))

	m, l = start(t, 2, 7)
	dir := folder(t)
	ctx, cancel := context.WithCancel(context.Background())
	o := options(dir, 0, 60)
	o.OnStep = func(step int, _ []float64) {
		if step == 33 {
			cancel()
		}
	}
	r, err := Run(ctx, m, l, o)
	if err != nil || r.Stopped == "" || r.Step != 33 || r.Checkpoint != dir.Checkpoint(33) {
		t.Fatalf("interrupted: %+v, %v", r, err)
	}
	for i := range m.Mem {
		m.Mem[i] = 5 // nothing may survive but the checkpoint
	}
	if got := finish(t, m, l, resume(t, m, dir)); !slices.Equal(got, want) {
		t.Error("the resumed run ends in other bits")
	}
}

func TestLearningRate(t *testing.T) {
	for _, c := range []struct {
		s    runtime.Schedule
		want [5]float64 // steps 1, 2, 4, 6, 10 of 10
	}{
		{runtime.Schedule{}, [5]float64{1, 1, 1, 1, 1}},
		{runtime.Schedule{Kind: "constant", Warmup: 4}, [5]float64{0.25, 0.5, 1, 1, 1}},
		{runtime.Schedule{Kind: "linear"}, [5]float64{1, 0.9, 0.7, 0.5, 0.1}},
		{runtime.Schedule{Kind: "cosine", Factor: 0.5, Warmup: 5}, [5]float64{0.2, 0.4, 0.8, 1, 0.5 + 0.25*(1+math.Cos(math.Pi*0.8))}},
		{runtime.Schedule{Kind: "step", Every: 3, Factor: 0.1}, [5]float64{1, 1, 0.1, 0.1, 0.001}},
	} {
		for i, step := range []int{1, 2, 4, 6, 10} {
			if got := LearningRate(c.s, 1, step, 10); !(math.Abs(got-c.want[i]) <= 1e-12) {
				t.Errorf("%+v: step %d has rate %v, expected %v", c.s, step, got, c.want[i])
			}
		}
	}
}

// An optimiser that began in the middle of a run counts its own steps.
func TestBiasCorrectionOfALaterOptimiser(t *testing.T) {
	m, l := start(t, 1, 7)
	s := Stepper{Machine: m, Batches: l, LR: 0.01, Steps: 10, Seed: 7, Began: 2}
	if _, err := s.Step(context.Background(), 3); err != nil {
		t.Fatal(err)
	}
	if in, _ := m.Program.Step.Input("opt.bias1"); m.Mem[in.Offset] != float32(1-0.9) {
		t.Errorf("opt.bias1 is %v in the first step of the optimiser", m.Mem[in.Offset])
	}
}

func TestBiasCorrectionIsHandedIn(t *testing.T) {
	m, l := start(t, 1, 7)
	s := Stepper{Machine: m, Batches: l, LR: 0.01, Steps: 10, Seed: 7}
	if _, err := s.Step(context.Background(), 3); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"opt.lr": 0.01, "opt.bias1": 1 - 0.9*0.9*0.9, "opt.bias2": 1 - math.Pow(0.999, 3)} {
		in, _ := m.Program.Step.Input(name)
		if got := m.Mem[in.Offset]; got != float32(want) {
			t.Errorf("%s is %v, expected %v", name, got, want)
		}
	}
	if got := fmt.Sprint(Scalars(m.Program.Step)); got != "[loss inner_loss]" {
		t.Errorf("scalars %s", got)
	}
}

// Two inputs of one type lie one after another in each row of a batch.
func TestFeedSeveralInputs(t *testing.T) {
	f := &runtime.Function{Inputs: []runtime.Tensor{{Name: "x.a", Shape: []int{2, 1}}, {Name: "x.c", Shape: []int{2, 2}, Offset: 16},
		{Name: "x.text", DType: runtime.I32, Shape: []int{2, 1}, Offset: 32}}}
	p := &runtime.Program{Floats: 48, Batch: 2, Modality: runtime.Modality{Inputs: []runtime.Input{{Name: "a", Shape: []int{1}},
		{Name: "text", Shape: []int{1}, DType: runtime.I32, Vocab: 9}, {Name: "b", Shape: []int{3}}, {Name: "c", Shape: []int{2}}}}}
	m, err := runtime.NewMachine(p, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	b := &data.Batch{X: []float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, Tokens: []int32{7, 8}}
	if err := Feed(m, f, b); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(m.Floats(f.Inputs[0]), m.Floats(f.Inputs[1]), m.Ints(f.Inputs[2])); got != "[1 7] [5 6 11 12] [7 8]" {
		t.Errorf("fed %s", got)
	}
	b.X = b.X[:11]
	if err := Feed(m, f, b); err == nil || !strings.Contains(err.Error(), "11 values, the program expects x.a") {
		t.Errorf("error %v", err)
	}
}

// Checkpoints of a long run draw its curve in proportion to the run, not to its square, and its end draws all of it.
func TestCurvesCostInProportion(t *testing.T) {
	const steps = 60
	train := func(every int) (curve []byte, lines int) {
		m, l := start(t, 1, 7)
		o := options(folder(t), 0, steps)
		o.CheckpointEvery, o.LogEvery, o.Keep = every, 1, 2
		var before os.FileInfo
		o.OnStep = func(step int, _ []float64) {
			if now, err := os.Stat(o.Run.Curve()); err == nil && (before == nil || !os.SameFile(before, now)) {
				before, lines = now, lines+step-1 // it was drawn after the step before
			}
		}
		finish(t, m, l, o)
		curve, err := os.ReadFile(o.Run.Curve())
		if err != nil {
			t.Fatal(err)
		}
		return curve, lines
	}
	want, _ := train(0)
	got, lines := train(1)
	if lines > 18*steps || lines == 0 {
		t.Errorf("%d lines were drawn of a run of %d", lines, steps)
	}
	if !slices.Equal(got, want) {
		t.Error("the curve of a run of many checkpoints is another one")
	}
}

// A run directory that has vanished has a curve again with the next checkpoint.
func TestCurveOfAVanishedRun(t *testing.T) {
	m, l := start(t, 1, 7)
	o := options(folder(t), 0, 37)
	o.CheckpointEvery, o.LogEvery = 1, 1
	o.OnStep = func(step int, _ []float64) {
		switch step {
		case 35: // drawn at 34, and due again at 36
			if err := os.RemoveAll(string(o.Run.Dir)); err != nil {
				t.Error(err)
			}
		case 36:
			if _, err := os.Stat(o.Run.Curve()); err != nil {
				t.Error(err)
			}
		}
	}
	finish(t, m, l, o)
}
