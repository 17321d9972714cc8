package codegen

import (
	"slices"
	"testing"

	"mspecc/ir/elab"
	"mspecc/runtime"
)

// Where the values of tokens lie is the same in a program as the compiler found it, in a few numbers where it is a
// rearrangement by reshape and permute.
func TestLayouts(t *testing.T) {
	model, diags := elab.Load("../ir/elab/testdata/kinds.mspec", elab.Options{})
	if model == nil {
		t.Fatal(diags)
	}
	lists := 0
	for _, v := range model.Variants {
		for k, l := range v.Modality.Layouts {
			extents, strides, start := steps(l.Places)
			got := runtime.Layout{Extents: extents, Strides: strides}
			if start != 0 || extents == nil {
				got = runtime.Layout{List: l.Places}
				lists++
			}
			if !slices.Equal(got.Places(), l.Places) {
				t.Errorf("input %d of %s lies at %v, expected %v", k, v.Modality.Name, got.Places(), l.Places)
			}
			if len(extents) > 8 {
				t.Errorf("input %d of %s takes %v", k, v.Modality.Name, extents)
			}
		}
	}
	if lists != 3 { // zigzag, backwards, and codons, which are not shown
		t.Errorf("%d layouts are lists", lists)
	}
}
