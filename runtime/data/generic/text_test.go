package generic

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"mspecc/runtime/data"
)

// Bytes that are not UTF-8 are an error wherever they count, in every reader: as tokens, labels, groups, ids, names of
// columns, of a vocabulary, an alphabet and in options. Replaced, they would make different texts equal.
func TestTextThatIsNoUTF8(t *testing.T) {
	const bad = "caf\xe9"
	texts := map[string]string{"columns": "t", "split": "last", "test_fraction": "0.4"}
	for reader := range writers {
		if reader == "npy" {
			continue // its texts are of whole characters, or of bytes, below
		}
		name, text := "0"+writers[reader].ending, bad
		if reader == "jsonl" {
			text = "CAF?" // its writer takes no other
		}
		root := folderOf(t, reader, map[string]records{"0": {[]string{"t", "n", "y"}, [][]any{{"cafe", 1.0, "u"}, {text, 2.0, "v"}, {"thé", 3.0, "u"}}}})
		root[name].Data = bytes.ReplaceAll(root[name].Data, []byte("CAF?"), []byte(bad))
		want := words(8, 16)
		for what, options := range map[string]map[string]string{
			"tokens": texts, "words": {"columns": "t", "tokens": "words"}, "label": {"columns": "y", "label": "t"}, "labels of tokens": {"columns": "y", "label": "t", "labels": "each", "classes": "c,a,f,e"},
			"group": {"columns": "y", "split": "by t"}, "id": {"columns": "y", "id": "t"},
		} {
			t.Run(reader+" "+what, func(t *testing.T) { refused(t, reader, root, want, options, name, `caf\xe9`, "UTF-8") })
		}
		if reader != "jsonl" { // whose lines are text as a whole
			rows(t, reader, root, row(1), map[string]string{"columns": "n", "label": "y"})
		}
	}
	latin := fstest.MapFS{"a.csv": file("\xe9t,y\n1,0\n2,1\n")}
	refused(t, "csv", latin, row(1), map[string]string{"label": "y", "test_fraction": "0.5"}, "a.csv", `a column called "\xe9t"`, "UTF-8")
	rows(t, "csv", latin, row(1), map[string]string{"columns": "y"})
	refused(t, "jsonl", fstest.MapFS{"a.jsonl": file("{\"t\": \"a\"}\n{\"t\": \"\\ud800x\"}\n")}, words(4, 8), nil, "line 2", "half a pair of surrogates")
	vocabulary := fstest.MapFS{"a.csv": file("t\ncafe\nthe\n"), "v.txt": file("[PAD]\ncafe\nth\xe9\n")}
	refused(t, "csv", vocabulary, words(4, 8), map[string]string{"vocabulary": "v.txt", "tokens": "words"}, "v.txt, line 3", "UTF-8")
	refused(t, "csv", vocabulary, words(4, 8), map[string]string{"alphabet": "caf\xe9"}, "option alphabet", "UTF-8")
	bytesOfNumPy := fstest.MapFS{"t.npy": {Data: npyBytes("|S4", "2,", []byte("cafecaf\xe9"))}}
	refused(t, "npy", bytesOfNumPy, words(4, 8), map[string]string{"test_fraction": "0.5"}, "row 1", `"caf\xe9"`, "UTF-8")
	refused(t, "csv", fstest.MapFS{"a.csv": file("y\x00,\x00a\x00\n\x00")}, row(1), nil, "a.csv", "UTF-16")
	for _, name := range []string{"caf\xe9/a.png", "c/caf\xe9.png"} {
		refused(t, "images", fstest.MapFS{name: {Data: pngBytes(1, 1, white{})}, "b/b.png": {Data: pngBytes(1, 1, white{})}}, data.Want{{Shape: []int{1, 1, 1}}}, nil, `caf\xe9`, "UTF-8")
	}
}

