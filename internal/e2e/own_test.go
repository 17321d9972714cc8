package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A module outside this repository with a main and a data reader of its own, for a model with
// two inputs: trained, evaluated, shown and resumed.
func TestOwnReader(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a compiler and a trainer")
	}
	dir := t.TempDir()
	run := func(name string, args ...string) (string, error) {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	must := func(name string, args ...string) string {
		t.Helper()
		out, err := run(name, args...)
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return out
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "mspecc"), "./cmd/mspecc")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, from := range map[string]string{"main.go": "main.go.txt", "squares.mspec": "spec.txt"} {
		text, err := os.ReadFile(filepath.Join("testdata", "own", from))
		if err != nil {
			t.Fatal(err)
		}
		if name == "squares.mspec" {
			text = append([]byte(fmt.Sprintf("import %q\n\n", filepath.ToSlash(root)+"/examples/metamae")), text...)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writeSquares(t, filepath.Join(dir, "data"))
	must("./mspecc", "build", "squares.mspec", "--emit", "model", "--library")
	must("go", "mod", "init", "mine")
	must("go", "work", "init", ".", "./model", "./model/mspecc")
	must("go", "build", "-trimpath", "-o", "mine", ".")

	must("./mine", "train", "--data", "data", "--steps", "40", "--checkpoint-every", "20", "--out", "run", "--log-every", "20")
	if curve := losses(t, filepath.Join(dir, "run", "metrics.jsonl")); len(curve) != 2 || !(curve[1] < curve[0]) {
		t.Errorf("losses %v do not fall", curve)
	}
	// Resumed in the middle, decoded by another number of threads: the same bits.
	must("./mine", "train", "--data", "data", "--steps", "40", "--resume", "run/checkpoints/step-00000020.safetensors", "--out", "again", "--threads", "1")
	a, err := os.ReadFile(filepath.Join(dir, "run", "checkpoints", "step-00000040.safetensors"))
	b, err2 := os.ReadFile(filepath.Join(dir, "again", "checkpoints", "step-00000040.safetensors"))
	if err != nil || err2 != nil || string(a) != string(b) {
		t.Errorf("the resumed run ends with other parameters (%v, %v)", err, err2)
	}
	out := must("./mine", "eval", "--data", "data", "--task", "again", "--checkpoint", "run", "--methods", "linear,finetune", "--epochs", "30", "--tune-epochs", "1", "--baselines", "random,raw", "--no-feature-cache")
	if !strings.Contains(out, "weighted f1") || !strings.Contains(out, "160 training and 40 test") {
		t.Errorf("evaluation:\n%s", out)
	}
	out = must("./mine", "reconstruct", "--data", "data", "--checkpoint", "run", "--count", "4")
	if !strings.Contains(out, "image: 4 examples, mean squared error") || !strings.Contains(out, ": 4 examples, token accuracy") {
		t.Errorf("reconstruct:\n%s", out)
	}
	must("./mine", "embed", "--data", "data", "--checkpoint", "run", "--out", "f.npy")
	must("./mine", "bench", "--steps", "2")
	must("./mine", "export", "--checkpoint", "run", "--out", "m.onnx")
	if out := must("./mine", "data", "check", "--data", "data"); !strings.Contains(out, "1 files read") {
		t.Errorf("data check:\n%s", out)
	}
	for _, c := range []struct{ file, want string }{{"0 1 2\n", "line 1: has 3 numbers, expected 17"}, {"", "holds 0 examples"}} {
		if err := os.WriteFile(filepath.Join(dir, "data", "bad.txt"), []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := run("./mine", "train", "--data", "data", "--data-option", "file=bad.txt", "--out", "none")
		if err == nil || !strings.Contains(out, c.want) || strings.Count(out, "\n") != 1 {
			t.Errorf("bad data: %v\n%s", err, out)
		}
		if _, err := os.Stat(filepath.Join(dir, "none")); err == nil {
			t.Error("a run directory was made for data that cannot be read")
		}
	}
}

// writeSquares writes 200 pictures, 50 for each corner.
func writeSquares(t *testing.T, dir string) {
	t.Helper()
	var b strings.Builder
	for i := range 200 {
		corner := i % 4
		fmt.Fprint(&b, corner)
		for p := range 16 {
			v := float64(i*p%7) / 40
			if p/8 == corner/2 && p%4/2 == corner%2 {
				v += 1
			}
			fmt.Fprintf(&b, " %.3f", v)
		}
		fmt.Fprintln(&b)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "squares.txt"), []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// losses are those of a run's log.
func losses(t *testing.T, name string) []float64 {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var out []float64
	for line := range strings.Lines(string(text)) {
		var r struct{ Loss *float64 }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.Loss != nil {
			out = append(out, *r.Loss)
		}
	}
	return out
}
