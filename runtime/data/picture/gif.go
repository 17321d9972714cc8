package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/gif"
)

// gifParts are what stands before the pixels of the first frame.
type gifParts struct {
	width, height int    // of the screen, which a larger frame widens, as in Pillow
	background    int    // colour of the screen where the frame is not: the transparent one if there is one, else the first
	palette       []byte // red, green, blue of each colour; nil for greys
}

var errGIFEnd = errors.New("it ends too early: it was cut off")

// gifStart finds the first frame.
func gifStart(data []byte) (*gifParts, error) {
	if len(data) < 13 {
		return nil, errGIFEnd
	}
	g := &gifParts{width: int(binary.LittleEndian.Uint16(data[6:])), height: int(binary.LittleEndian.Uint16(data[8:]))}
	at := 13
	table := func(flags byte) error {
		if flags&0x80 == 0 {
			return nil
		}
		n := 3 << (flags&7 + 1)
		if at+n > len(data) {
			return errGIFEnd
		}
		g.palette = data[at : at+n]
		at += n
		return nil
	}
	if err := table(data[10]); err != nil {
		return nil, err
	}
	for {
		if at+10 > len(data) {
			return nil, errGIFEnd
		}
		switch data[at] {
		case ',':
			d := data[at+1:]
			x, y := int(binary.LittleEndian.Uint16(d)), int(binary.LittleEndian.Uint16(d[2:]))
			w, h := int(binary.LittleEndian.Uint16(d[4:])), int(binary.LittleEndian.Uint16(d[6:]))
			g.width, g.height = max(g.width, x+w), max(g.height, y+h)
			at += 10
			return g, table(d[8])
		case '!':
			if data[at+1] == 0xf9 && data[at+2] == 4 && data[at+3]&1 != 0 {
				g.background = int(data[at+6])
			}
			for at += 2; at < len(data) && data[at] != 0; {
				at += 1 + int(data[at])
			}
			at++
		default:
			at++ // bytes that belong nowhere are passed over, as Pillow does
		}
	}
}

func gifSize(data []byte) (width, height int, err error) {
	g, err := gifStart(data)
	if err != nil {
		return 0, 0, err
	}
	return g.width, g.height, nil
}

// decodeGIF decodes the first frame and places it on the screen.
func decodeGIF(data []byte) (*Image, error) {
	g, err := gifStart(data)
	if err != nil {
		return nil, err
	}
	if g.width > 0xffff || g.height > 0xffff {
		return nil, errors.New("its frame lies beyond any screen")
	}
	// Go's decoder refuses frames beyond the screen.
	raw := bytes.Clone(data)
	binary.LittleEndian.PutUint16(raw[6:], uint16(g.width))
	binary.LittleEndian.PutUint16(raw[8:], uint16(g.height))
	m, err := gif.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	// Go's palette lacks the colour of what is transparent.
	var colours [256][3]byte
	for i := range colours {
		colours[i] = [3]byte{byte(i), byte(i), byte(i)}
	}
	for i := range len(g.palette) / 3 {
		colours[i] = [3]byte(g.palette[3*i:])
	}
	frame := m.(*image.Paletted)
	out := New(g.width, g.height, 3)
	for i := range g.width * g.height {
		copy(out.Pix[3*i:], colours[g.background][:])
	}
	for y := range frame.Rect.Dy() {
		for x := range frame.Rect.Dx() {
			c := colours[frame.Pix[y*frame.Stride+x]]
			copy(out.Pix[3*((frame.Rect.Min.Y+y)*g.width+frame.Rect.Min.X+x):], c[:])
		}
	}
	return out, nil
}
