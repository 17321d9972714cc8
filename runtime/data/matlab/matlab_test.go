package matlab

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"mspecc/internal/fuzzing"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// What scipy.io.savemat wrote, see testdata/make.py.
func TestRead(t *testing.T) {
	for _, name := range []string{"plain.mat", "compressed.mat"} {
		all, err := Read(read(t, name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		labels := all["labels"]
		if !slices.Equal(labels.Shape, []int{1, 40}) || labels.Values[0] != 1 || labels.Values[39] != 40 {
			t.Errorf("%s: labels %v", name, labels)
		}
		if w := all["wide"]; !slices.Equal(w.Shape, []int{3, 2}) || !slices.Equal(w.Values, []float64{1.5, 300, 5, -2, 4e9, math.Pi}) {
			t.Errorf("%s: wide %v", name, w)
		}
		if all["single"].Values[1] != 0.25 || all["negative"].Values[0] != -3 || all["large"].Values[0] != 1<<40 || len(all["empty"].Values) != 0 {
			t.Errorf("%s: %v", name, all)
		}
		if _, ok := all["things"]; ok || len(all["name"].Values) != 4 || all["name"].Values[0] != 'r' {
			t.Errorf("%s: cells are not passed over, or the text is wrong", name)
		}
	}
}

func TestDamage(t *testing.T) {
	raw := read(t, "compressed.mat")
	for name, b := range map[string][]byte{"empty": {}, "text": make([]byte, 200), "cut": raw[:len(raw)-5], "cut in a tag": raw[:132],
		"HDF5": append([]byte("MATLAB 7.3 MAT-file"), raw[19:]...)} {
		if _, err := Read(b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	plain := append([]byte(nil), read(t, "plain.mat")...)
	binary.LittleEndian.PutUint32(plain[128+8+8+16:], 1<<31)
	if _, err := Read(plain); err == nil {
		t.Error("an absurd shape")
	}
}

// A small file that unpacks to much takes no more memory than a variable may have.
func TestBomb(t *testing.T) {
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	for range 1 << 12 {
		_, _ = z.Write(make([]byte, 1<<16))
	}
	z.Close()
	raw := append([]byte(nil), read(t, "compressed.mat")[:128]...)
	raw = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(raw, 15), uint32(packed.Len()))
	raw = append(raw, packed.Bytes()...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Read(raw)
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), "a variable has more than 67108864 bytes") {
		t.Errorf("%d bytes that unpack to 256 MiB: %v", len(raw), err)
	}
	if taken := after.TotalAlloc - before.TotalAlloc; taken > 8*maxVariable {
		t.Errorf("it takes %d MiB", taken>>20)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(read(f, "plain.mat"))
	f.Add(read(f, "compressed.mat"))
	fuzzing.Bound(f)
	f.Fuzz(func(_ *testing.T, raw []byte) { Read(raw) })
}
