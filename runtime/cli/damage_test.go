package cli

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mspecc/runtime/ckpt"
	"mspecc/runtime/internal/tiny"
	"mspecc/runtime/runs"
)

// bounded runs the tiny trainer with little memory and for a limited time: what takes it down, or
// hangs, fails the test and not the machine. It gives the exit code and what was said.
func bounded(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("a limit on memory needs a shell with ulimit")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, "sh", append([]string{"-c", `ulimit -v 6000000; exec tiny "$@"`, "sh"}, args...)...)
	c.Env = append(os.Environ(), "TINY=")
	c.WaitDelay = time.Second
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", args, err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%v hangs:\n%s", args, out)
	}
	if strings.Contains(string(out), "goroutine ") {
		t.Fatalf("%v panics:\n%s", args, out)
	}
	return c.ProcessState.ExitCode(), string(out)
}

// finished makes a run of 60 steps that keeps a checkpoint of every tenth, of data in a folder.
func finished(t *testing.T) (d runs.Dir, data string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(data, tiny.Program().Sample); err != nil {
		t.Fatal(err)
	}
	d = runs.Dir(filepath.Join(t.TempDir(), "run"))
	if code, said := bounded(t, "train", "--out", string(d), "--data", data, "--data-option", "classes=2", "--keep", "0",
		"--checkpoint-every", "10", "--log-every", "5", "--quiet"); code != 0 {
		t.Fatal(said)
	}
	return d, data
}

// like copies a run.
func like(t *testing.T, d runs.Dir) runs.Dir {
	t.Helper()
	c := runs.Dir(filepath.Join(t.TempDir(), "run"))
	if err := os.CopyFS(string(c), os.DirFS(string(d))); err != nil {
		t.Fatal(err)
	}
	return c
}

