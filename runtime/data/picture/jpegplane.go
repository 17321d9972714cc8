package picture

// picture converts the coefficients to red, green and blue.
func (f *jpegFile) picture() *Image {
	out := New(f.width, f.height, 3)
	planes := make([]*plane, len(f.components))
	rows := make([][]byte, len(planes))
	for i, c := range f.components {
		planes[i] = c.plane(f.hMax/c.h, f.vMax/c.v)
		rows[i] = make([]byte, c.width*planes[i].scaleX)
	}
	for y := range f.height {
		for i, p := range planes {
			p.row(rows[i], y)
		}
		f.colours(out.Pix[y*f.width*3:][:f.width*3], rows)
	}
	return out
}

// Red, green and blue of the components of a picture, decided as libjpeg does.
const (
	jpegGrey = iota
	jpegRGB
	jpegYCC
	jpegCMYK
	jpegYCCK
)

func (f *jpegFile) space() int {
	switch len(f.components) {
	case 1:
		return jpegGrey
	case 4:
		if f.adobe == 2 {
			return jpegYCCK
		}
		return jpegCMYK
	}
	ids := [3]byte{f.components[0].id, f.components[1].id, f.components[2].id}
	if !f.jfif && (f.adobe == 0 || f.adobe < 0 && ids == [3]byte{'R', 'G', 'B'}) {
		return jpegRGB
	}
	return jpegYCC
}

// colours writes a row of pixels.
func (f *jpegFile) colours(dst []byte, rows [][]byte) {
	space := f.space()
	for x := range len(dst) / 3 {
		p := dst[3*x : 3*x+3 : 3*x+3]
		a := rows[0][x]
		switch space {
		case jpegGrey:
			p[0], p[1], p[2] = a, a, a
			continue
		case jpegRGB, jpegCMYK:
			p[0], p[1], p[2] = a, rows[1][x], rows[2][x]
		default:
			ycc(p, a, rows[1][x], rows[2][x])
		}
		if len(rows) < 4 {
			continue
		}
		// Photoshop keeps inks inverted, and what it writes is what there is.
		white := rows[3][x]
		if f.adobe < 0 {
			white = 255 - white
		}
		for i, v := range p {
			if f.adobe >= 0 && space == jpegCMYK {
				v = 255 - v
			}
			p[i] = under(v, white)
		}
	}
}

// ycc converts luma and two colours to red, green and blue.
func ycc(p []byte, y, cb, cr byte) {
	l, b, r := int32(y), int32(cb)-128, int32(cr)-128
	p[0] = clip(l + (91881*r+1<<15)>>16)
	p[1] = clip(l + (-22554*b-46802*r+1<<15)>>16)
	p[2] = clip(l + (116130*b+1<<15)>>16)
}

func clip(v int32) byte { return byte(min(max(v, 0), 255)) }

// plane is the samples of a component, which may have a lower resolution.
type plane struct {
	pix            []byte
	stride         int
	width, height  int // samples that belong to the picture
	scaleX, scaleY int
	sums           []int32
}

// plane transforms the blocks of a component.
func (c *jpegComponent) plane(sx, sy int) *plane {
	p := &plane{stride: 8 * c.across, width: c.width, height: c.height, scaleX: sx, scaleY: sy, sums: make([]int32, c.width)}
	p.pix = make([]byte, p.stride*8*c.down)
	if c.quant == nil { // no scan had it
		for i := range p.pix {
			p.pix[i] = 128
		}
		return p
	}
	var work [64]int32
	for y := range c.down {
		for x := range c.across {
			inverse(p.pix[8*(y*p.stride+x):], p.stride, c.block(x, y), c.quant, &work)
		}
	}
	return p
}

// Constants of the inverse transform of Loeffler, Ligtenberg and Moschytz (1989), times 2^13.
const (
	fix0298 = 2446
	fix0390 = 3196
	fix0541 = 4433
	fix0765 = 6270
	fix0899 = 7373
	fix1175 = 9633
	fix1501 = 12299
	fix1847 = 15137
	fix1961 = 16069
	fix2053 = 16819
	fix2562 = 20995
	fix3072 = 25172
)

// inverse writes the 8 x 8 samples of a block: first columns, keeping two more bits, then rows.
func inverse(dst []byte, stride int, block []int16, quant *[64]uint16, work *[64]int32) {
	var in, out [8]int32
	for x := range 8 {
		any := int16(0)
		for k := range 8 {
			in[k] = int32(block[8*k+x]) * int32(quant[8*k+x])
			if k > 0 {
				any |= block[8*k+x]
			}
		}
		if any == 0 {
			for k := range 8 {
				work[8*k+x] = in[0] << 2
			}
			continue
		}
		butterfly(&in, &out, 11)
		for k, v := range out {
			work[8*k+x] = v
		}
	}
	for y := range 8 {
		butterfly((*[8]int32)(work[8*y:]), &out, 18)
		row := dst[y*stride:][:8]
		for x, v := range out {
			row[x] = clip(v + 128)
		}
	}
}

// butterfly is the transform of 8 numbers; the result is rounded and divided by 2^shift.
func butterfly(in, out *[8]int32, shift uint) {
	z1 := (in[2] + in[6]) * fix0541
	t2, t3 := z1-in[6]*fix1847, z1+in[2]*fix0765
	t0, t1 := (in[0]+in[4])<<13, (in[0]-in[4])<<13
	e0, e3, e1, e2 := t0+t3, t0-t3, t1+t2, t1-t2

	o0, o1, o2, o3 := in[7], in[5], in[3], in[1]
	z1, z2, z3, z4 := -(o0+o3)*fix0899, -(o1+o2)*fix2562, -(o0+o2)*fix1961, -(o1+o3)*fix0390
	z5 := (o0 + o2 + o1 + o3) * fix1175
	z3 += z5
	z4 += z5
	o0 = o0*fix0298 + z1 + z3
	o1 = o1*fix2053 + z2 + z4
	o2 = o2*fix3072 + z2 + z3
	o3 = o3*fix1501 + z1 + z4

	half := int32(1) << (shift - 1)
	out[0], out[7] = (e0+o3+half)>>shift, (e0-o3+half)>>shift
	out[1], out[6] = (e1+o2+half)>>shift, (e1-o2+half)>>shift
	out[2], out[5] = (e2+o1+half)>>shift, (e2-o1+half)>>shift
	out[3], out[4] = (e3+o0+half)>>shift, (e3-o0+half)>>shift
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
		for i, v := range src {
			p.sums[i] = int32(v)
		}
		p.across(dst, 1, 2, 2)
	default:
		p.mix(y)
		if p.scaleX == 1 {
			for i, s := range p.sums {
				dst[i] = byte((s + 1 + int32(y&1)) >> 2)
			}
			return
		}
		p.across(dst, 8, 7, 4)
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

// across doubles the sums: three parts of the nearest, one of the next nearest; those at the
// ends have no neighbour and count four times.
func (p *plane) across(dst []byte, left, right int32, shift uint) {
	last := len(p.sums) - 1
	for i, v := range p.sums {
		before, after := p.sums[max(i-1, 0)], p.sums[min(i+1, last)]
		dst[2*i] = byte((3*v + before + left) >> shift)
		dst[2*i+1] = byte((3*v + after + right) >> shift)
	}
}
