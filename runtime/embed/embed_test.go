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
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"mspecc/internal/pytest"
	"mspecc/runtime/ckpt"
)

const width = 3

// rows makes n examples, with numbers that are hard to write down and texts that are hard to keep.
func rows(n, classes int) *Batch {
	b := &Batch{}
	for i := range n {
		b.X = append(b.X, float32(i)/3, -1e-42, float32(math.Pow(10, float64(i%20)))*1.1)
		b.IDs = append(b.IDs, "dir/ü, \"x\".csv:"+strconv.Itoa(i*i))
		b.Columns = append(b.Columns, []string{strings.Repeat("ä", i%4), "line\nbreak " + strconv.Itoa(i)})
		label := float64(i % max(1, classes))
		if classes == 1 {
			label = float64(i) / 7
		}
		if classes > 0 && i == 3 {
			label = math.NaN()
		}
		b.Y = append(b.Y, label)
	}
	return b
}

// inParts streams rows in batches of 4.
func inParts(all *Batch) Stream {
	return func(add func(b *Batch) error) error {
		for lo := 0; lo < len(all.Y); lo += 4 {
			hi := min(len(all.Y), lo+4)
			if err := add(&Batch{all.IDs[lo:hi], all.X[lo*width : hi*width], all.Y[lo:hi], all.Columns[lo:hi]}); err != nil {
				return err
			}
		}
		return nil
	}
}

// columns are what goes along in the tests; the first name is one that formats find hard.
var columns = []string{"who, when", "note"}

func info(rows, classes int) Info {
	i := Info{Rows: rows, Width: width, Classes: classes, Columns: columns, Meta: map[string]string{"step": "7"}}
	if classes > 1 {
		i.Names = []string{"a", "b,b", "ç", "d", "e"}
	}
	return i
}

// read is what a file says.
type read struct {
	IDs      []string    `json:"ids"`
	Features [][]float32 `json:"features"`
	Labels   []*float64  `json:"labels"` // nil for none
	Classes  []string    `json:"classes"`
	Columns  [][]string  `json:"columns"`
}

