// Package exchange brings parameters in from the files of other programs: safetensors and
// PyTorch checkpoints. It finds out by itself below which name the parameters lie.
package exchange

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/torch"
)

// Tensor is one of a file's, whose elements are read when asked for.
type Tensor struct {
	Name  string
	DType string // as in safetensors
	Shape []int
	Load  func() (ckpt.Tensor, error)
}

// File is a file of tensors.
type File struct {
	Name    string
	Format  string // "safetensors" or "pytorch"
	Tensors []Tensor
	About   *About // where it was exported by a trainer, or is its checkpoint
	closer  io.Closer
}

// Close gives the file back.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Open opens a file of either format, whose first bytes say which it is, an index of several files, or a folder that
// holds one of these under the usual name.
func Open(name string) (*File, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		if name, err = inFolder(name); err != nil {
			return nil, err
		}
	}
	if strings.HasSuffix(name, indexEnd) {
		return openIndex(name)
	}
	return openOne(name)
}

// openOne opens a file of tensors.
func openOne(name string) (*File, error) {
	if torch.IsFile(name) {
		t, err := torch.Open(name)
		if err != nil {
			return nil, err
		}
		f := &File{Name: name, Format: "pytorch", closer: t}
		for _, x := range t.Tensors {
			f.Tensors = append(f.Tensors, Tensor{x.Name, x.DType, x.Shape, x.Load})
		}
		if f.About, err = ofValues(t.Metadata); err != nil {
			t.Close()
			return nil, fmt.Errorf("%s: its metadata cannot be understood: %w", name, err)
		}
		return f, nil
	}
	s, err := ckpt.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f := &File{Name: name, Format: "safetensors"}
	state, trained, err := s.ReadState()
	if err != nil {
		return nil, err
	}
	if trained {
		f.About = Describe(state)
	} else if f.About, err = ReadAbout(s.Metadata); err != nil {
		return nil, fmt.Errorf("%s: its metadata cannot be understood: %w", name, err)
	}
	for _, x := range s.Tensors {
		f.Tensors = append(f.Tensors, Tensor{x.Name, x.DType, x.Shape, func() (ckpt.Tensor, error) { return x, nil }})
	}
	return f, nil
}

// Match says which of a file's tensors are which parameters.
type Match struct {
	Prefix string   // what stands before the parameters' names
	Left   []string // tensors that are no parameters
	Notes  []string // what the user should know of those
	file   *File
	found  map[string]Tensor // by parameter
}

// Match finds every parameter of a program, at PREFIX followed by its name. Without a prefix
// given (nil) it is the one below which most parameters are found with their shapes, such
// as "model.module." in what a distributed training loop saved. A parameter that is missing or
// has another shape is an error that lists all of them.
//
// Where parameters are missing, they are looked for once more without the names that PyTorch's wrappers leave in others.
func (f *File) Match(p *runtime.Program, prefix *string) (*Match, error) {
	m, err := f.match(p, prefix)
	if err == nil {
		return m, nil
	}
	if bare, other := f.matchUnwrapped(p, prefix); bare != nil && other == nil {
		return bare, nil
	}
	return nil, err
}

func (f *File) match(p *runtime.Program, prefix *string) (*Match, error) {
	m := &Match{file: f, found: map[string]Tensor{}}
	if prefix != nil {
		m.Prefix = *prefix
	} else {
		var err error
		if m.Prefix, err = f.prefix(p); err != nil {
			return nil, err
		}
	}
	for _, t := range f.Tensors {
		name, ok := strings.CutPrefix(t.Name, m.Prefix)
		if q, known := p.Param(name); ok && known {
			m.found[q.Name] = t
			continue
		}
		m.Left = append(m.Left, t.Name)
		if ok {
			m.compare(p, name, t)
		}
	}
	if err := m.complete(p); err != nil {
		return nil, err
	}
	return m, nil
}

