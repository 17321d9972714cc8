// Package files opens and reads files that may be anything: what has the name of a file can be a
// folder, a pipe that nobody ever writes to, a device without end, or larger than any memory.
// Its kind and its size are looked at before anything is read.
package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
)

// Open opens a regular file for reading. A folder, a pipe, a socket or a device is a *KindError.
func Open(name string) (*os.File, fs.FileInfo, error) { return OpenFile(name, os.O_RDONLY, 0) }

// OpenFile is os.OpenFile for regular files: another kind of file is a *KindError.
func OpenFile(name string, flag int, perm fs.FileMode) (*os.File, fs.FileInfo, error) {
	if err := Check(name); err != nil { // to open a device can do something, and a pipe waits for its other end
		return nil, nil, err
	}
	f, err := os.OpenFile(name, flag|dontWait, perm)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = regular(name, info) // it may have been exchanged meanwhile
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// Check is a *KindError where a name stands for something that is no regular file. A name that
// stands for nothing yet, or that cannot be looked at, is left to who opens it.
func Check(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return nil
	}
	return regular(name, info)
}

// Read reads a regular file whole. One of more than limit bytes is a *SizeError, which costs no
// memory.
func Read(name string, limit int64) ([]byte, error) {
	f, info, err := Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return whole(name, f, info.Size(), limit)
}

// ReadAny is Read for what may also be a pipe, such as a shell's <(command): it waits for its end.
// Devices do not end, and are a *KindError as folders are.
func ReadAny(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err == nil && info.Mode()&fs.ModeNamedPipe == 0 {
		return Read(name, limit)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return whole(name, f, 0, limit)
}

// whole reads what a reader has, whose size is known to be at least so much.
func whole(name string, r io.Reader, size, limit int64) ([]byte, error) {
	if size > limit {
		return nil, &SizeError{name, size, limit}
	}
	raw := make([]byte, 0, size+512)
	for {
		n, err := io.LimitReader(r, limit+1-int64(len(raw))).Read(raw[len(raw):cap(raw)])
		raw = raw[:len(raw)+n]
		switch {
		case int64(len(raw)) > limit:
			return nil, &SizeError{name, int64(len(raw)), limit}
		case errors.Is(err, io.EOF):
			return raw, nil
		case err != nil:
			return nil, err
		case len(raw) == cap(raw):
			raw = append(raw, 0)[:len(raw)]
		}
	}
}

// SetAside keeps a file that cannot be used under another name, its own with .damaged behind it, or a
// number behind that, and gives that name. The file also keeps its name where the file system knows
// links, so that there is no moment without it: who calls this writes another in its place.
func SetAside(name string) (to string, err error) { return SetAsideAs(name, name+".damaged") }

// SetAsideAs is SetAside with a name of the caller's choice.
func SetAsideAs(name, as string) (to string, err error) {
	for n := 1; n < 10000; n++ {
		to = as
		if n > 1 {
			to += "-" + strconv.Itoa(n)
		}
		if _, err := os.Lstat(to); err == nil {
			continue
		}
		if err = os.Link(name, to); err == nil {
			return to, nil
		}
		if errors.Is(err, fs.ErrExist) {
			continue // another process was quicker
		}
		return to, os.Rename(name, to)
	}
	return "", fmt.Errorf("%s: there are very many files like %s already; move them away", name, as)
}

// KindError says that a name stands for something other than a file.
type KindError struct{ Name, What string }

// Error names it.
func (e *KindError) Error() string { return e.Name + ": is " + e.What + ", expected a file" }

// SizeError says that a file is larger than what it is taken for can be.
type SizeError struct {
	Name        string
	Size, Limit int64 // bytes; of a pipe, Size is what was read
}

// Error says how large.
func (e *SizeError) Error() string {
	return fmt.Sprintf("%s: has %d bytes or more, expected at most %d", e.Name, e.Size, e.Limit)
}

func regular(name string, info fs.FileInfo) error {
	mode := info.Mode()
	what := "something else"
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what = "a folder"
	case mode&fs.ModeNamedPipe != 0:
		what = "a pipe"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	}
	return &KindError{name, what}
}
