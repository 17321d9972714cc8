package embed

import (
	"bytes"
	"encoding/binary"
	stdcsv "encoding/csv"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"mspecc/internal/pytest"
	"mspecc/runtime/ckpt"
)

const width = 3

// rows makes n examples, with numbers that are hard to write down.
func rows(n, classes int) (x []float32, y []float64) {
	for i := range n {
		x = append(x, float32(i)/3, -1e-42, float32(math.Pow(10, float64(i%20)))*1.1)
		switch classes {
		case 1:
			y = append(y, float64(i)/7)
		default:
			y = append(y, float64(i%max(1, classes)))
		}
	}
	return x, y
}

// inParts streams rows in batches of 4.
func inParts(x []float32, y []float64) Stream {
	return func(add func(first int, x []float32, y []float64) error) error {
		for lo := 0; lo < len(y); lo += 4 {
			hi := min(len(y), lo+4)
			if err := add(lo, x[lo*width:hi*width], y[lo:hi]); err != nil {
				return err
			}
		}
		return nil
	}
}

// read is what a file says.
type read struct {
	IDs      []int64     `json:"ids"`
	Features [][]float32 `json:"features"`
	Labels   []float64   `json:"labels"`
}

func wanted(x []float32, y []float64, classes int) read {
	var r read
	for i := range y {
		r.IDs = append(r.IDs, int64(i))
		r.Features = append(r.Features, x[i*width:(i+1)*width])
	}
	if classes > 0 {
		r.Labels = y
	}
	return r
}

func readNpy(t *testing.T, name string, size int) (shape string, data []byte) {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	n := 10 + int(binary.LittleEndian.Uint16(raw[8:]))
	if n%64 != 0 || raw[n-1] != '\n' || !bytes.HasPrefix(raw, []byte("\x93NUMPY\x01\x00")) {
		t.Fatalf("%s: header %q", name, raw[:n])
	}
	header := string(raw[10:n])
	_, shape, _ = strings.Cut(header, "'shape': ")
	return strings.TrimRight(shape, " },\n"), raw[n:]
}

func readFile(t *testing.T, name string, classes int) read {
	t.Helper()
	var r read
	floats := func(data []byte) {
		for i := 0; i < len(data); i += 4 * width {
			var row []float32
			for j := range width {
				row = append(row, math.Float32frombits(binary.LittleEndian.Uint32(data[i+4*j:])))
			}
			r.Features = append(r.Features, row)
		}
	}
	words := func(data []byte, f func(v uint64)) {
		for i := 0; i < len(data); i += 8 {
			f(binary.LittleEndian.Uint64(data[i:]))
		}
	}
	label := func(v uint64) {
		if classes == 1 {
			r.Labels = append(r.Labels, math.Float64frombits(v))
		} else {
			r.Labels = append(r.Labels, float64(int64(v)))
		}
	}
	id := func(v uint64) { r.IDs = append(r.IDs, int64(v)) }
	switch filepath.Ext(name) {
	case ".npy":
		base := strings.TrimSuffix(name, ".npy")
		shape, data := readNpy(t, name, 4)
		floats(data)
		if want := "(" + strconv.Itoa(len(r.Features)) + ", 3)"; shape+")" != want && shape != want {
			t.Errorf("shape %q, expected %q", shape, want)
		}
		_, data = readNpy(t, base+".ids.npy", 8)
		words(data, id)
		if classes > 0 {
			_, data = readNpy(t, base+".labels.npy", 8)
			words(data, label)
		} else if _, err := os.Stat(base + ".labels.npy"); err == nil {
			t.Error("labels were written that there are not")
		}
	case ".safetensors":
		f, err := ckpt.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		x, _ := f.Find("features")
		floats(x.Data)
		ids, _ := f.Find("ids")
		words(ids.Data, id)
		if y, ok := f.Find("labels"); ok != (classes > 0) {
			t.Errorf("labels: %v", ok)
		} else if ok {
			words(y.Data, label)
		}
		if f.Metadata["step"] != "7" {
			t.Errorf("metadata %v", f.Metadata)
		}
	case ".csv":
		raw, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		all, err := stdcsv.NewReader(raw).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		head := "id f0 f1 f2 label"
		if classes == 0 {
			head = "id f0 f1 f2"
		}
		if got := strings.Join(all[0], " "); got != head {
			t.Errorf("header %q", got)
		}
		for _, line := range all[1:] {
			n, _ := strconv.Atoi(line[0])
			r.IDs = append(r.IDs, int64(n))
			var row []float32
			for _, f := range line[1 : 1+width] {
				v, _ := strconv.ParseFloat(f, 32)
				row = append(row, float32(v))
			}
			r.Features = append(r.Features, row)
			if classes > 0 {
				v, _ := strconv.ParseFloat(line[1+width], 64)
				r.Labels = append(r.Labels, v)
			}
		}
	case ".parquet":
		if classes == 1 {
			all, err := parquet.ReadFile[numberRow](name)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range all {
				r.IDs, r.Features, r.Labels = append(r.IDs, x.ID), append(r.Features, x.Features), append(r.Labels, x.Label)
			}
			break
		}
		all, err := parquet.ReadFile[classRow](name)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range all {
			r.IDs, r.Features = append(r.IDs, x.ID), append(r.Features, x.Features)
			if classes > 0 {
				r.Labels = append(r.Labels, float64(x.Label))
			}
		}
	}
	return r
}

