package ckpt

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"mspecc/runtime/files"
)

// Atomic is AtomicFile for content that is written from its beginning to its end.
func Atomic(name string, write func(io.Writer) error) error {
	return AtomicFile(name, func(f *os.File) error {
		w := bufio.NewWriterSize(f, 1<<20)
		if err := write(w); err != nil {
			return err
		}
		return w.Flush()
	})
}

// AtomicFile writes a file through a temporary one beside it that is forced to disk and then
// renamed: whatever happens, the name holds the old content or all of the new. What is no file, such
// as a device, is not replaced.
func AtomicFile(name string, write func(f *os.File) error) (err error) {
	if err := files.Check(name); err != nil {
		return err
	}
	dir, base := filepath.Split(name)
	if dir == "" {
		dir = "."
	}
	tmp, err := os.CreateTemp(dir, "."+base+temporary+"*")
	if err != nil {
		return fmt.Errorf("%s: cannot be written: %w", name, err)
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
			err = fmt.Errorf("%s: cannot be written: %w", name, err)
		}
	}()
	if err = write(tmp); err != nil {
		return err
	}
	if err = tmp.Chmod(0o644); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), name); err != nil {
		return err
	}
	return SyncFolder(dir) // the rename itself reaches the disk with its folder
}

// MakeFolder makes a folder, and those above it that are missing, and forces their names to disk:
// a file is not safe in a folder that may be gone after a power cut.
func MakeFolder(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	above := filepath.Dir(filepath.Clean(dir))
	if above != dir {
		if err := MakeFolder(above); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		if info, e := os.Stat(dir); e != nil || !info.IsDir() { // nor did another process make it
			return err
		}
	}
	if err := SyncFolder(above); !errors.Is(err, fs.ErrPermission) { // one that may be written but not read
		return err
	}
	return nil
}

// SyncFolder forces the names in a folder to disk, where the system can do that.
func SyncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		err = nil // some file systems cannot
	}
	return errors.Join(err, d.Close())
}

// IsTemporary says whether a file name is one that Atomic uses until a file is complete: .NAME.tmpNUMBER.
func IsTemporary(name string) bool {
	at := strings.LastIndex(name, temporary)
	if at < 2 || name[0] != '.' {
		return false
	}
	digits := name[at+len(temporary):]
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}

// temporary stands between the name of a file to be and a random number.
const temporary = ".tmp"

// Copy gives a file a second name, whole or not at all; f is its content, written again where the
// file system knows no links.
func (f *File) Copy(from, to string) error {
	if err := files.Check(to); err != nil {
		return err
	}
	tmp := filepath.Join(filepath.Dir(to), "."+filepath.Base(to)+temporary+strconv.Itoa(os.Getpid()))
	_ = os.Remove(tmp) // of a process with the same number that died here
	if os.Link(from, tmp) != nil {
		return f.WriteFile(to)
	}
	if err := os.Rename(tmp, to); err != nil {
		_ = os.Remove(tmp)
		return fmt.Errorf("%s: cannot be written: %w", to, err)
	}
	_ = os.Remove(tmp) // it stays where both names stood for the same file already
	return SyncFolder(filepath.Dir(to))
}
