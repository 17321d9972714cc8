package generic

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"slices"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"

	"mspecc/runtime/data"
	"mspecc/runtime/data/filetype"
)

// The library takes as much memory as a file asks for: for the lists of the footer, for a page, for
// what a page unpacks to, and for the runs of equal values in it. So all of these are looked at
// first, and a file that asks for more than it can hold is refused.

const (
	maxFooter     = 64 << 20
	maxPage       = 256 << 20 // bytes that a page unpacks to
	maxPageValues = 1 << 26
	maxPageHeader = 16 << 20
)

// plainDictionary is what older writers call a dictionary and the indexes into it.
const plainDictionary format.Encoding = 2

// footerFits checks the footer of a Parquet file.
func footerFits(b *data.Blob) error {
	var tail [8]byte
	if b.Size < 12 {
		return errThriftShort
	}
	if err := b.ReadFull(tail[:], b.Size-8); err != nil {
		return err
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if string(tail[4:]) != "PAR1" {
		return errors.New("does not end with PAR1")
	}
	if n > b.Size-12 || n > maxFooter {
		return fmt.Errorf("says its footer has %d bytes, the file has %d", n, b.Size)
	}
	footer := make([]byte, n)
	if err := b.ReadFull(footer, b.Size-8-n); err != nil {
		return err
	}
	_, structs, err := thriftStruct(footer)
	if err == nil && structs > 16+int(n)/6 {
		err = fmt.Errorf("lists %d things in %d bytes", structs, n)
	}
	if err != nil {
		return fmt.Errorf("has a footer that %w", err)
	}
	return nil
}

// pages checks the pages of column chunks.
type pages struct {
	b        *data.Blob
	leaf     parquet.LeafColumn
	codec    format.CompressionCodec
	raw, buf []byte
	zstd     *zstd.Decoder
	keep     func(h *format.PageHeader, plain []byte) error // takes the pages unpacked, nil where nobody wants them
}

// fit checks all pages of a column chunk.
func (p *pages) fit(m *format.ColumnMetaData) error {
	at := m.DataPageOffset
	if m.DictionaryPageOffset != 0 {
		at = m.DictionaryPageOffset
	}
	if at < 0 || m.TotalCompressedSize < 0 || at > p.b.Size || m.TotalCompressedSize > p.b.Size-at {
		return fmt.Errorf("has pages of %d bytes from byte %d on, the file has %d", m.TotalCompressedSize, at, p.b.Size)
	}
	p.codec = m.Codec
	for end := at + m.TotalCompressedSize; at < end; {
		h, n, err := p.header(at, end)
		if err != nil {
			return fmt.Errorf("has a page at byte %d whose header %w", at, err)
		}
		packed := int64(h.CompressedPageSize)
		if at += n; packed < 0 || packed > end-at {
			return fmt.Errorf("has a page of %d bytes at byte %d, where %d follow", packed, at, end-at)
		}
		if int64(cap(p.raw)) < packed {
			p.raw = make([]byte, packed)
		}
		p.raw = p.raw[:packed]
		if err := p.b.ReadFull(p.raw, at); err != nil {
			return err
		}
		if h.CRC != 0 && crc32.ChecksumIEEE(p.raw) != uint32(h.CRC) {
			return fmt.Errorf("has a page at byte %d that is not what its checksum was made of", at)
		}
		plain, err := p.page(h)
		if err != nil {
			return fmt.Errorf("has a page at byte %d that %w", at, err)
		}
		if p.keep != nil {
			if err := p.keep(h, plain); err != nil {
				return err
			}
		}
		at += packed
	}
	return nil
}

// header reads a page's header and its length.
func (p *pages) header(at, end int64) (*format.PageHeader, int64, error) {
	for size := int64(1 << 10); ; size *= 8 {
		size = min(size, end-at, maxPageHeader)
		text := make([]byte, size)
		if err := p.b.ReadFull(text, at); err != nil {
			return nil, 0, err
		}
		n, structs, err := thriftStruct(text)
		if errors.Is(err, errThriftShort) && size < min(end-at, maxPageHeader) {
			continue
		}
		if err == nil && structs > 0 {
			err = errThrift // a page's header has no lists
		}
		h := &format.PageHeader{}
		if err == nil {
			err = thrift.Unmarshal(&thrift.CompactProtocol{}, text[:n], h)
		}
		return h, int64(n), err
	}
}

// page checks what lies in a page, in p.raw, and gives it unpacked: the levels and the values. Booleans in runs become single ones.
func (p *pages) page(h *format.PageHeader) (plain []byte, err error) {
	size := int(h.UncompressedPageSize)
	if size < 0 || size > maxPage {
		return nil, filetype.Unread("write it with smaller pages, or fetch the damaged file again", "unpacks to %d bytes, expected at most %d", size, maxPage)
	}
	// Runs of equal values take next to no room, so many values are believed of few bytes, but not any number.
	values := func(n int32) error {
		if n < 0 || int64(n) > min(maxPageValues, 1<<20+64*int64(size)) {
			return fmt.Errorf("says it has %d values in %d bytes", n, size)
		}
		return nil
	}
	switch {
	case h.Type == format.DictionaryPage && h.DictionaryPageHeader.Valid:
		d := h.DictionaryPageHeader.V
		if err := values(d.NumValues); err != nil {
			return nil, err
		}
		if plain, err = p.unpack(p.raw, size, true); err != nil {
			return nil, err
		}
		if d.Encoding == plainDictionary {
			d.Encoding = format.Plain // of a dictionary itself, this is what the name stands for
		}
		return plain, p.values(plain, d.Encoding, int(d.NumValues))
	case h.Type == format.DataPage && h.DataPageHeader.Valid:
		d := &h.DataPageHeader.V
		if err := values(d.NumValues); err != nil {
			return nil, err
		}
		if plain, err = p.unpack(p.raw, size, true); err != nil {
			return nil, err
		}
		body := plain
		for _, levels := range []int{p.leaf.MaxRepetitionLevel, p.leaf.MaxDefinitionLevel} {
			if levels == 0 {
				continue
			}
			if len(body) < 4 || uint64(binary.LittleEndian.Uint32(body)) > uint64(len(body)-4) {
				return nil, errThriftShort
			}
			n := int(binary.LittleEndian.Uint32(body))
			if err := runs(body[4:4+n], bits.Len(uint(levels)), int(d.NumValues)); err != nil {
				return nil, err
			}
			body = body[4+n:]
		}
		return p.single(plain[:len(plain)-len(body)], body, &d.Encoding, int(d.NumValues))
	case h.Type == format.DataPageV2 && h.DataPageHeaderV2.Valid:
		d := &h.DataPageHeaderV2.V
		if err := values(d.NumValues); err != nil {
			return nil, err
		}
		body := p.raw
		for _, part := range []struct{ levels, size int }{{p.leaf.MaxRepetitionLevel, int(d.RepetitionLevelsByteLength)}, {p.leaf.MaxDefinitionLevel, int(d.DefinitionLevelsByteLength)}} {
			if part.size < 0 || part.size > len(body) {
				return nil, errThriftShort
			}
			if err := runs(body[:part.size], bits.Len(uint(part.levels)), int(d.NumValues)); err != nil && part.levels > 0 {
				return nil, err
			}
			body, size = body[part.size:], size-part.size
		}
		levels := p.raw[:len(p.raw)-len(body)]
		if body, err = p.unpack(body, size, !d.IsCompressed.Valid || d.IsCompressed.V); err != nil {
			return nil, err
		}
		return p.single(levels, body, &d.Encoding, int(d.NumValues))
	}
	return nil, nil // the library passes over others
}

// single checks values and gives levels and values together, where somebody wants them: booleans as single ones.
func (p *pages) single(levels, body []byte, encoding *format.Encoding, n int) ([]byte, error) {
	if err := p.values(body, *encoding, n); err != nil {
		return nil, err
	}
	switch {
	case p.keep == nil && *encoding == format.RLE:
		return nil, errors.New("has booleans in runs, of which its footer does not tell")
	case p.keep == nil:
		return nil, nil
	}
	if *encoding == format.RLE {
		body, *encoding = booleans(body[4:][:binary.LittleEndian.Uint32(body)]), format.Plain
	}
	return append(slices.Clone(levels), body...), nil
}

// unpack decompresses a page, which must give so many bytes.
func (p *pages) unpack(raw []byte, size int, packed bool) (body []byte, err error) {
	if size < 0 {
		return nil, errThriftShort
	}
	if p.codec == format.Uncompressed || !packed {
		if len(raw) != size {
			return nil, fmt.Errorf("has %d bytes, its header says %d", len(raw), size)
		}
		return raw, nil
	}
	if len(raw) == 0 && size == 0 {
		return []byte{}, nil
	}
	if cap(p.buf) < size+1 { // one more shows that there is more
		p.buf = make([]byte, size+1)
	}
	room := p.buf[:size+1]
	n := 0
	stream := func(r io.Reader, e error) {
		if err = e; err == nil {
			n, err = io.ReadFull(r, room)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = nil
		}
	}
	switch p.codec {
	case format.Snappy:
		if n, err = snappy.DecodedLen(raw); err == nil && n == size {
			_, err = snappy.Decode(room, raw)
		}
	case format.Gzip:
		z, e := gzip.NewReader(bytes.NewReader(raw))
		stream(z, e)
	case format.Brotli:
		stream(brotli.NewReader(bytes.NewReader(raw)), nil)
	case format.Lz4Raw:
		n, err = lz4.UncompressBlock(raw, room)
	case format.Zstd:
		if p.zstd == nil {
			if p.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPage+1), zstd.WithDecodeAllCapLimit(true)); err != nil {
				return nil, err
			}
		}
		var out []byte
		out, err = p.zstd.DecodeAll(raw, room[:0])
		n = len(out)
	default:
		return nil, filetype.Unread("write it with zstd", "is compressed with %v, which is not read", p.codec)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot be unpacked (%w)", err)
	}
	if n != size {
		return nil, fmt.Errorf("unpacks to other than the %d bytes that its header says", size)
	}
	return room[:size], nil
}

