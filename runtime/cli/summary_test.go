package cli

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/internal/tiny"
	"mspecc/runtime/runs"
)

// Summaries write the page of a long run in proportion to the run, not to its square: each page is made of all of its lines.
func TestReportsCostInProportion(t *testing.T) {
	const steps = 100
	dir := filepath.Join(t.TempDir(), "run")
	var stderr strings.Builder
	if code := Run(context.Background(), "tiny", []string{"train", "-q", "--out", dir, "--steps", "1"}, io.Discard, &stderr, tiny.Program()); code != 0 {
		t.Fatal(stderr.String())
	}
	m, err := runtime.NewMachine(tiny.Program(), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s := newSummaries(m, runs.Dir(dir), 1, ckpt.State{Steps: steps + 2}, nil, func(format string, args ...any) { t.Errorf(format, args...) })
	defer s.close()
	work := 0
	var before os.FileInfo
	for step := 1; step <= steps; step++ {
		s.take(context.Background(), step)
		now, err := os.Stat(runs.Dir(dir).Report())
		if err != nil {
			t.Fatal(err)
		}
		if before == nil || !os.SameFile(before, now) {
			work += step
		}
		before = now
	}
	if work > 18*steps {
		t.Errorf("pages of %d steps were written in a run of %d", work, steps)
	}
	if err := os.Remove(runs.Dir(dir).Report()); err != nil {
		t.Fatal(err)
	}
	s.take(context.Background(), steps+1)
	if _, err := os.Stat(runs.Dir(dir).Report()); err != nil {
		t.Errorf("a page that has vanished is not written again: %v", err)
	}
}
