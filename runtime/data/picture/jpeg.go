package picture

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The decoder gives libjpeg's samples bit for bit: its integer inverse transform (jidctint.c), its
// interpolation of colour planes (jdsample.c) and its conversion to RGB (jdcolor.c), which
// Pillow uses. Go's own decoder rounds differently and repeats colours instead of interpolating them.

// Markers.
const (
	jpegSOF0 = 0xc0 // baseline
	jpegSOF1 = 0xc1 // extended, decoded alike
	jpegSOF2 = 0xc2 // progressive
	jpegDHT  = 0xc4
	jpegRST0 = 0xd0
	jpegRST7 = 0xd7
	jpegSOI  = 0xd8
	jpegEOI  = 0xd9
	jpegSOS  = 0xda
	jpegDQT  = 0xdb
	jpegDRI  = 0xdd
	jpegAPP0 = 0xe0
	jpegAPPE = 0xee
)

var errJPEGEnd = errors.New("it ends too early: it was cut off")

// jpegComponent is one plane of the picture.
type jpegComponent struct {
	id            byte
	h, v          int // sampling factors
	quantiser     byte
	across, down  int     // blocks that hold samples of the picture
	stride        int     // blocks of a row, with those that fill up the last MCU
	coefficients  []int16 // 64 of each block, in natural order
	quant         *[64]uint16
	dcTable       byte
	acTable       byte
	prediction    int32
	width, height int // samples that belong to the picture
}

// jpegFile is a file being decoded.
type jpegFile struct {
	data        []byte
	at          int
	width       int
	height      int
	progressive bool
	components  []*jpegComponent
	hMax, vMax  int
	quant       [4]*[64]uint16
	tables      [2][4]*huffman // DC, AC
	restart     int            // MCUs between restart markers, 0: none
	jfif        bool
	adobe       int // colour transform of Adobe's marker, -1: no such marker
	scans       int
}

// maxScans bounds the scans of a progressive picture: each looks at all blocks.
const maxScans = 200

// decodeJPEG reads the coefficients of a picture.
func decodeJPEG(data []byte) (*jpegFile, error) {
	f := &jpegFile{data: data, adobe: -1}
	if len(data) < 4 || data[0] != 0xff || data[1] != jpegSOI {
		return nil, errors.New("it has no start")
	}
	f.at = 2
	for {
		marker, err := f.marker()
		if err != nil && (f.progressive || !f.complete()) {
			return nil, err
		}
		if err != nil || marker == jpegEOI {
			break // some programs leave the end away
		}
		if marker >= jpegRST0 && marker <= jpegRST7 || marker == 0x01 {
			continue
		}
		body, err := f.segment()
		if err != nil {
			return nil, err
		}
		if err := f.read(marker, body); err != nil {
			return nil, err
		}
	}
	if f.scans == 0 {
		return nil, errors.New("it holds no picture")
	}
	return f, nil
}

// complete says whether every component had a scan.
func (f *jpegFile) complete() bool {
	for _, c := range f.components {
		if c.quant == nil {
			return false
		}
	}
	return f.components != nil
}

// marker finds the next marker.
func (f *jpegFile) marker() (byte, error) {
	for f.at+1 < len(f.data) {
		if f.data[f.at] != 0xff {
			f.at++ // bytes that belong nowhere are passed over, as libjpeg does
			continue
		}
		if m := f.data[f.at+1]; m != 0 && m != 0xff {
			f.at += 2
			return m, nil
		}
		f.at++
	}
	return 0, errJPEGEnd
}

// segment takes what follows a marker, whose length stands before it.
func (f *jpegFile) segment() ([]byte, error) {
	if f.at+2 > len(f.data) {
		return nil, errJPEGEnd
	}
	n := int(binary.BigEndian.Uint16(f.data[f.at:]))
	if n < 2 || f.at+n > len(f.data) {
		return nil, errJPEGEnd
	}
	body := f.data[f.at+2 : f.at+n]
	f.at += n
	return body, nil
}

