package generic

import (
	"bytes"
	"compress/zlib"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"mspecc/runtime/data"
)

// Packed files are recognised by their first bytes, whatever their names are, in every reader that opens tables.
func TestPackedFiles(t *testing.T) {
	names, err := os.ReadDir("../unpack/testdata")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, e := range names {
		if !strings.HasPrefix(e.Name(), "text") {
			continue
		}
		count++
		raw := mustRead(t, "../unpack/testdata/"+e.Name())
		for _, name := range []string{e.Name(), "plain.csv"} {
			train, test, err := data.Open("csv", map[string]string{"columns": "x^2,y"}, fstest.MapFS{name: {Data: raw}}, "DIR", row(2), data.OpenOptions{})
			if err != nil {
				t.Errorf("%s as %s: %v", e.Name(), name, err)
			} else if n := train.Len() + test.Len(); n != 60 {
				t.Errorf("%s as %s: %d rows", e.Name(), name, n)
			}
		}
	}
	if count != 9 {
		t.Errorf("%d files", count)
	}
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	records := tfRecords(tfExample(1, 2, 3), tfExample(0, 4, 5), tfExample(0, 4, 5), tfExample(1, 4, 5))
	if _, err := w.Write(records); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	options := map[string]string{"columns": "x", "label": "y", "test_fraction": "0.3"}
	for name, raw := range map[string][]byte{"t-0.tfr": z.Bytes(), "a.tfrecord": z.Bytes(), "b.tfrecord-00000-of-00001": records} {
		train, test, err := data.Open("tfrecord", options, fstest.MapFS{name: {Data: raw}}, "DIR", row(2), data.OpenOptions{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if n := train.Len() + test.Len(); n != 4 {
			t.Errorf("%s: %d records", name, n)
		}
	}
}

// Indexes and checksums beside the files are no files of the data set, unless they are asked for.
func TestFilesBeside(t *testing.T) {
	records := &fstest.MapFile{Data: tfRecords(tfExample(1, 2, 3), tfExample(0, 4, 5), tfExample(0, 4, 5), tfExample(1, 4, 5))}
	junk := &fstest.MapFile{Data: []byte("0 30\n30 30\n")}
	root := fstest.MapFS{"train-00000.tfrecord": records}
	for _, end := range []string{".idx", ".index", ".crc", ".md5", ".sha256", ".INDEX"} {
		root["train-00000.tfrecord"+end] = junk
	}
	options := map[string]string{"columns": "x", "label": "y", "test_fraction": "0.3"}
	train, test, err := data.Open("tfrecord", options, root, "DIR", row(2), data.OpenOptions{})
	if err != nil || train.Len()+test.Len() != 4 {
		t.Fatal(err)
	}
	options["files"] = "*.idx"
	refused(t, "tfrecord", root, row(2), options, "train-00000.tfrecord.idx")
}

// A file of another kind is named for what it is, wherever it is given.
func TestOtherFiles(t *testing.T) {
	hdf := "\x89HDF\r\n\x1a\n" + strings.Repeat("\x00", 64)
	for reader, name := range map[string]string{"tfrecord": "a.tfrecord", "npy": "a.npy", "csv": "a.csv", "jsonl": "a.jsonl", "parquet": "a.parquet", "images": "a.png", "audio": "a.wav"} {
		want := row(2)
		switch reader {
		case "images":
			want = data.Want{{Shape: []int{3, 2, 2}}}
		case "audio":
			want = data.Want{{Shape: []int{1, 4}}}
		}
		root := fstest.MapFS{"x/" + name: file(hdf)}
		if reader != "npy" {
			root["y/"+name] = file(hdf)
		}
		train, _, err := data.Open(reader, map[string]string{"test_fraction": "0.5"}, root, "DIR", want, data.OpenOptions{})
		if err == nil {
			err = train.Example(0, 0, data.NewExample(want, train.Labels()))
		}
		bad, ok := err.(*data.Error)
		if !ok || !strings.Contains(bad.Msg, "is an HDF5 file") || !strings.Contains(bad.Fix, "h5py") {
			t.Errorf("%s: %v", reader, err)
		}
	}
}

// A file and the same one packed are not two.
func TestPackedTwice(t *testing.T) {
	text := "a,b\n1,2\n3,4\n5,6\n"
	root := fstest.MapFS{"d/a.csv": file(text), "d/a.csv.gz": zipped(text), "e/a.csv.gz": zipped(text)}
	refused(t, "csv", root, row(2), nil, "folder/d/a.csv.gz: is there a second time, as d/a.csv", "the option files")
	refused(t, "csv", root, row(2), map[string]string{"files": "d/*,e/*"}, "is there a second time")
	refused(t, "csv", root, row(2), map[string]string{"files": "e/*", "test": "d/*"}, "is there a second time", "the option test")
	got, _ := read(t, "csv", root, row(2), map[string]string{"files": "*.csv.gz", "split": "by file", "test_fraction": "0.5"})
	equal(t, "named ones", got.train, []string{"[1 2] [0]", "[3 4] [0]", "[5 6] [0]"})
	refused(t, "fasta", fstest.MapFS{"a.fa": file(">a\nACGT\n>b\nACGG\n"), "a.fa.gz": zipped(">a\nACGT\n>b\nACGG\n")}, words(4, 4), nil, "is there a second time")
}
