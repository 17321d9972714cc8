package data

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// castagnoli is the table of the CRC-32C that TFRecord uses.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedCRC is TFRecord's masked CRC-32C: rotated and shifted, so that the sum of data that holds sums stays good.
func maskedCRC(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// maxRecord bounds one record: beyond it the length is taken for damage.
const maxRecord = 64 << 20

// tfrecord reads the next record into buf: length (8 bytes, little-endian), its masked CRC,
// the data, their masked CRC. At the end of the file it returns io.EOF.
func (s *Source) tfrecord(f *File, at string, buf []byte) ([]byte, error) {
	var head [12]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, s.readError(f, at, err)
	}
	if want := binary.LittleEndian.Uint32(head[8:]); want != maskedCRC(head[:8]) {
		return nil, s.Fail(f.Name, at, fmt.Sprintf("the length's CRC-32C is %08x, the file says %08x", maskedCRC(head[:8]), want),
			"give a TFRecord file, or fetch the damaged file again")
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > maxRecord {
		return nil, s.Fail(f.Name, at, fmt.Sprintf("is %d bytes long, expected at most %d", n, maxRecord), "give the right file")
	}
	if uint64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := io.ReadFull(f, buf); err != nil {
		return nil, s.readError(f, at, io.ErrUnexpectedEOF)
	}
	var sum [4]byte
	if _, err := io.ReadFull(f, sum[:]); err != nil {
		return nil, s.readError(f, at, io.ErrUnexpectedEOF)
	}
	if want := binary.LittleEndian.Uint32(sum[:]); want != maskedCRC(buf) {
		return nil, s.Fail(f.Name, at, fmt.Sprintf("the data's CRC-32C is %08x, the file says %08x", maskedCRC(buf), want),
			"the file is damaged: fetch it again")
	}
	return buf, nil
}

// feature is one entry of a tf.train.Example: the first bytes value or the first int64 value.
type feature struct {
	text   []byte
	number int64
	kind   byte // 'b' bytes, 'i' int64, 0 neither
}

var errWire = errors.New("is no tf.train.Example")

// field takes one field off a protocol buffer message: its number, and its payload where
// it is length-delimited or its value where it is a varint.
func field(b []byte) (number uint64, payload []byte, value uint64, rest []byte, err error) {
	tag, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, 0, nil, errWire
	}
	b = b[n:]
	skip := 0
	switch tag & 7 {
	case 0:
		if value, n = binary.Uvarint(b); n <= 0 {
			return 0, nil, 0, nil, errWire
		}
		return tag >> 3, nil, value, b[n:], nil
	case 1:
		skip = 8
	case 2:
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return 0, nil, 0, nil, errWire
		}
		end := n + int(size)
		return tag >> 3, b[n:end:end], 0, b[end:], nil
	case 5:
		skip = 4
	default:
		return 0, nil, 0, nil, errWire
	}
	if len(b) < skip {
		return 0, nil, 0, nil, errWire
	}
	return tag >> 3, nil, 0, b[skip:], nil
}

// each calls do with every length-delimited field of that number.
func each(b []byte, number uint64, do func(payload []byte) error) error {
	for len(b) > 0 {
		n, payload, _, rest, err := field(b)
		if err != nil {
			return err
		}
		if n == number && payload != nil {
			if err := do(payload); err != nil {
				return err
			}
		}
		b = rest
	}
	return nil
}

// example decodes a tf.train.Example and calls do with every feature:
// Example{1: Features{1: entry{1: name, 2: Feature}...}}.
func example(b []byte, do func(name []byte, f feature)) error {
	return each(b, 1, func(features []byte) error {
		return each(features, 1, func(entry []byte) error {
			var name []byte
			var f feature
			err := each(entry, 1, func(p []byte) error { name = p; return nil })
			if err == nil {
				err = each(entry, 2, func(p []byte) (err error) { f, err = decodeFeature(p); return err })
			}
			if err == nil {
				do(name, f)
			}
			return err
		})
	})
}

// decodeFeature decodes Feature{1: BytesList{1: bytes...}, 3: Int64List{1: varint..., packed or not}}.
func decodeFeature(b []byte) (f feature, err error) {
	err = each(b, 1, func(list []byte) error {
		return each(list, 1, func(p []byte) error {
			if f.kind == 0 {
				f.text, f.kind = p, 'b'
			}
			return nil
		})
	})
	if err != nil {
		return f, err
	}
	err = each(b, 3, func(list []byte) error {
		for len(list) > 0 {
			n, packed, v, rest, err := field(list)
			if err != nil {
				return err
			}
			if packed != nil {
				var k int
				if v, k = binary.Uvarint(packed); k <= 0 {
					return errWire
				}
			}
			if n == 1 && f.kind == 0 {
				f.number, f.kind = int64(v), 'i'
			}
			list = rest
		}
		return nil
	})
	return f, err
}
