package data

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

const examples = "../../examples/data/"

// check reads every example of a set once and returns how many there are of each class.
func check(t *testing.T, set Dataset, want Want) map[float64]int {
	t.Helper()
	e, labels := NewExample(want, set.Labels()), set.Labels()
	count := map[float64]int{}
	for i := range set.Len() {
		for j := range e.X {
			e.X[j] = float32(math.NaN())
		}
		for j := range e.Tokens {
			e.Tokens[j] = -1
		}
		if err := set.Example(i, 0, e); err != nil {
			t.Fatal(err)
		}
		for _, label := range e.Labels {
			if math.IsNaN(label) {
				continue
			}
			count[label]++
			if labels.Classes > 1 && (label < 0 || label >= float64(labels.Classes) || label != math.Trunc(label)) {
				t.Fatalf("example %d: label %v of %d classes", i, label, labels.Classes)
			}
		}
		for j, v := range e.X {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("example %d: value %d is %v", i, j, v)
			}
		}
		at := 0
		for _, in := range want {
			if !in.Tokens {
				continue
			}
			for j, v := range e.Tokens[at : at+in.Size()] {
				if v < 0 || int(v) >= in.Vocab {
					t.Fatalf("example %d: token %d is %d", i, j, v)
				}
			}
			at += in.Size()
		}
	}
	return count
}

func TestExamples(t *testing.T) {
	cases := []struct {
		reader, folder       string
		options              map[string]string
		want                 Want
		train, test, classes int
	}{
		{"idx", "fashion_mnist", nil, Want{{Shape: []int{1, 28, 28}}}, 4000, 1000, 10},
		{"idx", "fashion_mnist", map[string]string{"standardize": "true", "test_labels": "none"}, Want{{Shape: []int{28, 28}}}, 4000, 1000, 10},
		{"higgs", "higgs", nil, Want{{Shape: []int{1, 28}}}, 2000, 1000, 2},
		{"higgs", "higgs", map[string]string{"test": "split", "standardize": "true"}, Want{{Shape: []int{28}}}, 1800, 200, 2},
		{"genomics", "genomics_ood", nil, Want{{Shape: []int{250}, Tokens: true, Vocab: 4}}, 1001, 1001, 10},
		{"sensor_csv", "sensor", nil, Want{{Shape: []int{6, 128}}}, 307, 136, 5},
		{"sensor_csv", "sensor", map[string]string{"device": "both", "stride": "128", "label": "last", "test_subjects": "s05 s09"}, Want{{Shape: []int{6, 128}}}, 142, 322, 5},
	}
	for _, c := range cases {
		train, test, err := Open(c.reader, c.options, os.DirFS(examples+c.folder), c.folder, c.want, OpenOptions{Seed: 1})
		if err != nil {
			t.Errorf("%s: %v", c.folder, err)
			continue
		}
		if train.Len() != c.train || test.Len() != c.test || train.Labels().Classes != c.classes {
			t.Errorf("%s: %d + %d examples of %d classes, expected %d + %d of %d", c.folder, train.Len(), test.Len(), train.Labels().Classes, c.train, c.test, c.classes)
		}
		if n := check(t, train, c.want); len(n) != c.classes {
			t.Errorf("%s: classes %v", c.folder, n)
		}
		check(t, test, c.want)
	}
}

func TestOutOfDistribution(t *testing.T) {
	want := Want{{Shape: []int{250}, Tokens: true, Vocab: 4}}
	options := map[string]string{"test": "between_2011-2016_ood_val/*", "test_classes": "60", "test_first_label": "10"}
	_, test, err := Open("genomics", options, os.DirFS(examples+"genomics_ood"), "g", want, OpenOptions{Seed: 0})
	if err != nil {
		t.Fatal(err)
	}
	if n := check(t, test, want); len(n) != 60 {
		t.Errorf("%d classes, expected 60", len(n))
	}
}

