package picture

import (
	"encoding/binary"
	"errors"
	mathbits "math/bits"
)

// bmpFile is the header of a Windows or OS/2 bitmap.
type bmpFile struct {
	data          []byte
	width, height int
	topDown       bool
	bits          int
	packing       uint32
	start         int // of the pixels
	palette       [256][3]byte
	masks         [3]uint32 // of red, green, blue in a pixel of 16 or 32 bits
}

// The ways in which bitmaps are packed.
const (
	bmpPlain = 0
	bmpRLE8  = 1
	bmpRLE4  = 2
	bmpMasks = 3
)

var errBMPEnd = errors.New("it ends too early: it was cut off")

// bmpHeader reads the header, which has one of several lengths.
func bmpHeader(data []byte) (*bmpFile, error) {
	le := binary.LittleEndian
	if len(data) < 26 {
		return nil, errBMPEnd
	}
	f := &bmpFile{data: data, start: int(le.Uint32(data[10:]))}
	size := int(le.Uint32(data[14:]))
	colours, padding := 0, 4
	switch size {
	case 12:
		f.width, f.height, f.bits = int(le.Uint16(data[18:])), int(le.Uint16(data[20:])), int(le.Uint16(data[24:]))
		padding = 3
	case 40, 52, 56, 64, 108, 124:
		if len(data) < 14+size {
			return nil, errBMPEnd
		}
		f.width, f.height, f.bits = int(int32(le.Uint32(data[18:]))), int(int32(le.Uint32(data[22:]))), int(le.Uint16(data[28:]))
		f.packing, colours = le.Uint32(data[30:]), int(le.Uint32(data[46:]))
		if f.topDown = f.height < 0; f.topDown {
			f.height = -f.height
		}
	default:
		return nil, unread("is a BMP whose header has %d bytes, which is not read", size)
	}
	behind := 14 + size
	if f.packing == bmpMasks && size == 40 {
		behind += 12
	}
	if f.start < behind {
		f.start = behind
	}
	if err := f.setMasks(size); err != nil {
		return nil, err
	}
	return f, f.setPalette(behind, colours, padding)
}

// setMasks settles how pixels of 16 and 32 bits are divided, and refuses what is not read.
func (f *bmpFile) setMasks(size int) error {
	le := binary.LittleEndian
	ok := f.packing == bmpPlain
	switch f.bits {
	case 4:
		ok = ok || f.packing == bmpRLE4
	case 8:
		ok = ok || f.packing == bmpRLE8
	case 16:
		ok = ok || f.packing == bmpMasks
		f.masks = [3]uint32{0x7c00, 0x3e0, 0x1f}
	case 32:
		ok = ok || f.packing == bmpMasks
		f.masks = [3]uint32{0xff0000, 0xff00, 0xff}
	case 1, 2, 24:
	default:
		return unread("is a BMP of %d bits a pixel, which is not read", f.bits)
	}
	if size == 64 && f.packing >= bmpMasks || !ok && f.packing != bmpMasks {
		return unread("is a BMP packed by method %d, which is not read", f.packing)
	}
	if f.packing != bmpMasks || f.bits < 16 {
		return nil
	}
	if len(f.data) < 66 {
		return errBMPEnd
	}
	masks := [3]uint32{le.Uint32(f.data[54:]), le.Uint32(f.data[58:]), le.Uint32(f.data[62:])}
	if masks != [3]uint32{} && f.bits != 24 {
		f.masks = masks
	}
	return nil
}

// setPalette reads the colours, which stand between the header and the pixels.
func (f *bmpFile) setPalette(at, colours, padding int) error {
	if f.bits > 8 {
		return nil
	}
	if colours <= 0 || colours > 1<<f.bits {
		colours = 1 << f.bits
	}
	if f.start == at {
		f.start += colours * padding
	}
	for i := range min(colours, (f.start-at)/padding) {
		if at+3 > len(f.data) {
			return errBMPEnd
		}
		f.palette[i] = [3]byte{f.data[at+2], f.data[at+1], f.data[at]}
		at += padding
	}
	return nil
}

