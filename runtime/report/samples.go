package report

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

	"mspecc/runtime/ckpt"
)

// Sample is one input of an example as a model sees it.
type Sample struct {
	Shape  []int
	Values []float32 // nil for tokens
	Tokens []int32
	Vocab  int
}

// Drawings of samples have about these sizes, in pixels.
const (
	sampleHeight = 128
	curveWidth   = 384
)

// Samples draws a PNG with a row for each example, its inputs side by side: pictures as such,
// channels over time as curves, tables as bars, tokens as a strip of colours.
func Samples(name string, rows [][]Sample) error {
	var drawn [][]*image.RGBA
	width, height := gap, gap
	for _, row := range rows {
		var parts []*image.RGBA
		w, h := gap, 0
		for _, s := range row {
			m := s.draw()
			parts = append(parts, m)
			w, h = w+m.Rect.Dx()+gap, max(h, m.Rect.Dy())
		}
		drawn = append(drawn, parts)
		width, height = max(width, w), height+h+gap
	}
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(picture, picture.Bounds(), image.White, image.Point{}, draw.Src)
	y := gap
	for _, parts := range drawn {
		x, h := gap, 0
		for _, m := range parts {
			draw.Draw(picture, m.Rect.Add(image.Pt(x, y)), m, image.Point{}, draw.Src)
			x, h = x+m.Rect.Dx()+gap, max(h, m.Rect.Dy())
		}
		y += h + gap
	}
	return ckpt.Atomic(name, func(w io.Writer) error { return png.Encode(w, picture) })
}

func (s Sample) draw() *image.RGBA {
	switch {
	case s.Tokens != nil:
		return s.strip()
	case len(s.Shape) == 3 && s.Shape[1] > 1:
		return s.picture()
	}
	return s.curves()
}

// picture draws [channels, height, width].
func (s Sample) picture() *image.RGBA {
	c, h, w := s.Shape[0], s.Shape[1], s.Shape[2]
	zoom := max(1, sampleHeight/max(h, w))
	m := image.NewRGBA(image.Rect(0, 0, w*zoom, h*zoom))
	low, high := bounds(s.Values)
	// Three channels are red, green and blue, more (spectral bands) show the fourth to second as
	// such, one or two show the first as grey.
	shown := [3]int{0, 0, 0}
	switch {
	case c == 3:
		shown = [3]int{0, 1, 2}
	case c > 3:
		shown = [3]int{3, 2, 1}
	}
	for y := range h * zoom {
		for x := range w * zoom {
			var px [3]uint8
			for i, channel := range shown {
				v := s.Values[(channel*h+y/zoom)*w+x/zoom]
				px[i] = uint8(255*max(0, min(1, (v-low)/(high-low))) + 0.5)
			}
			m.SetRGBA(x, y, color.RGBA{px[0], px[1], px[2], 255})
		}
	}
	return m
}

// curves draws the rows of [channels, samples], each in a colour and on a scale of its own.
func (s Sample) curves() *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, curveWidth, sampleHeight))
	draw.Draw(m, m.Rect, image.NewUniform(color.Gray{245}), image.Point{}, draw.Src)
	n := s.Shape[len(s.Shape)-1]
	channels := len(s.Values) / n
	for c := range channels {
		row := s.Values[c*n : (c+1)*n]
		low, high := bounds(row)
		at := func(i int) int {
			return int(math.Round(float64((1 - (row[i]-low)/(high-low)) * (sampleHeight - 1))))
		}
		ink := hue(c, channels)
		last := at(0)
		for x := range curveWidth {
			y := at(min(n-1, x*n/curveWidth))
			for v := min(last, y); v <= max(last, y); v++ {
				m.SetRGBA(x, max(0, min(sampleHeight-1, v)), ink)
			}
			last = y
		}
	}
	return m
}

// strip draws tokens line by line, a colour for each id.
func (s Sample) strip() *image.RGBA {
	const size, perLine = 12, curveWidth / 12
	lines := (len(s.Tokens) + perLine - 1) / perLine
	m := image.NewRGBA(image.Rect(0, 0, min(len(s.Tokens), perLine)*size, lines*size))
	draw.Draw(m, m.Rect, image.White, image.Point{}, draw.Src)
	for i, t := range s.Tokens {
		corner := image.Pt(i%perLine*size, i/perLine*size)
		draw.Draw(m, image.Rect(1, 1, size, size).Add(corner), image.NewUniform(hue(int(t), s.Vocab)), image.Point{}, draw.Src)
	}
	return m
}

// hue is colour i of n around the wheel.
func hue(i, n int) color.RGBA {
	at := 6 * float64(i) / float64(max(1, n))
	level := func(shift float64) uint8 {
		d := math.Abs(math.Mod(at+shift, 6) - 3)
		return uint8(40 + 180*max(0, min(1, d-1)))
	}
	return color.RGBA{level(0), level(4), level(2), 255}
}
