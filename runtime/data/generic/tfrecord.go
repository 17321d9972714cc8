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
	names   []string // of the features of all records, in order
	raw     bool     // bytes are numbers
	offsets []int64
	sizes   []int32
	want    []int // columns bound; -1 for one that no record has
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
	seen := map[string]bool{}
	var buf []byte
	for at, next := int64(0), int64(0); next < t.b.Size; {
		at = next
		place := fmt.Sprintf("record %d", len(t.offsets))
		buf, err = tfrecord.Read(r, buf)
		next = at + tfrecord.Overhead + int64(len(buf))
		if err == nil {
			if err := tfrecord.Names(buf, func(name []byte) { seen[string(name)] = true }); err != nil && len(seen) == 0 {
				if err := s.Bad(s.Fail(name, fmt.Sprintf("byte %d", at), err.Error(), "give a file of tf.train.Example")); err != nil {
					return nil, err
				}
				continue
			}
		}
		switch {
		case err == nil:
			t.offsets, t.sizes = append(t.offsets, at+tfrecord.Head), append(t.sizes, int32(len(buf)))
		case at == 0 && !errors.Is(err, tfrecord.ErrData):
			return nil, t.b.Other("a TFRecord file", place, cause(err), "give a TFRecord file, or fetch the damaged file again")
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
	t.names = slices.Sorted(maps.Keys(seen))
	return t, nil
}

// cause says why a record cannot be read.
func cause(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the file ends too early"
	}
	return data.Cause(err)
}

func (t *tfrecordTable) name() string      { return t.b.Name }
func (t *tfrecordTable) naming() naming    { return sortedNames }
func (t *tfrecordTable) rows() int         { return len(t.offsets) }
func (t *tfrecordTable) at(row int) string { return fmt.Sprintf("record %d", row) }

func (t *tfrecordTable) columns() []column {
	all := make([]column, len(t.names))
	for i, name := range t.names {
		all[i] = column{name, isIndex(name)}
	}
	return all
}

func (t *tfrecordTable) bind(columns []int) ([]declared, error) {
	t.want = columns
	return make([]declared, len(columns)), nil
}

func (t *tfrecordTable) read(lo, hi, n int, use func(row int, cells []cell) error) error {
	cells := make([]cell, n)
	var buf []byte
	for ; lo < hi; lo++ {
		size := int(t.sizes[lo])
		if cap(buf) < size {
			buf = make([]byte, size)
		}
		buf = buf[:size]
		clear(cells)
		if err := t.b.ReadFull(buf, t.offsets[lo]); err != nil {
			return err
		}
		features, err := tfrecord.Parse(buf)
		if err != nil {
			return t.b.Fail(t.at(lo), err.Error(), "give a file of tf.train.Example")
		}
		for i, c := range t.want[:n] {
			if c < 0 {
				continue
			}
			var message string
			if cells[i], message = t.cell(features[t.names[c]]); message != "" {
				return t.b.Fail(t.at(lo), "the feature "+t.names[c]+" "+message, "correct or remove the record, or choose others with the option columns")
			}
		}
		if err := use(lo, cells); err != nil {
			return err
		}
	}
	return nil
}

// cell makes a feature a cell: a text, or its numbers. Those of a list of features lie one behind the other.
func (t *tfrecordTable) cell(list []tfrecord.Feature) (c cell, message string) {
	if len(list) == 0 {
		return cell{}, ""
	}
	c, message = t.one(list[0])
	if !list[0].Listed || message != "" {
		return c, message
	}
	all := cell{numbers: []float64{}, shape: []int{len(list), len(c.numbers)}}
	for _, f := range list {
		if c, message = t.one(f); message != "" {
			return c, message
		}
		if c.text != nil {
			return c, "is a list of texts, expected numbers (with bytes: numbers each byte is one) or a single text"
		}
		if len(c.numbers) != all.shape[1] {
			return c, errRagged.Error()
		}
		all.numbers = append(all.numbers, c.numbers...)
	}
	if all.shape[1] == 0 {
		return cell{}, ""
	}
	return all, ""
}

// one makes a single feature a cell.
func (t *tfrecordTable) one(f tfrecord.Feature) (c cell, message string) {
	switch {
	case len(f.Bytes) > 0 && !t.raw:
		if len(f.Bytes) > 1 {
			return cell{}, fmt.Sprintf("has %d texts, expected one", len(f.Bytes))
		}
		return cell{text: f.Bytes[0]}, ""
	case len(f.Bytes) > 0:
		return bytesCell(f.Bytes)
	case len(f.Ints) == 1:
		return number(nil, f.Ints[0]), ""
	}
	out := make([]float64, 0, len(f.Floats)+len(f.Ints))
	for _, v := range f.Floats {
		out = append(out, float64(v))
	}
	for _, v := range f.Ints {
		out = append(out, float64(v))
	}
	if len(out) == 0 {
		return cell{}, ""
	}
	return cell{numbers: out, single: len(out) == 1}, ""
}

// bytesCell makes numbers of bytes, of which all strings must have as many.
func bytesCell(all [][]byte) (c cell, message string) {
	for _, text := range all {
		if len(text) != len(all[0]) {
			return cell{}, errRagged.Error()
		}
		for _, b := range text {
			c.numbers = append(c.numbers, float64(b))
		}
	}
	if len(all) > 1 {
		c.shape = []int{len(all), len(all[0])}
	}
	return c, ""
}
