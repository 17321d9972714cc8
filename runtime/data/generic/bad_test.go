package generic

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"mspecc/runtime/data"
)

func TestBadTables(t *testing.T) {
	o := func(more ...string) map[string]string {
		m := map[string]string{"label": "y", "test_fraction": "0.5"}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	for _, c := range []struct {
		text    string
		options map[string]string
		parts   []string
	}{
		{"", o(), []string{"folder/a.csv", "is empty"}},
		{"y,a,b\n", o(), []string{"holds no record"}},
		{"y,a,b\n0,1,2\n1,x,3\n", o(), []string{"line 3", `column a holds "x"`}},
		{"y,a,b\n0,1,2\n1,inf,3\n", o(), []string{"line 3", "holds +Inf"}},
		{"y,a,b\n0,1,2\n1,1e39,3\n", o(), []string{"line 3", "holds 1e+39"}},
		{"y,a,b\n0,1,2\n1,NaN,3\n", o(), []string{"line 3", "lacks a value"}},
		{"y,a,b\n0,1,2\n1,3\n", o(), []string{"line 3", "has 2 columns, the first line has 3"}},
		{"y,a,b\n0,1,2\n1,\"3\n", o(), []string{"line 3", "quote"}},
		{"y,a,b,c\n0,1,2,3\n", o(), []string{"line 2", "has 3 values in 3 columns, the model wants 2"}},
		{"y,a,b\n0,1,2\n2,3,4\n", o("classes", "2"), []string{"line 3", `label is "2", expected a whole number 0..1`}},
		{"y,a,b\n0,1,2\nx,3,4\n", o("classes", "0,1"), []string{"line 3", `label is "x", expected one of the classes`}},
		{"y,a,b\n0,1,2\n,3,4\n", o(), []string{"line 3", "label is missing"}},
		{"y,a,b\n0,1,2\n0,3,4\n", o(), []string{"1 different labels"}},
		{"y,a,b\n0,1,2\n1,3,4\n", o("label", "z"), []string{`no column "z"`, "y, a, b"}},
		{"y,a,b\n0,1,2\n1,3,4\n", o("columns", "q*"), []string{`no column "q*"`}},
		{"y,a,b\n0,1,2\n1,3,4\n", o("columns", "["), []string{"option columns"}},
		{"y,a,b\n0,1,2\n1,3,4\n0,5,6\n", o("id", "y", "label", "y", "columns", "a,b"), []string{"line 4", "same y as line 2"}},
	} {
		refused(t, "csv", fstest.MapFS{"a.csv": file(c.text)}, row(2), c.options, c.parts...)
	}
	cut := zipped("y,a,b\n0,1,2\n1,3,4\n")
	cut.Data = cut.Data[:len(cut.Data)-6]
	refused(t, "csv", fstest.MapFS{"a.csv.gz": cut}, row(2), o(), "folder/a.csv.gz", "ends too early")
	refused(t, "csv", fstest.MapFS{"a.csv.gz": file("y,a,b\n0,1,2\n")}, row(2), o(), "is not a gzip file")
	refused(t, "csv", fstest.MapFS{"a.txt": file("x")}, row(2), o(), "no file *.csv or *.tsv")
	refused(t, "csv", fstest.MapFS{"a.csv": file("a\n1\n")}, row(1), nil, "1 examples, too few")
}

func TestBadArrays(t *testing.T) {
	npy := func(header string, data string) *fstest.MapFile {
		text := "\x93NUMPY\x01\x00" + string([]byte{byte(len(header)), byte(len(header) >> 8)}) + header + data
		return file(text)
	}
	head := func(descr, order, shape string) string {
		return fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }\n", descr, order, shape)
	}
	for _, c := range []struct {
		file  *fstest.MapFile
		parts []string
	}{
		{file("abc"), []string{"x.npy", "does not begin as a NumPy file"}},
		{file("\x93NUMPY\x02\x00\xff\xff\xff\xff"), []string{"bytes long, expected at most"}},
		{npy(head("<f4", "False", "2, 2"), "0123456789abcde"), []string{"says 16 bytes of numbers, the file has 15"}},
		{npy(head("<f4", "False", "99999999999, 99999999999"), ""), []string{"impossible"}},
		{npy(head("<f4", "True", "2, 2"), strings.Repeat("0", 16)), []string{"Fortran"}},
		{npy(head("<c8", "False", "2,"), strings.Repeat("0", 16)), []string{"expected one type of numbers"}},
		{npy(head("|O", "False", "2,"), strings.Repeat("0", 16)), []string{"expected numbers of at most 8 bytes"}},
		{npy(head("<f4", "False", ""), "0123"), []string{"single number"}},
		{npy(head("<f4", "False", "0, 2"), ""), []string{"holds no example"}},
		{npy(head("<f4", "False", "999999999, 0"), ""), []string{"an example has no values"}},
		{npy(head("<f4", "False", "2, 3"), strings.Repeat("0", 24)), []string{"row 0", "has 3 values", "wants 2"}},
		{npy(head("<f4", "False", "2, 2"), strings.Repeat("\xff", 16)), []string{"row 0", "lacks a value"}},
	} {
		refused(t, "npy", fstest.MapFS{"x.npy": c.file}, row(2), nil, c.parts...)
	}
	two := fstest.MapFS{"x.npy": npy(head("<f4", "False", "2, 2"), strings.Repeat("0", 16)), "y.npy": npy(head("|u1", "False", "3,"), "012")}
	refused(t, "npy", two, row(2), map[string]string{"label": "y"}, "x has 2 rows, y has 3")
	refused(t, "npy", fstest.MapFS{"a.npz": file("PK\x03\x04 no archive")}, row(2), nil, "a.npz", "is no .npz file")
	refused(t, "parquet", fstest.MapFS{"a.parquet": file("PAR1 nothing PAR1")}, row(2), nil, "a.parquet", "no sound Parquet file")
}

