package runs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strconv"
	"time"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/files"
)

// Manifest is what run.json holds: what is trained, how, and by which sessions. Checkpoints do
// not need it; it is for people, for other programs, and for the flags of a session that goes on.
type Manifest struct {
	Model      string            `json:"model"`
	Modality   string            `json:"modality"`
	Spec       string            `json:"spec"` // the main file of the folder spec
	Digest     string            `json:"spec_digest"`
	Settings   []runtime.Setting `json:"settings"`
	Train      runtime.Train     `json:"train"` // the spec's train block
	Batch      int               `json:"batch"`
	Parameters int               `json:"parameters"`
	Options    Options           `json:"options"` // what the flags made of it
	Data       Data              `json:"data"`
	Created    time.Time         `json:"created"`
	Sessions   []Session         `json:"sessions"` // oldest first

	wrong []Wrong // of the file it was read from
}

// Data says where the examples come from.
type Data struct {
	Folder  string   `json:"folder,omitempty"` // "" for the data set that the trainer carries
	Reader  string   `json:"reader,omitempty"`
	Options []string `json:"options,omitempty"` // NAME=VALUE
	Train   int      `json:"train_examples"`
	Test    int      `json:"test_examples"`
	SkipBad int      `json:"skip_bad,omitempty"` // bad records that may be left out
}

// How a session ended. One without an end runs, or was killed.
const (
	Finished = "finished" // the last step is done
	Stopped  = "stopped"  // by a signal or the time limit, with everything saved
	Failed   = "failed"
)

// Session is one process that trained.
type Session struct {
	Started time.Time  `json:"started"`
	Host    string     `json:"host"`
	PID     int        `json:"pid"`
	Target  string     `json:"target"`
	Threads int        `json:"threads"`
	Machine Machine    `json:"machine"`
	From    int        `json:"from_step"`
	Ended   *time.Time `json:"ended,omitempty"`
	Step    int        `json:"step,omitempty"` // steps done at its end
	End     string     `json:"end,omitempty"`
	Error   string     `json:"error,omitempty"`
}

// Duration is a time.Duration that is text in JSON, such as 10m0s.
type Duration time.Duration

// MarshalText writes it as 10m0s.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration takes.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// Describe makes the manifest of a program that is to be trained.
func Describe(p *runtime.Program) *Manifest {
	return &Manifest{Model: p.Name, Modality: p.Modality.Name, Spec: p.Spec, Digest: p.Digest, Settings: p.Settings,
		Train: p.Train, Batch: p.Batch, Parameters: p.ParamCount()}
}

// maxManifest is more than run.json ever has: a session takes less than a KiB.
const maxManifest = 64 << 20

// ReadManifest reads the run.json of a run directory. What in it cannot be used is listed by
// Wrong; where it is no JSON object at all that is a *ManifestError.
func (d Dir) ReadManifest() (*Manifest, error) {
	raw, err := files.Read(d.Manifest(), maxManifest)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &map[string]json.RawMessage{}); err != nil {
		return nil, &ManifestError{d.Manifest(), err}
	}
	m := &Manifest{}
	fields(raw, reflect.ValueOf(m).Elem(), "", &m.wrong)
	m.check()
	return m, nil
}

// ManifestError says that a run.json cannot be read as one.
type ManifestError struct {
	Name string
	Err  error
}

// Error names the file.
func (e *ManifestError) Error() string {
	return fmt.Sprintf("%s: is damaged: no JSON object (%v)", e.Name, e.Err)
}

// Wrong lists the values that cannot be used.
func (m *Manifest) Wrong() []Wrong { return m.wrong }

// check takes values that are out of their bounds out of the manifest.
func (m *Manifest) check() {
	known := map[string]bool{}
	for _, w := range m.wrong {
		known[w.Path] = true
	}
	bad := func(path string, value any, expected string) {
		if !known[path] {
			m.wrong = append(m.wrong, Wrong{path, fmt.Sprintf("is %v, expected %s", value, expected)})
		}
	}
	whole := func(path string, v *int, least int) {
		if *v < least {
			bad(path, *v, fmt.Sprintf("at least %d", least))
			*v = 0
		}
	}
	for _, x := range m.Options.Check() {
		bad("options."+x.Name, x.Value, x.Expected)
		x.clear()
	}
	whole("batch", &m.Batch, 0)
	whole("parameters", &m.Parameters, 0)
	whole("data.train_examples", &m.Data.Train, 0)
	whole("data.test_examples", &m.Data.Test, 0)
	whole("data.skip_bad", &m.Data.SkipBad, 0)
	for i := range m.Sessions {
		s, at := &m.Sessions[i], fmt.Sprintf("sessions[%d].", i)
		whole(at+"threads", &s.Threads, 0)
		whole(at+"from_step", &s.From, 0)
		whole(at+"step", &s.Step, 0)
		if !slices.Contains([]string{"", Finished, Stopped, Failed}, s.End) {
			bad(at+"end", strconv.Quote(s.End), "finished, stopped or failed")
			s.End = ""
		}
	}
}

func (d Dir) writeManifest(m *Manifest) error {
	return ckpt.Atomic(d.Manifest(), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(m)
	})
}

// Killed and Running are states of a run beside those that a session ends with.
const (
	Running = "running"
	Killed  = "killed" // it ended without a word, before its last checkpoint: the process, the machine or its power
)

// State says how a run stands: Running, Finished, Stopped, Failed or Killed. An error is that of
// reading run.json.
func (d Dir) State() (string, *Manifest, error) {
	m, err := d.ReadManifest()
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			err = fmt.Errorf("%s: is no run directory: it has no run.json", d)
		}
		return "", nil, err
	}
	held, err := d.held()
	switch {
	case err != nil:
		return "", nil, err
	case held:
		return Running, m, nil
	case !m.Unended():
		return m.Sessions[len(m.Sessions)-1].End, m, nil
	case m.Options.Steps > 0 && isFile(d.Checkpoint(m.Options.Steps)):
		return Finished, m, nil // killed behind its last checkpoint
	}
	return Killed, m, nil
}

// Unended says whether no session is known to have ended last: it runs, or was killed.
func (m *Manifest) Unended() bool {
	return len(m.Sessions) == 0 || m.Sessions[len(m.Sessions)-1].End == ""
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}
