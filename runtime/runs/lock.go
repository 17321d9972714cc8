package runs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"

	"mspecc/runtime/files"
)

// The lock of a run is one of the operating system on the file lock. It is gone with the process
// that held it, however that ended; so the file alone means nothing, and a lock is never stale.

// LockedError says that another process writes the run.
type LockedError struct {
	Dir    Dir
	Holder *Session // nil where it is not known
}

// Error names the process.
func (e *LockedError) Error() string {
	who := "another trainer"
	if h := e.Holder; h != nil {
		who = fmt.Sprintf("process %d on %s, since %s", h.PID, h.Host, h.Started.Format(time.RFC3339))
	}
	return fmt.Sprintf("%s: is being written by %s; stop it first or choose another --out", e.Dir, who)
}

// lock takes the run for this process. Looking at a lock holds it for a moment: so it is tried
// for a while.
func (d Dir) lock() (*flock.Flock, error) {
	if err := files.Check(d.Lock()); err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		l := flock.New(d.Lock(), flock.SetPermissions(0o644))
		ok, err := l.TryLock()
		if err != nil {
			return nil, fmt.Errorf("%s: cannot be locked: %w; a run needs a file system that it may write and that has locks", d.Lock(), err)
		}
		if ok && sameFile(l) {
			return l, nil
		}
		if ok {
			_ = l.Close() // the folder was replaced meanwhile
		}
		if try == 20 {
			e := &LockedError{Dir: d}
			if m, err := d.ReadManifest(); err == nil && len(m.Sessions) > 0 && m.Sessions[len(m.Sessions)-1].End == "" {
				e.Holder = &m.Sessions[len(m.Sessions)-1]
			}
			return nil, e
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// evaluationsWait is for how long another process may show the evaluations of a run: it takes less
// than a second, unless that process is stopped.
const evaluationsWait = 20 * time.Second

// LockEvaluations waits until no other process writes what shows the run's evaluations. Who adds an
// evaluation first and takes the lock then, shows all that were there before: the last one shows all.
func (d Dir) LockEvaluations() (release func(), err error) {
	ctx, cancel := context.WithTimeout(context.Background(), evaluationsWait)
	defer cancel()
	if err := files.Check(d.EvaluationsLock()); err != nil {
		return nil, err
	}
	l := flock.New(d.EvaluationsLock(), flock.SetPermissions(0o644))
	switch _, err := l.TryLockContext(ctx, 10*time.Millisecond); {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("%s: another evaluation has held it for %v", d.EvaluationsLock(), evaluationsWait)
	case err != nil:
		return nil, fmt.Errorf("%s: cannot be locked: %w", d.EvaluationsLock(), err)
	}
	return func() { _ = l.Close() }, nil // the system drops the lock with the file
}

// sameFile says whether the name still stands for the file that is locked.
func sameFile(l *flock.Flock) bool {
	held, err := l.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(l.Path())
	return err == nil && os.SameFile(held, named)
}

// held says whether a process writes the run.
func (d Dir) held() (bool, error) {
	if err := files.Check(d.Lock()); err != nil {
		return false, err
	}
	l := flock.New(d.Lock(), flock.SetFlag(os.O_RDONLY))
	ok, err := l.TryRLock()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: cannot be looked at: %w", d.Lock(), err)
	}
	if ok {
		_ = l.Close()
	}
	return !ok, nil
}
