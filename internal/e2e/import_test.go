package e2e

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mspecc/codegen"
	"mspecc/internal/pytest"
	"mspecc/internal/refcase"
	"mspecc/ir/elab"
	"mspecc/runtime/ckpt"
	"mspecc/spec"
)

// trainer builds the trainer of a case, with its command line.
func trainer(t *testing.T, c *refcase.Case, dir string) func(args ...string) string {
	t.Helper()
	text, sets, err := c.SpecFor()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, c.Name+".mspec")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	m, diags := elab.Load(file, elab.Options{Set: sets, Modalities: []string{c.Name}})
	if spec.HasErrors(diags) {
		t.Fatal(diags)
	}
	mod, err := codegen.Compile(m, codegen.Options{Targets: compiled()})
	if err != nil {
		t.Fatal(err)
	}
	bin := buildModule(t, mod, dir, "package main\n")
	return func(args ...string) string {
		t.Helper()
		cmd := exec.Command(bin, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
}

// TestImport: checkpoints that PyTorch wrote, in both of its formats and below model. and
// module., become a trainer's parameters bit by bit; the features that the trainer then
// computes are the reference's; and PyTorch reads what the trainer exports.
func TestImport(t *testing.T) {
	folder, err := filepath.Abs(filepath.Join("testdata", "torch"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := refcase.Load(filepath.Join(folder, "case.json"))
	if err != nil {
		t.Fatal(err)
	}
	c.Name = "rows"
	dir := t.TempDir()
	run := trainer(t, c, dir)
	read := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}

	for _, format := range []string{"zip", "legacy"} {
		out := run("import", "--in", filepath.Join(folder, format+".pth"), "--out", format+".safetensors")
		for _, want := range []string{`found below "model.module."`, "left out 4 tensors", "model.module.inner_lr"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: import says %q, expected %q", format, out, want)
			}
		}
	}
	if !bytes.Equal(read("zip.safetensors"), read("legacy.safetensors")) {
		t.Error("the two formats give different checkpoints")
	}
	f, err := ckpt.Parse("zip.safetensors", read("zip.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Params() {
		got, _ := f.Find(p.Name)
		if want := ckpt.Floats(p.Name, p.Shape, convert[float32](c.Values(p))); !bytes.Equal(got.Data, want.Data) {
			t.Errorf("%s differs from what PyTorch saved", p.Name)
		}
	}

	writeRows(t, c, filepath.Join(dir, "data"))
	run("embed", "--checkpoint", "zip.safetensors", "--data", "data", "--reader", "higgs", "--out", "f.npy")
	compareFeatures(t, read("f.npy"), filepath.Join(folder, "expect.json"))

	run("export", "--checkpoint", "zip.safetensors", "--out", "back.pth")
	run("import", "--in", "back.pth", "--out", "back.safetensors")
	if !bytes.Equal(read("zip.safetensors"), read("back.safetensors")) {
		t.Error("exported and imported again, the checkpoint differs")
	}
	run("export", "--checkpoint", "zip.safetensors", "--out", "plain.safetensors")
	t.Run("pytorch", func(t *testing.T) {
		out := pytest.Run(t, []string{"torch", "safetensors"}, filepath.Join(folder, "same.py"), filepath.Join(folder, "zip.pth"), filepath.Join(dir, "back.pth"), filepath.Join(dir, "plain.safetensors"))
		if got := strings.TrimSpace(string(out)); got != fmt.Sprint(len(c.Params())) {
			t.Errorf("PyTorch finds %s parameters, expected %d", got, len(c.Params()))
		}
	})
}

// TestONNX: onnxruntime computes from an exported file what the trainer computes itself,
// for several batches at once.
func TestONNX(t *testing.T) {
	c, err := refcase.Load(filepath.Join("testdata", "torch", "case.json"))
	if err != nil {
		t.Fatal(err)
	}
	c.Name = "rows"
	dir := t.TempDir()
	run := trainer(t, c, dir)
	in, err := filepath.Abs(filepath.Join("testdata", "torch", "zip.pth"))
	if err != nil {
		t.Fatal(err)
	}
	run("import", "--in", in, "--out", "c.safetensors")
	if out := run("export", "--checkpoint", "c.safetensors", "--out", "e.onnx"); !strings.Contains(out, "batches of any size") {
		t.Errorf("export says %q", out)
	}
	writeRows(t, c, filepath.Join(dir, "data"))
	run("embed", "--checkpoint", "c.safetensors", "--data", "data", "--reader", "higgs", "--out", "f.npy")
	x := map[string]any{"kind": "f32", "shape": []int{c.Batch, 1, 28}, "data": convert[float32](c.Step(0).X)}
	text, err := json.Marshal([]any{map[string]any{"model": filepath.Join(dir, "e.onnx"), "inputs": map[string]any{"x": x}}})
	if err != nil {
		t.Fatal(err)
	}
	cases := filepath.Join(dir, "cases.json")
	if err := os.WriteFile(cases, text, 0o644); err != nil {
		t.Fatal(err)
	}
	out := pytest.Run(t, []string{"onnx", "onnxruntime"}, filepath.Join("..", "..", "codegen", "onnx", "testdata", "run.py"), cases)
	var got struct {
		Results []map[string]struct {
			Data []float64 `json:"data"`
		} `json:"results"`
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	npy, err := os.ReadFile(filepath.Join(dir, "f.npy"))
	if err != nil {
		t.Fatal(err)
	}
	data := npy[10+int(binary.LittleEndian.Uint16(npy[8:])):]
	features := got.Results[0]["features"].Data
	if len(features) == 0 || 4*len(features) != len(data) {
		t.Fatalf("%d features, the trainer has %d", len(features), len(data)/4)
	}
	for i, v := range features {
		if w := float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))); !(math.Abs(v-w) <= 1e-4) {
			t.Errorf("feature %d is %v in onnxruntime, %v in the trainer", i, v, w)
		}
	}
}

// writeRows writes the case's first batch as tables that the reader of HIGGS takes.
func writeRows(t *testing.T, c *refcase.Case, dir string) {
	t.Helper()
	var text strings.Builder
	x := c.Step(0).X
	width := len(x) / c.Batch
	for i := range c.Batch {
		fmt.Fprint(&text, i%2)
		for _, v := range x[i*width : (i+1)*width] {
			fmt.Fprintf(&text, ",%.9g", float32(v))
		}
		text.WriteByte('\n')
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"HIGGS_train.csv", "HIGGS_test.csv"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// compareFeatures holds an .npy file of float32 against PyTorch's features.
func compareFeatures(t *testing.T, npy []byte, expect string) {
	t.Helper()
	text, err := os.ReadFile(expect)
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Features [][]float64 `json:"features"`
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	data := npy[10+int(binary.LittleEndian.Uint16(npy[8:])):]
	n := 0
	for i, row := range want.Features {
		for j, w := range row {
			got := float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*n:])))
			if n++; !(math.Abs(got-w) <= 1e-4) {
				t.Errorf("feature %d of example %d is %v, PyTorch has %v", j, i, got, w)
			}
		}
	}
	if 4*n != len(data) || n == 0 {
		t.Errorf("%d features, PyTorch has %d", len(data)/4, n)
	}
}
