package serve

import (
	"encoding/binary"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mspecc/internal/fuzzing"
	"mspecc/runtime"
	"mspecc/runtime/data"
)

// Examples of two inputs, a picture and its text.
func TestSeveralInputs(t *testing.T) {
	r := reader{newInput("image", []int{1, 2, 2}, runtime.F32, 0), newInput("text", []int{3}, runtime.I32, 10)}
	want := &inputs{x: []float32{1, 2, 3, 4, 5, 6, 7, 8}, tokens: []int32{0, 9, 1, 2, 3, 4}, n: 2}
	got, err := r.json([]byte(`{"inputs": [{"image": [[[1, 2], [3, 4]]], "text": [0, 9, 1]}, {"text": [2, 3, 4], "image": [5, 6, 7, 8]}]}`), 2)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(inputs{})); d != "" {
		t.Error(d)
	}
	var raw []byte
	for i := range 2 {
		for _, v := range want.x[4*i : 4*i+4] {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
		}
		for _, v := range want.tokens[3*i : 3*i+3] {
			raw = binary.LittleEndian.AppendUint32(raw, uint32(v))
		}
	}
	if got, err = r.raw(raw, 2); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(inputs{})); d != "" {
		t.Error(d)
	}
	for want, body := range map[string]string{
		"input 0 is not an object with the members of {image: f32[1,2,2], text: i32[3]}": `{"inputs": [[1, 2, 3, 4]]}`,
		"input 0 has no text":           `{"inputs": [{"image": [1, 2, 3, 4], "txt": [1, 2, 3]}]}`,
		"with the members of":           `{"inputs": [{"image": [1, 2, 3, 4]}]}`,
		"the token 10, expected 0 to 9": `{"inputs": [{"image": [1, 2, 3, 4], "text": [1, 2, 10]}]}`,
	} {
		if _, err := r.json([]byte(body), 2); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, expected %q", err, want)
		}
	}
}

// A vocabulary makes texts inputs too.
func TestTexts(t *testing.T) {
	m := runtime.Modality{Inputs: []runtime.Input{{Shape: []int{3}, DType: runtime.I32, Vocab: 5}}}
	v := &data.Vocabulary{Tokens: "words", Lower: true, Words: []string{"[PAD]", "red", "fox"}, Unknown: -1}
	got, err := newReader(m, data.Learned{Vocabulary: v}).json([]byte(`{"inputs": ["Red \u0066ox", [4, 0, 1], "", "fox fox fox fox"]}`), 9)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&inputs{tokens: []int32{1, 2, 0, 4, 0, 1, 0, 0, 0, 2, 2, 2}, n: 4}, got, cmp.AllowUnexported(inputs{})); d != "" {
		t.Error(d)
	}
	for want, body := range map[string]string{
		`input 1: holds the token "cow", which is not known`: `{"inputs": ["fox", "cow"]}`,
		"input 0: lists lie 0 deep":                          `{"inputs": [7]}`,
	} {
		if _, err := newReader(m, data.Learned{Vocabulary: v}).json([]byte(body), 2); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, expected %q", err, want)
		}
	}
	if _, err := newReader(m, data.Learned{Vocabulary: v}).json([]byte("{\"inputs\": [\"fox\xe9\"]}"), 2); err == nil || !strings.Contains(err.Error(), "not UTF-8") {
		t.Errorf("a body in Latin-1: %v", err)
	}
	if _, err := newReader(m, data.Learned{}).json([]byte(`{"inputs": ["fox"]}`), 2); err == nil || !strings.Contains(err.Error(), "lists lie 0 deep") {
		t.Errorf("a text without a vocabulary: %v", err)
	}
}

