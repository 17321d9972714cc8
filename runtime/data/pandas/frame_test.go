package pandas

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"mspecc/internal/fuzzing"
	"mspecc/runtime/pickle"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// The table that testdata/make.py writes, read from every version and protocol.
func TestRead(t *testing.T) {
	names, err := filepath.Glob("testdata/pandas*.pkl")
	if err != nil || len(names) != 9 {
		t.Fatal(err, names)
	}
	for _, name := range names {
		f, err := Read(read(t, filepath.Base(name)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if f.Rows != 3 || len(f.Columns) != 7 || f.Columns[0] != "failureType" || f.Columns[5] != "small" {
			t.Fatalf("%s: %d rows of %q", name, f.Rows, f.Columns)
		}
		for row, want := range [][]any{{"none", int64(3), 0.5, int64(1), int64(1), true}, {"Center", int64(-2), math.NaN(), int64(2), int64(2), false},
			{"Größe", int64(70000), -1e30, int64(3), int64(255), true}} {
			for i, column := range []int{0, 2, 3, 4, 5, 6} {
				got := f.At(row, column)
				if x, ok := want[i].(float64); ok && x != x {
					if g, _ := got.(float64); g == g {
						t.Errorf("%s: row %d, column %d is %v, expected NaN", name, row, column, got)
					}
				} else if got != want[i] {
					t.Errorf("%s: row %d, column %d is %#v, expected %#v", name, row, column, got, want[i])
				}
			}
			pixels, ok := f.At(row, 1).(*Array)
			if !ok || len(pixels.Shape) != 3 || pixels.Len() != []int{18, 24, 3}[row] {
				t.Fatalf("%s: pixels of row %d are %#v", name, row, f.At(row, 1))
			}
			for i := range pixels.Len() {
				if v, ok := pixels.Float(i); !ok || v != float64(i*7%3*127%256) {
					t.Fatalf("%s: row %d, element %d is %v", name, row, i, v)
				}
			}
		}
	}
}

// The layout of pandas before 1.1, with labels inside arrays, as LSWMD.pkl has it.
func TestOld(t *testing.T) {
	f, err := Read(read(t, "old.pkl"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Column("pixels", "waferMap")
	if err != nil || f.Rows != 2 {
		t.Fatal(err, f.Rows)
	}
	m, ok := f.At(1, c).(*Array)
	if !ok || m.Shape[0] != 1 || m.Shape[1] != 3 || m.At(1) != int64(2) {
		t.Errorf("waferMap %#v", f.At(1, c))
	}
	c, _ = f.Column("failureType")
	if label := f.At(0, c).(*Array); label.Len() != 1 || label.At(0) != "none" {
		t.Errorf("label %#v", label)
	}
	if label := f.At(1, c).(*Array); label.Len() != 0 {
		t.Errorf("label %#v", label)
	}
	if _, err := f.Column("nothing"); err == nil {
		t.Error("a column that is not there")
	}
}

// Texts that pandas keeps with pyarrow, some of them missing.
func TestArrowTexts(t *testing.T) {
	f, err := Read(read(t, "arrow.pkl"))
	if err != nil {
		t.Fatal(err)
	}
	for c, want := range [][]any{{"bb", nil, "", "ÄÖ"}, {"x", nil, "yy", "zzz"}} {
		for row, text := range want {
			if got := f.At(row, c); f.Rows != 4 || got != text {
				t.Errorf("row %d of %q is %#v, expected %#v", row, f.Columns[c], got, text)
			}
		}
	}
	called := func(name string, args ...any) *pickle.Object {
		return &pickle.Object{Class: pickle.Class{Module: "pyarrow.lib", Name: name}, Args: args}
	}
	array := func(kind string, n, first int64, buffers ...any) *pickle.Object {
		list := &pickle.List{}
		for _, b := range buffers {
			if text, ok := b.(string); ok {
				b = called("py_buffer", []byte(text))
			}
			list.Items = append(list.Items, b)
		}
		return called("_restore_array", pickle.Tuple{called("type_for_alias", kind), n, int64(0), first, list, &pickle.List{}, nil})
	}
	// Older versions keep several arrays, of a type with shorter offsets, that may begin within their buffers.
	starts := "\x00\x00\x00\x00\x01\x00\x00\x00\x03\x00\x00\x00\x03\x00\x00\x00"
	a, err := arrowTexts(called("chunked_array", &pickle.List{Items: []any{array("string", 2, 1, "\x02", starts, "abc"), array("string", 0, 0, nil, nil, nil), array("string", 3, 0, nil, starts, "abc")}}))
	if err != nil || fmt.Sprint(a.objects) != "[bc <nil> a bc ]" || a.Shape[0] != 5 {
		t.Errorf("%v, %v", a, err)
	}
	for what, bad := range map[string]any{
		"no array": nil, "another class": called("other", pickle.Tuple{}), "no parts": called("_restore_array", pickle.Tuple{}), "another type": array("int64", 1, 0, nil, starts, "abc"),
		"too long": array("string", 4, 0, nil, starts, "abc"), "too far": array("string", 1, 3, nil, starts, "abc"), "far too far": array("string", 1, 1<<62, nil, starts, "abc"),
		"without end": array("string", 1<<62, 0, nil, starts, "abc"), "few bits": array("string", 3, 0, "", starts, "abc"), "few letters": array("string", 3, 0, nil, starts, "ab"),
		"backwards": array("string", 1, 0, nil, starts[4:8]+starts[:4], "abc"), "negative": array("string", -1, 0, nil, starts, "abc"), "no buffers": array("string", 1, 0),
	} {
		if a, err := arrowTexts(bad); err == nil {
			t.Errorf("%s: %v", what, a)
		}
	}
}

func TestDamage(t *testing.T) {
	raw := read(t, "pandas3-protocol5.pkl")
	for cut := 0; cut < len(raw); cut += 17 {
		if _, err := Read(raw[:cut]); err == nil {
			t.Errorf("cut at %d: no error", cut)
		}
	}
	if _, err := Read([]byte("\x80\x02]q\x00.")); err == nil {
		t.Error("a list is no table")
	}
}

// A block of more columns than the table has names takes no memory for them.
func TestColumnsWithoutEnd(t *testing.T) {
	f := &Frame{Columns: []string{"a"}, columns: make([]column, 1), Rows: -1}
	all := &pickle.Object{Class: pickle.Class{Name: "slice"}, Args: pickle.Tuple{int64(0), int64(1) << 62, int64(1)}}
	if err := f.place(block{&Array{Kind: 'u', Size: 1, Shape: []int{1 << 40, 0}}, all}); err == nil {
		t.Error("no error")
	}
}

func FuzzRead(f *testing.F) {
	for _, n := range []string{"pandas3-protocol5.pkl", "pandas1-protocol2.pkl", "old.pkl", "arrow.pkl"} {
		f.Add(read(f, n))
	}
	fuzzing.Bound(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		frame, err := Read(raw)
		if err != nil {
			return
		}
		for c := range frame.Columns {
			for row := range min(frame.Rows, 100) {
				if a, ok := frame.At(row, c).(*Array); ok {
					for i := range min(a.Len(), 100) {
						a.At(i)
					}
				}
			}
		}
	})
}

// Whole numbers above those of int64 do not become negative.
func TestLargeUnsigned(t *testing.T) {
	a := &Array{Kind: 'u', Size: 8, Shape: []int{2}, data: []byte{255, 255, 255, 255, 255, 255, 255, 255, 5, 0, 0, 0, 0, 0, 0, 0}, order: binary.LittleEndian}
	if v, ok := a.Float(0); !ok || v != 1<<64 {
		t.Errorf("2^64 - 1 is %v", v)
	}
	if v := a.At(1); v != int64(5) {
		t.Errorf("5 is %v", v)
	}
	x := make([]float32, 2)
	if !a.Floats(x) || x[0] != 1<<64 || x[1] != 5 {
		t.Errorf("values %v", x)
	}
}
