package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mspecc/runtime/ckpt"
	"mspecc/runtime/runs"
)

var kills = flag.Int("kills", 6, "how often TestKill kills a trainer")

// trainer starts the tiny trainer as a process of its own; kind is what TINY is set to.
func trainer(kind string, args ...string) *exec.Cmd {
	c := exec.Command("tiny", args...)
	c.Env = append(os.Environ(), "TINY="+kind)
	return c
}

// checkRun fails where a run directory holds anything that is not whole under its final name. It
// gives the newest step that can be resumed, 0 where there is none, and what is left of a checkpoint
// that was being written.
func checkRun(t *testing.T, d runs.Dir) (newest int, half string) {
	t.Helper()
	err := filepath.WalkDir(string(d), func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		base := filepath.Base(name)
		switch {
		case ckpt.IsTemporary(base):
			if strings.Contains(base, "step-") {
				half = base
			}
			return nil
		case strings.HasSuffix(name, ".safetensors"):
			f, err := ckpt.ReadFile(name)
			if err != nil {
				return err
			}
			if s, ok, err := f.ReadState(); ok && err == nil && base != "best.safetensors" {
				newest = max(newest, s.Step)
			}
			return nil
		case base == "run.json":
			_, err := d.ReadManifest()
			return err
		case base == "metrics.jsonl":
			raw, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			for line := range bytes.Lines(raw) {
				if !json.Valid(line) || line[len(line)-1] != '\n' {
					return errors.New(name + ": " + string(line))
				}
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return newest, half
}

// awaitWriting waits until a checkpoint is being written, a second at most.
func awaitWriting(d runs.Dir) {
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Microsecond) {
		entries, _ := os.ReadDir(d.Checkpoints())
		if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return ckpt.IsTemporary(e.Name()) }) {
			return
		}
	}
}

// TestKill kills a trainer at random moments, half of them while it writes a checkpoint, and starts
// it again, until it has done all steps. Nothing half written is ever found under a final name, no
// step that was saved is lost, and the run ends in the bits of one that was never killed.
func TestKill(t *testing.T) {
	t.Parallel()
	args := []string{"train", "--steps", "120", "--checkpoint-every", "3", "--log-every", "7", "--quiet"}
	through := filepath.Join(t.TempDir(), "through")
	if out, err := trainer("big", append(args, "--out", through)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want, err := os.ReadFile(runs.Dir(through).Checkpoint(120))
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	killed, inWrite, early, whole := 0, 0, 0, 0
	for killed < *kills || whole == 0 {
		d := runs.Dir(filepath.Join(t.TempDir(), "run"))
		last := ""
		for newest, done := 0, false; !done; {
			call := append(args, "--out", string(d), "--threads", []string{"1", "2", "3"}[random.IntN(3)])
			if d.Exists() {
				call = append(call, "--resume", string(d))
			}
			c := trainer("big", call...)
			var said bytes.Buffer
			c.Stderr = &said
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			if killed < *kills {
				time.Sleep(time.Duration(random.ExpFloat64() * float64(100*time.Millisecond)))
				if killed%2 == 1 {
					awaitWriting(d)
					time.Sleep(time.Duration(random.Int64N(int64(4 * time.Millisecond))))
				}
				_ = c.Process.Kill()
			}
			err := c.Wait()
			done = err == nil
			if !done {
				if c.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
					t.Fatalf("seed %d: %v\n%s", seed, err, said.String())
				}
				killed++
			}
			step, half := checkRun(t, d)
			if step < newest {
				t.Fatalf("seed %d: step %d was saved, %d is left", seed, newest, step)
			}
			if half != "" && half != last {
				inWrite++
			}
			last = half
			if step == 0 {
				early++
			}
			newest = step
		}
		whole++
		got, err := os.ReadFile(d.Checkpoint(120))
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("seed %d: the run ends in other bits (%v)", seed, err)
		}
		if err := os.RemoveAll(string(d)); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("killed %d times, %d of them in the writing of a checkpoint, %d before the first one; %d runs ended in the same bits", killed, inWrite, early, whole)
}

// isolated starts a shell script in a mount namespace of its own, where $D is a file system of
// 2 MB. It needs Linux, and the right to make one.
func isolated(t *testing.T, script string) (string, error) {
	t.Helper()
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip("a small file system needs unshare of util-linux")
	}
	options := []string{"--mount"}
	if os.Getuid() != 0 {
		options = []string{"--user", "--map-root-user", "--mount"}
	}
	d := t.TempDir()
	mount := "mount -t tmpfs -o size=2m small " + d
	if out, err := exec.Command(unshare, append(options, "sh", "-c", mount)...).CombinedOutput(); err != nil {
		t.Skipf("a small file system cannot be mounted: %v %s", err, out)
	}
	c := exec.Command(unshare, append(options, "sh", "-c", mount+" && cd / && "+script)...)
	c.Env = append(os.Environ(), "D="+d, "KEEP="+t.TempDir())
	out, err := c.CombinedOutput()
	for _, v := range c.Env {
		if dir, ok := strings.CutPrefix(v, "KEEP="); ok {
			return dir, wrap(err, out)
		}
	}
	return "", err
}

