package torch

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mspecc/internal/pytest"
	"mspecc/runtime/ckpt"
)

var update = flag.Bool("update", false, "rewrite testdata/written.pth; have PyTorch read it (MSPECC_PYTHON) before you commit it")

// values are a tensor's elements as float64.
func values(t *testing.T, x ckpt.Tensor) []float64 {
	t.Helper()
	size := sizes[x.DType]
	out := []float64{}
	for i := 0; i < len(x.Data); i += size {
		var word [8]byte
		copy(word[:], x.Data[i:i+size])
		n := binary.LittleEndian.Uint64(word[:])
		switch x.DType {
		case "F64":
			out = append(out, math.Float64frombits(n))
		case "I64":
			out = append(out, float64(int64(n)))
		case "I32":
			out = append(out, float64(int32(n)))
		case "I16":
			out = append(out, float64(int16(n)))
		case "I8":
			out = append(out, float64(int8(n)))
		case "U8", "BOOL":
			out = append(out, float64(n))
		default:
			f, err := ckpt.Tensor{Name: x.Name, DType: x.DType, Shape: []int{1}, Data: x.Data[i : i+size]}.Float32()
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, float64(math.Float32frombits(binary.LittleEndian.Uint32(f.Data))))
		}
	}
	return out
}

type expected struct {
	DType  string    `json:"dtype"`
	Shape  []int     `json:"shape"`
	Values []float64 `json:"values"`
}

func load(t *testing.T, name string) map[string]expected {
	t.Helper()
	f, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := map[string]expected{}
	for _, x := range f.Tensors {
		y, err := x.Load()
		if err != nil {
			t.Fatal(err)
		}
		got[y.Name] = expected{y.DType, y.Shape, values(t, y)}
	}
	return got
}

