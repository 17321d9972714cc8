package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"golang.org/x/image/tiff/lzw"
)

// Bands is a picture of any number of bands, such as a satellite's, with the numbers that the file holds.
type Bands struct {
	Count, Height, Width int
	Values               []float32 // [Count, Height, Width]
}

// maxBands bounds the bands of a pixel.
const maxBands = 1 << 10

// tag numbers of TIFF 6.0 and its supplements.
const (
	tagWidth        = 256
	tagHeight       = 257
	tagBits         = 258
	tagCompression  = 259
	tagOffsets      = 273
	tagSamples      = 277
	tagRows         = 278
	tagCounts       = 279
	tagPlanar       = 284
	tagPredictor    = 317
	tagTileWidth    = 322
	tagTileHeight   = 323
	tagTileOffsets  = 324
	tagTileCounts   = 325
	tagSampleFormat = 339
)

// tiffFile is the first directory of a TIFF.
type tiffFile struct {
	data  []byte
	order binary.ByteOrder
	tags  map[uint16][]uint32

	width, height, bands int
	size                 int // bytes of a sample
	kind                 uint32
	planar               bool
	compression          uint32
	predictor            uint32
	segW, segH           int // pixels of a strip or tile
	offsets, counts      []uint32
}

// Sample formats.
const (
	unsignedSamples = 1
	signedSamples   = 2
	floatSamples    = 3
)

// DecodeBands reads a TIFF of any number of bands: 8, 16 or 32 bits, unsigned, signed or floating, in
// strips or tiles, chunky or planar, in either byte order, plain or compressed by PackBits, LZW or Deflate.
func DecodeBands(data []byte) (*Bands, error) {
	f := &tiffFile{data: data}
	if err := f.header(); err != nil {
		return nil, err
	}
	if err := f.layout(); err != nil {
		return nil, err
	}
	out := &Bands{f.bands, f.height, f.width, make([]float32, f.bands*f.height*f.width)}
	across := (f.width + f.segW - 1) / f.segW
	down := (f.height + f.segH - 1) / f.segH
	planes, perPixel := 1, f.bands
	if f.planar {
		planes, perPixel = f.bands, 1
	}
	if len(f.offsets) != across*down*planes || len(f.counts) != len(f.offsets) {
		return nil, fmt.Errorf("the TIFF has %d strips or tiles and %d lengths, expected %d", len(f.offsets), len(f.counts), across*down*planes)
	}
	for i := range f.offsets {
		plane, row, column := i/(across*down), i/across%down*f.segH, i%across*f.segW
		rows := f.segH
		if f.tags[tagTileWidth] == nil {
			rows = min(rows, f.height-row)
		}
		raw, err := f.segment(i, rows*f.segW*perPixel*f.size)
		if err != nil {
			return nil, fmt.Errorf("strip or tile %d of the TIFF: %w", i, err)
		}
		f.unpredict(raw, rows, perPixel)
		f.place(out, raw, plane, row, column, perPixel)
	}
	return out, nil
}

var errTIFFEnd = errors.New("the TIFF ends too early: it was cut off")

// header reads the first directory.
func (f *tiffFile) header() error {
	if len(f.data) < 8 {
		return errTIFFEnd
	}
	switch string(f.data[:4]) {
	case "II*\x00":
		f.order = binary.LittleEndian
	case "MM\x00*":
		f.order = binary.BigEndian
	case "II+\x00", "MM\x00+":
		return errors.New("is a BigTIFF, expected a classic one; convert it with tiffcp")
	default:
		return errors.New("is no TIFF")
	}
	at := uint64(f.order.Uint32(f.data[4:]))
	if at+2 > uint64(len(f.data)) {
		return errTIFFEnd
	}
	n := uint64(f.order.Uint16(f.data[at:]))
	if at+2+12*n > uint64(len(f.data)) {
		return errTIFFEnd
	}
	f.tags = map[uint16][]uint32{}
	for i := range n {
		entry := f.data[at+2+12*i:][:12]
		tag := f.order.Uint16(entry)
		switch tag {
		case tagWidth, tagHeight, tagBits, tagCompression, tagOffsets, tagSamples, tagRows, tagCounts, tagPlanar,
			tagPredictor, tagTileWidth, tagTileHeight, tagTileOffsets, tagTileCounts, tagSampleFormat:
			v, err := f.numbers(entry)
			if err != nil {
				return fmt.Errorf("tag %d of the TIFF: %w", tag, err)
			}
			f.tags[tag] = v
		}
	}
	return nil
}

