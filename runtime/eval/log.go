package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"mspecc/runtime/ckpt"
	"mspecc/runtime/files"
	"mspecc/runtime/runs"
)

// Append adds an evaluation to the log of a run directory. What the log holds already stays,
// even if a line of it was cut short.
func Append(dir runs.Dir, e *Evaluation) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	f, info, err := files.OpenFile(dir.Evaluations(), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if n := info.Size(); n > 0 {
		var last [1]byte
		if _, err := f.ReadAt(last[:], n-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		return err
	}
	return errors.Join(f.Sync(), ckpt.SyncFolder(string(dir)))
}

// maxLine is more than an evaluation ever takes: confusion matrices of MaxConfusion classes are most of it.
const maxLine = 64 << 20

// ReadLog reads the evaluations of a run directory, oldest first; none where there is no log.
// Lines that cannot be understood, such as one that a full disk cut short, are passed over and
// counted.
func ReadLog(dir runs.Dir) (list []Evaluation, damaged int, err error) {
	f, _, err := files.Open(dir.Evaluations())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err == nil {
		defer f.Close()
		err = files.Lines(f, maxLine, func(l files.Line) bool {
			var e Evaluation
			switch {
			case len(bytes.TrimSpace(l.Text)) == 0 && !l.Cut:
			case l.Cut || json.Unmarshal(l.Text, &e) != nil || !e.sound():
				damaged++
			default:
				list = append(list, e)
			}
			return true
		})
	}
	if err != nil {
		return nil, 0, fmt.Errorf("the evaluations of %s cannot be read: %w", dir, err)
	}
	return list, damaged, nil
}

// DamagedNote says how many lines of the log are passed over, "" for none.
func DamagedNote(dir runs.Dir, damaged int) string {
	if damaged == 0 {
		return ""
	}
	return fmt.Sprintf("%d lines of %s cannot be understood and are passed over; they stay where they are", damaged, dir.Evaluations())
}

// sound says whether an evaluation is one that Append has written: who shows it relies on that.
func (e *Evaluation) sound() bool {
	if len(e.Results) == 0 || e.Step < 0 || e.Classes < 0 {
		return false
	}
	for i := range e.Results {
		if !e.Results[i].sound() {
			return false
		}
	}
	return true
}

func (r *Result) sound() bool {
	for _, row := range r.Confusion {
		if len(row) != len(r.Confusion) || slices.Min(row) < 0 {
			return false
		}
	}
	return r.Method != "" && len(r.Confusion) <= MaxConfusion && r.Width >= 0 && r.Examples >= 0 && r.Tested >= 0
}
