package dabs

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"mspecc/internal/fuzzing"
	"mspecc/runtime/data"
)

// tree copies one of the small data sets into memory.
func tree(t testing.TB, name string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	root := trees(t)
	err := fs.WalkDir(root, name, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(root, path)
		files[strings.TrimPrefix(path, name+"/")] = &fstest.MapFile{Data: raw}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func named(t testing.TB, name string) *expectation {
	t.Helper()
	for _, x := range expectations(t) {
		if x.Name == name {
			return &x
		}
	}
	t.Fatalf("no case %q", name)
	return nil
}

// readAll opens a data set and reads every example.
func readAll(x *expectation, files fs.FS, extra map[string]string) error {
	options := maps.Clone(x.Options)
	maps.Copy(options, extra)
	train, test, err := data.Open(x.Reader, options, files, "DIR", x.want(), data.OpenOptions{Seed: 1})
	if err != nil {
		return err
	}
	for _, set := range []data.Dataset{train, test} {
		e := data.NewExample(x.want(), set.Labels())
		for i := range set.Len() {
			if err := set.Example(i, 0, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// Whatever is wrong with the files becomes one line with the file and the place, and says what to do.
func TestBad(t *testing.T) {
	cut := func(b []byte) []byte { return b[:len(b)*2/3] }
	empty := func([]byte) []byte { return nil }
	other := func([]byte) []byte { return []byte("hello, this is something else entirely") }
	swap := func(old, new string) func([]byte) []byte {
		return func(b []byte) []byte {
			if !bytes.Contains(b, []byte(old)) {
				panic("the file lacks " + old)
			}
			return bytes.Replace(b, []byte(old), []byte(new), 1)
		}
	}
	remove := func([]byte) []byte { return []byte("REMOVE") }
	for _, c := range []struct {
		name, of, file string
		change         func([]byte) []byte
		options        map[string]string
		want           string // parts of the message, divided by |
	}{
		{"cut picture", "imagenet", "train/n01/a.JPEG", cut, nil, "train/n01/a.JPEG|PNG data is damaged"},
		{"empty picture", "imagenet", "val/n01/d.JPEG", empty, nil, "val/n01/d.JPEG|is empty"},
		{"no picture", "imagenet", "train/n02/c.JPEG", other, nil, "train/n02/c.JPEG|is no picture"},
		{"absurd picture", "imagenet", "train/n02/c.JPEG", func([]byte) []byte { return []byte("P6 60000 60000 255\nabc") }, nil, "c.JPEG|60000 x 60000"},
		{"missing picture", "cub", "CUB_200_2011/images/001.A/x.jpg", remove, nil, "001.A/x.jpg|cannot be opened"},
		{"class outside", "cub", "CUB_200_2011/image_class_labels.txt", swap("3 3", "3 900"), nil, "image_class_labels.txt, picture 3|is 900"},
		{"bad list", "cub", "CUB_200_2011/images.txt", other, nil, "images.txt, line 1"},
		{"repeated id", "cub", "CUB_200_2011/images.txt", swap("2 001.A/y.jpg", "1 001.A/y.jpg"), nil, "images.txt, line 2|repeats"},
		{"listed twice", "cub", "CUB_200_2011/images.txt", swap("001.A/y.jpg", "001.A/x.jpg"), nil, "001.A/x.jpg: is listed twice"},
		{"training and test", "dtd", "imagenet/dtd/labels/test1.txt", func([]byte) []byte { return []byte("banded/b1.jpg\n") }, nil, "banded/b1.jpg: is listed twice"},
		{"category twice", "coco", "COCO/annotations/instances_train2017.json", swap(`{"id": 44,`, `{"id": 1,`), nil, "category 1: is listed twice"},
		{"no .mat", "flowers random", "flowers102/imagelabels.mat", other, nil, "imagelabels.mat|no MATLAB file|cut off"},
		{"bad box", "aircraft", "data/images_box.txt", swap("0034 1 1 12 5", "0034 9 1 2 5"), nil, "0034.jpg|box"},
		{"no box", "aircraft", "data/images_box.txt", swap("0034 ", "9934 "), nil, "images_box.txt, picture 0034|has no box"},
		{"unknown layout", "cub", "", nil, map[string]string{"layout": "zoo"}, "option layout"},
		{"cut sound", "audiomnist", "AudioMNIST/data/01/" + "*", cut, nil, "ends too early"},
		{"no sound", "voxceleb1", "voxceleb1/wav/id10001/u/1.wav", other, nil, "u/1.wav|neither WAV nor FLAC"},
		{"bad split", "voxceleb1", "voxceleb1/iden_split.txt", swap("3 id10002", "7 id10002"), nil, "iden_split.txt, line 1"},
		{"unknown word", "google speech", "testing_list.txt", swap("zero/b", "zebra/b"), nil, "zebra|none of Speech Commands"},
		{"unknown action", "fluent action", "data/train_data.csv", swap("activate", "levitate"), nil, "train_data.csv, line 2|levitate"},
		{"mixed rates", "librispeech", "", nil, map[string]string{"rate": ""}, "19-100-0000.wav: has 8000 samples per second, expected 16000"},
		{"wrong frames", "voxceleb1", "", nil, map[string]string{"hop": "300"}, "f32[1,mels,14]"},
		{"cut table", "wafer", "wafer_map/labeled.pkl", cut, nil, "labeled.pkl|cut off"},
		{"empty table", "wafer", "wafer_map/labeled.pkl", empty, nil, "labeled.pkl|is empty"},
		{"no table", "eurosat", "eurosat_all/transfer.pkl", other, nil, "transfer.pkl|pickle"},
		{"unknown failure", "wafer", "wafer_map/labeled.pkl", swap("none", "nono"), nil, "labeled.pkl, row|nono"},
		{"cut TIFF", "eurosat folders", "tif/Forest/Forest_2.tif", cut, nil, ""},
		{"no clans", "pfam", "pfam/pfam_transfer.csv", swap("clan", "clam"), nil, "pfam_transfer.csv|no column|clan"},
		{"unknown letter", "pfam", "pfam/pfam_transfer.csv", swap(",M", ",?"), nil, "pfam_transfer.csv, line|not in the alphabet"},
		{"fewer columns", "stability", "pfam/transfer/stability_train.csv", swap(",[", "["), nil, "stability_train.csv, line 2|columns"},
		{"infinite label", "stability", "pfam/transfer/stability_train.csv", swap("[1.0]", "[inf]"), nil, "line 2|finite"},
		{"open quote", "secondary structure", "pfam/transfer/secondary_structure_train.csv", swap(`"[`, `["`), nil, "secondary_structure_train.csv, line"},
		{"label outside", "genomics", "genomics/genomicsTransferOOD.csv", swap("29,b'", "99,b'"), nil, "line 21|the label is 99"},
		{"short sequence", "genomics", "genomics/genomicsTransferOOD.csv", swap("b'A", "b'"), nil, "23 letters"},
		{"no vocabulary", "coco", "COCO/vocab.txt", swap("[SEP]", "[SAP]"), nil, "vocab.txt|[SEP]"},
		{"vocabulary in Latin-1", "coco", "COCO/vocab.txt", swap("[SEP]", "[SEP]\n\xe9"), nil, "vocab.txt, line|UTF-8"},
		{"captions in Latin-1", "coco", "COCO/annotations/captions_train2017.json", swap(`"caption": "`, "\"caption\": \"\xe9"), nil, "captions_train2017.json, line|UTF-8"},
		{"list in Latin-1", "cub", "CUB_200_2011/images.txt", swap("y.jpg", "\xe9.jpg"), nil, "images.txt, line 2|UTF-8"},
		{"cut annotations", "coco", "COCO/annotations/captions_train2017.json", cut, nil, "captions_train2017.json, byte|no JSON"},
		{"unknown category", "coco", "COCO/annotations/instances_train2017.json", swap(`"category_id": 90`, `"category_id": 91`), nil, "instances_train2017.json, image|91"},
		{"no picture of a question", "vqa", "coco-vqa/annotations/captions_val2014.json", swap(`"id": 0`, `"id": 5`), nil, "question 0"},
		{"unsafe name", "vqa", "coco-vqa/annotations/captions_val2014.json", swap("COCO_val", "../COCO_val"), nil, "question 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := named(t, c.of)
			files := tree(t, x.Root)
			if c.change != nil {
				change(t, files, c.file, c.change)
			}
			err := readAll(x, files, c.options)
			var e *data.Error
			if !errors.As(err, &e) || e.Fix == "" || strings.ContainsAny(err.Error(), "\n") {
				t.Fatalf("got %v, expected one line with advice", err)
			}
			found := c.want == ""
			for part := range strings.SplitSeq(c.want, "|") {
				found = found || strings.Contains(err.Error(), part)
			}
			if first, _, _ := strings.Cut(c.want, "|"); !found || !strings.Contains(err.Error(), first) {
				t.Errorf("got %v, expected %q", err, c.want)
			}
		})
	}
}

// change replaces a file's content; * stands for any one in a folder.
func change(t *testing.T, files fstest.MapFS, name string, f func([]byte) []byte) {
	t.Helper()
	for n := range files {
		if prefix, any := strings.CutSuffix(name, "*"); any && strings.HasPrefix(n, prefix) {
			name = n
		}
	}
	if files[name] == nil {
		if n := name[strings.IndexByte(name, '/')+1:]; files[n] != nil {
			name = n
		} else {
			t.Fatalf("there is no file %s", name)
		}
	}
	b := f(bytes.Clone(files[name].Data))
	if string(b) == "REMOVE" {
		delete(files, name)
		return
	}
	files[name] = &fstest.MapFile{Data: b}
}

// Readers that are given an arbitrary file give a good data set or an error with advice.
func fuzz(f *testing.F, of, name string) {
	x := named(f, of)
	files := tree(f, x.Root)
	if files[name] == nil {
		f.Fatalf("there is no file %s", name)
	}
	f.Add(files[name].Data)
	f.Add([]byte{})
	fuzzing.Bound(f)
	f.Fuzz(func(t *testing.T, content []byte) {
		changed := maps.Clone(files)
		changed[name] = &fstest.MapFile{Data: content}
		err := readAll(x, changed, nil)
		var e *data.Error
		if err != nil && (!errors.As(err, &e) || e.Fix == "") {
			t.Fatalf("error without advice: %v", err)
		}
	})
}

func FuzzSequences(f *testing.F) { fuzz(f, "pfam", "pfam/pfam_transfer.csv") }
func FuzzTokenLabels(f *testing.F) {
	fuzz(f, "secondary structure", "pfam/transfer/secondary_structure_train.csv")
}
func FuzzWafer(f *testing.F)    { fuzz(f, "wafer", "wafer_map/labeled.pkl") }
func FuzzEuroSAT(f *testing.F)  { fuzz(f, "eurosat", "eurosat_all/transfer.pkl") }
func FuzzSpeech(f *testing.F)   { fuzz(f, "voxceleb1", "voxceleb1/wav/id10001/u/1.wav") }
func FuzzFluent(f *testing.F)   { fuzz(f, "fluent action", "data/train_data.csv") }
func FuzzPictures(f *testing.F) { fuzz(f, "aircraft", "data/images/0034.jpg") }
func FuzzBoxes(f *testing.F)    { fuzz(f, "aircraft", "data/images_box.txt") }
func FuzzCaptions(f *testing.F) { fuzz(f, "coco", "COCO/annotations/captions_train2017.json") }
func FuzzQuestions(f *testing.F) {
	fuzz(f, "vqa", "coco-vqa/MultipleChoice_mscoco_train2014_questions.json")
}

// A table that is cut off while it is mapped gives an error, not a crash.
func TestCutOffInUse(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("files are mapped on Linux")
	}
	x := named(t, "eurosat")
	dir := t.TempDir()
	name := filepath.Join(dir, "transfer.pkl")
	if err := os.WriteFile(name, tree(t, x.Root)["eurosat_all/transfer.pkl"].Data, 0o644); err != nil {
		t.Fatal(err)
	}
	train, _, err := data.Open(x.Reader, x.Options, os.DirFS(dir), "DIR", x.want(), data.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	e := data.NewExample(x.want(), train.Labels())
	if err := train.Example(3, 0, e); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, 0); err != nil {
		t.Fatal(err)
	}
	var bad *data.Error
	if err := train.Example(3, 0, e); !errors.As(err, &bad) || !strings.Contains(err.Error(), "transfer.pkl: changed while it was in use") {
		t.Errorf("got %v", err)
	}
}

// A picture that is replaced during a run is noticed when it is read again.
func TestReplacedPictures(t *testing.T) {
	for _, c := range []struct{ of, file string }{{"imagenet", "train/n01/a.JPEG"}, {"coco", "COCO/train2017/000000000001.jpg"}} {
		x := named(t, c.of)
		files := tree(t, x.Root)
		train, _, err := data.Open(x.Reader, x.Options, files, "DIR", x.want(), data.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		e := data.NewExample(x.want(), train.Labels())
		read := func() (err error) {
			for i := range train.Len() {
				err = errors.Join(err, train.Example(i, 0, e))
			}
			return err
		}
		if err := read(); err != nil {
			t.Fatal(err)
		}
		files[c.file].ModTime = files[c.file].ModTime.Add(1)
		var bad *data.Error
		if err := read(); !errors.As(err, &bad) || !strings.Contains(err.Error(), c.file+": changed while it was in use") {
			t.Errorf("%s: %v", c.of, err)
		}
	}
}
