package generic

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"mspecc/runtime/data"
	"mspecc/runtime/data/tfrecord"
)

// expected is what testdata/make.py wrote.
type expected struct {
	X, Half [][]float64
	AB      [][]*float64
	Y       []string
}

func expect(t *testing.T) expected {
	t.Helper()
	raw, err := os.ReadFile("testdata/expect.json")
	if err != nil {
		t.Fatal(err)
	}
	var e expected
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// numbers are the examples of a data set, training before testing, without the order of a
// random split: sorted by the label, or by the last value.
func examples(t *testing.T, reader string, want data.Want, options map[string]string) (x [][]float32, labels []float64, info data.Labels) {
	t.Helper()
	train, test, err := data.Open(reader, options, os.DirFS("testdata"), "testdata", want, data.OpenOptions{Seed: 1})
	if err != nil {
		t.Fatalf("%s %v: %v", reader, options, err)
	}
	for _, set := range []data.Dataset{train, test} {
		for i := range set.Len() {
			e := data.NewExample(want, set.Labels())
			if err := set.Example(i, 0, e); err != nil {
				t.Fatal(err)
			}
			x, labels = append(x, e.X), append(labels, e.Labels[0])
		}
	}
	return x, labels, train.Labels()
}

// near compares the examples, whose label is their number, with what was expected.
func near(t *testing.T, what string, x [][]float32, labels []float64, want [][]float64) {
	t.Helper()
	if len(x) != len(want) {
		t.Fatalf("%s: %d examples, expected %d", what, len(x), len(want))
	}
	for i, row := range x {
		for j, v := range row {
			if w := want[int(labels[i])][j]; float32(w) != v {
				t.Errorf("%s: value %d of example %v is %v, expected %v", what, j, labels[i], v, w)
			}
		}
	}
}

func TestNumPyArrays(t *testing.T) {
	e := expect(t)
	want := data.Want{{Shape: []int{2, 3}}}
	number := map[string]string{"label": "k", "classes": "6", "columns": "x", "window": "0", "test_fraction": "0.5"}
	for _, name := range []string{"stored.npz", "packed.npz", "fortran.npz", "fortran-packed.npz", "fortran/*.npy"} {
		number["files"] = name
		x, labels, _ := examples(t, "npy", want, number)
		near(t, name, x, labels, e.X)
	}
	number["files"] = "single/*.npy"
	x, labels, _ := examples(t, "npy", want, number)
	near(t, "half", x, labels, e.Half)
	x, labels, _ = examples(t, "npy", want, map[string]string{"files": "parts.npz", "columns": "x_train", "label": "y_train", "test_columns": "x_test",
		"test_label": "y_test", "window": "0", "classes": "2"})
	if len(x) != 6 || fmt.Sprint(labels) != "[0 1 0 1 0 1]" || x[5][0] != float32(e.X[5][0]) {
		t.Errorf("%d examples, labels %v", len(x), labels)
	}
	_, _, info := examples(t, "npy", want, map[string]string{"files": "stored.npz", "columns": "x", "label": "y", "window": "0", "test_fraction": "0.5"})
	if fmt.Sprint(info.Names) != "[a b ü]" {
		t.Errorf("classes %v", info.Names)
	}
}

func TestParquet(t *testing.T) {
	e := expect(t)
	x, labels, _ := examples(t, "parquet", data.Want{{Shape: []int{2, 3}}}, map[string]string{"files": "pandas.parquet", "columns": "list", "label": "id", "classes": "6", "window": "0", "test_fraction": "0.5"})
	near(t, "lists", x, labels, e.X)
	_, _, info := examples(t, "parquet", data.Want{{Shape: []int{6}}}, map[string]string{"files": "zstd.parquet", "columns": "list", "label": "y", "test_fraction": "0.5"})
	if fmt.Sprint(info.Names) != "[a b ü]" {
		t.Errorf("classes %v", info.Names)
	}
}

// Types whose numbers are stored as other ones.
func TestParquetTypes(t *testing.T) {
	x, _, _ := examples(t, "parquet", row(4), map[string]string{"files": "types.parquet", "columns": "u32,u64,half,decimal", "label": "y", "split": "last", "test_fraction": "0.5"})
	decimals := []float32{-0.75, 0, 0.25, 250, 1.75, -250000}
	for i := range x {
		if want := []float32{float32(1<<32 - 1 - i), 1 << 64, float32(i)/2 - 1, decimals[i]}; !slices.Equal(x[i], want) {
			t.Errorf("row %d is %v, expected %v", i, x[i], want)
		}
	}
	x, _, _ = examples(t, "parquet", row(1), map[string]string{"files": "decimal.parquet", "columns": "decimal", "label": "y", "split": "last", "test_fraction": "0.5"})
	for i := range x {
		if x[i][0] != decimals[i] {
			t.Errorf("row %d is %v, expected %v", i, x[i], decimals[i])
		}
	}
	if len(x) != len(decimals) {
		t.Errorf("%d rows", len(x))
	}
}

// The same table from pandas as CSV, Parquet and JSON lines.
func TestPandasTables(t *testing.T) {
	e := expect(t)
	for reader, ending := range map[string]string{"csv": "csv", "parquet": "parquet", "jsonl": "jsonl"} {
		options := map[string]string{"files": "pandas." + ending, "columns": "a,b", "label": "id", "classes": "6", "missing": "drop", "test_fraction": "0.4"}
		x, labels, _ := examples(t, reader, row(2), options)
		if len(x) != 5 || slices.Contains(labels, 3) {
			t.Fatalf("%s: examples %v", reader, labels)
		}
		for i, v := range x {
			if w := e.AB[int(labels[i])]; !(math.Abs(float64(v[0])-*w[0]) <= 1e-6) || !(math.Abs(float64(v[1])-*w[1]) <= 1e-6) {
				t.Errorf("%s: example %v is %v, expected %v", reader, labels[i], v, w)
			}
		}
		options["columns"] = "small,flag"
		if reader == "parquet" {
			if x, labels, _ := examples(t, reader, row(2), options); x[0][0] != float32(labels[0]) {
				t.Errorf("%s: %v, labels %v", reader, x, labels)
			}
		}
	}
}

func TestJSONLines(t *testing.T) {
	root := fstest.MapFS{"a.jsonl": file("{\"seq\": \"ACDA\", \"ss\": [0, 1, 2, 1], \"v\": [[1, 2], [3, null]]}\n\n{\"v\": [[5,6],[7,8]], \"ss\": [1], \"seq\": \"C\"}\n"),
		"t.jsonl": file("{\"seq\": \"A\", \"ss\": [], \"v\": [[1,1],[1,1]]}\n")}
	got, labels := read(t, "jsonl", root, words(3, 5), map[string]string{"columns": "seq", "label": "ss", "labels": "each", "classes": "3", "alphabet": "ACD", "test": "t.jsonl"})
	equal(t, "tokens", got.train, []string{"[0 1 2] [0 1 2]", "[1 0 0] [1 NaN NaN]"})
	if labels.Each != 3 || labels.Classes != 3 {
		t.Errorf("%+v", labels)
	}
	got, _ = read(t, "jsonl", root, data.Want{{Shape: []int{2, 2}}}, map[string]string{"columns": "v", "missing": "zero", "window": "0", "test": "t.jsonl"})
	equal(t, "lists", got.train, []string{"[1 2 3 0] [0]", "[5 6 7 8] [0]"})
	refused(t, "jsonl", fstest.MapFS{"a.jsonl": file("{\"a\": 1}\n[2]\n")}, row(1), nil, "a.jsonl, line 2", "no JSON object")
	refused(t, "jsonl", fstest.MapFS{"a.jsonl": file("{\"a\": 1}\n{\"a\": {\"b\": 1}}\n")}, row(1), nil, "line 2", "member a", "object")
	refused(t, "jsonl", fstest.MapFS{"a.jsonl": file("{\"a\": 1}\n{\"a\": [\"x\"]}\n")}, row(1), nil, "line 2", "member a", "expected numbers")
	refused(t, "jsonl", fstest.MapFS{"a.jsonl": file("7\n")}, row(1), nil, "line 1", "no JSON object")
	refused(t, "jsonl", fstest.MapFS{"a.jsonl": file("{}\n")}, row(1), nil, "no members")
	refused(t, "jsonl", fstest.MapFS{"a.jsonl": file("\n\n")}, row(1), nil, "holds no record")
}

func TestVocabulary(t *testing.T) {
	root := fstest.MapFS{"a.csv": file("y,text\n0,\"The cat, the dog.\"\n1,the cow\n"), "t.csv": file("y,text\n0,the bird\n0,x\n"), "v.txt": file("[PAD]\nthe\n[UNK]\ncow\n")}
	o := map[string]string{"columns": "text", "label": "y", "tokens": "words", "lower": "true", "test": "t.csv"}
	got, _ := read(t, "csv", root, words(5, 6), o)
	// the 3, then by name: "," "." cat, then beyond the vocabulary of 6.
	equal(t, "built", append(got.train, got.test...), []string{"[2 5 3 2 1] [0]", "[2 1 0 0 0] [1]", "[2 1 0 0 0] [0]", "[1 0 0 0 0] [0]"})
	o["vocabulary"] = "v.txt"
	got, _ = read(t, "csv", root, words(3, 6), o)
	equal(t, "given", got.train, []string{"[1 2 2] [0]", "[1 3 0] [1]"})
	o["unknown"] = "error"
	refused(t, "csv", root, words(3, 6), o, "a.csv, line 2", `"cat", which is not known`)
	o["vocabulary"], o["unknown"] = "none.txt", ""
	refused(t, "csv", root, words(3, 6), o, "none.txt not found")
	o["vocabulary"] = "v.txt"
	refused(t, "csv", root, words(3, 3), o, "v.txt, line 4", "vocabulary of 3")
	numbers := fstest.MapFS{"a.csv": file("x\n[1 2 3]\n\"(4, 5)\"\n")}
	got, _ = read(t, "csv", numbers, words(3, 6), map[string]string{"tokens": "numbers", "pad": "5", "test_fraction": "0.5"})
	if both := append(got.train, got.test...); !slices.Contains(both, "[1 2 3] [0]") || !slices.Contains(both, "[4 5 5] [0]") {
		t.Errorf("numbers: %v", both)
	}
	refused(t, "csv", numbers, words(3, 5), map[string]string{"tokens": "numbers"}, "line 3", "token 5, expected 0..4")
}

// Whatever data a model is used on, values are scaled as those that it was trained with.
func TestScalingOfTheModel(t *testing.T) {
	type set struct {
		reader  string
		want    data.Want
		options map[string]string
		a, b    fstest.MapFS
	}
	rows := map[string]string{"label": "y", "split": "last", "test_fraction": "0.5"}
	for name, c := range map[string]set{
		"rows": {"csv", row(2), rows, fstest.MapFS{"a.csv": file("y,u,v\n0,1,10\n1,3,50\n0,1,1\n1,2,1\n")}, fstest.MapFS{"b.csv": file("y,u,v\n1,100,7\n0,120,8\n1,100,9\n0,101,9\n")}},
		"windows": {"csv", data.Want{{Shape: []int{2, 2}}}, rows, fstest.MapFS{"a.csv": file("y,u,v\n0,1,10\n1,3,50\n0,1,1\n1,2,1\n")},
			fstest.MapFS{"b.csv": file("y,u,v\n1,100,7\n0,120,8\n1,100,9\n0,101,9\n")}},
		"random": {"jsonl", row(1), map[string]string{"label": "y", "test_fraction": "0.5"}, fstest.MapFS{"a.jsonl": file("{\"y\":0,\"x\":1}\n{\"y\":1,\"x\":5}\n{\"y\":1,\"x\":7}\n{\"y\":1,\"x\":8}\n")},
			fstest.MapFS{"b.jsonl": file("{\"y\":0,\"x\":-1}\n{\"y\":1,\"x\":25}\n")}},
		"files": {"audio", row(2), nil, fstest.MapFS{"train/a/1.wav": {Data: wav(8000, 100, 200)}, "train/b/1.wav": {Data: wav(8000, 300, -200)}, "test/b/1.wav": {Data: wav(8000, 3, 2)}},
			fstest.MapFS{"train/a/1.wav": {Data: wav(8000, 10, 20)}, "train/b/1.wav": {Data: wav(8000, 30, -20)}, "test/a/1.wav": {Data: wav(8000, 30, 200)}}},
		"higgs": {"higgs", row(2), map[string]string{"train": "a.csv", "test": "t.csv"}, fstest.MapFS{"a.csv": file("1,2,3\n0,4,4\n"), "t.csv": file("1,2,3\n")},
			fstest.MapFS{"a.csv": file("1,22,33\n0,4,4\n"), "t.csv": file("0,3,3\n")}},
	} {
		open := func(root fstest.MapFS, standardize string, l data.Learned) (x [][]float32, learned data.Learned) {
			o := maps.Clone(c.options)
			if o == nil {
				o = map[string]string{}
			}
			o["standardize"] = standardize
			train, test, err := data.Open(c.reader, o, root, "folder", c.want, data.OpenOptions{Learned: l, Skip: &data.Skip{Limit: 1}})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, part := range []data.Dataset{train, test} {
				for i := range part.Len() {
					e := data.NewExample(c.want, part.Labels())
					if err := part.Example(i, 0, e); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					x = append(x, e.X)
				}
			}
			return x, data.LearnedOf(train)
		}
		plain, none := open(c.b, "false", data.Learned{})
		_, first := open(c.a, "true", data.Learned{})
		text, err := json.Marshal(first)
		var kept data.Learned
		if err != nil || json.Unmarshal(text, &kept) != nil || none.Scaling != nil || first.Scaling == nil {
			t.Fatalf("%s: %s, %v, %v", name, text, none, err)
		}
		got, second := open(c.b, "true", kept)
		for i, x := range plain {
			first.Scaling.Apply(x)
			if !slices.Equal(x, got[i]) {
				t.Errorf("%s: example %d is %v, expected %v", name, i, got[i], x)
			}
		}
		if fmt.Sprint(second.Scaling) != fmt.Sprint(first.Scaling) {
			t.Errorf("%s: scaled with %v, expected %v", name, second.Scaling, first.Scaling)
		}
		for message, wrong := range map[string]*data.Scaling{"is of 9 channels": {Mean: make([]float64, 9), Factor: make([]float64, 9)}, "is damaged": {Mean: kept.Scaling.Mean}} {
			o := maps.Clone(c.options)
			if o == nil {
				o = map[string]string{}
			}
			o["standardize"] = "true"
			if _, _, err := data.Open(c.reader, o, c.b, "folder", c.want, data.OpenOptions{Learned: data.Learned{Scaling: wrong}}); err == nil || !strings.Contains(err.Error(), message) {
				t.Errorf("%s: error %v, expected %q", name, err, message)
			}
		}
	}
	refused(t, "csv", fstest.MapFS{"a.csv": file("y,text\n0,a\n")}, words(2, 4), map[string]string{"columns": "text", "standardise": "true"}, "option standardize", "texts become tokens")
}

// tfRecords is a file of examples with a float list, an int list and bytes.
func tfRecords(records ...[]byte) []byte {
	var b []byte
	for _, r := range records {
		head := binary.LittleEndian.AppendUint64(nil, uint64(len(r)))
		b = append(b, head...)
		b = binary.LittleEndian.AppendUint32(b, tfrecord.Checksum(head))
		b = append(b, r...)
		b = binary.LittleEndian.AppendUint32(b, tfrecord.Checksum(r))
	}
	return b
}

func wire(number int, payload []byte) []byte {
	return append(binary.AppendUvarint([]byte{byte(number<<3 | 2)}, uint64(len(payload))), payload...)
}

func tfExample(label int, values ...float32) []byte {
	var floats []byte
	for _, v := range values {
		floats = binary.LittleEndian.AppendUint32(floats, math.Float32bits(v))
	}
	entry := func(name string, feature []byte) []byte {
		return wire(1, append(wire(1, []byte(name)), wire(2, feature)...))
	}
	features := append(entry("x", wire(2, wire(1, floats))), entry("y", wire(3, append([]byte{1 << 3}, byte(label))))...)
	features = append(features, entry("raw", wire(1, wire(1, []byte{7, 9})))...)
	return wire(1, features)
}

func TestTFRecord(t *testing.T) {
	good := tfRecords(tfExample(1, 2, 3), tfExample(0, 4, 5))
	root := fstest.MapFS{"a.tfrecord": {Data: good}, "t.tfrecord": {Data: tfRecords(tfExample(1, 6, 7))}}
	o := map[string]string{"columns": "x", "label": "y", "test": "t.tfrecord"}
	got, _ := read(t, "tfrecord", root, row(2), o)
	equal(t, "floats", append(got.train, got.test...), []string{"[2 3] [1]", "[4 5] [0]", "[6 7] [1]"})
	got, _ = read(t, "tfrecord", root, row(2), map[string]string{"columns": "raw", "bytes": "numbers", "test": "t.tfrecord"})
	equal(t, "bytes", got.train, []string{"[7 9] [0]", "[7 9] [0]"})
	damaged := bytes.Clone(good)
	damaged[20] ^= 1
	root["a.tfrecord"] = &fstest.MapFile{Data: damaged}
	refused(t, "tfrecord", root, row(2), o, "a.tfrecord", "CRC-32C")
	skip := &data.Skip{Limit: 1}
	train, _, err := data.Open("tfrecord", o, root, "folder", row(2), data.OpenOptions{Skip: skip})
	if err != nil || train.Len() != 1 || skip.Count() != 1 {
		t.Fatalf("%v, %v, %d left out", train, err, skip.Count())
	}
	root["a.tfrecord"] = &fstest.MapFile{Data: good[:len(good)-3]}
	refused(t, "tfrecord", root, row(2), o, "record 1", "ends too early")
}

func TestFASTA(t *testing.T) {
	root := fstest.MapFS{"a/x.fa": file(">r1 set=one\nACGT\nacgt\n>r2 set=two\r\nGG\r\n"), "b/y.fastq": file("@q1 set=one\nTTTT\n+\n@@>>\n@q2 set=two\nCA\n+q2\nII\n")}
	o := map[string]string{"label": "set=", "test": "*.fastq"}
	got, labels := read(t, "fasta", root, words(6, 4), o)
	equal(t, "records", append(got.train, got.test...), []string{"[0 1 2 3 0 1] [0]", "[2 2 0 0 0 0] [1]", "[3 3 3 3 0 0] [0]", "[1 0 0 0 0 0] [1]"})
	if labels.Classes != 2 || labels.Names[1] != "two" {
		t.Errorf("%+v", labels)
	}
	long := strings.Repeat("ACGTTGCA\n", 400)
	got, _ = read(t, "fasta", fstest.MapFS{"g.fna": file(">g\n" + strings.Repeat(long, 30) + ">h\nCC\n")}, words(5, 4), map[string]string{"test_fraction": "0.5"})
	if both := append(got.train, got.test...); !slices.Contains(both, "[1 1 0 0 0] [0]") || !slices.Contains(both, "[0 1 2 3 3] [0]") {
		t.Errorf("a record behind a long one: %v", both)
	}
	root = fstest.MapFS{"g.fna": zipped(">g\n" + long + ">h\n" + strings.Repeat("C", 50) + "N" + strings.Repeat("G", 12) + "\n")}
	got, _ = read(t, "fasta", root, words(5, 4), map[string]string{"stride": "5", "unknown": "drop"})
	plain := strings.ReplaceAll(long, "\n", "")
	text := func(at int) string {
		return fmt.Sprint(func() (ids []int) {
			for _, c := range plain[at : at+5] {
				ids = append(ids, strings.IndexRune("ACGT", c))
			}
			return ids
		}()) + " [0]"
	}
	for _, i := range []int{0, 1, 204, 410, 575} {
		if got.train[i] != text(5*i) {
			t.Errorf("window %d is %s, expected %s", i, got.train[i], text(5*i))
		}
	}
	if n := len(got.train) + len(got.test); n != 576+64+10+1+1 {
		t.Errorf("%d + %d windows", len(got.train), len(got.test))
	}
	for _, c := range []struct {
		text  string
		parts []string
	}{
		{"ACGT\n", []string{"line 1", "neither > nor @"}},
		{">a\nAXC\n>b\nA\n", []string{"line 1", "\"a\"", `letter 2 is 'X'`}},
		{">a\nA\n>a\nC\n", []string{"line 3", "name of a record before"}},
		{"@a\nACGT\n+\nII\n", []string{"fewer qualities"}},
		{"@a\nACGT\n+\nIIIII\n", []string{"more qualities"}},
		{"@a\nACGT\n", []string{"no line with +"}},
	} {
		refused(t, "fasta", fstest.MapFS{"a.fa": file(c.text)}, words(3, 4), nil, c.parts...)
	}
	root = fstest.MapFS{"a.fa": file("\xef\xbb\xbf\r\n>a\tx\r\nAC\r\n\r\n>b\r\nG\r\n"), "b.fq": file("\n@q\nT\n+\nI\n \n\n@r\nTT\n+\nII\n\n")}
	got, _ = read(t, "fasta", root, words(2, 4), map[string]string{"test": "*.fq"})
	equal(t, "with empty lines between records", append(got.train, got.test...), []string{"[0 1] [0]", "[2 0] [0]", "[3 0] [0]", "[3 3] [0]"})
	refused(t, "fasta", fstest.MapFS{"a.fa": file(">a\tx\nA\n>a\ty\nC\n")}, words(3, 4), nil, "line 3", "name of a record before")
	refused(t, "fasta", fstest.MapFS{"a.fa": file(">a\nA\n>b\nC\n")}, words(3, 4), map[string]string{"label": "word 3"}, "header has no word 3")
	refused(t, "fasta", fstest.MapFS{"a.fa": file(">a\nA\n")}, words(3, 4), map[string]string{"alphabet": "AA"}, "different letters")
}

// pngBytes is a picture of one colour.
func pngBytes(w, h int, c color.Color) []byte {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		m.Set(i%w, i/w, c)
	}
	var b bytes.Buffer
	_ = png.Encode(&b, m)
	return b.Bytes()
}

