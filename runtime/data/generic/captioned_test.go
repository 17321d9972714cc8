package generic

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/parquet-go/parquet-go"

	"mspecc/internal/fuzzing"
	"mspecc/runtime/data"
)

// grey is a picture of 2 x 2 pixels.
func grey(t testing.TB, values ...uint8) *fstest.MapFile {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, 2, 2))
	for i, v := range values {
		m.SetGray(i%2, i/2, color.Gray{v})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return &fstest.MapFile{Data: b.Bytes()}
}

// both is what a model of an image and a text wants.
var both = data.Want{{Name: "image", Shape: []int{1, 2, 2}}, {Name: "text", Shape: []int{3}, Tokens: true, Vocab: 9}}

func captionedFiles(t testing.TB) fstest.MapFS {
	return fstest.MapFS{"a/1.png": grey(t, 0, 51, 102, 255), "a/ü 2.png": grey(t, 255, 255, 255, 255), "sub/3.png": grey(t, 1, 2, 3, 4),
		"notes.csv": file("image,text,kind\na/1.png,red fox,x\na\\ü 2.png,\"a fox, red\",y\na/1.png,zebra,x\n"),
	}
}

// Pictures and texts come together, whatever the table is kept in.
func TestCaptioned(t *testing.T) {
	options := map[string]string{"label": "kind", "tokens": "words", "split": "last", "test_fraction": "0.34"}
	check := func(name string, root fstest.MapFS) {
		t.Helper()
		got, _ := read(t, "captioned", root, both, options)
		// The tokens are [PAD], [UNK], fox, red, the comma, a and zebra.
		equal(t, name+", training", got.train, []string{"[0 0.2 0.4 1] [3 2 0] [0]", "[1 1 1 1] [5 2 4] [1]"})
		equal(t, name+", test", got.test, []string{"[0 0.2 0.4 1] [6 0 0] [0]"})
	}
	check("notes.csv", captionedFiles(t))
	for name, content := range map[string]string{
		"notes.tsv":   "image\ttext\tkind\na/1.png\tred fox\tx\na/ü 2.png\ta fox, red\ty\na/1.png\tzebra\tx\n",
		"notes.jsonl": `{"image": "a/1.png", "text": "red fox", "kind": "x"}` + "\n" + `{"image": "a/ü 2.png", "text": "a fox, red", "kind": "y"}` + "\n" + `{"image": "a/1.png", "text": "zebra", "kind": "x"}`,
		"a/notes.csv": "image,text,kind\n1.png,red fox,x\nü 2.png,\"a fox, red\",y\n../a/1.png,zebra,x\n",
	} {
		other := captionedFiles(t)
		delete(other, "notes.csv")
		other[name] = file(content)
		check(name, other)
	}
	type note struct{ Image, Text, Kind string }
	var b bytes.Buffer
	w := parquet.NewGenericWriter[note](&b)
	_, err := w.Write([]note{{"a/1.png", "red fox", "x"}, {"a/ü 2.png", "a fox, red", "y"}, {"a/1.png", "zebra", "x"}})
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	other := captionedFiles(t)
	delete(other, "notes.csv")
	other["notes.parquet"] = file(b.String())
	options["image"], options["columns"], options["label"] = "Image", "Text", "Kind"
	check("notes.parquet", other)
}

func TestBadCaptioned(t *testing.T) {
	options := map[string]string{"tokens": "words", "split": "last", "test_fraction": "0.34", "columns": "text"}
	with := func(name, content string) fstest.MapFS {
		root := captionedFiles(t)
		root[name] = file(content)
		return root
	}
	head := "image,text\na/1.png,fox\n"
	for _, c := range []struct {
		root  fstest.MapFS
		parts []string
	}{
		{with("notes.csv", head+"a/9.png,fox\na/1.png,ox\n"), []string{"notes.csv, line 3", "names the picture \"a/9.png\", which is not there"}},
		{with("notes.csv", head+"../../etc/passwd,fox\na/1.png,ox\n"), []string{"line 3", "which is not there"}},
		{with("notes.csv", head+"a,fox\na/1.png,ox\n"), []string{"line 3", "which is not there"}},
		{with("notes.csv", head+",fox\na/1.png,ox\n"), []string{"line 3", "which is not there"}},
		{with("notes.csv", head+"a/1.png,\na/1.png,ox\n"), []string{"line 3", "holds no text"}},
		{with("notes.csv", "picture,text\na/1.png,ox\n"), []string{"notes.csv", `no column "image"`, "option image"}},
		{with("notes.csv", "image,words\na/1.png,ox\n"), []string{"notes.csv", `no column "text"`, "option columns"}},
		{with("notes.csv", ""), []string{"notes.csv", "is empty"}},
	} {
		refused(t, "captioned", c.root, both, options, c.parts...)
	}
	refused(t, "captioned", captionedFiles(t), row(2), options, "use a kind such as image_text")
	refused(t, "csv", captionedFiles(t), both, nil, "2 inputs")
	root := with("a/1.png", "no picture")
	train, _, err := data.Open("captioned", options, root, "folder", both, data.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	e := data.NewExample(both, train.Labels())
	if err := train.Example(0, 0, e); err == nil || !strings.Contains(err.Error(), "folder/a/1.png") {
		t.Errorf("a file that is no picture: %v", err)
	}
	if err := train.Example(1, 0, e); err != nil {
		t.Fatal(err)
	}
	root["a/ü 2.png"].ModTime = root["a/ü 2.png"].ModTime.Add(1)
	if err := train.Example(1, 0, e); err == nil || !strings.Contains(err.Error(), "a/ü 2.png: changed while it was in use") {
		t.Errorf("a picture that was replaced: %v", err)
	}
}

// Whatever the table holds, it is refused with advice or its pictures are read.
func FuzzCaptioned(f *testing.F) {
	root := captionedFiles(f)
	f.Add(root["notes.csv"].Data)
	f.Add([]byte("image,text\n../a/1.png,x\n/a,b\n"))
	fuzzing.Bound(f)
	f.Fuzz(func(t *testing.T, table []byte) {
		root := captionedFiles(t)
		root["notes.csv"] = &fstest.MapFile{Data: table}
		train, test, err := data.Open("captioned", map[string]string{"tokens": "words", "test_fraction": "0.4"}, root, "folder", both, data.OpenOptions{})
		for _, set := range []data.Dataset{train, test} {
			for i := 0; err == nil && i < set.Len(); i++ {
				err = set.Example(i, 0, data.NewExample(both, set.Labels()))
			}
		}
		var own *data.Error
		if err != nil && (!errors.As(err, &own) || own.Fix == "") {
			t.Fatalf("error without advice: %v", err)
		}
	})
}
