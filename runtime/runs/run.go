package runs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/files"
)

// Now is the clock of what is written for people. Nothing depends on it going forward.
var Now = time.Now

// Run is a run directory that this process writes. Its methods are for one goroutine.
type Run struct {
	Dir
	manifest *Manifest
	sources  []runtime.Source
	lock     *flock.Flock
	log      *os.File
	verified map[int]stamp // checkpoints that were found to be sound, by step
}

// Acquire takes a run directory for this process, making it where there is none, until Close. A
// *LockedError says that another process has it.
func Acquire(d Dir) (*Run, error) {
	if err := d.Make(); err != nil {
		return nil, err
	}
	l, err := d.lock()
	if err != nil {
		return nil, err
	}
	r := &Run{Dir: d, lock: l, verified: map[int]stamp{}}
	if err := r.openLog(); err != nil {
		_ = l.Close()
		return nil, err
	}
	r.sweep()
	return r, nil
}

// openLog opens the log. What the Go runtime says when a process dies goes there too.
func (r *Run) openLog() error {
	f, _, err := files.OpenFile(r.Log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("the log cannot be written: %w", err)
	}
	if r.log != nil {
		_ = r.log.Close()
	}
	r.log = f
	_ = debug.SetCrashOutput(f, debug.CrashOptions{}) // without it the message is on standard error alone
	return nil
}

// sweep removes temporary files of a process that died while it wrote.
func (r *Run) sweep() {
	for _, folder := range []string{string(r.Dir), r.Checkpoints(), r.Pictures(), filepath.Dir(r.Failed(0))} {
		entries, _ := os.ReadDir(folder) // a folder that is not there holds none
		for _, e := range entries {
			if ckpt.IsTemporary(e.Name()) {
				_ = os.Remove(filepath.Join(folder, e.Name())) // it is in nobody's way
			}
		}
	}
}

// Exists says whether the directory holds a run already.
func (d Dir) Exists() bool {
	steps, _ := d.Steps()
	_, err := os.Stat(d.Manifest())
	return err == nil || len(steps) > 0
}

// Begin writes what the run is and that this process goes on with it after the given step.
func (r *Run) Begin(m *Manifest, p *runtime.Program, threads, from int) error {
	m.Created = Now().UTC()
	old, err := r.ReadManifest()
	var damage *ManifestError
	switch {
	case err == nil:
		m.Created, m.Sessions = old.Created, old.Sessions
	case !errors.Is(err, os.ErrNotExist) && !errors.As(err, &damage):
		return err
	}
	if damage != nil || err == nil && len(old.Wrong()) > 0 {
		to, err := files.SetAside(r.Manifest())
		if err != nil {
			return fmt.Errorf("the damaged run.json cannot be kept aside: %w", err)
		}
		r.Say("the damaged run.json is kept as %s", to)
	}
	host, _ := os.Hostname() // for people alone
	m.Sessions = append(m.Sessions, Session{Started: Now().UTC(), Host: host, PID: os.Getpid(), Target: p.Target, Threads: threads,
		Machine: thisMachine(), From: from})
	r.manifest, r.sources = m, p.Sources
	if err := r.keepOldSpec(from); err != nil {
		return err
	}
	if err := r.writeSpec(); err != nil {
		return err
	}
	return r.writeManifest(m)
}

// keepOldSpec moves the spec of earlier sessions away where this one has another.
func (r *Run) keepOldSpec(from int) error {
	same := true
	for _, s := range r.sources {
		same = same && r.keeps(s)
	}
	if _, err := os.Stat(r.Spec()); err != nil || same {
		return nil
	}
	to := fmt.Sprintf("%s-before-step-%d", r.Spec(), from+1)
	for n := 2; ; n++ { // the run may go on from this step with a third version
		if _, err := os.Lstat(to); err != nil {
			return os.Rename(r.Spec(), to)
		}
		to = fmt.Sprintf("%s-before-step-%d-%d", r.Spec(), from+1, n)
	}
}

// keeps says whether a source of the spec is kept as it is.
func (r *Run) keeps(s runtime.Source) bool {
	text, err := files.Read(filepath.Join(r.Spec(), filepath.FromSlash(s.Name)), int64(len(s.Text)))
	return err == nil && string(text) == s.Text
}

func (r *Run) writeSpec() error {
	for _, s := range r.sources {
		name := filepath.Join(r.Spec(), filepath.FromSlash(s.Name))
		if r.keeps(s) {
			continue
		}
		if err := ckpt.MakeFolder(filepath.Dir(name)); err != nil {
			return fmt.Errorf("the spec cannot be kept: %w", err)
		}
		if err := ckpt.Atomic(name, func(w io.Writer) error {
			_, err := io.WriteString(w, s.Text)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// Ensure makes the run directory anew where it has vanished since, as far as this process knows
// it, and says whether that was so.
func (r *Run) Ensure() (remade bool, err error) {
	if err := r.Make(); err != nil {
		return false, err
	}
	if sameFile(r.lock) {
		return false, nil
	}
	l, err := r.Dir.lock()
	if err != nil {
		return false, err
	}
	_ = r.lock.Close()
	r.lock = l
	if err := r.openLog(); err != nil {
		return true, err
	}
	r.Say("the run directory had vanished and was made anew")
	if err := r.writeSpec(); err != nil {
		return true, err
	}
	return true, r.writeManifest(r.manifest)
}

// Say adds a line to the log. A log that cannot be written is no reason to stop: what fails
// because of the same disk is said elsewhere.
func (r *Run) Say(format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\n\t")
	_, _ = fmt.Fprintf(r.log, "%s %s\n", Now().UTC().Format(time.RFC3339), text)
}

// End records how the session ended: Finished, Stopped, or Failed with its cause.
func (r *Run) End(how string, step int, cause error) error {
	s := &r.manifest.Sessions[len(r.manifest.Sessions)-1]
	at := Now().UTC()
	s.Ended, s.Step, s.End = &at, step, how
	if cause != nil {
		s.Error = cause.Error()
		r.Say("%s at step %d: %v", how, step, cause)
	} else {
		r.Say("%s at step %d", how, step)
	}
	if _, err := r.Ensure(); err != nil {
		return err
	}
	return r.writeManifest(r.manifest)
}

// Close gives the run to other processes.
func (r *Run) Close() error {
	_ = debug.SetCrashOutput(nil, debug.CrashOptions{}) // closes the copy it keeps
	return errors.Join(r.log.Close(), r.lock.Close())
}
