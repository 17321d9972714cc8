package picture

import "image"

// fromYCbCr scales the colour planes up and converts them to RGB in the arithmetic of libjpeg
// (jdsample.c, jdcolor.c), which Pillow uses; Go's own conversion repeats colour samples instead of interpolating them.
func fromYCbCr(out *Image, m *image.YCbCr) {
	w, h := out.Width, out.Height
	sx, sy := 1, 1
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		sx = 2
	case image.YCbCrSubsampleRatio420:
		sx, sy = 2, 2
	case image.YCbCrSubsampleRatio440:
		sy = 2
	case image.YCbCrSubsampleRatio411:
		sx = 4
	case image.YCbCrSubsampleRatio410:
		sx, sy = 4, 2
	}
	cb := newPlane(m.Cb, m.CStride, w, h, sx, sy)
	cr := newPlane(m.Cr, m.CStride, w, h, sx, sy)
	rowB, rowR := make([]byte, cb.width*sx), make([]byte, cr.width*sx)
	for y := range h {
		cb.row(rowB, y)
		cr.row(rowR, y)
		luma := m.Y[y*m.YStride:]
		dst := out.Pix[y*w*3:]
		for x := range w {
			l, b, r := int32(luma[x]), int32(rowB[x])-128, int32(rowR[x])-128
			dst[3*x] = clip(l + (91881*r+1<<15)>>16)
			dst[3*x+1] = clip(l + (-22554*b-46802*r+1<<15)>>16)
			dst[3*x+2] = clip(l + (116130*b+1<<15)>>16)
		}
	}
}

func clip(v int32) byte { return byte(min(max(v, 0), 255)) }

// plane is a colour plane of a lower resolution.
type plane struct {
	pix            []byte
	stride         int
	width, height  int // samples that belong to the picture
	scaleX, scaleY int
	sums           []int32
}

func newPlane(pix []byte, stride, w, h, sx, sy int) *plane {
	p := &plane{pix: pix, stride: stride, width: (w + sx - 1) / sx, height: (h + sy - 1) / sy, scaleX: sx, scaleY: sy}
	p.sums = make([]int32, p.width)
	return p
}

// row writes one row at full resolution: triangular interpolation where libjpeg does it, else repetition.
func (p *plane) row(dst []byte, y int) {
	src := p.pix[y/p.scaleY*p.stride:][:p.width]
	smooth := p.scaleX <= 2 && p.scaleY <= 2 && (p.scaleX == 1 || p.width > 2)
	switch {
	case !smooth:
		for i := range dst {
			dst[i] = src[i/p.scaleX]
		}
	case p.scaleX == 1 && p.scaleY == 1:
		copy(dst, src)
	case p.scaleY == 1:
		p.across(dst, func(i int) int32 { return int32(src[i]) }, 1, 2, 2)
	default:
		p.mix(y)
		if p.scaleX == 1 {
			for i, s := range p.sums {
				dst[i] = byte((s + 1 + int32(y&1)) >> 2)
			}
			return
		}
		p.across(dst, func(i int) int32 { return p.sums[i] }, 8, 7, 4)
	}
}

// mix fills sums: three parts of the nearest row, one of the next nearest.
func (p *plane) mix(y int) {
	at := y / 2
	other := min(max(at-1+2*(y&1), 0), p.height-1)
	near, far := p.pix[at*p.stride:], p.pix[other*p.stride:]
	for i := range p.sums {
		p.sums[i] = 3*int32(near[i]) + int32(far[i])
	}
}

// across doubles a row: three parts of the nearest sample, one of the next nearest; the samples
// at the ends have no neighbour and count four times.
func (p *plane) across(dst []byte, v func(i int) int32, left, right int32, shift uint) {
	for i := range p.width {
		before, after := max(i-1, 0), min(i+1, p.width-1)
		dst[2*i] = byte((3*v(i) + v(before) + left) >> shift)
		dst[2*i+1] = byte((3*v(i) + v(after) + right) >> shift)
	}
}
