package generic

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"maps"
	"math"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"mspecc/runtime/data"
)

// variant is one of package picture's test files.
func variant(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile("../picture/testdata/variants/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// deepPNG is a grey picture of 16 bits.
func deepPNG(t testing.TB, width, height int, at func(x, y int) uint16) []byte {
	m := image.NewGray16(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.SetGray16(x, y, color.Gray16{Y: at(x, y)})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readPictures reads all pictures of a folder, and gives the last one.
func readPictures(files fstest.MapFS, shape ...int) (x []float32, err error) {
	return readPicturesWith(files, nil, shape...)
}

func readPicturesWith(files fstest.MapFS, more map[string]string, shape ...int) (x []float32, err error) {
	want := data.Want{{Shape: shape}}
	options := map[string]string{"label": "none", "test_fraction": "0.5"}
	maps.Copy(options, more)
	train, test, err := data.Open("images", options, files, "DIR", want, data.OpenOptions{Seed: 1})
	if err != nil {
		return nil, err
	}
	for _, set := range []data.Dataset{train, test} {
		e := data.NewExample(want, set.Labels())
		for i := range set.Len() {
			if err := set.Example(i, 0, e); err != nil {
				return nil, err
			}
		}
		x = e.X
	}
	return x, nil
}

// Samples of more than a byte keep their digits, with one channel and with three, and also where the picture is scaled.
func TestDeepPictures(t *testing.T) {
	file := &fstest.MapFile{Data: deepPNG(t, 8, 8, func(x, y int) uint16 { return uint16(4095 - 500*x - y) })}
	for _, channels := range []int{1, 3} {
		x, err := readPictures(fstest.MapFS{"a.png": file, "b.png": file}, channels, 8, 8)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range x {
			if want := float32(4095-500*(i%8)-i/8%8) / 65535; v != want {
				t.Fatalf("%d channels: value %d is %v, expected %v", channels, i, v, want)
			}
		}
		if x, err = readPictures(fstest.MapFS{"a.png": file, "b.png": file}, channels, 4, 4); err != nil {
			t.Fatal(err)
		}
		different := map[float32]bool{}
		for _, v := range x {
			different[v] = true
		}
		if len(different) < 15 {
			t.Errorf("%d channels: %d values of 16 differ", channels, len(different))
		}
	}
}

// A picture that is sound but not read, or does not belong to the others, is named for what it is, with advice that helps.
func TestOddPictures(t *testing.T) {
	plain := &fstest.MapFile{Data: pngBytes(3, 2, white{})}
	arithmetic := bytes.Replace(mustRead(t, "../picture/testdata/420.jpg"), []byte{0xff, 0xc0, 0, 17}, []byte{0xff, 0xc9, 0, 17}, 1)
	for _, c := range []struct {
		name   string
		raw    []byte
		shape  []int
		want   string
		advice string
	}{
		{"a.tif", variant(t, "pages.tif"), []int{1, 6, 5}, "has 3 pages with 3 bands together, where the model wants 1", "one page"},
		{"a.tif", variant(t, "pages5.tif"), []int{3, 6, 5}, "has 5 pages with 5 bands", "one page"},
		{"a.tif", variant(t, "grey-f32.tif"), []int{1, 21, 26}, "another picture of the data set has samples that are", "one type"},
		{"a.tif", variant(t, "sparse-nodata.tif"), []int{2, 32, 32}, "lacks values", "missing: zero"},
		{"a.tif", variant(t, "pages5.tif"), []int{4, 6, 5}, "has 5 pages", "one page"},
		{"a.tif", pngBytes(3, 2, white{}), []int{4, 2, 3}, "is a PNG picture, no TIFF", "reader images"},
		{"a.jpg", arithmetic, []int{3, 2, 2}, "arithmetic codes", "PNG"},
		{"a.jpg", []byte("\x00\x00\x00\x20ftypavif\x00\x00\x00\x00"), []int{3, 2, 2}, "is an AVIF picture, no picture", "PNG"},
		{"a.jpg", []byte("<!DOCTYPE html><html>404"), []int{3, 2, 2}, "is a web page", "fetch the file itself"},
		{"a.jpg", []byte("version https://git-lfs.github.com/spec/v1\n"), []int{3, 2, 2}, "pointer of Git LFS", "git lfs pull"},
		{"a.jpg", pngBytes(3, 2, white{})[:50], []int{3, 2, 2}, "is damaged", "fetch it again"},
	} {
		files := fstest.MapFS{c.name: {Data: c.raw}, "b" + c.name: plain}
		if c.shape[0] != 1 && c.shape[0] != 3 {
			files["b"+c.name] = files[c.name]
		}
		_, err := readPictures(files, c.shape...)
		bad, ok := err.(*data.Error)
		if !ok || !strings.Contains(bad.Msg, c.want) || !strings.Contains(bad.Fix, c.advice) {
			t.Errorf("%q of %v: %v", c.want, c.shape, err)
		}
	}
}

// Pages of one size are the bands of one picture, for any number of channels.
func TestPagesAreBands(t *testing.T) {
	for channels, name := range map[int]string{3: "pages.tif", 5: "pages5.tif"} {
		file := &fstest.MapFile{Data: variant(t, name)}
		x, err := readPictures(fstest.MapFS{"a.tif": file, "b.tif": file}, channels, 6, 5)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(x) / channels; x[0] == x[n] || x[n] == x[2*n] || channels == 3 && x[n] != float32(100)/255 {
			t.Errorf("%s: the bands begin with %v, %v, %v", name, x[0], x[n], x[2*n])
		}
	}
}

func mustRead(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// The option pages takes the first page alone, the option missing what has no value.
func TestPagesAndMissing(t *testing.T) {
	pages := &fstest.MapFile{Data: variant(t, "pages.tif")}
	x, err := readPicturesWith(fstest.MapFS{"a.tif": pages, "b.tif": pages}, map[string]string{"pages": "first"}, 1, 6, 5)
	if err != nil || x[1] != float32(51)/255 {
		t.Errorf("%v %v", x, err)
	}
	gaps := &fstest.MapFile{Data: variant(t, "sparse-nodata.tif")}
	files := fstest.MapFS{"a.tif": gaps, "b.tif": gaps}
	if x, err = readPicturesWith(files, map[string]string{"missing": "zero"}, 2, 32, 32); err != nil {
		t.Fatal(err)
	}
	if x[0] != 0 || x[20] != 40 || x[31*32+31] != 0 {
		t.Errorf("%v, %v, %v", x[0], x[20], x[31*32+31])
	}
	if x, err = readPicturesWith(files, map[string]string{"missing": "zero", "standardize": "true"}, 2, 32, 32); err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, v := range x[:32*32] {
		sum += float64(v)
	}
	if x[0] != 0 || x[20] == 0 || math.Abs(sum) > 1e-2 {
		t.Errorf("standardised: %v, %v, sum %v", x[0], x[20], sum)
	}
}

// What the samples of pictures are, and the rate of recordings, are kept with the model: that other pictures differ is
// worth a note, recordings of another rate are refused.
func TestFilesAndTheSchema(t *testing.T) {
	deep, floats := &fstest.MapFile{Data: deepPNG(t, 26, 21, func(x, _ int) uint16 { return uint16(x) })}, &fstest.MapFile{Data: variant(t, "grey-f32.tif")}
	grey := data.Want{{Shape: []int{1, 21, 26}}}
	sound := data.Want{{Shape: []int{1, 4}}}
	captioned := data.Want{{Name: "image", Shape: []int{1, 21, 26}}, {Name: "text", Shape: []int{2}, Tokens: true, Vocab: 4}}
	table := &fstest.MapFile{Data: []byte("image,text\na.x,a\nb.x,b\n")}
	for _, c := range []struct {
		reader string
		want   data.Want
		files  [2]fstest.MapFS
		schema data.Schema
		refuse string
	}{
		{"images", grey, [2]fstest.MapFS{{"a.png": deep, "b.png": deep}, {"a.tif": floats, "b.tif": floats}}, data.Schema{Pictures: data.ScaledSamples},
			"those that the model was trained with have samples that are whole numbers"},
		{"images", grey, [2]fstest.MapFS{{"a.tif": floats, "b.tif": floats}, {"a.png": deep, "b.png": deep}}, data.Schema{Pictures: data.StoredSamples},
			"those that the model was trained with have samples that are numbers of 32 bits"},
		{"captioned", captioned, [2]fstest.MapFS{{"a.x": deep, "b.x": deep, "t.csv": table}, {"a.x": floats, "b.x": floats, "t.csv": table}}, data.Schema{Pictures: data.ScaledSamples},
			"those that the model was trained with"},
		{"audio", sound, [2]fstest.MapFS{{"a.wav": {Data: wav(8000, 1, 2, 3, 4)}, "b.wav": {Data: wav(8000, 1, 2, 3, 4)}}, {"a.wav": {Data: wav(16000, 1, 2, 3, 4)}, "b.wav": {Data: wav(16000, 1, 2, 3, 4)}}},
			data.Schema{Rate: 8000}, "has 16000 samples a second, what the model was trained with has 8000"},
	} {
		options := map[string]string{"test_fraction": "0.5", "label": "none"}
		if c.reader == "captioned" {
			delete(options, "label")
		}
		train, _, err := data.Open(c.reader, options, c.files[0], "DIR", c.want, data.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		learned := data.LearnedOf(train)
		if learned.Schema.Pictures != c.schema.Pictures || learned.Schema.Rate != c.schema.Rate {
			t.Errorf("%s: the schema is %+v", c.reader, learned.Schema)
		}
		for i, refuse := range []string{"", c.refuse} {
			var notes []string
			train, _, err := data.Open(c.reader, options, c.files[i], "DIR", c.want, data.OpenOptions{Learned: learned, Note: func(text string) { notes = append(notes, text) }})
			if err == nil {
				err = train.Example(0, 0, data.NewExample(c.want, train.Labels()))
			}
			got := strings.Join(notes, "; ")
			if c.reader == "audio" && err != nil {
				got, err = err.Error(), nil
			}
			if err != nil || refuse == "" && got != "" || !strings.Contains(got, refuse) {
				t.Errorf("%s: %q, %v, expected %q", c.reader, got, err, refuse)
			}
		}
	}
}
