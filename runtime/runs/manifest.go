package runs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
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
}

// Options are the choices of a run that its flags make.
type Options struct {
	Steps           int      `json:"steps"`
	Seed            uint64   `json:"seed"`
	LR              float64  `json:"lr"`
	InitFrom        string   `json:"init_from,omitempty"` // checkpoint of the first parameters
	LogEvery        int      `json:"log_every"`           // steps
	CheckpointEvery int      `json:"checkpoint_every"`    // steps, 0: none but the last
	SummaryEvery    int      `json:"summary_every"`       // steps, 0: none but the last
	SaveEvery       Duration `json:"save_every"`          // time, 0: by steps alone
	Keep            int      `json:"keep"`                // newest checkpoints, 0: all
	StopAbove       float64  `json:"stop_above,omitempty"`
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

// ReadManifest reads the run.json of a run directory.
func (d Dir) ReadManifest() (*Manifest, error) {
	raw, err := os.ReadFile(d.Manifest())
	if err != nil {
		return nil, err
	}
	m := &Manifest{}
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("%s: cannot be understood (%w); it is written anew when the run goes on", d.Manifest(), err)
	}
	return m, nil
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
	Killed  = "killed" // it ended without a word: the process, the machine or its power
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
	case len(m.Sessions) == 0 || m.Sessions[len(m.Sessions)-1].End == "":
		return Killed, m, nil
	}
	return m.Sessions[len(m.Sessions)-1].End, m, nil
}
