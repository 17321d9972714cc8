package train

import (
	"context"
	"errors"
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

// sick makes the program's weight NaN after the given step, each time that it is computed, as an
// overflow would; step numbers are told from the bias correction.
func sick(p *runtime.Program, step int) {
	run := p.Step.Run
	in, _ := p.Step.Input("opt.bias2")
	at := float32(1 - math.Pow(p.Train.Beta2, float64(step)))
	p.Step.Run = func(m *runtime.Machine) {
		run(m)
		if m.Mem[in.Offset] == at {
			m.Floats(p.Params[0].Tensor)[4] = float32(math.NaN())
		}
	}
}

// A step that breaks the parameters is found although only the next one shows it; it is kept for
// replay, and the run as it was before.
func TestFailedStepIsFound(t *testing.T) {
	for _, at := range []int{1, 19, 20, 30, 64, 65} {
		m, l := start(t, 2, 7)
		sick(m.Program, at)
		o := options(folder(t), 0, 100)
		_, err := Run(context.Background(), m, l, o)
		var f *FailedError
		if !errors.As(err, &f) || f.Step != at || !strings.Contains(f.Where, "parameter encoder.weight is NaN at element 4") {
			t.Errorf("step %d: %v", at, err)
			continue
		}
		if text, want := err.Error(), fmt.Sprintf("step %d is kept for replay in %s", at, o.Run.Failed(at)); !strings.Contains(text, want) {
			t.Errorf("the message lacks %q: %s", want, text)
		}
		checkBundle(t, f.Replay, at, l)
		if at == 1 {
			continue // nothing was done before
		}
		// The checkpoint is that of a run which ended before the step.
		before, l2 := start(t, 1, 7)
		want := finish(t, before, l2, options(folder(t), 0, at-1))
		got, err := os.ReadFile(o.Run.Checkpoint(at - 1))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(tensors(t, want), tensors(t, got), func(a, b ckpt.Tensor) bool { return a.Name == b.Name && string(a.Data) == string(b.Data) }) {
			t.Errorf("step %d: the run is not kept as it was before", at)
		}
	}
}

func tensors(t *testing.T, raw []byte) []ckpt.Tensor {
	f, err := ckpt.Parse("f", raw)
	if err != nil {
		t.Fatal(err)
	}
	return f.Tensors
}

// checkBundle compares what is kept for replay with the batch and the random numbers of the step.
func checkBundle(t *testing.T, name string, step int, l *data.Loader) {
	f, err := ckpt.ReadFile(name)
	if err != nil {
		t.Error(err)
		return
	}
	var names []string
	for _, x := range f.Tensors {
		names = append(names, x.Name)
	}
	if got := fmt.Sprint(names); got != "[param.encoder.weight param.decoder.weight batch.x batch.mask_noise]" {
		t.Errorf("kept %s", got)
	}
	b, err := l.Batch(step - 1)
	if err != nil {
		t.Fatal(err)
	}
	x, _ := f.Find("batch.x")
	if string(x.Data) != string(ckpt.Floats("", nil, b.X).Data) {
		t.Error("another batch was kept")
	}
	noise := make([]float32, 32)
	runtime.Uniform(noise, "mask_noise", 7, uint64(step))
	if n, _ := f.Find("batch.mask_noise"); string(n.Data) != string(ckpt.Floats("", nil, noise).Data) {
		t.Error("other random numbers were kept")
	}
}

// An error that does not come again when the steps are computed again is none of the program.
func TestErrorOfTheMachine(t *testing.T) {
	m, l := start(t, 2, 7)
	o := options(folder(t), 0, 60)
	o.OnStep = func(step int, _ []float64) {
		if step == 30 {
			m.Floats(m.Program.Params[0].Tensor)[4] = float32(math.NaN())
		}
	}
	_, err := Run(context.Background(), m, l, o)
	if err == nil || !strings.Contains(err.Error(), "the processor or the memory made an error") {
		t.Fatalf("error %v", err)
	}
	if _, err := os.Stat(o.Run.Checkpoint(31)); err != nil {
		t.Errorf("the state after computing again is not kept: %v", err)
	}
}

// A gradient that is finite but whose norm is not would be clipped to 0, step by step: the run stops.
func TestNormOfTheGradientOverflows(t *testing.T) {
	m, l := start(t, 1, 7)
	p, run := m.Program, m.Program.Step.Run
	norm := p.Step.Outputs[1]
	norm.Name = "grad_norm"
	p.Step.Outputs = []runtime.Tensor{p.Step.Outputs[0], norm}
	p.Train.Clip = 1
	steps := 0
	p.Step.Run = func(m *runtime.Machine) {
		run(m)
		if steps++; steps > 8 {
			m.Mem[norm.Offset] = float32(math.Inf(1))
		}
	}
	_, err := Run(context.Background(), m, l, options(folder(t), 0, 60))
	var f *FailedError
	if !errors.As(err, &f) || f.Step > 9 || !strings.Contains(err.Error(), "the norm of the gradient is infinite") {
		t.Errorf("error %v", err)
	}
}

func TestLossAboveTheLimit(t *testing.T) {
	m, l := start(t, 1, 7)
	o := options(folder(t), 0, 60)
	o.StopAbove = 1e-9
	_, err := Run(context.Background(), m, l, o)
	if err == nil || !strings.Contains(err.Error(), "step 1: the loss is 0.") || !strings.Contains(err.Error(), "above the limit of 1e-09") {
		t.Errorf("error %v", err)
	}
}

// badBatches gives good batches up to a step.
type badBatches struct {
	*data.Loader
	from int
	nan  bool
}

func (b badBatches) BatchUntil(_ context.Context, step int) (*data.Batch, error) {
	if step < b.from {
		return b.Loader.Batch(step)
	}
	if !b.nan {
		return nil, errors.New("file is gone")
	}
	x, err := b.Loader.Batch(step)
	if err == nil {
		x.X[9] = float32(math.Inf(-1))
	}
	return x, err
}

// Bad data end a run before anything is computed with them.
func TestBadData(t *testing.T) {
	for _, c := range []struct {
		nan  bool
		want string
	}{
		{false, "step 31: file is gone; the last good checkpoint is"},
		{true, "step 31: the batch itself is not finite: x is -Inf at element 9, which is value 9 of the training set's example"},
	} {
		m, l := start(t, 1, 7)
		o := options(folder(t), 0, 60)
		_, err := Run(context.Background(), m, badBatches{l, 30, c.nan}, o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, expected %q", err, c.want)
		}
		before, l2 := start(t, 1, 7)
		want := finish(t, before, l2, options(folder(t), 0, 30))
		got, err := os.ReadFile(o.Run.Checkpoint(30))
		if err != nil || !slices.EqualFunc(tensors(t, want), tensors(t, got), func(a, b ckpt.Tensor) bool { return string(a.Data) == string(b.Data) }) {
			t.Errorf("the run is not kept as it was before (%v)", err)
		}
		if _, err := os.Stat(o.Run.Failed(31)); (err == nil) != c.nan {
			t.Errorf("step kept for replay: %v", err)
		}
	}
	m, _ := start(t, 1, 7)
	if err := Feed(m, m.Program.Step, &data.Batch{X: make([]float32, 5)}); err == nil {
		t.Error("a short batch was accepted")
	}
}

// A kernel that panics halfway leaves the parameters in an unknown state: they are computed again.
func TestKernelFails(t *testing.T) {
	p := tiny.Program()
	run, in := p.Step.Run, p.Step.Inputs[3]
	p.Step.Run = func(m *runtime.Machine) {
		run(m)
		if m.Mem[in.Offset] == float32(1-math.Pow(p.Train.Beta2, 30)) {
			panic("index out of range")
		}
	}
	m, l := start(t, 1, 7)
	m.Program.Step = p.Step
	o := options(folder(t), 0, 60)
	_, err := Run(context.Background(), m, l, o)
	if err == nil || !strings.Contains(err.Error(), "step 30: a kernel failed: index out of range") {
		t.Fatalf("error %v", err)
	}
	found, err := runs.Find(string(o.Run.Dir))
	if err != nil || found.Path != o.Run.Checkpoint(29) {
		t.Errorf("kept %v, %v", found, err)
	}
}
