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

	"mspecc/runtime/data/filetype"
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
	l := literals{text: string(text)}
	v, err := l.value()
	d, ok := v.(dict)
	fortran, isOrder := d["fortran_order"].(bool)
	shape, isShape := d["shape"].(tuple)
	if _, known := d["descr"]; err != nil || !ok || !isOrder || !isShape || !known {
		return nil, fmt.Errorf("is %.80q, expected descr, fortran_order and shape in a dictionary of Python", text)
	}
	if err := h.setElement(d["descr"]); err != nil {
		return nil, err
	}
	return h, h.setShape(shape, fortran, size)
}

// elements is the form of a type's name: the order of its bytes, its kind and its size.
var elements = regexp.MustCompile(`^([<>|=]?)([a-zA-Z?])(\d*)(\[.*\])?$`)

// setElement takes the type of the elements. Types that are no numbers or texts are named, with what makes them some.
func (h *Header) setElement(descr any) error {
	name, ok := descr.(string)
	parts := elements.FindStringSubmatch(name)
	if fields, isList := descr.(tuple); isList || !ok || parts == nil {
		return filetype.Unread("save each field as an array of its own, such as by numpy.savez(OUT, **{n: x[n] for n in x.dtype.names})",
			"says the elements are structures%s, expected numbers or texts", fieldNames(fields))
	}
	h.Kind = parts[2][0]
	if parts[1] == ">" {
		h.Order = binary.BigEndian
	}
	h.Size, _ = strconv.Atoi(parts[3])
	if h.Kind == '?' || h.Kind == 'a' {
		h.Kind = map[byte]byte{'?': 'b', 'a': 'S'}[h.Kind]
		h.Size = max(h.Size, 1)
	}
	text := (h.Kind == 'U' || h.Kind == 'S') && h.Size >= 1 && h.Size <= 1<<16
	if !text && !slices.Contains(types, string(h.Kind)+strconv.Itoa(h.Size)) {
		what, fix := "numbers or texts of no size", "save one type of numbers"
		switch h.Kind {
		case 'V':
			what, fix = "bytes without a type, as NumPy saves bfloat16 and float8", "save x.astype('float32')"
		case 'c':
			what, fix = "complex numbers", "save numpy.stack([x.real, x.imag], 1)"
		case 'f':
			what, fix = "floating-point numbers of another size than 2, 4 or 8 bytes", "save x.astype('float64')"
		case 'M', 'm':
			what, fix = "dates or times", "save x.astype('int64')"
		case 'O':
			what, fix = "objects of Python", "save numpy.stack(list(x)) where they have one shape, or one type of numbers"
		}
		return filetype.Unread(fix, "says the elements are %s%s: %s; numbers of at most 8 bytes and texts are read", parts[2], parts[3], what)
	}
	if h.Kind == 'U' {
		h.Size *= 4
	}
	return nil
}

// fieldNames are those of a structure, for messages.
func fieldNames(fields tuple) string {
	var names []string
	for _, f := range fields[:min(len(fields), 8)] {
		if pair, ok := f.(tuple); ok && len(pair) > 0 {
			names = append(names, fmt.Sprint(pair[0]))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " of " + strings.Join(names, ", ")
}

// setShape checks the shape against what the file holds.
func (h *Header) setShape(shape tuple, fortran bool, size int64) error {
	total := int64(1)
	for _, f := range shape {
		n, ok := f.(int64)
		if !ok || n < 0 || n > 0 && total > math.MaxInt64/64/n/int64(h.Size) {
			return fmt.Errorf("has the shape %v, which is impossible", shape)
		}
		h.Shape, total = append(h.Shape, int(n)), total*n
	}
	switch {
	case len(h.Shape) == 0:
		return fmt.Errorf("is of a single number, expected an array with an axis of examples")
	case total*int64(h.Size) != size-h.Start:
		return fmt.Errorf("says %d bytes of numbers, the file has %d", total*int64(h.Size), size-h.Start)
	case h.PerRow() == 0:
		return fmt.Errorf("has the shape %v: an example has no values", shape)
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
