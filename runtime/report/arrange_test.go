package report

import (
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// tokensOf is an example whose value at place p of the input is p, cut into tokens; those of the numbers in hidden are.
func tokensOf(places []int, values int, hidden ...int) Example {
	e := Example{Mask: make([]float32, len(places)/values)}
	for _, t := range hidden {
		e.Mask[t] = 1
	}
	for i, p := range places {
		e.Target = append(e.Target, float32(p))
		e.Reconstruction = append(e.Reconstruction, float32(p)+100*e.Mask[i/values])
	}
	return e
}

// An example is drawn as the input has it, however its tokens lie.
func TestArrange(t *testing.T) {
	nan := math.NaN()
	leads := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} // two leads of 8 samples, tokens of one lead and four samples
	for _, c := range []struct {
		name, kind     string
		shape          []int
		values         int
		places, hidden []int
		drawn          string
		channels       [][]float64 // of the target
		seen           [][]Span    // what is hidden of each
	}{
		{"leads", Series, []int{2, 8}, 4, leads, []int{1}, "series [8] [1] 2", [][]float64{{0, 1, 2, 3, 4, 5, 6, 7}, {8, 9, 10, 11, 12, 13, 14, 15}}, [][]Span{{{4, 7}}, nil}},
		{"patches", Series, []int{2, 4}, 4, []int{0, 4, 1, 5, 2, 6, 3, 7}, []int{1}, "series [2] [2] 2", [][]float64{{0, 1, 2, 3}, {4, 5, 6, 7}}, [][]Span{{{2, 3}}, {{2, 3}}}},
		{"one channel", Series, []int{4}, 2, []int{0, 1, 2, 3}, []int{0}, "series [2] [2] 1", [][]float64{{0, 1, 2, 3}}, [][]Span{{{0, 1}}}},
		{"backwards", Series, []int{4}, 2, []int{3, 2, 1, 0}, []int{0}, "series [4] [1] 1", [][]float64{{0, 1, 2, 3}}, [][]Span{{{2, 3}}}},
		{"overlapping", Series, []int{7}, 4, []int{0, 1, 2, 3, 2, 3, 4, 5}, []int{1}, "series [7] [1] 1", [][]float64{{0, 1, 2, 3, 4, 5, nan}}, [][]Span{{{4, 6}}}},
		{"columns", Table, []int{3}, 1, []int{0, 1, 2}, []int{2}, "series [3] [1] 1", [][]float64{{0, 1, 2}}, [][]Span{{{2, 2}}}},
		{"points", Points, []int{2, 3}, 3, []int{0, 1, 2, 3, 4, 5}, []int{1}, "series [2] [1] 3", [][]float64{{0, 3}, {1, 4}, {2, 5}}, [][]Span{{{1, 1}}, {{1, 1}}, {{1, 1}}}},
	} {
		a, err := Arrange(c.kind, c.shape, len(c.places)/c.values, c.values, c.places)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		p := &Panel{Layout: a.Layout, Plain: true, Count: 1, Rows: []Example{a.Example(tokensOf(c.places, c.values, c.hidden...))}}
		if got := text(p.Layout); got != c.drawn {
			t.Errorf("%s is drawn as %s, expected %s", c.name, got, c.drawn)
		}
		e := p.Rows[0]
		for k, want := range c.channels {
			if got := p.Channel(e.Target, k); !slices.EqualFunc(got, want, func(x, y float64) bool { return x == y || x != x && y != y }) {
				t.Errorf("%s: channel %d is %v, expected %v", c.name, k, got, want)
			}
			if got := p.Hidden(e, k); !reflect.DeepEqual(got, c.seen[k]) {
				t.Errorf("%s: of channel %d %v is hidden, expected %v", c.name, k, got, c.seen[k])
			}
		}
		if got := p.Channel(e.Reconstruction, 0)[0]; got != 0 && got != 100 {
			t.Errorf("%s: the reconstruction begins with %v", c.name, got)
		}
		if _, err := p.Picture(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		file := filepath.Join(t.TempDir(), "p.safetensors")
		if err := p.WriteFile(file); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		q, err := ReadPanel(file)
		if err != nil || !slices.Equal(q.Rows[0].Mask, e.Mask) || len(q.Rows[0].Adapted) > 0 {
			t.Errorf("%s is read back as %+v, %v", c.name, q, err)
		}
	}
	for _, shape := range [][]int{{3}, {2, 3, 4}, {1, 2, 3, 4}} {
		if _, err := Arrange(Series, shape, 1, 1, []int{0}); (err == nil) != (len(shape) == 1) {
			t.Errorf("an input %v as a series: %v", shape, err)
		}
	}
}

func text(l Layout) string { return fmt.Sprint(l.Kind, " ", l.Grid, " ", l.Patch, " ", l.Channels) }

// The pixels of pictures and of frames are where the input has them, also where every second row is read backwards, and where
// tokens are of one colour.
func TestArrangePictures(t *testing.T) {
	for _, c := range []struct {
		name, kind     string
		shape          []int
		values         int
		places, hidden []int
		drawn          string
		h, w           int
		grey           [][2]int // row and column of what is hidden
	}{
		{"patches", Image, []int{2, 4}, 4, []int{0, 1, 4, 5, 2, 3, 6, 7}, []int{1}, "image [1 2] [2 2] 1", 2, 4, [][2]int{{0, 2}, {0, 3}, {1, 2}, {1, 3}}},
		{"zigzag", Image, []int{2, 3}, 1, []int{0, 1, 2, 5, 4, 3}, []int{3}, "image [2 3] [1 1] 1", 2, 3, [][2]int{{1, 2}}},
		{"colours", Image, []int{3, 1, 2}, 2, []int{0, 1, 2, 3, 4, 5}, []int{2}, "image [1 2] [1 1] 3", 1, 2, [][2]int{{0, 0}, {0, 1}}},
		{"frames", Video, []int{2, 2, 2}, 4, []int{0, 1, 2, 3, 4, 5, 6, 7}, []int{1}, "image [1 2] [2 2] 1", 2, 4, [][2]int{{0, 2}, {0, 3}, {1, 2}, {1, 3}}},
	} {
		a, err := Arrange(c.kind, c.shape, len(c.places)/c.values, c.values, c.places)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		p := &Panel{Layout: a.Layout, Plain: true, Count: 1, Rows: []Example{a.Example(tokensOf(c.places, c.values, c.hidden...))}}
		if got := text(p.Layout); got != c.drawn {
			t.Errorf("%s is drawn as %s, expected %s", c.name, got, c.drawn)
		}
		if err := p.Check(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		tiles := p.Tiles(p.Rows[0])
		if size := tiles[0].Bounds(); len(tiles) != 3 || size.Dy() != c.h || size.Dx() != c.w {
			t.Fatalf("%s: %d pictures of %v", c.name, len(tiles), size)
		}
		for y := range c.h {
			for x := range c.w {
				grey := tiles[1].RGBAAt(x, y) == hiddenGrey
				if want := slices.Contains(c.grey, [2]int{y, x}); grey != want {
					t.Errorf("%s: pixel %d, %d is hidden: %v, expected %v", c.name, y, x, grey, want)
				}
				if x > 0 && c.kind == Image && tiles[0].RGBAAt(x, y).R <= tiles[0].RGBAAt(x-1, y).R {
					t.Errorf("%s: pixel %d, %d is no lighter than that before it", c.name, y, x)
				}
			}
		}
	}
}

// What is shown by numbers alone has a file of numbers, and no picture.
func TestNumbersAlone(t *testing.T) {
	a, err := Arrange(None, []int{4}, 2, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &Panel{Layout: a.Layout, Plain: true, Rows: []Example{{Target: make([]float32, 6), Mask: []float32{0, 1}, Reconstruction: make([]float32, 6)}}}
	dir := t.TempDir()
	if err := p.WritePicture(filepath.Join(dir, "p")); err != nil {
		t.Error(err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) > 0 {
		t.Errorf("%v is drawn", files)
	}
	if _, err := p.Picture(); err == nil {
		t.Error("a picture was drawn")
	}
	if err := p.WriteFile(filepath.Join(dir, "p.safetensors")); err != nil {
		t.Error(err)
	}
}
