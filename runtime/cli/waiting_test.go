package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"mspecc/runtime/internal/tiny"
	"mspecc/runtime/report"
	"mspecc/runtime/runs"
)

// writeTable writes a CSV file of 16 columns c0, c1, ... and the label y, which is 0 or 1.
func writeTable(t *testing.T, name string, rows int, cell func(row, c int) string) {
	t.Helper()
	var table strings.Builder
	for c := range 16 {
		fmt.Fprintf(&table, "c%d,", c)
	}
	table.WriteString("y\n")
	for row := range rows {
		for c := range 16 {
			table.WriteString(cell(row, c) + ",")
		}
		fmt.Fprintf(&table, "%d\n", row%2)
	}
	if err := os.WriteFile(name, []byte(table.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// What training leaves out is told, counted and kept, and the run goes on with the same allowance.
func TestTrainLeavesOutBadRecords(t *testing.T) {
	p := tiny.Program()
	p.Modality.Inputs[0].Shape = []int{1, 16} // a row of a table
	dir, run := t.TempDir(), filepath.Join(t.TempDir(), "run")
	writeTable(t, filepath.Join(dir, "a.csv"), 40, func(row, c int) string {
		if row == 3 && c == 2 {
			return "broken"
		}
		return strconv.Itoa((row + c) % 5)
	})
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
	records, _, err := report.ReadRecords(runs.Dir(run).Metrics())
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
