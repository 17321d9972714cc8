// Package tfrecord reads TensorFlow's TFRecord files and the tf.train.Example messages in them.
package tfrecord

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// castagnoli is the table of the CRC-32C that TFRecord uses.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum is TFRecord's masked CRC-32C: rotated and shifted, so that the sum of data that
// holds sums stays good.
func Checksum(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// MaxRecord bounds one record: beyond it the length is taken for damage.
const MaxRecord = 64 << 20

// Overhead is the number of bytes of a record beside its data: Head before it, the rest after.
const (
	Head     = 12
	Overhead = 16
)

// ErrData says that the data of a record are damaged; the records behind it can be read.
var ErrData = errors.New("the data's CRC-32C")

// Read reads the next record into buf, or a larger one: length (8 bytes, little-endian), its
// masked CRC, the data, their masked CRC. At the end of the file it returns io.EOF, within a
// record io.ErrUnexpectedEOF.
func Read(r io.Reader, buf []byte) ([]byte, error) {
	var head [Head]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	if want := binary.LittleEndian.Uint32(head[8:]); want != Checksum(head[:8]) {
		return nil, fmt.Errorf("the length's CRC-32C is %08x, the file says %08x", Checksum(head[:8]), want)
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > MaxRecord {
		return nil, fmt.Errorf("is %d bytes long, expected at most %d", n, MaxRecord)
	}
	if uint64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	var sum [4]byte
	for _, part := range [][]byte{buf, sum[:]} {
		if _, err := io.ReadFull(r, part); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	if want := binary.LittleEndian.Uint32(sum[:]); want != Checksum(buf) {
		return buf, fmt.Errorf("%w is %08x, the file says %08x", ErrData, Checksum(buf), want)
	}
	return buf, nil
}

// Feature is one feature of an example: one of the lists, or none.
type Feature struct {
	Bytes  [][]byte // parts of the record
	Floats []float32
	Ints   []int64
}

// ErrExample says that a record is no tf.train.Example.
var ErrExample = errors.New("is no tf.train.Example")

// Parse decodes a tf.train.Example: Example{1: Features{1: entry{1: name, 2: Feature}...}}, a
// Feature being {1: BytesList, 2: FloatList, 3: Int64List}, each {1: value...}, packed or not.
func Parse(b []byte) (map[string]Feature, error) {
	out := map[string]Feature{}
	err := each(b, 1, func(features []byte) error {
		return each(features, 1, func(entry []byte) error {
			var name string
			var f Feature
			err := each(entry, 1, func(p []byte) error { name = string(p); return nil })
			if err == nil {
				err = each(entry, 2, func(p []byte) error { return f.parse(p) })
			}
			out[name] = f
			return err
		})
	})
	return out, err
}

func (f *Feature) parse(b []byte) error {
	err := each(b, 1, func(list []byte) error {
		return each(list, 1, func(p []byte) error { f.Bytes = append(f.Bytes, p); return nil })
	})
	if err == nil {
		err = each(b, 2, func(list []byte) error {
			return values(list, protowire.Fixed32Type, func(p []byte) int {
				v, n := protowire.ConsumeFixed32(p)
				f.Floats = append(f.Floats, math.Float32frombits(v))
				return n
			})
		})
	}
	if err == nil {
		err = each(b, 3, func(list []byte) error {
			return values(list, protowire.VarintType, func(p []byte) int {
				v, n := protowire.ConsumeVarint(p)
				f.Ints = append(f.Ints, int64(v))
				return n
			})
		})
	}
	return err
}

// each calls do with the payload of every length-delimited field of that number.
func each(b []byte, number protowire.Number, do func(payload []byte) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return ErrExample
		}
		size := protowire.ConsumeFieldValue(num, typ, b[n:])
		if size < 0 {
			return ErrExample
		}
		if num == number && typ == protowire.BytesType {
			payload, _ := protowire.ConsumeBytes(b[n:])
			if err := do(payload); err != nil {
				return err
			}
		}
		b = b[n+size:]
	}
	return nil
}

// values calls take, which says how many bytes it took, with every value of field 1 of a list.
func values(b []byte, single protowire.Type, take func(b []byte) int) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return ErrExample
		}
		size := protowire.ConsumeFieldValue(num, typ, b[n:])
		if size < 0 {
			return ErrExample
		}
		field := b[n : n+size]
		switch {
		case num == 1 && typ == protowire.BytesType:
			packed, _ := protowire.ConsumeBytes(field)
			for len(packed) > 0 {
				k := take(packed)
				if k < 0 {
					return ErrExample
				}
				packed = packed[k:]
			}
		case num == 1 && typ == single:
			take(field)
		}
		b = b[n+size:]
	}
	return nil
}
