package picture

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"mspecc/internal/fuzzing"
	"mspecc/runtime/data/filetype"
)

func load(t testing.TB, name string) *Image {
	t.Helper()
	m, err := Decode(read(t, name), Options{Channels: 3})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return m.RGB()
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// differences gives the largest difference and how many samples differ at all.
func differences(t *testing.T, got, want *Image) (worst, count int) {
	t.Helper()
	if got.Width != want.Width || got.Height != want.Height || len(got.Pix) != len(want.Pix) {
		t.Fatalf("%d x %d, expected %d x %d", got.Width, got.Height, want.Width, want.Height)
	}
	for i, v := range got.Pix {
		d := int(v) - int(want.Pix[i])
		if d != 0 {
			count++
		}
		worst = max(worst, d, -d)
	}
	return worst, count
}

// Every format decodes to the bytes that Pillow gives.
func TestDecode(t *testing.T) {
	names, err := filepath.Glob("testdata/*.*.png")
	if err != nil || len(names) < 15 {
		t.Fatal(err, names)
	}
	for _, want := range names {
		name := strings.TrimSuffix(filepath.Base(want), ".png")
		t.Run(name, func(t *testing.T) {
			got := load(t, name)
			worst, count := differences(t, got, load(t, name+".png"))
			if worst > 0 {
				t.Errorf("%d of %d samples differ, by up to %d", count, len(got.Pix), worst)
			}
		})
	}
	if worst, _ := differences(t, load(t, "source.png").Grey(), grey(load(t, "luma.png"))); worst > 0 {
		t.Errorf("luma differs by up to %d", worst)
	}
}

func grey(m *Image) *Image {
	out := New(m.Width, m.Height, 1)
	for i := range out.Pix {
		out.Pix[i] = m.Pix[3*i]
	}
	return out
}

// Resizing gives Pillow's bytes exactly.
func TestResize(t *testing.T) {
	source := load(t, "source.png")
	for _, f := range Filters {
		names, _ := filepath.Glob("testdata/resize-" + f.Name + "-*.png")
		if len(names) != 4 {
			t.Fatalf("%s: %v", f.Name, names)
		}
		for _, name := range names {
			size := strings.Split(strings.TrimSuffix(name[strings.LastIndexByte(name, '-')+1:], ".png"), "x")
			w, _ := strconv.Atoi(size[0])
			h, _ := strconv.Atoi(size[1])
			if worst, count := differences(t, Resize(source, w, h, f), load(t, filepath.Base(name))); worst > 0 {
				t.Errorf("%s: %d samples differ, by up to %d", name, count, worst)
			}
		}
	}
}

func TestCrop(t *testing.T) {
	m := New(4, 3, 1)
	for i := range m.Pix {
		m.Pix[i] = byte(i + 1)
	}
	if c := m.Crop(-1, 1, 2, 4); string(c.Pix) != string([]byte{0, 5, 6, 0, 9, 10, 0, 0, 0}) {
		t.Errorf("crop %v", c.Pix)
	}
	// Halves are rounded to even: (4 - 3) / 2 to 0, (3 - 0) / 2 to 2.
	if c := m.CenterCrop(3, 1); string(c.Pix) != string([]byte{5, 6, 7}) {
		t.Errorf("centre %v", c.Pix)
	}
	if s := ResizeShort(New(640, 427, 3), 224, Bilinear); s.Width != 335 || s.Height != 224 {
		t.Errorf("short side: %d x %d", s.Width, s.Height)
	}
}

// TIFFs of any byte order, compression and layout give the numbers that were written.
func TestBands(t *testing.T) {
	names, err := filepath.Glob("testdata/*-*.tif")
	names = append(names, "testdata/f32-be.tif")
	if err != nil || len(names) < 9 {
		t.Fatal(err, names)
	}
	for _, name := range names {
		m, err := DecodeBands(read(t, filepath.Base(name)), Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if m.Count != 13 || m.Height != 9 || m.Width != 18 {
			t.Errorf("%s: %d x %d x %d", name, m.Count, m.Height, m.Width)
			continue
		}
		for i, got := range m.Values {
			c, y, x := i/(9*18), i/18%9, i%18
			want := float32((c*1000 + y*370 + x*1100) % 65536)
			switch filepath.Base(name)[:3] {
			case "i16":
				want -= 32768
			case "u8-":
				want = float32(int(want) % 256)
			case "f32":
				want = want/64 - 300
			}
			if got != want {
				t.Errorf("%s: band %d, row %d, column %d is %g, expected %g", name, c, y, x, got, want)
				break
			}
		}
	}
}

// Headers that speak of more than the file holds take no memory.
func TestAbsurd(t *testing.T) {
	png := read(t, "grey.png")
	png = append([]byte(nil), png...)
	copy(png[16:], []byte{0, 0, 0x3f, 0xff, 0, 0, 0x3f, 0xff})
	for name, raw := range map[string][]byte{
		"ppm": []byte("P6 8000 8000 255\n123"), "ppm of no size": []byte("P6 0 3 255\n"), "png": png, "text": []byte("hello"), "": {},
	} {
		if _, err := Decode(raw, Options{Channels: 3}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	tif := append([]byte(nil), read(t, "u16-le.tif")...)
	jpg := append([]byte(nil), read(t, "420.jpg")...)
	at := bytes.Index(jpg, []byte{0xff, 0xc0})
	copy(jpg[at+5:], []byte{0x60, 0, 0x60, 0})
	if _, err := Decode(jpg, Options{}); err == nil || !strings.Contains(err.Error(), "cannot hold") && !strings.Contains(err.Error(), "at most") {
		t.Errorf("a JPEG of 24576 x 24576: %v", err)
	}
	for _, cut := range []int{3, 30, at + 8, len(jpg) / 2} {
		if _, err := Decode(read(t, "420.jpg")[:cut], Options{}); err == nil {
			t.Errorf("JPEG cut at %d: no error", cut)
		}
		if _, err := Decode(read(t, "progressive.jpg")[:cut], Options{}); err == nil {
			t.Errorf("progressive JPEG cut at %d: no error", cut)
		}
	}
	// Tiles of 1024 x 1024 pixels of 13 bands in a file of a few kilobytes.
	tiles := append([]byte(nil), read(t, "i16-be-tiles.tif")...)
	for i := range tiles[:len(tiles)-12] {
		if tiles[i] == 1 && (tiles[i+1] == 0x42 || tiles[i+1] == 0x43) && tiles[i+2] == 0 && tiles[i+4] == 0 {
			value := []byte{4, 0}
			if tiles[i+3] == 4 {
				value = []byte{0, 0, 4, 0}
			}
			copy(tiles[i+8:], value)
		}
	}
	if _, err := DecodeBands(tiles, Options{}); err == nil || !strings.Contains(err.Error(), "cannot hold") && !strings.Contains(err.Error(), "expected at most") {
		t.Errorf("large tiles: %v", err)
	}
	for _, cut := range []int{3, 9, 60, len(tif) - 1} {
		if _, err := DecodeBands(tif[:cut], Options{}); err == nil {
			t.Errorf("cut at %d: no error", cut)
		}
	}
}

// Sound TIFFs of other kinds are not called damaged, and damaged ones are not called unsupported.
func TestUnsupportedTIFF(t *testing.T) {
	colour := read(t, "colour.tif")
	changed := func(tag, value byte) []byte {
		raw := bytes.Clone(colour)
		at := bytes.Index(raw, []byte{tag, 1, 3, 0, 1, 0, 0, 0}) // a directory's entry of one short number
		if at < 0 {
			t.Fatalf("colour.tif has no tag %d", 256+int(tag))
		}
		raw[at+8] = value
		return raw
	}
	for name, raw := range map[string][]byte{"CMYK": changed(6, 5), "floats": read(t, "f32-predictor.tif"), "compression": changed(3, 99)} {
		if _, err := Decode(raw, Options{Channels: 3}); !errors.As(err, new(*filetype.Error)) || strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Luma and colours that are not JPEG's: colours for several pixels, and another range.
	luma := read(t, "variants/luma-plain.tif")
	for name, change := range map[string][2]string{"two columns": {"\x12\x02\x03\x00\x02\x00\x00\x00\x01", "\x12\x02\x03\x00\x02\x00\x00\x00\x02"},
		"not told": {"\x12\x02\x03", "\x13\x02\x03"}, "of video's range": {"\xff\x00\x00\x00\x01", "\xeb\x00\x00\x00\x01"}} {
		raw := bytes.Replace(luma, []byte(change[0]), []byte(change[1]), 1)
		_, err := Decode(raw, Options{Channels: 3})
		if bytes.Equal(raw, luma) || !errors.As(err, new(*filetype.Error)) || !strings.Contains(err.Error(), "a TIFF of luma and colours") || strings.Contains(err.Error(), "(6)") {
			t.Errorf("luma and colours, %s: %v", name, err)
		}
	}
	for _, cut := range []int{6, 40, len(colour) - 30} {
		if _, err := Decode(colour[:cut], Options{}); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	names, _ := filepath.Glob("testdata/*.*")
	variants, _ := filepath.Glob("testdata/variants/*.*")
	for _, n := range append(names, variants...) {
		if raw, err := os.ReadFile(n); err == nil && len(raw) < 2000 {
			f.Add(raw)
		}
	}
	fuzzing.Bound(f)
	pixelLimit = 1 << 16
	f.Cleanup(func() { pixelLimit = MaxPixels })
	f.Fuzz(func(t *testing.T, raw []byte) {
		if m, err := Decode(raw, Options{Channels: 3}); err == nil && len(m.Pix)+len(m.Deep) != m.Width*m.Height*m.Channels {
			t.Fatal("a picture of the wrong size")
		}
		if m, err := DecodeBands(raw, Options{Channels: 3}); err == nil && len(m.Values) != m.Width*m.Height*m.Count {
			t.Fatal("bands of the wrong size")
		}
	})
}

// Text files of pixels, comments, other largest values.
func TestNetpbm(t *testing.T) {
	m, err := Decode([]byte("P3 # a comment\n2 1\n15\n0 15 7  1 2 3"), Options{})
	if err != nil || string(m.Pix) != string([]byte{0, 255, 119, 17, 34, 51}) {
		t.Errorf("%v %v", m, err)
	}
	m, err = Decode([]byte("P5 1 1 65535 \x80\x00"), Options{})
	if err != nil || len(m.Deep) != 1 || m.Deep[0] != 0x8000 || m.White != 65535 {
		t.Errorf("%v %v", m, err)
	}
	for _, bad := range []string{"P2 0 0 000#", "P5 1 1", "P6 2 2 255 abc", "P3 1 1 3 4 4 4", "P5 1 1 99999 a", "P5 12345678901 1 1 a"} {
		if _, err := Decode([]byte(bad), Options{}); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
