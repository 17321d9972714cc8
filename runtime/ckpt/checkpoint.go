package ckpt

import (
	"encoding/json"
	"fmt"
	"math"

	"mspecc/runtime"
)

// State is what a run needs beside tensors to go on as if it had never stopped. The random
// state is the seed and the step: every number drawn is a function of them.
type State struct {
	Step     int               `json:"step"` // steps done
	Seed     uint64            `json:"seed"`
	Random   string            `json:"random"` // generator
	LR       float64           `json:"lr"`     // of the schedule, before warm-up and decay
	Steps    int               `json:"steps"`  // the run's goal, which the schedule refers to
	Data     string            `json:"data"`   // where the examples came from
	Model    string            `json:"model"`
	Modality string            `json:"modality"`
	Digest   string            `json:"spec_digest"`
	Settings map[string]string `json:"settings"`
}

// Generator is the name of the random number generator in State.
const Generator = "philox4x32-10"

// metadataKey is where the state stands in a file's metadata.
const metadataKey = "mspecc"

// Describe fills in what the program knows.
func (s *State) Describe(p *runtime.Program) {
	s.Random, s.Model, s.Modality, s.Digest = Generator, p.Name, p.Modality.Name, p.Digest
	s.Settings = map[string]string{}
	for _, x := range p.Settings {
		s.Settings[x.Name] = x.Value
	}
}

// Snapshot gathers parameters, optimiser state and s into a file. It refuses parameters that
// are not finite, so that a broken run cannot overwrite a good checkpoint.
func Snapshot(m *runtime.Machine, s State) (*File, error) {
	if bad := NonFinite(m); bad != "" {
		return nil, fmt.Errorf("no checkpoint of step %d: %s", s.Step, bad)
	}
	s.Describe(m.Program)
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	f := &File{Metadata: map[string]string{metadataKey: string(text), "format": "pt"}}
	for _, p := range m.Program.Params {
		f.Tensors = append(f.Tensors, Take(m, p.Tensor, p.Name))
	}
	for _, t := range m.Program.StateTensors() {
		f.Tensors = append(f.Tensors, Take(m, t, t.Name))
	}
	return f, nil
}

// NonFinite names the first parameter that holds a NaN or an infinity, "" if none does.
func NonFinite(m *runtime.Machine) string {
	for _, p := range m.Program.Params {
		if i := FirstNonFinite(m.Floats(p.Tensor)); i >= 0 {
			return fmt.Sprintf("parameter %s is %v at element %d", p.Name, m.Floats(p.Tensor)[i], i)
		}
	}
	return ""
}

// FirstNonFinite is the position of the first NaN or infinity, -1 where there is none.
func FirstNonFinite(x []float32) int {
	for i, v := range x {
		if math.Float32bits(v)&0x7f800000 == 0x7f800000 {
			return i
		}
	}
	return -1
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
	return s, true, nil
}

// Restore copies parameters, and with state also the optimiser's, into the machine. Every
// tensor the program has must be there with its shape; a tensor the program does not have is
// an error, save optimiser state.
func (f *File) Restore(m *runtime.Machine, state bool) error {
	want := map[string]runtime.Tensor{}
	var order []runtime.Tensor
	for _, p := range m.Program.Params {
		order = append(order, p.Tensor)
	}
	optional := m.Program.StateTensors()
	if state {
		order = append(order, optional...)
	}
	for _, t := range order {
		want[t.Name] = t
	}
	known := map[string]bool{}
	for _, t := range optional {
		known[t.Name] = true
	}
	for _, src := range f.Tensors {
		t, ok := want[src.Name]
		if !ok && known[src.Name] {
			continue
		}
		if !ok {
			return fmt.Errorf("%s: tensor %q is none of the program's; is this a checkpoint of another model or modality?", f.Name, src.Name)
		}
		if err := f.Put(m, src, t); err != nil {
			return err
		}
		delete(want, src.Name)
	}
	for _, t := range order {
		if _, missing := want[t.Name]; missing {
			return fmt.Errorf("%s: tensor %q, %s, is missing; is this a checkpoint of another model or modality?", f.Name, t.Name, t.TypeString())
		}
	}
	return nil
}
