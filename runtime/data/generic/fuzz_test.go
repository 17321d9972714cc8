package generic

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math"
	"os"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/parquet-go/parquet-go"

	"mspecc/internal/fuzzing"
	"mspecc/runtime/data"
)

// fuzz feeds a reader a file of arbitrary content beside a good one: it must either refuse it
// with an *Error that says what to do, or give examples that are all good.
func fuzz(f *testing.F, reader, name string, want data.Want, options map[string]string, seeds ...[]byte) {
	for _, s := range append(seeds, nil) {
		f.Add(s)
		f.Add(zipped(string(s)).Data)
		if len(s) > 9 {
			f.Add(s[:len(s)-7])
		}
	}
	fuzzing.Bound(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		files := fstest.MapFS{"c1/" + name: {Data: content}, "c2/z" + name: {Data: seeds[0]}}
		skip := &data.Skip{Limit: len(content) % 3}
		train, test, err := data.Open(reader, options, files, "folder", want, data.OpenOptions{Seed: 1, Skip: skip})
		if err != nil {
			var own *data.Error
			if !errors.As(err, &own) || own.Msg == "" || own.Fix == "" {
				t.Fatalf("error without advice: %v", err)
			}
			return
		}
		for _, set := range []data.Dataset{train, test} {
			if set.Len() < 1 {
				t.Fatal("an empty data set")
			}
			good(t, set, want)
		}
	})
}

// good reads the examples of a set and looks at them.
func good(t *testing.T, set data.Dataset, want data.Want) {
	labels := set.Labels()
	e := data.NewExample(want, labels)
	for i := range min(set.Len(), 64) {
		for j := range e.X {
			e.X[j] = float32(math.NaN())
		}
		if err := set.Example(i, 1, e); err != nil {
			var own *data.Error
			if !errors.As(err, &own) {
				t.Fatalf("error without advice: %v", err)
			}
			continue
		}
		for _, v := range e.X {
			if v-v != 0 {
				t.Fatalf("example %d holds %v", i, v)
			}
		}
		for _, v := range e.Tokens {
			if v < 0 || int(v) >= want[0].Vocab {
				t.Fatalf("example %d holds the token %d", i, v)
			}
		}
		for _, v := range e.Labels {
			if labels.Classes > 1 && !math.IsNaN(v) && (v < 0 || v >= float64(labels.Classes)) {
				t.Fatalf("example %d has the label %v", i, v)
			}
		}
	}
}

func sample(f *testing.F, name string) []byte {
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		f.Fatal(err)
	}
	return raw
}

func FuzzCSV(f *testing.F) {
	fuzz(f, "csv", "a.csv", row(2), map[string]string{"label": "y", "columns": "a,b", "missing": "drop", "standardize": "true", "test_fraction": "0.3"},
		[]byte("y,a,b\n0,1,2\n1,\"3\",4\n0,,5\n"), sample(f, "pandas.csv"), []byte("\xef\xbb\xbfy,a,b\r\n\r\n\"0\n\",1,2\r\n"))
}

func FuzzWindows(f *testing.F) {
	fuzz(f, "csv", "a.csv", data.Want{{Shape: []int{2, 3}}}, map[string]string{"missing": "interpolate", "columns": "a,b", "split": "by g", "test_fraction": "0.4", "stride": "1"},
		[]byte("g,a,b\n0,1,2\n0,,4\n0,5,\n1,1,1\n1,2,2\n1,3,3\n"))
}

func FuzzJSONLines(f *testing.F) {
	fuzz(f, "jsonl", "a.jsonl", words(3, 5), map[string]string{"columns": "s", "label": "l", "labels": "each", "classes": "3", "test_fraction": "0.4"},
		[]byte("{\"s\": \"ACG\", \"l\": [0, 1, null]}\n{\"s\": \"ü\", \"l\": [2]}\n"), []byte("{\"s\": 1e400, \"l\": [[[[0]]]]}"))
}

func FuzzJSONArrays(f *testing.F) {
	fuzz(f, "jsonl", "a.jsonl", data.Want{{Shape: []int{2, 3}}}, map[string]string{"label": "y", "missing": "zero", "layout": "NTC", "test_fraction": "0.4"},
		[]byte("{\"x\": [[0, 1], [NaN, 3], [true, 5]], \"y\": -1}\n{\"y\": 2, \"x\": null}\n{\"\\u0078\": [[0, 1], [2, 3], [4, 5]]}\n"), []byte("{\"x\": [[0, Infinity]], \"\\\"\": {\"a\": [\"]\"]}}"))
}