func (f *jpegFile) read(marker byte, body []byte) error {
	switch marker {
	case jpegSOF0, jpegSOF1, jpegSOF2:
		f.progressive = marker == jpegSOF2
		return f.frame(body)
	case 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf:
		return unread("is a JPEG of kind SOF%d (%s), expected baseline or progressive with Huffman codes", marker-jpegSOF0, jpegKind(marker))
	case jpegDHT:
		return f.huffmanTables(body)
	case jpegDQT:
		return f.quantisers(body)
	case jpegDRI:
		if len(body) < 2 {
			return errJPEGEnd
		}
		f.restart = int(binary.BigEndian.Uint16(body))
	case jpegAPP0:
		f.jfif = f.jfif || len(body) >= 5 && string(body[:5]) == "JFIF\x00"
	case jpegAPPE:
		if len(body) >= 12 && string(body[:5]) == "Adobe" {
			f.adobe = int(body[11])
		}
	case jpegSOS:
		return f.scan(body)
	}
	return nil
}

// jpegKind says what makes a frame one that is not read.
func jpegKind(marker byte) string {
	switch {
	case marker >= 0xc9:
		return "arithmetic codes"
	case marker == 0xc3:
		return "lossless"
	}
	return "hierarchical"
}

// zigzag is the place of the k-th coefficient in its block.
var zigzag = [64]byte{0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63}

func (f *jpegFile) quantisers(body []byte) error {
	for len(body) > 0 {
		wide, id := body[0]>>4, body[0]&15
		size := 64 * (1 + int(wide))
		if wide > 1 || id > 3 || len(body) < 1+size {
			return errors.New("a table of quantisers is damaged")
		}
		q := &[64]uint16{}
		for k := range q {
			if wide == 1 {
				q[zigzag[k]] = binary.BigEndian.Uint16(body[1+2*k:])
			} else {
				q[zigzag[k]] = uint16(body[1+k])
			}
		}
		f.quant[id] = q
		body = body[1+size:]
	}
	return nil
}

// frame reads the size and the components.
func (f *jpegFile) frame(body []byte) error {
	if f.components != nil {
		return errors.New("it has two frames")
	}
	if len(body) < 6 || len(body) < 6+3*int(body[5]) {
		return errJPEGEnd
	}
	if body[0] != 8 {
		return unread("is a JPEG whose samples have %d bits, expected 8", body[0])
	}
	f.height, f.width = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
	count := int(body[5])
	if count != 1 && count != 3 && count != 4 {
		return unread("is a JPEG of %d components, expected 1, 3 or 4", count)
	}
	if err := plausible(f.width, f.height, len(f.data), jpegRatio); err != nil {
		return err
	}
	f.hMax, f.vMax = 1, 1
	for i := range count {
		b := body[6+3*i:]
		c := &jpegComponent{id: b[0], h: int(b[1] >> 4), v: int(b[1] & 15), quantiser: b[2]}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || c.quantiser > 3 {
			return fmt.Errorf("component %d is damaged", i)
		}
		f.hMax, f.vMax = max(f.hMax, c.h), max(f.vMax, c.v)
		f.components = append(f.components, c)
	}
	for i, c := range f.components {
		if f.hMax%c.h != 0 || f.vMax%c.v != 0 {
			return unread("is a JPEG whose component %d has a resolution that no whole number divides", i)
		}
		c.width, c.height = ceilDiv(f.width*c.h, f.hMax), ceilDiv(f.height*c.v, f.vMax)
		c.across, c.down = ceilDiv(c.width, 8), ceilDiv(c.height, 8)
		c.stride = ceilDiv(f.width, 8*f.hMax) * c.h
	}
	return nil
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// allocate makes room for the coefficients once a scan begins.
func (f *jpegFile) allocate() {
	for _, c := range f.components {
		if c.coefficients == nil {
			c.coefficients = make([]int16, 64*c.stride*ceilDiv(f.height, 8*f.vMax)*c.v)
		}
	}
}
