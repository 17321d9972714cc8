package generic

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/parquet-go/parquet-go"

	"mspecc/runtime/data"
	"mspecc/runtime/data/filetype"
)

var parquetReader = data.Builtin("parquet", func(s *data.Source) (data.Dataset, data.Dataset, error) { return openTables(s, openParquet) })

// maxRowsPerByte bounds the rows that a file may claim: repeated values take next to no room in it.
const maxRowsPerByte = 64

// parquetTable is a Parquet file, of which the wanted columns lie unpacked in a spool: columns
// are packed in pages, and unpacking a page for each example would take longer than a step.
type parquetTable struct {
	s       *data.Source
	file    string
	blob    *data.Blob // the file
	f       *parquet.File
	leaves  []*leaf
	index   []string // columns that pandas wrote for row labels
	kept    []int    // leaves in the spool, in its order
	places  []int    // of the columns bound, among those
	offsets []int64  // of each row in the spool, and of the end
	spool   *data.Spool
	b       *data.Blob // its contents
}

func openParquet(s *data.Source, _ *plan, name string) (t table, err error) {
	b, err := s.OpenBlob(name)
	if err != nil {
		return nil, err
	}
	defer soundParquet(b, &err)()
	if t, ok := filetype.Of(head(s, name)); ok && t.Name != "a Parquet file" {
		return nil, s.Fail(name, "", "is "+t.Name+", no Parquet file", t.Fix)
	}
	if err := footerFits(b); err != nil {
		return nil, parquetError(b, "", err)
	}
	f, err := parquet.OpenFile(b, b.Size, parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, s.Fail(name, "", "is no sound Parquet file ("+data.Cause(err)+")", "fetch it again")
	}
	if f.NumRows() > maxRowsPerByte*b.Size {
		return nil, s.Fail(name, "", fmt.Sprintf("says it has %d rows in %d bytes", f.NumRows(), b.Size), "it is damaged: fetch it again")
	}
	q := &parquetTable{s: s, file: name, blob: b, f: f, offsets: []int64{0}, spool: s.NewSpool()}
	if q.leaves, err = parquetLeaves(f.Metadata().Schema); err != nil {
		return nil, parquetError(b, "", err)
	}
	if n := len(f.Schema().Columns()); len(q.leaves) != n {
		return nil, s.Fail(name, "", fmt.Sprintf("has %d columns in one part of its footer and %d in another", len(q.leaves), n), "it is damaged: fetch it again")
	}
	for _, kv := range f.Metadata().KeyValueMetadata {
		switch kv.Key {
		case "pandas":
			q.index = pandasIndex(kv.Value)
		case "ARROW:schema":
			q.setArrow(arrowTypes(kv.Value))
		}
	}
	return q, nil
}

// soundParquet, deferred, makes an error of a panic: the library is careful with damaged files, but it does not
// promise never to panic.
func soundParquet(b *data.Blob, err *error) func() {
	return func() {
		if r := recover(); r != nil {
			*err = b.Fail("", fmt.Sprintf("is no sound Parquet file (%v)", r), "fetch it again")
		}
	}
}

// setArrow notes what Arrow's schema says of the columns.
func (t *parquetTable) setArrow(types map[string]arrowType) {
	for _, l := range t.leaves {
		a := types[l.name]
		switch l.refused = a.refused; {
		case a.tensor != nil && l.depth == 1:
			l.tensor = a.tensor
		case a.tensor != nil && a.tensor.stored != nil:
			l.refused = "has lists of tensors whose axes are stored in another order, which are not read; write them in C's order (numpy.ascontiguousarray)"
		case a.kind != "":
			l.kind = a.kind
		}
	}
}

// pandasIndex are the columns of the row labels, of what pandas notes in a file.
func pandasIndex(text string) []string {
	var notes struct {
		Index []any `json:"index_columns"`
	}
	_ = json.Unmarshal([]byte(text), &notes) // what cannot be understood says nothing
	var names []string
	for _, x := range notes.Index {
		if name, ok := x.(string); ok { // others are ranges, of which there is no column
			names = append(names, name)
		}
	}
	return names
}

func (t *parquetTable) columns() []column {
	all := make([]column, len(t.leaves))
	for i, l := range t.leaves {
		all[i] = column{l.name, isIndex(l.name) || slices.Contains(t.index, l.name)}
	}
	return all
}

