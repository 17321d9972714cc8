package cli

import (
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"mspecc/runtime/internal/tiny"
)

// What a model was trained with goes along with its parameters, to other programs and back again.
func TestExportsKeepTheScaling(t *testing.T) {
	p := tiny.Program()
	p.Modality.Inputs[0].Shape = []int{1, 16}
	folder, dir := t.TempDir(), t.TempDir()
	writeTable(t, filepath.Join(folder, "a.csv"), 40, func(row, c int) string { return strconv.Itoa((row*row+c)%7 + row*c) })
	writeTable(t, filepath.Join(folder, "b.csv"), 20, func(row, c int) string { return strconv.Itoa(row*row + c) })
	file := func(name string) string { return filepath.Join(dir, name) }
	do := func(args ...string) string {
		t.Helper()
		code, out, errs := command(p, args...)
		if code != 0 {
			t.Fatalf("%v: %d, %s", args, code, errs)
		}
		return out + errs
	}
	data := func(files string) []string {
		return []string{"--data", folder, "--reader", "csv", "--data-option", "files=" + files, "--data-option", "label=y", "--data-option", "split=last"}
	}
	do(append([]string{"train", "--steps", "3", "--out", file("run"), "--data-option", "standardize=true"}, data("a.csv")...)...)
	want := learnedOf(t, file("run"))
	if want.Scaling == nil || want.Schema == nil || len(want.Schema.Columns) != 16 || len(want.Schema.Classes) != 2 {
		t.Fatalf("the run keeps %+v", want)
	}
	features := func(checkpoint string) string {
		t.Helper()
		do(append([]string{"embed", "--checkpoint", file(checkpoint), "--out", file("f.npy")}, data("b.csv")...)...)
		raw, err := os.ReadFile(file("f.npy"))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	first := features("run")
	for _, name := range []string{"model.safetensors", "model.pth"} {
		do("export", "--checkpoint", file("run"), "--out", file(name))
		do("import", "--in", file(name), "--out", file("again.safetensors"))
		if got := learnedOf(t, file("again.safetensors")); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: imported, %+v is known, expected %+v", name, got, want)
		}
		if features("again.safetensors") != first {
			t.Errorf("%s: imported, the model has other features", name)
		}
	}
	do("import", "--in", file("run")+"/checkpoints/step-00000003.safetensors", "--out", file("again.safetensors"))
	if got := learnedOf(t, file("again.safetensors")); !reflect.DeepEqual(got, want) {
		t.Errorf("of a checkpoint, %+v is known, expected %+v", got, want)
	}
	if features("model.safetensors") != first {
		t.Error("what export wrote has other features than the checkpoint")
	}
	if said := do(append([]string{"train", "--steps", "3", "--init-from", file("model.safetensors"), "--out", file("next")}, data("b.csv")...)...); !strings.Contains(said, "values are scaled as those of") {
		t.Errorf("--init-from an exported file says %s", said)
	}
	if said := do("export", "--checkpoint", file("run"), "--out", file("bare.pth"), "--key", ""); !strings.Contains(said, "no room for how values are scaled") {
		t.Errorf("a state dict alone: %s", said)
	}
	for _, args := range [][]string{{"--out", file("x.pth"), "--scaled-input"}, {"--out", file("x.pth"), "--key", "metadata"}} {
		if code, _, errs := command(p, append([]string{"export", "--checkpoint", file("run")}, args...)...); code != 2 {
			t.Errorf("%v: %d, %s", args, code, errs)
		}
	}
}
