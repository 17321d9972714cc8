// Package matlab reads the numbers and texts of MATLAB files of version 5 to 7 (.mat), as scipy.io.savemat writes them.
package matlab

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Array is a variable. Elements are in MATLAB's order: the first axis is the fastest.
type Array struct {
	Shape  []int
	Values []float64 // a text has the codes of its characters
}

// Types of data elements (MAT-File Format, table 1-1).
const (
	miInt8       = 1
	miUint8      = 2
	miInt16      = 3
	miUint16     = 4
	miInt32      = 5
	miUint32     = 6
	miSingle     = 7
	miDouble     = 9
	miInt64      = 12
	miUint64     = 13
	miMatrix     = 14
	miCompressed = 15
	miUTF8       = 16
	miUTF16      = 17
)

// Classes of arrays that hold one number per element: characters, and double up to uint64.
const (
	mxChar   = 4
	mxDouble = 6
	mxUint64 = 15
)

// maxVariable bounds a variable after decompression.
const maxVariable = 1 << 26

var errEnd = errors.New("the MATLAB file ends too early: it was cut off")

// Read reads all variables of classes that hold numbers or text; others, such as cells, are passed over.
func Read(data []byte) (map[string]Array, error) {
	if len(data) < 128 {
		return nil, errEnd
	}
	var order binary.ByteOrder
	switch string(data[126:128]) {
	case "IM":
		order = binary.LittleEndian
	case "MI":
		order = binary.BigEndian
	default:
		if bytes.HasPrefix(data[1:], []byte("HDF")) || bytes.HasPrefix(data, []byte("MATLAB 7.3")) {
			return nil, errors.New("is a MATLAB 7.3 file, expected version 5 to 7; save it with -v7")
		}
		return nil, errors.New("is no MATLAB file of version 5 to 7")
	}
	if bytes.HasPrefix(data, []byte("MATLAB 7.3")) {
		return nil, errors.New("is a MATLAB 7.3 file, expected version 5 to 7; save it with -v7")
	}
	all := map[string]Array{}
	r := &reader{data[128:], order}
	for len(r.data) > 0 {
		kind, body, err := r.element()
		if err != nil {
			return nil, err
		}
		if kind == miCompressed {
			if kind, body, err = inflate(body, order); err != nil {
				return nil, err
			}
		}
		if kind != miMatrix {
			continue
		}
		name, a, ok, err := matrix(&reader{body, order})
		if err != nil {
			return nil, err
		}
		if ok {
			all[name] = a
		}
	}
	return all, nil
}

// inflate gives the element inside a compressed one.
func inflate(body []byte, order binary.ByteOrder) (uint32, []byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("a variable cannot be decompressed: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(z, maxVariable+1))
	if err != nil {
		return 0, nil, fmt.Errorf("a variable cannot be decompressed: %w", err)
	}
	if len(raw) > maxVariable {
		return 0, nil, fmt.Errorf("a variable has more than %d bytes", maxVariable)
	}
	r := &reader{raw, order}
	return r.element()
}

// reader takes elements off a list.
type reader struct {
	data  []byte
	order binary.ByteOrder
}

// element takes the next one: a type, a length, the bytes, and padding to 8. Up to 4 bytes may lie in the tag itself.
func (r *reader) element() (kind uint32, body []byte, err error) {
	if len(r.data) < 8 {
		return 0, nil, errEnd
	}
	kind, n := r.order.Uint32(r.data), r.order.Uint32(r.data[4:])
	if small := kind >> 16; small != 0 {
		if small > 4 {
			return 0, nil, errEnd
		}
		body = r.data[4 : 4+small]
		r.data = r.data[8:]
		return kind & 0xffff, body, nil
	}
	if uint64(n) > uint64(len(r.data)-8) {
		return 0, nil, errEnd
	}
	body = r.data[8 : 8+n]
	padded := uint64(n)
	if kind != miCompressed {
		padded = (padded + 7) &^ 7
	}
	r.data = r.data[min(8+padded, uint64(len(r.data))):]
	return kind, body, nil
}

// matrix reads flags, shape, name and real part; false for classes that are passed over.
func matrix(r *reader) (name string, a Array, ok bool, err error) {
	_, flags, err := r.element()
	if err != nil || len(flags) < 4 {
		return "", a, false, errEnd
	}
	class := r.order.Uint32(flags) & 0xff
	_, shape, err := r.element()
	if err != nil {
		return "", a, false, err
	}
	_, text, err := r.element()
	if err != nil {
		return "", a, false, err
	}
	if class != mxChar && (class < mxDouble || class > mxUint64) {
		return string(text), a, false, nil
	}
	n := 1
	for ; len(shape) >= 4; shape = shape[4:] {
		d := int(r.order.Uint32(shape))
		if d > maxVariable || d > 0 && n > maxVariable/d {
			return "", a, false, fmt.Errorf("variable %s has an impossible shape", text)
		}
		a.Shape = append(a.Shape, d)
		n *= d
	}
	kind, body, err := r.element()
	if err != nil {
		return "", a, false, err
	}
	if a.Values, err = r.numbers(kind, body); err != nil {
		return "", a, false, fmt.Errorf("variable %s: %w", text, err)
	}
	if kind != miUTF8 && len(a.Values) != n {
		return "", a, false, fmt.Errorf("variable %s has %d elements, its shape wants %d", text, len(a.Values), n)
	}
	return string(text), a, true, nil
}

// numbers decodes the stored form, which may be narrower than the class.
func (r *reader) numbers(kind uint32, body []byte) ([]float64, error) {
	size := map[uint32]int{miInt8: 1, miUint8: 1, miInt16: 2, miUint16: 2, miInt32: 4, miUint32: 4, miSingle: 4, miDouble: 8,
		miInt64: 8, miUint64: 8, miUTF8: 1, miUTF16: 2}[kind]
	if size == 0 {
		return nil, fmt.Errorf("elements of the unknown type %d", kind)
	}
	v := make([]float64, len(body)/size)
	for i := range v {
		b := body[i*size:]
		switch kind {
		case miInt8:
			v[i] = float64(int8(b[0]))
		case miUint8, miUTF8:
			v[i] = float64(b[0])
		case miInt16:
			v[i] = float64(int16(r.order.Uint16(b)))
		case miUint16, miUTF16:
			v[i] = float64(r.order.Uint16(b))
		case miInt32:
			v[i] = float64(int32(r.order.Uint32(b)))
		case miUint32:
			v[i] = float64(r.order.Uint32(b))
		case miSingle:
			v[i] = float64(math.Float32frombits(r.order.Uint32(b)))
		case miDouble:
			v[i] = math.Float64frombits(r.order.Uint64(b))
		case miInt64:
			v[i] = float64(int64(r.order.Uint64(b)))
		case miUint64:
			v[i] = float64(r.order.Uint64(b))
		}
	}
	return v, nil
}
