package e2e

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"mspecc/ir"
	"mspecc/ir/elab"
	"mspecc/runtime/data"
	_ "mspecc/runtime/data/dabs" // its readers
	"mspecc/spec"
)

// The specs of the DABS domains have the published numbers of parameters and the tasks of
// the benchmark, and their readers know the options and take the shapes they are given.
func TestDABS(t *testing.T) {
	tasks := 0
	for name, want := range map[string]struct {
		parameters int // 0: nothing is published
		tasks      string
	}{
		"pamap2":      {7374084, "pamap2"},
		"higgs":       {7274369, "higgs"},
		"genomics":    {7307776, "genomics-id genomics-ood"},
		"pfam":        {7313408, "pfam scop secondary-structure stability fluorescence"},
		"librispeech": {7372544, "librispeech voxceleb1 audiomnist google-speech fluent-location fluent-action fluent-object"},
		"imagenet32":  {7292464, "cifar10 cub vgg-flower dtd traffic-sign aircraft"},
		"wafer":       {7292464, "wafer"},
		"eurosat":     {7594304, "eurosat"},
		"mscoco":      {0, "mscoco mismatched-caption vqa"},
	} {
		m, diags := elab.Load(filepath.Join("..", "..", "examples", "dabs", name+".mspec"), elab.Options{})
		if spec.HasErrors(diags) {
			t.Fatal(diags)
		}
		v := m.Variants[0]
		count := 0
		for _, p := range v.Params {
			count += p.Type.Len()
		}
		if len(m.Variants) != 1 || v.Modality.Name != name || want.parameters > 0 && count != want.parameters {
			t.Errorf("%s: %d variants, the first %s of %d parameters, expected %d", name, len(m.Variants), v.Modality.Name, count, want.parameters)
		}
		opens(t, name, v.Modality, v.Modality.Reader, v.Modality.Options)
		var names []string
		for _, task := range v.Modality.Tasks {
			names = append(names, task.Name)
			opens(t, name+", task "+task.Name, v.Modality, task.Reader, task.Options)
		}
		if got := strings.Join(names, " "); got != want.tasks {
			t.Errorf("%s: tasks %s, expected %s", name, got, want.tasks)
		}
		tasks += len(names)
	}
	if tasks != 27 { // the benchmark's 26, and the objects of MS COCO
		t.Errorf("%d tasks", tasks)
	}
}

// opens lets a reader look for its files in a folder that has none of them: that is all that may be wrong.
func opens(t *testing.T, what string, m elab.Modality, reader string, options []elab.Option) {
	t.Helper()
	given := map[string]string{}
	for _, o := range options {
		given[o.Name] = o.Value
	}
	var want data.Want
	for _, in := range m.Inputs {
		want = append(want, data.Input{Name: in.Name, Shape: slices.Clone(in.Type.Shape), Tokens: in.Type.DType == ir.I32, Vocab: in.Vocab})
	}
	_, _, err := data.Open(reader, given, fstest.MapFS{"other.txt": &fstest.MapFile{Data: []byte("x")}}, "DIR", want, data.OpenOptions{})
	var e *data.Error
	if !errors.As(err, &e) || e.Fix == "" || !strings.Contains(e.Msg, "lacks") && !strings.Contains(e.Msg, "not found") {
		t.Errorf("%s: %v, expected that its files are missing", what, err)
	}
}
