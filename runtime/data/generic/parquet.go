package generic

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"mspecc/runtime/data"
	"mspecc/runtime/data/numpy"
)

var parquetReader = data.Builtin("parquet", func(s *data.Source) (data.Dataset, data.Dataset, error) { return openTables(s, openParquet) })

// maxRowsPerByte bounds the rows that a file may claim: repeated values take next to no room in it.
const maxRowsPerByte = 64

// parquetTable is a Parquet file, of which the wanted columns lie unpacked in a spool: columns
// are packed in pages, and unpacking a page for each example would take longer than a step.
type parquetTable struct {
	s       *data.Source
	file    string
	names   []string                        // of the leaves
	numbers []func(v parquet.Value) float64 // of the leaves whose stored form is not the number; nil for others
	kept    []int                           // leaves in the spool, in its order
	offsets []int64                         // of each row in it, and of the end
	spool   *data.Spool                     // while it is written
	b       *data.Blob                      // its contents
}

func openParquet(s *data.Source, p *plan, name string) (t table, err error) {
	// The library is careful with damaged files, but it does not promise never to panic.
	defer func() {
		if r := recover(); r != nil {
			err = s.Fail(name, "", fmt.Sprintf("is no sound Parquet file (%v)", r), "fetch it again")
		}
	}()
	b, err := s.OpenBlob(name)
	if err != nil {
		return nil, err
	}
	if err := footerFits(b); err != nil {
		return nil, parquetError(b, "", err)
	}
	f, err := parquet.OpenFile(b, b.Size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, s.Fail(name, "", "is no sound Parquet file ("+data.Cause(err)+")", "fetch it again")
	}
	if f.NumRows() == 0 {
		return nil, s.Fail(name, "", "holds no record", "give a file with data")
	}
	if f.NumRows() > maxRowsPerByte*b.Size {
		return nil, s.Fail(name, "", fmt.Sprintf("says it has %d rows in %d bytes", f.NumRows(), b.Size), "it is damaged: fetch it again")
	}
	q := &parquetTable{s: s, file: name, offsets: []int64{0}, spool: s.NewSpool()}
	for _, e := range f.Metadata().Schema {
		if e.Type.Valid { // a leaf
			q.numbers = append(q.numbers, parquetNumber(&e))
		}
	}
	for _, leaf := range f.Schema().Columns() {
		if n := len(leaf); n >= 3 && (leaf[n-1] == "element" || leaf[n-1] == "item") {
			leaf = leaf[:n-2] // of a list
		}
		q.names = append(q.names, strings.Join(leaf, "."))
	}
	if len(q.numbers) != len(q.names) {
		return nil, s.Fail(name, "", fmt.Sprintf("has %d columns in one part of its footer and %d in another", len(q.numbers), len(q.names)), "it is damaged: fetch it again")
	}
	columns, label, id, by, err := p.choose(q)
	if err != nil {
		return nil, err
	}
	picture := -1
	if p.look != nil {
		if picture, err = p.look.column(q); err != nil {
			return nil, err
		}
	}
	for _, c := range append(columns, label, id, by, picture) {
		if c >= 0 && !slices.Contains(q.kept, c) {
			q.kept = append(q.kept, c)
		}
	}
	if err := q.check(b, f); err != nil {
		return nil, err
	}
	for _, g := range f.RowGroups() {
		if err := q.unpack(f, g); err != nil {
			return nil, err
		}
	}
	if q.rows() == 0 {
		return nil, s.Fail(name, "", "holds no record", "give a file with data")
	}
	q.b = b.With(q.spool)
	return q, nil
}

// parquetError explains what is wrong with a file.
func parquetError(b *data.Blob, column string, err error) error {
	var own *data.Error
	if errors.As(err, &own) {
		return own
	}
	if column != "" {
		column = "column " + column
	}
	return b.Fail(column, err.Error(), "it is no sound Parquet file: fetch it again")
}

