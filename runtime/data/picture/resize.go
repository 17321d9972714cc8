package picture

import (
	"math"

	"mspecc/runtime/rounded"
)

// Filter is a resampling filter with Pillow's name for it.
type Filter struct {
	Name    string
	support float64 // half of its width
	at      func(x float64) float64
}

// The filters of Pillow that antialias: scaled down, they widen with the scale.
var (
	Box      = Filter{"box", 0.5, box}
	Bilinear = Filter{"bilinear", 1, triangle}
	Bicubic  = Filter{"bicubic", 2, cubic}
	Lanczos  = Filter{"lanczos", 3, lanczos}
)

// Filters lists them.
var Filters = []Filter{Box, Bilinear, Bicubic, Lanczos}

func box(x float64) float64 {
	if x > -0.5 && x <= 0.5 {
		return 1
	}
	return 0
}

func triangle(x float64) float64 { return max(0, 1-math.Abs(x)) }

// cubic is the convolution kernel of Keys (1981) with a = -0.5. The conversions keep the
// compiler from fusing operations, which would round differently.
func cubic(x float64) float64 {
	const a = -0.5
	x = math.Abs(x)
	switch {
	case x < 1:
		return float64(float64((float64((a+2)*x)-(a+3))*x)*x) + 1
	case x < 2:
		return (float64((float64((x-5)*x)+8)*x) - 4) * a
	}
	return 0
}

func lanczos(x float64) float64 {
	if x < -3 || x >= 3 {
		return 0
	}
	return sinc(x) * sinc(x/3)
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return rounded.Sin(x) / x
}

// fraction is the number of binary places of the weights.
const fraction = 32 - 8 - 2

// taps are the weights of one output sample: it begins at input sample first.
type taps struct {
	first   int
	weights []int32
	exact   []float64 // the same, not rounded
}

// resampling gives the taps for each of out samples made of in samples (Pillow's Resample.c).
func (f Filter) resampling(in, out int) []taps {
	scale := float64(in) / float64(out)
	wide := max(scale, 1)
	support := float64(f.support * wide)
	all := make([]taps, out)
	w := make([]float64, 0, 2*int(math.Ceil(support))+1)
	for i := range all {
		centre := float64((float64(i) + 0.5) * scale)
		first := max(0, int(centre-support+0.5))
		last := min(in, int(centre+support+0.5))
		total := 0.0
		w = w[:0]
		for x := first; x < last; x++ {
			v := f.at(float64((float64(x) - centre + 0.5) * (1 / wide)))
			w = append(w, v)
			total += v
		}
		all[i] = taps{first, make([]int32, len(w)), make([]float64, len(w))}
		for j, v := range w {
			if total != 0 {
				v /= total
			}
			all[i].exact[j] = v
			all[i].weights[j] = int32(math.Copysign(0.5, v) + float64(v*(1<<fraction)))
		}
	}
	return all
}

// Resize scales a picture with a filter, in fixed point, first across and then down: exactly the
// Image.resize of Pillow up to version 12. Pillow 13 begins with the axis that is the cheaper one to begin
// with, which rounds some samples to a neighbouring value.
func Resize(m *Image, width, height int, f Filter) *Image {
	if width != m.Width {
		m = m.across(width, f)
	}
	if height != m.Height {
		m = m.down(height, f)
	}
	return m
}

func (m *Image) across(width int, f Filter) *Image {
	out := m.like(width, m.Height)
	n := m.Channels
	all := f.resampling(m.Width, width)
	if m.Deep != nil {
		m.deepAcross(out, all)
		return out
	}
	for y := range m.Height {
		src, dst := m.Pix[y*m.Width*n:(y+1)*m.Width*n], out.Pix[y*width*n:(y+1)*width*n]
		if n == 3 {
			across3(dst, src, all)
			continue
		}
		for x, t := range all {
			for c := range n {
				sum := int32(1 << (fraction - 1))
				for k, w := range t.weights {
					sum += int32(src[(t.first+k)*n+c]) * w
				}
				dst[x*n+c] = clip(sum >> fraction)
			}
		}
	}
	return out
}

