package elab

import (
	"math"
	"math/rand/v2"
	"testing"

	"mspecc/ir"
)

// Where the compiler says that the values of tokens lie, there they lie: the targets of random examples are the
// values at these places, or what the kind makes of them.
func TestLayouts(t *testing.T) {
	log := func(x float64) float64 { return math.Log(1 + math.Abs(x)) }
	made := map[string]func(float64) float64{"spectrum_": log, "by_grid_": log}
	as := map[string][]string{"ecg_": {"series"}, "ecg_by_time_": {"series"}, "spectrum_": {"series"}, "by_grid_": {"series"}, "row_": {"table"},
		"clip_": {"video"}, "cloud_": {"points"}, "overlapping_": {"series"}, "zigzag_": {"image"}, "backwards_": {"tokens"}, "named_": {"tokens"},
		"codons_": {"none"}, "both_": {"series", "image"}, "series_": {"series"}, "image_": {"image"}, "tokens_": {"tokens"}, "captions_": {"image", "tokens"}}
	variants := load(t, "testdata/kinds.mspec", Options{}).Variants
	if len(variants) != len(as) {
		t.Errorf("%d modalities are compiled, %d are tested", len(variants), len(as))
	}
	for _, v := range variants {
		m := v.Modality
		t.Run(m.Name, func(t *testing.T) {
			if len(m.Layouts) != len(as[m.Name]) {
				t.Fatalf("%d layouts, expected %v", len(m.Layouts), as[m.Name])
			}
			f := made[m.Name]
			if f == nil {
				f = func(x float64) float64 { return x }
			}
			feeds := map[string][]float64{}
			r := rand.New(rand.NewPCG(3, 4))
			for _, in := range v.Reconstruct.Inputs {
				x := make([]float64, in.Len())
				for i := range x {
					if x[i] = r.NormFloat64(); in.Type.DType == ir.I32 {
						x[i] = float64(r.IntN(4))
					}
				}
				feeds[in.Attr.Name] = x
			}
			for k, l := range m.Layouts {
				if l.As != as[m.Name][k] {
					t.Errorf("input %d is shown as %s, expected %s", k, l.As, as[m.Name][k])
				}
				if l.As != asNone {
					checkPlaces(t, v, k, l, feeds, f)
				}
			}
		})
	}
}

// checkPlaces compares the target of an input with the values at its places.
func checkPlaces(t *testing.T, v *Variant, k int, l Layout, feeds map[string][]float64, f func(float64) float64) {
	t.Helper()
	var target *ir.Value
	for _, o := range v.Reconstruct.Outputs {
		if o.Name == "target" || o.Name == "target."+string(rune('0'+k)) {
			target = o.Value
		}
	}
	got, err := ir.Eval(feeds, target)
	if err != nil {
		t.Fatal(err)
	}
	in := v.Modality.Inputs[k]
	x, n := feeds[in.Tensor()], l.Tokens*l.Values
	if len(l.Places) != n {
		t.Fatalf("%d places of %d tokens of %d values", len(l.Places), l.Tokens, l.Values)
	}
	for example := range v.Batch {
		for i, p := range l.Places {
			want := f(x[example*in.Type.Len()+p])
			is := 0.0
			if rows := got[0][example*len(got[0])/v.Batch:]; len(got[0]) == v.Batch*n {
				is = rows[i]
			} else { // a row of scores
				for id, s := range rows[i*in.Vocab : (i+1)*in.Vocab] {
					is += float64(id) * s
				}
			}
			if is != want {
				t.Fatalf("input %d, example %d, value %d: the target is %v, the value at place %d makes %v", k, example, i, is, p, want)
			}
		}
	}
}