// numbers are the values of a directory entry of type BYTE, SHORT or LONG.
func (f *tiffFile) numbers(entry []byte) ([]uint32, error) {
	size := map[uint16]uint64{1: 1, 3: 2, 4: 4}[f.order.Uint16(entry[2:])]
	if size == 0 {
		return nil, fmt.Errorf("its type is %d, expected whole numbers", f.order.Uint16(entry[2:]))
	}
	n := uint64(f.order.Uint32(entry[4:]))
	raw := entry[8:]
	if n*size > 4 {
		at := uint64(f.order.Uint32(raw))
		if at+n*size > uint64(len(f.data)) {
			return nil, errTIFFEnd
		}
		raw = f.data[at:]
	}
	v := make([]uint32, n)
	for i := range v {
		switch size {
		case 1:
			v[i] = uint32(raw[i])
		case 2:
			v[i] = uint32(f.order.Uint16(raw[2*i:]))
		default:
			v[i] = f.order.Uint32(raw[4*i:])
		}
	}
	return v, nil
}

// number is a tag's single value, or the one that all its values have.
func (f *tiffFile) number(tag uint16, preset uint32) (uint32, error) {
	v := f.tags[tag]
	if len(v) == 0 {
		return preset, nil
	}
	for _, x := range v {
		if x != v[0] {
			return 0, fmt.Errorf("tag %d of the TIFF differs between the bands: %v", tag, v[:min(len(v), 16)])
		}
	}
	return v[0], nil
}

// layout checks what the tags say and that the file can hold it.
func (f *tiffFile) layout() error {
	var v [10]uint32
	for i, t := range []struct {
		tag    uint16
		preset uint32
	}{{tagWidth, 0}, {tagHeight, 0}, {tagSamples, 1}, {tagBits, 1}, {tagSampleFormat, unsignedSamples}, {tagPlanar, 1},
		{tagCompression, 1}, {tagPredictor, 1}, {tagTileWidth, 0}, {tagTileHeight, 0}} {
		var err error
		if v[i], err = f.number(t.tag, t.preset); err != nil {
			return err
		}
	}
	f.bands, f.kind, f.planar, f.compression, f.predictor = int(v[2]), v[4], v[5] == 2, v[6], v[7]
	if v[0] > MaxPixels || v[1] > MaxPixels {
		return fmt.Errorf("it has %d x %d pixels", v[0], v[1])
	}
	f.width, f.height = int(v[0]), int(v[1])
	if f.bands < 1 || f.bands > maxBands {
		return fmt.Errorf("it has %d bands, expected 1 to %d", f.bands, maxBands)
	}
	if v[3] != 8 && v[3] != 16 && v[3] != 32 || f.kind < unsignedSamples || f.kind > floatSamples || f.kind == floatSamples && v[3] != 32 {
		return fmt.Errorf("its samples have %d bits in format %d, expected 8, 16 or 32 bits of whole numbers (1, 2), or 32 of floating ones (3)", v[3], f.kind)
	}
	f.size = int(v[3]) / 8
	if err := plausible(f.width*f.bands, f.height, len(f.data), f.ratio()); err != nil {
		return err
	}
	f.offsets, f.counts = f.tags[tagOffsets], f.tags[tagCounts]
	f.segW, f.segH = f.width, f.height
	if rows := f.tags[tagRows]; len(rows) > 0 {
		f.segH = int(min(rows[0], uint32(f.height)))
	}
	if f.tags[tagTileWidth] != nil {
		f.offsets, f.counts = f.tags[tagTileOffsets], f.tags[tagTileCounts]
		f.segW, f.segH = int(v[8]), int(v[9])
	}
	if f.segW < 1 || f.segH < 1 || f.segW > MaxPixels/f.segH || f.segW*f.segH > f.width*f.height+1<<20 {
		return fmt.Errorf("its strips or tiles have %d x %d pixels", f.segW, f.segH)
	}
	return nil
}

