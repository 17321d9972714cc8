// Package picture decodes pictures and resizes them exactly as Pillow does, so that data
// prepared here equals data prepared by the usual Python pipelines.
//
// Headers are not trusted: a size that the file's length cannot hold is refused before any memory is taken.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"slices"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// Image is a picture with one byte per sample, the channels of a pixel next to each other.
type Image struct {
	Width, Height int
	Channels      int    // 1 grey, 3 red, green, blue
	Pix           []byte // [Height, Width, Channels]
}

// New is a black picture.
func New(width, height, channels int) *Image {
	return &Image{width, height, channels, make([]byte, width*height*channels)}
}

// MaxPixels bounds a picture: beyond it the header is taken for damage.
const MaxPixels = 1 << 26

// ErrFormat says that the bytes are no picture of a known format.
var ErrFormat = errors.New("is no picture; JPEG, PNG, PPM, PGM, GIF, BMP, WebP and TIFF are known")

// format is one kind of file.
type format struct {
	name   string
	magic  string // ? stands for any byte
	config func(r io.Reader) (image.Config, error)
	decode func(r io.Reader) (image.Image, error)
	ratio  int // pixels that one byte of the file can stand for at most
}

// jpegRatio: a bit is the least that a block of 64 pixels takes.
const jpegRatio = 512

func isJPEG(head []byte) bool { return bytes.HasPrefix(head, []byte("\xff\xd8\xff")) }

// A byte of deflate stands for up to 1032, a code of LZW for up to 4096 pixels; WebP can predict a
// whole row of blocks from a bit.
var formats = []format{
	{"PNG", "\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode, 1032 * 8},
	{"GIF", "GIF8", gif.DecodeConfig, gif.Decode, 4096},
	{"BMP", "BM", bmp.DecodeConfig, bmp.Decode, 8},
	{"WebP", "RIFF????WEBP", webp.DecodeConfig, webp.Decode, 1 << 14},
	{"TIFF", "II*\x00", tiff.DecodeConfig, tiff.Decode, 1032 * 8},
	{"TIFF", "MM\x00*", tiff.DecodeConfig, tiff.Decode, 1032 * 8},
	{"PPM", "P6", netpbmConfig, decodeNetpbm, 1},
	{"PPM", "P3", netpbmConfig, decodeNetpbm, 1},
	{"PGM", "P5", netpbmConfig, decodeNetpbm, 1},
	{"PGM", "P2", netpbmConfig, decodeNetpbm, 1},
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

// Is says whether the first bytes of a file (16 suffice) are those of a picture that Decode knows.
func Is(head []byte) bool {
	return isJPEG(head) || slices.ContainsFunc(formats, func(f format) bool { return f.matches(head) })
}

// Decode decodes a picture to red, green and blue, as Pillow's convert("RGB") does: alpha is
// dropped, grey is repeated, palettes are looked up, JPEG has libjpeg's samples. TIFFs with other than
// colours in them are read by DecodeBands.
func Decode(data []byte) (*Image, error) {
	if isJPEG(data) {
		f, err := decodeJPEG(data)
		if err != nil {
			return nil, fmt.Errorf("the JPEG data is damaged: %w", err)
		}
		return f.picture(), nil
	}
	for _, f := range formats {
		if !f.matches(data) {
			continue
		}
		c, err := f.config(bytes.NewReader(data))
		if err != nil {
			return nil, f.fail("header", err)
		}
		if err := plausible(c.Width, c.Height, len(data), f.ratio); err != nil {
			return nil, err
		}
		m, err := f.decode(bytes.NewReader(data))
		if err != nil {
			return nil, f.fail("data", err)
		}
		return fromGo(m), nil
	}
	return nil, ErrFormat
}

// fail says why a part of a file cannot be decoded: a sound TIFF of an unusual kind is no damage.
func (f format) fail(part string, err error) error {
	var kind tiff.UnsupportedError
	if errors.As(err, &kind) {
		return fmt.Errorf("it is a TIFF of a kind that is not supported (%s), expected grey or red, green and blue in whole numbers of 8 or 16 bits", string(kind))
	}
	return fmt.Errorf("the %s %s is damaged: %w", f.name, part, err)
}

// plausible refuses sizes that the file cannot hold.
func plausible(width, height, size, ratio int) error {
	if width < 1 || height < 1 {
		return fmt.Errorf("it has %d x %d pixels", width, height)
	}
	if width > MaxPixels/height {
		return fmt.Errorf("it has %d x %d pixels, expected at most %d", width, height, MaxPixels)
	}
	if width*height > size*ratio+1<<16 {
		return fmt.Errorf("its header speaks of %d x %d pixels, which %d bytes cannot hold", width, height, size)
	}
	return nil
}

// fromGo converts what the decoders make.
func fromGo(m image.Image) *Image {
	b := m.Bounds()
	out := New(b.Dx(), b.Dy(), 3)
	switch m := m.(type) {
	case *image.Gray:
		each(out, b, func(p []byte, x, y int) {
			v := m.GrayAt(x, y).Y
			p[0], p[1], p[2] = v, v, v
		})
	case *image.NRGBA:
		each(out, b, func(p []byte, x, y int) { copy(p, m.Pix[m.PixOffset(x, y):][:3]) })
	case *image.RGBA: // of pictures without alpha
		each(out, b, func(p []byte, x, y int) { copy(p, m.Pix[m.PixOffset(x, y):][:3]) })
	default:
		each(out, b, func(p []byte, x, y int) {
			c := color.NRGBA64Model.Convert(m.At(x, y)).(color.NRGBA64)
			p[0], p[1], p[2] = byte(c.R>>8), byte(c.G>>8), byte(c.B>>8)
		})
	}
	return out
}

// each calls f with every pixel.
func each(out *Image, b image.Rectangle, f func(p []byte, x, y int)) {
	at := 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			f(out.Pix[at:at+3:at+3], x, y)
			at += 3
		}
	}
}

// under is white less the share of an ink, as Pillow computes it: white - ink * white / 255, rounded.
func under(ink, white byte) byte {
	t := uint32(ink)*uint32(white) + 128
	return byte(max(0, int32(white)-int32((t>>8+t)>>8)))
}

// Grey is the luma of a picture, as Pillow's convert("L") computes it (ITU-R 601-2).
func (m *Image) Grey() *Image {
	if m.Channels == 1 {
		return m
	}
	out := New(m.Width, m.Height, 1)
	for i := range out.Pix {
		p := m.Pix[i*m.Channels:]
		out.Pix[i] = byte((uint32(p[0])*19595 + uint32(p[1])*38470 + uint32(p[2])*7471 + 0x8000) >> 16)
	}
	return out
}