func wrap(err error, out []byte) error {
	if err == nil {
		return nil
	}
	return errors.New(err.Error() + "\n" + string(out))
}

// waitFor waits until the trainer has said something.
const waitFor = `waitfor() { n=0; until grep -q "$1" $D/../said 2>/dev/null; do n=$((n+1)); [ $n -lt 1200 ] || { cat $D/../said; exit 9; }; sleep 0.05; done; }; `

// reference is the last checkpoint of a run that nothing disturbed.
func reference(t *testing.T) []byte {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "reference")
	if out, err := trainer("", "train", "--out", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	raw, err := os.ReadFile(runs.Dir(dir).Checkpoint(60))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// sameEnd fails where a run did not end in the bits of the reference.
func sameEnd(t *testing.T, dir string) {
	t.Helper()
	checkRun(t, runs.Dir(dir))
	got, err := os.ReadFile(runs.Dir(dir).Checkpoint(60))
	if err != nil || !bytes.Equal(got, reference(t)) {
		t.Errorf("the run ends in other bits (%v)", err)
	}
	raw, err := os.ReadFile(runs.Dir(dir).Metrics())
	if n := bytes.Count(raw, []byte("\n")); n != 6 || err != nil {
		t.Errorf("%d lines of metrics, %v:\n%s", n, err, raw)
	}
}

// A disk that fills up while the trainer runs, and has room again later, costs nothing.
func TestDiskFullForAWhile(t *testing.T) {
	t.Parallel()
	keep, err := isolated(t, waitFor+`
TINY=slow tiny train --out $D/run 2>$D/../said >/dev/null & p=$!
until [ -e $D/run/checkpoints/step-00000020.safetensors ]; do sleep 0.02; done
dd if=/dev/zero of=$D/ballast bs=1k 2>/dev/null
waitfor 'no space left on device; training goes on'
waitfor 'step 60 is not written.*no space left on device; it is tried again for 10m0s, which Ctrl-C ends'
rm $D/ballast
wait $p || { cat $D/../said; exit 8; }
cp -r $D/run $D/../said $KEEP`)
	if err != nil {
		t.Fatal(err)
	}
	sameEnd(t, filepath.Join(keep, "run"))
	said, err := os.ReadFile(filepath.Join(keep, "said"))
	if err != nil || regexp.MustCompile(`step 60 is not written.*training goes on`).Match(said) {
		t.Errorf("after the last step training is said to go on (%v):\n%s", err, said)
	}
	log, err := os.ReadFile(filepath.Join(keep, "run/log.txt"))
	if err != nil || !bytes.Contains(log, []byte("finished at step 60")) {
		t.Errorf("%v\n%s", err, log)
	}
}

// A disk that stays full costs what came after the last checkpoint, and the message says it.
func TestDiskStaysFull(t *testing.T) {
	t.Parallel()
	keep, err := isolated(t, waitFor+`
TINY=slow tiny train --out $D/run --patience 1s 2>$D/../said >/dev/null & p=$!
until [ -e $D/run/checkpoints/step-00000020.safetensors ]; do sleep 0.02; done
dd if=/dev/zero of=$D/ballast bs=1k 2>/dev/null
wait $p; [ $? = 1 ] || { cat $D/../said; exit 8; }
grep -q 'the checkpoint of step 60 is not written: .*no space left on device; the last good checkpoint is .*step-00000020' $D/../said || { cat $D/../said; exit 7; }
cp -r $D/run $KEEP/full
rm $D/ballast
tiny train --resume $D/run >/dev/null 2>&1 || exit 6
cp -r $D/run $KEEP`)
	if err != nil {
		t.Fatal(err)
	}
	if step, _ := checkRun(t, runs.Dir(filepath.Join(keep, "full"))); step != 20 {
		t.Errorf("step %d is left on the full disk", step)
	}
	sameEnd(t, filepath.Join(keep, "run"))
}

// A disk that is full from the beginning is an error before anything is computed.
func TestDiskFullAtTheStart(t *testing.T) {
	t.Parallel()
	_, err := isolated(t, `
dd if=/dev/zero of=$D/ballast bs=1k 2>/dev/null
tiny train --out $D/run >$D/../said 2>&1; [ $? = 1 ] || { cat $D/../said; exit 8; }
grep -q 'no space left on device' $D/../said || { cat $D/../said; exit 7; }`)
	if err != nil {
		t.Fatal(err)
	}
}

// A file system that becomes read-only, as Linux makes one with errors, and is writable again later.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	keep, err := isolated(t, waitFor+`
TINY=slow tiny train --out $D/run 2>$D/../said >/dev/null & p=$!
until [ -e $D/run/checkpoints/step-00000020.safetensors ]; do sleep 0.02; done
mount --bind $D/run/checkpoints $D/run/checkpoints && mount -o remount,ro,bind $D/run/checkpoints || exit 9
waitfor 'read-only file system; it is tried again'
umount $D/run/checkpoints
wait $p || { cat $D/../said; exit 8; }
mount -o remount,ro $D || exit 9
tiny train --out $D/other >$D/../said 2>&1; [ $? = 1 ] || { cat $D/../said; exit 7; }
grep -q 'the run directory cannot be made: .*read-only file system' $D/../said || { cat $D/../said; exit 6; }
tiny train --resume $D/run --steps 70 >$D/../said 2>&1; [ $? = 1 ] || { cat $D/../said; exit 5; }
grep -q 'read-only file system' $D/../said || { cat $D/../said; exit 4; }
cp -r $D/run $KEEP`)
	if err != nil {
		t.Fatal(err)
	}
	sameEnd(t, filepath.Join(keep, "run"))
}

// spoken is what a process says, while it says it.
type spoken struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *spoken) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// whileRunning starts a slow trainer, calls f once its first checkpoint is there, and gives what it
// said in the end. f can wait for the trainer to say something.
func whileRunning(t *testing.T, c *exec.Cmd, d runs.Dir, f func(wait func(text string))) (string, error) {
	t.Helper()
	var said spoken
	c.Stderr = &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Process.Kill() }()
	until := func(what string, so func() bool) {
		for deadline := time.Now().Add(time.Minute); !so(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("waited in vain for %s: %s", what, said.String())
			}
		}
	}
	until("a checkpoint", func() bool {
		_, err := os.Stat(d.Best()) // the last thing about the first checkpoint
		return err == nil
	})
	f(func(text string) {
		until(text, func() bool { return strings.Contains(said.String(), text) })
	})
	err := c.Wait()
	return said.String(), err
}

// A run directory that is removed under a trainer is made again, with all metrics.
func TestRunDirectoryVanishes(t *testing.T) {
	t.Parallel()
	d := runs.Dir(filepath.Join(t.TempDir(), "run"))
	said, err := whileRunning(t, trainer("slow", "train", "--out", string(d)), d, func(func(string)) {
		if err := os.RemoveAll(string(d)); err != nil {
			t.Fatal(err)
		}
	})
	if err != nil || !strings.Contains(said, "had vanished and was made anew") {
		t.Fatalf("%v\n%s", err, said)
	}
	sameEnd(t, string(d))
	if state, m, err := d.State(); state != runs.Finished || err != nil || m.Model != "tiny" {
		t.Errorf("%s, %v", state, err)
	}
}

// unprivileged is a trainer that file permissions hold for, also where the test runs as root.
func unprivileged(t *testing.T, kind string, args ...string) *exec.Cmd {
	t.Helper()
	c := trainer(kind, args...)
	if os.Getuid() != 0 {
		return c
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("permissions do not hold for root; giving its rights up needs setpriv of util-linux")
	}
	without := []string{setpriv, "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"}
	if err := exec.Command(without[0], append(slices.Clone(without[1:]), "true")...).Run(); err != nil {
		t.Skipf("root's rights cannot be given up: %v", err)
	}
	p := exec.Command(setpriv, slices.Concat(without[1:], []string{c.Path}, args)...)
	p.Env = c.Env
	return p
}

// Permissions that are taken away while the trainer runs, and given back.
func TestPermissionDenied(t *testing.T) {
	t.Parallel()
	d := runs.Dir(filepath.Join(t.TempDir(), "run"))
	said, err := whileRunning(t, unprivileged(t, "slow", "train", "--out", string(d)), d, func(wait func(string)) {
		if err := os.Chmod(d.Checkpoints(), 0o555); err != nil {
			t.Fatal(err)
		}
		wait("permission denied; training goes on")
		wait("the checkpoint of step 60 is not written")
		if _, err := os.Stat(d.Checkpoint(40)); err == nil {
			t.Error("a checkpoint was written without permission")
		}
		if err := os.Chmod(d.Checkpoints(), 0o755); err != nil {
			t.Fatal(err)
		}
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	sameEnd(t, string(d))
	// From the beginning.
	locked := t.TempDir()
	if err := os.Chmod(locked, 0o555); err != nil {
		t.Fatal(err)
	}
	out, err := unprivileged(t, "", "train", "--out", filepath.Join(locked, "run")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "the run directory cannot be made: mkdir "+locked+"/run: permission denied") {
		t.Errorf("%v\n%s", err, out)
	}
	// A checkpoint that may not be read is no damaged one, and stays.
	if err := os.Chmod(d.Checkpoint(60), 0); err != nil {
		t.Fatal(err)
	}
	out, err = unprivileged(t, "", "train", "--resume", string(d), "--steps", "61").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "step-00000060.safetensors: cannot be read: permission denied") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(d.Checkpoint(60)); err != nil {
		t.Error(err)
	}
}

// A clock that goes backwards changes nothing but what is written for people.
func TestClockGoesBackwards(t *testing.T) {
	t.Parallel()
	d := filepath.Join(t.TempDir(), "run")
	for _, args := range [][]string{{"--out", d, "--time-limit", "1h", "--save-every", "1ms"}, {"--resume", d}} {
		if out, err := trainer("clock", append([]string{"train"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	sameEnd(t, d)
}
