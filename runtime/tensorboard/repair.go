package tensorboard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"mspecc/runtime/ckpt"
	"mspecc/runtime/files"
)

// Limits of a file of events: more bytes than an event has, and the bytes around one.
const (
	maxEvent = 64 << 20
	head     = 12 // the length and its checksum
	overhead = 16
)

// Repair looks through the files of events in a folder. TensorBoard reads a file no further than its first
// damaged event; so a file with sound events behind that one is written anew with those that are
// sound, and kept as it was under a name that TensorBoard does not read. Notes say so. What a process left
// unfinished at the end of a file is no damage.
func Repair(dir string) (notes []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the folder of TensorBoard's events cannot be read: %w", err)
	}
	for _, e := range entries {
		n, ok := number(e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		note, err := repair(filepath.Join(dir, e.Name()), filepath.Join(dir, fmt.Sprintf("damaged-%06d", n)))
		if err != nil {
			return notes, fmt.Errorf("TensorBoard's events %s cannot be repaired: %w", e.Name(), err)
		}
		if note != "" {
			notes = append(notes, note)
		}
	}
	return notes, nil
}

// run is a part of a file that holds whole events alone.
type run struct{ from, to int64 }

func repair(name, aside string) (note string, err error) {
	f, info, err := files.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sound, err := soundRuns(f, info.Size())
	if err != nil || len(sound) < 2 && (len(sound) == 0 || sound[0].from == 0) {
		return "", err
	}
	kept, err := files.SetAsideAs(name, aside)
	if err != nil {
		return "", err
	}
	err = ckpt.Atomic(name, func(w io.Writer) error {
		for _, r := range sound {
			if _, err := io.Copy(w, io.NewSectionReader(f, r.from, r.to-r.from)); err != nil {
				return err
			}
		}
		return nil
	})
	return fmt.Sprintf("%s: damaged events in the midst of it, from byte %d on, are left out; the file as it was is kept as %s",
		name, sound[0].to, filepath.Base(kept)), err
}

// soundRuns finds the whole events of a file.
func soundRuns(f io.ReaderAt, size int64) (list []run, err error) {
	for at := int64(0); at < size; {
		end, err := eventAt(f, at, size)
		if err != nil {
			return nil, err
		}
		if end == 0 {
			if at, err = next(f, at+1, size); err != nil {
				return nil, err
			}
			continue
		}
		if n := len(list); n > 0 && list[n-1].to == at {
			list[n-1].to = end
		} else {
			list = append(list, run{at, end})
		}
		at = end
	}
	return list, nil
}

// eventAt gives the end of the event that begins at a byte, 0 where none does.
func eventAt(f io.ReaderAt, at, size int64) (end int64, err error) {
	var h [head]byte
	if size-at < overhead {
		return 0, nil
	}
	if _, err := f.ReadAt(h[:], at); err != nil {
		return 0, err
	}
	n := binary.LittleEndian.Uint64(h[:])
	if binary.LittleEndian.Uint32(h[8:]) != masked(h[:8]) || n > maxEvent || int64(n) > size-at-overhead {
		return 0, nil
	}
	event := make([]byte, n+4)
	if _, err := f.ReadAt(event, at+head); err != nil {
		return 0, err
	}
	if binary.LittleEndian.Uint32(event[n:]) != masked(event[:n]) {
		return 0, nil
	}
	return at + overhead + int64(n), nil
}

// next finds the next byte, from one on, where an event may begin: a length with its checksum.
func next(f io.ReaderAt, at, size int64) (int64, error) {
	buf := make([]byte, 1<<20)
	for at < size {
		n, err := f.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		if err != nil && err != io.EOF {
			return 0, err
		}
		if n < head {
			break
		}
		for i := 0; i+head <= n; i++ {
			if binary.LittleEndian.Uint32(buf[i+8:]) == masked(buf[i:i+8]) {
				return at + int64(i), nil
			}
		}
		at += int64(n - head + 1)
	}
	return size, nil
}
