package runs

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/internal/tiny"
)

// TestMain is also another trainer: it holds the run that the environment names until it is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("HOLD_RUN"); dir != "" {
		r, err := Acquire(Dir(dir))
		if err == nil {
			err = r.Begin(Describe(tiny.Program()), tiny.Program(), 1, 0)
		}
		if err != nil {
			println(err.Error())
			os.Exit(1)
		}
		println("held")
		time.Sleep(time.Minute)
		_ = r.Close() // until then it must not be garbage
	}
	os.Exit(m.Run())
}

func machine(t *testing.T) *runtime.Machine {
	m, err := runtime.NewMachine(tiny.Program(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	m.Initialize(1)
	return m
}

// checkpoints makes a run with checkpoints of some steps.
func checkpoints(t *testing.T, steps ...int) Dir {
	t.Helper()
	d := Dir(t.TempDir())
	if err := d.Make(); err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		f, err := ckpt.Snapshot(machine(t), ckpt.State{Step: s})
		if err == nil {
			err = f.WriteFile(d.Checkpoint(s))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func spoil(t *testing.T, file string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 4
	if err := os.WriteFile(file, raw, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFind(t *testing.T) {
	d := checkpoints(t, 9, 12, 100)
	for _, name := range []string{string(d), d.Checkpoints(), d.Checkpoint(100)} {
		f, err := Find(name)
		if err != nil || f.Path != d.Checkpoint(100) || len(f.Skipped) > 0 || Of(f.Path) != d {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
	spoil(t, d.Checkpoint(100))
	if err := os.Truncate(d.Checkpoint(12), 1000); err != nil {
		t.Fatal(err)
	}
	f, err := Find(string(d))
	if err != nil || f.Path != d.Checkpoint(9) || len(f.Skipped) != 2 {
		t.Fatalf("%+v, %v", f, err)
	}
	if text := f.Skipped[0].Err.Error(); !strings.Contains(text, "it is damaged") || !strings.Contains(text, "step-00000100") {
		t.Error(text)
	}
	if err := SetAside(f.Skipped); err != nil {
		t.Fatal(err)
	}
	if f, err = Find(string(d)); err != nil || len(f.Skipped) > 0 {
		t.Errorf("damaged checkpoints are tried again: %+v, %v", f, err)
	}
	if _, err := os.Stat(d.Checkpoint(100) + ".damaged"); err != nil {
		t.Error(err)
	}
	// The best one is the last resort.
	if err := f.WriteFile(d.Best()); err != nil {
		t.Fatal(err)
	}
	spoil(t, d.Checkpoint(9))
	if f, err = Find(string(d)); err != nil || f.Path != d.Best() {
		t.Errorf("%+v, %v", f, err)
	}
	spoil(t, d.Best())
	_, err = Find(string(d))
	var none *NoCheckpointError
	var bad *ckpt.DamagedError
	if !errors.As(err, &none) || len(none.Skipped) != 2 || !errors.As(err, &bad) || !strings.Contains(err.Error(), "none of its checkpoints can be used") {
		t.Error(err)
	}
	if _, err := Find(filepath.Join(string(d), "no")); err == nil {
		t.Error("found what is not there")
	}
	if _, err := Find(t.TempDir()); !errors.As(err, &none) || len(none.Skipped) != 0 {
		t.Error(err)
	}
	if got := Of(filepath.Join(string(d), "imported.safetensors")); got != "" {
		t.Errorf("a file that is no checkpoint of a run belongs to %s", got)
	}
}

func TestPrune(t *testing.T) {
	d := checkpoints(t, 1, 2, 3, 4)
	r, err := Acquire(d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Prune(-1); err == nil {
		t.Error("a negative number of checkpoints was kept")
	}
	for keep, want := range map[int][]int{0: {1, 2, 3, 4}, 5: {1, 2, 3, 4}} {
		if err := r.Prune(keep); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Steps(); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%d kept: %v, %v", keep, got, err)
		}
	}
	if err := r.Prune(2); err != nil {
		t.Fatal(err)
	}
	if got, _ := d.Steps(); cmp.Diff([]int{3, 4}, got) != "" {
		t.Errorf("%v are left", got)
	}
}

// What only has the name of a checkpoint does not count as one that is kept.
func TestPruneProvesWhatItKeeps(t *testing.T) {
	d := checkpoints(t, 1, 2, 3, 4)
	spoil(t, d.Checkpoint(3))
	if err := os.WriteFile(d.Checkpoint(9), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(d.Checkpoint(8), 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := Acquire(d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, x := range []struct {
		keep int
		want []int
	}{{3, []int{1, 2, 3, 4, 9}}, {2, []int{2, 3, 4, 9}}, {1, []int{4, 9}}} {
		if err := r.Prune(x.keep); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Steps(); err != nil || cmp.Diff(x.want, got) != "" {
			t.Errorf("%d kept: %v, %v", x.keep, got, err)
		}
	}
}

// hold starts another process that writes the run.
func hold(t *testing.T, d Dir) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), "HOLD_RUN="+string(d))
	out, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	line := make([]byte, 100)
	if n, err := out.Read(line); err != nil || string(line[:n]) != "held\n" {
		t.Fatalf("%s, %v", line[:n], err)
	}
	return c
}

// A run has one writer; when that is killed, whatever it leaves behind, the next one has the run.
func TestLock(t *testing.T) {
	d := Dir(t.TempDir())
	if _, _, err := d.State(); err == nil || !strings.Contains(err.Error(), "is no run directory") {
		t.Errorf("state of an empty folder: %v", err)
	}
	other := hold(t, d)
	if state, m, err := d.State(); state != Running || err != nil || m.Model != "tiny" {
		t.Errorf("%s, %+v, %v", state, m, err)
	}
	_, err := Acquire(d)
	var locked *LockedError
	if !errors.As(err, &locked) || locked.Holder == nil || locked.Holder.PID != other.Process.Pid {
		t.Fatalf("%v", err)
	}
	half := filepath.Join(d.Checkpoints(), ".step-00000003.safetensors.tmp123")
	if err := os.WriteFile(half, []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait()
	if state, _, err := d.State(); state != Killed || err != nil {
		t.Errorf("%s, %v", state, err)
	}
	r, err := Acquire(d)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(half); err == nil {
		t.Error("the half of a checkpoint is still there")
	}
	if err := r.Begin(Describe(tiny.Program()), tiny.Program(), 1, 7); err != nil {
		t.Fatal(err)
	}
	if err := r.End(Stopped, 9, nil); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	state, m, err := d.State()
	if state != Stopped || err != nil || len(m.Sessions) != 2 || m.Sessions[1].From != 7 || m.Sessions[1].Step != 9 || m.Sessions[1].Machine.Cores == 0 {
		t.Errorf("%s, %+v, %v", state, m, err)
	}
}

func TestSpecIsKept(t *testing.T) {
	d := Dir(t.TempDir())
	p := tiny.Program()
	begin := func(from int) {
		t.Helper()
		r, err := Acquire(d)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if err := r.Begin(Describe(p), p, 1, from); err != nil {
			t.Fatal(err)
		}
	}
	begin(0)
	begin(10)
	p.Sources = []runtime.Source{{Name: "tiny.mspec", Text: "model tiny { let new = 1 }\n"}}
	begin(20)
	for name, want := range map[string]string{"spec/tiny.mspec": p.Sources[0].Text, "spec-before-step-21/std/nn.mspec": "// nothing\n"} {
		if got, err := os.ReadFile(filepath.Join(string(d), name)); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}
}

// A run directory that was removed meanwhile is made again, and is still this process's.
func TestVanished(t *testing.T) {
	d := Dir(filepath.Join(t.TempDir(), "run"))
	r, err := Acquire(d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Begin(Describe(tiny.Program()), tiny.Program(), 1, 0); err != nil {
		t.Fatal(err)
	}
	if remade, err := r.Ensure(); remade || err != nil {
		t.Fatal(remade, err)
	}
	if err := os.RemoveAll(string(d)); err != nil {
		t.Fatal(err)
	}
	if remade, err := r.Ensure(); !remade || err != nil {
		t.Fatal(remade, err)
	}
	if state, _, err := d.State(); state != Running || err != nil {
		t.Errorf("%s, %v", state, err)
	}
	if _, err := os.Stat(filepath.Join(d.Spec(), "tiny.mspec")); err != nil {
		t.Error(err)
	}
	// Where another trainer has taken the place meanwhile, this one has lost it.
	if err := os.RemoveAll(string(d)); err != nil {
		t.Fatal(err)
	}
	hold(t, d)
	var locked *LockedError
	if _, err := r.Ensure(); !errors.As(err, &locked) {
		t.Error(err)
	}
}

// The clock may say what it likes.
func TestClockGoesBackwards(t *testing.T) {
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	Now = func() time.Time { at = at.Add(-time.Hour); return at }
	defer func() { Now = time.Now }()
	d := Dir(t.TempDir())
	for session := 1; session <= 2; session++ {
		r, err := Acquire(d)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Begin(Describe(tiny.Program()), tiny.Program(), 1, 0); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(r.End(Finished, 5, nil), r.Close()); err != nil {
			t.Fatal(err)
		}
		state, m, err := d.State()
		if state != Finished || err != nil || len(m.Sessions) != session {
			t.Errorf("%s, %+v, %v", state, m, err)
		}
	}
}

// Every value of run.json is checked by itself: those that are sound are used.
func TestManifestValues(t *testing.T) {
	d := Dir(t.TempDir())
	r, err := Acquire(d)
	if err != nil {
		t.Fatal(err)
	}
	m := Describe(tiny.Program())
	m.Options = Options{Steps: 60, Seed: 1, LR: 0.01, LogEvery: 10, CheckpointEvery: 20, SummaryEvery: 100, SaveEvery: Duration(10 * time.Minute), Keep: 5, StopAbove: 7}
	m.Data.SkipBad = 3
	if err := errors.Join(r.Begin(m, tiny.Program(), 1, 0), r.End(Finished, 60, nil), r.Close()); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(d.Manifest())
	if err != nil {
		t.Fatal(err)
	}
	whole, err := d.ReadManifest()
	if err != nil || len(whole.Wrong()) > 0 {
		t.Fatal(whole.Wrong(), err)
	}
	for value, want := range map[string]string{
		`"steps": 0`:                "options.steps is 0, expected at least 1",
		`"steps": 9007199254740993`: "options.steps is 9007199254740993, expected at most 2^53",
		`"keep": -1`:                "options.keep is -1, expected at least 0",
		`"keep": null`:              "options.keep is null, expected a whole number",
		`"keep": 1e300`:             "options.keep is 1e300, expected a whole number",
		`"keep": 2.5`:               "options.keep is 2.5, expected a whole number",
		`"keep": [3]`:               "options.keep is [3], expected a whole number",
		`"log_every": 0`:            "options.log_every is 0, expected at least 1",
		`"checkpoint_every": -1`:    "options.checkpoint_every is -1, expected at least 0",
		`"summary_every": -1`:       "options.summary_every is -1, expected at least 0",
		`"save_every": "-1s"`:       "options.save_every is -1s, expected a time of at least 0",
		`"save_every": "soon"`:      `options.save_every is "soon", expected a duration such as 10m0s`,
		`"stop_above": -2`:          "options.stop_above is -2, expected a number above 0",
		`"lr": -1`:                  "options.lr is -1, expected a number of at least 0",
		`"seed": -1`:                "options.seed is -1, expected a whole number",
		`"skip_bad": -1`:            "data.skip_bad is -1, expected at least 0",
		`"train_examples": -1`:      "data.train_examples is -1, expected at least 0",
		`"parameters": -1`:          "parameters is -1, expected at least 0",
		`"model": 3`:                "model is 3, expected a text",
		`"settings": {}`:            "settings is {}, expected a list",
		`"threads": -1`:             "sessions[0].threads is -1, expected at least 0",
		`"from_step": "0"`:          `sessions[0].from_step is "0", expected a whole number`,
		`"end": "lost"`:             `sessions[0].end is "lost", expected finished, stopped or failed`,
		`"started": "yesterday"`:    `sessions[0].started is "yesterday", expected a time such as 2006-01-02T15:04:05Z`,
	} {
		name, _, _ := strings.Cut(value, ":")
		at := bytes.Index(raw, []byte(name+": "))
		if name == `"steps"` || name == `"lr"` || name == `"seed"` || name == `"checkpoint_every"` { // the spec's own come first
			at = bytes.LastIndex(raw, []byte(name+": "))
		}
		end := at + bytes.IndexAny(raw[at:], ",\n")
		if name == `"settings"` {
			end = at + bytes.IndexByte(raw[at:], ']') + 1
		}
		text := string(raw[:at]) + value + string(raw[end:])
		if err := os.WriteFile(d.Manifest(), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := d.ReadManifest()
		if err != nil || Wrongs(got.Wrong()) != want {
			t.Errorf("%s: %v, %v", value, got.Wrong(), err)
			continue
		}
		if got.Digest != whole.Digest || len(got.Sessions) != 1 || got.Sessions[0].Host != whole.Sessions[0].Host || got.Options.Steps != whole.Options.Steps && name != `"steps"` {
			t.Errorf("%s: other values are lost", value)
		}
	}
}

// A run that keeps all of its checkpoints, which may be very many, does not look at them after each.
func TestPruneKeepsAllUnseen(t *testing.T) {
	r := &Run{Dir: Dir(t.TempDir())}
	if err := os.WriteFile(r.Checkpoints(), nil, 0o644); err != nil { // a look would fail
		t.Fatal(err)
	}
	if err := r.Prune(0); err != nil {
		t.Error(err)
	}
}
