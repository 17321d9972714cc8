package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"

	"mspecc"
	"mspecc/codegen"
	"mspecc/internal/pytest"
	"mspecc/ir/elab"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/eval"
	"mspecc/spec"
)

// What mspecc left behind at an earlier commit goes on loading: its generated module builds with the
// run-time library of today, and the trainer made of it, as well as that of today's compiler, takes its
// checkpoints and run folders. testdata/kept/make.sh says how each archive was made.
func TestKept(t *testing.T) {
	for _, commit := range []string{"55192ca"} {
		t.Run(commit, func(t *testing.T) {
			k := unpackKept(t, commit)
			t.Run("module", func(t *testing.T) {
				k.dir = t.TempDir()
				k.bin = k.buildThen(t)
				k.exact, k.digest = goruntime.GOARCH == "amd64", true
				k.check(t)
			})
			t.Run("compiled", func(t *testing.T) {
				k.dir = t.TempDir()
				k.bin = k.buildNow(t)
				k.exact, k.digest = false, false // the standard library of specs is part of the digest
				k.check(t)
				k.exports(t)
			})
		})
	}
}

// kept is what was left behind, and a trainer that is to take it.
type kept struct {
	files  map[string][]byte
	dir    string // where the trainer runs
	bin    string
	exact  bool // its kernels are those of then: so are the bits
	digest bool // it is of the same spec
}

func unpackKept(t *testing.T, commit string) *kept {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "kept", commit+".tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	k := &kept{files: map[string][]byte{}}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return k
		}
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(h.Name, "./")
		switch h.Typeflag {
		case tar.TypeReg:
			if k.files[name], err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		case tar.TypeLink:
			k.files[name] = k.files[strings.TrimPrefix(h.Linkname, "./")]
		}
	}
}