// values checks that encoded values do not become more than the page says.
func (p *pages) values(body []byte, encoding format.Encoding, n int) error {
	if t := p.leaf.Node.Type(); t.Kind() == parquet.FixedLenByteArray && t.Length() > maxPage/max(1, n) {
		return fmt.Errorf("has %d texts of %d bytes", n, t.Length())
	}
	switch encoding {
	case plainDictionary, format.RLEDictionary:
		if len(body) == 0 {
			return nil
		}
		return runs(body[1:], int(body[0]), n)
	case format.RLE: // booleans
		if len(body) < 4 || uint64(binary.LittleEndian.Uint32(body)) > uint64(len(body)-4) {
			return errThriftShort
		}
		return runs(body[4:][:binary.LittleEndian.Uint32(body)], 1, n)
	case format.DeltaBinaryPacked, format.DeltaLengthByteArray:
		return deltas(body, n)
	case format.DeltaByteArray:
		return prefixes(body, n)
	}
	return nil // the values lie there one by one
}

// runs checks the lengths of runs of equal or of packed values (the format's RLE), n values in all.
func runs(b []byte, width, n int) error {
	if width > 32 {
		return errThrift
	}
	total := 0
	for len(b) > 0 {
		head, k := binary.Uvarint(b)
		if k <= 0 || head>>1 > maxPageValues {
			return errThrift
		}
		b = b[k:]
		count, size := int(head>>1), (width+7)/8
		if head&1 == 1 {
			size = count * width
			count *= 8
		}
		// The last packed values are filled up; and some writers pad with zeros.
		if total += count; total > n+1024 {
			return fmt.Errorf("has more than the %d values that its header says", n)
		}
		b = b[min(len(b), size):]
	}
	return nil
}

// deltas checks the number of values in the header of the format's delta encoding.
func deltas(b []byte, n int) error {
	for field := range 3 {
		v, k := binary.Uvarint(b)
		if k <= 0 {
			return errThriftShort
		}
		if field == 2 && v > uint64(n) {
			return fmt.Errorf("has %d values, its header says %d", v, n)
		}
		b = b[k:]
	}
	return nil
}

// prefixes checks texts of which each repeats the beginning of the one before it.
func prefixes(b []byte, n int) error {
	if err := deltas(b, n); err != nil {
		return err
	}
	lengths, err := new(delta.BinaryPackedEncoding).DecodeInt32(nil, b)
	if err != nil {
		return err
	}
	total := int64(len(b))
	for _, v := range lengths {
		if total += int64(v); v < 0 || total > maxPage {
			return filetype.Unread("cut them, or fetch the damaged file again", "has texts of more than %d bytes", maxPage)
		}
	}
	return nil
}
