package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mspecc/runtime/data"
	"mspecc/runtime/internal/tiny"
)

// tableOf writes rows of 16 columns and a label, the columns in some order.
func tableOf(t *testing.T, name string, order []int, label bool) {
	t.Helper()
	var b strings.Builder
	for row := -1; row < 40; row++ {
		var fields []string
		for _, c := range order {
			field := "c" + strconv.Itoa(c)
			if row >= 0 {
				field = strconv.Itoa((row*row + c*c) % 11)
			}
			fields = append(fields, field)
		}
		if label {
			fields = append(fields, []string{"y", strconv.Itoa(row % 2)}[min(1, row+1)])
		}
		b.WriteString(strings.Join(fields, ",") + "\n")
	}
	if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The schema of the training data stays with the model: embed and eval read other data by it, or say what they lack;
// data check shows that of the data.
func TestSchemaStaysWithTheModel(t *testing.T) {
	p := tiny.Program()
	p.Modality.Inputs[0].Shape = []int{1, 16} // a row of a table
	dir, run := t.TempDir(), filepath.Join(t.TempDir(), "run")
	var order []int
	for c := range 16 {
		order = append(order, c)
	}
	tableOf(t, filepath.Join(dir, "a.csv"), order, true)
	slices.Reverse(order)
	tableOf(t, filepath.Join(dir, "b.csv"), order, true)
	tableOf(t, filepath.Join(dir, "less.csv"), order[1:], true)
	tableOf(t, filepath.Join(dir, "more.csv"), append([]int{77}, order...), true)
	do := func(name, file string, args ...string) (string, string, int) {
		t.Helper()
		args = append([]string{name, "--data", dir, "--reader", "csv", "--data-option", "files=" + file, "--data-option", "label=y", "--data-option", "split=last"}, args...)
		code, out, errs := command(p, args...)
		return out, errs, code
	}
	if _, errs, code := do("train", "a.csv", "--steps", "3", "--out", run); code != 0 {
		t.Fatal(errs)
	}
	features := func(file string) string {
		t.Helper()
		out := filepath.Join(t.TempDir(), "f.npy")
		if _, errs, code := do("embed", file, "--checkpoint", run, "--out", out); code != 0 {
			t.Fatalf("%s: %s", file, errs)
		}
		raw, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	want := features("a.csv")
	for _, file := range []string{"b.csv", "more.csv"} {
		if features(file) != want {
			t.Errorf("%s, the same columns in another order, gives other features", file)
		}
	}
	for name, out := range map[string]string{"embed": "x.csv", "eval": "x.json", "reconstruct": "x.safetensors"} {
		args := []string{"--checkpoint", run, "--out", filepath.Join(t.TempDir(), out)}
		if _, errs, code := do(name, "less.csv", args...); code != 1 || !strings.Contains(errs, `less.csv: has no column "c15", which the model was trained with`) {
			t.Errorf("%s with a column less: %d, %s", name, code, errs)
		}
	}
	args := []string{"data", "check", "--json", "--data", dir, "--reader", "csv", "--data-option", "files=a.csv", "--data-option", "label=y", "--out", ""}
	code, out, errs := command(p, args...)
	var checked struct{ Schema *data.Schema }
	if err := json.Unmarshal([]byte(out), &checked); code != 0 || err != nil || checked.Schema == nil {
		t.Fatalf("data check: %d, %v, %s", code, err, errs)
	}
	if s := checked.Schema; len(s.Columns) != 16 || s.Columns[0].Name != "c0" || s.Columns[0].Type != data.NumberType || s.Label == nil || s.Label.Name != "y" || !slices.Equal(s.Classes, []string{"0", "1"}) {
		t.Errorf("schema %+v", s)
	}
}
