package ckpt

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"mspecc/runtime"
)

// Differences lists what the program that wrote a checkpoint, whose state is s, has otherwise than
// p: model and modality, settings, tensors, with state also what the optimiser keeps, files of the spec. None says that it
// is the same program.
func (f *File) Differences(s State, p *runtime.Program, state bool) []string {
	var now State
	now.describe(p)
	var out []string
	diff := func(what, there, here string) {
		if there != here {
			out = append(out, fmt.Sprintf("%s: %s there, %s here", what, there, here))
		}
	}
	diff("model", s.Model, now.Model)
	diff("modality", s.Modality, now.Modality)
	const none = "none"
	for _, name := range union(s.Settings, now.Settings) {
		diff("setting "+name, value(s.Settings, name, none), value(now.Settings, name, none))
	}
	there, here := map[string]string{}, map[string]string{}
	states := map[string]string{}
	for _, t := range f.Tensors {
		if state, ok := f.stateOf(t); ok {
			states[state] = state
		} else {
			there[t.Name] = t.typeString()
		}
	}
	for _, q := range p.Params {
		here[q.Name] = q.TypeString()
	}
	for _, name := range union(there, here) {
		diff("tensor "+name, value(there, name, none), value(here, name, none))
	}
	var want []string
	for _, t := range p.State {
		want = append(want, t.Name)
	}
	slices.Sort(want)
	if state {
		diff("optimiser state", strings.Join(union(states, nil), " "), strings.Join(want, " "))
	}
	for _, name := range union(s.Sources, now.Sources) {
		a, inThere := s.Sources[name]
		b, inHere := now.Sources[name]
		switch {
		case !inHere:
			out = append(out, "spec: "+name+" is not among the files here")
		case !inThere:
			out = append(out, "spec: "+name+" is not among the files there")
		case a != b:
			out = append(out, "spec: "+name+" has another text")
		}
	}
	if len(out) == 0 && s.Digest != now.Digest {
		out = append(out, fmt.Sprintf("spec: SHA-256 %.12s... there, %.12s... here", s.Digest, now.Digest))
	}
	return out
}

// union lists the keys of both, sorted.
func union(a, b map[string]string) []string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

func value(m map[string]string, key, preset string) string {
	if v, ok := m[key]; ok {
		return v
	}
	return preset
}

// stateOf is the name of the optimiser state, such as adam.m, that a tensor is a part of.
func (f *File) stateOf(t Tensor) (string, bool) {
	state, param, ok := strings.Cut(t.Name, "/")
	if !ok {
		return "", false
	}
	_, ok = f.Find(param)
	return state, ok
}

// typeString is a tensor's type in the spec's notation.
func (t Tensor) typeString() string {
	return strings.ToLower(t.DType) + strings.ReplaceAll(fmt.Sprint(t.Shape), " ", ",")
}

// Transfer is what Adopt did.
type Transfer struct {
	Taken  []string // parameters that have the checkpoint's values
	Fresh  []string // parameters that keep theirs, each with the reason
	Unused []string // the checkpoint's tensors that no parameter takes, without optimiser state
}

// Adopt copies every parameter of the file that has the name and the type of one of the machine's,
// and leaves the others as they are.
func (f *File) Adopt(m *runtime.Machine) (Transfer, error) {
	var tr Transfer
	own := map[string]bool{}
	for _, p := range m.Program.Params {
		own[p.Name] = true
		src, ok := f.Find(p.Name)
		switch {
		case !ok:
			tr.Fresh = append(tr.Fresh, p.Name+": not in the checkpoint")
		case src.typeString() != p.TypeString():
			tr.Fresh = append(tr.Fresh, fmt.Sprintf("%s: %s in the checkpoint, %s here", p.Name, src.typeString(), p.TypeString()))
		default:
			if err := f.Put(m, src, p.Tensor); err != nil {
				return tr, err
			}
			tr.Taken = append(tr.Taken, p.Name)
		}
	}
	for _, t := range f.Tensors {
		if _, state := f.stateOf(t); !state && !own[t.Name] {
			tr.Unused = append(tr.Unused, fmt.Sprintf("%s: %s", t.Name, t.typeString()))
		}
	}
	if len(tr.Taken) == 0 {
		return tr, fmt.Errorf("%s: none of its %d tensors has the name and the shape of a parameter here", f.Name, len(f.Tensors))
	}
	return tr, nil
}