// ratio is how many bytes one byte can stand for.
func (f *tiffFile) ratio() int {
	switch f.compression {
	case 1:
		return 1
	case 32773:
		return 64
	case 5:
		return 4096
	}
	return 1032
}

// segment gives the decompressed bytes of a strip or tile.
func (f *tiffFile) segment(i, size int) ([]byte, error) {
	from, n := uint64(f.offsets[i]), uint64(f.counts[i])
	if from+n > uint64(len(f.data)) {
		return nil, errTIFFEnd
	}
	raw := f.data[from : from+n]
	if size > len(raw)*f.ratio()+1<<10 || f.compression == 1 && size > len(raw) {
		return nil, fmt.Errorf("has %d bytes, which cannot hold the %d expected", len(raw), size)
	}
	out := make([]byte, size)
	var r io.Reader
	switch f.compression {
	case 1:
		copy(out, raw)
		return out, nil
	case 5:
		r = lzw.NewReader(bytes.NewReader(raw), lzw.MSB, 8)
	case 8, 32946:
		z, err := zlib.NewReader(bytes.NewReader(raw))
		if err != nil {
			return nil, err
		}
		r = z
	case 32773:
		return out, unpackBits(out, raw)
	default:
		return nil, fmt.Errorf("is compressed by method %d, expected none (1), LZW (5), Deflate (8, 32946) or PackBits (32773)", f.compression)
	}
	if _, err := io.ReadFull(r, out); err != nil {
		return nil, fmt.Errorf("cannot be decompressed: %w", err)
	}
	return out, nil
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
func (f *tiffFile) unpredict(raw []byte, rows, perPixel int) {
	if f.predictor < 2 || f.predictor > 3 {
		return
	}
	stride := f.segW * perPixel * f.size
	sorted := make([]byte, stride)
	for y := range rows {
		row := raw[y*stride:][:stride]
		if f.predictor == 3 {
			for i := perPixel; i < stride; i++ {
				row[i] += row[i-perPixel]
			}
			copy(sorted, row)
			n := f.segW * perPixel
			var word [4]byte
			for i := range n {
				for b := range f.size {
					word[b] = sorted[b*n+i]
				}
				f.put(row[i*f.size:], word[:f.size])
			}
			continue
		}
		for i := perPixel; i < f.segW*perPixel; i++ {
			f.add(row[i*f.size:], row[(i-perPixel)*f.size:])
		}
	}
}

// put stores a big-endian word in the file's order.
func (f *tiffFile) put(dst, word []byte) {
	for i, b := range word {
		if f.order == binary.ByteOrder(binary.BigEndian) {
			dst[i] = b
		} else {
			dst[len(word)-1-i] = b
		}
	}
}

// add adds one sample to another.
func (f *tiffFile) add(a, b []byte) {
	switch f.size {
	case 1:
		a[0] += b[0]
	case 2:
		f.order.PutUint16(a, f.order.Uint16(a)+f.order.Uint16(b))
	default:
		f.order.PutUint32(a, f.order.Uint32(a)+f.order.Uint32(b))
	}
}

// place converts the samples of a strip or tile, of which those outside the picture are padding.
func (f *tiffFile) place(out *Bands, raw []byte, plane, row, column, perPixel int) {
	for y := row; y < min(row+f.segH, f.height); y++ {
		for x := column; x < min(column+f.segW, f.width); x++ {
			at := ((y-row)*f.segW + x - column) * perPixel * f.size
			for s := range perPixel {
				out.Values[((plane+s)*f.height+y)*f.width+x] = f.sample(raw[at+s*f.size:])
			}
		}
	}
}

func (f *tiffFile) sample(b []byte) float32 {
	switch {
	case f.size == 1 && f.kind == unsignedSamples:
		return float32(b[0])
	case f.size == 1:
		return float32(int8(b[0]))
	case f.size == 2 && f.kind == unsignedSamples:
		return float32(f.order.Uint16(b))
	case f.size == 2:
		return float32(int16(f.order.Uint16(b)))
	case f.kind == unsignedSamples:
		return float32(f.order.Uint32(b))
	case f.kind == signedSamples:
		return float32(int32(f.order.Uint32(b)))
	}
	return math.Float32frombits(f.order.Uint32(b))
}
