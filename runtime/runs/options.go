package runs

import (
	"math"
	"time"
)

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

// OutOfBounds is an option that no run can have, whether a flag or run.json says so.
type OutOfBounds struct {
	Name     string // in run.json; the flag has dashes in it
	Value    any
	Expected string

	clear func()
}

// maxSteps bounds numbers of steps: beyond it not every number is one of a float64, as metrics hold them.
const maxSteps = 1 << 53

// Check lists the options that are out of their bounds.
func (o *Options) Check() (list []OutOfBounds) {
	bad := func(name string, value any, expected string, clear func()) {
		list = append(list, OutOfBounds{name, value, expected, clear})
	}
	for _, x := range []struct {
		name     string
		value    *int
		least    int
		expected string
	}{
		{"steps", &o.Steps, 1, "at least 1"},
		{"log_every", &o.LogEvery, 1, "at least 1"},
		{"checkpoint_every", &o.CheckpointEvery, 0, "at least 0"},
		{"summary_every", &o.SummaryEvery, 0, "at least 0"},
		{"keep", &o.Keep, 0, "at least 0"},
	} {
		if *x.value > maxSteps {
			x.expected = "at most 2^53"
		}
		if *x.value < x.least || *x.value > maxSteps {
			bad(x.name, *x.value, x.expected, func() { *x.value = 0 })
		}
	}
	if !(o.LR >= 0 && o.LR < 1e30) {
		bad("lr", o.LR, "a number of at least 0", func() { o.LR = 0 })
	}
	if o.SaveEvery < 0 {
		bad("save_every", time.Duration(o.SaveEvery), "a time of at least 0", func() { o.SaveEvery = 0 })
	}
	if !(o.StopAbove >= 0 && o.StopAbove <= math.MaxFloat64) {
		bad("stop_above", o.StopAbove, "a number above 0", func() { o.StopAbove = 0 })
	}
	return list
}