// In most corpora of tab-separated files quotes are letters: with CSV's rules, two of them swallow the rows between.
func TestQuotesInTSV(t *testing.T) {
	text := "text\ty\n"
	var want []string
	for i := range 40 {
		word := fmt.Sprint("w", i)
		switch i {
		case 10:
			word = "\"" + word
		case 30:
			word += "\""
		}
		text += fmt.Sprintf("%s\t%d\n", word, i%2)
		want = append(want, fmt.Sprintf("[%d] [%d]", i, i%2))
	}
	want[10], want[30] = "[40] [0]", "[40] [0]"
	alphabet := fstest.MapFS{"t.tsv": file(text), "v.txt": file(strings.Join(func() (words []string) {
		for i := range 40 {
			words = append(words, fmt.Sprint("w", i))
		}
		return append(words, `"`)
	}(), "\n"))}
	options := map[string]string{"columns": "text", "label": "y", "tokens": "words", "vocabulary": "v.txt", "pad": "w0"}
	refused(t, "csv", alphabet, words(1, 64), options, "t.tsv, line 12", "a quote begins a field", `quotes: "none"`)
	with := func(quotes string) map[string]string {
		o := map[string]string{"quotes": quotes}
		for k, v := range options {
			o[k] = v
		}
		return o
	}
	got := rows(t, "csv", alphabet, words(1, 64), with("none"))
	want[30] = "[30] [0]" // the first word
	equal(t, "quotes none", got, want)
	if n := len(rows(t, "csv", alphabet, words(1, 64), with("double"))); n != 20 {
		t.Errorf("quotes double: %d rows, expected 20", n)
	}
	refused(t, "csv", alphabet, words(1, 64), with("single"), "option quotes")
	// Other separators, empty fields, ends of lines of Windows, an empty line, blanks.
	got = rows(t, "csv", fstest.MapFS{"a.csv": file("\xef\xbb\xbfa,y\r\n\r\n1,\"x\r\n2,x\"\r\n,\"x")}, row(1), map[string]string{"quotes": "none", "label": "y", "missing": "zero"})
	equal(t, "quotes none in CSV", got, []string{"[1] [0]", "[2] [1]", "[0] [0]"})
	got = rows(t, "csv", fstest.MapFS{"a.txt": file("a   y\n 1 'x'\n2  \"\n")}, row(1), map[string]string{"files": "a.txt", "quotes": "none", "separator": "blank", "label": "y"})
	equal(t, "quotes none with blanks", got, []string{"[1] [1]", "[2] [0]"})
	refused(t, "csv", fstest.MapFS{"a.csv": file("a,b\n1,2\n3,4,5\n")}, row(2), map[string]string{"quotes": "none"}, "line 3", "has 3 columns")
	refused(t, "csv", fstest.MapFS{"a.csv": file("a,t\n1,x\n3,a \"b\" c\n")}, row(1), map[string]string{"columns": "a"}, "line 3", `quotes: "none"`)
}

// The columns of JSON lines are those of all records, not of the first.
func TestJSONLinesColumns(t *testing.T) {
	root := fstest.MapFS{"t.jsonl": file("{\"a\": 0}\n{\"b\": 2, \"a\": 1}\n{\"a\": 3, \"b\": 4, \"\\u0061\": 5}\n")}
	for _, columns := range []string{"a,b", "", "a..b", "*"} {
		equal(t, "columns "+columns, rows(t, "jsonl", root, row(2), map[string]string{"columns": columns, "missing": "zero"}), []string{"[0 0] [0]", "[1 2] [0]", "[5 4] [0]"})
	}
	refused(t, "jsonl", root, row(2), nil, "line 1", "lacks a value in column b")
	refused(t, "jsonl", root, row(2), map[string]string{"columns": "a,c"}, `no column "c"`, "a, b")
	equal(t, "TFRecord", rows(t, "tfrecord", fstest.MapFS{"t.tfrecord": {Data: writeTFRecord(t, records{[]string{"b", "a"}, [][]any{{nil, 0.0}, {2.0, 1.0}, {4.0, 3.0}}})}}, row(2), map[string]string{"missing": "zero"}),
		[]string{"[0 0] [0]", "[1 2] [0]", "[3 4] [0]"})
}

// NaN is a missing value, as Python writes it; infinite numbers are an error; true and false are 1 and 0.
func TestJSONLinesNaN(t *testing.T) {
	lines := "{\"x\": [0, 1, 2], \"s\": \"NaN Infinity\"}\n{\"x\": [NaN, true, false], \"s\": \"NaN\"}\n{\"x\": NaN, \"s\": null}\n"
	root := fstest.MapFS{"t.jsonl": file(lines)}
	equal(t, "numbers", rows(t, "jsonl", root, row(3), map[string]string{"columns": "x", "missing": "zero"}), []string{"[0 1 2] [0]", "[0 1 0] [0]", "[0 0 0] [0]"})
	for _, x := range []string{"[0, 1, Infinity]", "[0, -Infinity, 0]", "[1e999, 0, 0]"} {
		refused(t, "jsonl", fstest.MapFS{"t.jsonl": file(lines + "{\"x\": " + x + "}\n")}, row(3), map[string]string{"columns": "x", "missing": "zero"}, "line 4", "Inf, expected finite numbers")
	}
	refused(t, "jsonl", fstest.MapFS{"t.jsonl": file(lines + "{\"x\": nan}\n")}, row(3), map[string]string{"columns": "x", "missing": "zero"}, "line 4", "no JSON object")
	refused(t, "jsonl", fstest.MapFS{"t.jsonl": file("[{\"x\": 1},\n{\"x\": 2}]\n")}, row(1), nil, "line 1", "list of objects", "a line of its own")
}

