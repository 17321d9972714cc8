package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	mathbits "math/bits"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/image/ccitt"
	"golang.org/x/image/tiff/lzw"
)

// raster takes the samples of a page: those of one band in a row, as float64 so that nothing of any type but whole numbers of
// 64 bits is lost.
type raster func(band, y, x int, v float64)

// read decodes all strips or tiles.
func (l *tiffLayout) read(put raster) error {
	across, down := ceilDiv(l.width, l.segW), ceilDiv(l.height, l.segH)
	perPixel := l.bands
	if l.planar {
		perPixel = 1
	}
	for i := range l.offsets {
		plane, row, column := i/(across*down), i/across%down*l.segH, i%across*l.segW
		rows := l.segH
		if !l.tiled {
			rows = min(rows, l.height-row)
		}
		s := tiffSegment{l, rows, perPixel}
		if l.counts[i] == 0 {
			s.place(nil, plane, row, column, put)
			continue
		}
		raw, err := s.unpack(l.offsets[i], l.counts[i])
		if err != nil {
			return fmt.Errorf("strip or tile %d: %w", i, err)
		}
		s.unpredict(raw)
		s.place(raw, plane, row, column, put)
	}
	return nil
}

// tiffSegment is a strip or tile.
type tiffSegment struct {
	*tiffLayout
	rows, perPixel int
}

// stride is the number of bytes of a row.
func (s tiffSegment) stride() int { return (s.segW*s.perPixel*s.bits + 7) / 8 }

// unpack gives the bytes of the samples.
func (s tiffSegment) unpack(from, n uint64) ([]byte, error) {
	data := s.page.f.data
	if from > uint64(len(data)) || n > uint64(len(data))-from {
		return nil, errTIFFEnd
	}
	raw, size := data[from:from+n], s.rows*s.stride()
	if s.compression == tiffPlain && size > len(raw) || size > len(raw)*4096+1<<10 {
		return nil, fmt.Errorf("has %d bytes, which cannot hold the %d expected", len(raw), size)
	}
	if s.reversed && s.compression != tiffJPEG {
		raw = bytes.Clone(raw)
		for i, b := range raw {
			raw[i] = mathbits.Reverse8(b)
		}
	}
	out := make([]byte, size)
	switch s.compression {
	case tiffPlain:
		copy(out, raw)
		return out, nil
	case tiffPackBits:
		return out, unpackBits(out, raw)
	case tiffJPEG:
		return out, s.jpeg(out, raw)
	}
	r, err := s.reader(raw)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if _, err := io.ReadFull(r, out); err != nil {
		return nil, fmt.Errorf("cannot be unpacked: %w", err)
	}
	return out, nil
}

// reader undoes a compression.
func (s tiffSegment) reader(raw []byte) (io.ReadCloser, error) {
	in := bytes.NewReader(raw)
	switch s.compression {
	case tiffLZW:
		return lzw.NewReader(in, lzw.MSB, 8), nil
	case tiffDeflate, tiffDeflateOld:
		return zlib.NewReader(in)
	case tiffZstd:
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<28))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	case tiffGroup3, tiffGroup4:
		return s.fax(in)
	}
	return nil, s.unknownMethod()
}

// fax reads what ITU-T's T.4 and T.6 code: white is always 0, so that the photometric interpretation says as
// for other compressions what that means.
func (s tiffSegment) fax(in io.Reader) (io.ReadCloser, error) {
	if s.bits != 1 || s.perPixel != 1 {
		return nil, fmt.Errorf("is coded as a fax, but has %d bits a pixel", s.bits*s.perPixel)
	}
	mode := ccitt.Group4
	if s.compression == tiffGroup3 {
		mode = ccitt.Group3
		options, err := s.page.number(tagT4Options, 0)
		if err != nil {
			return nil, err
		}
		if options&1 != 0 {
			return nil, tiffUnread("is a TIFF coded as a fax in two dimensions (T.4), which is not read")
		}
	}
	return io.NopCloser(ccitt.NewReader(in, ccitt.MSB, mode, s.segW, s.rows, &ccitt.Options{Invert: true})), nil
}

// jpeg decodes a strip or tile that is a JPEG, whose tables may stand apart.
func (s tiffSegment) jpeg(out, raw []byte) error {
	if s.bits != 8 || s.perPixel != 1 && s.perPixel != 3 {
		return tiffUnread("is a TIFF compressed by JPEG with %d samples of %d bits a pixel, expected 1 or 3 of 8", s.perPixel, s.bits)
	}
	if e, ok := s.page.tags[tagJPEGTables]; ok && len(e.raw) > 4 && len(raw) > 2 {
		tables := e.raw[:min(uint64(len(e.raw)), e.count)]
		raw = append(bytes.TrimSuffix(bytes.Clone(tables), []byte{0xff, jpegEOI}), raw[2:]...)
	}
	f, err := decodeJPEG(raw)
	if err != nil {
		return err
	}
	if f.width != s.segW || f.height < s.rows || len(f.components) != s.perPixel {
		return fmt.Errorf("holds a JPEG of %d x %d pixels of %d components, expected %d x %d of %d", f.width, f.height, len(f.components), s.segW, s.rows, s.perPixel)
	}
	if f.adobe = -1; s.photometric == redGreenBlue || s.photometric == blackIsZero {
		f.jfif, f.adobe = false, 0 // the components are no luma and colours
	}
	m := f.picture()
	if s.perPixel == 3 {
		copy(out, m.Pix)
		return nil
	}
	for i := range out {
		out[i] = m.Pix[3*i]
	}
	return nil
}

