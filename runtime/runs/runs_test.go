package runs

import (
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
	for keep, want := range map[int][]int{0: {1, 2, 3, 4}, 5: {1, 2, 3, 4}} {
		if err := d.Prune(keep); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Steps(); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%d kept: %v, %v", keep, got, err)
		}
	}
	if err := d.Prune(2); err != nil {
		t.Fatal(err)
	}
	if got, _ := d.Steps(); cmp.Diff([]int{3, 4}, got) != "" {
		t.Errorf("%v are left", got)
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