// A file that changes while it is in use is noticed, whatever becomes of it.
func TestFilesThatChange(t *testing.T) {
	text := "y,a,b\n0,1,2\n1,3,4\n0,5,6\n1,7,8\n"
	for what, change := range map[string]func(name string) error{
		"replaced": func(name string) error {
			return os.WriteFile(name, []byte(strings.ReplaceAll(text, "1,3,4", "1,3,444")), 0o600)
		},
		"cut off":     func(name string) error { return os.Truncate(name, 10) },
		"touched":     func(name string) error { return os.Chtimes(name, time.Now(), time.Now().Add(time.Hour)) },
		"taken away":  os.Remove,
		"made folder": func(name string) error { return errors.Join(os.Remove(name), os.Mkdir(name, 0o700)) },
	} {
		dir := t.TempDir()
		name := filepath.Join(dir, "ünïcode 1.csv")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		train, _, err := data.Open("csv", map[string]string{"label": "y", "test_fraction": "0.25"}, os.DirFS(dir), dir, row(2), data.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := change(name); err != nil {
			t.Fatal(err)
		}
		err = train.Example(0, 0, data.NewExample(row(2), train.Labels()))
		var own *data.Error
		if !errors.As(err, &own) || !strings.Contains(err.Error(), "ünïcode 1.csv") || !strings.Contains(err.Error(), "start again") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// locked is a folder in which one file cannot be opened.
type locked struct {
	fstest.MapFS
	name string
}

func (l locked) Open(name string) (fs.File, error) {
	if name == l.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return l.MapFS.Open(name)
}

func TestUnreadableFiles(t *testing.T) {
	for reader, name := range map[string]string{"csv": "a.csv", "jsonl": "a.jsonl", "npy": "a.npy", "parquet": "a.parquet", "tfrecord": "a.tfrecord", "fasta": "a.fa", "images": "c/a.png", "audio": "c/a.wav"} {
		want := row(2)
		switch reader {
		case "fasta":
			want = words(2, 4)
		case "images":
			want = data.Want{{Shape: []int{1, 2, 2}}}
		}
		refused(t, reader, locked{fstest.MapFS{name: file("x")}, name}, want, nil, "folder/"+name, "permission denied")
	}
}

func TestSkipBadRows(t *testing.T) {
	text := "y,a\n0,1\n1,x\n0,\"2\n1,3\n\"\n1,4\n0\n1,5\n"
	root := fstest.MapFS{"a.csv": file(text), "t.csv": file("y,a\n0,9\n")}
	var notes []string
	skip := &data.Skip{Limit: 5, Note: func(e *data.Error) { notes = append(notes, e.At) }}
	train, _, err := data.Open("csv", map[string]string{"label": "y", "test": "t.csv"}, root, "folder", row(1), data.OpenOptions{Skip: skip})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "good rows", all(t, train, row(1)), []string{"[1] [0]", "[4] [1]", "[5] [1]"})
	if fmt.Sprint(notes) != "[line 3 line 4 line 8]" {
		t.Errorf("left out: %v", notes)
	}
	skip = &data.Skip{Limit: 2}
	if _, _, err := data.Open("csv", map[string]string{"label": "y", "test": "t.csv"}, root, "folder", row(1), data.OpenOptions{Skip: skip}); err == nil || !strings.Contains(err.Error(), "more than the 2") {
		t.Errorf("error %v", err)
	}
}
