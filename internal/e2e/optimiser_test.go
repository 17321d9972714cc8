package e2e

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mspecc/codegen"
	"mspecc/ir/build"
	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/spec"
)

// TestOptimisers: every optimiser trains as PyTorch's does, on both kinds of kernels; what it keeps is in the
// checkpoint under its name, and no more; a resumed run goes on bit by bit; a parameter that no gradient
// reaches stays as it is, and one whose gradient is zero decays.
func TestOptimisers(t *testing.T) {
	o := newOptimiserCases(t)
	for _, target := range []string{"avx512", "portable"} {
		if target == "avx512" && !runtime.HasAVX512() {
			continue
		}
		for _, c := range o.Cases {
			t.Run(target+"/"+c.Name, func(t *testing.T) {
				out := filepath.Join(target, c.Name)
				o.run(t, target, "train", "--modality", c.Name, "--out", out, "--checkpoint-every", "10", "--keep", "99")
				for step, want := range c.After {
					if n, _ := strconv.Atoi(step); n%10 == 0 {
						c.check(t, o.checkpoint(t, out, n), want)
					}
				}
				if target == "avx512" && c.Name != "sgd_momentum" && c.Name != "adam_decay" {
					return
				}
				half := filepath.Join(target, c.Name+"-half")
				o.run(t, target, "train", "--modality", c.Name, "--out", half, "--steps", "50", "--time-limit", "1ns")
				for range 2 {
					o.run(t, target, "train", "--modality", c.Name, "--resume", half)
				}
				a, b := o.checkpoint(t, out, 50), o.checkpoint(t, half, 50)
				for i, x := range a.Tensors {
					if string(x.Data) != string(b.Tensors[i].Data) {
						t.Errorf("%s of a resumed run has other bits", x.Name)
					}
				}
			})
		}
	}
	info := o.run(t, "portable", "info", "--modality", "sgd_momentum")
	if want := "sgd, lr 0.02, weight decay 0.05, momentum 0.9"; !strings.Contains(info, want) {
		t.Errorf("info lacks %q:\n%s", want, info)
	}
}

// optimiserCases are training runs of PyTorch's, and a trainer with a variant for each.
type optimiserCases struct {
	Steps int             `json:"steps"`
	Cases []optimiserCase `json:"cases"`
	dir   string
	bin   string
}

type optimiserCase struct {
	Name  string                          `json:"name"`
	Train string                          `json:"train"`
	After map[string]map[string][]float64 `json:"after"` // by step and parameter
}

func newOptimiserCases(t *testing.T) *optimiserCases {
	t.Helper()
	o := &optimiserCases{dir: t.TempDir()}
	data := filepath.Join("..", "..", "ir", "optim", "testdata")
	text, err := os.ReadFile(filepath.Join(data, "optimisers.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, o); err != nil {
		t.Fatal(err)
	}
	model, err := os.ReadFile(filepath.Join(data, "model.mspec"))
	if err != nil {
		t.Fatal(err)
	}
	var all *build.Model
	for _, c := range o.Cases {
		file := filepath.Join(o.dir, c.Name+".mspec")
		if err := os.WriteFile(file, append(model, "train { steps "+strconv.Itoa(o.Steps)+"  "+c.Train+" }\n"...), 0o644); err != nil {
			t.Fatal(err)
		}
		m, diags := build.Load(file, build.Options{})
		if spec.HasErrors(diags) {
			t.Fatal(diags)
		}
		if len(diags) != 1 || diags[0].Code != "W006" || !strings.Contains(diags[0].Msg, "frozen") {
			t.Errorf("diagnostics %v, expected one of frozen", diags)
		}
		m.Variants[0].Modality.Name = c.Name
		if all == nil {
			all = m
		} else {
			all.Variants = append(all.Variants, m.Variants[0])
		}
	}
	mod, err := codegen.Compile(all, codegen.Options{Target: "auto"})
	if err != nil {
		t.Fatal(err)
	}
	o.bin = buildModule(t, mod, o.dir, "package main\n")
	return o
}

func (o *optimiserCases) run(t *testing.T, target string, args ...string) string {
	t.Helper()
	cmd := exec.Command(o.bin, args...)
	cmd.Dir = o.dir
	cmd.Env = append(os.Environ(), "GODEBUG=")
	if target == "portable" {
		cmd.Env = append(cmd.Env, "GODEBUG=cpu.avx512f=off")
	}
	out, err := cmd.CombinedOutput()
	if exit := cmd.ProcessState; err != nil && (exit == nil || exit.ExitCode() != 3) { // stopped with everything saved
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (o *optimiserCases) checkpoint(t *testing.T, run string, step int) *ckpt.File {
	t.Helper()
	f, err := ckpt.ReadFile(filepath.Join(o.dir, run, "checkpoints", "step-"+pad(step)+".safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func pad(step int) string { return strings.Repeat("0", 8-len(strconv.Itoa(step))) + strconv.Itoa(step) }

// check compares a checkpoint with PyTorch's parameters.
func (c *optimiserCase) check(t *testing.T, f *ckpt.File, want map[string][]float64) {
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
		var got []float64
		for i := 0; i < len(x.Data); i += 4 {
			got = append(got, float64(math.Float32frombits(binary.LittleEndian.Uint32(x.Data[i:]))))
		}
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
