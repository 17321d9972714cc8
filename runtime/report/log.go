// Package report writes what a person looks at: the log of a run, its loss curve, and
// pictures of reconstructions.
package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"mspecc/runtime/ckpt"
	"mspecc/runtime/files"
)

// Record is one line of the log: means over the steps since the line before.
type Record struct {
	Step    int
	Names   []string  // "loss" first, then the reports in the spec's order
	Values  []float64 // as Names
	LR      float64
	Rate    float64 // examples per second
	Wait    float64 // share of the time that went into waiting for data, 0 to 1
	Seconds float64 // since this process began to train
	LeftOut int     // bad records that this process left out so far
}

// MarshalJSON writes one flat object, in order.
func (r Record) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"step":%d`, r.Step)
	put := func(name string, value float64) error {
		k, err := json.Marshal(name)
		if err != nil {
			return err
		}
		v := []byte("null") // JSON has no NaN
		if finite(value) {
			if v, err = json.Marshal(value); err != nil {
				return err
			}
		}
		_, err = fmt.Fprintf(&b, ",%s:%s", k, v)
		return err
	}
	for i, n := range r.Names {
		if err := put(n, r.Values[i]); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(put("lr", r.LR), put("examples_per_second", r.Rate), put("data_wait", r.Wait), put("seconds", r.Seconds)); err != nil {
		return nil, err
	}
	if r.LeftOut > 0 {
		fmt.Fprintf(&b, `,"bad_records":%d`, r.LeftOut)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// Log is a metrics.jsonl file that is being written.
type Log struct {
	records thinned
	file    *os.File
	size    int64  // of the whole lines in the file
	pending []byte // lines that could not be written yet
}

// Records are those that the file holds, evenly thinned out where they are very many.
func (l *Log) Records() []Record { return l.records.all() }

// Lines are how many lines the file has, or will have once what is pending is written.
func (l *Log) Lines() int { return l.records.added }

// OpenLog opens a log for appending. Lines of steps after last, left by a run that went on
// beyond its checkpoint, are cut off, as is a line that a crash left unfinished. Where other lines are
// damaged, the file is kept under another name, and the sound lines go on in a new one; note says
// so. Names says which values to read back from the lines that stay.
func OpenLog(name string, last int, names []string) (l *Log, note string, err error) {
	l = &Log{}
	if err := l.open(name); err != nil {
		return nil, "", err
	}
	defer func() {
		if err != nil {
			_ = l.file.Close()
		}
	}()
	var kept []span // runs of lines
	s, err := scanLines(l.file, last, func(r Record, at span) {
		l.records.add(r.pick(names))
		l.size += at.to - at.from
		if n := len(kept); n > 0 && kept[n-1].to == at.from {
			kept[n-1].to = at.to
		} else {
			kept = append(kept, at)
		}
	})
	if err != nil {
		return nil, "", fmt.Errorf("the metrics cannot be read: %w", err)
	}
	if s.damaged > 0 {
		note, err = l.replace(name, kept, s.damaged)
	} else {
		err = l.file.Truncate(l.size)
	}
	if err == nil {
		err = ckpt.SyncFolder(filepath.Dir(name)) // that the file is there; Sync is for what is in it
	}
	if err != nil {
		return nil, "", fmt.Errorf("the metrics cannot be written: %w", err)
	}
	return l, note, nil
}

// replace keeps the file aside and goes on in another, which has these parts of it.
func (l *Log) replace(name string, kept []span, damaged int) (note string, err error) {
	aside, err := files.SetAside(name)
	if err != nil {
		return "", err
	}
	if err := ckpt.Atomic(name, func(w io.Writer) error {
		for _, part := range kept {
			if _, err := io.Copy(w, io.NewSectionReader(l.file, part.from, part.to-part.from)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: %d damaged lines are left out; the file as it was is kept as %s", name, damaged, filepath.Base(aside)), l.open(name)
}

func (l *Log) open(name string) error {
	f, _, err := files.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("the metrics cannot be written: %w", err)
	}
	if l.file != nil {
		_ = l.file.Close()
	}
	l.file = f
	return nil
}

// Rewrite writes the records to a file of that name, where the one before has vanished.
func (l *Log) Rewrite(name string) error {
	var all bytes.Buffer
	for _, r := range l.Records() {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		all.Write(line)
		all.WriteByte('\n')
	}
	if err := ckpt.Atomic(name, func(w io.Writer) error {
		_, err := w.Write(all.Bytes())
		return err
	}); err != nil {
		return err
	}
	l.size, l.pending = int64(all.Len()), nil
	return l.open(name)
}

// Add appends a line. Lines that a full disk does not take are kept and come with the next one.
func (l *Log) Add(r Record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("step %d cannot be logged: %w", r.Step, err)
	}
	l.records.add(r)
	l.pending = append(append(l.pending, line...), '\n')
	return l.flush()
}

// flush writes what is pending behind the whole lines, over what an attempt before left there.
func (l *Log) flush() error {
	if len(l.pending) == 0 {
		return nil
	}
	if _, err := l.file.WriteAt(l.pending, l.size); err != nil {
		_ = l.file.Truncate(l.size) // no part of a line for readers
		return fmt.Errorf("the metrics cannot be written: %w", err)
	}
	l.size += int64(len(l.pending))
	l.pending = l.pending[:0]
	return nil
}

// Sync writes what is pending and forces all lines to disk.
func (l *Log) Sync() error {
	if err := l.flush(); err != nil {
		return err
	}
	return l.file.Sync()
}

// Close writes what is pending and closes the file.
func (l *Log) Close() error { return errors.Join(l.flush(), l.file.Close()) }