// folder writes the files of the archive below a name into the folder where the trainer runs.
func (k *kept) folder(t *testing.T, from, to string) {
	t.Helper()
	for name, data := range k.files {
		rest, ok := strings.CutPrefix(name, from+"/")
		if !ok {
			continue
		}
		path := filepath.Join(k.dir, to, filepath.FromSlash(rest))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// buildThen builds the module that the compiler wrote then, with the run-time library of today.
func (k *kept) buildThen(t *testing.T) string {
	t.Helper()
	files := map[string][]byte{}
	for name, data := range k.files {
		if name, ok := strings.CutPrefix(name, "module/"); ok && name != ".mspecc" {
			files[name] = data
		}
	}
	if err := mspecc.RuntimeModule(files, false); err != nil {
		t.Fatal(err)
	}
	module := filepath.Join(k.dir, "module")
	if err := codegen.WriteTree(module, files, ""); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(k.dir, "trainer")
	cmd := exec.Command("go", "build", "-o", bin, ".")
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=", "GOAMD64=v1") // the bits of portable kernels of then depend on it
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the module of then does not build: %v\n%s", err, out)
	}
	return bin
}

// buildNow builds the same spec with today's compiler.
func (k *kept) buildNow(t *testing.T) string {
	t.Helper()
	file := filepath.Join(k.dir, "kept.mspec")
	if err := os.WriteFile(file, k.files["kept.mspec"], 0o644); err != nil {
		t.Fatal(err)
	}
	m, diags := elab.Load(file, elab.Options{})
	if spec.HasErrors(diags) {
		t.Fatal(diags)
	}
	mod, err := codegen.Compile(m, codegen.Options{Targets: compiled()})
	if err != nil {
		t.Fatal(err)
	}
	return buildModule(t, mod, k.dir, "package main\n")
}

// run runs the trainer with kernels of a target.
func (k *kept) run(t *testing.T, target string, args ...string) string {
	t.Helper()
	cmd := exec.Command(k.bin, args...)
	cmd.Dir = k.dir
	cmd.Env = environ(target)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// expect runs the portable trainer and looks for texts in what it says.
func (k *kept) expect(t *testing.T, wants []string, args ...string) {
	t.Helper()
	out := k.run(t, "portable", args...)
	for _, want := range wants {
		if !strings.Contains(out, want) {
			t.Errorf("%v lacks %q:\n%s", args, want, out)
		}
	}
}

func (k *kept) check(t *testing.T) {
	at := k.stopped(t)
	k.folder(t, "data", "data")
	k.folder(t, "other", "other")
	k.folder(t, "runs", "runs")
	if err := os.WriteFile(filepath.Join(k.dir, "notes.safetensors"), k.files["notes.safetensors"], 0o644); err != nil {
		t.Fatal(err)
	}
	// A model of each kind: scaling and vocabulary are those of the checkpoint.
	for name, from := range map[string]string{"readings": "runs/finished", "notes": "notes.safetensors"} {
		k.run(t, "portable", "embed", "--modality", name, "--data", "other", "--checkpoint", from, "--split", "test", "--out", name+".npy")
		k.same(t, "features of "+name, k.files[name+".npy"], k.read(t, name+".npy"))
		if !bytes.Equal(k.files[name+".labels.npy"], k.read(t, name+".labels.npy")) {
			t.Errorf("the labels of %s differ", name)
		}
	}
	k.evaluate(t)
	k.expect(t, []string{"runs/finished", "finished", "400/400", "runs/stopped", "stopped", at + "/600"}, "runs", "runs")
	k.expect(t, []string{"finished, step 400 of 400, 4 lines of metrics", "3 evaluations"}, "report", "runs/finished")
	k.expect(t, []string{"stopped, step " + at + " of 600"}, "report", "runs/stopped")
	k.expect(t, []string{"state", "loss at step " + at, "knn, k 20, test"}, "compare", "runs/finished", "runs/stopped")
	k.resume(t, "portable")
	if best := targets(t, "f32")[0]; best == "avx512" {
		k.resume(t, best)
	}
}

// stopped is the step at which the run was stopped.
func (k *kept) stopped(t *testing.T) string {
	t.Helper()
	_, step, ok := strings.Cut(string(k.files["runs/stopped/log.txt"]), "stopped at step ")
	if !ok {
		t.Fatal("the run of then was not stopped")
	}
	return strings.TrimSpace(step)
}

func (k *kept) read(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(k.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// same compares the numbers of two .npy files: bits, or numbers where the kernels are others.
func (k *kept) same(t *testing.T, what string, want, got []byte) {
	t.Helper()
	if k.exact {
		if !bytes.Equal(want, got) {
			t.Errorf("the %s have other bits", what)
		}
		return
	}
	floats := func(raw []byte) (x []float64) {
		for i := 0; i < len(raw); i += 4 {
			x = append(x, float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[i:]))))
		}
		return x
	}
	const header = 128 // of .npy files of such a size
	want, got = want[header:], got[min(header, len(got)):]
	if e := distance(floats(got), floats(want)); !(e <= 1e-4) {
		t.Errorf("the %s are off by %.2g of their norm", what, e)
	}
}

// evaluate compares an evaluation with that of then: what is trained with the features, or votes.
func (k *kept) evaluate(t *testing.T) {
	t.Helper()
	k.run(t, "portable", "eval", "--modality", "readings", "--data", "data", "--checkpoint", "runs/finished", "--seed", "1", "--epochs", "5", "--seeds", "2", "--no-feature-cache", "--out", "eval.json")
	var then, now eval.Evaluation
	if err := json.Unmarshal(k.files["eval.json"], &then); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(k.read(t, "eval.json"), &now); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, a := range then.Results {
		for _, b := range now.Results {
			if a.Method != b.Method || a.Detail != b.Detail || a.Input != b.Input || a.Input == "random encoder" {
				continue
			}
			found++
			if d := math.Abs(a.Test.Mean - b.Test.Mean); k.exact && d > 1e-12 || d > 0.04 {
				t.Errorf("%s %s of the %s: %v, then %v", a.Method, a.Detail, a.Input, b.Test.Mean, a.Test.Mean)
			}
		}
	}
	if found != 10 {
		t.Errorf("%d results of then are there, expected 10", found)
	}
}

// resume goes on with the run that was stopped: it ends where that of then did.
func (k *kept) resume(t *testing.T, target string) {
	t.Helper()
	k.folder(t, "runs/stopped", target)
	args := []string{"train", "--modality", "readings", "--resume", target, "--data", "data"}
	if !k.digest {
		args = append(args, "--allow-other-spec")
	}
	if out := k.run(t, target, args...); !strings.Contains(out, "going on after step "+k.stopped(t)) {
		t.Errorf("%s: it does not go on:\n%s", target, out)
	}
	want, err := ckpt.Parse("then", k.files["resumed-"+target+".safetensors"])
	if err != nil {
		t.Fatal(err)
	}
	got, err := ckpt.ReadFile(filepath.Join(k.dir, target, "checkpoints", "step-00000600.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Tensors) < 20 {
		t.Fatalf("%d tensors", len(want.Tensors))
	}
	if k.exact {
		for _, w := range want.Tensors {
			if g, ok := got.Find(w.Name); !ok || !bytes.Equal(g.Data, w.Data) {
				t.Errorf("%s: resumed, %s has other bits than then", target, w.Name)
			}
		}
	}
	// Other kernels round otherwise, and hundreds of steps carry that far: the losses are what stays.
	name := filepath.Join(k.dir, target+".jsonl")
	if err := os.WriteFile(name, k.files["resumed-"+target+".jsonl"], 0o644); err != nil {
		t.Fatal(err)
	}
	a, b := losses(t, filepath.Join(k.dir, target, "metrics.jsonl")), losses(t, name)
	if len(a) != 6 || len(b) != 6 {
		t.Fatalf("%s: %d lines of metrics, then %d", target, len(a), len(b))
	}
	for i := range a {
		if d := math.Abs(a[i]/b[i] - 1); k.exact && d > 0 || i < 3 && d > 1e-4 || d > 0.2 {
			t.Errorf("%s: the loss of line %d is %v, then %v", target, i, a[i], b[i])
		}
	}
}

// exports holds the features of a model whose values are standardised, as other programs compute them of what
// export wrote and of raw values, against those of embed: kept ones, and those of programs that are there.
func (k *kept) exports(t *testing.T) {
	k.run(t, "portable", "embed", "--modality", "readings", "--data", "other", "--checkpoint", "runs/finished", "--split", "train", "--out", "train.npy")
	for _, out := range [][]string{{"raw.onnx"}, {"scaled.onnx", "--scaled-input"}, {"model.safetensors"}, {"model.pth"}} {
		k.run(t, "portable", append([]string{"export", "--modality", "readings", "--checkpoint", "runs/finished", "--out"}, out...)...)
	}
	type answer struct{ Raw, Scaled [][]float64 }
	near := func(t *testing.T, text []byte) {
		t.Helper()
		var a answer
		if err := json.Unmarshal(text, &a); err != nil {
			t.Fatal(err)
		}
		npy := k.read(t, "train.npy")[128:]
		for name, rows := range map[string][][]float64{"raw": a.Raw, "scaled": a.Scaled} {
			n := 0
			for i, row := range rows {
				for j, w := range row {
					got := float64(math.Float32frombits(binary.LittleEndian.Uint32(npy[4*n:])))
					if n++; !(math.Abs(got-w) <= 1e-5*(1+math.Abs(w))) {
						t.Errorf("of %s values, feature %d of example %d is %v elsewhere, here %v", name, j, i, w, got)
					}
				}
			}
			if 4*n != len(npy) {
				t.Errorf("of %s values, %d features, expected %d", name, n, len(npy)/4)
			}
		}
	}
	golden, err := os.ReadFile(filepath.Join("testdata", "kept", "export.json")) // what export.py printed
	if err != nil {
		t.Fatal(err)
	}
	near(t, golden)
	t.Run("python", func(t *testing.T) {
		near(t, pytest.Run(t, []string{"onnxruntime", "safetensors", "torch"}, filepath.Join("testdata", "kept", "export.py"), k.dir, "18"))
	})
}
