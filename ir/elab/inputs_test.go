package elab

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"mspecc/ir"
)

// Several inputs, kinds made of kinds with labels, tasks: what the run-time library is told.
func TestSeveralInputs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.mspec")
	model, err := filepath.Abs("../../examples/metamae")
	if err != nil {
		t.Fatal(err)
	}
	src := `import "` + filepath.ToSlash(model) + `"
modality captions = image_text(3, 8, 8, patch: 4, vocab: 20, words: 6) {
    data captioned(columns: ["a", "b"])
    task "other" { data captioned(label: "y", split: "by subject") metric "spearman" }
    set batch = 4, enc_width = 8, enc_heads = 2, enc_layers = 1, dec_width = 4, dec_layers = 1, dec_heads = 1
}
`
	if err := os.WriteFile(file, []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
	v := load(t, file, Options{}).Variants[0]
	m := v.Modality
	if len(m.Inputs) != 2 || m.Inputs[0].Tensor() != "x.image" || m.Inputs[1].Vocab != 20 || m.Inputs[1].Type.DType != ir.I32 ||
		!slices.Equal(m.Inputs[0].Type.Shape, []int{3, 8, 8}) || !slices.Equal(m.Grid, []int{2, 2}) {
		t.Errorf("inputs %+v, grid %v", m.Inputs, m.Grid)
	}
	if len(m.Tasks) != 1 || m.Tasks[0].Name != "other" || m.Tasks[0].Reader != "captioned" || len(m.Tasks[0].Options) != 2 || m.Tasks[0].Metric != "spearman" || m.Options[0].Value != "[a, b]" {
		t.Errorf("tasks %+v, options %v", m.Tasks, m.Options)
	}
	var names []string
	for _, p := range v.Params {
		names = append(names, p.Attr.Name)
	}
	for _, want := range []string{"image.patch_embed.proj.weight", "text.patch_embed.proj.weight", "image.stream", "image.decoder_head.weight", "text.decoder_head.bias"} {
		if !slices.Contains(names, want) {
			t.Errorf("there is no parameter %s among %v", want, names)
		}
	}
	if len(v.Objective.Inputs) != 2 || v.Objective.Inputs[1].Attr.Name != "x.text" {
		t.Errorf("inputs %v", v.Objective.Inputs)
	}
	outputs := map[string][]int{}
	for _, o := range v.Reconstruct.Outputs {
		outputs[o.Name] = o.Value.Shape()
	}
	if !slices.Equal(outputs["target.0"], []int{4, 4, 48}) || !slices.Equal(outputs["reconstruction.1"], []int{4, 6, 20}) || !slices.Equal(outputs["mask"], []int{4, 10}) {
		t.Errorf("reconstruct gives %v", outputs)
	}
}
