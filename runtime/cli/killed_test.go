package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mspecc/runtime/internal/tiny"
	"mspecc/runtime/runs"
)

// tinyRun runs a command of the tiny trainer in this process and gives what it said.
func tinyRun(t *testing.T, args ...string) string {
	t.Helper()
	var said bytes.Buffer
	if code := Run(context.Background(), "tiny", args, &said, &said, tiny.Program()); code != 0 {
		t.Fatalf("%v: exit code %d\n%s", args, code, said.String())
	}
	return said.String()
}

// killedAtTheEnd is a run as it lies there when its trainer was killed behind the last checkpoint.
func killedAtTheEnd(t *testing.T) (d runs.Dir) {
	t.Helper()
	d = runs.Dir(filepath.Join(t.TempDir(), "run"))
	tinyRun(t, "train", "--steps", "20", "--out", string(d), "--quiet")
	raw, err := os.ReadFile(d.Manifest())
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]any{}
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	last := m["sessions"].([]any)[0].(map[string]any)
	for _, key := range []string{"ended", "end", "step"} {
		delete(last, key)
	}
	if raw, err = json.Marshal(m); err == nil {
		err = os.WriteFile(d.Manifest(), raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{d.Best(), d.Panel(20)} {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	keep, err := runs.Acquire(d)
	if err != nil {
		t.Fatal(err)
	}
	tinyRun(t, "report", string(d)) // of the trainer at work
	if err := keep.Close(); err != nil {
		t.Fatal(err)
	}
	return d
}

// shows expects a state on the page of a run.
func shows(t *testing.T, d runs.Dir, state string) {
	t.Helper()
	page, err := os.ReadFile(d.Report())
	if err != nil || !strings.Contains(string(page), `<span class="badge `+state+`">`) {
		t.Errorf("the page does not show that the run is %s (%v)", state, err)
	}
}

// A run that was killed behind its last checkpoint has all its steps: it is finished, and so the next command shows it.
func TestKilledBehindTheLastCheckpoint(t *testing.T) {
	t.Run("runs", func(t *testing.T) {
		d := killedAtTheEnd(t)
		shows(t, d, runs.Running)
		if said := tinyRun(t, "runs", string(d)); !strings.Contains(said, "finished") || strings.Contains(said, "killed") {
			t.Errorf("runs says\n%s", said)
		}
		shows(t, d, runs.Finished)
	})
	t.Run("report", func(t *testing.T) {
		d := killedAtTheEnd(t)
		if said := tinyRun(t, "report", string(d)); !strings.Contains(said, "finished, step 20 of 20") {
			t.Errorf("report says\n%s", said)
		}
		shows(t, d, runs.Finished)
	})
	t.Run("resume", func(t *testing.T) {
		d := killedAtTheEnd(t)
		want, err := os.ReadFile(d.Checkpoint(20))
		if err != nil {
			t.Fatal(err)
		}
		said := tinyRun(t, "train", "--resume", string(d))
		if !strings.Contains(said, "was killed behind its last checkpoint") || !strings.Contains(said, "step 20  loss ") || strings.Contains(said, "steps 21") {
			t.Errorf("train --resume says\n%s", said)
		}
		for _, name := range []string{d.Checkpoint(20), d.Best()} {
			if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: other bits than the last checkpoint (%v)", name, err)
			}
		}
		if _, err := os.Stat(d.Panel(20)); err != nil {
			t.Error(err)
		}
		m, err := d.ReadManifest()
		if err != nil || len(m.Sessions) != 2 || m.Sessions[1].End != runs.Finished || m.Sessions[1].Step != 20 {
			t.Errorf("%v, %+v", err, m.Sessions)
		}
		shows(t, d, runs.Finished)
		if said := tinyRun(t, "train", "--resume", string(d)); !strings.Contains(said, "is at step 20 of 20 already") {
			t.Errorf("once more, train --resume says\n%s", said)
		}
	})
}

// A run that ended, or was killed, while its page still says that it runs: whoever looks next brings the page up to date.
func TestPageThatSaysRunning(t *testing.T) {
	d := killedAtTheEnd(t)
	if err := os.Remove(d.Checkpoint(20)); err != nil {
		t.Fatal(err)
	}
	tinyRun(t, "runs", string(d))
	shows(t, d, runs.Killed)
	for name, command := range map[string][]string{"runs": {"runs"}, "resume": {"train", "--resume"}} {
		d := killedAtTheEnd(t)
		page, err := os.ReadFile(d.Report())
		if err != nil {
			t.Fatal(err)
		}
		tinyRun(t, "train", "--resume", string(d))
		if err := os.WriteFile(d.Report(), page, 0o600); err != nil {
			t.Fatal(err)
		}
		tinyRun(t, append(command, string(d))...)
		if shows(t, d, runs.Finished); t.Failed() {
			t.Error(name)
		}
	}
}
