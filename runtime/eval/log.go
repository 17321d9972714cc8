package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"mspecc/runtime/ckpt"
	"mspecc/runtime/runs"
)

// Append adds an evaluation to the log of a run directory. What the log holds already stays,
// even if a line of it was cut short.
func Append(dir runs.Dir, e *Evaluation) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(dir.Evaluations(), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
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

// ReadLog reads the evaluations of a run directory, oldest first; none where there is no log.
// Lines that cannot be understood, such as one that a full disk cut short, are passed over and
// counted.
func ReadLog(dir runs.Dir) (list []Evaluation, damaged int, err error) {
	raw, err := os.ReadFile(dir.Evaluations())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("the evaluations of %s cannot be read: %w", dir, err)
	}
	for line := range bytes.Lines(raw) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var e Evaluation
		if json.Unmarshal(line, &e) != nil || len(e.Results) == 0 {
			damaged++
			continue
		}
		list = append(list, e)
	}
	return list, damaged, nil
}
