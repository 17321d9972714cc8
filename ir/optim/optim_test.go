package optim_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"mspecc/ir"
	"mspecc/ir/elab"
	"mspecc/ir/optim"
	"mspecc/runtime"
	"mspecc/runtime/train"
	"mspecc/spec"
)

// torchCase is a training run of PyTorch's in testdata/optimisers.json.
type torchCase struct {
	Name  string                          `json:"name"`
	Train string                          `json:"train"`
	After map[string]map[string][]float64 `json:"after"` // by step and parameter
}

func torchCases(t *testing.T) (steps int, cases []torchCase) {
	t.Helper()
	text, err := os.ReadFile("testdata/optimisers.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Steps int         `json:"steps"`
		Cases []torchCase `json:"cases"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all.Steps, all.Cases
}

// Every optimiser is PyTorch's, in float64: what it computes is what its entry says.
func TestAsPyTorch(t *testing.T) {
	model, err := os.ReadFile("testdata/model.mspec")
	if err != nil {
		t.Fatal(err)
	}
	steps, cases := torchCases(t)
	tried := map[string]bool{}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "m.mspec")
			if err := os.WriteFile(file, append(model, "train { "+c.Train+" }\n"...), 0o644); err != nil {
				t.Fatal(err)
			}
			m, diags := elab.Load(file, elab.Options{})
			if spec.HasErrors(diags) {
				t.Fatal(diags)
			}
			v := m.Variants[0]
			tried[v.Train.Optimizer] = true
			r := newRun(t, v)
			for step := 1; step <= steps; step++ {
				r.step(t, step, steps)
				for name, want := range c.After[strconv.Itoa(step)] {
					if e := distance(r.params[name], want); !(e <= 1e-12) {
						t.Fatalf("step %d: %s is %v, PyTorch has %v (%.2g of the norm)", step, name, r.params[name], want, e)
					}
				}
			}
		})
	}
	for _, name := range optim.Names() {
		if !tried[name] {
			t.Errorf("no case of PyTorch's has the optimiser %s", name)
		}
	}
}

// run trains in the interpreter, a parameter at a time.
type run struct {
	v      *elab.Variant
	grads  []*ir.Value
	params map[string][]float64
	state  map[string][][]float64
}

func newRun(t *testing.T, v *elab.Variant) *run {
	r := &run{v: v, params: map[string][]float64{}, state: map[string][][]float64{}}
	r.grads = v.Replay.B.Grad(v.Replay.Outputs[0].Value, v.Replay.Params...)
	o, _ := optim.Find(v.Train.Optimizer)
	for _, p := range v.Replay.Params {
		r.params[p.Attr.Name] = slices.Repeat([]float64{p.Attr.Init.A}, p.Len())
		for range o.State(v.Train.Settings) {
			r.state[p.Attr.Name] = append(r.state[p.Attr.Name], make([]float64, p.Len()))
		}
	}
	return r
}

func (r *run) step(t *testing.T, step, steps int) {
	t.Helper()
	s := r.v.Train
	grads, err := ir.Eval(r.params, r.grads...)
	if err != nil {
		t.Fatal(err)
	}
	norm := 0.0
	for _, g := range grads {
		for _, x := range g {
			norm += x * x
		}
	}
	scale := 1.0
	if s.Clip > 0 {
		scale = min(1, s.Clip/(math.Sqrt(norm)+1e-6))
	}
	c := s.Schedule
	rate := train.LearningRate(runtime.Schedule{Kind: c.Kind, Warmup: c.Warmup, Every: c.Every, Factor: c.Factor}, s.LR, step, steps)
	o, _ := optim.Find(s.Optimizer)
	for i, p := range r.v.Replay.Params {
		name := p.Attr.Name
		if slices.Contains(r.v.Frozen, name) {
			continue
		}
		b := ir.NewBuilder()
		region := func(name string) *ir.Value { return b.Input(name, ir.F32, []int{p.Len()}) }
		feed := map[string][]float64{"p": r.params[name], "g": grads[i], "opt.lr": {rate},
			"opt.bias1": {1 - math.Pow(s.Beta1, float64(step))}, "opt.bias2": {1 - math.Pow(s.Beta2, float64(step))}}
		for k := range feed["g"] {
			feed["g"][k] *= scale
		}
		var state []*ir.Value
		for k, x := range r.state[name] {
			feed["s"+strconv.Itoa(k)] = x
			state = append(state, region("s"+strconv.Itoa(k)))
		}
		after, kept := o.Update(optim.NewUpdate(b, s.Settings, region("p"), region("g"), state))
		got, err := ir.Eval(feed, append([]*ir.Value{after}, kept...)...)
		if err != nil {
			t.Fatal(err)
		}
		r.params[name], r.state[name] = got[0], got[1:]
	}
}

// distance is that of x from y over the norm of y.
func distance(x, y []float64) float64 {
	if len(x) != len(y) {
		return math.Inf(1)
	}
	off, norm := 0.0, 0.0
	for i := range y {
		off += (x[i] - y[i]) * (x[i] - y[i])
		norm += y[i] * y[i]
	}
	return math.Sqrt(off / norm)
}
