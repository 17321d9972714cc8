package report

import (
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

func TestSamples(t *testing.T) {
	name := filepath.Join(t.TempDir(), "s.png")
	picture := Sample{Shape: []int{3, 2, 2}, Values: []float32{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}}
	text := Sample{Shape: []int{40}, Tokens: make([]int32, 40), Vocab: 3}
	text.Tokens[0] = 1
	curve := Sample{Shape: []int{2, 5}, Values: []float32{0, 0, 0, 0, 0, 1, 1, 1, 1, 1}}
	if err := Samples(name, [][]Sample{{picture, text}, {curve}}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if w, h := m.Bounds().Dx(), m.Bounds().Dy(); w != 3*gap+128+384 || h != 3*gap+2*128 {
		t.Errorf("%d x %d pixels", w, h)
	}
	for _, p := range []struct {
		x, y int
		want color.Color
	}{{gap + 5, gap + 5, color.RGBA{255, 0, 0, 255}}, {gap + 100, gap + 5, color.RGBA{0, 255, 0, 255}}, {gap + 5, gap + 100, color.RGBA{0, 0, 255, 255}},
		{2*gap + 128 + 5, gap + 5, hue(1, 3)}, {2*gap + 128 + 17, gap + 5, hue(0, 3)}, {gap + 9, 2*gap + 128, hue(1, 2)}, {gap + 9, 2*gap + 2*128 - 1, hue(0, 2)}} {
		r, g, b, _ := m.At(p.x, p.y).RGBA()
		if wr, wg, wb, _ := p.want.RGBA(); r != wr || g != wg || b != wb {
			t.Errorf("pixel %d, %d is %v, expected %v", p.x, p.y, m.At(p.x, p.y), p.want)
		}
	}
}
