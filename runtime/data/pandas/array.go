package pandas

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"mspecc/runtime/pickle"
)

// Array is a NumPy array. Elements are numbered row by row, whatever their order in memory.
type Array struct {
	Kind    byte // b, i, u, f numbers; S, U texts; O objects
	Size    int  // bytes of an element, 0 for objects
	Shape   []int
	data    []byte
	objects []any
	order   binary.ByteOrder
	fortran bool // the first axis is the fastest
}

// maxElements bounds an array.
const maxElements = 1 << 40

// Len is the number of elements.
func (a *Array) Len() int {
	n := 1
	for _, d := range a.Shape {
		n *= d
	}
	return n
}

// offset is where element i lies in memory, in elements.
func (a *Array) offset(i int) int {
	if !a.fortran || len(a.Shape) < 2 {
		return i
	}
	at, step := 0, a.Len()
	for axis := len(a.Shape) - 1; axis >= 0; axis-- {
		step /= a.Shape[axis]
		at += i % a.Shape[axis] * step
		i /= a.Shape[axis]
	}
	return at
}

// At is element i: an int64, a float64, a bool, a string, nil or, of objects, another *Array.
func (a *Array) At(i int) any {
	if a.Kind == 'O' {
		return a.objects[i] // a pickle lists objects row by row, always
	}
	b := a.data[a.offset(i)*a.Size:][:a.Size]
	switch a.Kind {
	case 'b':
		return b[0] != 0
	case 'i', 'u', 'f':
		return a.number(b)
	case 'S':
		return strings.TrimRight(string(b), "\x00")
	}
	var s strings.Builder
	for ; len(b) >= 4; b = b[4:] {
		s.WriteRune(rune(a.order.Uint32(b) & 0x1fffff))
	}
	return strings.TrimRight(s.String(), "\x00")
}

// number decodes a number; whole ones are int64, above its range float64.
func (a *Array) number(b []byte) any {
	var bits uint64
	switch a.Size {
	case 1:
		bits = uint64(b[0])
	case 2:
		bits = uint64(a.order.Uint16(b))
	case 4:
		bits = uint64(a.order.Uint32(b))
	default:
		bits = a.order.Uint64(b)
	}
	switch {
	case a.Kind == 'f' && a.Size == 4:
		return float64(math.Float32frombits(uint32(bits)))
	case a.Kind == 'f':
		return math.Float64frombits(bits)
	case a.Kind == 'i':
		shift := 64 - 8*a.Size
		return int64(bits<<shift) >> shift
	case bits > math.MaxInt64:
		return float64(bits)
	}
	return int64(bits)
}

// Float is element i as a number; false where it is none.
func (a *Array) Float(i int) (float64, bool) { return number(a.At(i)) }

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// SetState takes what numpy.ndarray.__setstate__ takes: version, shape, dtype, order, and the bytes or objects.
func (a *Array) SetState(state any) error {
	s := pickle.Items(state)
	if len(s) == 4 {
		s = append([]any{nil}, s...) // before version 1
	}
	if len(s) != 5 {
		return errors.New("an array of an unknown form")
	}
	fortran, _ := s[3].(bool)
	return a.fill(s[1], s[2], s[4], fortran)
}

func (a *Array) fill(shape, kind, data any, fortran bool) error {
	d, ok := kind.(*dtype)
	if !ok {
		return errors.New("an array without a type of elements")
	}
	a.Kind, a.Size, a.order, a.fortran, a.Shape = d.kind, d.size, d.order, fortran, nil
	n := 1
	for _, x := range pickle.Items(shape) {
		extent, ok := x.(int64)
		if !ok || extent < 0 || extent > maxElements || extent > 0 && int64(n) > maxElements/extent {
			return errors.New("an array of an impossible shape")
		}
		a.Shape = append(a.Shape, int(extent))
		n *= int(extent)
	}
	if a.Kind == 'O' {
		list, ok := data.(*pickle.List)
		if !ok || len(list.Items) != n {
			return fmt.Errorf("an array of %d objects that does not list them", n)
		}
		a.objects = list.Items
		return nil
	}
	switch data := data.(type) {
	case []byte:
		a.data = data
	case string: // Python 2 kept bytes in its texts
		a.data = []byte(data)
	default:
		return errors.New("an array without its bytes")
	}
	if a.Size < 1 || len(a.data)/a.Size < n {
		return fmt.Errorf("an array of %d elements of %d bytes, of which there are %d", n, a.Size, len(a.data))
	}
	return nil
}

// dtype is a type of elements.
type dtype struct {
	kind  byte
	size  int
	order binary.ByteOrder
}

