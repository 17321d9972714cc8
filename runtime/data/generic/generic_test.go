package generic

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"mspecc/runtime/data"
)

// opened are the examples of a data set as text: values or tokens, then labels.
type opened struct{ train, test []string }

// read opens a data set and reads it whole.
func read(t *testing.T, reader string, root fs.FS, want data.Want, options map[string]string) (opened, data.Labels) {
	t.Helper()
	train, test, err := data.Open(reader, options, root, "folder", want, data.OpenOptions{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return opened{all(t, train, want), all(t, test, want)}, train.Labels()
}

func all(t *testing.T, set data.Dataset, want data.Want) []string {
	t.Helper()
	var out []string
	e := data.NewExample(want, set.Labels())
	for i := range set.Len() {
		for j := range e.X {
			e.X[j] = float32(math.NaN())
		}
		if err := set.Example(i, 0, e); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint(e.X)
		switch {
		case len(e.Tokens) > 0 && len(e.X) > 0:
			text += " " + fmt.Sprint(e.Tokens)
		case len(e.Tokens) > 0:
			text = fmt.Sprint(e.Tokens)
		}
		out = append(out, text+" "+fmt.Sprint(e.Labels))
	}
	return out
}

// refused checks that opening, or reading, fails with an *Error that has all the parts.
func refused(t *testing.T, reader string, root fs.FS, want data.Want, options map[string]string, parts ...string) {
	t.Helper()
	train, test, err := data.Open(reader, options, root, "folder", want, data.OpenOptions{Seed: 1})
	for _, set := range []data.Dataset{train, test} {
		if err != nil {
			break
		}
		e := data.NewExample(want, set.Labels())
		for i := 0; i < set.Len() && err == nil; i++ {
			err = set.Example(i, 0, e)
		}
	}
	var own *data.Error
	if !errors.As(err, &own) {
		t.Errorf("%s %v: got error %v, expected one about %q", reader, options, err, parts)
		return
	}
	for _, p := range append(parts, own.Fix) {
		if p == "" || !strings.Contains(err.Error(), p) {
			t.Errorf("%s: message %q lacks %q", reader, err, p)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: message %q has several lines", reader, err)
	}
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func zipped(text string) *fstest.MapFile {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return &fstest.MapFile{Data: b.Bytes()}
}

func row(n int) data.Want { return data.Want{{Shape: []int{1, n}}} }

func words(n, vocab int) data.Want {
	return data.Want{{Shape: []int{n}, Tokens: true, Vocab: vocab}}
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		t.Errorf("%s: got\n  %s\nexpected\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestCSVRows(t *testing.T) {
	train := "\xef\xbb\xbfid,y,x1,x2\r\n1,b,1,2\r\n\r\n2,a,\"3\",4e1\r\n3,b,5,6"
	root := fstest.MapFS{"sub/train.csv": file(train), "sub/test.csv.gz": zipped("id,y,x1,x2\n9,a,7,8\n")}
	got, labels := read(t, "csv", root, row(2), map[string]string{"label": "y", "columns": "x*", "id": "id", "test": "test.*"})
	equal(t, "train", got.train, []string{"[1 2] [1]", "[3 40] [0]", "[5 6] [1]"})
	equal(t, "test", got.test, []string{"[7 8] [0]"})
	if labels.Classes != 2 || fmt.Sprint(labels.Names) != "[a b]" {
		t.Errorf("labels %+v", labels)
	}
	// Columns by name in another order, a range, classes in a given order, scaling.
	got, _ = read(t, "csv", root, row(2), map[string]string{"label": "y", "columns": "[x2, x1]", "classes": "[b, a]", "test": "sub/test.csv.gz", "scale": "0.5"})
	equal(t, "train", got.train, []string{"[1 0.5] [0]", "[20 1.5] [1]", "[3 2.5] [0]"})
	got, _ = read(t, "csv", root, row(3), map[string]string{"columns": "id,x1..x2", "test": "test.*"})
	equal(t, "train", got.train, []string{"[1 1 2] [0]", "[2 3 40] [0]", "[3 5 6] [0]"})
	got, labels = read(t, "csv", root, row(1), map[string]string{"label": "x2", "columns": "x1", "classes": "1", "test": "test.*"})
	equal(t, "regression", got.train, []string{"[1] [2]", "[3] [40]", "[5] [6]"})
	if labels.Classes != 1 {
		t.Errorf("labels %+v", labels)
	}
}

// Programs of Windows put a mark before the text, quote names, and write True and False.
func TestCSVOfWindows(t *testing.T) {
	root := fstest.MapFS{"a.CSV": file("\xef\xbb\xbf\"y\",\"a b\"\r\n\"0\",True\r\n\"1\",\"False\"\r\n"), "t.csv": file("\xef\xbb\xbf\"y\",a b\r\n1,TRUE\r\n")}
	got, _ := read(t, "csv", root, row(1), map[string]string{"label": "y", "columns": "a*", "test": "t.csv"})
	equal(t, "rows", append(got.train, got.test...), []string{"[1] [0]", "[0] [1]", "[1] [1]"})
	root = fstest.MapFS{"a.csv": file("\xef\xbb\xbf\"0\",5\r\n1,6\r\n"), "t.csv": file("1,7\r\n")}
	got, _ = read(t, "csv", root, row(1), map[string]string{"label": "1", "header": "false", "test": "t.csv"})
	equal(t, "rows without a header", append(got.train, got.test...), []string{"[5] [0]", "[6] [1]", "[7] [1]"})
}

// A first record that has numbers alone is no line of names, unless the option says so. Those that pandas gives columns without names
// count from 0.
func TestCSVWithoutHeader(t *testing.T) {
	for _, text := range []string{"1,2\n3,4\n5,6\n", "\n 5.1,-2e3\n3,4\n5,6\n", "NA,2\n3,4\n5,6\n", ",2\n3,4\n5,6\n", "7,\n3,4\n5,6\n", "true,0\n3,4\n5,6\n", "1,0\n3,4\n5,6\n"} {
		for _, quotes := range []string{"double", "none"} {
			refused(t, "csv", fstest.MapFS{"a.csv": file(text)}, row(2), map[string]string{"quotes": quotes}, "folder/a.csv", "numbers where the names", "the first record is", "say header: false")
		}
	}
	named := fstest.MapFS{"a.csv": file("400.5,401\n3,4\n5,6\n")}
	got, _ := read(t, "csv", named, row(2), map[string]string{"header": "true", "test_fraction": "0.5"})
	if len(got.train)+len(got.test) != 2 {
		t.Errorf("names that are numbers: %v", got)
	}
	for text, note := range map[string]string{"0,1\n3,4\n5,6\n": "a.csv: the first record, 0, 1, is taken for the names", ",0,1\n0,3,4\n1,5,6\n": "the first record, Unnamed: 0, 0, 1, is", "NA,x\n3,4\n5,6\n": "", "NA,null\n3,4\n5,6\n": ""} {
		var notes []string
		train, test, err := data.Open("csv", map[string]string{"test_fraction": "0.5"}, fstest.MapFS{"a.csv": file(text)}, "folder", row(2),
			data.OpenOptions{Note: func(text string) { notes = append(notes, text) }})
		if err != nil || train.Len()+test.Len() != 2 {
			t.Fatalf("%q: %v", text, err)
		}
		if all := strings.Join(notes, "\n"); !strings.Contains(all, note) || note == "" && strings.Contains(all, "record") || note != "" && !strings.Contains(all, "header: false") {
			t.Errorf("%q: %q, expected %q", text, all, note)
		}
	}
}

// Whole numbers that float32 does not hold are told of, unless the mean is taken from them first.
func TestRoundedNumbers(t *testing.T) {
	text := "a,day,c\n0.1,20200103,16777216\n0.3,20200104,5\n0.7,20200106,1e30\n0.7,20200107,33554434\n"
	for options, want := range map[string]string{"columns=day,a": "20200103 of the column day becomes 20200104", "columns=day,a standardize=true": "", "columns=a,c": "33554434 of the column c becomes 33554432", "columns=a": ""} {
		o, n := map[string]string{"test_fraction": "0.5"}, 2
		for _, f := range strings.Fields(options) {
			k, v, _ := strings.Cut(f, "=")
			o[k] = v
		}
		if o["columns"] == "a" {
			n = 1
		}
		var notes []string
		if _, _, err := data.Open("csv", o, fstest.MapFS{"a.csv": file(text)}, "folder", row(n), data.OpenOptions{Note: func(text string) { notes = append(notes, text) }}); err != nil {
			t.Fatal(err)
		}
		if all := strings.Join(notes, "\n"); !strings.Contains(all, want) || want == "" && strings.Contains(all, "digits") {
			t.Errorf("%s: %q, expected %q", options, all, want)
		}
	}
}

// What accountants put into brackets is negative, and no list.
func TestNumbersInBrackets(t *testing.T) {
	for _, cell := range []string{"(5)", "( 5 )", "(12.50)", "\"(1,234)\"", "\"(12,345,678.90)\"", "(1 2)"} {
		refused(t, "csv", fstest.MapFS{"a.csv": file("a,b\n1,2\n3,4\n5,6\n7,8\n9,8\n" + cell + ",5\n")}, row(2), nil, "line 7", "column a holds", "a minus sign")
	}
	for cell, want := range map[string]string{"(1, 234)": "1 234", "(1,2)": "1 2", "(1, 2,)": "1 2", "(1000,234)": "1000 234", "(1.5,234)": "1.5 234", "[1,234]": "1 234", "(-1,234)": "-1 234"} {
		got, _ := read(t, "csv", fstest.MapFS{"a.csv": file("a\n\"" + cell + "\"\n\"" + cell + "\"\n\"" + cell + "\"\n")}, row(2), map[string]string{"test_fraction": "0.34"})
		equal(t, cell, got.train[:1], []string{"[" + want + "] [0]"})
	}
	got, _ := read(t, "csv", fstest.MapFS{"a.csv": file("a\n\"(5,)\"\n\"(6,)\"\n")}, row(1), map[string]string{"test_fraction": "0.5", "split": "last"})
	equal(t, "a tuple of one", got.train, []string{"[5] [0]"})
}

func TestCSVSeparators(t *testing.T) {
	for _, c := range []struct{ name, text, separator, header, columns, label string }{
		{"a.tsv", "a\tb\ty\n1\t2\tx\n3\t4\tz\n", "", "true", "a,b", "y"},
		{"a.csv", "1;2;x\n3;4;z\n", "semicolon", "false", "1,2", "3"},
		{"a.csv", "1  2 x\n3 4  z\n", "blank", "false", "1..2", "3"},
		{"a.csv", "y|a|b\nx|1|2\nz|3|4\n", "pipe", "true", "", "y"},
	} {
		if c.separator == "blank" {
			c.text = strings.ReplaceAll(c.text, "  ", " ")
		}
		options := map[string]string{"separator": c.separator, "header": c.header, "columns": c.columns, "label": c.label, "test_fraction": "0.5"}
		got, _ := read(t, "csv", fstest.MapFS{c.name: file(c.text)}, row(2), options)
		if both := strings.Join(append(got.train, got.test...), "; "); both != "[1 2] [0]; [3 4] [1]" && both != "[3 4] [1]; [1 2] [0]" {
			t.Errorf("%+v: %s", c, both)
		}
	}
}

func TestMissingValues(t *testing.T) {
	root := fstest.MapFS{"a.csv": file("y,a,b\n0,1,2\n1,,4\n0,5,NA\n1,7,8\n"), "t.csv": file("y,a,b\n0,1,1\n1,1,1\n")}
	options := func(more ...string) map[string]string {
		o := map[string]string{"label": "y", "test": "t.csv"}
		for i := 0; i < len(more); i += 2 {
			o[more[i]] = more[i+1]
		}
		return o
	}
	refused(t, "csv", root, row(2), options(), "folder/a.csv, line 3", "lacks a value")
	got, _ := read(t, "csv", root, row(2), options("missing", "zero"))
	equal(t, "zero", got.train, []string{"[1 2] [0]", "[0 4] [1]", "[5 0] [0]", "[7 8] [1]"})
	got, _ = read(t, "csv", root, row(2), options("missing", "drop"))
	equal(t, "drop", got.train, []string{"[1 2] [0]", "[7 8] [1]"})
	refused(t, "csv", root, row(2), options("missing", "interpolate"), "have no neighbours")
	refused(t, "csv", root, row(2), options("missing", "mean"), "error, zero, interpolate or drop")
	// What is missing is the mean where columns are standardised: a has 1, 5, 7, b has 2, 4, 8.
	got, _ = read(t, "csv", root, row(2), options("missing", "zero", "standardise", "true"))
	if !strings.HasPrefix(got.train[1], "[0 ") || !strings.HasPrefix(got.train[3], "[1.069") {
		t.Errorf("standardised: %v", got.train)
	}
}

// windowsCSV has two subjects, each with rows counting up.
func windowsCSV() fstest.MapFS {
	text := "subject,t,x1,x2,y\n"
	for i := range 20 {
		text += fmt.Sprintf("s%d,%d,%d,%d,%c\n", 1+i/12, i, i, 100+i, 'a'+i/12)
	}
	return fstest.MapFS{"a.csv": file(text)}
}

func TestWindows(t *testing.T) {
	want := data.Want{{Shape: []int{2, 4}}}
	options := map[string]string{"label": "y", "columns": "x*", "window": "4", "stride": "2", "split": "by subject", "test_groups": "s2"}
	got, labels := read(t, "csv", windowsCSV(), want, options)
	equal(t, "test", got.test, []string{"[12 13 14 15 112 113 114 115] [1]", "[14 15 16 17 114 115 116 117] [1]", "[16 17 18 19 116 117 118 119] [1]"})
	if len(got.train) != 5 || got.train[4] != "[8 9 10 11 108 109 110 111] [0]" || labels.Classes != 2 {
		t.Errorf("train %v, %+v", got.train, labels)
	}
	// No window straddles the boundary between the subjects even where the split is another one.
	options["split"], options["test_groups"] = "last", ""
	options["test_fraction"] = "0.3"
	got, _ = read(t, "csv", windowsCSV(), want, options)
	equal(t, "last", got.test, []string{"[14 15 16 17 114 115 116 117] [1]", "[16 17 18 19 116 117 118 119] [1]"})
	options["split"] = "random"
	refused(t, "csv", windowsCSV(), want, options, "overlap")
	options["split"], options["window"] = "by nobody", "4"
	refused(t, "csv", windowsCSV(), want, options, `no column "nobody"`, "subject, t, x1, x2, y")
	options["split"], options["test_groups"] = "by subject", "s3"
	refused(t, "csv", windowsCSV(), want, options, "some of s1, s2")
	options["test_groups"] = "s1,s2"
	refused(t, "csv", windowsCSV(), want, options, "nothing to split by")
	options["window"] = "5"
	refused(t, "csv", windowsCSV(), want, options, "window", "f32[2,4]")
}

func TestInterpolation(t *testing.T) {
	root := fstest.MapFS{"a.csv": file("a,b\n,0\n1,1\n,2\n,3\n4,4\n,5\n,6\n7,7\n"), "t.csv": file("a,b\n0,0\n0,0\n0,0\n")}
	want := data.Want{{Shape: []int{2, 3}}}
	got, _ := read(t, "csv", root, want, map[string]string{"missing": "interpolate", "window": "3", "stride": "2", "test": "t.csv"})
	equal(t, "windows", got.train, []string{"[1 1 2 0 1 2] [0]", "[2 3 4 2 3 4] [0]", "[4 5 6 4 5 6] [0]"})
}

// Files with the same bytes are refused, or left out, where that is asked for.
func TestDuplicateFiles(t *testing.T) {
	root := fstest.MapFS{"a/1.wav": {Data: wav(8000, 1, 2)}, "a/2.wav": {Data: wav(8000, 2, 1)}, "b/3.wav": {Data: wav(8000, 1, 2)}, "b/4.wav": {Data: wav(8000, 3, 3, 3)}}
	want := data.Want{{Shape: []int{1, 2}}}
	options := map[string]string{"duplicates": "error", "test_fraction": "0.3"}
	refused(t, "audio", root, want, options, "folder/b/3.wav", "has the same bytes as a/1.wav")
	skip := &data.Skip{Limit: 1}
	train, test, err := data.Open("audio", options, root, "folder", want, data.OpenOptions{Skip: skip})
	if err != nil || train.Len()+test.Len() != 3 || skip.Count() != 1 {
		t.Errorf("%v, %d left out", err, skip.Count())
	}
	refused(t, "audio", root, want, map[string]string{"duplicates": "x"}, "keep or error")
	read(t, "audio", root, want, map[string]string{"test_fraction": "0.3"})
}