// bind unpacks the columns wanted.
func (t *parquetTable) bind(columns []int) (told []declared, err error) {
	defer soundParquet(t.blob, &err)()
	for _, c := range columns {
		if !slices.Contains(t.kept, c) {
			t.kept = append(t.kept, c)
		}
		if why := t.leaves[c].refused; why != "" {
			return nil, t.s.Fail(t.file, "", "the column "+t.leaves[c].name+" "+why, "or choose others with the option columns")
		}
		t.places = append(t.places, slices.Index(t.kept, c))
		told = append(told, declared{kind: t.leaves[c].kind})
	}
	if t.f.NumRows() == 0 {
		return told, nil
	}
	plain := &plainFile{spool: t.s.NewSpool()}
	defer plain.spool.Free()
	f, err := t.check(t.blob, t.f, plain)
	if err != nil {
		return nil, err
	}
	for _, g := range f.RowGroups() {
		if err := t.unpack(f, g); err != nil {
			return nil, err
		}
	}
	t.b = t.blob.With(t.spool)
	return told, nil
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
	var kind *filetype.Error
	if errors.As(err, &kind) {
		return b.Fail(column, err.Error(), kind.Fix)
	}
	return b.Fail(column, err.Error(), "it is no sound Parquet file: fetch it again")
}

// check looks at the pages of the wanted columns, and gives the file to read them from: the plain one where the library would misread some.
func (t *parquetTable) check(b *data.Blob, f *parquet.File, plain *plainFile) (*parquet.File, error) {
	columns, groups := f.Schema().Columns(), f.Metadata().RowGroups
	leaves, again := make([]parquet.LeafColumn, len(t.kept)), false
	for k, c := range t.kept {
		var ok bool
		if leaves[k], ok = f.Schema().Lookup(columns[c]...); !ok {
			return nil, b.Fail("", "has no column "+t.leaves[c].name, "it is no sound Parquet file: fetch it again")
		}
		for _, g := range groups {
			if c >= len(g.Columns) {
				return nil, b.Fail("", fmt.Sprintf("has %d columns in a group of rows, %d in its schema", len(g.Columns), len(columns)), "it is no sound Parquet file: fetch it again")
			}
			again = again || misread(leaves[k], &g.Columns[c].MetaData, &groups[0].Columns[c].MetaData)
		}
	}
	if again {
		if err := plain.begin(f.Metadata()); err != nil {
			return nil, parquetError(b, "", err)
		}
	}
	for k, c := range t.kept {
		p := &pages{b: b, leaf: leaves[k]}
		for i, g := range groups {
			t.s.Progress("checking "+t.file, int64(i), int64(len(groups)))
			var err error
			if again {
				err = plain.chunk(p, &g.Columns[c].MetaData, i, c)
			} else {
				err = p.fit(&g.Columns[c].MetaData)
			}
			if err != nil {
				return nil, parquetError(b, t.leaves[c].name, err)
			}
		}
	}
	if !again {
		return f, nil
	}
	f, err := plain.open()
	if err != nil {
		return nil, parquetError(b, "", err)
	}
	return f, nil
}

// unpack writes the rows of a group into the spool.
func (t *parquetTable) unpack(f *parquet.File, g parquet.RowGroup) error {
	var columns []*parquetColumn
	for _, c := range t.kept {
		column := newParquetColumn(g.ColumnChunks()[c], t.leaves[c].depth > 0)
		defer column.close()
		columns = append(columns, column)
	}
	cells, out := make([]leafCell, len(t.kept)), []byte(nil)
	for row := range g.NumRows() {
		if row%4096 == 0 {
			t.s.Progress("unpacking "+t.file, int64(t.rows()), f.NumRows())
		}
		out = out[:0]
		for i, c := range t.kept {
			cells[i].start(t.leaves[c])
			if err := columns[i].row(cells[i].add); err != nil {
				return t.s.Fail(t.file, t.at(t.rows()), "the column "+t.leaves[c].name+" cannot be read: "+data.Cause(err), "it is damaged: fetch it again")
			}
			out = cells[i].finish(out)
		}
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

func (t *parquetTable) name() string      { return t.file }
func (t *parquetTable) naming() naming    { return fixedNames }
func (t *parquetTable) rows() int         { return len(t.offsets) - 1 }
func (t *parquetTable) at(row int) string { return fmt.Sprintf("row %d", row) }

func (t *parquetTable) read(lo, hi, n int, use func(row int, cells []cell) error) error {
	all, cells := make([]cell, len(t.kept)), make([]cell, n)
	var buf []byte
	for lo < hi {
		to := lo + 1
		for to < hi && t.offsets[to+1]-t.offsets[lo] <= chunk {
			to++
		}
		size := int(t.offsets[to] - t.offsets[lo])
		if cap(buf) < size {
			buf = make([]byte, size)
		}
		buf = buf[:size]
		if err := t.b.ReadFull(buf, t.offsets[lo]); err != nil {
			return err
		}
		for base := t.offsets[lo]; lo < to; lo++ {
			decodeCells(all, buf[t.offsets[lo]-base:t.offsets[lo+1]-base])
			for i := range cells {
				if cells[i] = all[t.places[i]]; cells[i].fault != "" {
					return t.s.Fail(t.file, t.at(lo), "the column "+t.leaves[t.kept[t.places[i]]].name+" "+cells[i].fault, "correct or remove the record, or choose others with the option columns")
				}
			}
			if err := use(lo, cells); err != nil {
				return err
			}
		}
	}
	return nil
}