// An example may be an object with the columns that the model was trained with, in any order.
func TestNamedColumns(t *testing.T) {
	m := runtime.Modality{Inputs: []runtime.Input{{Shape: []int{1, 4}, DType: runtime.F32}}}
	l := data.Learned{Schema: &data.Schema{Columns: []data.Column{{Name: "a"}, {Name: "b", Shape: []int{2}}, {Name: "c"}}, Scale: 2},
		Scaling: &data.Scaling{Mean: []float64{1, 1, 1, 1}, Factor: []float64{1, 1, 1, 10}}}
	want := &inputs{x: []float32{1, 3, 5, 70, 1, 3, 5, 70}, n: 2}
	got, err := newReader(m, l).json([]byte(`{"inputs": [{"c": 4, "b": [2, 3], "a": 1}, [1, 2, 3, 4]]}`), 9)
	if d := cmp.Diff(want, got, cmp.AllowUnexported(inputs{})); err != nil || d != "" {
		t.Error(err, d)
	}
	for want, body := range map[string]string{
		`input 0: has no column "c", which the model was trained with`:              `{"inputs": [{"a": 1, "b": [2, 3]}]}`,
		`input 0: has a column "d", which the model was not trained with`:           `{"inputs": [{"a": 1, "b": [2, 3], "c": 4, "d": 5}]}`,
		`column "b": input 0: a list has 1 elements, expected 2; it must be f32[2]`: `{"inputs": [{"a": 1, "b": [2], "c": 4}]}`,
		`column "a": input 0: "null" is no number`:                                  `{"inputs": [{"a": null, "b": [2, 3], "c": 4}]}`,
	} {
		if _, err := newReader(m, l).json([]byte(body), 2); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, expected %q", err, want)
		}
	}
	windows := runtime.Modality{Inputs: []runtime.Input{{Shape: []int{2, 3}, DType: runtime.F32}}}
	two := data.Learned{Schema: &data.Schema{Columns: []data.Column{{Name: "x"}, {Name: "y"}}, Window: 3}}
	got, err = newReader(windows, two).json([]byte(`{"inputs": [{"y": [4, 5, 6], "x": [1, 2, 3]}]}`), 9)
	if d := cmp.Diff(&inputs{x: []float32{1, 2, 3, 4, 5, 6}, n: 1}, got, cmp.AllowUnexported(inputs{})); err != nil || d != "" {
		t.Error(err, d)
	}
	two.Schema.Layout = "NTC"
	if _, err := newReader(windows, two).json([]byte(`{"inputs": [{"y": [4, 5, 6], "x": [1, 2, 3]}]}`), 9); err == nil {
		t.Error("columns in the order of another layout are taken")
	}
}

// Whatever a body holds, it is refused or read as the reader says.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"inputs": [[[1, 2], [3, 4]], [1e3, -2, 0.5, 4]]}`))
	f.Add([]byte(`{"inputs": [[[1, [2]], "x]"], null, {"a": [1]}]}`))
	r := reader{newInput("x", []int{2, 2}, runtime.F32, 0)}
	fuzzing.Bound(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		in, err := r.json(body, 3)
		if err == nil && len(in.x) != 4*in.n {
			t.Errorf("%d numbers for %d inputs", len(in.x), in.n)
		}
	})
}

// Values are as they are in files: they are scaled as those of the training were.
func TestScaledValues(t *testing.T) {
	m := runtime.Modality{Inputs: []runtime.Input{{Shape: []int{2, 2}, DType: runtime.F32}}}
	r := newReader(m, data.Learned{Scaling: &data.Scaling{Mean: []float64{1, -2}, Factor: []float64{10, 0.5}}})
	want := &inputs{x: []float32{0, 10, 1, 2, -10, 0, 0, 0.5}, n: 2}
	got, err := r.json([]byte(`{"inputs": [[[1, 2], [0, 2]], [0, 1, -2, -1]]}`), 9)
	if d := cmp.Diff(want, got, cmp.AllowUnexported(inputs{})); err != nil || d != "" {
		t.Error(err, d)
	}
	body, err := io.ReadAll(rawBody([]float32{1, 2, 0, 2}, []float32{0, 1, -2, -1}))
	if err != nil {
		t.Fatal(err)
	}
	got, err = r.raw(body, 9)
	if d := cmp.Diff(want, got, cmp.AllowUnexported(inputs{})); err != nil || d != "" {
		t.Error(err, d)
	}
	if _, err := r.json([]byte(`{"inputs": [[3e38, 0, 0, 0]]}`), 2); err == nil || !strings.Contains(err.Error(), "finite numbers") {
		t.Errorf("a value that is too large: %v", err)
	}
}

// Of several inputs of values each has its part of the scaling.
func TestScaledValuesOfSeveralInputs(t *testing.T) {
	m := runtime.Modality{Inputs: []runtime.Input{{Name: "a", Shape: []int{1}, DType: runtime.F32}, {Name: "text", Shape: []int{1}, DType: runtime.I32, Vocab: 9}, {Name: "b", Shape: []int{3}, DType: runtime.F32}}}
	r := newReader(m, data.Learned{Scaling: &data.Scaling{Mean: []float64{1, -2}, Factor: []float64{10, 0.5}}})
	want := &inputs{x: []float32{0, 10, 1, 2, -10, 0, 0, 0.5}, tokens: []int32{3, 4}, n: 2}
	got, err := r.json([]byte(`{"inputs": [{"b": [2, 0, 2], "a": [1], "text": [3]}, {"a": [0], "text": [4], "b": [1, -2, -1]}]}`), 9)
	if d := cmp.Diff(want, got, cmp.AllowUnexported(inputs{})); err != nil || d != "" {
		t.Error(err, d)
	}
}
