package e2e

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mspecc/runtime/ckpt"
)

// A module outside this repository with a main and a data reader of its own, for a model with
// two inputs: trained, evaluated, shown, resumed, reported, replayed, embedded and served; and one
// for words.
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

	mine := func(command string, args ...string) string {
		t.Helper()
		return must("./mine", append([]string{command, "--modality", "squares"}, args...)...)
	}
	mine("train", "--data", "data", "--steps", "40", "--checkpoint-every", "20", "--out", "run", "--log-every", "20")
	if curve := losses(t, filepath.Join(dir, "run", "metrics.jsonl")); len(curve) != 2 || !(curve[1] < curve[0]) {
		t.Errorf("losses %v do not fall", curve)
	}
	// Resumed in the middle, decoded by another number of threads: the same bits.
	mine("train", "--data", "data", "--steps", "40", "--resume", "run/checkpoints/step-00000020.safetensors", "--out", "again", "--threads", "1")
	a, err := os.ReadFile(filepath.Join(dir, "run", "checkpoints", "step-00000040.safetensors"))
	b, err2 := os.ReadFile(filepath.Join(dir, "again", "checkpoints", "step-00000040.safetensors"))
	if err != nil || err2 != nil || string(a) != string(b) {
		t.Errorf("the resumed run ends with other parameters (%v, %v)", err, err2)
	}
	out := mine("eval", "--data", "data", "--task", "again", "--checkpoint", "run", "--methods", "linear,finetune", "--epochs", "30", "--tune-epochs", "1", "--baselines", "random,raw", "--no-feature-cache")
	if !strings.Contains(out, "weighted f1") || !strings.Contains(out, "160 training and 40 test") {
		t.Errorf("evaluation:\n%s", out)
	}
	out = mine("reconstruct", "--data", "data", "--checkpoint", "run", "--count", "4")
	if !strings.Contains(out, "image: 4 examples, mean squared error") || !strings.Contains(out, ": 4 examples, token accuracy") {
		t.Errorf("reconstruct:\n%s", out)
	}
	out = mine("reconstruct", "--data", "data", "--task", "again", "--checkpoint", "run", "--count", "4", "--out", "again.png")
	if _, err := os.Stat(filepath.Join(dir, "again.png")); err != nil || !strings.Contains(out, "image: 4 examples") {
		t.Errorf("reconstruct of a task: %v\n%s", err, out)
	}
	must("./mine", "report", "run")
	page, err := os.ReadFile(filepath.Join(dir, "run", "report.html"))
	if err != nil || !strings.Contains(string(page), "squares") || !strings.Contains(string(page), "token accuracy") {
		t.Errorf("report: %v, %d bytes", err, len(page))
	}
	replaySquares(t, dir, mine)
	embedSquares(t, dir, mine)
	mine("bench", "--steps", "2")
	mine("export", "--checkpoint", "run", "--out", "m.onnx")
	if out := must("./mine", "data", "check", "--modality", "squares", "--data", "data"); !strings.Contains(out, "1 files read") {
		t.Errorf("data check:\n%s", out)
	}
	notes(t, dir, must)
	for _, c := range []struct{ file, want string }{{"0 1 2\n", "line 1: has 3 numbers, expected 17"}, {"", "holds 0 examples"}} {
		if err := os.WriteFile(filepath.Join(dir, "data", "bad.txt"), []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := run("./mine", "train", "--modality", "squares", "--data", "data", "--data-option", "file=bad.txt", "--out", "none")
		if err == nil || !strings.Contains(out, c.want) || strings.Count(out, "\n") != 1 {
			t.Errorf("bad data: %v\n%s", err, out)
		}
		if _, err := os.Stat(filepath.Join(dir, "none")); err == nil {
			t.Error("a run directory was made for data that cannot be read")
		}
	}
}

