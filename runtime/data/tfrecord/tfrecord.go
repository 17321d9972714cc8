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
	Listed bool // it is one of a list of features, of a tf.train.SequenceExample
}

// ErrExample says that a record is neither a tf.train.Example nor a tf.train.SequenceExample.
var ErrExample = errors.New("is no tf.train.Example or SequenceExample")

// Parse decodes a tf.train.Example: Example{1: Features{1: entry{1: name, 2: Feature}...}}, a
// Feature being {1: BytesList, 2: FloatList, 3: Int64List}, each {1: value...}, packed or not. Every name has one
// feature, but those of the lists of a tf.train.SequenceExample, {1: Features, 2: FeatureLists{1: entry{1: name,
// 2: FeatureList{1: Feature...}}...}}, any number. A record with anything else in it is another message.
func Parse(b []byte) (map[string][]Feature, error) {
	out := map[string][]Feature{}
	err := entries(b, func(name, value []byte, listed bool) error {
		if _, twice := out[string(name)]; twice && listed {
			return fmt.Errorf("has a feature and a list of features that are called %q", name)
		}
		all := []Feature{}
		take := func(p []byte) error {
			f := Feature{Listed: listed}
			err := f.parse(p)
			all = append(all, f)
			return err
		}
		var err error
		if listed {
			err = each(value, take, 1)
		} else {
			err = take(value)
		}
		out[string(name)] = all
		return err
	})
	return out, err
}

// Names calls use with the name of every feature of an example, and of every list of features.
func Names(b []byte, use func(name []byte)) error {
	return entries(b, func(name, _ []byte, _ bool) error { use(name); return nil })
}

// entries calls use with every feature, or list of features, of a message.
func entries(b []byte, use func(name, value []byte, listed bool) error) error {
	return fields(b, func(number protowire.Number, features []byte) error {
		return each(features, func(entry []byte) error {
			var name, value []byte
			err := fields(entry, func(number protowire.Number, p []byte) error {
				if number == 1 {
					name = p
				} else {
					value = p
				}
				return nil
			}, 2)
			if err != nil {
				return err
			}
			return use(name, value, number == 2)
		}, 1)
	}, 2)
}

func (f *Feature) parse(b []byte) error {
	return fields(b, func(number protowire.Number, list []byte) error {
		switch number {
		case 1:
			return each(list, func(p []byte) error { f.Bytes = append(f.Bytes, p); return nil }, 1)
		case 2:
			return values(list, protowire.Fixed32Type, func(p []byte) int {
				v, n := protowire.ConsumeFixed32(p)
				f.Floats = append(f.Floats, math.Float32frombits(v))
				return n
			})
		}
		return values(list, protowire.VarintType, func(p []byte) int {
			v, n := protowire.ConsumeVarint(p)
			f.Ints = append(f.Ints, int64(v))
			return n
		})
	}, 3)
}

// each calls do with the payload of every field, which all have the number 1.
func each(b []byte, do func(payload []byte) error, last protowire.Number) error {
	return fields(b, func(_ protowire.Number, payload []byte) error { return do(payload) }, last)
}

// fields calls do with the number and the payload of every field; one that has no length, or a number above last, is
// one of another message.
func fields(b []byte, do func(number protowire.Number, payload []byte) error, last protowire.Number) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 || typ != protowire.BytesType || num > last {
			return ErrExample
		}
		payload, size := protowire.ConsumeBytes(b[n:])
		if size < 0 {
			return ErrExample
		}
		if err := do(num, payload); err != nil {
			return err
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
		default:
			return ErrExample
		}
		b = b[n+size:]
	}
	return nil
}
