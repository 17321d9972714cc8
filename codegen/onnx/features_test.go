package onnx

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mspecc/internal/refcase"
	"mspecc/ir"
	"mspecc/ir/elab"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/onnx"
	"mspecc/spec"
)

// small makes networks that the interpreter runs quickly.
var small = []string{"enc_width=32", "enc_layers=2", "enc_heads=2", "dec_width=16", "dec_layers=1", "dec_heads=1"}

type subjectSpec struct {
	file, modality string
	set            []string
	free           bool // for any batch
}

// subjects are the specs whose features become models.
var subjects = []subjectSpec{
	{"../../examples/metamae.mspec", "fashion_small", small, true},
	{"../../examples/metamae.mspec", "pamap2", small, true},
	{"../../examples/metamae.mspec", "genomics", append([]string{"batch=2"}, small...), true},
	{"../../examples/mae.mspec", "higgs", small, true},
	{"../../docs/records.mspec", "collisions", small, true},
	{"testdata/dynamic.mspec", "numbers", nil, true},
	{"testdata/coupled.mspec", "numbers", nil, false},
}

func variant(t *testing.T, file, modality string, set []string) *elab.Variant {
	t.Helper()
	m, diags := elab.Load(file, elab.Options{Modalities: []string{modality}, Set: set})
	if spec.HasErrors(diags) {
		t.Fatal(diags)
	}
	return m.Variants[0]
}

// subject is a spec with numbers for its parameters and inputs for some batches.
type subject struct {
	name    string
	v       *elab.Variant
	g       *Graph
	model   []byte
	feeds   map[string][]float64
	params  []ckpt.Tensor
	batches []int
}

func newSubject(t *testing.T, i int) *subject {
	t.Helper()
	s := subjects[i]
	u := &subject{name: s.modality + filepath.Base(s.file), v: variant(t, s.file, s.modality, s.set), feeds: map[string][]float64{}}
	var err error
	if u.g, err = Features(u.v); err != nil {
		t.Fatal(err)
	}
	if (u.g.Batch == 0) != s.free {
		t.Errorf("%s: the batch is %d, free: %v wanted", u.name, u.g.Batch, s.free)
	}
	u.batches = []int{1, 3}
	if !s.free {
		u.batches = []int{u.v.Batch}
	}
	for _, p := range u.v.Params {
		x := refcase.Uniform("onnx/"+p.Attr.Name, p.Len())
		raw := make([]float32, len(x))
		for k := range x {
			x[k] = (2*x[k] - 1) * math.Sqrt(3/math.Max(1, float64(p.Len()/p.Shape()[0])))
			if strings.Contains(p.Attr.Name, "norm") && strings.HasSuffix(p.Attr.Name, "weight") {
				x[k]++
			}
			raw[k] = float32(x[k])
			x[k] = float64(raw[k])
		}
		u.feeds[p.Attr.Name] = x
		if slices.Contains(u.g.Params, p.Attr.Name) {
			u.params = append(u.params, ckpt.Floats(p.Attr.Name, p.Shape(), raw))
		}
	}
	u.model = u.write(t, u.g.Proto, nil)
	return u
}

// write makes a model of a graph, the parameters and more tensors.
func (u *subject) write(t *testing.T, graph []byte, more []ckpt.Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := onnx.Write(&b, graph, append(slices.Clone(u.params), more...), map[string]string{"model": "test"}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// input draws the input of a batch.
func (u *subject) input(batch int) input {
	in := u.v.Modality.Inputs[0]
	x := input{in.Type.DType.String(), append([]int{batch}, in.Type.Shape...), nil}
	for _, v := range refcase.Uniform(fmt.Sprint("onnx/x", batch), batch*in.Type.Len()) {
		if in.Vocab > 0 {
			x.Data = append(x.Data, math.Floor(v*float64(in.Vocab)))
		} else {
			x.Data = append(x.Data, float64(float32(2*v-1)))
		}
	}
	return x
}

// want is what the float64 interpreter computes.
func (u *subject) want(t *testing.T, batch int) (shape []int, features []float64) {
	t.Helper()
	f := u.v.Features
	if batch != u.v.Batch {
		var err error
		if f, err = u.v.FeaturesAt(batch); err != nil {
			t.Fatal(err)
		}
	}
	return f.Outputs[0].Value.Shape(), u.eval(t, batch, u.input(batch).Data)
}

// eval is what the float64 interpreter makes of values.
func (u *subject) eval(t *testing.T, batch int, x []float64) []float64 {
	t.Helper()
	f, err := u.v.FeaturesAt(batch)
	if batch == u.v.Batch {
		f, err = u.v.Features, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	u.feeds["x"] = x
	got, err := ir.Eval(u.feeds, f.Outputs[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	return got[0]
}

// compare holds features against the interpreter's.
func (u *subject) compare(t *testing.T, batch int, shape []int, features []float64) {
	t.Helper()
	wantShape, want := u.want(t, batch)
	if !slices.Equal(shape, wantShape) {
		t.Errorf("%s: shape %v, expected %v", u.name, shape, wantShape)
		return
	}
	worst := 0.0
	for k, w := range want {
		worst = math.Max(worst, math.Abs(features[k]-w))
	}
	t.Logf("%s, batch %d: off by at most %.2g", u.name, batch, worst)
	if !(worst <= 1e-4) {
		t.Errorf("%s, batch %d: off by %.2g", u.name, batch, worst)
	}
}

// The models of real specs mean what the specs do, for batches of one and of several.
func TestFeatures(t *testing.T) {
	for i := range subjects {
		u := newSubject(t, i)
		m := decodeModel(u.model)
		for _, n := range u.batches {
			got := m.run(tensors(map[string]input{"x": u.input(n)}))["features"]
			u.compare(t, n, got.shape, got.data)
		}
	}
}

// onnxruntime computes them.
func TestFeaturesInOnnxruntime(t *testing.T) {
	var cases []runCase
	var list []*subject
	dir := t.TempDir()
	for i := range subjects {
		u := newSubject(t, i)
		file := filepath.Join(dir, u.name+".onnx")
		if err := os.WriteFile(file, u.model, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, n := range u.batches {
			cases, list = append(cases, runCase{file, map[string]input{"x": u.input(n)}}), append(list, u)
		}
	}
	_, results := onnxruntime(t, cases)
	for i, u := range list {
		got := results[i]["features"]
		u.compare(t, cases[i].Inputs["x"].Shape[0], got.Shape, got.Data)
	}
}