// newDType reads NumPy's short name of a type, such as f8, O8 or S9.
func newDType(name string) (*dtype, error) {
	d := &dtype{order: binary.LittleEndian}
	name = strings.TrimLeft(name, "<|=")
	if strings.HasPrefix(name, ">") {
		d.order, name = binary.BigEndian, name[1:]
	}
	if name == "O" {
		name = "O8"
	}
	if len(name) < 2 {
		return nil, fmt.Errorf("elements of type %q", name)
	}
	size, err := strconv.Atoi(name[1:])
	d.kind, d.size = name[0], size
	switch {
	case err != nil || size < 0 || size > 1<<20:
	case d.kind == 'O', d.kind == 'S', d.kind == 'b' && size == 1:
		return d, nil
	case d.kind == 'U':
		d.size *= 4
		return d, nil
	case (d.kind == 'i' || d.kind == 'u') && (size == 1 || size == 2 || size == 4 || size == 8), d.kind == 'f' && (size == 4 || size == 8):
		return d, nil
	}
	return nil, fmt.Errorf("elements of type %q; numbers, texts and objects can be read", name)
}

// SetState takes what numpy.dtype.__setstate__ takes, of which the byte order matters.
func (d *dtype) SetState(state any) error {
	if s := pickle.Items(state); len(s) > 1 && s[1] == ">" {
		d.order = binary.BigEndian
	}
	return nil
}

// latin1 turns a text of characters up to 255 into bytes: how older pickles keep bytes.
func latin1(s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return []byte(s), nil
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 255 {
			return nil, errors.New("bytes that hold a character above 255")
		}
		b = append(b, byte(r))
	}
	return b, nil
}

// call makes what NumPy's functions for loading make.
func call(c pickle.Class, args pickle.Tuple) (any, bool, error) {
	module := strings.Replace(c.Module, "numpy._core", "numpy.core", 1)
	switch module + "." + c.Name {
	case "numpy.core.multiarray._reconstruct":
		return &Array{}, true, nil
	case "numpy.core.numeric._frombuffer":
		if len(args) != 4 {
			return nil, true, errors.New("an array of an unknown form")
		}
		a := &Array{}
		return a, true, a.fill(args[2], args[1], args[0], args[3] == "F")
	case "numpy.dtype":
		if len(args) < 1 {
			return nil, true, errors.New("elements without a type")
		}
		name, _ := args[0].(string)
		d, err := newDType(name)
		return d, err == nil, nil // an unknown type matters where its elements are used
	case "numpy.core.multiarray.scalar":
		if len(args) != 2 {
			return nil, true, errors.New("a number of an unknown form")
		}
		a := &Array{}
		if err := a.fill(pickle.Tuple{}, args[0], args[1], false); err != nil {
			return nil, true, err
		}
		return a.At(0), true, nil
	case "builtins.bytearray", "__builtin__.bytearray":
		if len(args) == 0 {
			return []byte{}, true, nil
		}
		switch of := args[0].(type) {
		case []byte:
			return of, true, nil
		case string:
			b, err := latin1(of)
			return b, true, err
		}
		return nil, true, errors.New("bytes of an unknown form")
	case "_codecs.encode":
		if len(args) != 2 {
			return nil, true, errors.New("bytes of an unknown form")
		}
		text, _ := args[0].(string)
		b, err := latin1(text)
		return b, true, err
	}
	return nil, false, nil
}

// Floats writes all elements into dst, whose length is Len(); false where they are no numbers.
func (a *Array) Floats(dst []float32) bool {
	plain := !a.fortran || len(a.Shape) < 2
	switch {
	case plain && a.Kind == 'f' && a.Size == 4:
		for i := range dst {
			dst[i] = math.Float32frombits(a.order.Uint32(a.data[4*i:]))
		}
	case plain && a.Kind == 'i' && a.Size == 8:
		for i := range dst {
			dst[i] = float32(int64(a.order.Uint64(a.data[8*i:])))
		}
	case plain && a.Kind == 'u' && a.Size == 1:
		for i := range dst {
			dst[i] = float32(a.data[i])
		}
	default:
		for i := range dst {
			v, ok := a.Float(i)
			if !ok {
				return false
			}
			dst[i] = float32(v)
		}
	}
	return true
}

// Bytes are all elements, row by row, of an array of unsigned bytes; false for another one.
func (a *Array) Bytes() ([]byte, bool) {
	if a.Kind != 'u' || a.Size != 1 || a.fortran && len(a.Shape) > 1 {
		return nil, false
	}
	return a.data[:a.Len()], true
}

// Values reads any pickle; NumPy's arrays become *Array, its numbers Go's.
func Values(data []byte) (any, error) {
	m := &pickle.Machine{Data: data, Call: call}
	return m.Load()
}
