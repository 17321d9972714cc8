package onnx

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mspecc/internal/progen"
	"mspecc/internal/pytest"
	"mspecc/ir"
)

var update = flag.Bool("update", false, "have onnxruntime run models anew (MSPECC_PYTHON) and keep its results in testdata/golden.json")

// madeByPasses are the operations that only lowering to bf16 makes, long after a model is translated.
var madeByPasses = map[ir.Op]bool{ir.OpPack: true, ir.OpInterleave: true}

func TestEveryOperationHasATranslation(t *testing.T) {
	for _, op := range ir.Ops() {
		if translations[op] == nil && !madeByPasses[op] {
			t.Errorf("%s has none", op)
		}
	}
}

// randomModels is how many random programs become models.
const randomModels = 60

// golden is an element of testdata/golden.json: a model, inputs, and what onnxruntime made of
// them.
type golden struct {
	Version string               `json:"onnxruntime"`
	Model   []byte               `json:"model"`
	Inputs  map[string]input     `json:"inputs"`
	Outputs map[string]runResult `json:"outputs"`
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

// randomCase is the model of a random program with numbers to run it on.
type randomCase struct {
	seed   uint64
	p      *ir.Program
	model  []byte
	feeds  map[string][]float64
	inputs map[string]input
}

func randomCases(t *testing.T) []randomCase {
	t.Helper()
	var all []randomCase
	for _, seed := range progen.Seeds(t, randomModels) {
		c := randomCase{seed: seed, inputs: map[string]input{}}
		c.p, c.model = random(t, seed)
		c.feeds = progen.Feeds(seed, c.p.Live())
		for _, v := range c.p.Live() {
			switch v.Op {
			case ir.OpInput, ir.OpParam, ir.OpUniform:
				c.inputs[v.Attr.Name] = input{v.Type.DType.String(), append([]int{}, v.Shape()...), c.feeds[v.Attr.Name]}
			}
		}
		all = append(all, c)
	}
	return all
}

// tensors are inputs for the evaluator.
func tensors(inputs map[string]input) map[string]tensor {
	out := map[string]tensor{}
	for name, x := range inputs {
		kind := typeFloat
		if x.Kind == "i32" {
			kind = typeInt32
		}
		out[name] = tensor{kind, x.Shape, x.Data}
	}
	return out
}

// check compares outputs with the float64 interpreter's.
func (c *randomCase) check(t *testing.T, got map[string]runResult, tolerance float64) {
	t.Helper()
	want, err := ir.Eval(c.feeds, c.p.Roots()...)
	if err != nil {
		t.Fatal(err)
	}
	for k, o := range c.p.Outputs {
		x := got[o.Name]
		if d := gocmp.Diff(o.Value.Shape(), x.Shape, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("MSPECC_SEED=%d: %s: shape %s", c.seed, o.Name, d)
		} else if j := progen.Differ(want[k], x.Data, tolerance); j >= 0 {
			t.Errorf("MSPECC_SEED=%d: %s (%s), element %d: %v, expected %v", c.seed, o.Name, o.Value.Op, j, x.Data[j], want[k][j])
		}
	}
}

// The models of random programs, in which every operation occurs, mean what the programs do.
func TestRandomModels(t *testing.T) {
	cases := randomCases(t)
	ops := map[ir.Op]bool{}
	for _, c := range cases {
		got := map[string]runResult{}
		for name, x := range decodeModel(c.model).run(tensors(c.inputs)) {
			got[name] = runResult{x.shape, x.data}
		}
		c.check(t, got, 1e-4)
		for _, v := range c.p.Live() {
			ops[v.Op] = true
		}
	}
	for _, op := range ir.Ops() {
		if !ops[op] && !madeByPasses[op] && len(cases) == randomModels {
			t.Errorf("%s occurs in no model", op)
		}
	}
}

// nanModel takes extremes of rows and columns of x, and of x and a number.
func nanModel(t *testing.T) (names []string, model []byte) {
	t.Helper()
	b := ir.NewBuilder()
	x := b.Input("x", ir.F32, []int{3, 4})
	values := []*ir.Value{b.MaxOver(x, 1), b.MaxOver(x, 0), b.MaxOver(x, 0, 1), b.Binary(ir.Max, x, b.Splat(0, 3, 4)), b.Binary(ir.Min, b.Splat(0, 3, 4), x)}
	for i := range values {
		names = append(names, fmt.Sprint("out", i))
	}
	g, err := translate(fixedGraph(values...), names)
	if err != nil {
		t.Fatal(err)
	}
	return names, Model(g.Proto)
}

// nanWant is what nanModel gives where element at of x is NaN.
func nanWant(at int) map[string][]int {
	return map[string][]int{"out0": {at / 4}, "out1": {at % 4}, "out2": {0}, "out3": {at}, "out4": {at}}
}

// Wherever a NaN stands, an exported maximum has it, though ReduceMax may pass over it.
func TestNaNInModels(t *testing.T) {
	names, model := nanModel(t)
	for at := range 12 {
		x := make([]float64, 12)
		for i := range x {
			x[i] = float64(i%5) - 2
		}
		x[at] = math.NaN()
		got := decodeModel(model).run(map[string]tensor{"x": {typeFloat, []int{3, 4}, x}})
		for _, name := range names {
			for i, v := range got[name].data {
				if math.IsNaN(v) != slices.Contains(nanWant(at)[name], i) {
					t.Errorf("x is NaN at %d: %s is %v at %d", at, name, v, i)
				}
			}
		}
	}
}

// onnxruntime does as TestNaNInModels says.
func TestNaNInOnnxruntime(t *testing.T) {
	names, model := nanModel(t)
	file := filepath.Join(t.TempDir(), "nan.onnx")
	if err := os.WriteFile(file, model, 0o644); err != nil {
		t.Fatal(err)
	}
	out := pytest.Run(t, []string{"numpy", "onnxruntime"}, filepath.Join("testdata", "nan.py"), file)
	var got []map[string][]int
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	for at := range 12 {
		for _, name := range names {
			if d := gocmp.Diff(nanWant(at)[name], got[at][name]); d != "" {
				t.Errorf("x is NaN at %d: %s: %s", at, name, d)
			}
		}
	}
}

// The evaluator of these tests agrees with onnxruntime, as it computed once, on every ONNX
// operation that models of this package use.
func TestGolden(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []golden
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for i, g := range list {
		m := decodeModel(g.Model)
		for _, n := range m.nodes {
			known[n.op] = true
		}
		for name, x := range m.run(tensors(g.Inputs)) {
			want := g.Outputs[name]
			if j := progen.Differ(want.Data, x.data, 1e-4); j >= 0 || !slices.Equal(want.Shape, append([]int{}, x.shape...)) {
				t.Errorf("model %d: %s differs at element %d from onnxruntime %s", i, name, j, g.Version)
			}
		}
	}
	for op := range usedOps(t) {
		if !known[op] {
			t.Errorf("onnxruntime has run no model with %s: go test ./codegen/onnx -update with MSPECC_PYTHON", op)
		}
	}
}

// usedOps are the ONNX operations of all models here.
func usedOps(t *testing.T) map[string]bool {
	used := map[string]bool{}
	add := func(model []byte) {
		for _, n := range decodeModel(model).nodes {
			used[n.op] = true
		}
	}
	for _, c := range randomCases(t) {
		add(c.model)
	}
	for i := range subjects {
		add(newSubject(t, i).model)
	}
	return used
}

// onnxruntime computes what the float64 interpreter does.
func TestRandomModelsInOnnxruntime(t *testing.T) {
	cases := randomCases(t)
	dir := t.TempDir()
	var runs []runCase
	for _, c := range cases {
		file := filepath.Join(dir, fmt.Sprint(c.seed, ".onnx"))
		if err := os.WriteFile(file, c.model, 0o644); err != nil {
			t.Fatal(err)
		}
		runs = append(runs, runCase{file, c.inputs})
	}
	version, results := onnxruntime(t, runs)
	for i, c := range cases {
		c.check(t, results[i], 2e-3)
	}
	if *update && !t.Failed() {
		var all []golden
		for i, c := range cases {
			all = append(all, golden{version, c.model, c.inputs, results[i]})
		}
		d := newSubject(t, slices.IndexFunc(subjects, func(s subjectSpec) bool { return strings.HasSuffix(s.file, "dynamic.mspec") }))
		file := filepath.Join(dir, "dynamic.onnx")
		if err := os.WriteFile(file, d.model, 0o644); err != nil {
			t.Fatal(err)
		}
		in := map[string]input{"x": d.input(3)}
		_, results := onnxruntime(t, []runCase{{file, in}})
		writeGolden(t, append(all, golden{version, d.model, in, results[0]}))
	}
}

// writeGolden keeps a few models that have all operations of the list together: again and
// again the one with the most new ones for its length.
func writeGolden(t *testing.T, all []golden) {
	known := map[string]bool{}
	news := func(g golden) int {
		ops := map[string]bool{}
		for _, n := range decodeModel(g.Model).nodes {
			if !known[n.op] {
				ops[n.op] = true
			}
		}
		return len(ops)
	}
	var kept []golden
	for {
		best := slices.MaxFunc(all, func(a, b golden) int { return cmp.Compare(news(a)*len(b.Model), news(b)*len(a.Model)) })
		if news(best) == 0 {
			break
		}
		kept = append(kept, best)
		for _, n := range decodeModel(best.Model).nodes {
			known[n.op] = true
		}
	}
	text, err := json.Marshal(kept)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("testdata", "golden.json"), append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
