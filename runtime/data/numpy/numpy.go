// Package numpy reads the headers of NumPy's array files.
package numpy

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Header is what a file says about its array.
type Header struct {
	Kind    byte // b, i, u, f numbers; U, S texts
	Size    int  // bytes of an element
	Order   binary.ByteOrder
	Shape   []int // at least one axis
	Fortran bool  // the first axis is the fastest, and that is another order than C's
	Start   int64 // where the elements begin
}

// PerRow is the number of elements for each step along the first axis.
func (h *Header) PerRow() int {
	n := 1
	for _, d := range h.Shape[1:] {
		n *= d
	}
	return n
}

// Element names the type of an element: bool, int8 to uint64, float16 to float64, or text.
func (h *Header) Element() string {
	switch h.Kind {
	case 'b':
		return "bool"
	case 'i':
		return fmt.Sprint("int", 8*h.Size)
	case 'u':
		return fmt.Sprint("uint", 8*h.Size)
	case 'f':
		return fmt.Sprint("float", 8*h.Size)
	}
	return "text"
}

// maxHeader bounds the header's text, as NumPy does.
const maxHeader = 1 << 16

var (
	descrPattern = regexp.MustCompile(`'descr':\s*'([<>|=])([biufUSO])(\d*)'`)
	orderPattern = regexp.MustCompile(`'fortran_order':\s*(True|False)`)
	shapePattern = regexp.MustCompile(`'shape':\s*\(([\d, ]*)\)`)
)

// types are the elements that are understood, beside texts.
var types = []string{"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"}

// Read reads the header of the format's versions 1 to 3: a magic word, the version, the header's
// length and a Python dictionary. Size is that of the whole file, which must be what the header says.
func Read(r io.Reader, size int64) (*Header, error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:10]); err != nil || string(head[:6]) != "\x93NUMPY" {
		return nil, fmt.Errorf("does not begin as a NumPy file does")
	}
	h := &Header{Start: 10, Order: binary.LittleEndian}
	length := int64(binary.LittleEndian.Uint16(head[8:]))
	if head[6] > 1 {
		if _, err := io.ReadFull(r, head[10:12]); err != nil {
			return nil, fmt.Errorf("ends too early")
		}
		length, h.Start = int64(binary.LittleEndian.Uint32(head[8:])), 12
	}
	if length > maxHeader {
		return nil, fmt.Errorf("is %d bytes long, expected at most %d", length, maxHeader)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, fmt.Errorf("ends too early")
	}
	h.Start += length
	descr, order, shape := descrPattern.FindSubmatch(text), orderPattern.FindSubmatch(text), shapePattern.FindSubmatch(text)
	if descr == nil || order == nil || shape == nil {
		return nil, fmt.Errorf("is %.80q, expected one type of numbers", text)
	}
	h.Kind = descr[2][0]
	if descr[1][0] == '>' {
		h.Order = binary.BigEndian
	}
	h.Size, _ = strconv.Atoi(string(descr[3]))
	if !slices.Contains(types, string(descr[2])+string(descr[3])) && (h.Kind != 'U' && h.Kind != 'S' || h.Size < 1 || h.Size > 1<<16) {
		return nil, fmt.Errorf("says the elements are %s%s, expected numbers of at most 8 bytes, or texts", descr[2], descr[3])
	}
	if h.Kind == 'U' {
		h.Size *= 4
	}
	return h, h.setShape(string(shape[1]), string(order[1]) == "True", size)
}

// setShape checks the shape against what the file holds.
func (h *Header) setShape(shape string, fortran bool, size int64) error {
	total := int64(1)
	for f := range strings.SplitSeq(shape, ",") {
		if f = strings.TrimSpace(f); f == "" {
			continue
		}
		n, err := strconv.Atoi(f)
		if err != nil || n < 0 || n > 0 && total > math.MaxInt64/64/int64(n)/int64(h.Size) {
			return fmt.Errorf("has the shape (%s), which is impossible", shape)
		}
		h.Shape, total = append(h.Shape, n), total*int64(n)
	}
	switch {
	case len(h.Shape) == 0:
		return fmt.Errorf("is of a single number, expected an array with an axis of examples")
	case total*int64(h.Size) != size-h.Start:
		return fmt.Errorf("says %d bytes of numbers, the file has %d", total*int64(h.Size), size-h.Start)
	case h.PerRow() == 0:
		return fmt.Errorf("has the shape (%s): an example has no values", shape)
	}
	h.Fortran = fortran && h.Shape[0] > 1 && h.PerRow() > 1
	return nil
}

// Places says for each element of a row, in the order of Fortran, where it is in that of C.
func (h *Header) Places() []int {
	places := []int{0}
	step := h.PerRow()
	for _, d := range h.Shape[1:] { // the first of them is the fastest of Fortran's, the slowest of C's
		step /= d
		inner := len(places)
		for i := 1; i < d; i++ {
			for _, p := range places[:inner] {
				places = append(places, p+i*step)
			}
		}
	}
	return places
}

// Number is an element that is a number.
func (h *Header) Number(raw []byte) float64 {
	var bits uint64
	switch h.Size {
	case 1:
		bits = uint64(raw[0])
	case 2:
		bits = uint64(h.Order.Uint16(raw))
	case 4:
		bits = uint64(h.Order.Uint32(raw))
	default:
		bits = h.Order.Uint64(raw)
	}
	switch {
	case h.Kind == 'i':
		shift := 64 - 8*h.Size
		return float64(int64(bits<<shift) >> shift)
	case h.Kind != 'f':
		return float64(bits)
	case h.Size == 2:
		return Half(uint16(bits))
	case h.Size == 4:
		return float64(math.Float32frombits(uint32(bits)))
	}
	return math.Float64frombits(bits)
}

// Half is an IEEE number of 16 bits.
func Half(h uint16) float64 {
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
