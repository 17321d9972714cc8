package onnx

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"mspecc/internal/refcase"
	"mspecc/runtime/data"
	"mspecc/runtime/onnx"
)

// scaledSubject is a model with the scaling of its input in front: values far from 0, of very
// different size.
type scaledSubject struct {
	*subject
	scaling *data.Scaling
}

func newScaled(t *testing.T, modality string, channels int) scaledSubject {
	t.Helper()
	u := scaledSubject{newSubject(t, slices.IndexFunc(subjects, func(s subjectSpec) bool { return s.modality == modality })), &data.Scaling{}}
	for c, v := range refcase.Uniform("onnx/scaling", channels) {
		u.scaling.Mean = append(u.scaling.Mean, (2*v-1)*math.Pow(10, float64(c%7)))
		u.scaling.Factor = append(u.scaling.Factor, math.Pow(10, float64(1-c%5))*(0.5+v))
	}
	in := u.v.Modality.Inputs[0]
	graph, more, err := onnx.Scale(u.g.Proto, []onnx.Input{{Name: "x", Shape: in.Type.Shape}}, u.scaling)
	if err != nil {
		t.Fatal(err)
	}
	u.model = u.write(t, graph, more)
	return u
}

// raw are the values in files that u's input of a batch was made of.
func (u scaledSubject) raw(batch int) input {
	x := u.input(batch)
	x.Data = slices.Clone(x.Data)
	per := len(x.Data) / batch
	for i, v := range x.Data {
		c := i % per * len(u.scaling.Mean) / per
		x.Data[i] = float64(float32(v/u.scaling.Factor[c] + u.scaling.Mean[c]))
	}
	return x
}

// want is what the interpreter makes of raw values that are scaled as readers do.
func (u scaledSubject) want(t *testing.T, batch int) []float64 {
	t.Helper()
	x := u.raw(batch)
	values := make([]float32, len(x.Data))
	for i, v := range x.Data {
		values[i] = float32(v)
	}
	for per, i := len(values)/batch, 0; i < batch; i++ {
		u.scaling.Apply(values[i*per : (i+1)*per])
	}
	seen := make([]float64, len(values))
	for i, v := range values {
		seen[i] = float64(v)
	}
	return u.eval(t, batch, seen)
}

var scaledCases = []struct {
	modality string
	channels int
}{{"pamap2", 52}, {"higgs", 28}, {"fashion_small", 1}, {"fashion_small", 14}, {"numbers", 6}}

// A model with the scaling in its graph makes of values as they are in files what a trainer makes of
// them: for channels along the first axis, for each value, and for channels that lie otherwise.
func TestScaled(t *testing.T) {
	for _, c := range scaledCases {
		u := newScaled(t, c.modality, c.channels)
		got := decodeModel(u.model).run(tensors(map[string]input{"x": u.raw(3)}))["features"].data
		close := func(got, want []float64) bool {
			return slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) <= 1e-3*(1+math.Abs(b)) })
		}
		if want := u.want(t, 3); !close(got, want) {
			t.Errorf("%s with %d channels: features %v, expected %v", c.modality, c.channels, got[:6], want[:6])
		}
	}
}

// scaledGolden is testdata/scaled.json: the case of numbers, as onnxruntime computed it.
type scaledGolden struct {
	Version  string    `json:"onnxruntime"`
	Raw      input     `json:"raw"`
	Features []float64 `json:"features"`
}

// What onnxruntime made of raw values, in float32, is what the interpreter makes of scaled ones.
func TestScaledGolden(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "scaled.json"))
	if err != nil {
		t.Fatal(err)
	}
	var g scaledGolden
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	u := newScaled(t, "numbers", 6)
	if !slices.Equal(g.Raw.Data, u.raw(3).Data) {
		t.Fatal("the inputs are others than those of testdata/scaled.json: go test -update with MSPECC_PYTHON makes it anew")
	}
	checkScaled(t, g.Features, u.want(t, 3))
}

func checkScaled(t *testing.T, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d features, expected %d", len(got), len(want))
	}
	for i, w := range want {
		if !(math.Abs(got[i]-w) <= 2e-5*(1+math.Abs(w))) {
			t.Errorf("feature %d is %v in onnxruntime, expected %v", i, got[i], w)
		}
	}
}

// onnxruntime itself, where there is one.
func TestScaledInOnnxruntime(t *testing.T) {
	for _, c := range scaledCases {
		u := newScaled(t, c.modality, c.channels)
		file := filepath.Join(t.TempDir(), "scaled.onnx")
		if err := os.WriteFile(file, u.model, 0o644); err != nil {
			t.Fatal(err)
		}
		version, results := onnxruntime(t, []runCase{{file, map[string]input{"x": u.raw(3)}}})
		checkScaled(t, results[0]["features"].Data, u.want(t, 3))
		if *update && c.modality == "numbers" {
			text, err := json.Marshal(scaledGolden{version, u.raw(3), results[0]["features"].Data})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join("testdata", "scaled.json"), append(text, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