// check looks at the pages of the wanted columns.
func (t *parquetTable) check(b *data.Blob, f *parquet.File) error {
	columns := f.Schema().Columns()
	for _, c := range t.kept {
		leaf, ok := f.Schema().Lookup(columns[c]...)
		if !ok {
			return b.Fail("", "has no column "+t.names[c], "it is no sound Parquet file: fetch it again")
		}
		p := &pages{b: b, leaf: leaf}
		for i, g := range f.Metadata().RowGroups {
			t.s.Progress("checking "+t.file, int64(i), int64(len(f.Metadata().RowGroups)))
			if c >= len(g.Columns) {
				return b.Fail("", fmt.Sprintf("has %d columns in a group of rows, %d in its schema", len(g.Columns), len(columns)), "it is no sound Parquet file: fetch it again")
			}
			if err := p.fit(&g.Columns[c].MetaData); err != nil {
				return parquetError(b, t.names[c], err)
			}
		}
	}
	return nil
}

// unpack writes the rows of a group into the spool.
func (t *parquetTable) unpack(f *parquet.File, g parquet.RowGroup) error {
	var columns []*parquetColumn
	for _, c := range t.kept {
		leaf, _ := f.Schema().Lookup(f.Schema().Columns()[c]...)
		column := newParquetColumn(g.ColumnChunks()[c], leaf.MaxRepetitionLevel > 0)
		defer column.close()
		columns = append(columns, column)
	}
	cells, out := make([]cell, len(t.kept)), []byte(nil)
	for row := range g.NumRows() {
		if row%4096 == 0 {
			t.s.Progress("unpacking "+t.file, int64(t.rows()), f.NumRows())
		}
		clear(cells)
		for i, c := range t.kept {
			err := columns[i].row(func(v parquet.Value) error {
				if message := addValue(&cells[i], v, t.numbers[c]); message != "" {
					return t.s.Fail(t.file, t.at(t.rows()), "the column "+t.names[c]+" "+message, "choose others with the option columns")
				}
				return nil
			})
			var own *data.Error
			if errors.As(err, &own) {
				return own
			}
			if err != nil {
				return t.s.Fail(t.file, t.at(t.rows()), "the column "+t.names[c]+" cannot be read: "+data.Cause(err), "it is damaged: fetch it again")
			}
		}
		out = encodeCells(out[:0], cells)
		if len(out) > maxRecord || t.spool.Size() > maxUnpacked {
			return t.s.Fail(t.file, t.at(t.rows()), "is larger than 64 MiB, or the file than 64 GiB", "choose fewer columns with the option columns")
		}
		if _, err := t.spool.Write(out); err != nil {
			return t.s.Fail(t.file, t.at(t.rows()), "cannot be unpacked: "+data.Cause(err), "make room on the disk")
		}
		t.offsets = append(t.offsets, t.spool.Size())
	}
	return nil
}

// parquetNumber makes numbers of the stored values where these are not the numbers themselves: those of
// whole numbers without a sign, of decimals and of floating ones of 16 bits; nil for other types.
func parquetNumber(e *format.SchemaElement) func(v parquet.Value) float64 {
	switch of := e.LogicalType.Value.(type) {
	case *format.IntType:
		if !of.IsSigned {
			return unsigned
		}
	case *format.DecimalType:
		return decimal(of.Scale)
	case *format.Float16Type:
		return func(v parquet.Value) float64 {
			if v.Kind() == parquet.FixedLenByteArray && len(v.ByteArray()) == 2 {
				return numpy.Half(binary.LittleEndian.Uint16(v.ByteArray()))
			}
			return math.NaN() // the file is damaged
		}
	}
	if !e.ConvertedType.Valid {
		return nil
	}
	switch e.ConvertedType.V { // of older files
	case deprecated.Uint8, deprecated.Uint16, deprecated.Uint32, deprecated.Uint64:
		return unsigned
	case deprecated.Decimal:
		return decimal(e.Scale.V)
	}
	return nil
}

func unsigned(v parquet.Value) float64 {
	if v.Kind() == parquet.Int32 {
		return float64(v.Uint32())
	}
	return float64(v.Uint64())
}

// decimal makes numbers of those that are stored without their decimal point.
func decimal(scale int32) func(v parquet.Value) float64 {
	unit := math.Pow10(int(scale))
	return func(v parquet.Value) float64 {
		switch v.Kind() {
		case parquet.Int32:
			return float64(v.Int32()) / unit
		case parquet.Int64:
			return float64(v.Int64()) / unit
		case parquet.ByteArray, parquet.FixedLenByteArray:
			return bigEndian(v.ByteArray()) / unit
		}
		return math.NaN() // the file is damaged
	}
}

