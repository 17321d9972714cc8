package cli

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mspecc/runtime/eval"
	"mspecc/runtime/runs"
)

// unread is the writing end of a pipe that nobody reads any more, as of head(1) that has seen enough.
func unread(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	t.Cleanup(func() { w.Close() })
	return w
}

// ended runs the tiny trainer as a process, with these for standard output and standard error.
func ended(t *testing.T, out, note any, args ...string) *os.ProcessState {
	t.Helper()
	c := exec.Command("tiny", args...)
	c.Env = append(os.Environ(), "TINY=")
	c.Stdout, _ = out.(interface{ Write([]byte) (int, error) })
	c.Stderr, _ = note.(interface{ Write([]byte) (int, error) })
	var exit *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return c.ProcessState
}

// A run outlives those who read what it prints, and its log says since when nobody does.
func TestRunOutlivesItsReaders(t *testing.T) {
	for _, more := range [][]string{nil, {"--json"}, {"--quiet"}} {
		d := runs.Dir(filepath.Join(t.TempDir(), "run"))
		args := append([]string{"train", "--out", string(d), "--steps", "30"}, more...)
		if p := ended(t, unread(t), unread(t), args...); p.ExitCode() != 0 {
			t.Errorf("%v: %v", more, p)
		}
		log, err := os.ReadFile(d.Log())
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"standard output is gone (", "finished at step 30"} {
			if strings.Count(string(log), want) != 1 {
				t.Errorf("%v: the log does not say %q once:\n%s", more, want, log)
			}
		}
		if quiet := len(more) > 0 && more[0] == "--quiet"; strings.Contains(string(log), "standard error is gone (") == quiet {
			t.Errorf("%v: the log says of standard error:\n%s", more, log)
		}
	}
}

// Other commands do what they are for, too, and then say that what they printed is lost.
func TestCommandsOutliveTheirReaders(t *testing.T) {
	d := runs.Dir(filepath.Join(t.TempDir(), "run"))
	tinyRun(t, "train", "--out", string(d), "--steps", "20", "--quiet")
	out := filepath.Join(t.TempDir(), "f.npy")
	for _, c := range []struct {
		args []string
		done func() bool
	}{
		{[]string{"embed", "--checkpoint", string(d), "--out", out}, func() bool { info, err := os.Stat(out); return err == nil && info.Size() > 100 }},
		{[]string{"eval", "--checkpoint", string(d), "--epochs", "1"}, func() bool { list, _, err := eval.ReadLog(d); return err == nil && len(list) > 0 }},
	} {
		var said bytes.Buffer
		if p := ended(t, unread(t), &said, c.args...); p.ExitCode() != 1 || !strings.Contains(said.String(), "standard output is gone (") || !c.done() {
			t.Errorf("%v: %v, done: %v\n%s", c.args, p, c.done(), said.String())
		}
		if p := ended(t, &said, unread(t), c.args...); p.ExitCode() != 0 {
			t.Errorf("%v without standard error: %v\n%s", c.args, p, said.String())
		}
	}
	if p := ended(t, unread(t), nil, "runs", string(d)); p.Exited() {
		t.Errorf("runs, which nothing is left to do for: %v, expected the end by SIGPIPE", p)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	for _, args := range [][]string{{"runs", string(d)}, {"info"}, {"report", string(d)}} {
		var said bytes.Buffer
		if p := ended(t, full, &said, args...); p.ExitCode() != 1 || !strings.Contains(said.String(), "no space left") {
			t.Errorf("%v on a full disk: %v\n%s", args, p, said.String())
		}
	}
}

// freeAddress is one that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// So does the server.
func TestServerOutlivesItsReaders(t *testing.T) {
	d := runs.Dir(filepath.Join(t.TempDir(), "run"))
	tinyRun(t, "train", "--out", string(d), "--steps", "20", "--quiet")
	address := freeAddress(t)
	c := exec.Command("tiny", "serve", "--checkpoint", string(d), "--listen", address, "--access-log")
	c.Env = append(os.Environ(), "TINY=")
	c.Stdout, c.Stderr = unread(t), unread(t)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	}()
	answered := 0
	for deadline := time.Now().Add(10 * time.Second); answered < 3 && time.Now().Before(deadline); {
		r, err := http.Post("http://"+address+"/v1/embeddings", "application/json", bytes.NewReader(one))
		if err != nil {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		r.Body.Close()
		answered++
	}
	if answered != 3 {
		t.Errorf("the server answers %d requests", answered)
	}
}
