package e2e

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mspecc/codegen"
	"mspecc/ir/elab"
	"mspecc/runtime/ckpt"
	"mspecc/spec"
)

// TestTrainBlock: a train block does what it says. What PyTorch's optimisers do, and that every option
// matters, is tried with one trainer, which has a variant for each case.
func TestTrainBlock(t *testing.T) {
	torch := torchCases(t)
	v := &variants{dir: t.TempDir()}
	for _, c := range torch.Cases {
		if diags := v.add(t, c.Name, torch.model+"train { steps "+strconv.Itoa(torch.Steps)+"  "+c.Train+" }\n"); len(diags) != 1 || diags[0].Code != "W006" {
			t.Errorf("diagnostics %v, expected one of frozen", diags)
		}
	}
	options := optionVariants(t, v)
	v.build(t)
	for _, target := range targets(t, "f32") {
		for _, c := range torch.Cases {
			t.Run(target+"/"+c.Name, func(t *testing.T) { c.try(t, v, target) })
		}
	}
	info := v.run(t, "portable", "info", "--modality", "sgd_momentum")
	for _, want := range []string{"sgd, lr 0.02, weight decay 0.05, momentum 0.9, gradients clipped to a norm of 0.5", "frozen .*no gradient reaches it"} {
		if !regexp.MustCompile(want).MatchString(info) {
			t.Errorf("info lacks %q:\n%s", want, info)
		}
	}
	t.Run("options", func(t *testing.T) { options.check(t, v) })
}

// variants are specs without data, compiled into one trainer.
type variants struct {
	dir, bin string
	model    *elab.Model
	mod      *codegen.Module
}

// add makes a spec a variant.
func (v *variants) add(t *testing.T, name, text string) []spec.Diagnostic {
	t.Helper()
	file := filepath.Join(v.dir, name+".mspec")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	m, diags := elab.Load(file, elab.Options{})
	if spec.HasErrors(diags) {
		t.Fatalf("%s\n%v", text, diags)
	}
	m.Variants[0].Modality.Name = name
	if v.model == nil {
		v.model = m
	} else {
		v.model.Variants = append(v.model.Variants, m.Variants[0])
	}
	return diags
}

func (v *variants) build(t *testing.T) {
	t.Helper()
	mod, err := codegen.Compile(v.model, codegen.Options{Targets: compiled()})
	if err != nil {
		t.Fatal(err)
	}
	v.mod, v.bin = mod, buildModule(t, mod, v.dir, "package main\n")
}

// program is what a variant was compiled to.
func (v *variants) program(name string) *codegen.Program {
	return v.mod.Targets[0].Programs[slices.IndexFunc(v.model.Variants, func(x *elab.Variant) bool { return x.Modality.Name == name })]
}

func (v *variants) run(t *testing.T, target string, args ...string) string {
	t.Helper()
	cmd := exec.Command(v.bin, args...)
	cmd.Dir = v.dir
	cmd.Env = environ(target)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState.ExitCode() != 3 { // stopped with everything saved
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (v *variants) checkpoint(t *testing.T, run string, step int) *ckpt.File {
	t.Helper()
	f, err := ckpt.ReadFile(filepath.Join(v.dir, run, "checkpoints", fmt.Sprintf("step-%08d.safetensors", step)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// torchRuns are training runs of PyTorch's.
type torchRuns struct {
	Steps int         `json:"steps"`
	Cases []torchCase `json:"cases"`
	model string
}

type torchCase struct {
	Name  string                          `json:"name"`
	Train string                          `json:"train"`
	After map[string]map[string][]float64 `json:"after"` // by step and parameter
}

func torchCases(t *testing.T) torchRuns {
	t.Helper()
	data := filepath.Join("..", "..", "ir", "optim", "testdata")
	text, err := os.ReadFile(filepath.Join(data, "optimisers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all torchRuns
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	model, err := os.ReadFile(filepath.Join(data, "model.mspec"))
	if err != nil {
		t.Fatal(err)
	}
	all.model = string(model)
	return all
}

// try trains as PyTorch did. What the optimiser keeps is in the checkpoint under its name, and no more, a
// resumed run goes on bit by bit, a parameter that no gradient reaches stays as it is, and one whose
// gradient is zero decays.
func (c *torchCase) try(t *testing.T, v *variants, target string) {
	out := filepath.Join(target, c.Name)
	v.run(t, target, "train", "--modality", c.Name, "--out", out, "--checkpoint-every", "10", "--keep", "99")
	for step, want := range c.After {
		if n, _ := strconv.Atoi(step); n%10 == 0 {
			c.check(t, v.checkpoint(t, out, n), want)
		}
	}
	if target != "portable" && c.Name != "sgd_momentum" && c.Name != "adam_decay" {
		return
	}
	half := filepath.Join(target, c.Name+"-half")
	v.run(t, target, "train", "--modality", c.Name, "--out", half, "--time-limit", "1ns")
	v.run(t, target, "train", "--modality", c.Name, "--resume", half, "--time-limit", "1ns")
	v.run(t, target, "train", "--modality", c.Name, "--resume", half)
	a, b := v.checkpoint(t, out, 50), v.checkpoint(t, half, 50)
	for i, x := range a.Tensors {
		if string(x.Data) != string(b.Tensors[i].Data) {
			t.Errorf("%s of a resumed run has other bits", x.Name)
		}
	}
}

// check compares a checkpoint with PyTorch's parameters.
func (c *torchCase) check(t *testing.T, f *ckpt.File, want map[string][]float64) {
	t.Helper()
	keeps := []string{"adam.m", "adam.v"}
	switch {
	case c.Name == "sgd" || c.Name == "sgd_decay":
		keeps = nil
	case strings.HasPrefix(c.Name, "sgd"):
		keeps = []string{"sgd.momentum"}
	}
	var names, tensors []string
	for _, p := range []string{"w", "b", "zero", "frozen"} {
		names = append(names, p)
		x, ok := f.Find(p)
		if !ok {
			t.Fatalf("no parameter %s", p)
		}
		got := floats(x)
		if e := distance(got, want[p]); !(e <= 1e-6) {
			t.Errorf("%s is %v, PyTorch has %v: off by %.2g of the norm", p, got, want[p], e)
		}
	}
	for _, s := range keeps {
		for _, p := range []string{"w", "b", "zero", "frozen"} {
			names = append(names, s+"/"+p)
		}
	}
	for _, x := range f.Tensors {
		tensors = append(tensors, x.Name)
	}
	slices.Sort(names)
	slices.Sort(tensors)
	if !slices.Equal(names, tensors) {
		t.Errorf("the checkpoint holds %v, expected %v", tensors, names)
	}
}

func floats(x ckpt.Tensor) (values []float64) {
	for i := 0; i < len(x.Data); i += 4 {
		values = append(values, float64(math.Float32frombits(binary.LittleEndian.Uint32(x.Data[i:]))))
	}
	return values
}
