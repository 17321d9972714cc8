package generic

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"mspecc/runtime/data"
)

// The library (v0.32.0) reads three things as something else, without an error: pages packed with LZ4, of which it drops what it unpacked
// unless that is three times as long; runs of true, of which it takes one for eight; and pieces of a column packed in another way than the
// first. Columns that have any of them are written anew, unpacked, and the library reads that.

// misread says whether the library reads a piece of a column as something else; first is the column's first one.
func misread(leaf parquet.LeafColumn, m, first *format.ColumnMetaData) bool {
	return m.Codec == format.Lz4Raw || m.Codec != first.Codec || leaf.Node.Type().Kind() == parquet.Boolean && slices.Contains(m.Encoding, format.RLE)
}

// plainFile is a Parquet file under way, of pages that are not packed.
type plainFile struct {
	spool *data.Spool
	meta  format.FileMetaData
}

// begin begins the file that stands for another one.
func (f *plainFile) begin(meta *format.FileMetaData) error {
	f.meta = *meta
	f.meta.RowGroups = slices.Clone(meta.RowGroups)
	for i, g := range f.meta.RowGroups {
		f.meta.RowGroups[i].Columns = slices.Clone(g.Columns)
	}
	return f.write([]byte(magic))
}

func (f *plainFile) write(b []byte) error {
	if _, err := f.spool.Write(b); err != nil {
		return fmt.Errorf("cannot be unpacked: %s", data.Cause(err))
	}
	return nil
}

// chunk writes a column of a group of rows, whose pages p checks.
func (f *plainFile) chunk(p *pages, m *format.ColumnMetaData, group, column int) error {
	plain := *m
	plain.Codec, plain.DictionaryPageOffset, plain.DataPageOffset = format.Uncompressed, 0, f.spool.Size()
	p.keep = func(h *format.PageHeader, body []byte) error {
		if body == nil {
			return nil
		}
		h.UncompressedPageSize, h.CompressedPageSize, h.CRC = int32(len(body)), int32(len(body)), 0
		if h.DataPageHeaderV2.Valid {
			h.DataPageHeaderV2.V.IsCompressed = thrift.New(false)
		}
		head, err := thrift.Marshal(&thrift.CompactProtocol{}, h)
		if err != nil {
			return err
		}
		at := f.spool.Size()
		if h.Type == format.DictionaryPage {
			plain.DictionaryPageOffset, plain.DataPageOffset = at, at+int64(len(head)+len(body))
		}
		return f.write(append(head, body...))
	}
	start := f.spool.Size()
	if err := p.fit(m); err != nil {
		return err
	}
	plain.TotalCompressedSize = f.spool.Size() - start
	plain.TotalUncompressedSize = plain.TotalCompressedSize
	f.meta.RowGroups[group].Columns[column].MetaData = plain
	return nil
}

// open ends the file and opens it.
func (f *plainFile) open() (*parquet.File, error) {
	footer, err := thrift.Marshal(&thrift.CompactProtocol{}, &f.meta)
	if err != nil {
		return nil, err
	}
	if err := f.write(append(binary.LittleEndian.AppendUint32(footer, uint32(len(footer))), magic...)); err != nil {
		return nil, err
	}
	return parquet.OpenFile(f.spool, f.spool.Size(), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
}

// magic is at both ends of a Parquet file.
const magic = "PAR1"

// booleans are those of runs of equal or packed ones, each a bit.
func booleans(b []byte) []byte {
	var out []byte
	n := 0
	add := func(bit byte) {
		if n%8 == 0 {
			out = append(out, 0)
		}
		out[n/8] |= bit << (n % 8)
		n++
	}
	for len(b) > 0 {
		head, k := binary.Uvarint(b)
		if b = b[k:]; head&1 == 0 && len(b) > 0 {
			for range head >> 1 {
				add(b[0] & 1)
			}
			b = b[1:]
			continue
		}
		packed := b[:min(head>>1, uint64(len(b)))]
		for _, x := range packed {
			for i := range 8 {
				add(x >> i & 1)
			}
		}
		b = b[len(packed):]
	}
	return out
}
