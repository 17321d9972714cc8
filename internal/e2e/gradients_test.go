package e2e

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"mspecc/ir"
	"mspecc/ir/elab"
	"mspecc/spec"
)

// TestInnerGradients: specs whose inner gradients are by looked up, joined, picked, quantised and masked
// values, through the whole compiler and on both kinds of kernels, against the float64 interpreter on
// the graph as it was elaborated, without any rewriting. What that graph computes is held against
// differences in ir/pass.
func TestInnerGradients(t *testing.T) {
	files, err := filepath.Glob("testdata/gradients/*.mspec")
	if err != nil || len(files) == 0 {
		t.Fatal("no specs", err)
	}
	r := &randomCase{tol: 1e-4, model: &elab.Model{Name: "gradients", File: "gradients.mspec", Digest: strings.Repeat("0", 64)}}
	for _, file := range files {
		m, diags := elab.Load(file, elab.Options{})
		if m == nil {
			var s strings.Builder
			spec.Render(&s, diags, nil)
			t.Fatal(s.String())
		}
		v := m.Variants[0]
		p := v.Objective.Program()
		p.B.Phase = ir.Backward
		for i, g := range p.B.Grad(v.Objective.Outputs[0].Value, v.Params...) {
			p.Outputs = append(p.Outputs, ir.Output{Name: "grad." + v.Params[i].Attr.Name, Value: g})
		}
		r.add(strings.TrimSuffix(filepath.Base(file), ".mspec"), p, p, specFeeds(v, p), "f32")
	}
	dir := t.TempDir()
	bin := r.build(t, dir, nil)
	in := r.writeFeeds(t, dir)
	for _, target := range targets(t, "f32") {
		r.run(t, bin, in, target, "MSPECC_CASE_THREADS=2")
	}
}

// specFeeds draws numbers for the leaves of a spec's program.
func specFeeds(v *elab.Variant, p *ir.Program) map[string][]float64 {
	vocab := map[string]int{}
	for _, in := range v.Modality.Inputs {
		vocab[in.Tensor()] = in.Vocab
	}
	feeds, r := map[string][]float64{}, rand.New(rand.NewPCG(1, 2))
	for _, x := range p.Live() {
		numbers := make([]float64, x.Len())
		for i := range numbers {
			switch {
			case x.Op == ir.OpUniform:
				numbers[i] = float64(r.Uint32()>>8) / (1 << 24)
			case x.Op == ir.OpInput && x.Type.DType == ir.I32:
				numbers[i] = float64(r.IntN(vocab[x.Attr.Name]))
			default:
				numbers[i] = float64(float32(r.NormFloat64() / 2))
			}
		}
		if x.Op == ir.OpUniform || x.Op == ir.OpInput || x.Op == ir.OpParam {
			feeds[x.Attr.Name] = numbers
		}
	}
	return feeds
}