func TestStandardize(t *testing.T) {
	want := Want{{Shape: []int{1, 28, 28}}}
	train, _, err := Open("idx", map[string]string{"standardize": "true"}, os.DirFS(examples+"fashion_mnist"), "f", want, OpenOptions{Seed: 0})
	if err != nil {
		t.Fatal(err)
	}
	var sum, squares, n float64
	e := NewExample(want, train.Labels())
	for i := range train.Len() {
		if err := train.Example(i, 0, e); err != nil {
			t.Fatal(err)
		}
		for _, v := range e.X {
			sum += float64(v)
			squares += float64(v) * float64(v)
			n++
		}
	}
	if mean, variance := sum/n, squares/n; !(math.Abs(mean) <= 1e-4) || !(math.Abs(variance-1) <= 1e-4) {
		t.Errorf("mean %g, variance %g, expected 0 and 1", mean, variance)
	}
}

// mutate returns a copy of the files with one changed; nil content removes it.
func mutate(files fstest.MapFS, name string, content []byte) fstest.MapFS {
	out := fstest.MapFS{}
	for k, v := range files {
		out[k] = v
	}
	out[name] = &fstest.MapFile{Data: content}
	if content == nil {
		delete(out, name)
	}
	return out
}

// refused checks that Open fails with an *Error whose text has all the parts.
func refused(t *testing.T, reader string, options map[string]string, root fs.FS, want Want, parts ...string) {
	t.Helper()
	_, _, err := Open(reader, options, root, "folder", want, OpenOptions{Seed: 0})
	var e *Error
	if !errors.As(err, &e) {
		t.Errorf("got error %v, expected one about %q", err, parts)
		return
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("message %q lacks %q", err, p)
		}
	}
	if e.Fix == "" {
		t.Errorf("message %q does not say what to do", err)
	}
}

func TestOpenErrors(t *testing.T) {
	want := Want{{Shape: []int{1, 28, 28}}}
	root := os.DirFS(examples + "fashion_mnist")
	refused(t, "parquet", nil, root, want, "parquet", "no such reader", "cifar10, genomics, higgs, idx, imagenet32, pamap2, sensor_csv")
	refused(t, "idx", map[string]string{"imgs": "a"}, root, want, "no option imgs", "train_images")
	refused(t, "idx", nil, os.DirFS(examples+"nothing"), want, "folder", "cannot be read")
	refused(t, "idx", nil, fstest.MapFS{}, want, "folder is empty")
	refused(t, "idx", map[string]string{"train_images": "../x"}, root, want, "train_images", "without ..")
	refused(t, "idx", map[string]string{"train_images": "x"}, root, want, "x not found", "LICENSE", "train_images")
	refused(t, "idx", map[string]string{"standardize": "yes"}, root, want, "standardize", `"yes"`, "true or false")
	refused(t, "idx", nil, root, Want{{Shape: []int{3, 32, 32}}}, "train-images-idx3-ubyte.gz", "[28 28]", "f32[3,32,32]")
	refused(t, "idx", nil, root, Want{{Shape: []int{784}, Tokens: true, Vocab: 256}}, "i32[784]")
	refused(t, "idx", nil, root, Want{}, "no input")
	refused(t, "idx", nil, root, Want{{}}, "without a shape")
	refused(t, "idx", nil, root, Want{{Name: "image", Shape: []int{2}}, {Name: "text", Shape: []int{3}, Tokens: true}}, "2 inputs (image f32[2], text i32[3])")
	refused(t, "idx", nil, root, Want{{Shape: []int{1 << 40}}}, "impossible")
	for _, reader := range []string{"cifar10", "genomics", "higgs", "imagenet32", "pamap2", "sensor_csv"} {
		refused(t, reader, nil, root, Want{{Shape: []int{2, 3, 4, 5}}}, "model wants")
	}
}

// take gives the first label of example i, whose values or tokens it writes into x or tok.
func take(set Dataset, i int, epoch uint64, x []float32, tok []int32) (float64, error) {
	e := &Example{X: x, Tokens: tok, Labels: make([]float64, set.Labels().Each)}
	err := set.Example(i, epoch, e)
	return e.Labels[0], err
}