// across3 is a row of three channels, the usual case.
func across3(dst, src []byte, all []taps) {
	for x, t := range all {
		r, g, b := int32(1<<(fraction-1)), int32(1<<(fraction-1)), int32(1<<(fraction-1))
		p := src[3*t.first:][:3*len(t.weights)]
		for _, w := range t.weights {
			r += int32(p[0]) * w
			g += int32(p[1]) * w
			b += int32(p[2]) * w
			p = p[3:]
		}
		dst[3*x], dst[3*x+1], dst[3*x+2] = clip(r>>fraction), clip(g>>fraction), clip(b>>fraction)
	}
}

func (m *Image) down(height int, f Filter) *Image {
	out := m.like(m.Width, height)
	stride := m.Width * m.Channels
	all := f.resampling(m.Height, height)
	if m.Deep != nil {
		m.deepDown(out, all)
		return out
	}
	sums := make([]int32, stride)
	for y, t := range all {
		for i := range sums {
			sums[i] = 1 << (fraction - 1)
		}
		for j, w := range t.weights {
			for i, v := range m.Pix[(t.first+j)*stride:][:stride] {
				sums[i] += int32(v) * w
			}
		}
		for i, v := range sums {
			out.Pix[y*stride+i] = clip(v >> fraction)
		}
	}
	return out
}

// deepAcross scales the rows of samples of more digits: sums in float64, rounded to float32 between the two passes, as
// Pillow does in its mode F. Each product is rounded, whatever the machine could fuse.
func (m *Image) deepAcross(out *Image, all []taps) {
	n := m.Channels
	for y := range m.Height {
		src, dst := m.Deep[y*m.Width*n:(y+1)*m.Width*n], out.Deep[y*out.Width*n:(y+1)*out.Width*n]
		for x, t := range all {
			for c := range n {
				sum := 0.0
				for k, w := range t.exact {
					sum += float64(float64(src[(t.first+k)*n+c]) * w)
				}
				dst[x*n+c] = float32(sum)
			}
		}
	}
}

// deepDown scales the columns likewise.
func (m *Image) deepDown(out *Image, all []taps) {
	stride := m.Width * m.Channels
	sums := make([]float64, stride)
	for y, t := range all {
		clear(sums)
		for j, w := range t.exact {
			for i, v := range m.Deep[(t.first+j)*stride:][:stride] {
				sums[i] += float64(float64(v) * w)
			}
		}
		for i, v := range sums {
			out.Deep[y*stride+i] = float32(v)
		}
	}
}

// Crop cuts out the pixels from (x0, y0) up to, but without, (x1, y1); what lies outside the picture is black.
func (m *Image) Crop(x0, y0, x1, y1 int) *Image {
	out := m.like(max(x1-x0, 0), max(y1-y0, 0))
	from, to := max(x0, 0), min(x1, m.Width)
	if from >= to {
		return out
	}
	for y := max(y0, 0); y < min(y1, m.Height); y++ {
		at, lo, hi := ((y-y0)*out.Width+from-x0)*m.Channels, (y*m.Width+from)*m.Channels, (y*m.Width+to)*m.Channels
		if m.Deep != nil {
			copy(out.Deep[at:], m.Deep[lo:hi])
		} else {
			copy(out.Pix[at:], m.Pix[lo:hi])
		}
	}
	return out
}

// CenterCrop cuts out the middle, as torchvision does (halves are rounded to even); it pads where the picture is smaller.
func (m *Image) CenterCrop(width, height int) *Image {
	x := int(math.RoundToEven(float64(m.Width-width) / 2))
	y := int(math.RoundToEven(float64(m.Height-height) / 2))
	return m.Crop(x, y, x+width, y+height)
}

// ResizeShort scales a picture so that its shorter side has that length, as torchvision's Resize does with one number.
func ResizeShort(m *Image, short int, f Filter) *Image {
	if m.Width <= m.Height {
		return Resize(m, short, max(1, int(float64(short*m.Height)/float64(m.Width))), f)
	}
	return Resize(m, max(1, int(float64(short*m.Width)/float64(m.Height))), short, f)
}
