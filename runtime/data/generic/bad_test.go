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
		{"y,a,b,c\n0,1,2,3\n", o(), []string{"line 2", "has 3 values in 3 columns (a, b, c), the model wants 2"}},
		{"y,a,b\n0,1,2\n2,3,4\n", o("classes", "2"), []string{"line 3", `label is "2", expected a whole number 0..1`}},
		{"y,a,b\n0,1,2\nx,3,4\n", o("classes", "0,1"), []string{"line 3", `label is "x", expected one of the classes`}},
		{"y,a,b\n0,1,2\n,3,4\n", o(), []string{"1 different labels"}},
		{"y,a,b\n0,1,2\nnan,3,4\n", o(), []string{"1 different labels"}},
		{"y,a,b\n0,1,2\ninf,3,4\n", o("classes", "2"), []string{"line 3", `label is "inf", expected a finite number`}},
		{"y,a,b\r0,1,2\r1,3,4\r", o(), []string{"carriage return"}},
		{"\xff\xfey\x00,\x00a\x00\n\x00", o(), []string{"a.csv", "UTF-16"}},
		{"y,\"a\nb\"\n0,1\n1,2\n", o("label", "z"), []string{`y, a\nb`}},
		{"y,a,b\n0,1,2\n0,3,4\n", o(), []string{"1 different labels"}},
		{"y,a,b\n0,1,2\n1,3,4\n", o("label", "z"), []string{`no column "z"`, "y, a, b"}},
		{"y,a,b\n0,1,2\n1,3,4\n", o("columns", "q*"), []string{`no column "q*"`}},
		{"y,a,b\n0,1,2\n1,3,4\n", o("columns", "["), []string{"option columns"}},
		{"i,y,a,b\n1,0,1,2\n2,0,1,2\n3,0,1,2\n1,0,1,2\n2,1,3,4\n3,0,1,2\n", o("id", "i"), []string{"line 5", "same i as line 2"}}, // the first of several
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
		{npy(head("<f4", "True", "2, 2"), "0123456789abcde"), []string{"says 16 bytes of numbers, the file has 15"}},
		{npy(head("<f4", "True", "2, 2"), strings.Repeat("\xff", 16)), []string{"row 0", "lacks a value"}},
		{npy(head("<c8", "False", "2,"), strings.Repeat("0", 16)), []string{"complex numbers"}},
		{npy(head("|O", "False", "2,"), strings.Repeat("0", 16)), []string{"objects of Python"}},
		{npy(head("<f4", "False", ""), "0123"), []string{"single number"}},
		{npy(head("<f4", "False", "0, 2"), ""), []string{"holds no record"}},
		{npy(head("<f4", "False", "999999999, 0"), ""), []string{"an example has no values"}},
		{npy(head("<f4", "False", "2, 3"), strings.Repeat("0", 24)), []string{"has 3 values", "x float32[3]", "wants 2"}},
		{npy(head("<f4", "False", "2, 2"), strings.Repeat("\xff", 16)), []string{"row 0", "lacks a value"}},
	} {
		refused(t, "npy", fstest.MapFS{"x.npy": c.file}, row(2), nil, c.parts...)
	}
	for number, message := range map[string]string{"\x00\x00\xc0\x7f": "1 different labels", "\x00\x00\x80\x7f": `row 1: the label is "+Inf", expected finite`} {
		labels := npy(head("<f4", "False", "2"), "\x00\x00\x00\x00"+number)
		refused(t, "npy", fstest.MapFS{"x.npy": npy(head("|u1", "False", "2"), "12"), "y.npy": labels}, row(1), map[string]string{"label": "y"}, message)
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

// The first records of a file may be bad ones, too, and so may its end.
func TestSkipFirstAndLast(t *testing.T) {
	example := func(label int, x float32) []byte { return tfExample(label, x) }
	records := tfRecords([]byte("\xff"), []byte("\xff\xff"), example(1, 1), example(0, 4), example(1, 5))
	for reader, c := range map[string]struct {
		file    *fstest.MapFile
		columns string
		bad     []string
	}{
		"jsonl":    {file("{\"y\": 1\n\n[1]\n{\"y\": 1, \"x\": 1}\n{\"y\": 0, \"x\": 4}\n{\"y\": 0,"), "x", []string{"line 1", "line 3", "line 6"}},
		"tfrecord": {&fstest.MapFile{Data: records[:len(records)-1]}, "x", []string{"byte 0", "byte 17", "record 2"}},
	} {
		var bad []string
		skip := &data.Skip{Limit: 5, Note: func(e *data.Error) { bad = append(bad, e.At) }}
		train, test, err := data.Open(reader, map[string]string{"label": "y", "columns": c.columns, "files": "a", "split": "last", "test_fraction": "0.5"}, fstest.MapFS{"a": c.file}, "folder", row(1), data.OpenOptions{Skip: skip})
		if err != nil {
			t.Errorf("%s: %v", reader, err)
			continue
		}
		equal(t, reader, append(all(t, train, row(1)), all(t, test, row(1))...), []string{"[1] [1]", "[4] [0]"})
		equal(t, reader, bad, c.bad)
	}
	root := fstest.MapFS{"train/a/0.wav": file("RIFF"), "train/a/1.wav": {Data: wav(8000, 1)}, "train/b/1.WAV": {Data: wav(8000, 2)}, "test/a/1.wav": {Data: wav(8000, 3)}, "test/b/1.wav": {Data: wav(9000, 3)}}
	skip := &data.Skip{Limit: 2}
	train, test, err := data.Open("audio", nil, root, "folder", row(1), data.OpenOptions{Skip: skip})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(append(all(t, train, row(1)), all(t, test, row(1))...)); n != 5 || skip.Count() != 2 {
		t.Errorf("%d examples, %d left out, expected 5 and 2", n, skip.Count())
	}
}

// A file that changes during a run ends it, however many bad records may be left out.
func TestChangedFilesAreNotLeftOut(t *testing.T) {
	for reader, c := range map[string]struct {
		root   fstest.MapFS
		change func(root fstest.MapFS)
		what   string
	}{
		"csv":   {fstest.MapFS{"a.csv": file("y,a\n0,1\n1,3\n0,4\n"), "b.csv": file("y,a\n0,1\n1,3\n0,4\n")}, func(root fstest.MapFS) { root["a.csv"] = file("y,a\n0,1\n") }, "a.csv: changed"},
		"audio": {fstest.MapFS{"a/1.wav": {Data: wav(8000, 1)}, "b/2.wav": {Data: wav(8000, 2)}, "b/3.wav": {Data: wav(8000, 3)}}, func(root fstest.MapFS) { delete(root, "b/2.wav"); delete(root, "b/3.wav") }, ".wav: cannot be opened"},
	} {
		o := map[string]string{"test_fraction": "0.4"}
		if reader == "csv" {
			o["label"] = "y"
		}
		train, test, err := data.Open(reader, o, c.root, "folder", row(1), data.OpenOptions{Skip: &data.Skip{Limit: 9}})
		if err != nil {
			t.Fatal(err)
		}
		c.change(c.root)
		e := data.NewExample(row(1), train.Labels())
		for _, set := range []data.Dataset{train, test} {
			for i := 0; i < set.Len() && err == nil; i++ {
				err = set.Example(i, 0, e)
			}
		}
		if err == nil || !strings.Contains(err.Error(), c.what) || !strings.Contains(err.Error(), "start again") {
			t.Errorf("%s: %v", reader, err)
		}
	}
}
