package generic

import (
	"encoding/binary"
	"errors"
)

// thriftDepth bounds how deep structures may lie inside each other.
const thriftDepth = 32

var (
	errThriftShort = errors.New("ends too early")
	errThrift      = errors.New("is damaged")
)

// thriftReader goes over a structure of Thrift's compact protocol without making anything of it,
// so that a length in it is known to be true before memory is taken for what it announces.
type thriftReader struct {
	b       []byte
	at      int
	structs int // in lists
}

// thriftStruct gives the length of the structure that b begins with, and how many structures lie in its lists.
func thriftStruct(b []byte) (n, structs int, err error) {
	r := &thriftReader{b: b}
	err = r.structure(0)
	return r.at, r.structs, err
}

func (r *thriftReader) skip(n uint64) error {
	if n > uint64(len(r.b)-r.at) {
		return errThriftShort
	}
	r.at += int(n)
	return nil
}

func (r *thriftReader) byte() (byte, error) {
	if err := r.skip(1); err != nil {
		return 0, err
	}
	return r.b[r.at-1], nil
}

func (r *thriftReader) varint() (uint64, error) {
	v, n := binary.Uvarint(r.b[r.at:])
	switch {
	case n < 0:
		return 0, errThrift
	case n == 0:
		return 0, errThriftShort
	}
	r.at += n
	return v, nil
}

func (r *thriftReader) structure(depth int) error {
	if depth > thriftDepth {
		return errThrift
	}
	for {
		head, err := r.byte()
		if err != nil || head == 0 {
			return err
		}
		if head>>4 == 0 { // the field's number follows
			if _, err := r.varint(); err != nil {
				return err
			}
		}
		if kind := head & 15; kind != 1 && kind != 2 { // booleans are in the kind
			if err := r.value(kind, depth); err != nil {
				return err
			}
		}
	}
}

func (r *thriftReader) value(kind byte, depth int) error {
	switch kind {
	case 1, 2, 3:
		return r.skip(1)
	case 4, 5, 6:
		_, err := r.varint()
		return err
	case 7:
		return r.skip(8)
	case 8:
		n, err := r.varint()
		if err != nil {
			return err
		}
		return r.skip(n)
	case 9, 10:
		return r.list(depth)
	case 11:
		return r.mapping(depth)
	case 12:
		return r.structure(depth + 1)
	}
	return errThrift
}

// list passes over a list or a set.
func (r *thriftReader) list(depth int) error {
	head, err := r.byte()
	if err != nil {
		return err
	}
	n, kind := uint64(head>>4), head&15
	if n == 15 {
		if n, err = r.varint(); err != nil {
			return err
		}
	}
	if kind == 12 {
		r.structs += int(min(n, uint64(len(r.b))))
	}
	return r.values(n, depth, kind)
}

func (r *thriftReader) mapping(depth int) error {
	n, err := r.varint()
	if err != nil || n == 0 {
		return err
	}
	kinds, err := r.byte()
	if err != nil {
		return err
	}
	return r.values(n, depth, kinds>>4, kinds&15)
}

// values passes over n times the values of some kinds.
func (r *thriftReader) values(n uint64, depth int, kinds ...byte) error {
	if n > uint64(len(r.b)-r.at) { // each takes a byte at least
		return errThriftShort
	}
	for range n {
		for _, kind := range kinds {
			if err := r.value(kind, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
