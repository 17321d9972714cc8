package runs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"mspecc/runtime/ckpt"
	"mspecc/runtime/files"
)

const (
	stepPrefix = "step-"
	extension  = ".safetensors"
	damaged    = ".damaged" // behind the name of a checkpoint that did not verify
)

func stepName(step int) string { return fmt.Sprintf("%s%08d%s", stepPrefix, step, extension) }

// stepOf is the step in the name of a checkpoint.
func stepOf(name string) (int, bool) {
	digits, isStep := strings.CutPrefix(name, stepPrefix)
	digits, isFile := strings.CutSuffix(digits, extension)
	step, err := strconv.Atoi(digits)
	return step, isStep && isFile && err == nil && step >= 0 && stepName(step) == name // no second name for a step
}

// Steps are the steps that the run holds checkpoints of, rising: files of that name, whatever they hold.
func (d Dir) Steps() ([]int, error) {
	steps, err := d.named()
	return slices.DeleteFunc(steps, func(s int) bool { return files.Check(d.Checkpoint(s)) != nil }), err
}

// named are the steps of all that has the name of a checkpoint, rising.
func (d Dir) named() ([]int, error) {
	entries, err := os.ReadDir(d.Checkpoints())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: cannot be read: %w", d, err)
	}
	var steps []int
	for _, e := range entries {
		if s, ok := stepOf(e.Name()); ok {
			steps = append(steps, s)
		}
	}
	slices.Sort(steps)
	return slices.Compact(steps), nil
}

// Prune removes all checkpoints but the newest keep; 0 keeps all. Only those that verify count, so
// that nothing is removed for what turns out to be useless. The best one is a file of its own.
func (r *Run) Prune(keep int) error {
	if keep < 0 {
		return fmt.Errorf("%d checkpoints cannot be kept, and none is removed", keep)
	}
	if keep == 0 {
		return nil // without a look at them: they may be very many
	}
	steps, err := r.Steps()
	if err != nil {
		return err
	}
	for _, s := range slices.Backward(steps) {
		if keep > 0 {
			if r.sound(s) {
				keep--
			}
			continue
		}
		if err := os.Remove(r.Checkpoint(s)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("an old checkpoint cannot be removed: %w", err)
		}
		delete(r.verified, s)
	}
	return nil
}

// WriteCheckpoint keeps a checkpoint as that of a step, and gives its name.
func (r *Run) WriteCheckpoint(step int, f *ckpt.File) (string, error) {
	name := r.Checkpoint(step)
	if err := f.WriteFile(name); err != nil {
		return "", err
	}
	if info, err := os.Stat(name); err == nil {
		r.verified[step] = stamp{info.Size(), info.ModTime()}
	}
	return name, nil
}

// stamp tells a file from what it was.
type stamp struct {
	size int64
	at   time.Time
}

// sound says whether the checkpoint of a step verifies. Each is read once, as long as it stays as it is.
func (r *Run) sound(step int) bool {
	name := r.Checkpoint(step)
	info, err := os.Stat(name)
	if err != nil {
		return false
	}
	now := stamp{info.Size(), info.ModTime()}
	if was, known := r.verified[step]; known && was == now {
		return true
	}
	if ckpt.Verify(name) != nil {
		return false
	}
	r.verified[step] = now
	return true
}

// Found is a checkpoint that was looked for.
type Found struct {
	*ckpt.File
	Path    string
	Skipped []Skipped // newer ones that cannot be used
}

// Skipped is a checkpoint that cannot be used.
type Skipped struct {
	Path string
	Err  error
}

// Find reads a checkpoint: the file of that name or, of a run directory, the newest that
// verifies; the best one where no other does. An error names all that were tried.
func Find(name string) (*Found, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("%s: no such checkpoint or run directory", name)
	}
	if !info.IsDir() {
		f, err := ckpt.ReadFile(name)
		return &Found{File: f, Path: name}, err
	}
	d := Dir(name)
	if filepath.Base(name) == "checkpoints" {
		d = Dir(filepath.Dir(filepath.Clean(name)))
	}
	steps, err := d.named()
	if err != nil {
		return nil, err
	}
	var candidates []string
	for _, s := range slices.Backward(steps) {
		candidates = append(candidates, d.Checkpoint(s))
	}
	if _, err := os.Stat(d.Best()); err == nil {
		candidates = append(candidates, d.Best())
	}
	found := &Found{}
	for _, c := range candidates {
		f, err := ckpt.ReadFile(c)
		if err == nil {
			err = f.Owned()
		}
		if err == nil {
			_, _, err = f.ReadState()
		}
		if err == nil {
			found.File, found.Path = f, c
			return found, nil
		}
		found.Skipped = append(found.Skipped, Skipped{c, err})
	}
	if len(found.Skipped) == 0 {
		return nil, &NoCheckpointError{d, nil}
	}
	return nil, &NoCheckpointError{d, found.Skipped}
}

// NoCheckpointError says that a run directory holds no checkpoint that can be used.
type NoCheckpointError struct {
	Dir     Dir
	Skipped []Skipped
}

// Error lists what is wrong with those that are there.
func (e *NoCheckpointError) Error() string {
	if len(e.Skipped) == 0 {
		return fmt.Sprintf("%s: holds no checkpoint (checkpoints/step-*.safetensors)", e.Dir)
	}
	text := fmt.Sprintf("%s: none of its checkpoints can be used; give one that is kept elsewhere, or begin a new run:", e.Dir)
	for _, s := range e.Skipped {
		text += "\n  " + s.Err.Error()
	}
	return text
}

// Unwrap gives the errors of the single checkpoints.
func (e *NoCheckpointError) Unwrap() []error {
	var list []error
	for _, s := range e.Skipped {
		list = append(list, s.Err)
	}
	return list
}

// SetAside gives damaged checkpoints another name, so that they are neither tried nor counted
// again; what could only not be read stays.
func SetAside(list []Skipped) error {
	for _, s := range list {
		var bad *ckpt.DamagedError
		if !errors.As(s.Err, &bad) {
			continue
		}
		if err := os.Rename(s.Path, s.Path+damaged); err != nil {
			return fmt.Errorf("a damaged checkpoint cannot be renamed: %w", err)
		}
	}
	return nil
}

// Of is the run directory that a checkpoint belongs to, "" for one that lies elsewhere.
func Of(checkpoint string) Dir {
	folder := filepath.Dir(filepath.Clean(checkpoint))
	if filepath.Base(folder) != "checkpoints" {
		return ""
	}
	return Dir(filepath.Dir(folder))
}
