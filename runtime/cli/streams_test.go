package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mspecc/runtime"
	"mspecc/runtime/data"
	"mspecc/runtime/internal/tiny"
	"mspecc/runtime/report"
	"mspecc/runtime/runs"
	"mspecc/runtime/tensorboard"
)

// streams gives two streams of tokens in one sequence: two patches of one value, then one token of three.
func streams() *runtime.Function {
	tensor := func(name string, off int, shape ...int) runtime.Tensor {
		return runtime.Tensor{Name: name, Shape: shape, Offset: off}
	}
	return &runtime.Function{Outputs: []runtime.Tensor{tensor("mask", 0, 1, 3), tensor("target.0", 16, 1, 2, 1), tensor("reconstruction.0", 32, 1, 2, 1),
		tensor("target.1", 48, 1, 1, 3), tensor("reconstruction.1", 64, 1, 1, 3)}}
}

func fill(m *runtime.Machine, f *runtime.Function) {
	for i, values := range [][]float32{{0, 1, 1}, {1, 2}, {1, 4}, {0, 1, 0}, {0, 1, 3}} {
		copy(m.Floats(f.Outputs[i]), values)
	}
}

func TestReconstructionOfStreams(t *testing.T) {
	f := streams()
	m, err := runtime.NewMachine(&runtime.Program{Floats: 80, Batch: 1, Reconstruct: f}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	fill(m, f)
	all, err := readReconstruction(m)
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	want := [][2]float64{{0, 4}, {0, 3}}
	for k, r := range all {
		var sum tally
		if sum.add(r, r.reconstruction, 0); sum.means() != want[k] {
			t.Errorf("stream %d: %v, expected %v", k, sum.means(), want[k])
		}
	}
	f.Outputs[0].Shape = []int{1, 4}
	if _, err := readReconstruction(m); err == nil {
		t.Error("a mask of more tokens than the streams have was accepted")
	}
}

// The streams become panels of the inputs' kinds, each with files of its own.
func TestPanelsOfStreams(t *testing.T) {
	f := streams()
	f.Inputs = []runtime.Tensor{{Name: "x.signal", Shape: []int{1, 1, 2}, Offset: 80}, {Name: "x.text", DType: runtime.I32, Shape: []int{1, 1}, Offset: 96}}
	f.Run = func(m *runtime.Machine) {
		fill(m, f)
		x, tokens := m.Floats(f.Inputs[0]), m.Ints(f.Inputs[1])
		copy(m.Floats(f.Outputs[1]), x)
		m.Floats(f.Outputs[3])[tokens[0]] = 1
	}
	p := &runtime.Program{Name: "two", Floats: 112, Batch: 1, Reconstruct: f, Modality: runtime.Modality{Kind: "both", Grid: []int{2}, Patch: []int{1}, Channels: 1,
		Inputs: []runtime.Input{{Name: "signal", Shape: []int{1, 2}}, {Name: "text", Shape: []int{1}, DType: runtime.I32, Vocab: 3}}}}
	m, err := runtime.NewMachine(p, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	next := func(step int) (*data.Batch, error) {
		return &data.Batch{Count: 1, X: []float32{1, 2}, Tokens: []int32{1}}, nil
	}
	list, err := reconstructPanels(m, layouts(p.Modality, ""), next, 2, 2, 1)
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	signal, text := list[0], list[1]
	if signal.Input != "signal" || signal.Kind != report.Series || signal.Before != [2]float64{0, 4} || signal.Count != 2 || len(signal.Rows) != 2 {
		t.Errorf("signal %+v", signal)
	}
	if text.Input != "text" || text.Kind != report.Tokens || text.Measure != tokenAccuracy || text.Before != [2]float64{0, 0} || text.Rows[0].Target[0] != 1 || text.Rows[0].Reconstruction[0] != 2 {
		t.Errorf("text %+v", text)
	}
	dir := t.TempDir()
	for k, want := range map[int]string{0: "r.signal.png", 1: "r.text.txt"} {
		shown, err := showPanel(list[k], filepath.Join(dir, "r.png"))
		if err != nil || filepath.Base(shown.Picture) != want {
			t.Fatal(shown, err)
		}
		if _, err := os.Stat(shown.Picture); err != nil {
			t.Error(err)
		}
	}
	var out bytes.Buffer
	a := &app{out: &out, json: true}
	if err := a.printPanels([]*shownPanel{{list[0], "a"}, {list[1], ""}}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"inputs":[{"kind":"series"`) || !strings.Contains(out.String(), `"input":"text"`) {
		t.Errorf("printed %s", out.String())
	}
	// A run keeps them likewise.
	s := &summaries{m: m, dir: runs.Dir(dir)}
	if err := s.dir.Make(); err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		if err := s.panel(p, &tensorboard.Summary{}); err != nil {
			t.Fatal(err)
		}
		if got, err := report.ReadPanel(s.dir.Panel(0, p.Input)); err != nil || got.Input != p.Input {
			t.Errorf("kept %v, %v", got, err)
		}
	}
}

// What training leaves out is told, counted and kept, and the run goes on with the same allowance.
func TestTrainLeavesOutBadRecords(t *testing.T) {
	p := tiny.Program()
	p.Modality.Inputs[0].Shape = []int{1, 16} // a row of a table
	dir, run := t.TempDir(), filepath.Join(t.TempDir(), "run")
	var table strings.Builder
	for c := range 16 {
		fmt.Fprintf(&table, "c%d,", c)
	}
	table.WriteString("y\n")
	for row := range 40 {
		for c := range 16 {
			if row == 3 && c == 2 {
				table.WriteString("broken,")
			} else {
				fmt.Fprintf(&table, "%d,", (row+c)%5)
			}
		}
		fmt.Fprintf(&table, "%d\n", row%2)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.csv"), []byte(table.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"train", "--data", dir, "--reader", "csv", "--data-option", "label=y", "--data-option", "test_fraction=0.25", "--out", run, "--steps", "10"}
	if code, _, errs := command(p, args...); code != 1 || !strings.Contains(errs, "broken") {
		t.Fatalf("without --skip-bad: %d, %s", code, errs)
	}
	run += "2"
	args[10] = run
	code, _, errs := command(p, append(args, "--skip-bad", "2")...)
	if code != 0 || !strings.Contains(errs, "left out: ") || !strings.Contains(errs, "data: 1 bad records were left out") {
		t.Fatalf("%d: %s", code, errs)
	}
	m, err := runs.Dir(run).ReadManifest()
	if err != nil || m.Data.SkipBad != 2 {
		t.Errorf("the run allows %+v, %v", m, err)
	}
	records, err := report.ReadRecords(runs.Dir(run).Metrics())
	if err != nil || len(records) == 0 || records[len(records)-1].LeftOut != 1 {
		t.Errorf("records %v, %v", records, err)
	}
	for name, want := range map[string]string{runs.Dir(run).Log(): "left out: ", runs.Dir(run).Report(): "1 left out, 2 allowed"} {
		if raw, err := os.ReadFile(name); err != nil || !strings.Contains(string(raw), want) {
			t.Errorf("%s lacks %q, %v", name, want, err)
		}
	}
	if code, _, errs := command(p, "train", "--resume", run, "--steps", "12"); code != 0 || !strings.Contains(errs, "left out: ") {
		t.Errorf("resumed: %d, %s", code, errs)
	}
}
