package onnx

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mspecc/internal/progen"
	"mspecc/internal/pytest"
	"mspecc/ir"
)

var update = flag.Bool("update", false, "have onnxruntime run the random models (MSPECC_PYTHON) and keep the hashes of those it agrees with")

func TestEveryOperationHasATranslation(t *testing.T) {
	for _, op := range ir.Ops() {
		if translations[op] == nil {
			t.Errorf("%s has none", op)
		}
	}
}

// randomModels is how many random programs become models.
const randomModels = 60

// golden is testdata/random.json: models that onnxruntime ran, with the results of the
// float64 interpreter.
type golden struct {
	Onnxruntime string            `json:"onnxruntime"`
	Models      map[string]string `json:"sha256"` // by seed
}

// input is a tensor for run.py.
type input struct {
	Kind  string    `json:"kind"`
	Shape []int     `json:"shape"`
	Data  []float64 `json:"data"`
}

type runCase struct {
	Model  string           `json:"model"`
	Inputs map[string]input `json:"inputs"`
}

type runResult struct {
	Shape []int     `json:"shape"`
	Data  []float64 `json:"data"`
}

// onnxruntime runs models; the test is skipped where there is none.
func onnxruntime(t *testing.T, cases []runCase) (version string, results []map[string]runResult) {
	t.Helper()
	text, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cases.json")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	out := pytest.Run(t, []string{"onnx", "onnxruntime"}, filepath.Join("testdata", "run.py"), file)
	out = bytes.ReplaceAll(out, []byte("Infinity"), []byte("1e308"))
	var r struct {
		Version string                 `json:"version"`
		Results []map[string]runResult `json:"results"`
	}
	if err := json.Unmarshal(bytes.ReplaceAll(out, []byte("NaN"), []byte("1.5e308")), &r); err != nil {
		t.Fatal(err)
	}
	return r.Version, r.Results
}

// random is the model of a random program; its parameters are inputs.
func random(t *testing.T, seed uint64) (*ir.Program, []byte) {
	t.Helper()
	p := progen.Program(seed)
	var names []string
	for _, o := range p.Outputs {
		names = append(names, o.Name)
	}
	g, err := translate(fixedGraph(p.Roots()...), names)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	graph := g.Proto
	for _, v := range p.Live() {
		if v.Op == ir.OpParam {
			shape := make([]dim, v.Rank())
			for i, n := range v.Shape() {
				shape[i] = fixed(n)
			}
			m := message(graph)
			m.bytes(11, tensorInfo(v.Attr.Name, typeFloat, shape))
			graph = m
		}
	}
	return p, Model(graph)
}

func hash(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// The models of random programs, in which every operation occurs, are those that onnxruntime
// ran with the interpreter's results.
func TestRandomModels(t *testing.T) {
	file := filepath.Join("testdata", "random.json")
	got := golden{Models: map[string]string{}}
	for _, seed := range progen.Seeds(t, randomModels) {
		_, model := random(t, seed)
		got.Models[fmt.Sprint(seed)] = hash(model)
	}
	if *update {
		t.Skip("-update: TestRandomModelsInOnnxruntime writes the file")
	}
	var want golden
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	for seed, h := range got.Models {
		if want.Models[seed] != h {
			t.Errorf("the model of seed %s is not the one that onnxruntime ran; with -update and MSPECC_PYTHON it runs all again", seed)
		}
	}
}

// onnxruntime computes what the float64 interpreter does.
func TestRandomModelsInOnnxruntime(t *testing.T) {
	var cases []runCase
	var programs []*ir.Program
	kept := golden{Models: map[string]string{}}
	dir := t.TempDir()
	ops := map[ir.Op]bool{}
	var feeds []map[string][]float64
	for _, seed := range progen.Seeds(t, randomModels) {
		p, model := random(t, seed)
		kept.Models[fmt.Sprint(seed)] = hash(model)
		c := runCase{Model: filepath.Join(dir, fmt.Sprint(seed, ".onnx")), Inputs: map[string]input{}}
		if err := os.WriteFile(c.Model, model, 0o644); err != nil {
			t.Fatal(err)
		}
		f := progen.Feeds(seed, p.Live())
		for _, v := range p.Live() {
			ops[v.Op] = true
			switch v.Op {
			case ir.OpInput, ir.OpParam, ir.OpUniform:
				c.Inputs[v.Attr.Name] = input{v.Type.DType.String(), append([]int{}, v.Shape()...), f[v.Attr.Name]}
			}
		}
		cases, programs, feeds = append(cases, c), append(programs, p), append(feeds, f)
	}
	version, results := onnxruntime(t, cases)
	for i, p := range programs {
		want, err := ir.Eval(feeds[i], p.Roots()...)
		if err != nil {
			t.Fatal(err)
		}
		for k, o := range p.Outputs {
			got := results[i][o.Name]
			if d := cmp.Diff(append([]int{}, o.Value.Shape()...), got.Shape); d != "" {
				t.Errorf("%s %s: shape %s", cases[i].Model, o.Name, d)
				continue
			}
			if j := progen.Differ(want[k], got.Data, 2e-3); j >= 0 {
				t.Errorf("%s %s (%s), element %d: %v, expected %v", filepath.Base(cases[i].Model), o.Name, o.Value.Op, j, got.Data[j], want[k][j])
			}
		}
	}
	for _, op := range ir.Ops() {
		if !ops[op] && len(cases) == randomModels {
			t.Errorf("%s occurs in no model", op)
		}
	}
	if *update && !t.Failed() && len(cases) == randomModels {
		kept.Onnxruntime = version
		text, err := json.MarshalIndent(kept, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("testdata", "random.json"), append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
