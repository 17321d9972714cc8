package ckpt

import (
	"encoding/json"
	"fmt"
	"math"

	"mspecc/runtime"
)

// Snapshot gathers parameters, optimiser state and s into a file. It refuses those that are not
// finite with a *NonFiniteError, so that a broken run cannot overwrite a good checkpoint.
func Snapshot(m *runtime.Machine, s State) (*File, error) {
	if bad := NonFinite(m); bad != "" {
		return nil, &NonFiniteError{s.Step, bad}
	}
	s.describe(m.Program)
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

// NonFiniteError says that a machine is in no state to be kept.
type NonFiniteError struct {
	Step int
	What string
}

// Error names the step and the tensor.
func (e *NonFiniteError) Error() string {
	return fmt.Sprintf("after step %d %s", e.Step, e.What)
}

// NonFinite names the first parameter or, if there is none, the first optimiser state that holds
// a NaN or an infinity, "" if none does.
func NonFinite(m *runtime.Machine) string {
	for _, p := range m.Program.Params {
		if i := FirstNonFinite(m.Floats(p.Tensor)); i >= 0 {
			return fmt.Sprintf("parameter %s is %v at element %d", p.Name, m.Floats(p.Tensor)[i], i)
		}
	}
	for _, t := range m.Program.StateTensors() {
		if i := FirstNonFinite(m.Floats(t)); i >= 0 {
			return fmt.Sprintf("the optimiser's %s is %v at element %d", t.Name, m.Floats(t)[i], i)
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

// Restore copies parameters, and with state also the optimiser's, into the machine. Every
// tensor the program has must be there with its shape; a tensor the program does not have is
// an error, save optimiser state, without state also that of another optimiser.
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
		if _, other := f.stateOf(src); !ok && (known[src.Name] || other && !state) {
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
