package exchange

import (
	"fmt"
	"slices"
	"strings"

	"mspecc/runtime"
)

// wrappers are the names that PyTorch's wrappers put into the names of parameters, before a model or around any part of
// it: torch.compile, data parallel, FSDP and its older form, activation checkpointing, and DeepSpeed.
var wrappers = []string{"_orig_mod", "module", "_fsdp_wrapped_module", "_fpw_module", "_checkpoint_wrapped_module", "_forward_module"}

// unwrapped is a name without those of wrappers, and which they were.
func unwrapped(name string) (bare string, dropped []string) {
	var kept []string
	for part := range strings.SplitSeq(name, ".") {
		if slices.Contains(wrappers, part) {
			dropped = append(dropped, part)
		} else {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "."), dropped
}

// matchUnwrapped is Match without the names of wrappers, wherever they stand.
func (f *File) matchUnwrapped(p *runtime.Program, prefix *string) (*Match, error) {
	bare := &File{Name: f.Name, Format: f.Format, About: f.About}
	from := map[string]string{}
	var names []string
	count := 0
	for _, t := range f.Tensors {
		name, dropped := unwrapped(t.Name)
		if other, twice := from[name]; twice {
			return nil, fmt.Errorf("%s: %s and %s are the same name but for those of wrappers; choose with --prefix", f.Name, other, t.Name)
		}
		from[name] = t.Name
		if len(dropped) > 0 {
			count++
			names = append(names, dropped...)
		}
		t.Name = name
		bare.Tensors = append(bare.Tensors, t)
	}
	if count == 0 {
		return nil, nil
	}
	if prefix != nil {
		short, _ := unwrapped(*prefix)
		prefix = &short
	}
	m, err := bare.match(p, prefix)
	if err != nil {
		return nil, err
	}
	for i, left := range m.Left {
		m.Left[i] = from[left]
	}
	slices.Sort(names)
	m.Notes = append(m.Notes, fmt.Sprintf("the names of wrappers were dropped from those of %d tensors: %s", count, strings.Join(slices.Compact(names), ", ")))
	return m, nil
}