// Whatever stands in run.json, a run goes on, deletes nothing for it, says what it cannot use and what
// it has instead, and keeps the damaged file.
func TestDamagedManifest(t *testing.T) {
	t.Parallel()
	whole, _ := finished(t)
	raw, err := os.ReadFile(whole.Manifest())
	if err != nil {
		t.Fatal(err)
	}
	replaced := func(old, by string) string { return strings.Replace(string(raw), old, by, 1) }
	cases := map[string]struct {
		text string // "-" for none
		says []string
	}{
		"bounds": {set(raw, "keep", "-1", "log_every", "-5", "checkpoint_every", "-2", "summary_every", "-1", "save_every", `"-10m0s"`),
			[]string{"options.keep is -1, expected at least 0", "options.log_every is -5, expected at least 1", "options.checkpoint_every is -2, expected at least 0",
				"options.summary_every is -1, expected at least 0", "options.save_every is -10m0s, expected a time of at least 0", "this session has --log-every 10, "}},
		"types":   {set(raw, "keep", "[3]", "log_every", `"many"`, "save_every", `"soon"`), []string{"options.keep is [3], expected a whole number"}},
		"missing": {replaced(`"keep"`, `"kept"`), []string{"options.keep is missing", "this session has --keep 0:"}},
		"options": {replaced(`"options": {`, `"options": 7, "other": {`), []string{"options is 7, expected an object", "--keep 0"}},
		"data":    {replaced(`"data": {`, `"data": 7, "other": {`), []string{"data is 7, expected an object"}},
		"cut off": {string(raw[:len(raw)/2]), []string{"run.json: is damaged: no JSON object", "--keep 0"}},
		"gone":    {"-", []string{"run.json: is missing", "--keep 0"}},
	}
	all := t.TempDir()
	for what, x := range cases {
		d := runs.Dir(filepath.Join(all, what))
		if err := os.CopyFS(string(d), os.DirFS(string(whole))); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(d.Manifest(), []byte(x.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if x.text == "-" {
			if err := os.Remove(d.Manifest()); err != nil {
				t.Fatal(err)
			}
		}
	}
	code, listed := bounded(t, "runs", all)
	if code != 0 {
		t.Error(listed)
	}
	for what, x := range cases {
		t.Run(what, func(t *testing.T) {
			d := runs.Dir(filepath.Join(all, what))
			if x.text != "-" && !strings.Contains(listed, x.says[0]) {
				t.Errorf("runs does not say %q:\n%s", x.says[0], listed)
			}
			code, said := bounded(t, "train", "--resume", string(d), "--steps", "72")
			if code != 0 {
				t.Fatalf("train ends with %d:\n%s", code, said)
			}
			for _, w := range x.says {
				if !strings.Contains(said, w) {
					t.Errorf("train does not say %q:\n%s", w, said)
				}
			}
			if step, _ := checkRun(t, d); step != 72 {
				t.Errorf("the newest checkpoint is that of step %d:\n%s", step, said)
			}
			if steps, err := d.Steps(); err != nil || len(steps) < 7 || steps[0] != 10 {
				t.Errorf("checkpoints of steps %v are left, %v:\n%s", steps, err, said)
			}
			if old, err := os.ReadFile(d.Manifest() + ".damaged"); x.text != "-" && (err != nil || string(old) != x.text) {
				t.Errorf("the damaged file is not kept: %v", err)
			}
			if m, err := d.ReadManifest(); err != nil || len(m.Wrong()) > 0 {
				t.Errorf("run.json is as damaged as before: %v", err)
			}
		})
	}
}

// set gives members of a JSON text other values.
func set(raw []byte, names ...string) string {
	for i := 0; i < len(names); i += 2 {
		raw = regexp.MustCompile(`"`+names[i]+`": [^,\n]*`).ReplaceAll(raw, []byte(`"`+names[i]+`": `+names[i+1]))
	}
	return string(raw)
}

// absurd makes things that no checkpoint can be under a name.
var absurd = map[string]func(name string) error{
	"sparse file of 40 GB": func(name string) error { return os.WriteFile(name, nil, 0o644) },
	"sparse tensor of 40 GB": func(name string) error {
		head := `{"w":{"dtype":"F32","shape":[10737418240],"data_offsets":[0,42949672960]}}`
		return os.WriteFile(name, append(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head...), 0o644)
	},
	"header of 99 MB": func(name string) error {
		return os.WriteFile(name, binary.LittleEndian.AppendUint64(nil, 99<<20), 0o644)
	},
	"pipe":         mkfifo,
	"folder":       func(name string) error { return os.Mkdir(name, 0o755) },
	"device":       func(name string) error { return os.Symlink("/dev/zero", name) },
	"circle":       func(name string) error { return os.Symlink(filepath.Base(name), name) },
	"link nowhere": func(name string) error { return os.Symlink("nowhere", name) },
}

// grow makes the files of absurd sizes sparse.
func grow(what, name string) error {
	switch {
	case strings.Contains(what, "tensor"):
		return os.Truncate(name, 42949672960+8+74)
	case strings.Contains(what, "40 GB"), strings.Contains(what, "99 MB"):
		return os.Truncate(name, 40<<30)
	}
	return nil
}

// A checkpoint of absurd size or kind is passed over, by every command, with a word, and by its own name
// refused.
func TestAbsurdCheckpoints(t *testing.T) {
	t.Parallel()
	d, data := finished(t)
	made := map[string]string{} // by name
	for what, make := range absurd {
		name := d.Checkpoint(90 + len(made))
		if err := errors.Join(make(name), grow(what, name)); err != nil {
			t.Logf("%s cannot be made here: %v", what, err)
			continue
		}
		made[name] = what
	}
	for _, command := range [][]string{
		{"export", "--checkpoint", string(d), "--out", filepath.Join(t.TempDir(), "x.safetensors")},
		{"train", "--init-from", string(d), "--data", data, "--steps", "1", "--out", filepath.Join(t.TempDir(), "new")},
		{"train", "--resume", string(d), "--steps", "63", "--keep", "2"},
	} {
		code, said := bounded(t, command...)
		if code != 0 {
			t.Errorf("%v ends with %d:\n%s", command, code, said)
		}
		for name, what := range made {
			if !strings.Contains(said, "skipped "+name) {
				t.Errorf("%v says nothing of the %s %s:\n%s", command, what, name, said)
			}
		}
	}
	for _, step := range []int{60, 63} {
		if _, err := ckpt.ReadFile(d.Checkpoint(step)); err != nil {
			t.Errorf("the checkpoint of step %d, one of the newest two that can be used, is gone: %v", step, err)
		}
	}
	for what, make := range absurd {
		name := filepath.Join(t.TempDir(), "alone.safetensors")
		if err := errors.Join(make(name), grow(what, name)); err != nil {
			continue
		}
		for _, command := range [][]string{{"import", "--in"}, {"export", "--checkpoint"}} {
			if code, said := bounded(t, append(command, name, "--out", filepath.Join(t.TempDir(), "x.safetensors"))...); code != 1 || !strings.Contains(said, name) {
				t.Errorf("%v of a %s ends with %d:\n%s", command, what, code, said)
			}
		}
	}
}

// Of PyTorch's files too the size is looked at first.
func TestAbsurdTorchFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "old.pt")
	if err := os.WriteFile(name, []byte("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, 40<<30); err != nil {
		t.Skip(err)
	}
	code, said := bounded(t, "import", "--in", name, "--out", filepath.Join(t.TempDir(), "x.safetensors"))
	if code != 1 || !strings.Contains(said, "not a sound PyTorch checkpoint") {
		t.Errorf("import ends with %d:\n%s", code, said)
	}
}

// Every file that a run directory has may have become something else: no command hangs or panics, and a
// run goes on or is refused with the file's name.
func TestRunFilesOfOtherKinds(t *testing.T) {
	t.Parallel()
	whole, data := finished(t)
	options := []string{"--data", data, "--data-option", "classes=2", "--no-feature-cache", "--methods", "knn", "--baselines", "none", "--quiet"}
	inProcess(t, append([]string{"eval", "--checkpoint", string(whole)}, options...)...)
	for _, file := range []string{"run.json", "metrics.jsonl", "eval.jsonl", "log.txt", "lock", "eval.lock", "report.html", "spec/tiny.mspec",
		"checkpoints/best.safetensors", "pictures/curve.png", "pictures/step-00000060.safetensors"} {
		for _, what := range []string{"pipe", "folder", "device"} {
			t.Run(fmt.Sprintf("%s is a %s", file, what), func(t *testing.T) {
				d := like(t, whole)
				name := filepath.Join(string(d), filepath.FromSlash(file))
				if err := errors.Join(os.RemoveAll(name), absurd[what](name)); err != nil {
					t.Skip(err)
				}
				for _, command := range [][]string{
					{"runs", string(d)},
					{"report", string(d)},
					append([]string{"eval", "--checkpoint", string(d)}, options...),
					{"train", "--resume", string(d), "--steps", "61", "--checkpoint-every", "1", "--quiet"},
				} {
					if code, said := inProcess(t, command...); code != 0 && !strings.Contains(said, file) {
						t.Errorf("%v ends with %d:\n%s", command, code, said)
					}
				}
			})
		}
	}
	if info, err := os.Stat("/dev/zero"); err == nil && info.Mode().IsRegular() {
		t.Fatal("a device was replaced by a file")
	}
}

// inProcess runs the tiny trainer in this process, for a limited time.
func inProcess(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var out bytes.Buffer
	done := make(chan int, 1)
	go func() { done <- Run(t.Context(), "tiny", args, &out, &out, tiny.Program()) }()
	select {
	case code := <-done:
		return code, out.String()
	case <-time.After(20 * time.Second):
		t.Fatalf("%v hangs", args)
	}
	return 0, ""
}

// One damaged byte in what a run has written costs what it hits, and is said.
func TestDamagedByte(t *testing.T) {
	t.Parallel()
	d, data := finished(t)
	evaluate := func(metric string) {
		t.Helper()
		if code, said := inProcess(t, "eval", "--checkpoint", string(d), "--data", data, "--data-option", "classes=2", "--no-feature-cache", "--methods", "knn",
			"--baselines", "none", "--metric", metric, "--quiet"); code != 0 {
			t.Fatal(said)
		}
	}
	evaluate("accuracy")
	evaluate("auroc")
	before, err := os.ReadFile(d.Metrics())
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(before, []byte("\n"))
	spoilAt(t, d.Metrics(), bytes.Index(before, []byte(`"step":15`)))
	spoilAt(t, d.Evaluations(), 0)
	spoilAt(t, filepath.Join(d.Events(), "events.out.tfevents.000001"), 1000)
	code, said := bounded(t, "train", "--resume", string(d), "--steps", "65")
	if code != 0 {
		t.Fatal(said)
	}
	for _, w := range []string{"metrics.jsonl: 1 damaged lines are left out; the file as it was is kept as metrics.jsonl.damaged",
		"events.out.tfevents.000001: damaged events in the midst of it"} {
		if !strings.Contains(said, w) {
			t.Errorf("train does not say %q:\n%s", w, said)
		}
	}
	after, err := os.ReadFile(d.Metrics())
	want := bytes.Join(append(lines[:2:2], lines[3:12]...), nil)
	if err != nil || !bytes.HasPrefix(after, want) || bytes.Count(after, []byte("\n")) != 12 {
		t.Errorf("%v: left of the metrics is\n%s", err, after)
	}
	code, said = bounded(t, "report", string(d))
	if code != 0 || !strings.Contains(said, "1 lines of "+d.Evaluations()+" cannot be understood") || !strings.Contains(said, "1 evaluations") {
		t.Error(said)
	}
	code, said = bounded(t, "eval", "--checkpoint", string(d), "--data", data, "--data-option", "classes=2", "--no-feature-cache", "--methods", "knn", "--baselines", "none")
	if code != 0 || !strings.Contains(said, "1 lines of "+d.Evaluations()+" cannot be understood and are passed over") {
		t.Error(said)
	}
}

// spoilAt changes one byte of a file.
func spoilAt(t *testing.T, name string, at int) {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	raw[at] ^= 0x20
	if err := os.WriteFile(name, raw, 0o644); err != nil {
		t.Fatal(err)
	}
}
