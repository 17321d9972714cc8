package cli

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mspecc/runtime/eval"
	"mspecc/runtime/overview"
	"mspecc/runtime/runs"
)

// Of several evaluations of a step the newest counts; steps come in order.
func TestEvaluationsByStep(t *testing.T) {
	result := func(method, detail, input string, test, best float64) eval.Result {
		r := eval.Result{Method: method, Detail: detail, Input: input, Metric: "accuracy", Test: &eval.Score{Mean: test}}
		if best > 0 {
			r.Best = &eval.Score{Mean: best}
		}
		return r
	}
	all := byStep([]eval.Evaluation{
		{Step: 40, Modality: "dna", Results: []eval.Result{result("linear", "", overview.TrainedInput, 0.5, 0.6), result("knn", "k 20", "raw input", 0.4, 0)}},
		{Step: 20, Modality: "dna", Task: "promoters", Results: []eval.Result{result("linear", "", overview.TrainedInput, 0.3, 0.35)}},
		{Step: 40, Modality: "dna", Results: []eval.Result{result("linear", "", overview.TrainedInput, 0.7, 0)}},
	})
	if len(all) != 2 || all[0].step != 20 || all[1].step != 40 {
		t.Fatalf("%d steps, expected 20 and 40", len(all))
	}
	for i, want := range []map[string]float64{
		{"eval/promoters/linear/accuracy": 0.3, "eval/promoters/linear/accuracy_best": 0.35},
		{"eval/dna/linear/accuracy": 0.7, "eval/dna/linear/accuracy_best": 0.6, "eval/dna/knn_k_20/accuracy/raw_input": 0.4},
	} {
		if !maps.Equal(all[i].scalars, want) || !slices.Equal(slices.Sorted(slices.Values(all[i].tags)), slices.Sorted(maps.Keys(want))) {
			t.Errorf("step %d: %v, expected %v", all[i].step, all[i].scalars, want)
		}
	}
}

// The events of evaluations are written anew each time, and only the last files stay.
func TestEvaluationEventsDoNotGather(t *testing.T) {
	dir := runs.Dir(t.TempDir())
	for range oldEvaluations + 3 {
		e := eval.Evaluation{Modality: "dna", Results: []eval.Result{{Method: "knn", Metric: "accuracy", Test: &eval.Score{Mean: 1}}}}
		if err := eval.Append(dir, &e); err != nil {
			t.Fatal(err)
		}
		if err := writeEvaluationEvents(dir, t.Logf); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir.EvaluationEvents())
	if err != nil || len(entries) != oldEvaluations+1 || entries[0].Name() != "events.out.tfevents.000003" {
		t.Errorf("%v in the folder of events (%v), expected %d files, the first two removed", entries, err, oldEvaluations+1)
	}
}

// Of two evaluations that end together both are shown: who shows them waits for the other, and
// looks at the log afterwards.
func TestEvaluationsAtTheSameTime(t *testing.T) {
	dir := runs.Dir(t.TempDir())
	add := func(method string) {
		e := eval.Evaluation{Modality: "dna", Results: []eval.Result{{Method: method, Metric: "accuracy", Test: &eval.Score{Mean: 1}, Input: overview.TrainedInput}}}
		if err := eval.Append(dir, &e); err != nil {
			t.Fatal(err)
		}
	}
	release, err := dir.LockEvaluations() // the other one is at work
	if err != nil {
		t.Fatal(err)
	}
	add("linear")
	var notes []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		showEvaluations(dir, func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) })
	}()
	time.Sleep(50 * time.Millisecond) // one that does not wait would be done by now
	if entries, _ := os.ReadDir(dir.EvaluationEvents()); len(entries) > 0 {
		t.Errorf("%v was written while another evaluation was being shown", entries)
	}
	add("knn")
	release()
	<-done
	if len(notes) != 1 || !strings.Contains(notes[0], "the report does not show it yet") { // the folder is no run
		t.Errorf("notes %q", notes)
	}
	raw, err := os.ReadFile(filepath.Join(dir.EvaluationEvents(), "events.out.tfevents.000001"))
	if err != nil || !bytes.Contains(raw, []byte("eval/dna/linear/accuracy")) || !bytes.Contains(raw, []byte("eval/dna/knn/accuracy")) {
		t.Errorf("the events do not show both evaluations (%v): %q", err, raw)
	}
}