// Both readings of quotes.
func FuzzQuotes(f *testing.F) {
	fuzz(f, "csv", "a.tsv", words(3, 16), map[string]string{"columns": "t", "tokens": "words", "label": "y", "quotes": "none", "test_fraction": "0.4"}, []byte("y\tt\n0\t\"a b\n-1\tc\"\n\n1\td\n"))
}

func FuzzTensors(f *testing.F) {
	fuzz(f, "parquet", "a.parquet", data.Want{{Shape: []int{2, 3}}}, map[string]string{"columns": "x", "test_fraction": "0.4"}, sample(f, "schema/tensor-permuted.parquet"), sample(f, "schema/nulls.parquet"))
}

func FuzzSequenceExamples(f *testing.F) {
	fuzz(f, "tfrecord", "a.tfrecord", data.Want{{Shape: []int{8, 4}}}, map[string]string{"columns": "audio_embedding", "bytes": "numbers", "layout": "NTC", "test_fraction": "0.4"}, sample(f, "schema/audioset.tfrecord"))
}

// Whatever stands for Arrow's schema says nothing, or what tensors there are.
func FuzzArrowSchema(f *testing.F) {
	root, err := parquet.OpenFile(bytes.NewReader(sample(f, "schema/tensor-permuted.parquet")), int64(len(sample(f, "schema/tensor-permuted.parquet"))))
	if err != nil {
		f.Fatal(err)
	}
	text, _ := root.Lookup("ARROW:schema")
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	fuzzing.Bound(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		for name, kind := range arrowTypes(base64.StdEncoding.EncodeToString(raw)) {
			if x := kind.tensor; x != nil && (len(x.shape) == 0 || slices.Contains(x.shape, 0)) {
				t.Errorf("column %q: %v", name, x)
			}
		}
	})
}

func FuzzNumPy(f *testing.F) {
	fuzz(f, "npy", "a.npz", data.Want{{Shape: []int{2, 3}}}, map[string]string{"columns": "x", "label": "y", "window": "0", "test_fraction": "0.4"},
		sample(f, "stored.npz"), sample(f, "packed.npz"))
}

func FuzzParquet(f *testing.F) {
	fuzz(f, "parquet", "a.parquet", row(6), map[string]string{"columns": "list", "label": "y", "test_fraction": "0.4"}, sample(f, "zstd.parquet"), sample(f, "pandas.parquet"))
}

func FuzzTFRecords(f *testing.F) {
	fuzz(f, "tfrecord", "a.tfrecord", row(2), map[string]string{"columns": "x", "label": "y", "test_fraction": "0.4"}, tfRecords(tfExample(1, 2, 3), tfExample(0, 4, 5)))
}

func FuzzFASTA(f *testing.F) {
	fuzz(f, "fasta", "a.fa", words(3, 4), map[string]string{"stride": "2", "unknown": "drop", "label": "file", "split": "by record", "test_fraction": "0.4"},
		[]byte(">r1\nACGTNNACGT\n>r2 x\nGGGCC\n"), []byte("@q\nACGTA\n+\nIIIII\n"), []byte("@q\n\n+\n\n@r\nACG\n+\nIII\n"))
}

func FuzzImages(f *testing.F) {
	fuzz(f, "images", "a.png", data.Want{{Shape: []int{3, 2, 2}}}, map[string]string{"test_fraction": "0.5", "standardize": "true"}, pngBytes(3, 2, white{}),
		variant(f, "lossy-pixel.webp"), variant(f, "small-frame-clear.gif"), variant(f, "runs4.bmp"), variant(f, "grey12.tif"), variant(f, "bytes.pbm"), variant(f, "palette-alpha.png"))
}

// white is a colour.
type white struct{}

func (white) RGBA() (r, g, b, a uint32) { return 1<<16 - 1, 1<<16 - 1, 1<<16 - 1, 1<<16 - 1 }

func FuzzAudio(f *testing.F) {
	fuzz(f, "audio", "a.wav", data.Want{{Shape: []int{1, 4}}}, map[string]string{"test_fraction": "0.5", "rate": "any"}, wav(8000, 1, 2, 3, 4, 5),
		mustRead(f, "../sound/testdata/8.flac"), mustRead(f, "../sound/testdata/rf64.wav"), mustRead(f, "../sound/testdata/alaw.wav"))
}
