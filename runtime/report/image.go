package report

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"slices"

	"mspecc/runtime/ckpt"
)

// gap is the width of the lines between pictures, in pixels; hiddenGrey is the colour of what
// the model did not see.
const gap = 4

var hiddenGrey = color.RGBA{128, 128, 128, 255}

// at is the position of a pixel's first channel: tokens of height*width*channels values each,
// within a token in order (row, column, channel).
func (l Layout) at(y, x int) int {
	h, w := l.Patch[0], l.Patch[1]
	return ((y/h*l.Grid[1]+x/w)*h*w + y%h*w + x%w) * l.Channels
}

// extent is an image's height and width in pixels.
func (l Layout) extent() (h, w int) { return l.Grid[0] * l.Patch[0], l.Grid[1] * l.Patch[1] }

// Captions say what the Tiles of an example are.
func (p *Panel) Captions() []string {
	list := []string{"original", "what the model saw", "reconstruction", "reconstruction after adaptation"}
	if p.Plain {
		list = list[:3]
	}
	return list
}

// Tiles are the pictures of an example, as Captions says. One scale of brightness, that of the original, serves all.
func (p *Panel) Tiles(e Example) []*image.RGBA {
	low, high := bounds(e.Target)
	h, w := p.extent()
	out := make([]*image.RGBA, len(p.Captions()))
	for i := range out {
		values := [][]float32{e.Target, e.Target, e.Reconstruction, e.Adapted}[i]
		out[i] = image.NewRGBA(image.Rect(0, 0, w, h))
		for y := range h {
			row := y
			if p.Kind == Spectrogram {
				row = h - 1 - y // low frequencies at the bottom
			}
			for x := range w {
				at := p.at(row, x)
				px := values[at : at+p.Channels]
				if slices.ContainsFunc(px, isNaN) || i == 1 && p.hidden(e, at) {
					out[i].SetRGBA(x, y, hiddenGrey)
					continue
				}
				out[i].SetRGBA(x, y, p.colour(px, low, high))
			}
		}
	}
	return out
}

// hidden says whether a pixel was hidden, in one channel at least.
func (p *Panel) hidden(e Example, at int) bool {
	if len(e.Mask) == p.Size() {
		return e.Mask[at/p.Width()] > 0.5
	}
	return slices.Max(e.Mask[at:at+p.Channels]) > 0.5
}

func isNaN(v float32) bool { return v != v }

// images draws one row of tiles per example, enlarged where they are small.
func (p *Panel) images() image.Image {
	h, w := p.extent()
	zoom := max(1, 128/max(h, w))
	picture := image.NewRGBA(image.Rect(0, 0, len(p.Captions())*(w*zoom+gap)+gap, len(p.Rows)*(h*zoom+gap)+gap))
	draw.Draw(picture, picture.Bounds(), image.White, image.Point{}, draw.Src)
	for i, e := range p.Rows {
		for column, tile := range p.Tiles(e) {
			corner := image.Pt(gap+column*(w*zoom+gap), gap+i*(h*zoom+gap))
			for y := range h * zoom {
				for x := range w * zoom {
					picture.SetRGBA(corner.X+x, corner.Y+y, tile.RGBAAt(x/zoom, y/zoom))
				}
			}
		}
	}
	return picture
}

// colour is a pixel's colour: three channels are red, green and blue, more (spectral bands)
// show the fourth to second as such, one or two show the first as grey. A spectrogram's is
// its strength, from dark blue to yellow.
func (l Layout) colour(px []float32, low, high float32) color.RGBA {
	level := func(channel int) uint8 {
		v := (px[channel] - low) / (high - low)
		return uint8(255*max(0, min(1, v)) + 0.5)
	}
	switch {
	case l.Kind == Spectrogram:
		return heat(level(0))
	case l.Channels == 3:
		return color.RGBA{level(0), level(1), level(2), 255}
	case l.Channels > 3:
		return color.RGBA{level(3), level(2), level(1), 255}
	}
	return color.RGBA{level(0), level(0), level(0), 255}
}

// viridis are nine colours of matplotlib's map of that name, evenly spaced: its lightness grows
// evenly, also for colour-blind readers.
var viridis = [9][3]float64{{68, 1, 84}, {71, 44, 122}, {59, 81, 139}, {44, 113, 142}, {33, 144, 141}, {39, 173, 129}, {92, 200, 99}, {170, 220, 50}, {253, 231, 37}}

// heat is a strength of 0 to 255 as a colour.
func heat(level uint8) color.RGBA {
	at := float64(level) / 255 * float64(len(viridis)-1)
	i := min(int(at), len(viridis)-2)
	mix := func(c int) uint8 {
		return uint8(viridis[i][c] + (at-float64(i))*(viridis[i+1][c]-viridis[i][c]) + 0.5)
	}
	return color.RGBA{mix(0), mix(1), mix(2), 255}
}

// bounds is the range of values that black to white stands for: 0 to 1 where the values are in it.
func bounds(values []float32) (low, high float32) {
	low, high = float32(math.Inf(1)), float32(math.Inf(-1))
	for _, v := range values {
		if !isNaN(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	switch {
	case low >= 0 && high <= 1:
		return 0, 1
	case high > low:
		return low, high
	}
	return low, low + 1
}

// writePNG writes a picture to a file.
func writePNG(name string, m image.Image) error {
	return ckpt.Atomic(name, func(w io.Writer) error { return png.Encode(w, m) })
}