func bmpSize(data []byte) (width, height int, err error) {
	f, err := bmpHeader(data)
	if err != nil {
		return 0, 0, err
	}
	return f.width, f.height, nil
}

func decodeBMP(data []byte) (*Image, error) {
	f, err := bmpHeader(data)
	if err != nil {
		return nil, err
	}
	out := New(f.width, f.height, 3)
	if f.packing == bmpRLE4 || f.packing == bmpRLE8 {
		return out, f.unpack(out)
	}
	stride := (f.width*f.bits + 31) / 32 * 4
	if f.start > len(data) || f.height*stride > len(data)-f.start {
		return nil, errBMPEnd
	}
	for y := range f.height {
		f.row(out.Pix[f.line(y)*3*f.width:][:3*f.width], data[f.start+y*stride:][:stride])
	}
	return out, nil
}

// line is the row of the picture that stands at place y in the file.
func (f *bmpFile) line(y int) int {
	if f.topDown {
		return y
	}
	return f.height - 1 - y
}

// row converts the pixels of a row.
func (f *bmpFile) row(dst, src []byte) {
	for x := range f.width {
		p := dst[3*x : 3*x+3 : 3*x+3]
		switch f.bits {
		case 24:
			p[0], p[1], p[2] = src[3*x+2], src[3*x+1], src[3*x]
		case 16:
			f.masked(p, uint32(binary.LittleEndian.Uint16(src[2*x:])))
		case 32:
			f.masked(p, binary.LittleEndian.Uint32(src[4*x:]))
		default:
			at := x * f.bits
			copy(p, f.palette[src[at/8]>>(8-f.bits-at%8)&(1<<f.bits-1)][:])
		}
	}
}

// masked divides a pixel, and brings its parts to 0..255, rounding down as Pillow does.
func (f *bmpFile) masked(p []byte, pixel uint32) {
	for c, m := range f.masks {
		if m == 0 {
			p[c] = 0
			continue
		}
		low := mathbits.TrailingZeros32(m)
		p[c] = byte(uint64(pixel&m>>low) * 255 / uint64(m>>low))
	}
}

// unpack undoes the run-length codes: runs, literal pixels, ends of rows, and jumps over pixels, which stay those
// of the first colour.
func (f *bmpFile) unpack(out *Image) error {
	for i := range f.width * f.height {
		copy(out.Pix[3*i:], f.palette[0][:])
	}
	in := f.data[min(f.start, len(f.data)):]
	x, y := 0, 0
	put := func(index byte) {
		if x < f.width && y < f.height {
			copy(out.Pix[3*(f.line(y)*f.width+x):], f.palette[index][:])
		}
		x++
	}
	for y < f.height {
		if len(in) < 2 {
			return errBMPEnd
		}
		n, code := int(in[0]), in[1]
		in = in[2:]
		switch {
		case n > 0:
			for i := range n {
				put(f.part(code, i))
			}
		case code == 0:
			x, y = 0, y+1
		case code == 1:
			return nil
		case code == 2:
			if len(in) < 2 {
				return errBMPEnd
			}
			x, y = x+int(in[0]), y+int(in[1])
			in = in[2:]
		default:
			used := int(code)
			if f.packing == bmpRLE4 {
				used = (used + 1) / 2
			}
			if len(in) < used {
				return errBMPEnd
			}
			for i := range int(code) {
				if f.packing == bmpRLE4 {
					put(f.part(in[i/2], i))
				} else {
					put(in[i])
				}
			}
			in = in[min(len(in), used+used%2):]
		}
	}
	return nil
}

// part is pixel i of a run: a byte of RLE4 holds two, which take turns.
func (f *bmpFile) part(code byte, i int) byte {
	switch {
	case f.packing == bmpRLE8:
		return code
	case i%2 == 0:
		return code >> 4
	}
	return code & 15
}
