// Package picture decodes pictures and resizes them exactly as Pillow does, so that data
// prepared here equals data prepared by the usual Python pipelines.
//
// Headers are not trusted: a size that the file's length cannot hold is refused before any memory is taken.
// A sound picture of a variant that is not read is no damage: its error is a *filetype.Error, which says what to do.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"

	"mspecc/runtime/data/filetype"
)

// Image is a picture, the channels of a pixel next to each other: one of Pix and Deep.
type Image struct {
	Width, Height int
	Channels      int       // 1 grey, 3 red, green, blue
	Pix           []byte    // [Height, Width, Channels], a byte per sample; white is 255
	Deep          []float32 // [Height, Width, Channels], samples of more digits, as the file has them; NaN for those that are missing
	White         float32   // of Deep: the number that stands for white; 0 for numbers that are taken as they are
}

// New is a black picture.
func New(width, height, channels int) *Image {
	return &Image{Width: width, Height: height, Channels: channels, Pix: make([]byte, width*height*channels)}
}

// newDeep is a black picture of more digits.
func newDeep(width, height, channels int, white float32) *Image {
	return &Image{Width: width, Height: height, Channels: channels, Deep: make([]float32, width*height*channels), White: white}
}

// like is a black picture of the same kind and another size.
func (m *Image) like(width, height int) *Image {
	if m.Deep != nil {
		return newDeep(width, height, m.Channels, m.White)
	}
	return New(width, height, m.Channels)
}

// AsIs says that the samples are numbers of the file's own scale, such as heights, and not 0 to 1 of black to white.
func (m *Image) AsIs() bool { return m.Deep != nil && m.White == 0 }

// MaxPixels bounds a picture: beyond it the header is taken for damage.
const MaxPixels = 1 << 26

// pixelLimit is MaxPixels but for fuzzing, where large pictures take time and show nothing new.
var pixelLimit = MaxPixels

// known are the formats for messages.
const known = "JPEG, PNG, PNM (PPM, PGM, PBM), GIF, BMP, WebP and TIFF are known"

// format is one kind of file. The decoder is given what a header of a plausible size belongs to.
type format struct {
	name   string
	magic  string // ? stands for any byte
	size   func(data []byte) (width, height int, err error)
	decode func(data []byte) (*Image, error)
	ratio  int // pixels that one byte of the file can stand for at most
}

// jpegRatio: a bit is the least that a block of 64 pixels takes.
const jpegRatio = 512

func isJPEG(head []byte) bool { return bytes.HasPrefix(head, []byte("\xff\xd8\xff")) }

// A byte of deflate stands for up to 1032, a code of LZW for up to 4096 pixels; WebP can predict a
// whole row of blocks from a bit; BMP can leave out pixels.
var formats = []format{
	{"PNG", "\x89PNG\r\n\x1a\n", pngSize, decodePNG, 1032 * 8},
	{"GIF", "GIF8", gifSize, decodeGIF, 4096},
	{"BMP", "BM", bmpSize, decodeBMP, 1 << 14},
	{"WebP", "RIFF????WEBP", webpSize, decodeWebP, 1 << 14},
	{"PNM", "P1", netpbmSize, decodeNetpbm, 1},
	{"PNM", "P2", netpbmSize, decodeNetpbm, 1},
	{"PNM", "P3", netpbmSize, decodeNetpbm, 1},
	{"PNM", "P4", netpbmSize, decodeNetpbm, 8},
	{"PNM", "P5", netpbmSize, decodeNetpbm, 1},
	{"PNM", "P6", netpbmSize, decodeNetpbm, 1},
}

func (f format) matches(data []byte) bool {
	if len(data) < len(f.magic) {
		return false
	}
	for i := range len(f.magic) {
		if f.magic[i] != '?' && f.magic[i] != data[i] {
			return false
		}
	}
	return true
}

// Decode decodes a picture to grey, or to red, green and blue, as Pillow's convert("RGB") does: alpha is
// dropped, palettes are looked up, JPEG has libjpeg's samples, of an animation the first frame counts.
// Unlike there, samples of more than 8 bits keep their digits. TIFFs with other than colours in them are read by DecodeBands.
func Decode(data []byte, o Options) (*Image, error) {
	switch {
	case isJPEG(data):
		f, err := decodeJPEG(data)
		if err != nil {
			return nil, failed("JPEG", err)
		}
		return f.picture(), nil
	case isTIFF(data):
		m, err := decodeTIFF(data, o)
		if err != nil {
			return nil, failed("TIFF", err)
		}
		return m, nil
	}
	for _, f := range formats {
		if !f.matches(data) {
			continue
		}
		width, height, err := f.size(data)
		if err != nil {
			return nil, failed(f.name, err)
		}
		if err := plausible(width, height, len(data), f.ratio); err != nil {
			return nil, err
		}
		m, err := f.decode(data)
		if err != nil {
			return nil, failed(f.name, err)
		}
		return m, nil
	}
	return nil, filetype.Other(data[:min(len(data), filetype.HeadSize)], "no picture", known)
}

