package picture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// netpbmHeader is the head of a PBM, PGM or PPM: the kind P1 to P3 (text), P4 to P6 (bytes), the size and the largest value.
type netpbmHeader struct {
	kind                byte
	width, height, most int
}

var errNetpbm = errors.New("expected P1 to P6, then width, height and, but for P1 and P4, the largest value")

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

// netpbmDigit reads a 0 or a 1 of a P1, which need no blanks between them.
func netpbmDigit(r *bufio.Reader) (int, error) {
	for {
		b, err := r.ReadByte()
		switch {
		case err != nil:
			return 0, err
		case b == '0' || b == '1':
			return int(b - '0'), nil
		case b == '#':
			if _, err := r.ReadString('\n'); err != nil {
				return 0, err
			}
		case b != ' ' && b != '\t' && b != '\n' && b != '\r':
			return 0, fmt.Errorf("a value is %q, expected 0 or 1", b)
		}
	}
}

func readNetpbmHeader(r *bufio.Reader) (h netpbmHeader, err error) {
	var magic [2]byte
	if _, err := io.ReadFull(r, magic[:]); err != nil {
		return h, err
	}
	h.kind = magic[1]
	parts := []*int{&h.width, &h.height, &h.most}
	if h.kind == '1' || h.kind == '4' {
		parts, h.most = parts[:2], 1
	}
	for _, v := range parts {
		if *v, err = netpbmNumber(r); err != nil {
			return h, err
		}
	}
	if h.most < 1 || h.most > 65535 {
		return h, fmt.Errorf("the largest value is %d, expected 1 to 65535", h.most)
	}
	return h, nil
}

func netpbmSize(data []byte) (width, height int, err error) {
	h, err := readNetpbmHeader(bufio.NewReader(bytes.NewReader(data)))
	return h.width, h.height, err
}

func decodeNetpbm(data []byte) (*Image, error) {
	b := bufio.NewReader(bytes.NewReader(data))
	h, err := readNetpbmHeader(b)
	if err != nil {
		return nil, err
	}
	switch h.kind {
	case '1', '4':
		return h.bitmap(b)
	case '2', '5':
		return h.samples(b, 1)
	}
	return h.samples(b, 3)
}

// samples reads grey or colours. Values up to 255 are brought to 0..255, more digits are kept.
func (h netpbmHeader) samples(b *bufio.Reader, channels int) (*Image, error) {
	out := New(h.width, h.height, channels)
	if h.most > 255 {
		out = newDeep(h.width, h.height, channels, float32(h.most))
	}
	for i := range h.width * h.height * channels {
		v, err := h.sample(b)
		if err != nil {
			return nil, err
		}
		if v > h.most {
			return nil, fmt.Errorf("a value is %d, expected at most %d", v, h.most)
		}
		if out.Deep != nil {
			out.Deep[i] = float32(v)
		} else {
			out.Pix[i] = byte((v*255 + h.most/2) / h.most)
		}
	}
	return out, nil
}

func (h netpbmHeader) sample(b *bufio.Reader) (int, error) {
	if h.kind < '4' {
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

// bitmap reads black (1) and white (0).
func (h netpbmHeader) bitmap(b *bufio.Reader) (*Image, error) {
	out := New(h.width, h.height, 1)
	row := make([]byte, (h.width+7)/8)
	for y := range h.height {
		if h.kind == '4' {
			if _, err := io.ReadFull(b, row); err != nil {
				return nil, err
			}
		}
		for x := range h.width {
			v := int(row[x/8] >> (7 - x%8) & 1)
			if h.kind == '1' {
				var err error
				if v, err = netpbmDigit(b); err != nil {
					return nil, err
				}
			}
			out.Pix[y*h.width+x] = byte(255 * (1 - v))
		}
	}
	return out, nil
}
