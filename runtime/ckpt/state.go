package ckpt

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"mspecc/runtime"
	"mspecc/runtime/data"
)

// State is what a run needs beside tensors to go on as if it had never stopped. The random
// state is the seed and the step: every number drawn is a function of them.
type State struct {
	Step     int               `json:"step"` // steps done
	Seed     uint64            `json:"seed"`
	Random   string            `json:"random"` // generator
	LR       float64           `json:"lr"`     // of the schedule, before warm-up and decay
	Steps    int               `json:"steps"`  // the run's goal, which the schedule refers to
	Data     Data              `json:"data"`
	Model    string            `json:"model"`
	Modality string            `json:"modality"`
	Target   string            `json:"target"`
	Digest   string            `json:"spec_digest"`
	Sources  map[string]string `json:"sources"` // SHA-256 of every file of the spec
	Settings map[string]string `json:"settings"`

	Numerics runtime.Numerics `json:"numerics,omitzero"` // what the last steps were computed with

	// Optimizer is what the steps ran; "" in checkpoints of before there was this: AdamW. It began after step Began.
	Optimizer string `json:"optimizer,omitempty"`
	Began     int    `json:"optimizer_began,omitempty"`

	Line  Sums  `json:"line,omitzero"`             // of the steps since the last line of metrics
	Since Sums  `json:"since_checkpoint,omitzero"` // of the steps since the last scheduled checkpoint
	Best  *Best `json:"best,omitempty"`
}

// Data says which examples a run is on, and where in them it is.
type Data struct {
	Source   string            `json:"source,omitempty"` // folder, as it was given, or "sample data"
	Reader   string            `json:"reader,omitempty"`
	Options  map[string]string `json:"options,omitempty"`
	Examples int               `json:"examples,omitempty"`    // of an epoch
	Digest   string            `json:"first_batch,omitempty"` // SHA-256 of the run's first batch
	Epoch    int               `json:"epoch"`                 // of the next step, from 0
	Position int               `json:"position"`              // examples of this epoch that are used
	data.Learned
}

// Sums add the scalars of several steps.
type Sums struct {
	Steps int     `json:"steps"`
	Of    []Exact `json:"of"`
}

// Add adds a step's values.
func (s *Sums) Add(values []float64) {
	if s.Steps == 0 {
		s.Of = make([]Exact, len(values))
	}
	for i, v := range values {
		s.Of[i] += Exact(v)
	}
	s.Steps++
}

// Means are the sums over the steps.
func (s Sums) Means() []float64 {
	out := make([]float64, len(s.Of))
	for i, v := range s.Of {
		out[i] = float64(v) / float64(s.Steps)
	}
	return out
}

// Exact is a number that JSON keeps bit by bit, also where it is not finite.
type Exact float64

// MarshalText gives the shortest text that reads back to the same number.
func (e Exact) MarshalText() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(e), 'g', -1, 64), nil
}

// UnmarshalText reads it.
func (e *Exact) UnmarshalText(text []byte) error {
	v, err := strconv.ParseFloat(string(text), 64)
	*e = Exact(v)
	return err
}

// Best is the checkpoint with the lowest loss so far: the mean over the steps since the one before.
type Best struct {
	Step int     `json:"step"`
	Loss float64 `json:"loss"`
}

// Generator is the name of the random number generator in State.
const Generator = "philox4x32-10"

// metadataKey is where the state stands in a file's metadata.
const metadataKey = "mspecc"

// describe fills in what the program knows.
func (s *State) describe(p *runtime.Program) {
	s.Random, s.Model, s.Modality, s.Target, s.Digest = Generator, p.Name, p.Modality.Name, p.Target, p.Digest
	s.Settings, s.Sources = map[string]string{}, sums(p.Sources)
	for _, x := range p.Settings {
		s.Settings[x.Name] = x.Value
	}
	s.Numerics = p.Numerics()
	s.Optimizer = p.Train.InTruth()
}

// Computed is what the steps of a checkpoint were computed with; of those of before there was Numerics only the
// target is known.
func (s State) Computed() runtime.Numerics {
	if s.Numerics.Target == "" {
		return runtime.Numerics{Target: s.Target}
	}
	return s.Numerics
}

// SameOptimizer reports whether a program's steps go on with what the checkpoint's have kept.
func (s State) SameOptimizer(p *runtime.Program) bool {
	was, now := cmp.Or(s.Optimizer, "adamw"), p.Train.InTruth()
	adam := func(name string) bool { return name == "adam" && p.Train.WeightDecay == 0 } // without decay they are the same
	return was == now || adam(was) && now == "adamw" || adam(now) && was == "adamw"
}

func sums(sources []runtime.Source) map[string]string {
	m := map[string]string{}
	for _, x := range sources {
		h := sha256.Sum256([]byte(x.Text))
		m[x.Name] = hex.EncodeToString(h[:])
	}
	return m
}

// Owned is an error for a file that is no checkpoint of a run, but what another program wrote.
func (f *File) Owned() error {
	if _, own := f.Metadata[metadataKey]; !own {
		return fmt.Errorf("%s: holds no training state: it is no checkpoint of a run", f.Name)
	}
	return nil
}

// ReadState is the state kept in a checkpoint. A file without one (imported from elsewhere)
// has the zero state and false.
func (f *File) ReadState() (State, bool, error) {
	text, ok := f.Metadata[metadataKey]
	if !ok {
		return State{}, false, nil
	}
	var s State
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return State{}, false, fmt.Errorf("%s: its metadata %q cannot be understood: %w", f.Name, metadataKey, err)
	}
	if err := s.check(); err != nil {
		return State{}, false, fmt.Errorf("%s: its metadata %q cannot be used: %w", f.Name, metadataKey, err)
	}
	return s, true, nil
}

// check refuses values that no run has.
func (s *State) check() error {
	for _, x := range []struct {
		name  string
		value int
	}{{"step", s.Step}, {"steps", s.Steps}, {"data.examples", s.Data.Examples}, {"data.epoch", s.Data.Epoch}, {"data.position", s.Data.Position},
		{"line.steps", s.Line.Steps}, {"since_checkpoint.steps", s.Since.Steps}} {
		if x.value < 0 {
			return fmt.Errorf("%s is %d, expected at least 0", x.name, x.value)
		}
	}
	if !(s.LR >= 0 && s.LR <= math.MaxFloat32) {
		return fmt.Errorf("lr is %v, expected a number of at least 0", s.LR)
	}
	return s.Data.Learned.Sound()
}