// replaySquares computes loss and gradients of a batch with the run's parameters, once with numbers
// drawn and once with zeros for all of them.
func replaySquares(t *testing.T, dir string, mine func(command string, args ...string) string) {
	t.Helper()
	in, err := ckpt.ReadFile(filepath.Join(dir, "run", "checkpoints", "step-00000040.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	var params []ckpt.Tensor
	for _, x := range in.Tensors {
		if !strings.HasPrefix(x.Name, "adam.") {
			x.Name = "param." + x.Name
			params = append(params, x)
		}
	}
	pixels, words := make([]float32, 16*16), make([]int32, 16*6)
	for i := range pixels {
		pixels[i] = float32(i%5) / 4
	}
	for i := range words {
		words[i] = int32(i % 6)
	}
	f := &ckpt.File{Tensors: append(params, ckpt.Floats("batch.x.image", []int{16, 1, 4, 4}, pixels), ckpt.Ints("batch.x.text", []int{16, 6}, words))}
	if err := f.WriteFile(filepath.Join(dir, "in.safetensors")); err != nil {
		t.Fatal(err)
	}
	out := mine("replay", "--in", "in.safetensors", "--out", "out.safetensors", "--seed", "1")
	result, err := ckpt.ReadFile(filepath.Join(dir, "out.safetensors"))
	if err != nil || !strings.Contains(out, "loss") {
		t.Fatalf("replay: %v\n%s", err, out)
	}
	grads := map[string]bool{}
	for _, x := range result.Tensors {
		if name, ok := strings.CutPrefix(x.Name, "grad."); ok {
			grads[name] = slices.ContainsFunc(x.Data, func(b byte) bool { return b != 0 })
		}
	}
	for _, p := range params {
		if name := strings.TrimPrefix(p.Name, "param."); !grads[name] {
			t.Errorf("replay: the gradient of %s is missing or zero", name)
		}
	}
}

// embedSquares writes the features of all training examples to a file and asks a server for those of
// some of them.
func embedSquares(t *testing.T, dir string, mine func(command string, args ...string) string) {
	t.Helper()
	mine("embed", "--data", "data", "--checkpoint", "run", "--out", "f.safetensors")
	known := features(t, filepath.Join(dir, "f.safetensors"))
	text, err := os.ReadFile(filepath.Join(dir, "data", "squares.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var inputs []any
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		image := make([]json.Number, 16)
		for i := range image {
			image[i] = json.Number(fields[1+i])
		}
		c := int(fields[0][0] - '0')
		inputs = append(inputs, map[string]any{"image": image, "text": []int{1 + c/2, 3 + c%2, 5, 1 + c/2, 3 + c%2, 0}})
	}
	got := ask(t, dir, inputs[:28], "--modality", "squares", "--checkpoint", "run") // the others are the same again
	for i, row := range got {
		if !slices.ContainsFunc(known, func(k []float64) bool { return near(k, row) }) {
			t.Errorf("the server's features of example %d are not in the file", i)
		}
	}
}

// near compares what batches of different sizes give.
func near(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Abs(x-y) < 1e-4 })
}

// features are the rows that embed wrote.
func features(t *testing.T, name string) (rows [][]float64) {
	t.Helper()
	f, err := ckpt.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range f.Tensors {
		if x.Name != "features" {
			continue
		}
		for i := range x.Shape[0] {
			row := make([]float64, x.Shape[1])
			for c := range row {
				row[c] = float64(math.Float32frombits(binary.LittleEndian.Uint32(x.Data[4*(i*len(row)+c):])))
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// ask starts a server, asks it for the features of some inputs, and ends it.
func ask(t *testing.T, dir string, inputs []any, args ...string) [][]float64 {
	t.Helper()
	cmd := exec.Command("./mine", append([]string{"serve", "--listen", "127.0.0.1:0", "--json"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	var begun struct{ Listen string }
	if err := json.NewDecoder(out).Decode(&begun); err != nil {
		t.Fatalf("serve: %v", err)
	}
	body, err := json.Marshal(map[string]any{"inputs": inputs})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.Post(begun.Listen+"/v1/embeddings", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Features [][]float64 }
	if err := json.Unmarshal(text, &answer); err != nil || len(answer.Features) != len(inputs) {
		t.Fatalf("%d inputs: %s: %s", len(inputs), r.Status, text)
	}
	return answer.Features
}

// notes trains on texts whose vocabulary is built from them: what comes later takes the same, whatever
// the texts are then. The labels are of single words.
func notes(t *testing.T, dir string, must func(name string, args ...string) string) {
	t.Helper()
	write := func(folder string, texts ...string) {
		var b strings.Builder
		b.WriteString("text,kinds\n")
		for i := range 80 {
			fmt.Fprintf(&b, "%s,\"[0, 1]\"\n", texts[i%len(texts)])
		}
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, folder), 0o700), os.WriteFile(filepath.Join(dir, folder, "notes.csv"), []byte(b.String()), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write("notes", "red fox", "blue cat", "red cat", "green ox", "blue ox")
	write("others", "red fox", "zebra cow", "cow cow", "zebra ant", "cow blue")
	mine := func(command string, args ...string) string {
		t.Helper()
		return must("./mine", append([]string{command, "--modality", "notes"}, args...)...)
	}
	mine("train", "--data", "notes", "--steps", "20", "--checkpoint-every", "10", "--out", "noted")
	mine("train", "--data", "notes", "--steps", "20", "--resume", "noted/checkpoints/step-00000010.safetensors", "--out", "noted again")
	for folder, file := range map[string]string{"notes": "a.safetensors", "others": "b.safetensors"} {
		mine("embed", "--data", folder, "--checkpoint", "noted", "--out", file)
	}
	a, b := features(t, filepath.Join(dir, "a.safetensors")), features(t, filepath.Join(dir, "b.safetensors"))
	served := ask(t, dir, []any{"red fox", "blue cat", []int{0, 0, 0, 0}}, "--modality", "notes", "--checkpoint", "noted")
	switch { // the first text of both
	case !near(a[0], b[0]):
		t.Error("the same text has other features beside other texts: the vocabulary is not that of the training")
	case near(a[0], a[1]):
		t.Error("all texts have the same features")
	case !near(a[0], served[0]) || !near(a[1], served[1]):
		t.Error("the server has other features of the same texts")
	}
	if out := mine("reconstruct", "--data", "others", "--checkpoint", "noted", "--count", "3"); !strings.Contains(out, "[UNK]") || strings.Contains(out, "zebra") {
		t.Errorf("reconstruct:\n%s", out)
	}
	out := mine("eval", "--data", "notes", "--checkpoint", "noted", "--methods", "linear,finetune", "--epochs", "20", "--lr", "1e-2", "--tune-epochs", "5", "--tune-lr", "1e-2", "--baselines", "raw", "--no-feature-cache", "--json")
	var result struct {
		Results []struct {
			Input, Method string
			Tested        int
			Test          struct{ Mean float64 }
		}
	}
	if err := json.Unmarshal([]byte(out[strings.Index(out, "{"):]), &result); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	seen := ""
	for _, r := range result.Results {
		seen += r.Input + " " + r.Method + ", "
		if r.Test.Mean < 0.9 {
			t.Errorf("%+v: which words are colours is easy to tell", r)
		}
	}
	if seen != "trained encoder linear, raw input linear, trained encoder finetune, " {
		t.Errorf("evaluated: %s", seen)
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
