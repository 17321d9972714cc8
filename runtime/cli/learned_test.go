package cli

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"mspecc/runtime/internal/tiny"
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
		return strings.Split(string(raw), "\n")[1]
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
