package eval

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mspecc/runtime/runs"
)

func TestLog(t *testing.T) {
	dir := runs.Dir(t.TempDir())
	if list, damaged, err := ReadLog(dir); list != nil || damaged != 0 || err != nil {
		t.Errorf("%v, %d, %v from an empty folder", list, damaged, err)
	}
	first := Evaluation{Model: "m", Step: 10, Results: []Result{{Method: "linear", Test: score([]float64{0.5, 0.7}, ""), Confusion: [][]int{{1, 2}, {3, 4}}}}}
	second := Evaluation{Model: "m", Step: 20, Results: []Result{{Method: "knn", Test: score([]float64{0.9}, "")}}}
	if err := Append(dir, &first); err != nil {
		t.Fatal(err)
	}
	// A line that a full disk cut short.
	f, err := os.OpenFile(dir.Evaluations(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"time":"2026`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := Append(dir, &second); err != nil {
		t.Fatal(err)
	}
	list, damaged, err := ReadLog(dir)
	if err != nil || damaged != 1 {
		t.Errorf("%d damaged lines, %v", damaged, err)
	}
	if d := cmp.Diff([]Evaluation{first, second}, list); d != "" {
		t.Error(d)
	}
	if err := Append(dir+"/no", &first); err == nil {
		t.Error("appended in a folder that does not exist")
	}
}
