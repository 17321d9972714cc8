package data

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

// holes is a data set whose examples fail at every third index.
type holes struct{ counter }

func (h holes) Example(i int, epoch uint64, e *Example) error {
	if i%3 == 1 {
		return &Error{Reader: "holes", File: "f", At: fmt.Sprintf("record %d", i), Msg: "is bad", Fix: "mend it"}
	}
	return h.counter.Example(i, epoch, e)
}

func TestSkipBad(t *testing.T) {
	noted := 0
	skip := &Skip{Limit: 3, Note: func(*Error) { noted++ }}
	l := loader(t, tolerate(holes{counter{9, 9}}, skip), pair, LoaderOptions{Batch: 9})
	for step := range 3 {
		if got := fmt.Sprint(values(t, l, step)); got != "[0 2 2 3 5 5 6 8 8]" {
			t.Errorf("step %d: %s", step, got)
		}
	}
	if n := l.Stats().LeftOut; n != 3 {
		t.Errorf("the loader says %d, expected 3", n)
	}
	if skip.Count() != 3 || noted != 3 {
		t.Errorf("%d bad records, %d noted, expected 3", skip.Count(), noted)
	}
	l = loader(t, tolerate(holes{counter{12, 12}}, &Skip{Limit: 3}), pair, LoaderOptions{Batch: 12})
	if _, err := l.Batch(0); err == nil || !strings.Contains(err.Error(), "more than the 3 that may be left out") {
		t.Errorf("a fourth bad record: %v", err)
	}
	l = loader(t, tolerate(holes{counter{9, 9}}, &Skip{}), pair, LoaderOptions{Batch: 9})
	if _, err := l.Batch(0); err == nil || !strings.Contains(err.Error(), "record 1:") {
		t.Errorf("without tolerance: %v", err)
	}
	l = loader(t, tolerate(counter{4, 0}, &Skip{Limit: 9}), pair, LoaderOptions{Batch: 2})
	if _, err := l.Batch(0); err == nil || !strings.Contains(err.Error(), "every record is bad") {
		t.Errorf("nothing but bad records: %v", err)
	}
}

// captions has two inputs and a label for each of three tokens.
type captions struct{}

func (captions) Len() int       { return 6 }
func (captions) Labels() Labels { return Labels{Classes: 2, Each: 3} }
func (captions) Example(i int, _ uint64, e *Example) error {
	for j := range e.X {
		e.X[j] = float32(10*i + j)
	}
	for j := range e.Tokens {
		e.Tokens[j] = int32(i)
		e.Labels[j] = float64((i + j) % 2)
	}
	return nil
}

func TestLoaderSeveralInputs(t *testing.T) {
	want := Want{{Name: "image", Shape: []int{1, 2}}, {Name: "text", Shape: []int{3}, Tokens: true, Vocab: 6}}
	for _, workers := range []int{1, 2, 7} {
		l := loader(t, captions{}, want, LoaderOptions{Batch: 4, Partial: true, Workers: workers})
		b, err := l.Batch(1)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(b.Count, b.X, b.Tokens, b.Labels)
		if got != "2 [40 41 50 51 0 0 0 0] [4 4 4 5 5 5 0 0 0 0 0 0] [0 1 0 1 0 1 0 0 0 0 0 0]" {
			t.Errorf("%d workers: %s", workers, got)
		}
		if s := l.Stats(); s.Batches != 1 || s.Examples < 2 || s.Decoding <= 0 {
			t.Errorf("%+v", s)
		}
	}
}

// The readers that index whole files leave out what they are told to.
func TestSkipWhileIndexing(t *testing.T) {
	cifar := cifarBytes(4)
	cifar[2*3073] = 99
	labels := idxBytes(3)
	labels[8] = 77
	sensor := bytes.Replace(sensorCSV(12), []byte("\n3,"), []byte("\nx,"), 1)
	pamap := bytes.Replace(pamapBytes(60, 1), []byte("\n5.03 1"), []byte("\n5.03 one"), 1)
	files := fstest.MapFS{"data_batch_1.bin": mapFile(cifar), "test_batch.bin": mapFile(cifarBytes(1)), "s1_01_sp.csv": mapFile(sensor), "s2_01_sp.csv": mapFile(sensorCSV(8)),
		"subject101.dat": mapFile(pamap), "subject105.dat": mapFile(pamapBytes(20, 1))}
	for name, f := range mutate(idxFiles, "train-labels-idx1-ubyte", labels) {
		files[name] = f
	}
	for reader, c := range map[string]struct {
		options map[string]string
		want    Want
		n       int
		bad     string
	}{
		"cifar10":    {nil, Want{{Shape: []int{3, 32, 32}}}, 4, "data_batch_1.bin, record 2: label is 99"},
		"idx":        {map[string]string{"standardize": "true"}, Want{{Shape: []int{2, 2}}}, 3, "train-labels-idx1-ubyte, record 0: label is 77"},
		"sensor_csv": {map[string]string{"columns": "a,b", "stride": "1"}, Want{{Shape: []int{2, 4}}}, 8, `s1_01_sp.csv, line 5: column 1 is "x"`},
		"pamap2":     {map[string]string{"train_subjects": "101", "test_subjects": "105", "train_items": "30", "test_items": "3"}, Want{{Shape: []int{52, 8}}}, 30, `subject101.dat, line 4: column 2 is "one"`},
	} {
		if _, _, err := Open(reader, c.options, files, "f", c.want, OpenOptions{}); err == nil || !strings.Contains(err.Error(), c.bad) {
			t.Errorf("%s: %v, expected %q", reader, err, c.bad)
		}
		var notes []string
		skip := &Skip{Limit: 1, Note: func(bad *Error) { notes = append(notes, bad.Error()) }}
		train, _, err := Open(reader, c.options, files, "f", c.want, OpenOptions{Skip: skip})
		if err != nil {
			t.Errorf("%s: %v", reader, err)
			continue
		}
		if check(t, train, c.want); train.Len() != c.n || len(notes) != 1 || !strings.Contains(notes[0], c.bad) {
			t.Errorf("%s: %d examples, left out %q", reader, train.Len(), notes)
		}
	}
}

// What is no file is refused rather than waited for.
func TestNoFiles(t *testing.T) {
	for mode, what := range map[fs.FileMode]string{fs.ModeNamedPipe: "something else", fs.ModeDevice: "something else", fs.ModeDir: "a folder"} {
		files := mutate(idxFiles, "train-images-idx3-ubyte", nil)
		files["train-images-idx3-ubyte"] = &fstest.MapFile{Mode: mode}
		refused(t, "idx", nil, files, Want{{Shape: []int{2, 2}}}, "train-images-idx3-ubyte", "is "+what+", expected a file")
	}
}
