package exchange

import (
	"encoding/binary"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/internal/tiny"
	"mspecc/runtime/torch"
)

// params are the tiny program's parameters with values of their own, below a prefix.
func params(prefix string, scale float32) []ckpt.Tensor {
	var all []ckpt.Tensor
	for i, p := range tiny.Program().Params {
		x := make([]float32, p.Len())
		for k := range x {
			x[k] = scale * float32(k+100*i)
		}
		all = append(all, ckpt.Floats(prefix+p.Name, p.Shape, x))
	}
	return all
}

func scalar(name string, v float32) ckpt.Tensor { return ckpt.Floats(name, []int{}, []float32{v}) }

// open writes tensors, as PyTorch would or as safetensors, and opens the file.
func open(t *testing.T, key string, tensors ...ckpt.Tensor) *File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "in")
	var err error
	if key == "safetensors" {
		err = (&ckpt.File{Tensors: tensors}).WriteFile(name)
	} else {
		err = ckpt.Atomic(name, func(w io.Writer) error { return torch.Write(w, key, tensors, nil) })
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func machine(t *testing.T) *runtime.Machine {
	m, err := runtime.NewMachine(tiny.Program(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func TestPrefixIsFound(t *testing.T) {
	m := machine(t)
	for _, c := range []struct{ key, prefix, want string }{
		{"", "", ""}, {"model", "", "model."}, {"model", "module.", "model.module."}, {"state_dict", "net._orig_mod.", "state_dict.net._orig_mod."},
		{"safetensors", "", ""}, {"safetensors", "param.", "param."},
	} {
		extra := []ckpt.Tensor{scalar(c.prefix+"running_mean", 1), scalar("other.encoder.weight", 2)}
		f := open(t, c.key, append(params(c.prefix, 1), extra...)...)
		match, err := f.Match(m.Program, nil)
		if err != nil {
			t.Fatal(err)
		}
		if match.Prefix != c.want || len(match.Left) != 2 {
			t.Errorf("%+v: prefix %q, left %v", c, match.Prefix, match.Left)
		}
		clear(m.Mem)
		if err := match.Into(m); err != nil {
			t.Fatal(err)
		}
		for i, p := range m.Program.Params {
			if got := m.Floats(p.Tensor)[7]; got != float32(7+100*i) {
				t.Errorf("%+v: %s[7] is %v", c, p.Name, got)
			}
		}
	}
}

func TestWidthsAreConverted(t *testing.T) {
	m := machine(t)
	all := params("", 0.5)
	var wide []byte
	for i := range all[0].Data[:len(all[0].Data)/4] {
		wide = binary.LittleEndian.AppendUint64(wide, math.Float64bits(0.5*float64(i)))
	}
	all[0].DType, all[0].Data = "F64", wide
	match, err := open(t, "model", all...).Match(m.Program, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := match.Into(m); err != nil {
		t.Fatal(err)
	}
	if got := m.Floats(m.Program.Params[0].Tensor)[9]; got != 4.5 {
		t.Errorf("element 9 is %v", got)
	}
}

// A file that does not fit is refused with everything that differs.
func TestMatchRefuses(t *testing.T) {
	p := tiny.Program()
	small := params("", 1)
	small[1].Shape = []int{16, 5}
	bad := "model."
	for want, c := range map[string]struct {
		tensors []ckpt.Tensor
		prefix  *string
	}{
		"1 of 2 parameters are missing (encoder.weight)":        {params("", 1)[1:], nil},
		"1 have another shape (decoder.weight is [16 5], exp":   {small, nil},
		`those below "a.": 1 of 2 parameters are missing (dec`:  {params("a.", 1)[:1], nil},
		`may be those below "a." or below "b."; choose with --`: {append(params("a.", 1), params("b.", 2)...), nil},
		"none of its 1 tensors has the name of a parameter":     {[]ckpt.Tensor{scalar("x", 1)}, nil},
		"2 of 2 parameters are missing":                         {params("", 1), &bad},
	} {
		f := open(t, "safetensors", c.tensors...)
		_, err := f.Match(p, c.prefix)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), f.Name+": ") {
			t.Errorf("error %v, expected %q", err, want)
		}
	}
	f := open(t, "safetensors", append(params("a.", 1), params("b.", 2)...)...)
	b := "b."
	if match, err := f.Match(p, &b); err != nil || len(match.Left) != 2 {
		t.Errorf("%+v, %v", match, err)
	}
}

func TestSettingsAreCompared(t *testing.T) {
	p := tiny.Program()
	p.Settings = append(p.Settings, runtime.Setting{Name: "inner_lr", Value: "0.5"}, runtime.Setting{Name: "kind", Value: "deep"})
	for value, notes := range map[float32]int{0.5: 0, 0.25: 1} {
		f := open(t, "model", append(params("module.", 1), scalar("module.inner_lr", value), scalar("module.kind", 3), scalar("inner_lr", 9))...)
		match, err := f.Match(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(match.Notes) != notes || !slices.Contains(match.Left, "model.module.inner_lr") {
			t.Errorf("%v: notes %q, left %q", value, match.Notes, match.Left)
		}
		if notes == 1 && match.Notes[0] != "inner_lr is 0.25 there, this trainer was built with inner_lr=0.5" {
			t.Errorf("note %q", match.Notes[0])
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(name, []byte("no tensors"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{name, name + "y", filepath.Dir(name)} {
		if _, err := Open(n); err == nil || !strings.HasPrefix(err.Error(), n+": ") {
			t.Errorf("error %v", err)
		}
	}
}
