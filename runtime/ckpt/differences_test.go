package ckpt

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mspecc/runtime"
)

func TestDifferences(t *testing.T) {
	m := machine(t)
	f, err := Snapshot(m, State{Step: 1})
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := f.ReadState()
	if err != nil {
		t.Fatal(err)
	}
	p := *m.Program
	if d := f.Differences(s, &p, true); len(d) > 0 {
		t.Errorf("of the same program: %q", d)
	}
	p.Settings = []runtime.Setting{{Name: "hidden", Value: "6"}, {Name: "depth", Value: "2"}}
	p.Sources = []runtime.Source{{Name: "tiny.mspec", Text: "model tiny { }\n"}, {Name: "more.mspec"}}
	p.Params = slices.Clone(p.Params)
	p.Params[0].Shape, p.Params[1].Name = []int{16, 6}, "out.weight"
	p.State = p.State[:1]
	p.Modality.Name = "circles"
	want := []string{
		"modality: squares there, circles here",
		"setting depth: none there, 2 here",
		"setting hidden: 5 there, 6 here",
		"tensor decoder.weight: f32[5,16] there, none here",
		"tensor encoder.weight: f32[16,5] there, f32[16,6] here",
		"tensor out.weight: none there, f32[5,16] here",
		"optimiser state: adam.m adam.v there, adam.m here",
		"spec: more.mspec is not among the files there",
		"spec: std/nn.mspec is not among the files here",
		"spec: tiny.mspec has another text",
	}
	if d := cmp.Diff(want, f.Differences(s, &p, true)); d != "" {
		t.Error(d)
	}
	p = *m.Program
	p.Digest = "99"
	if d := f.Differences(s, &p, true); len(d) != 1 {
		t.Errorf("of another digest: %q", d)
	}
}

func TestAdopt(t *testing.T) {
	m := machine(t)
	f, err := Snapshot(m, State{Step: 1})
	if err != nil {
		t.Fatal(err)
	}
	f.Tensors[0].Shape = []int{5, 16}
	f.Tensors[0].Name, f.Tensors[1].Name = f.Tensors[1].Name, "old.weight"
	decoder := m.Program.Params[1].Tensor
	clear(m.Floats(decoder))
	got, err := f.Adopt(m)
	want := Transfer{Taken: []string{"decoder.weight"}, Fresh: []string{"encoder.weight: not in the checkpoint"},
		Unused: []string{"old.weight: f32[5,16]", "adam.m/encoder.weight: f32[16,5]", "adam.v/encoder.weight: f32[16,5]"}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
	if slices.Max(m.Floats(decoder)) == 0 {
		t.Error("nothing was copied")
	}
	f.Tensors[0].Shape = []int{16, 5}
	if got, err := f.Adopt(m); err == nil {
		t.Errorf("nothing fits, but %+v", got)
	}
}

func TestSumsKeepEveryBit(t *testing.T) {
	s := State{}
	s.Line.Add([]float64{0.1, math.Inf(-1), math.NaN()})
	s.Line.Add([]float64{0.2, 1, 5e-324})
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var r State
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if r.Line.Steps != 2 || r.Since.Steps != 0 {
		t.Errorf("%+v", r)
	}
	for i := range s.Line.Of {
		if a, b := float64(s.Line.Of[i]), float64(r.Line.Of[i]); math.Float64bits(a) != math.Float64bits(b) && a == a {
			t.Errorf("%v became %v", a, b)
		}
	}
	if got := s.Line.Means()[1]; !math.IsInf(got, -1) {
		t.Errorf("mean %v", got)
	}
}