func TestFormats(t *testing.T) {
	for _, ending := range Endings() {
		for _, classes := range []int{0, 1, 5} {
			for _, n := range []int{1, 4, 27} {
				name := filepath.Join(t.TempDir(), "f"+ending)
				x, y := rows(n, classes)
				err := Write(name, Info{Rows: n, Width: width, Classes: classes, Meta: map[string]string{"step": "7"}}, inParts(x, y))
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(wanted(x, y, classes), readFile(t, name, classes)); d != "" {
					t.Errorf("%s, %d classes, %d examples: %s", ending, classes, n, d)
				}
			}
		}
	}
}

// What NumPy, pandas with pyarrow, and safetensors read.
func TestFormatsInPython(t *testing.T) {
	for _, ending := range Endings() {
		for classes, kind := range map[int]string{0: "None", 1: "float64", 5: "int64"} {
			name := filepath.Join(t.TempDir(), "f"+ending)
			x, y := rows(27, classes)
			if err := Write(name, Info{Rows: 27, Width: width, Classes: classes}, inParts(x, y)); err != nil {
				t.Fatal(err)
			}
			out := pytest.Run(t, []string{"numpy", "pandas", "pyarrow", "safetensors"}, filepath.Join("testdata", "read.py"), name)
			var got struct {
				read
				Kinds []string `json:"kinds"`
			}
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(wanted(x, y, classes), got.read); d != "" {
				t.Errorf("%s, %d classes: %s", ending, classes, d)
			}
			if ending != ".csv" && (got.Kinds[0] != "float32" || got.Kinds[1] != "int64" || got.Kinds[2] != kind) {
				t.Errorf("%s, %d classes: element types %v", ending, classes, got.Kinds)
			}
		}
	}
}

func TestParquetGroups(t *testing.T) {
	const rows, wide = 50, groupFloats / 8
	name := filepath.Join(t.TempDir(), "f.parquet")
	x := make([]float32, wide)
	err := Write(name, Info{Rows: rows, Width: wide, Classes: 2}, func(add func(first int, x []float32, y []float64) error) error {
		for i := range rows {
			if err := add(i, x, []float64{1}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, _ := f.Stat()
	p, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(p.RowGroups()); n != 7 {
		t.Errorf("%d row groups, expected 7 of at most 8 rows", n)
	}
}

func TestWriteRefuses(t *testing.T) {
	dir := t.TempDir()
	x, y := rows(8, 5)
	info := Info{Rows: 8, Width: width, Classes: 5}
	if err := Write(filepath.Join(dir, "f.txt"), info, inParts(x, y)); err == nil || !strings.Contains(err.Error(), ".csv, .npy, .parquet, .safetensors") {
		t.Errorf("error %v", err)
	}
	broken := errors.New("broken")
	for _, ending := range Endings() {
		name := filepath.Join(dir, "f"+ending)
		if err := os.WriteFile(name, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
		err := Write(name, info, func(add func(first int, x []float32, y []float64) error) error {
			if err := add(0, x[:width*4], y[:4]); err != nil {
				return err
			}
			return broken
		})
		if err != broken { // nothing of the file, which could be written
			t.Errorf("%s: error %v", ending, err)
		}
		if err := Write(name, info, inParts(x[:width*4], y[:4])); err == nil || !strings.Contains(err.Error(), "4 examples were computed, 8 announced") {
			t.Errorf("%s: error %v", ending, err)
		}
		if text, _ := os.ReadFile(name); string(text) != "old" {
			t.Errorf("%s: a failed write left %q", ending, text)
		}
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".*"))
	if len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}
