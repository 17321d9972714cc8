package ckpt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mspecc/internal/fuzzing"
	"mspecc/runtime"
	"mspecc/runtime/internal/tiny"
)

func TestRoundTrip(t *testing.T) {
	f := &File{Name: "f", Metadata: map[string]string{"a": "ü\"", "b": ""}, Tensors: []Tensor{
		Floats("x", []int{2, 2}, []float32{1, -2, float32(math.Inf(1)), 1e-42}),
		Ints("y.\"z\"", []int{3}, []int32{-1, 0, 1 << 30}), Floats("scalar", []int{}, []float32{5}), Floats("none", []int{0, 3}, nil),
	}}
	var b, again bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	g, err := Parse("f", b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(f, g, cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
	if err := g.Write(&again); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Errorf("written again it differs (%v)", err)
	}
	if n := binary.LittleEndian.Uint64(b.Bytes()); n%8 != 0 {
		t.Errorf("the data start at byte %d, not aligned", n+8)
	}
}

// file makes the bytes of a safetensors file from its header and the length of its data.
func file(header string, data int) []byte {
	raw := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(raw, header...), make([]byte, data)...)
}

func TestParseRefuses(t *testing.T) {
	const x = `"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`
	for _, c := range []struct {
		raw  []byte
		want string
	}{
		{[]byte("abc"), "3 bytes long"},
		{[]byte("\x89PNG\r\n\x1a\n________"), "it is a PNG picture"},
		{[]byte("{\"weight_map\": {}}"), "another kind of file"},
		{file(`{`+x+`}`, 8)[:40], "truncated"},
		{file(`{`+x+`}`, 7), `tensor "x" ends at byte 8 of 7: the file is truncated`},
		{file(`{`+x+`}`, 9), "1 bytes follow the last tensor"},
		{file(`{`+x+`,`+x+`}`, 8), `the name "x" appears twice`},
		{file(`{`+x+`,"y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), `tensor "y" overlaps`},
		{file(`{`+x+`,"y":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}`, 16), `4 unused bytes before tensor "y"`},
		{file(`{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8), "needs 12 bytes but spans 0 to 8"},
		{file(`{"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, 8), "impossible shape"},
		{file(`{"x":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}`, 8), "impossible shape"},
		{file(`{"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, 8), "spans 8 to 0"},
		{file(`{"x":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, 8), "spans -8 to 0"},
		{file(`{"x":{"dtype":"C64","shape":[1],"data_offsets":[0,4]}}`, 4), "needs 8 bytes but spans 0 to 4"},
		{file(`{"x":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}`, 2), "3 elements of 4 bits, which fill no whole bytes"},
		{file(`{"x":{"dtype":"F32","shape":[2]}}`, 8), "lacks shape or data_offsets"},
		{file(`{"x":[1]}`, 8), "entry of tensor"},
		{file(`{"x"`, 0), "entry of tensor"},
		{file(`[]`, 0), "not a JSON object"},
		{file(`{} {}`, 0), "text follows"},
		{file(`{`+x, 8), "damaged"},
		{file(`{"__metadata__":{"a":1}}`, 0), "metadata"},
	} {
		_, err := Parse("f.safetensors", c.raw)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "f.safetensors: ") {
			t.Errorf("%q: error %v, expected %q", c.raw, err, c.want)
		}
	}
}

// Whatever a file holds beside what is asked for is no damage: elements of other types, also such as come later, and other members
// of an entry. All that safetensors 0.8.0 reads is read.
func TestParseTakes(t *testing.T) {
	header, at := `{"f":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":{"a":[1]}}`, 4
	for dtype, n := range map[string]int{"BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
		"F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64, "FROM_THE_FUTURE": 11} {
		header += fmt.Sprintf(`,%q:{"dtype":%q,"shape":[2,4],"data_offsets":[%d,%d]}`, dtype, dtype, at, at+n)
		at += n
	}
	f, err := Parse("f", file(header+`,"__metadata__":null}`, at))
	if err != nil || len(f.Tensors) != 24 {
		t.Fatal(err)
	}
	for _, name := range []string{"C64", "F4", "FROM_THE_FUTURE"} {
		x, ok := f.Find(name)
		if _, err := x.Float32(); !ok || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	fuzzing.Bound(f)
	f.Add(file(`{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8))
	f.Fuzz(func(t *testing.T, raw []byte) {
		g, err := Parse("f", raw)
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := g.Write(&b); err != nil {
			t.Fatal(err)
		}
		h, err := Parse("f", b.Bytes())
		if err != nil {
			t.Fatalf("written again it is refused: %v", err)
		}
		if d := cmp.Diff(g, h, cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}

func TestAtomic(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	write := func(text string, fail error) error {
		return Atomic(name, func(w io.Writer) error {
			io.WriteString(w, text)
			return fail
		})
	}
	if err := write("old", nil); err != nil {
		t.Fatal(err)
	}
	if err := write("half of the ne", errors.New("disk full")); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("error %v", err)
	}
	if text, _ := os.ReadFile(name); string(text) != "old" {
		t.Errorf("the file holds %q after a failed write", text)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("a temporary file is left: %v", entries)
	}
	if err := Atomic(filepath.Join(dir, "no/such/f"), nil); err == nil {
		t.Error("wrote into a folder that does not exist")
	}
}

func machine(t *testing.T) *runtime.Machine {
	m, err := runtime.NewMachine(tiny.Program(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	m.Initialize(3)
	return m
}

func TestMakeFolder(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b", "c")
	for range 2 { // the second time it is there
		if err := MakeFolder(deep); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(deep); err != nil || !info.IsDir() {
		t.Error(err)
	}
	t.Chdir(dir)
	if err := MakeFolder("here"); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"file", filepath.Join("file", "below")} {
		if err := MakeFolder(name); err == nil {
			t.Errorf("%s was made, where a file is in the way", name)
		}
	}
}

func TestCheckpoint(t *testing.T) {
	m := machine(t)
	for i, s := range m.Program.StateTensors() {
		runtime.Uniform(m.Floats(s), s.Name, 1, uint64(i))
	}
	before := slices.Clone(m.Mem)
	f, err := Snapshot(m, State{Step: 12, Seed: math.MaxUint64, LR: 1e-4})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "f.safetensors")
	if err := f.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	if f, err = ReadFile(path); err != nil {
		t.Fatal(err)
	}
	s, ok, err := f.ReadState()
	if err != nil || !ok || s.Step != 12 || s.Seed != math.MaxUint64 || s.Modality != "squares" || s.Settings["hidden"] != "5" {
		t.Errorf("state %+v, %v, %v", s, ok, err)
	}
	clear(m.Mem)
	if err := f.Restore(m, true); err != nil || !slices.Equal(m.Mem, before) {
		t.Errorf("restored differs (%v)", err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	m := machine(t)
	for want, change := range map[string]func(f *File){
		`tensor "decoder.weight", f32[5,16], is missing`:  func(f *File) { f.Tensors = slices.Delete(f.Tensors, 1, 2) },
		`tensor "adam.v/decoder.weight", f32[5,16], is m`: func(f *File) { f.Tensors = f.Tensors[:5] },
		`tensor "extra" is none of the program's`:         func(f *File) { f.Tensors = append(f.Tensors, Floats("extra", nil, []float32{1})) },
		`is F32[16 5], the program expects F32[5 16]`:     func(f *File) { f.Tensors[1].Shape = []int{16, 5} },
		`is I32[16 5], the program expects F32[16 5]`:     func(f *File) { f.Tensors[0].DType = "I32" },
	} {
		f, err := Snapshot(m, State{})
		if err != nil {
			t.Fatal(err)
		}
		change(f)
		if err := f.Restore(m, true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, expected %q", err, want)
		}
	}
	m.Floats(m.Program.Params[1].Tensor)[3] = float32(math.NaN())
	if _, err := Snapshot(m, State{Step: 4}); err == nil || !strings.Contains(err.Error(), "decoder.weight is NaN at element 3") {
		t.Errorf("snapshot of NaN: %v", err)
	}
}

func TestReadFileErrors(t *testing.T) {
	dir := t.TempDir()
	for _, err := range []error{
		func() error { _, err := ReadFile(filepath.Join(dir, "none")); return err }(),
		func() error { _, err := ReadFile(dir); return err }(),
		func() error {
			_, _, err := (&File{Metadata: map[string]string{metadataKey: "{"}}).ReadState()
			return err
		}(),
	} {
		if err == nil {
			t.Error("no error")
		}
	}
}

func TestFloat32(t *testing.T) {
	le := binary.LittleEndian
	for _, c := range []struct {
		dtype string
		data  []byte
		want  []float32
	}{
		{"F64", le.AppendUint64(nil, math.Float64bits(-0.1)), []float32{-0.1}},
		{"BF16", []byte{0x80, 0x3f, 0x40, 0xc0}, []float32{1, -3}},
		{"F16", []byte{0x00, 0x3c, 0x00, 0xc2, 0x01, 0x00, 0xff, 0x7b, 0x00, 0xfc}, []float32{1, -3, 0x1p-24, 65504, float32(math.Inf(-1))}},
	} {
		got, err := Tensor{"x", c.dtype, []int{len(c.want)}, c.data}.Float32()
		if d := cmp.Diff(Floats("x", []int{len(c.want)}, c.want), got); err != nil || d != "" {
			t.Errorf("%s: %v %s", c.dtype, err, d)
		}
	}
	if v := half(0x7e00); v == v {
		t.Errorf("half NaN is %v", v)
	}
	if _, err := (Tensor{Name: "x", DType: "I64"}).Float32(); err == nil {
		t.Error("integers were converted")
	}
}
