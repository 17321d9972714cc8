package elab

import (
	"os"
	"testing"

	"mspecc/spec"
)

func load(t *testing.T, file string, opt Options) *Model {
	t.Helper()
	m, diags := Load(file, opt)
	if len(diags) > 0 {
		spec.Render(os.Stderr, diags, nil)
	}
	if m == nil {
		t.Fatal("errors")
	}
	return m
}

func TestExamples(t *testing.T) {
	for _, f := range []string{"metamae", "mae", "maml"} {
		m := load(t, "../../examples/"+f+".mspec", Options{})
		for _, v := range m.Variants {
			t.Log(v.Modality, v.Batch, len(v.Params), len(v.Objective.B.Values()), v.Train)
		}
	}
}