// failed says why a picture cannot be decoded: a sound one of an unusual kind is no damage.
func failed(name string, err error) error {
	var kind *filetype.Error
	if errors.As(err, &kind) {
		return err
	}
	return fmt.Errorf("the %s is damaged: %w", name, err)
}

// unread is the error of a sound picture of a variant that is not read.
func unread(format string, a ...any) error {
	return filetype.Unread("convert it to PNG, such as by ImageMagick's magick IN OUT.png", format, a...)
}

// plausible refuses sizes that the file cannot hold.
func plausible(width, height, size, ratio int) error {
	if width < 1 || height < 1 {
		return fmt.Errorf("it has %d x %d pixels", width, height)
	}
	if width > pixelLimit/height {
		return filetype.Unread("scale it down or cut it into parts, or fetch the damaged file again", "has %d x %d pixels, expected at most %d", width, height, pixelLimit)
	}
	if width*height > size*ratio+1<<16 {
		return fmt.Errorf("its header speaks of %d x %d pixels, which %d bytes cannot hold", width, height, size)
	}
	return nil
}

func pngSize(data []byte) (width, height int, err error) {
	c, err := png.DecodeConfig(bytes.NewReader(data))
	return c.Width, c.Height, err
}

func decodePNG(data []byte) (*Image, error) {
	m, err := png.Decode(bytes.NewReader(data))
	var kind png.UnsupportedError
	switch {
	case errors.As(err, &kind):
		return nil, unread("is a PNG of a kind that is not read (%s)", string(kind))
	case err != nil:
		return nil, err
	}
	return fromGo(m), nil
}

// fromGo converts what Go's decoders make. No colour goes through premultiplied alpha, which would lose that of
// transparent pixels.
func fromGo(m image.Image) *Image {
	b := m.Bounds()
	width, height := b.Dx(), b.Dy()
	switch m := m.(type) {
	case *image.Gray:
		out := New(width, height, 1)
		for y := range height {
			copy(out.Pix[y*width:][:width], m.Pix[y*m.Stride:])
		}
		return out
	case *image.Gray16:
		return deep(width, height, 1, m.Pix, m.Stride, 2)
	case *image.NRGBA64:
		return deep(width, height, 3, m.Pix, m.Stride, 8)
	case *image.RGBA64: // of pictures without alpha
		return deep(width, height, 3, m.Pix, m.Stride, 8)
	case *image.NRGBA:
		return narrow(width, height, m.Pix, m.Stride)
	case *image.RGBA: // of pictures without alpha
		return narrow(width, height, m.Pix, m.Stride)
	case *image.Paletted:
		return fromPalette(m)
	}
	panic(fmt.Sprintf("picture: no decoder makes %T", m))
}

// deep takes the big-endian samples of pixels that are so many bytes apart.
func deep(width, height, channels int, pix []byte, stride, step int) *Image {
	out := newDeep(width, height, channels, 1<<16-1)
	at := 0
	for y := range height {
		for x := range width {
			p := pix[y*stride+x*step:]
			for c := range channels {
				out.Deep[at] = float32(uint16(p[2*c])<<8 | uint16(p[2*c+1]))
				at++
			}
		}
	}
	return out
}

// narrow takes the first three of the four bytes of each pixel.
func narrow(width, height int, pix []byte, stride int) *Image {
	out := New(width, height, 3)
	for y := range height {
		for x := range width {
			copy(out.Pix[3*(y*width+x):][:3], pix[y*stride+4*x:])
		}
	}
	return out
}

// fromPalette looks up the colours, of which those of indices beyond the palette are black.
func fromPalette(m *image.Paletted) *Image {
	var colours [256][3]byte
	for i, c := range m.Palette {
		colours[i] = opaque(c)
	}
	width, height := m.Rect.Dx(), m.Rect.Dy()
	out := New(width, height, 3)
	for y := range height {
		for x := range width {
			c := colours[m.Pix[y*m.Stride+x]]
			copy(out.Pix[3*(y*width+x):], c[:])
		}
	}
	return out
}