// unpackBits fills out from Apple's run-length code.
func unpackBits(out, raw []byte) error {
	for len(out) > 0 {
		if len(raw) < 2 {
			return errTIFFEnd
		}
		n := int(int8(raw[0]))
		switch {
		case n >= 0:
			if n+1 > len(raw)-1 || n+1 > len(out) {
				return errTIFFEnd
			}
			copy(out, raw[1:n+2])
			out, raw = out[n+1:], raw[n+2:]
		case n == -128:
			raw = raw[1:]
		default:
			if 1-n > len(out) {
				return errTIFFEnd
			}
			for j := range 1 - n {
				out[j] = raw[1]
			}
			out, raw = out[1-n:], raw[2:]
		}
	}
	return nil
}

// unpredict undoes the differences between neighbouring pixels: 2 of whole samples, 3 of the
// bytes of floating ones, which are sorted by significance (TIFF technical note 3).
func (s tiffSegment) unpredict(raw []byte) {
	if s.predictor < 2 {
		return
	}
	stride, size := s.stride(), s.bits/8
	sorted := make([]byte, stride)
	for y := range s.rows {
		row := raw[y*stride:][:stride]
		if s.predictor == 2 {
			for i := s.perPixel * size; i < stride; i += size {
				s.add(row[i:], row[i-s.perPixel*size:])
			}
			continue
		}
		for i := s.perPixel; i < stride; i++ {
			row[i] += row[i-s.perPixel]
		}
		copy(sorted, row)
		n := s.segW * s.perPixel
		for i := range n {
			for b := range size {
				to := b
				if s.page.f.order == binary.ByteOrder(binary.LittleEndian) {
					to = size - 1 - b
				}
				row[i*size+to] = sorted[b*n+i]
			}
		}
	}
}

// add adds one sample to another.
func (s tiffSegment) add(a, b []byte) {
	order := s.page.f.order
	switch s.bits {
	case 8:
		a[0] += b[0]
	case 16:
		order.PutUint16(a, order.Uint16(a)+order.Uint16(b))
	case 32:
		order.PutUint32(a, order.Uint32(a)+order.Uint32(b))
	default:
		order.PutUint64(a, order.Uint64(a)+order.Uint64(b))
	}
}

// place puts the samples of a strip or tile, of which those outside the picture are padding. Without bytes
// there are only missing ones.
func (s tiffSegment) place(raw []byte, plane, row, column int, put raster) {
	stride := s.stride()
	for y := row; y < min(row+s.rows, s.height); y++ {
		for x := column; x < min(column+s.segW, s.width); x++ {
			for b := range s.perPixel {
				if raw == nil {
					put(plane+b, y, x, s.missing)
					continue
				}
				put(plane+b, y, x, s.sample(raw[(y-row)*stride:], (x-column)*s.perPixel+b))
			}
		}
	}
}

// sample is the i-th of a row.
func (s tiffSegment) sample(row []byte, i int) float64 {
	order := s.page.f.order
	switch {
	case s.bits < 8 || s.bits > 8 && s.bits < 16:
		v := uint64(0)
		for at := i * s.bits; at < (i+1)*s.bits; at++ {
			v = v<<1 | uint64(row[at/8]>>(7-at%8)&1)
		}
		return float64(v)
	case s.bits == 8 && s.kind == signedSamples:
		return float64(int8(row[i]))
	case s.bits == 8:
		return float64(row[i])
	}
	b := row[i*s.bits/8:]
	v := s.page.f.unsigned(b, s.bits/8)
	switch {
	case s.kind == unsignedSamples:
		return float64(v)
	case s.kind == signedSamples:
		shift := 64 - s.bits
		return float64(int64(v<<shift) >> shift)
	case s.bits == 16:
		return half(order.Uint16(b))
	case s.bits == 32:
		return float64(math.Float32frombits(uint32(v)))
	}
	return math.Float64frombits(v)
}

// half is an IEEE number of 16 bits.
func half(h uint16) float64 {
	exponent, fraction := int(h>>10&31), float64(h&1023)
	v := 0.0
	switch exponent {
	case 0:
		v = math.Ldexp(fraction, -24)
	case 31:
		if v = math.Inf(1); fraction != 0 {
			v = math.NaN()
		}
	default:
		v = math.Ldexp(1024+fraction, exponent-25)
	}
	if h>>15 == 1 {
		return -v
	}
	return v
}