// bigEndian is a whole number in two's complement, the first byte the highest.
func bigEndian(b []byte) float64 {
	n := 0.0
	for i, c := range b {
		if n = 256*n + float64(c); i == 0 && c >= 0x80 {
			n -= 256
		}
	}
	return n
}

// addValue adds a value to a cell; a list has several. With a function it gives the number.
func addValue(c *cell, v parquet.Value, of func(v parquet.Value) float64) (message string) {
	if of != nil && !v.IsNull() {
		c.numbers = append(c.numbers, of(v))
		return ""
	}
	number := 0.0
	switch v.Kind() {
	case parquet.Boolean:
		if v.Boolean() {
			number = 1
		}
	case parquet.Int32:
		number = float64(v.Int32())
	case parquet.Int64:
		number = float64(v.Int64())
	case parquet.Float:
		number = float64(v.Float())
	case parquet.Double:
		number = v.Double()
	case parquet.ByteArray, parquet.FixedLenByteArray:
		if c.text != nil {
			return "has lists of texts, expected numbers or one text"
		}
		c.text = v.ByteArray()
		if c.text == nil {
			c.text = []byte{}
		}
		return ""
	default:
		if !v.IsNull() {
			return fmt.Sprintf("is of the type %v, expected numbers or texts", v.Kind())
		}
		if v.RepetitionLevel() == 0 && c.numbers == nil {
			return "" // missing, unless more follows
		}
		number = math.NaN()
	}
	c.numbers = append(c.numbers, number)
	return ""
}

// encodeCells packs cells: each a number that is 0 for nothing, 1 + 2n for a text of n bytes,
// 2 + 2n for n numbers, and the bytes or the numbers.
func encodeCells(dst []byte, cells []cell) []byte {
	for _, c := range cells {
		switch {
		case c.numbers != nil:
			dst = binary.AppendUvarint(dst, uint64(2+2*len(c.numbers)))
			for _, v := range c.numbers {
				dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
			}
		case c.text != nil:
			dst = binary.AppendUvarint(dst, uint64(1+2*len(c.text)))
			dst = append(dst, c.text...)
		default:
			dst = append(dst, 0)
		}
	}
	return dst
}

// decodeCells takes packed cells apart; they are parts of b, apart from the numbers.
func decodeCells(cells []cell, b []byte) {
	for i := range cells {
		head, n := binary.Uvarint(b)
		b = b[n:]
		size := int(head-1) / 2
		switch {
		case head == 0:
			cells[i] = cell{}
		case head%2 == 1:
			cells[i] = cell{text: b[:size:size]}
			b = b[size:]
		default:
			numbers := cells[i].numbers[:0]
			if numbers == nil {
				numbers = []float64{}
			}
			for ; size > 0; size-- {
				numbers = append(numbers, math.Float64frombits(binary.LittleEndian.Uint64(b)))
				b = b[8:]
			}
			cells[i] = cell{numbers: numbers}
		}
	}
}

func (t *parquetTable) name() string      { return t.file }
func (t *parquetTable) columns() []string { return t.names }
func (t *parquetTable) rows() int         { return len(t.offsets) - 1 }
func (t *parquetTable) at(row int) string { return fmt.Sprintf("row %d", row) }

func (t *parquetTable) read(lo, hi int, columns []int, use func(row int, cells []cell) error) error {
	all, cells := make([]cell, len(t.kept)), make([]cell, len(columns))
	places := make([]int, len(columns))
	for i, c := range columns {
		places[i] = slices.Index(t.kept, c)
	}
	var buf []byte
	for lo < hi {
		to := lo + 1
		for to < hi && t.offsets[to+1]-t.offsets[lo] <= chunk {
			to++
		}
		n := int(t.offsets[to] - t.offsets[lo])
		if cap(buf) < n {
			buf = make([]byte, n)
		}
		buf = buf[:n]
		if err := t.b.ReadFull(buf, t.offsets[lo]); err != nil {
			return err
		}
		for base := t.offsets[lo]; lo < to; lo++ {
			decodeCells(all, buf[t.offsets[lo]-base:t.offsets[lo+1]-base])
			for i, k := range places {
				cells[i] = all[k]
			}
			if err := use(lo, cells); err != nil {
				return err
			}
		}
	}
	return nil
}
