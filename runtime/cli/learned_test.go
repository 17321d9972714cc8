package cli

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"mspecc/runtime/data"
	"mspecc/runtime/internal/tiny"
	"mspecc/runtime/runs"
)

// Values are scaled as those of the training were, whatever else lies in the folder: an example has one vector of features.
func TestScalingStaysWithTheModel(t *testing.T) {
	p := tiny.Program()
	p.Modality.Inputs[0].Shape = []int{1, 16} // a row of a table
	dir := t.TempDir()
	cell := func(row, c int) string { return strconv.Itoa((row*row+c)%7 + row/40*100) }
	writeTable(t, filepath.Join(dir, "a.csv"), 40, cell)
	writeTable(t, filepath.Join(dir, "b.csv"), 80, cell)
	run := func(name, file string, args ...string) string {
		t.Helper()
		args = append([]string{name, "--data", dir, "--reader", "csv", "--data-option", "files=" + file, "--data-option", "label=y", "--data-option", "split=last", "--data-option", "standardise=true"}, args...)
		code, _, errs := command(p, args...)
		if code != 0 {
			t.Fatalf("%v: %d, %s", args, code, errs)
		}
		return errs
	}
	first := func(checkpoint, file string) string {
		t.Helper()
		out := filepath.Join(t.TempDir(), "features.csv")
		run("embed", file, "--checkpoint", filepath.Join(dir, checkpoint), "--out", out)
		raw, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		_, numbers, _ := strings.Cut(strings.Split(string(raw), "\n")[1], ",") // behind the id
		return numbers
	}
	run("train", "a.csv", "--steps", "3", "--out", filepath.Join(dir, "one"))
	if a, b := first("one", "a.csv"), first("one", "b.csv"); a != b {
		t.Errorf("the features of the first row are %s in one file and %s in another", a, b)
	}
	said := run("train", "b.csv", "--steps", "3", "--init-from", filepath.Join(dir, "one"), "--out", filepath.Join(dir, "two"))
	if !strings.Contains(said, "values are scaled as those of ") {
		t.Errorf("--init-from says nothing of the scaling: %s", said)
	}
	if a, b := first("two", "a.csv"), first("two", "b.csv"); a != b {
		t.Errorf("after --init-from the features of the first row are %s in one file and %s in another", a, b)
	}
}

// What a model of scaled values sees is scaled as in training, whichever reader gives the values and
// whatever its options are; only values that are said to be scaled already are taken as they are.
func TestScalingWhateverTheReader(t *testing.T) {
	p := tiny.Program()
	p.Modality.Inputs[0].Shape = []int{1, 16}
	dir := t.TempDir()
	cell := func(row, c int) string { return strconv.Itoa((row*row+c)%7 + row*c) }
	writeTable(t, filepath.Join(dir, "rows.csv"), 40, cell)
	scaled := func(l *data.Scaling, row, c int) string {
		v, _ := strconv.ParseFloat(cell(row, c), 64)
		return strconv.FormatFloat(float64(l.At(c, 16, v)), 'g', -1, 32)
	}
	var lines strings.Builder
	for row := range 40 {
		lines.WriteString(`{"y": ` + strconv.Itoa(row%2))
		for c := range 16 {
			lines.WriteString(`, "c` + strconv.Itoa(c) + `": ` + cell(row, c))
		}
		lines.WriteString("}\n")
	}
	if err := os.WriteFile(filepath.Join(dir, "rows.jsonl"), []byte(lines.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(t.TempDir(), "run")
	table := []string{"--data-option", "label=y", "--data-option", "split=last"}
	csv := append([]string{"--reader", "csv", "--data-option", "files=rows.csv"}, table...)
	do := func(args ...string) (int, string) {
		t.Helper()
		code, _, errs := command(p, args...)
		return code, errs
	}
	if code, errs := do(append([]string{"train", "--data", dir, "--steps", "3", "--out", run, "--data-option", "standardize=true"}, csv...)...); code != 0 {
		t.Fatal(errs)
	}
	features := func(args ...string) []float32 {
		t.Helper()
		out := filepath.Join(t.TempDir(), "f.npy")
		if code, errs := do(append([]string{"embed", "--data", dir, "--checkpoint", run, "--out", out}, args...)...); code != 0 {
			t.Fatalf("%v: %s", args, errs)
		}
		raw, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float32, 5)
		for i := range x {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[128+4*i:])) // of the first example
		}
		return x
	}
	want := features(append([]string{"--data-option", "standardize=true"}, csv...)...)
	near := func(name string, got []float32) {
		t.Helper()
		for i, v := range got {
			if math.Abs(float64(v-want[i])) > 1e-4 {
				t.Errorf("%s: features %v, expected %v", name, got, want)
				return
			}
		}
	}
	near("csv without the option", features(csv...))
	near("jsonl", features(append([]string{"--reader", "jsonl"}, table...)...))

	if code, errs := do(append([]string{"embed", "--data", dir, "--checkpoint", run, "--data-option", "standardize=false", "--out", "none.npy"}, csv...)...); code != 2 || !strings.Contains(errs, "--scaled-input") {
		t.Errorf("an option that would do nothing: %d, %s", code, errs)
	}
	l := learnedOf(t, run)
	for option, want := range map[string]*data.Scaling{"standardize=false": nil, "label=y": l.Scaling} { // a new run may begin otherwise
		next := filepath.Join(t.TempDir(), "next")
		if code, errs := do(append([]string{"train", "--data", dir, "--steps", "3", "--init-from", run, "--out", next, "--data-option", option}, csv...)...); code != 0 {
			t.Fatal(errs)
		}
		if got := learnedOf(t, next).Scaling; !reflect.DeepEqual(got, want) {
			t.Errorf("--init-from with %s: scaling %v, expected %v", option, got, want)
		}
	}
	writeTable(t, filepath.Join(dir, "already.csv"), 40, func(row, c int) string { return scaled(l.Scaling, row, c) })
	already := append([]string{"--reader", "csv", "--data-option", "files=already.csv", "--scaled-input"}, table...)
	near("scaled already", features(already...))
}

// learnedOf is what a run's checkpoint says its reader learned.
func learnedOf(t *testing.T, run string) data.Learned {
	t.Helper()
	found, err := runs.Find(run)
	if err != nil {
		t.Fatal(err)
	}
	state, _, err := found.ReadState()
	if err != nil {
		t.Fatal(err)
	}
	return state.Data.Learned
}
