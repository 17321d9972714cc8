package embed

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The class of an example without a label is -1, in every format, and its name empty.
func TestExamplesWithoutLabel(t *testing.T) {
	for _, ending := range Endings() {
		name := filepath.Join(t.TempDir(), "f"+ending)
		b, i := rows(3, 5), info(3, 5)
		b.Y[1] = math.NaN()
		if _, err := Write(name, i, inParts(b)); err != nil {
			t.Fatal(err)
		}
		if got := readFile(t, name, i); len(got.Labels) != 3 || *got.Labels[0] != b.Y[0] || got.Labels[1] != nil || *got.Labels[2] != b.Y[2] || got.Classes[1] != "" {
			t.Errorf("%s: labels %v of the classes %q", ending, got.Labels, got.Classes)
		}
	}
	name := filepath.Join(t.TempDir(), "f.csv")
	b := rows(1, 5)
	b.Y[0] = math.NaN()
	if _, err := Write(name, Info{Rows: 1, Width: width, Classes: 5}, inParts(b)); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(name); err != nil || !strings.HasSuffix(string(text), ",-1\n") {
		t.Errorf("%q, %v", text, err)
	}
}
