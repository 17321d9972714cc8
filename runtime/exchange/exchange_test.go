package exchange

import (
	"encoding/binary"
	"errors"
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

// The names of wrappers are dropped wherever they stand, and a note says so.
func TestWrappersAreDropped(t *testing.T) {
	m := machine(t)
	renamed := func(names ...string) []ckpt.Tensor {
		all := params("", 1)
		for i, n := range names {
			all[i].Name = n
		}
		return all
	}
	for _, c := range []struct {
		tensors []ckpt.Tensor
		note    string
	}{
		{renamed("encoder._orig_mod.weight", "decoder.weight"), "from those of 1 tensors: _orig_mod"},
		{renamed("module.encoder._checkpoint_wrapped_module.weight", "module._fsdp_wrapped_module.decoder.weight"), "2 tensors: _checkpoint_wrapped_module, _fsdp_wrapped_module, module"},
		{append(renamed("model.module.encoder.module.weight", "model.module.decoder.weight"), scalar("step", 3)), "module"},
	} {
		match, err := open(t, "safetensors", c.tensors...).Match(m.Program, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		if len(match.Notes) != 1 || !strings.Contains(match.Notes[0], c.note) || len(match.Left) != len(c.tensors)-2 {
			t.Errorf("notes %q, left %q", match.Notes, match.Left)
		}
		clear(m.Mem)
		if err := match.Into(m); err != nil {
			t.Fatal(err)
		}
		if got := m.Floats(m.Program.Params[0].Tensor)[7]; got != 7 {
			t.Errorf("%s: element 7 is %v", c.tensors[0].Name, got)
		}
	}
	twice := append(renamed("encoder._orig_mod.weight", "decoder.weight"), renamed("module.encoder.weight", "x")[0])
	if _, err := open(t, "safetensors", twice...).Match(m.Program, nil); err == nil {
		t.Error("two tensors for one parameter")
	}
	if match, err := open(t, "safetensors", params("module.", 1)...).Match(m.Program, nil); err != nil || len(match.Notes) != 0 || match.Prefix != "module." {
		t.Errorf("%+v, %v", match, err)
	}
	_, err := open(t, "safetensors", append(renamed("encoder._flat_param", "decoder.weight"), scalar("x", 1))...).Match(m.Program, nil)
	if err == nil || !strings.Contains(err.Error(), "FULL_STATE_DICT") {
		t.Errorf("flattened parameters: %v", err)
	}
}

// Files that belong together are opened by their index, or by their folder.
func TestShards(t *testing.T) {
	m := machine(t)
	for _, end := range []string{"safetensors", "bin"} {
		dir := t.TempDir()
		all := params("", 1)
		name := map[string]string{"safetensors": "model.safetensors", "bin": "pytorch_model.bin"}[end]
		index := `{"metadata": {"total_size": 1}, "weight_map": {`
		for i, x := range all {
			file := strings.Replace(name, ".", "-0000"+string(rune('1'+i))+"-of-00002.", 1)
			if i > 0 {
				index += ", "
			}
			index += `"` + x.Name + `": "` + file + `"`
			var err error
			if end == "bin" {
				err = ckpt.Atomic(filepath.Join(dir, file), func(w io.Writer) error { return torch.Write(w, "", []ckpt.Tensor{x}, nil) })
			} else {
				err = (&ckpt.File{Tensors: []ckpt.Tensor{x}}).WriteFile(filepath.Join(dir, file))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, name+".index.json")
		write := func(text string) {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write(index + "}}")
		for _, in := range []string{path, dir} {
			f, err := Open(in)
			if err != nil {
				t.Fatal(err)
			}
			match, err := f.Match(m.Program, nil)
			if err != nil {
				t.Fatal(err)
			}
			clear(m.Mem)
			if err := errors.Join(match.Into(m), f.Close()); err != nil {
				t.Fatal(err)
			}
			if got := m.Floats(m.Program.Params[1].Tensor)[7]; got != 107 {
				t.Errorf("%s: element 7 is %v", in, got)
			}
		}
		for want, text := range map[string]string{
			"is not there": strings.Replace(index, `"weight_map": {`, `"weight_map": {"ghost": "`+strings.Replace(name, ".", "-00001-of-00002.", 1)+`", `, 1) + "}}", "is no index": "{}", "one beside it": `{"weight_map": {"a": "../x"}}`,
			"cannot be read": `{"weight_map": {"a": "none.safetensors"}}`,
		} {
			write(text)
			if f, err := Open(path); err == nil || !strings.HasPrefix(err.Error(), path+": ") || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", want, err)
				if f != nil {
					f.Close()
				}
			}
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".metadata"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "dcp_to_torch") {
		t.Errorf("a distributed checkpoint: %v", err)
	}
}
