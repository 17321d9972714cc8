package eval

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mspecc/runtime"
	"mspecc/runtime/data"
	"mspecc/runtime/internal/tiny"
)

// encoder is the tiny program's machine with its sample data.
func encoder(t *testing.T, threads int) (m *runtime.Machine, train, test Source) {
	t.Helper()
	p := tiny.Program()
	m, err := runtime.NewMachine(p, threads)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	m.Initialize(1)
	want := data.Want{{Shape: p.Modality.Inputs[0].Shape}}
	a, b, err := data.Open("idx", runtime.ReaderOptions(p.Modality.Options), p.Sample, "sample", want, data.OpenOptions{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return m, Source{Data: a, Want: want}, Source{Data: b, Want: want}
}

func TestFineTune(t *testing.T) {
	o := Options{Epochs: 6, LR: 0.02, Seed: 3, Seeds: 2}
	var want Result
	for _, threads := range []int{1, 3} {
		m, train, test := encoder(t, threads)
		before := slices.Clone(m.Floats(m.Program.Params[0].Tensor))
		r, err := FineTune(context.Background(), m, train, test, o)
		if err != nil {
			t.Fatal(err)
		}
		if r.Test.Mean < 0.95 || len(r.Test.Values) != 2 || r.Confusion == nil {
			t.Errorf("%+v", r)
		}
		if !slices.Equal(before, m.Floats(m.Program.Params[0].Tensor)) {
			t.Error("the parameters were changed")
		}
		r.Seconds = 0
		if threads == 1 {
			want = r
		} else if d := cmp.Diff(want, r); d != "" {
			t.Errorf("threads matter: %s", d)
		}
	}
}

// The gradient of a whole batch's loss, gathered in parts of which the last is not full,
// against central differences through features and head in float64.
func TestPullInParts(t *testing.T) {
	m, train, _ := encoder(t, 2)
	const width = 5
	tn, err := newTuner(m, 1)
	if err != nil {
		t.Fatal(err)
	}
	l, err := data.NewLoader(train.Data, train.Want, data.LoaderOptions{Batch: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b, err := l.Batch(0)
	if err != nil {
		t.Fatal(err)
	}
	set := &Set{X: make([]float32, 8*width), Y: b.Labels, Width: width, Classes: 2}
	if err := tn.features(set.X, b); err != nil {
		t.Fatal(err)
	}
	h := newHead(set, Options{Batch: 8, Threads: 1}, 1)
	rows := []int32{0, 1, 2, 3, 4, 5, 6, 7}
	h.gradients(set, rows)
	cotangent := make([]float32, 8*width)
	h.back(cotangent, 8)
	if err := tn.pull(b, cotangent); err != nil {
		t.Fatal(err)
	}
	weight := make([]float64, 16*width)
	for i, v := range m.Floats(m.Program.Params[0].Tensor) {
		weight[i] = float64(v)
	}
	lossAt := func() float64 {
		total := 0.0
		for e := range 8 {
			out := float64(h.w[0][width])
			for i := range 16 {
				for k := range width {
					out += float64(b.X[e*16+i]) * weight[i*width+k] * float64(h.w[0][k])
				}
			}
			total += math.Log1p(math.Exp(out)) - b.Labels[e]*out
		}
		return total / 8
	}
	for i, got := range tn.params[0].sum {
		const e = 1e-5
		weight[i] += e
		up := lossAt()
		weight[i] -= 2 * e
		want := (up - lossAt()) / (2 * e)
		weight[i] += e
		if !(math.Abs(float64(got)-want) <= 1e-6) {
			t.Fatalf("element %d is %v, expected %v", i, got, want)
		}
	}
}

func TestAdamW(t *testing.T) {
	m, _, _ := encoder(t, 1)
	m.Program.Train.WeightDecay = 0.3
	tn, err := newTuner(m, 1)
	if err != nil {
		t.Fatal(err)
	}
	p := &tn.params[0]
	var mean, square float64
	w := float64(p.value[7])
	for step := 1; step <= 3; step++ {
		g := 0.1 * float64(step)
		p.sum[7] = float32(g)
		tn.adamw(0.01)
		mean, square = 0.9*mean+0.1*g, 0.999*square+0.001*g*g
		w = w*(1-0.01*0.3) - 0.01*(mean/(1-math.Pow(0.9, float64(step))))/(math.Sqrt(square/(1-math.Pow(0.999, float64(step))))+1e-8)
	}
	if !(math.Abs(float64(p.value[7])-w) <= 1e-6) {
		t.Errorf("the weight is %v, expected %v", p.value[7], w)
	}
}

func TestFineTuneRefuses(t *testing.T) {
	o := Options{Epochs: 1, LR: 0.01}
	for want, change := range map[string]func(m *runtime.Machine, train, test *Source){
		"depend on no parameter":          func(m *runtime.Machine, _, _ *Source) { m.Program.Pullback = nil },
		"needs labelled data":             func(_ *runtime.Machine, train, _ *Source) { train.Data = noLabels{train.Data} },
		"computes no features":            func(m *runtime.Machine, _, _ *Source) { m.Program.Features = nil },
		"depend on the rest of its batch": func(m *runtime.Machine, _, _ *Source) { couple(m.Program.Features) },
		"fewer than one batch":            func(_ *runtime.Machine, train, _ *Source) { train.Max = 3 },
		"step 1: the features are not finite": func(m *runtime.Machine, _, _ *Source) {
			m.Floats(m.Program.Params[0].Tensor)[0] = float32(math.NaN())
		},
	} {
		m, train, test := encoder(t, 1)
		change(m, &train, &test)
		if _, err := FineTune(context.Background(), m, train, test, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, expected %q", err, want)
		}
	}
}

// couple makes each feature depend on the whole batch.
func couple(f *runtime.Function) {
	run, out := f.Run, f.Outputs[0]
	f.Run = func(m *runtime.Machine) {
		run(m)
		sum := float32(0)
		for _, v := range m.Floats(out) {
			sum += v
		}
		for i := range m.Floats(out) {
			m.Floats(out)[i] += sum
		}
	}
}

func TestIndependent(t *testing.T) {
	m, _, _ := encoder(t, 2)
	for _, f := range append(m.Program.Small, m.Program.Features) {
		if ok, err := Independent(m, f); !ok || err != nil {
			t.Errorf("batch %d: %v, %v", f.Outputs[0].Shape[0], ok, err)
		}
	}
	m2, _, _ := encoder(t, 1)
	run, out := m2.Program.Features.Run, m2.Program.Features.Outputs[0]
	m2.Program.Features.Run = func(m *runtime.Machine) {
		run(m)
		for i := range m.Floats(out) {
			m.Floats(out)[i] += float32(i / 5)
		}
	}
	if ok, err := Independent(m2, m2.Program.Features); ok || err != nil {
		t.Errorf("%v, %v although the place in the batch counts", ok, err)
	}
	couple(m.Program.Features)
	if ok, err := Independent(m, m.Program.Features); ok || err != nil {
		t.Errorf("%v, %v although the examples are coupled", ok, err)
	}
}

type noLabels struct{ data.Dataset }

func (noLabels) Labels() data.Labels { return data.Labels{} }
