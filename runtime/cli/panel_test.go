package cli

import (
	"slices"
	"testing"

	"mspecc/runtime"
	"mspecc/runtime/report"
)

func TestLayoutFollowsTheModality(t *testing.T) {
	for _, c := range []struct {
		m      runtime.Modality
		reader string
		kind   string
		letter string
	}{
		{runtime.Modality{Kind: "image", Grid: []int{2, 2}}, "idx", report.Image, ""},
		{runtime.Modality{Kind: "spectrogram", Grid: []int{2, 2}}, "idx", report.Spectrogram, ""},
		{runtime.Modality{Kind: "record", Grid: []int{28}}, "higgs", report.Series, ""},
		{runtime.Modality{Kind: "tokens", Grid: []int{250}, Inputs: []runtime.Input{{DType: runtime.I32}}}, "genomics", report.Tokens, "G"},
		{runtime.Modality{Kind: "tokens", Grid: []int{250}, Inputs: []runtime.Input{{DType: runtime.I32}}}, "idx", report.Tokens, ""},
	} {
		l := layout(c.m, c.reader)
		letter := ""
		if len(l.Letters) > 2 {
			letter = l.Letters[2]
		}
		if l.Kind != c.kind || letter != c.letter {
			t.Errorf("%s read by %s is shown as %s with %q for 2, expected %s and %q", c.m.Kind, c.reader, l.Kind, letter, c.kind, c.letter)
		}
	}
	if l := fit(report.Layout{Kind: report.Series, Patch: []int{5}}, 15); l.Channels != 3 {
		t.Errorf("15 values of 5 samples are %d channels", l.Channels)
	}
}

// The std library's kind of tokens gives rows that are 1 at the token; visible tokens are put in.
func TestTokensFromScores(t *testing.T) {
	tensor := func(name string, off int, shape ...int) runtime.Tensor {
		return runtime.Tensor{Name: name, Shape: shape, Offset: off}
	}
	f := &runtime.Function{Outputs: []runtime.Tensor{tensor("target", 0, 1, 3, 2), tensor("mask", 16, 1, 3),
		tensor("reconstruction", 32, 1, 3, 2), tensor("adapted", 48, 1, 3, 2)}}
	p := &runtime.Program{Floats: 64, Batch: 1, Reconstruct: f, Modality: runtime.Modality{Inputs: []runtime.Input{{DType: runtime.I32, Vocab: 2}}}}
	m, err := runtime.NewMachine(p, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	copy(m.Floats(f.Outputs[0]), []float32{0, 1, 1, 0, 0, 1})
	copy(m.Floats(f.Outputs[1]), []float32{1, 0, 1})
	copy(m.Floats(f.Outputs[2]), []float32{0.9, 0.1, 0.2, 0.8, 0.3, 0.7})
	copy(m.Floats(f.Outputs[3]), []float32{0.4, 0.6, 0.2, 0.8, 0.3, 0.7})
	all, err := readReconstruction(m)
	if err != nil || len(all) != 1 || all[0].measure() != tokenAccuracy {
		t.Fatal(all, err)
	}
	r := all[0]
	e := r.example(0)
	if !slices.Equal(e.Target, []float32{1, 0, 1}) || !slices.Equal(e.Reconstruction, []float32{0, 0, 1}) || !slices.Equal(e.Adapted, []float32{1, 0, 1}) {
		t.Errorf("tokens %v became %v and %v", e.Target, e.Reconstruction, e.Adapted)
	}
	var before tally
	before.add(r, r.reconstruction, 0)
	if before.means() != [2]float64{0, 0.5} {
		t.Errorf("accuracy %v", before.means())
	}
}
