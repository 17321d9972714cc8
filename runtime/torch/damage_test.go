package torch

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mspecc/internal/fuzzing"
)

// read opens bytes as a file would be, and loads every tensor of a reasonable size.
func read(t *testing.T, raw []byte) error {
	t.Helper()
	f := &File{Name: "x"}
	var err error
	if bytes.HasPrefix(raw, []byte("PK")) {
		err = f.readZip(bytes.NewReader(raw), int64(len(raw)))
	} else {
		err = f.readLegacy(bytes.NewReader(raw), int64(len(raw)))
	}
	if err != nil {
		return err
	}
	for _, x := range f.Tensors {
		n, err := count(x.Shape)
		if err != nil {
			return err
		}
		if n > 1<<16 {
			continue
		}
		y, err := x.Load()
		if err == nil && len(y.Data) != n*sizes[y.DType] {
			t.Errorf("%s, %v, has %d bytes", x.Name, x.Shape, len(y.Data))
		}
	}
	return nil
}

// Files cut off anywhere, and with any byte changed, are refused or read; nothing panics.
func TestDamaged(t *testing.T) {
	for _, name := range []string{"types.pth", "types_legacy.pth", "nested.pth"} {
		sound, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := read(t, sound); err != nil {
			t.Fatal(err)
		}
		for n := range len(sound) {
			if err := read(t, sound[:n]); err == nil {
				t.Errorf("%s, cut off after %d of %d bytes, was accepted", name, n, len(sound))
			}
		}
		raw := make([]byte, len(sound))
		for at := range sound {
			copy(raw, sound)
			raw[at] ^= []byte{1, 0x80, 0xff}[at%3]
			_ = read(t, raw)
		}
	}
}

func FuzzLegacy(f *testing.F) { fuzz(f, "types_legacy.pth", nil) }

// FuzzPickle changes the pickle inside an archive, which fuzzing of the archive would not
// often reach.
func FuzzPickle(f *testing.F) {
	fuzz(f, "nested.pkl", func(pickle []byte) []byte {
		var b bytes.Buffer
		if err := Write(&b, "model", sample(), nil); err != nil {
			f.Fatal(err)
		}
		return repack(f, b.Bytes(), pickle)
	})
}

func FuzzZip(f *testing.F) { fuzz(f, "types.pth", nil) }

func fuzz(f *testing.F, name string, wrap func([]byte) []byte) {
	var seed []byte
	var err error
	if wrap != nil {
		seed, err = stateDict("model", sample(), nil)
	} else {
		seed, err = os.ReadFile(filepath.Join("testdata", name))
	}
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	fuzzing.Bound(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if wrap != nil {
			raw = wrap(raw)
		}
		_ = read(t, raw)
	})
}

// pickled wraps the opcodes of a value into an archive without storages.
func pickled(t testing.TB, ops string) []byte {
	var b bytes.Buffer
	if err := Write(&b, "", nil, nil); err != nil {
		t.Fatal(err)
	}
	return repack(t, b.Bytes(), []byte("\x80\x02"+ops+"."))
}

func TestHostilePickles(t *testing.T) {
	const tensor = "ctorch._utils\n_rebuild_sparse_tensor\n)R"
	nested := func(n int, last string) string { return strings.Repeat("]", n) + last + strings.Repeat("a", n) }
	laughs := "](" + tensor + "eq\x00"
	for i := range byte(40) { // each list holds the one before it twice
		laughs += "](h" + string(i) + "h" + string(i) + "eq" + string(i+1)
	}
	tuples := ")q\x00"
	for i := range byte(40) {
		tuples += "h" + string(i) + "h" + string(i) + "\x86q" + string(i+1)
	}
	for want, ops := range map[string]string{
		"more than 64 deep":      nested(100, tensor),
		"more than 10000 deep":   nested(20000, "N"),
		"more than 1048576":      laughs,
		"a name has more than":   "}X\x00\x05\x00\x00" + strings.Repeat("x", 0x500) + tensor + "s",
		"a persistent id that":   tuples + "Q",
		"":                       "]q\x00h\x00a", // a list that holds itself
		"keys are set in a":      "]NNs",
		"there is no mark":       "Nt",
		"the stack is empty":     "0",
		"there is a mark":        "(\x85",
		"memo 7 is empty":        "h\x07",
		"unknown opcode":         "\xff",
		"ends too early":         "X\xff\xff\xff\xff",
		"a tensor of an unknown": "ctorch._utils\n_rebuild_tensor_v2\n)R",
		"is called":              "N)R",
		"no number":              "Lx\n",
		"more than 4096 digits":  "L" + strings.Repeat("9", 5000) + "\n",
	} {
		start := time.Now()
		err := read(t, pickled(t, ops))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.40q: error %v, expected %q", ops, err, want)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%.40q took %v", ops, d)
		}
	}
}

// What holds no tensor may be as long, deep and often shared as it likes.
func TestMuchBesideTensors(t *testing.T) {
	shared := "]q\x00"
	for i := range byte(40) {
		shared += "](h" + string(i) + "h" + string(i) + "eq" + string(i+1)
	}
	for name, ops := range map[string]string{
		"numbers": "](" + strings.Repeat("K\x01", 5<<18) + "e", "pairs": "](" + strings.Repeat("K\x01K\x02\x86", 5<<18) + "e",
		"deep": strings.Repeat("]", 3000) + strings.Repeat("a", 2999), "shared": shared, "long key": "}X\x00\x05\x00\x00" + strings.Repeat("x", 0x500) + "]s",
	} {
		if err := read(t, pickled(t, ops)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, raw []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var empty bytes.Buffer
	if err := Write(&empty, "", nil, nil); err != nil {
		t.Fatal(err)
	}
	for want, name := range map[string]string{
		"no such file":            filepath.Join(dir, "none"),
		"is a folder, expected a": dir,
		"another kind of file":    file("text", []byte("hello")),
		"the archive is damag":    file("zip", []byte("PK\x03\x04 and no more")),
		"TorchScript":             file("script", rename(t, empty.Bytes(), "byteorder", "constants.pkl")),
		"has no data.pkl":         file("other", rename(t, empty.Bytes(), "data.pkl", "date.pkl")),
	} {
		_, err := Open(name)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("error %v, expected %q", err, want)
		}
	}
}
