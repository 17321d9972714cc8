package e2e

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mspecc/ir/elab"
)

// optionModel is what the options of the train block are tried on: two products with a norm between
// them, whose values are worth computing twice.
const optionModel = `import "std/nn"
model t {
    set n = 256
    fn layers(x) {
        let h = first: linear(x, 64)
        for i in 0..4 {
            let a = norm[i]: layernorm(h)
            h = block[i]: linear(gelu(a), 64)
        }
        return last: linear(h, 16)
    }
    objective() {
        let x = uniform("x", [n, 32])
        return mean(squared(layers(x) - 3 * x[:, :16]))
    }
}
fn squared(x) = x * x
`

// optionCase proves that an option does something: the train block with it leads elsewhere than that without.
type optionCase struct {
	without, with string
	differ        func(t *testing.T, v *variants, without, with string) bool // names of variants; nil: the parameters after training do
}

// trainOptions has a case for every option of elab.TrainOptions.
var trainOptions = map[string]optionCase{
	"optimizer": {"optimizer adamw(lr: 0.01)", "optimizer sgd(lr: 0.01)", nil},
	"schedule":  {"", "schedule cosine()", nil},
	"clip":      {"optimizer sgd(lr: 0.1)", "optimizer sgd(lr: 0.1)  clip 1e-3", nil},
	"steps": {"", "steps 7", func(t *testing.T, v *variants, a, b string) bool {
		return lastStep(t, v, a) == 6 && lastStep(t, v, b) == 7
	}},
	"checkpoint": {"", "checkpoint every 2", func(t *testing.T, v *variants, a, b string) bool {
		return len(saved(t, v, a)) == 1 && len(saved(t, v, b)) == 3
	}},
	"seed":      {"", "seed 5", nil},
	"precision": {"", "precision bf16", nil},
	"recompute": {"", "recompute cheap", func(t *testing.T, v *variants, a, b string) bool {
		return v.program(a).Functions[0].Again == 0 && v.program(b).Functions[0].Again > 0
	}},

	"optimizer adamw":               {"optimizer sgd()", "optimizer adamw()", nil},
	"optimizer adamw(lr)":           {"optimizer adamw()", "optimizer adamw(lr: 0.1)", nil},
	"optimizer adamw(weight_decay)": {"optimizer adamw()", "optimizer adamw(weight_decay: 0.5)", nil},
	"optimizer adamw(beta1)":        {"optimizer adamw()", "optimizer adamw(beta1: 0.5)", nil},
	"optimizer adamw(beta2)":        {"optimizer adamw()", "optimizer adamw(beta2: 0.5)", nil},
	"optimizer adamw(eps)":          {"optimizer adamw()", "optimizer adamw(eps: 0.1)", nil},
	"optimizer adam":                {"optimizer adamw(weight_decay: 0.5)", "optimizer adam(weight_decay: 0.5)", nil},
	"optimizer adam(lr)":            {"optimizer adam()", "optimizer adam(lr: 0.1)", nil},
	"optimizer adam(weight_decay)":  {"optimizer adam()", "optimizer adam(weight_decay: 0.5)", nil},
	"optimizer adam(beta1)":         {"optimizer adam()", "optimizer adam(beta1: 0.5)", nil},
	"optimizer adam(beta2)":         {"optimizer adam()", "optimizer adam(beta2: 0.5)", nil},
	"optimizer adam(eps)":           {"optimizer adam()", "optimizer adam(eps: 0.1)", nil},
	"optimizer sgd":                 {"optimizer adam()", "optimizer sgd()", nil},
	"optimizer sgd(lr)":             {"optimizer sgd()", "optimizer sgd(lr: 0.1)", nil},
	"optimizer sgd(weight_decay)":   {"optimizer sgd(lr: 0.1)", "optimizer sgd(lr: 0.1, weight_decay: 0.5)", nil},
	"optimizer sgd(momentum)":       {"optimizer sgd(lr: 0.1)", "optimizer sgd(lr: 0.1, momentum: 0.5)", nil},

	"schedule constant":         {"schedule linear()", "schedule constant()", nil},
	"schedule constant(warmup)": {"", "schedule constant(warmup: 4)", nil},
	"schedule cosine":           {"schedule linear()", "schedule cosine()", nil},
	"schedule cosine(warmup)":   {"schedule cosine()", "schedule cosine(warmup: 4)", nil},
	"schedule cosine(final)":    {"schedule cosine()", "schedule cosine(final: 0.8)", nil},
	"schedule linear":           {"", "schedule linear()", nil},
	"schedule linear(warmup)":   {"schedule linear()", "schedule linear(warmup: 4)", nil},
	"schedule linear(final)":    {"schedule linear()", "schedule linear(final: 0.8)", nil},
	"schedule step":             {"", "schedule step(2, 0.5)", nil},
	"schedule step(every)":      {"schedule step(2, 0.5)", "schedule step(3, 0.5)", nil},
	"schedule step(factor)":     {"schedule step(2, 0.5)", "schedule step(2, 0.1)", nil},
	"schedule step(warmup)":     {"schedule step(2, 0.5)", "schedule step(2, 0.5, warmup: 4)", nil},
}

// optionVariants adds the variants of the cases; equal train blocks are one variant.
func optionVariants(t *testing.T, v *variants) blocks {
	all := blocks{}
	for _, name := range elab.TrainOptions() {
		c, ok := trainOptions[name]
		if !ok {
			t.Errorf("%s: nothing proves that it does something; add a case to trainOptions", name)
		}
		for _, text := range []string{c.without, c.with} {
			if all[text] == "" {
				all[text] = fmt.Sprintf("block%d", len(all))
				steps := "  steps 6"
				if strings.Contains(text, "steps") {
					steps = ""
				}
				v.add(t, all[text], optionModel+"train { "+text+steps+" }\n")
			}
		}
	}
	for name := range trainOptions {
		if !slices.Contains(elab.TrainOptions(), name) {
			t.Errorf("there is no option %s", name)
		}
	}
	return all
}

// blocks are the names of the variants with each train block.
type blocks map[string]string

func (b blocks) check(t *testing.T, v *variants) {
	for _, name := range slices.Sorted(maps.Values(b)) {
		v.run(t, "portable", "train", "--modality", name, "--out", name, "--keep", "0", "--log-every", "1")
	}
	for name, c := range trainOptions {
		if c.differ == nil {
			c.differ = parametersDiffer
		}
		if !c.differ(t, v, b[c.without], b[c.with]) {
			t.Errorf("%s does nothing: \"%s\" leads where \"%s\" leads", name, c.with, c.without)
		}
	}
}

// parametersDiffer reports whether the last parameters of two runs differ by more than rounding does.
func parametersDiffer(t *testing.T, v *variants, a, b string) bool {
	x, y := v.checkpoint(t, a, lastStep(t, v, a)), v.checkpoint(t, b, lastStep(t, v, b))
	w, _ := x.Find("last.weight")
	u, _ := y.Find("last.weight")
	return distance(floats(u), floats(w)) > 1e-5
}

func saved(t *testing.T, v *variants, run string) []string {
	names, err := filepath.Glob(filepath.Join(v.dir, run, "checkpoints", "step-*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: no checkpoint (%v)", run, err)
	}
	return names
}

func lastStep(t *testing.T, v *variants, run string) (step int) {
	names := saved(t, v, run)
	if _, err := fmt.Sscanf(filepath.Base(names[len(names)-1]), "step-%d", &step); err != nil {
		t.Fatal(err)
	}
	return step
}