func wanted(b *Batch, i Info) read {
	r := read{IDs: b.IDs, Columns: b.Columns}
	for k, y := range b.Y {
		r.Features = append(r.Features, b.X[k*width:(k+1)*width])
		if i.Classes > 0 {
			var label *float64
			if y == y {
				label = &y
			}
			r.Labels = append(r.Labels, label)
		}
		if i.Names != nil {
			r.Classes = append(r.Classes, i.name(y))
		}
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

// labels decodes whole numbers or float64 ones.
func (r *read) labels(data []byte, classes int) {
	for i := 0; i < len(data); i += 8 {
		v := binary.LittleEndian.Uint64(data[i:])
		y := math.Float64frombits(v)
		if classes > 1 {
			if y = float64(int64(v)); y == noClass {
				y = math.NaN()
			}
		}
		if y == y {
			r.Labels = append(r.Labels, &y)
		} else {
			r.Labels = append(r.Labels, nil)
		}
	}
}

// table takes rows with a header: id, features perhaps, label perhaps, and texts.
func (r *read) table(all [][]string, classes int) {
	at := map[string]int{}
	for i, name := range all[0] {
		at[name] = i
	}
	for _, line := range all[1:] {
		if _, ok := at["f0"]; ok {
			r.IDs = append(r.IDs, line[at["id"]])
			var row []float32
			for j := range width {
				v, _ := strconv.ParseFloat(line[at["f"+strconv.Itoa(j)]], 32)
				row = append(row, float32(v))
			}
			r.Features = append(r.Features, row)
			if k, ok := at["label"]; ok {
				var label *float64
				if v, err := strconv.ParseFloat(line[k], 64); err == nil && v == v && !(classes > 1 && v == noClass) {
					label = &v
				}
				r.Labels = append(r.Labels, label)
			}
		}
		if k, ok := at["class"]; ok {
			r.Classes = append(r.Classes, line[k])
		}
		r.Columns = append(r.Columns, []string{line[at[columns[0]]], line[at[columns[1]]]})
	}
}

func (r *read) floats(data []byte) {
	for i := 0; i < len(data); i += 4 * width {
		var row []float32
		for j := range width {
			row = append(row, math.Float32frombits(binary.LittleEndian.Uint32(data[i+4*j:])))
		}
		r.Features = append(r.Features, row)
	}
}

func readCSV(t *testing.T, name string) [][]string {
	t.Helper()
	raw, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	all, err := stdcsv.NewReader(raw).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func readFile(t *testing.T, name string, info Info) read {
	t.Helper()
	var r read
	switch filepath.Ext(name) {
	case ".npy":
		base := strings.TrimSuffix(name, ".npy")
		shape, data := readNpy(t, name, 4)
		r.floats(data)
		if want := "(" + strconv.Itoa(len(r.Features)) + ", 3)"; shape+")" != want && shape != want {
			t.Errorf("shape %q, expected %q", shape, want)
		}
		_, data = readNpy(t, base+".ids.npy", 8)
		for k := range r.Features {
			part, text := data[k*len(data)/len(r.Features):(k+1)*len(data)/len(r.Features)], ""
			for i := 0; i < len(part); i += 4 {
				if c := rune(binary.LittleEndian.Uint32(part[i:])); c != 0 {
					text += string(c)
				}
			}
			r.IDs = append(r.IDs, text)
		}
		if info.Classes > 0 {
			_, data = readNpy(t, base+".labels.npy", 8)
			r.labels(data, info.Classes)
		} else if _, err := os.Stat(base + ".labels.npy"); err == nil {
			t.Error("labels were written that there are not")
		}
		r.table(readCSV(t, base+".columns.csv"), info.Classes)
	case ".safetensors":
		f, err := ckpt.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		x, _ := f.Find("features")
		r.floats(x.Data)
		texts := func(name string) (list []string) {
			x, ok := f.Find(name)
			if !ok || x.DType != "U8" || len(x.Shape) != 2 {
				return nil
			}
			for i := range x.Shape[0] {
				list = append(list, strings.TrimRight(string(x.Data[i*x.Shape[1]:(i+1)*x.Shape[1]]), "\x00"))
			}
			return list
		}
		r.IDs, r.Classes = texts("ids"), texts("class")
		who, note := texts("column."+columns[0]), texts("column."+columns[1])
		for i := range who {
			r.Columns = append(r.Columns, []string{who[i], note[i]})
		}
		if y, ok := f.Find("labels"); ok != (info.Classes > 0) {
			t.Errorf("labels: %v", ok)
		} else if ok {
			r.labels(y.Data, info.Classes)
		}
		if f.Metadata["step"] != "7" {
			t.Errorf("metadata %v", f.Metadata)
		}
	case ".csv":
		all := readCSV(t, name)
		head := "id f0 f1 f2 label class who, when note"
		switch info.Classes {
		case 0:
			head = "id f0 f1 f2 who, when note"
		case 1:
			head = "id f0 f1 f2 label who, when note"
		}
		if got := strings.Join(all[0], " "); got != head {
			t.Errorf("header %q", got)
		}
		r.table(all, info.Classes)
	case ".parquet":
		readParquet(t, name, info, &r)
	}
	return r
}

func readParquet(t *testing.T, name string, info Info, r *read) {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range f.Root().Columns() {
		names = append(names, c.Name())
	}
	want := []string{"id", "features", "label", "class"}[:2+min(info.Classes, 2)]
	if want = append(want, columns...); !slices.Equal(names, want) {
		t.Errorf("columns %v, expected %v", names, want)
	}
	rows := make([]parquet.Row, f.NumRows())
	for _, g := range f.RowGroups() {
		reader := g.Rows()
		defer reader.Close()
		n, err := reader.ReadRows(rows)
		if n == 0 || n < len(rows) && err != nil {
			t.Fatal(n, err)
		}
	}
	for _, row := range rows {
		var x []float32
		var texts []string
		for _, v := range row {
			switch c := v.Column(); {
			case c == 0:
				r.IDs = append(r.IDs, v.String())
			case c == 1:
				x = append(x, v.Float())
			case c == 2 && info.Classes > 0:
				var label *float64
				y := float64(v.Int64())
				if info.Classes == 1 {
					y = v.Double()
				}
				if label = &y; y == noClass || y != y {
					label = nil
				}
				r.Labels = append(r.Labels, label)
			case c == 3 && info.Classes > 1:
				r.Classes = append(r.Classes, v.String())
			default:
				texts = append(texts, v.String())
			}
		}
		r.Features, r.Columns = append(r.Features, x), append(r.Columns, texts)
	}
}

// Every format keeps every number and text, of as many examples as there turn out to be.
func TestFormats(t *testing.T) {
	for _, ending := range Endings() {
		for _, classes := range []int{0, 1, 5} {
			for _, n := range []int{1, 4, 27} {
				for _, announced := range []int{n, 1000000} {
					name := filepath.Join(t.TempDir(), "f"+ending)
					b, i := rows(n, classes), info(announced, classes)
					if got, err := Write(name, i, inParts(b)); err != nil || got != n {
						t.Fatal(ending, got, err)
					}
					if d := cmp.Diff(wanted(b, i), readFile(t, name, i)); d != "" {
						t.Errorf("%s, %d classes, %d examples: %s", ending, classes, n, d)
					}
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
			b, i := rows(27, classes), info(30, classes)
			for k := range b.Y {
				if b.Y[k] != b.Y[k] {
					b.Y[k] = 0 // pandas makes floats of classes where some are missing
				}
			}
			if _, err := Write(name, i, inParts(b)); err != nil {
				t.Fatal(err)
			}
			out := pytest.Run(t, []string{"numpy", "pandas", "pyarrow", "safetensors"}, filepath.Join("testdata", "read.py"), append([]string{name}, columns...)...)
			var got struct {
				read
				Kinds []string `json:"kinds"`
			}
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(wanted(b, i), got.read); d != "" {
				t.Errorf("%s, %d classes: %s", ending, classes, d)
			}
			if ending != ".csv" && (got.Kinds[0] != "float32" || got.Kinds[1] != kind) {
				t.Errorf("%s, %d classes: element types %v", ending, classes, got.Kinds)
			}
		}
	}
}

func TestParquetGroups(t *testing.T) {
	const rows, wide = 50, groupFloats / 8
	name := filepath.Join(t.TempDir(), "f.parquet")
	x := make([]float32, wide)
	_, err := Write(name, Info{Rows: rows, Width: wide, Classes: 2}, func(add func(b *Batch) error) error {
		for i := range rows {
			if err := add(&Batch{IDs: []string{strconv.Itoa(i)}, X: x, Y: []float64{1}}); err != nil {
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
	b, i := rows(8, 5), info(8, 5)
	if _, err := Write(filepath.Join(dir, "f.txt"), i, inParts(b)); err == nil || !strings.Contains(err.Error(), ".csv, .npy, .parquet, .safetensors") {
		t.Errorf("error %v", err)
	}
	broken := errors.New("broken")
	for _, ending := range Endings() {
		name := filepath.Join(dir, "f"+ending)
		if err := os.WriteFile(name, []byte("old"), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Write(name, i, func(add func(b *Batch) error) error {
			if err := inParts(b)(add); err != nil {
				return err
			}
			return broken
		})
		if err != broken { // nothing of the file, which could be written
			t.Errorf("%s: error %v", ending, err)
		}
		if _, err := Write(name, info(7, 5), inParts(b)); err == nil || !strings.Contains(err.Error(), "8 examples were computed, at most 7 announced") {
			t.Errorf("%s: error %v", ending, err)
		}
		if _, err := Write(name, i, func(func(b *Batch) error) error { return nil }); err == nil || !strings.Contains(err.Error(), "no example") {
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