func TestImageFolder(t *testing.T) {
	red, blue := color.RGBA{255, 0, 0, 255}, color.RGBA{0, 0, 51, 255}
	root := fstest.MapFS{"train/rot/a.png": {Data: pngBytes(4, 4, red)}, "train/blau/ü 1.png": {Data: pngBytes(1, 1, blue)}, "train/blau/.hidden.png": file("x"),
		"val/rot/c.png": {Data: pngBytes(9, 3, red)}, "readme.txt": file("hello")}
	want := data.Want{{Shape: []int{3, 1, 2}}}
	got, labels := read(t, "images", root, want, nil)
	equal(t, "train and test", append(got.train, got.test...), []string{"[0 0 0 0 0.2 0.2] [0]", "[1 1 0 0 0 0] [1]", "[1 1 0 0 0 0] [1]"})
	if fmt.Sprint(labels.Names) != "[blau rot]" {
		t.Errorf("%+v", labels)
	}
	got, _ = read(t, "images", root, data.Want{{Shape: []int{3, 1, 4}}}, map[string]string{"resize": "pad"})
	equal(t, "padded", got.train[1:], []string{"[0 1 0 0 0 0 0 0 0 0 0 0] [1]"})
	got, _ = read(t, "images", root, want, map[string]string{"train": "none", "label": "none", "split": `by ([a-z]+)\.png|( 1)`, "test_groups": "c"})
	if len(got.test) != 1 || len(got.train) != 2 {
		t.Errorf("by group: %v", got)
	}
	root["train/rot/b.png"] = file("no picture")
	refused(t, "images", root, want, nil, "folder/train/rot/b.png", "no picture")
	root["train/rot/b.png"] = file("")
	refused(t, "images", root, want, nil, "folder/train/rot/b.png", "is empty")
	refused(t, "images", fstest.MapFS{"a.txt": file("x")}, want, nil, "no file *.jpg")
	refused(t, "images", fstest.MapFS{"a/a.png": {Data: pngBytes(1, 1, red)}, "a/b.png": {Data: pngBytes(1, 1, red)}}, want, map[string]string{"test_fraction": "0.5"}, "1 classes")
	refused(t, "images", root, words(3, 4), nil, "pictures give")
}

