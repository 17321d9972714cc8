package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"mspecc/internal/refcase"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/data"
)

// TestCurves trains small networks on real data for 200 steps and leaves, for each, its
// configuration, all inputs and all losses in the folder that MSPECC_CURVES names, for
// bench/curves.py to repeat with PyTorch. Without that variable it is skipped.
func TestCurves(t *testing.T) {
	dir := os.Getenv("MSPECC_CURVES")
	if dir == "" {
		t.Skip("MSPECC_CURVES names no folder to write to")
	}
	for name, set := range map[string]struct {
		input           refcase.Input
		reader, samples string
		options         map[string]string
	}{
		"fashion": {refcase.Input{Kind: "image", Shape: []int{1, 28, 28}, Patch: []int{4, 4}}, "idx", "fashion_mnist", nil},
		"sensor":  {refcase.Input{Kind: "series", Shape: []int{6, 128}, Patch: []int{4}}, "sensor_csv", "sensor", map[string]string{"window": "128"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := &refcase.Case{
				Name: name, Seed: "curves/" + name, Input: set.input, Batch: 64, MaskRatio: 0.75, Steps: 200,
				Encoder:   refcase.Net{Width: 128, Layers: 3, Heads: 4, MLPRatio: 2},
				Decoder:   refcase.Net{Width: 64, Layers: 2, Heads: 4, MLPRatio: 2},
				Objective: refcase.Objective{Name: "metamae", InnerLR: 0.5, InnerSteps: 1, SupportRatio: 0.1, ContrastWeight: 0.1, Temperature: 0.5},
				Optimizer: refcase.Optimizer{LR: 1e-4, WeightDecay: 1e-4},
			}
			root := filepath.Join("..", "..", "examples", "data", set.samples)
			want := data.Want{{Shape: c.Input.Shape}}
			train, _, err := data.Open(set.reader, set.options, os.DirFS(root), root, want, data.OpenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			batches, err := data.NewLoader(train, want, data.LoaderOptions{Batch: c.Batch, Shuffle: true})
			if err != nil {
				t.Fatal(err)
			}
			defer batches.Close()
			writeCurve(t, c, batches, dir)
		})
	}
}

// writeCurve writes DIR/NAME.json and DIR/NAME.in.safetensors, runs the steps, and keeps the
// losses as DIR/NAME.out.safetensors.
func writeCurve(t *testing.T, c *refcase.Case, batches *data.Loader, dir string) {
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(dir, c.Name)
	if err := os.WriteFile(base+".json", text, 0o644); err != nil {
		t.Fatal(err)
	}
	f := &ckpt.File{}
	for step := range c.Steps {
		b, err := batches.Batch(step)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range c.Replay(step) {
			switch x.Name {
			case "batch.x":
				f.Tensors = append(f.Tensors, ckpt.Floats(fmt.Sprintf("step%d.x", step), x.Shape, b.X))
			case "batch.mask_noise", "batch.support_noise":
				f.Tensors = append(f.Tensors, ckpt.Floats(fmt.Sprintf("step%d.%s", step, x.Name[len("batch."):]), x.Shape, x.F32))
			default:
				if step == 0 {
					f.Tensors = append(f.Tensors, ckpt.Floats(x.Name, x.Shape, x.F32))
				}
			}
		}
	}
	if err := f.WriteFile(base + ".in.safetensors"); err != nil {
		t.Fatal(err)
	}
	target := targets(t, "f32")[0]
	bin := buildCase(t, c, t.TempDir())
	got := runHarness(t, bin, base+".in.safetensors", base+".out.safetensors", target)
	t.Logf("%s: loss %.6f at the first step, %.6f at step %d", target, got["step0.loss"], got[fmt.Sprintf("step%d.loss", c.Steps-1)], c.Steps)
}
