package data

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

var imagenet32Want = Want{{Shape: []int{3, 32, 32}}}

// What NumPy wrote is read as NumPy reads it: see testdata/imagenet32/make.py.
func TestImageNet32(t *testing.T) {
	var expect map[string][]struct {
		Label float64
		X     []int
	}
	raw, err := os.ReadFile("testdata/imagenet32/expect.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &expect); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		options     map[string]string
		train, test []string
	}{
		{nil, []string{"train_data_batch_1.npz", "train_data_batch_2.npz"}, []string{"val_data.npz"}},
		{map[string]string{"train": "train_data_batch_?", "test": "val_data"}, []string{"train_data_batch_1", "train_data_batch_2"}, []string{"val_data"}},
	} {
		train, test, err := Open("imagenet32", c.options, os.DirFS("testdata/imagenet32"), "DIR", imagenet32Want, OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []struct {
			set   Dataset
			files []string
		}{{train, c.train}, {test, c.test}} {
			e, i := NewExample(imagenet32Want, part.set.Labels()), 0
			for _, file := range part.files {
				for _, want := range expect[file] {
					if err := part.set.Example(i, 0, e); err != nil {
						t.Fatal(err)
					}
					if e.Labels[0] != want.Label {
						t.Errorf("%s: label %v, expected %v", file, e.Labels[0], want.Label)
					}
					for k, v := range want.X {
						if e.X[191*k] != float32(v)/255 {
							t.Errorf("%s, picture %d: value %d is %v, expected %d / 255", file, i, 191*k, e.X[191*k], v)
						}
					}
					i++
				}
			}
			if i != part.set.Len() || part.set.Labels().Classes != 1000 {
				t.Errorf("%v: %d pictures, expected %d", part.files, part.set.Len(), i)
			}
		}
	}
}

// Pixels that lie in a file as they are stay there; the others are unpacked.
func TestImageNet32InPlace(t *testing.T) {
	for name, copied := range map[string]bool{"train_data_batch_1.npz": false, "train_data_batch_2.npz": true, "train_data_batch_1": false, "train_data_batch_2": true} {
		s := &Source{Root: os.DirFS("testdata/imagenet32"), Want: imagenet32Want, Input: imagenet32Want[0], memory: maxMemory, reader: imagenet32Reader}
		b, err := s.OpenBlob(name)
		if err != nil {
			t.Fatal(err)
		}
		open := func() (*pixels, error) { return b.npzBatch(3072) }
		if !strings.HasSuffix(name, ".npz") {
			open = func() (*pixels, error) { return b.pickledBatch(3072, 1, 1000) }
		}
		if p, err := open(); err != nil || (p.b != b) != copied {
			t.Errorf("%s: %v, unpacked: %v", name, err, p.b != b)
		}
	}
}

func imagenet32Files(t testing.TB) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	for _, name := range []string{"train_data_batch_1.npz", "train_data_batch_2.npz", "val_data.npz", "train_data_batch_1", "val_data"} {
		raw, err := os.ReadFile("testdata/imagenet32/" + name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = mapFile(raw)
	}
	return files
}

// npzBytes is an archive of files as they are.
func npzBytes(files map[string]string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, _ := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		_, _ = io.WriteString(w, files[name])
	}
	z.Close()
	return b.Bytes()
}

func npyText(descr, shape string, size int) string {
	head := "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + shape + "), }\n"
	return "\x93NUMPY\x01\x00" + string([]byte{byte(len(head)), 0}) + head + strings.Repeat("\x01", size)
}

func TestImageNet32Errors(t *testing.T) {
	files := imagenet32Files(t)
	name := "train_data_batch_2.npz"
	good := files[name].Data
	two := map[string]string{"data.npy": npyText("|u1", "2, 3072", 6144), "labels.npy": npyText("<i8", "2,", 16)}
	with := func(key, text string) []byte {
		m := maps.Clone(two)
		m[key] = text
		return npzBytes(m)
	}
	for _, c := range []struct {
		content []byte
		parts   []string
	}{
		{[]byte{}, []string{"is empty"}},
		{good[:len(good)-30], []string{"is no .npz file"}},
		{[]byte("PK\x03\x04 no archive"), []string{"is no .npz file"}},
		{npzBytes(map[string]string{"x.txt": "x"}), []string{"holds no array"}},
		{npzBytes(two), []string{"record 0", "label is 7234017283"}},
		{with("labels.npy", npyText("<i8", "3,", 24)), []string{"has 2 rows", "there are 3 labels"}},
		{with("labels.npy", npyText("<f8", "2,", 16)), []string{"labels", "whole numbers"}},
		{with("labels.npy", ""), []string{"labels.npy", "does not begin as a NumPy file"}},
		{with("data.npy", npyText("|u1", "2, 3071", 6142)), []string{"data", "3072 in a row"}},
		{with("data.npy", npyText("<u2", "2, 3072", 12288)), []string{"elements of 2 bytes"}},
		{with("data.npy", npyText("|u1", "2, 3072", 6000)), []string{"says 6144 bytes of numbers, the file has 6000"}},
		{with("data.npy", npyText("|u1", "999999999999, 3072", 10)), []string{"the file has 10"}},
	} {
		refused(t, "imagenet32", nil, mutate(files, name, c.content), imagenet32Want, append(c.parts, name)...)
	}
	name = "train_data_batch_1"
	pickled := map[string]string{"train": name, "test": "val_data"}
	for _, c := range []struct {
		content []byte
		parts   []string
	}{
		{files[name].Data[:3000], []string{"cut off"}},
		{[]byte("\x80\x04N."), []string{"no pickled dictionary"}},
		{[]byte("\x80\x04}."), []string{"lacks data of [n, 3072] bytes"}},
		{bytes.Replace(files[name].Data, []byte("\x4d\xe8\x03"), []byte("\x4d\xe9\x03"), 1), []string{"record 0", "label is 1001, expected 1..1000"}},
	} {
		refused(t, "imagenet32", pickled, mutate(files, name, c.content), imagenet32Want, append(c.parts, name)...)
	}
	refused(t, "imagenet32", nil, files, Want{{Shape: []int{3, 32, 16}}}, "square")
	refused(t, "imagenet32", nil, files, Want{{Shape: []int{3, 64, 64}}}, "12288 in a row")
}

func FuzzImageNet32NPZ(f *testing.F) {
	fuzz(f, "imagenet32", nil, imagenet32Files(f), "train_data_batch_2.npz", imagenet32Want)
}

func FuzzImageNet32Pickle(f *testing.F) {
	fuzz(f, "imagenet32", map[string]string{"train": "train_data_batch_1", "test": "val_data"}, imagenet32Files(f), "train_data_batch_1", imagenet32Want)
}