// The words that tables have for nothing, in every place of a value.
func TestWordsForNothing(t *testing.T) {
	text := "a,b\n1,2\n"
	marks := []string{"", "NA", "N/A", "nan", "NaN", "-nan", "NULL", "null", "None", "<NA>", "#N/A", "1.#QNAN", "-1.#IND", `\N`, "?", "-"}
	for _, m := range marks {
		text += m + ",3\n"
	}
	got := rows(t, "csv", fstest.MapFS{"a.csv": file(text + "[None],3\n")}, row(2), map[string]string{"missing": "zero"})
	for i, r := range got[1:] {
		if r != "[0 3] [0]" {
			t.Errorf("%d: %s", i, r)
		}
	}
	train, _, err := data.Open("csv", map[string]string{"missing": "zero"}, fstest.MapFS{"a.csv": file(text)}, "folder", row(2), data.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if a := data.SchemaOf(train).Columns[0]; a.Missing != len(marks) || len(a.Marks) != 8 || a.Marks[0] != "nothing" || a.Marks[1] != "NA" {
		t.Errorf("column %+v", a)
	}
	refused(t, "csv", fstest.MapFS{"a.csv": file("a;b\n3,14;1\n")}, row(2), map[string]string{"separator": "semicolon"}, "column a", "with a point, not a comma")
}

// Several texts of a feature are not one, and a SequenceExample has its lists; another message is refused.
func TestTFRecordLists(t *testing.T) {
	several := wire(1, wire(1, append(wire(1, []byte("words")), wire(2, wire(1, append(wire(1, []byte("a")), wire(1, []byte("b"))...)))...)))
	root := fstest.MapFS{"t.tfrecord": {Data: tfRecords(several, several)}}
	refused(t, "tfrecord", root, words(4, 16), map[string]string{"tokens": "words"}, "record 0", "words has 2 texts")
	equal(t, "bytes of both", rows(t, "tfrecord", root, row(2), map[string]string{"bytes": "numbers"}), []string{"[97 98] [0]", "[97 98] [0]"})
	raw, err := os.ReadFile("testdata/schema/audioset.tfrecord")
	if err != nil {
		t.Fatal(err)
	}
	root = fstest.MapFS{"t.tfrecord": {Data: raw}}
	got := rows(t, "tfrecord", root, data.Want{{Shape: []int{8, 4}}}, map[string]string{"columns": "audio_embedding", "bytes": "numbers", "layout": "NTC"})
	if len(got) != 20 || !strings.HasPrefix(got[0], "[") {
		t.Errorf("%d examples, %s", len(got), got[0])
	}
	refused(t, "tfrecord", root, data.Want{{Shape: []int{8, 4}}}, map[string]string{"columns": "audio_embedding", "bytes": "numbers"}, "axes [4 8]", `layout: "NTC"`)
	refused(t, "tfrecord", root, words(4, 16), map[string]string{"columns": "audio_embedding"}, "audio_embedding", "list of texts")
	refused(t, "tfrecord", root, row(3), map[string]string{"columns": "nothing"}, "audio_embedding, labels")
	refused(t, "tfrecord", fstest.MapFS{"t.tfrecord": {Data: tfRecords(wire(3, []byte("x")))}}, row(1), nil, "no tf.train.Example or SequenceExample")
}

// A file of another kind is named for what it is.
func TestTablesThatAreNone(t *testing.T) {
	arrow := "ARROW1\x00\x00" + strings.Repeat("x", 100)
	refused(t, "parquet", fstest.MapFS{"a.parquet": file(arrow)}, row(1), nil, "is an Arrow file, no Parquet file", "pyarrow")
	refused(t, "csv", fstest.MapFS{"a.csv": file("PK\x03\x04\x14\x00\x06\x00")}, row(1), nil, "is a zip archive, no text")
	refused(t, "csv", fstest.MapFS{"a.csv": file("<!DOCTYPE html>\n<html>")}, row(1), nil, "is a web page")
	refused(t, "jsonl", fstest.MapFS{"a.jsonl": file("version https://git-lfs.github.com/spec/v1\noid sha256:1\n")}, row(1), nil, "pointer of Git LFS")
	partitioned := folderOf(t, "parquet", map[string]records{"label=0/a": {[]string{"x"}, [][]any{{1.0}, {2.0}}}, "label=1/a": {[]string{"x"}, [][]any{{3.0}}}})
	refused(t, "parquet", partitioned, row(1), map[string]string{"label": "label"}, `no column "label"`, "the folder label=0", "partitions")
	refused(t, "parquet", partitioned, row(1), map[string]string{"split": "by label"}, `no column "label"`, "split: by folder")
}