// prefix finds the text before the parameters' names.
func (f *File) prefix(p *runtime.Program) (string, error) {
	shapes := map[string][]int{}
	for _, q := range p.Params {
		shapes[q.Name] = q.Shape
	}
	fit := map[string]int{}
	for _, t := range f.Tensors {
		for at := 0; at <= len(t.Name); at++ {
			if at > 0 && t.Name[at-1] != '.' {
				continue
			}
			if shape, ok := shapes[t.Name[at:]]; ok {
				fit[t.Name[:at]] += 0 // a place to look at, even if nothing there fits
				if slices.Equal(shape, t.Shape) {
					fit[t.Name[:at]]++
				}
			}
		}
	}
	var best []string
	for prefix, n := range fit {
		if len(best) == 0 || n > fit[best[0]] {
			best = best[:0]
		}
		if len(best) == 0 || n == fit[best[0]] {
			best = append(best, prefix)
		}
	}
	slices.Sort(best)
	switch len(best) {
	case 0:
		return "", fmt.Errorf("%s: none of its %d tensors has the name of a parameter of %s, such as %s; it has %s",
			f.Name, len(f.Tensors), p.Name, p.Params[0].Name, Some(f.names()))
	case 1:
		return best[0], nil
	}
	return "", fmt.Errorf("%s: the parameters may be those below %s; choose with --prefix", f.Name, strings.Join(quoted(best), " or below "))
}

func (f *File) names() []string {
	var names []string
	for _, t := range f.Tensors {
		names = append(names, t.Name)
	}
	return names
}

// compare tells where a number that the file keeps beside the parameters has the name of a
// setting but another value.
func (m *Match) compare(p *runtime.Program, name string, t Tensor) {
	i := slices.IndexFunc(p.Settings, func(s runtime.Setting) bool { return s.Name == name })
	if i < 0 {
		return
	}
	want, err := strconv.ParseFloat(p.Settings[i].Value, 64)
	if err != nil {
		return
	}
	for _, d := range t.Shape {
		if d != 1 {
			return
		}
	}
	x, err := t.Load()
	if err == nil {
		x, err = x.Float32()
	}
	if err != nil || len(x.Data) != 4 {
		return
	}
	got := math.Float32frombits(binary.LittleEndian.Uint32(x.Data))
	if got != float32(want) {
		m.Notes = append(m.Notes, fmt.Sprintf("%s is %v there, this trainer was built with %s=%s", name, got, name, p.Settings[i].Value))
	}
}

// complete lists what is missing or has another shape.
func (m *Match) complete(p *runtime.Program) error {
	var missing, misshapen []string
	for _, q := range p.Params {
		t, ok := m.found[q.Name]
		switch {
		case !ok:
			missing = append(missing, q.Name)
		case !slices.Equal(t.Shape, q.Shape):
			misshapen = append(misshapen, fmt.Sprintf("%s is %v, expected %v", q.Name, t.Shape, q.Shape))
		}
	}
	var why []string
	if len(missing) > 0 {
		why = append(why, fmt.Sprintf("%d of %d parameters are missing (%s)", len(missing), len(p.Params), Some(missing)))
	}
	if len(misshapen) > 0 {
		why = append(why, fmt.Sprintf("%d have another shape (%s)", len(misshapen), Some(misshapen)))
	}
	if len(why) == 0 {
		return nil
	}
	where := ""
	if m.Prefix != "" {
		where = fmt.Sprintf(", whose parameters would be those below %q", m.Prefix)
	}
	if slices.ContainsFunc(m.Left, func(name string) bool { return strings.HasSuffix(name, "flat_param") }) {
		why = append(why, "it holds parameters that FSDP has flattened; save them with a FULL_STATE_DICT")
	}
	return fmt.Errorf("%s: does not fit the model %s for %s%s: %s", m.file.Name, p.Name, p.Modality.Name, where, strings.Join(why, "; "))
}

// Into copies the parameters into a machine; float64, float16 and bfloat16 are converted.
func (m *Match) Into(machine *runtime.Machine) error {
	for _, q := range machine.Program.Params {
		x, err := m.found[q.Name].Load()
		if err == nil {
			x, err = x.Float32()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", m.file.Name, err)
		}
		for i, dst := 0, machine.Floats(q.Tensor); i < len(dst); i++ {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(x.Data[4*i:]))
		}
	}
	return nil
}

// Some lists the first few of many.
func Some(names []string) string {
	const most = 6
	if len(names) == 0 {
		return "none"
	}
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

func quoted(list []string) []string {
	var out []string
	for _, s := range list {
		out = append(out, strconv.Quote(s))
	}
	return out
}
