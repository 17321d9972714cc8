// Package e2e builds trainers from specs and holds their numbers against the reference.
package e2e

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mspecc/codegen"
	"mspecc/internal/refcase"
	"mspecc/ir/elab"
	"mspecc/kernels/kerneltest"
	"mspecc/runtime/ckpt"
	"mspecc/spec"
)

//go:embed testdata/harness.go.txt
var harness string

// TestCases: every loss of every step, every gradient and the features of each reference
// case, with the kernels of each target, the same bits on any number of
// threads, and no allocation once training is under way.
func TestCases(t *testing.T) {
	cases, err := refcase.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			if os.Getenv("MSPECC_SLOW") == "" && strings.HasSuffix(c.Name, "_full") {
				t.Skip("a case of full size takes a minute: it runs where MSPECC_SLOW is set, as .ci/run does")
			}
			dir := t.TempDir()
			bin := buildCase(t, c, dir)
			in := writeInputs(t, c, dir)
			others := [][]string{threads("3", steady)}
			switch {
			case c.Name == "series_small":
				others = append(others, threads("2"), threads("8"))
			case strings.HasSuffix(c.Name, "_full"):
				others = [][]string{threads("3")}
			}
			runTargets(t, c, c.F32(), "f32", bin, in, others...)
		})
	}
}

// TestCasesBF16: with operands of products in bf16, losses are within 1 % of the reference's
// in float64 and gradients within 10 % of their norm, on every target.
func TestCasesBF16(t *testing.T) {
	for _, name := range []string{"series_small", "image_small", "tokens_small"} {
		t.Run(name, func(t *testing.T) {
			c := loadCase(t, name)
			dir := t.TempDir()
			bin := buildCase(t, c, dir, "precision=bf16")
			in := writeInputs(t, c, dir)
			runTargets(t, c, c.BF16(), "bf16", bin, in, threads("3", steady))
		})
	}
}

// TestCasesRecompute: with values computed again to save memory, the numbers are the reference's too.
func TestCasesRecompute(t *testing.T) {
	for _, name := range []string{"series_small", "two_inner_steps_small"} {
		t.Run(name, func(t *testing.T) {
			c := loadCase(t, name)
			dir := t.TempDir()
			bin := buildCase(t, c, dir, "recompute=all")
			in := writeInputs(t, c, dir)
			runTargets(t, c, c.F32(), "f32", bin, in, threads("2"), threads("3"), threads("8"))
		})
	}
}

// loadCase reads one reference case.
func loadCase(t *testing.T, name string) *refcase.Case {
	t.Helper()
	folder, err := refcase.Dir()
	if err != nil {
		t.Fatal(err)
	}
	c, err := refcase.Load(filepath.Join(folder, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// buildCase compiles a case's spec, with the harness beside the generated code.
func buildCase(t *testing.T, c *refcase.Case, dir string, set ...string) string {
	text, sets, err := c.SpecFor()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "case.mspec")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return buildSpec(t, file, dir, elab.Options{Set: append(sets, set...), Modalities: []string{c.Name}})
}

func buildSpec(t *testing.T, file, dir string, opt elab.Options) string {
	t.Helper()
	m, diags := elab.Load(file, opt)
	if m == nil {
		var s strings.Builder
		spec.Render(&s, diags, nil)
		t.Fatal(s.String())
	}
	mod, err := codegen.Compile(m, codegen.Options{Targets: compiled()})
	if err != nil {
		t.Fatal(err)
	}
	if f := mod.Targets[0].Programs[0].Functions[0]; m.Variants[0].Train.Recompute == "all" && f.Again == 0 {
		t.Errorf("%s computes nothing again", f.Name)
	}
	return buildModule(t, mod, dir, harness)
}

// buildModule builds a generated module with a harness beside it.
func buildModule(t *testing.T, mod *codegen.Module, dir, harness string) string {
	t.Helper()
	files, err := mod.Files()
	if err != nil {
		t.Fatal(err)
	}
	files["harness.go"] = []byte(harness)
	module := filepath.Join(dir, "module")
	if err := codegen.WriteTree(module, files, ""); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "trainer")
	cmd := exec.Command("go", "build", "-trimpath", "-o", bin, ".") // without its path, the run-time library is compiled once for all
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOARCH="+kerneltest.Arch())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// writeInputs writes parameters and the draws of every step.
func writeInputs(t *testing.T, c *refcase.Case, dir string) string {
	f := &ckpt.File{}
	for step := range c.Steps {
		for _, x := range c.Replay(step) {
			name, isParam := x.Name, strings.HasPrefix(x.Name, "param.")
			if isParam && step > 0 {
				continue
			}
			if !isParam {
				name = fmt.Sprintf("step%d.%s", step, strings.TrimPrefix(name, "batch."))
			}
			if x.I32 != nil {
				f.Tensors = append(f.Tensors, ckpt.Ints(name, x.Shape, x.I32))
			} else {
				f.Tensors = append(f.Tensors, ckpt.Floats(name, x.Shape, x.F32))
			}
		}
	}
	name := filepath.Join(dir, "in.safetensors")
	if err := f.WriteFile(name); err != nil {
		t.Fatal(err)
	}
	return name
}

// runTargets runs the trainer of a case on every target: portable kernels once, the others in each way.
func runTargets(t *testing.T, c *refcase.Case, tol refcase.Tolerance, precision, bin, in string, others ...[]string) {
	t.Helper()
	for _, target := range targets(t, precision) {
		run := func(env ...string) []byte { return runCase(t, c, tol, bin, in, target, env...) }
		if target == "portable" {
			run(threads("2")...)
			continue
		}
		sameBits(t, target, run, others...)
	}
}

// runCase runs the trainer on the case and compares; it returns the raw results.
func runCase(t *testing.T, c *refcase.Case, tol refcase.Tolerance, bin, in, target string, env ...string) []byte {
	t.Helper()
	out := filepath.Join(filepath.Dir(in), "out.safetensors")
	got := runHarness(t, bin, in, out, target, env...)
	for step := range c.Steps {
		losses := map[string]float64{}
		for _, term := range []string{"loss", "inner_loss", "outer_loss", "contrast_loss"} {
			if v, ok := got[fmt.Sprintf("step%d.%s", step, term)]; ok {
				losses[term] = v[0]
			}
		}
		if err := c.CheckLosses(step, losses, tol); err != nil {
			t.Errorf("%s: step %d: %v", target, step, err)
		}
	}
	for _, p := range c.Params() {
		if err := c.CheckGrad(p, got["replay.grad."+p.Name], tol); err != nil {
			t.Errorf("%s: %v", target, err)
		}
	}
	if err := c.CheckFeatures(got["features.features"], tol); err != nil {
		t.Errorf("%s: %v", target, err)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// runHarness runs a binary with a harness and gives the tensors it wrote.
func runHarness(t *testing.T, bin, in, out, target string, env ...string) map[string][]float64 {
	t.Helper()
	cmd := kerneltest.Command(bin)
	cmd.Env = environ(target, append(env, "MSPECC_CASE_IN="+in, "MSPECC_CASE_OUT="+out)...)
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", target, err, text)
	}
	if got := strings.TrimSpace(string(text)); got != target {
		t.Fatalf("the %s kernels ran, %s were wanted", got, target)
	}
	f, err := ckpt.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]float64{}
	for _, x := range f.Tensors {
		v := make([]float64, len(x.Data)/4)
		for i := range v {
			v[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(x.Data[4*i:])))
		}
		got[x.Name] = v
	}
	return got
}
