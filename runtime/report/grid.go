package report

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

	"mspecc/runtime/ckpt"
)

// Patches are images in token space: rows*cols tokens of height*width*channels values each,
// within a token in order (row, column, channel).
type Patches struct {
	Rows, Cols, Height, Width, Channels int
}

// Size is the number of values of one image.
func (p Patches) Size() int { return p.Rows * p.Cols * p.Height * p.Width * p.Channels }

// at is the position of a pixel's first channel.
func (p Patches) at(y, x int) int {
	token := y/p.Height*p.Cols + x/p.Width
	return ((token*p.Height+y%p.Height)*p.Width + x%p.Width) * p.Channels
}

// Example is one row of the picture: what was shown, which tokens were hidden (1) and what
// the model made of it.
type Example struct {
	Target, Mask, Reconstruction, Adapted []float32
}

// gap is the width of the lines between pictures, in pixels.
const gap = 4

// Grid draws a PNG with one row per example: original, masked, reconstruction, reconstruction
// after adaptation. One scale of brightness, that of the original, serves all four.
func Grid(name string, p Patches, rows []Example) error {
	h, w := p.Rows*p.Height, p.Cols*p.Width
	zoom := max(1, 128/max(h, w))
	picture := image.NewRGBA(image.Rect(0, 0, 4*(w*zoom+gap)+gap, len(rows)*(h*zoom+gap)+gap))
	draw.Draw(picture, picture.Bounds(), image.White, image.Point{}, draw.Src)
	for i, e := range rows {
		if len(e.Target) != p.Size() || len(e.Reconstruction) != p.Size() || len(e.Adapted) != p.Size() || len(e.Mask) != p.Rows*p.Cols {
			return fmt.Errorf("example %d has %d values and %d mask entries, an image of this modality has %d and %d",
				i, len(e.Target), len(e.Mask), p.Size(), p.Rows*p.Cols)
		}
		low, high := bounds(e.Target)
		for column, values := range [][]float32{e.Target, e.Target, e.Reconstruction, e.Adapted} {
			corner := image.Pt(gap+column*(w*zoom+gap), gap+i*(h*zoom+gap))
			for y := range h * zoom {
				for x := range w * zoom {
					c := p.colour(values, y/zoom, x/zoom, low, high)
					if column == 1 && e.Mask[y/zoom/p.Height*p.Cols+x/zoom/p.Width] > 0.5 {
						c = color.RGBA{128, 128, 128, 255}
					}
					picture.SetRGBA(corner.X+x, corner.Y+y, c)
				}
			}
		}
	}
	return ckpt.Atomic(name, func(w io.Writer) error { return png.Encode(w, picture) })
}

// colour is a pixel's colour: three channels are red, green and blue, more (spectral bands)
// show the fourth to second as such, one or two show the first as grey.
func (p Patches) colour(values []float32, y, x int, low, high float32) color.RGBA {
	px := values[p.at(y, x):][:p.Channels]
	level := func(channel int) uint8 {
		v := (px[channel] - low) / (high - low)
		return uint8(255*max(0, min(1, v)) + 0.5)
	}
	switch {
	case p.Channels == 3:
		return color.RGBA{level(0), level(1), level(2), 255}
	case p.Channels > 3:
		return color.RGBA{level(3), level(2), level(1), 255}
	}
	return color.RGBA{level(0), level(0), level(0), 255}
}

// bounds is the range of values that black to white stands for: 0 to 1 where the values are in it.
func bounds(values []float32) (low, high float32) {
	low, high = float32(math.Inf(1)), float32(math.Inf(-1))
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	switch {
	case low >= 0 && high <= 1:
		return 0, 1
	case high > low:
		return low, high
	}
	return low, low + 1
}
