package picture

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
)

// netpbmHeader is the head of a PPM or PGM: the kind P2, P3 (text), P5 or P6 (bytes), the size and the largest value.
type netpbmHeader struct {
	kind                byte
	width, height, most int
}

var errNetpbm = errors.New("expected P2, P3, P5 or P6, then width, height and the largest value")

// netpbmNumber reads a decimal after blanks and comments, and the one blank behind it.
func netpbmNumber(r *bufio.Reader) (int, error) {
	n, digits := 0, 0
	for {
		b, err := r.ReadByte()
		switch {
		case err != nil && digits > 0 && errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return 0, err
		case b >= '0' && b <= '9':
			n = n*10 + int(b-'0')
			if digits++; digits > 9 {
				return 0, errNetpbm
			}
		case b == '#' && digits == 0:
			for b != '\n' {
				if b, err = r.ReadByte(); err != nil {
					return 0, err
				}
			}
		case b != ' ' && b != '\t' && b != '\n' && b != '\r':
			return 0, errNetpbm
		case digits > 0:
			return n, nil
		}
	}
}

func readNetpbmHeader(r *bufio.Reader) (h netpbmHeader, err error) {
	var magic [2]byte
	if _, err := io.ReadFull(r, magic[:]); err != nil {
		return h, err
	}
	h.kind = magic[1]
	for _, v := range []*int{&h.width, &h.height, &h.most} {
		if *v, err = netpbmNumber(r); err != nil {
			return h, err
		}
	}
	if h.most < 1 || h.most > 65535 {
		return h, fmt.Errorf("the largest value is %d, expected 1 to 65535", h.most)
	}
	return h, nil
}

func netpbmConfig(r io.Reader) (image.Config, error) {
	h, err := readNetpbmHeader(bufio.NewReader(r))
	return image.Config{ColorModel: color.NRGBAModel, Width: h.width, Height: h.height}, err
}

func decodeNetpbm(r io.Reader) (image.Image, error) {
	b := bufio.NewReader(r)
	h, err := readNetpbmHeader(b)
	if err != nil {
		return nil, err
	}
	m := image.NewNRGBA(image.Rect(0, 0, h.width, h.height))
	grey := h.kind == '2' || h.kind == '5'
	for at := 0; at < len(m.Pix); at += 4 {
		for c := range 3 {
			if c > 0 && grey {
				m.Pix[at+c] = m.Pix[at]
				continue
			}
			v, err := h.sample(b)
			if err != nil {
				return nil, err
			}
			if v > h.most {
				return nil, fmt.Errorf("a value is %d, expected at most %d", v, h.most)
			}
			m.Pix[at+c] = byte((v*255 + h.most/2) / h.most)
		}
		m.Pix[at+3] = 255
	}
	return m, nil
}

func (h netpbmHeader) sample(b *bufio.Reader) (int, error) {
	if h.kind < '5' {
		return netpbmNumber(b)
	}
	v, err := b.ReadByte()
	if err == nil && h.most > 255 {
		var low byte
		low, err = b.ReadByte()
		return int(v)<<8 | int(low), err
	}
	return int(v), err
}
