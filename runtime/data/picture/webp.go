package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"

	"golang.org/x/image/vp8"
	"golang.org/x/image/vp8l"
)

// webpFile is a WebP's first picture: its chunk, and where it lies on the canvas.
type webpFile struct {
	width, height int // of the canvas
	x, y          int
	frame         bool // the picture is the first of an animation
	lossless      bool
	pixels        []byte
}

var errWebPEnd = errors.New("it ends too early: it was cut off")

// webpParts looks at the chunks. Alpha is dropped, so that its chunk is passed over.
func webpParts(data []byte) (*webpFile, error) {
	f := &webpFile{}
	if err := f.chunks(data[12:], true); err != nil {
		return nil, err
	}
	if f.pixels == nil {
		return nil, errors.New("it holds no picture")
	}
	width, height, err := f.frameSize()
	if err != nil {
		return nil, err
	}
	if f.width == 0 {
		f.width, f.height = width, height
	}
	if f.x+width > f.width || f.y+height > f.height || !f.frame && (width != f.width || height != f.height) {
		return nil, errors.New("its picture does not fit the canvas")
	}
	return f, nil
}

// chunks takes those of the file, or of the first frame of an animation.
func (f *webpFile) chunks(in []byte, whole bool) error {
	for len(in) >= 8 && f.pixels == nil {
		id, size := string(in[:4]), uint64(binary.LittleEndian.Uint32(in[4:]))
		if size > uint64(len(in)-8) {
			return errWebPEnd
		}
		body := in[8 : 8+size]
		in = in[min(uint64(len(in)), 8+size+size&1):]
		switch {
		case id == "VP8 " || id == "VP8L":
			f.pixels, f.lossless = body, id == "VP8L"
		case id == "VP8X" && whole:
			if len(body) < 10 {
				return errWebPEnd
			}
			f.width, f.height = 1+number24(body[4:]), 1+number24(body[7:])
		case id == "ANMF" && whole:
			if len(body) < 16 {
				return errWebPEnd
			}
			f.x, f.y, f.frame = 2*number24(body), 2*number24(body[3:]), true
			if err := f.chunks(body[16:], false); err != nil || f.pixels == nil {
				return errors.Join(err, errors.New("its first frame holds no picture"))
			}
		}
	}
	return nil
}

func number24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// frameSize is the size of the picture, from its own header.
func (f *webpFile) frameSize() (width, height int, err error) {
	if f.lossless {
		c, err := vp8l.DecodeConfig(bytes.NewReader(f.pixels))
		return c.Width, c.Height, err
	}
	d := vp8.NewDecoder()
	d.Init(bytes.NewReader(f.pixels), len(f.pixels))
	h, err := d.DecodeFrameHeader()
	return h.Width, h.Height, err
}

func webpSize(data []byte) (width, height int, err error) {
	f, err := webpParts(data)
	if err != nil {
		return 0, 0, err
	}
	return f.width, f.height, nil
}

func decodeWebP(data []byte) (*Image, error) {
	f, err := webpParts(data)
	if err != nil {
		return nil, err
	}
	var m *Image
	if f.lossless {
		n, err := vp8l.Decode(bytes.NewReader(f.pixels))
		if err != nil {
			return nil, err
		}
		m = fromGo(n)
	} else {
		d := vp8.NewDecoder()
		d.Init(bytes.NewReader(f.pixels), len(f.pixels))
		if _, err := d.DecodeFrameHeader(); err != nil {
			return nil, err
		}
		planes, err := d.DecodeFrame()
		if err != nil {
			return nil, err
		}
		m = fromVP8(planes)
	}
	return m.Crop(-f.x, -f.y, f.width-f.x, f.height-f.y), nil
}

// fromVP8 converts luma 16 to 235 and colours of half the resolution to red, green and blue as libwebp does, bit for
// bit: of the four samples of a colour around a pixel the nearest counts nine parts, its neighbours three, the far one one
// (libwebp's upsampling.c), and the matrix of ITU-R 601-2 in 14 bits (its yuv.h). Go's image.YCbCr takes luma to be 0 to
// 255, which VP8's is not.
func fromVP8(m *image.YCbCr) *Image {
	width, height := m.Rect.Dx(), m.Rect.Dy()
	out := New(width, height, 3)
	cb, cr := make([]uint32, width), make([]uint32, width)
	for y := range height {
		near := y / 2
		far := min(max(near-1+2*(y&1), 0), (height+1)/2-1)
		upsample(cb, m.Cb[near*m.CStride:], m.Cb[far*m.CStride:])
		upsample(cr, m.Cr[near*m.CStride:], m.Cr[far*m.CStride:])
		luma := m.Y[y*m.YStride:][:width]
		for x, l := range luma {
			p := out.Pix[3*(y*width+x):][:3:3]
			l, u, v := int32(l)*19077>>8, int32(cb[x]), int32(cr[x])
			p[0] = clip((l + v*26149>>8 - 14234) >> 6)
			p[1] = clip((l - u*6419>>8 - v*13320>>8 + 8708) >> 6)
			p[2] = clip((l + u*33050>>8 - 17685) >> 6)
		}
	}
	return out
}

// upsample gives a row of colours twice as many columns, of the row of samples that it lies in and the one next to it.
func upsample(dst []uint32, near, far []byte) {
	last := (len(dst)+1)/2 - 1
	for x := range dst {
		at := x / 2
		side := at - 1 + 2*(x&1)
		if side < 0 || side > last {
			dst[x] = (3*uint32(near[at]) + uint32(far[at]) + 2) >> 2
			continue
		}
		a, b, c, d := uint32(near[at]), uint32(near[side]), uint32(far[at]), uint32(far[side])
		// (9 a + 3 b + 3 c + d + 8) / 16, rounded in two steps as libwebp does.
		dst[x] = ((a+b+c+d+8+2*(b+c))>>3 + a) >> 1
	}
}