// wav is a mono recording of 16 bits.
func wav(rate int, samples ...int16) []byte {
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(36+2*len(samples)))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	for _, v := range []uint16{1, 1} {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(2*rate))
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(2*len(samples)))
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}

func TestAudioFolder(t *testing.T) {
	root := fstest.MapFS{"train/a/1.wav": {Data: wav(8000, 16384, -16384, 8192)}, "train/b/2.wav": {Data: wav(8000, 0, 0, 16384, 0, 0, 0)},
		"test/a/3.wav": {Data: wav(8000, 1, 2, 3, 4, 5, 6, 7)}}
	want := data.Want{{Shape: []int{1, 4}}}
	got, _ := read(t, "audio", root, want, map[string]string{"cut": "middle"})
	equal(t, "train", got.train, []string{"[0.5 -0.5 0.25 0] [0]", "[0 0.5 0 0] [1]"})
	train, test, err := data.Open("audio", nil, root, "folder", want, data.OpenOptions{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	differ := map[string]bool{}
	e := data.NewExample(want, train.Labels())
	for epoch := range uint64(20) {
		_ = train.Example(1, epoch, e)
		differ[fmt.Sprint(e.X)] = true
		if err := test.Example(0, epoch, e); err != nil || fmt.Sprint(e.X) != "[3.0517578e-05 6.1035156e-05 9.1552734e-05 0.00012207031]" {
			t.Fatalf("test %v, %v", e.X, err)
		}
	}
	if len(differ) != 3 {
		t.Errorf("%d different cuts of a training file", len(differ))
	}
	root["train/b/2.wav"] = &fstest.MapFile{Data: wav(16000, 1)}
	refused(t, "audio", root, want, nil, "folder/train/b/2.wav", "16000 samples a second", "train/a/1.wav has 8000")
	read(t, "audio", root, want, map[string]string{"rate": "any"})
	refused(t, "audio", root, want, map[string]string{"rate": "44100"}, "the option rate says 44100")
	root["train/b/2.wav"] = &fstest.MapFile{Data: wav(8000)}
	refused(t, "audio", root, want, nil, "train/b/2.wav", "sample")
	mel := data.Want{{Shape: []int{1, 8, 5}}}
	root["train/b/2.wav"] = &fstest.MapFile{Data: wav(8000, 1, 5000, 1)}
	got, _ = read(t, "audio", root, mel, map[string]string{"fft": "64", "hop": "32"})
	if len(got.train) != 2 || strings.Contains(got.train[0], "NaN") {
		t.Errorf("spectrograms %v", got.train)
	}
	refused(t, "audio", root, data.Want{{Shape: []int{2, 4}}}, nil, "recordings give")
}

// An index with few places finds every record: behind quoted lines, empty ones, and bad ones that are left out.
func TestCSVWithFewPlaces(t *testing.T) {
	var text strings.Builder
	var want []string
	text.WriteString("\xef\xbb\xbfa,b\n")
	for i := range 500 {
		switch i % 7 {
		case 2:
			fmt.Fprintf(&text, "%d,\"two\nlines, \"\"%d\"\"\n\"\r\n", i, i)
			want = append(want, fmt.Sprintf("%d two\nlines, \"%d\"\n", i, i))
			continue
		case 3:
			fmt.Fprintf(&text, "%d,a\"b\n", i)
			continue
		case 5:
			text.WriteString("\n\r\n")
		}
		fmt.Fprintf(&text, "%d,%s\n", i, strings.Repeat("x", i))
		want = append(want, fmt.Sprint(i, " ", strings.Repeat("x", i)))
	}
	root := fstest.MapFS{"a.csv": file(text.String())}
	skip := &data.Skip{Limit: 100}
	_, _, err := data.Open("probe", nil, root, "folder", row(1), data.OpenOptions{Skip: skip})
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{2, 16, 0} {
		tab := &csvTable{recordFile: recordFile{b: probed, records: data.Places{Limit: limit}, end: quotedEnd}, sep: ','}
		if err := tab.scan(true); err != nil {
			t.Fatal(err)
		}
		_, _ = tab.bind([]int{0, 1})
		if tab.rows() != len(want) {
			t.Fatalf("%d rows, expected %d", tab.rows(), len(want))
		}
		for _, part := range [][2]int{{0, len(want)}, {3, 4}, {100, 260}, {len(want) - 1, len(want)}} {
			k := part[0]
			err := tab.read(part[0], part[1], 2, func(row int, cells []cell) error {
				if got := string(cells[0].text) + " " + string(cells[1].text); row != k || got != want[k] {
					t.Fatalf("%d places: row %d is %q, expected %q", limit, row, got, want[k])
				}
				k++
				return nil
			})
			if err != nil || k != part[1] {
				t.Fatal(k, err)
			}
		}
		if got := tab.at(2); got != "line 4" {
			t.Errorf("row 2 is in %s", got)
		}
	}
}

// Texts of arrays keep what tells them apart: zeros within them, and halves of pairs of surrogates, which are no characters.
func TestWideTexts(t *testing.T) {
	open := func(texts ...string) fstest.MapFS {
		var raw []byte
		for _, text := range texts {
			cell := make([]byte, 12)
			for i := range len(text) {
				binary.LittleEndian.PutUint32(cell[4*i:], map[byte]uint32{'1': 0xd801, '2': 0xd802, '3': 0x110000}[text[i]])
				if cell[4*i]|cell[4*i+1]|cell[4*i+2] == 0 {
					cell[4*i] = text[i]
				}
			}
			raw = append(raw, cell...)
		}
		return fstest.MapFS{"a.npz": {Data: npzBytes(t, []string{"x", "y"}, map[string][]byte{"x": npyBytes("<f4", "4,", make([]byte, 16)), "y": npyBytes("<U3", "4,", raw)})}}
	}
	options := map[string]string{"columns": "x", "label": "y", "split": "last", "test_fraction": "0.25"}
	got, labels := read(t, "npy", open("a\x00b", "ab", "a", "ab"), row(1), options)
	if equal(t, "labels", got.train, []string{"[0] [1]", "[0] [2]", "[0] [0]"}); labels.Classes != 3 {
		t.Errorf("%+v", labels)
	}
	for _, text := range []string{"a1", "a2", "3"} {
		refused(t, "npy", open("a", "b", text, "b"), row(1), options, "a.npz, row 2", "the label holds the text", "UTF-8")
	}
}

// probed is the file that the reader probe has opened.
var probed *data.Blob

func init() {
	data.Register(data.Reader{Name: "probe", Doc: "opens a.csv", Open: func(s *data.Source) (train, test data.Dataset, err error) {
		probed, err = s.OpenBlob("a.csv")
		return nil, nil, err
	}})
}

// The same for JSON lines.
func TestJSONLinesWithFewPlaces(t *testing.T) {
	var text strings.Builder
	text.WriteString("\xef\xbb\xbf")
	for i := range 300 {
		fmt.Fprintf(&text, "{\"a\": %d}%s\n", i, []string{"", "\n  \t", "\r"}[i%3])
	}
	root := fstest.MapFS{"a.csv": file(strings.TrimSuffix(text.String(), "\n"))}
	s := func(limit int) *jsonlTable {
		if _, _, err := data.Open("probe", nil, root, "folder", row(1), data.OpenOptions{}); err != nil {
			t.Fatal(err)
		}
		tab, err := openJSONL(probed.Source, nil, "a.csv")
		if err != nil {
			t.Fatal(err)
		}
		all := tab.(*jsonlTable)
		few := &jsonlTable{recordFile: recordFile{b: all.b, end: lineEnd, records: data.Places{Limit: limit}}, names: all.names, want: []int{0}}
		at := int64(len("\xef\xbb\xbf"))
		for i := range all.rows() {
			from, to, _ := all.records.Around(i)
			if from != at {
				t.Fatalf("record %d begins at %d, the one before ends at %d", i, from, at)
			}
			few.records.Add(from, to)
			at = to
		}
		return few
	}
	for _, limit := range []int{2, 9, 0} {
		tab, k := s(limit), 37
		err := tab.read(37, 300, 1, func(row int, cells []cell) error {
			if got := string(cells[0].text); row != k || got != fmt.Sprint(k) {
				t.Fatalf("row %d is %s, expected %d", row, got, k)
			}
			k++
			return nil
		})
		if err != nil || k != 300 {
			t.Errorf("%d places: %d rows, %v", limit, k, err)
		}
	}
}
