package embed

import (
	"math"
	"path/filepath"
	"testing"
)

// The class of an example without a label is -1, in every format.
func TestExamplesWithoutLabel(t *testing.T) {
	for _, ending := range Endings() {
		name := filepath.Join(t.TempDir(), "f"+ending)
		x, y := rows(3, 5)
		y[1] = math.NaN()
		if err := Write(name, Info{Rows: 3, Width: width, Classes: 5, Meta: map[string]string{"step": "7"}}, inParts(x, y)); err != nil {
			t.Fatal(err)
		}
		if got := readFile(t, name, 5).Labels; len(got) != 3 || got[0] != y[0] || got[1] != -1 || got[2] != y[2] {
			t.Errorf("%s: labels %v, expected %v with -1 for none", ending, got, y)
		}
	}
}
