package unpack

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
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

// Files that the usual tools pack are recognised by their first bytes and unpacked.
func TestUnpack(t *testing.T) {
	want := read(t, "text.csv")
	for name, kind := range map[string]string{"text.csv.gz": "gzip", "text.csv.bz2": "bzip2", "text.csv.xz": "xz", "text.csv.zst": "zstd", "text.csv.lz4": "LZ4",
		"text-1.csv.zlib": "zlib", "text-6.csv.zlib": "zlib", "text-9.csv.zlib": "zlib"} {
		raw := read(t, name)
		p := Of(raw)
		if bare, by := Trim(name); p == nil || p.Name != kind || by != p || !strings.HasSuffix(bare, ".csv") {
			t.Errorf("%s is %v", name, p)
			continue
		}
		r, err := p.Open(bytes.NewReader(raw))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(want), err)
		}
		if r, err = p.Open(bytes.NewReader(raw[:len(raw)-9])); err == nil {
			_, err = io.ReadAll(r)
		}
		if err == nil {
			t.Errorf("%s, cut off: no error", name)
		}
	}
}

// What begins like a packed file but is none is left alone.
func TestNotPacked(t *testing.T) {
	record := binary.LittleEndian.AppendUint64(nil, 0x9c78) // the length of a TFRecord's first record
	for _, head := range []string{"", "x^2,y\n1,2\n", "x^2", "x\x01", string(record) + "abcdefgh", "\x78\x01\x00\x00\x00\x00\x00\x00\x12\x34\x56\x78", "BZhello,world\n1,2\n", "BZh9,a,b,c,d,e\n", "hello"} {
		if p := Of([]byte(head)); p != nil {
			t.Errorf("%q is %s", head, p.Name)
		}
	}
	if bare, by := Trim("a.csv"); bare != "a.csv" || by != nil {
		t.Error(bare, by)
	}
}

// A stream cannot ask for any amount of memory.
func TestLargeWindows(t *testing.T) {
	raw := read(t, "text.csv.xz")
	raw[16] = 40 // a dictionary of 4 GiB
	if _, err := Of(raw).Open(bytes.NewReader(raw)); err == nil || !strings.Contains(err.Error(), "dictionary of more than 256 MiB") {
		t.Error(err)
	}
}

func FuzzUnpack(f *testing.F) {
	names, _ := filepath.Glob("testdata/text*")
	for _, n := range names {
		f.Add(read(f, filepath.Base(n)))
	}
	fuzzing.Bound(f)
	f.Fuzz(func(_ *testing.T, raw []byte) {
		if p := Of(raw); p != nil {
			if r, err := p.Open(bytes.NewReader(raw)); err == nil {
				_, _ = io.Copy(io.Discard, io.LimitReader(r, 1<<20))
				_ = r.Close()
			}
		}
	})
}
