package generic

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"mspecc/runtime/data"
	"mspecc/runtime/data/tfrecord"
)

var tfrecordReader = data.Builtin("tfrecord", func(s *data.Source) (data.Dataset, data.Dataset, error) { return openTables(s, openTFRecord) })

// tfrecordTable is a TFRecord file with the places of its records.
type tfrecordTable struct {
	b       *data.Blob
	names   []string
	raw     bool // bytes are numbers
	offsets []int64
	sizes   []int32
}

func openTFRecord(s *data.Source, _ *plan, name string) (table, error) {
	t := &tfrecordTable{}
	switch s.Text("bytes") {
	case "text":
	case "numbers":
		t.raw = true
	default:
		return nil, s.BadOption("bytes", "text or numbers")
	}
	var err error
	if t.b, err = s.OpenBlob(name); err != nil {
		return nil, err
	}
	r, err := t.b.All()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var buf []byte
	for at, next := int64(0), int64(0); next < t.b.Size; {
		at = next
		place := fmt.Sprintf("record %d", len(t.offsets))
		buf, err = tfrecord.Read(r, buf)
		next = at + tfrecord.Overhead + int64(len(buf))
		if err == nil && t.names == nil {
			all, err := tfrecord.Parse(buf)
			if err != nil {
				if err := s.Bad(s.Fail(name, fmt.Sprintf("byte %d", at), err.Error(), "give a file of tf.train.Example")); err != nil {
					return nil, err
				}
				continue
			}
			t.names = slices.Sorted(maps.Keys(all))
		}
		switch {
		case err == nil:
			t.offsets, t.sizes = append(t.offsets, at+tfrecord.Head), append(t.sizes, int32(len(buf)))
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			if err := s.Bad(s.Fail(name, place, "the file ends too early", "it was cut off: fetch it again")); err != nil {
				return nil, err
			}
			next = t.b.Size
		case errors.Is(err, tfrecord.ErrData):
			if err := s.Bad(s.Fail(name, fmt.Sprintf("byte %d", at), data.Cause(err), "fetch the damaged file again")); err != nil {
				return nil, err
			}
		default:
			return nil, s.Fail(name, place, data.Cause(err), "give a TFRecord file, or fetch the damaged file again")
		}
	}
	if len(t.offsets) == 0 {
		return nil, s.Fail(name, "", "holds no record", "give a file with data")
	}
	return t, nil
}

func (t *tfrecordTable) name() string      { return t.b.Name }
func (t *tfrecordTable) columns() []string { return t.names }
func (t *tfrecordTable) rows() int         { return len(t.offsets) }
func (t *tfrecordTable) at(row int) string { return fmt.Sprintf("record %d", row) }

func (t *tfrecordTable) read(lo, hi int, columns []int, use func(row int, cells []cell) error) error {
	cells := make([]cell, len(columns))
	var buf []byte
	for ; lo < hi; lo++ {
		n := int(t.sizes[lo])
		if cap(buf) < n {
			buf = make([]byte, n)
		}
		buf = buf[:n]
		if err := t.b.ReadFull(buf, t.offsets[lo]); err != nil {
			return err
		}
		features, err := tfrecord.Parse(buf)
		if err != nil {
			return t.b.Fail(t.at(lo), err.Error(), "give a file of tf.train.Example")
		}
		for i, c := range columns {
			cells[i] = t.cell(features[t.names[c]])
		}
		if err := use(lo, cells); err != nil {
			return err
		}
	}
	return nil
}

// cell makes a feature a cell: its first text, or its numbers.
func (t *tfrecordTable) cell(f tfrecord.Feature) cell {
	switch {
	case len(f.Bytes) > 0 && !t.raw:
		return cell{text: f.Bytes[0]}
	case len(f.Bytes) > 0:
		out := make([]float64, len(f.Bytes[0]))
		for i, b := range f.Bytes[0] {
			out[i] = float64(b)
		}
		return cell{numbers: out}
	}
	out := make([]float64, 0, len(f.Floats)+len(f.Ints))
	for _, v := range f.Floats {
		out = append(out, float64(v))
	}
	for _, v := range f.Ints {
		out = append(out, float64(v))
	}
	if len(out) == 0 {
		return cell{}
	}
	return cell{numbers: out}
}