// Files that PyTorch wrote, in both formats.
func TestTypes(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "expect.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]expected
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"types.pth", "types_legacy.pth"} {
		if d := cmp.Diff(want, load(t, filepath.Join("testdata", name))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// Views whose signs are yet to be turned have the signs that PyTorch shows; kinds that are not read are named, and trouble
// nobody who does not ask for them.
func TestLazySigns(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "lazy.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]expected
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lazy.pth", "lazy_legacy.pth"} {
		f, err := Open(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		seen := 0
		for _, x := range f.Tensors {
			y, err := x.Load()
			if kind, other := strings.CutPrefix(x.Name, "other."); other {
				word := map[string]string{"complex": "torch.ComplexFloatStorage", "sparse": "is sparse", "quantized": "is quantized", "float8": "float8_e4m3fn"}[kind]
				if err == nil || !strings.Contains(err.Error(), word) {
					t.Errorf("%s, %s: %v", name, x.Name, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			seen++
			if d := cmp.Diff(want[x.Name], expected{y.DType, y.Shape, values(t, y)}); d != "" {
				t.Errorf("%s, %s: %s", name, x.Name, d)
			}
		}
		if seen != len(want) {
			t.Errorf("%s: %d tensors of %d", name, seen, len(want))
		}
	}
}

func TestNegate(t *testing.T) {
	for dtype, c := range map[string][2][]byte{
		"I8": {{1, 0, 0x80}, {0xff, 0, 0x80}}, "I16": {{1, 0, 0, 1}, {0xff, 0xff, 0, 0xff}}, "BF16": {{0, 0x3f}, {0, 0xbf}}, "F64": {{0, 0, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0x80}},
	} {
		data := slices.Clone(c[0])
		if err := negate(ckpt.Tensor{DType: dtype, Data: data}); err != nil || !slices.Equal(data, c[1]) {
			t.Errorf("%s: %x becomes %x, %v", dtype, c[0], data, err)
		}
	}
	if err := negate(ckpt.Tensor{DType: "BOOL", Data: []byte{1}}); err == nil {
		t.Error("booleans have no sign")
	}
}

func TestNested(t *testing.T) {
	got := load(t, filepath.Join("testdata", "nested.pth"))
	want := expected{"F32", []int{2, 3}, []float64{0, 1, 2, 3, 4, 5}}
	if d := cmp.Diff(want, got["model.module.0.weight"]); d != "" {
		t.Errorf("model.module.0.weight: %s", d)
	}
	for _, name := range []string{"model.module.1.running_mean", "model.module.1.num_batches_tracked", "optimizer.state.0.exp_avg", "config.table", "rng"} {
		if _, ok := got[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
}

// A module that was saved whole has the names of its state dict.
func TestModule(t *testing.T) {
	got := load(t, filepath.Join("testdata", "module.pth"))
	if d := cmp.Diff(expected{"F32", []int{1, 2}, []float64{3, 4}}, got["net.0.weight"]); d != "" {
		t.Error(d)
	}
	for _, n := range []string{"net.0.bias", "net.1.0.weight", "net.1.0.running_var", "net.1.0.num_batches_tracked"} {
		if _, ok := got[n]; !ok {
			t.Errorf("%s is missing", n)
		}
	}
}

// In the older format the class of a module comes with its source, which is passed over, and
// a tensor may be a part of a storage.
func TestLegacyParts(t *testing.T) {
	str := func(s string) string { return "X" + string([]byte{byte(len(s)), 0, 0, 0}) + s }
	magic := "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
	module := "(" + str("module") + "cnet\nNet\n" + str("net.py") + str("class Net: pass") + "tQ"
	storage := "(" + str("storage") + "ctorch\nFloatStorage\n" + str("7") + str("cpu") + "K\x06(" + str("8") + "K\x02K\x03ttQ"
	tensor := "ctorch._utils\n_rebuild_tensor\n(" + storage + "K\x01(K\x02t(K\x01ttR"
	raw := magic + "\x80\x02M\xe9\x03." + "\x80\x02}." +
		"\x80\x02" + module + ")\x81}(" + str("_parameters") + "}(" + str("w") + tensor + "uub." +
		"\x80\x02](" + str("7") + "e." + "\x06\x00\x00\x00\x00\x00\x00\x00"
	for i := range 6 {
		raw += string(ckpt.Floats("", nil, []float32{float32(i)}).Data)
	}
	name := filepath.Join(t.TempDir(), "x.pth")
	if err := os.WriteFile(name, []byte(raw), 0o644); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]expected{"w": {"F32", []int{2}, []float64{3, 4}}}, load(t, name)); d != "" {
		t.Error(d)
	}
}

// A pickle that would start a program is read, and starts nothing.
func TestNothingRuns(t *testing.T) {
	got := load(t, filepath.Join("testdata", "run.pth"))
	if d := cmp.Diff(map[string]expected{"model.w": {"F32", []int{2}, []float64{1, 1}}}, got); d != "" {
		t.Error(d)
	}
	if _, err := os.Stat("WAS_RUN"); err == nil {
		t.Error("the pickle was run")
	}
}

// sample are tensors of every type that can be written.
func sample() []ckpt.Tensor {
	list := []ckpt.Tensor{
		ckpt.Floats("encoder.0.weight", []int{2, 3}, []float32{1, -2, 1e-42, float32(math.Inf(1)), 0.1, 6}),
		ckpt.Floats("scalar", []int{}, []float32{7}), ckpt.Floats("none", []int{0, 4}, nil), ckpt.Ints("tokens", []int{2}, []int32{-1, 1 << 30}),
		{Name: "half", DType: "BF16", Shape: []int{2}, Data: []byte{0x80, 0x3f, 0x40, 0xc0}},
		{Name: "ü \"quoted\"", DType: "BOOL", Shape: []int{2}, Data: []byte{0, 1}},
	}
	return append(list, ckpt.Floats("long", []int{300}, make([]float32, 300)))
}

func write(t *testing.T, key string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, key, sample(), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What is written reads back bit by bit, and is what PyTorch has been seen to read.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	for _, key := range []string{"", "model"} {
		name := filepath.Join(dir, "x"+key+".pth")
		if err := os.WriteFile(name, write(t, key), 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range sample() {
			got, err := f.Tensors[i].Load()
			if err != nil {
				t.Fatal(err)
			}
			got.Name = strings.TrimPrefix(got.Name, "model.")
			if got.Name != want.Name || got.DType != want.DType || !slices.Equal(got.Shape, want.Shape) || !bytes.Equal(got.Data, want.Data) {
				t.Errorf("%s: read %+v, written %+v", key, got, want)
			}
		}
		f.Close()
	}
	golden := filepath.Join("testdata", "written.pth")
	if *update {
		if err := os.WriteFile(golden, write(t, "model"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, write(t, "model")) {
		t.Error("the bytes differ from testdata/written.pth, which PyTorch read; see -update")
	}
}

func TestStoragesAreAligned(t *testing.T) {
	raw := write(t, "model")
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		at, err := f.DataOffset()
		if err != nil || at%alignment != 0 || f.Method != zip.Store {
			t.Errorf("%s begins at byte %d, method %d (%v)", f.Name, at, f.Method, err)
		}
	}
}

// PyTorch itself reads what is written: torch.load(weights_only=True), also mapped.
func TestPyTorchReads(t *testing.T) {
	for _, key := range []string{"", "model"} {
		name := filepath.Join(t.TempDir(), "x.pth")
		if err := os.WriteFile(name, write(t, key), 0o644); err != nil {
			t.Fatal(err)
		}
		args := []string{name}
		if key != "" {
			args = append(args, key)
		}
		out := pytest.Run(t, []string{"torch"}, filepath.Join("testdata", "load.py"), args...)
		var got map[string]expected
		if err := json.Unmarshal(bytes.ReplaceAll(out, []byte("Infinity"), []byte("1e308")), &got); err != nil { // JSON has no infinity
			t.Fatal(err)
		}
		for _, want := range sample() {
			x, ok := got[want.Name]
			if !ok || !slices.Equal(x.Shape, want.Shape) || len(x.Values) != len(values(t, want)) {
				t.Errorf("%s: PyTorch has %+v, expected %v", want.Name, x, want.Shape)
				continue
			}
			for i, v := range values(t, want) {
				if math.IsInf(v, 1) {
					v = 1e308
				}
				if x.Values[i] != v {
					t.Errorf("%s: element %d is %v in PyTorch, expected %v", want.Name, i, x.Values[i], v)
				}
			}
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	for want, x := range map[string]ckpt.Tensor{
		"no storage for": {Name: "x", DType: "F8_E4M3", Shape: []int{1}, Data: []byte{0}},
		"has 3 bytes":    {Name: "x", DType: "F32", Shape: []int{1}, Data: []byte{0, 0, 0}},
	} {
		if err := Write(&bytes.Buffer{}, "", []ckpt.Tensor{x}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, expected %q", err, want)
		}
	}
	if err := Write(full{}, "", sample(), nil); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("error %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }
