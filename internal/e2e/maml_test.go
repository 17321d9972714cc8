package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"mspecc/internal/refcase"
	"mspecc/ir/elab"
	"mspecc/runtime/ckpt"
)

// mamlCase is testdata/maml.json: a configuration of examples/maml.mspec, and what
// bench/maml_torch.py computed for it in float64.
type mamlCase struct {
	Seed       string               `json:"seed"` // text that the draws start from
	Tasks      int                  `json:"tasks"`
	Points     int                  `json:"points"`
	Hidden     int                  `json:"hidden"`
	InnerLR    float64              `json:"inner_lr"`
	InnerSteps int                  `json:"inner_steps"`
	FirstOrder bool                 `json:"first_order"`
	Before     float64              `json:"before"` // test error before adaptation
	Loss       float64              `json:"loss"`   // and after it
	Param      map[string][]float64 `json:"param"`
	Grad       map[string][]float64 `json:"grad"`
}

// TestMAML: loss and second-order gradients of a model without data, whose inner loop
// adapts all weights, against PyTorch.
func TestMAML(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "maml.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c mamlCase
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	bin := buildSpec(t, filepath.Join("..", "..", "examples", "maml.mspec"), dir, elab.Options{Set: []string{
		fmt.Sprintf("tasks=%d", c.Tasks), fmt.Sprintf("points=%d", c.Points), fmt.Sprintf("hidden=%d", c.Hidden),
		fmt.Sprintf("inner_lr=%v", c.InnerLR), fmt.Sprintf("inner_steps=%d", c.InnerSteps), fmt.Sprintf("first_order=%v", c.FirstOrder),
	}})
	in := c.write(t, dir)
	out := filepath.Join(dir, "out.safetensors")
	for _, target := range targets(t, "f32") {
		c.check(t, target, runHarness(t, bin, in, out, target))
	}
}

// write writes the parameters and the draws of the tasks for the harness.
func (c *mamlCase) write(t *testing.T, dir string) string {
	f := &ckpt.File{}
	put := func(name string, values []float64, shape ...int) {
		x := make([]float32, len(values))
		for i, v := range values {
			x[i] = float32(v)
		}
		f.Tensors = append(f.Tensors, ckpt.Floats(name, shape, x))
	}
	for name, shape := range map[string][]int{
		"w1": {1, c.Hidden}, "b1": {c.Hidden}, "w2": {c.Hidden, c.Hidden}, "b2": {c.Hidden}, "w3": {c.Hidden, 1}, "b3": {1},
	} {
		put("param."+name, c.Param[name], shape...)
	}
	for name, points := range map[string]int{"amplitude": 1, "phase": 1, "train_points": c.Points, "test_points": c.Points} {
		put("step0."+name, refcase.Uniform(c.Seed+"/"+name, c.Tasks*points), c.Tasks, points, 1)
	}
	file := filepath.Join(dir, "in.safetensors")
	if err := f.WriteFile(file); err != nil {
		t.Fatal(err)
	}
	return file
}

// check compares what the trainer computed.
func (c *mamlCase) check(t *testing.T, target string, got map[string][]float64) {
	for name, want := range map[string]float64{"loss": c.Loss, "before": c.Before} {
		if v := got["replay."+name]; len(v) != 1 || refcase.RelError(v[0], want) > 1e-5 {
			t.Errorf("%s: %s is %v, PyTorch has %v", target, name, v, want)
		}
	}
	if len(c.Grad) != 6 {
		t.Fatalf("%d gradients in the file, 6 expected", len(c.Grad))
	}
	for name, want := range c.Grad {
		g := got["replay.grad."+name]
		if len(g) != len(want) {
			t.Errorf("%s: the gradient of %s has %d values, PyTorch's %d", target, name, len(g), len(want))
			continue
		}
		var off, norm float64
		for i, w := range want {
			off += (g[i] - w) * (g[i] - w)
			norm += w * w
		}
		if e := math.Sqrt(off / norm); !(e <= 1e-4) {
			t.Errorf("%s: the gradient of %s is off by %.2g of its norm", target, name, e)
		}
	}
}
