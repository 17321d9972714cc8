package generic

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"mspecc/internal/fuzzing"
	"mspecc/runtime/data"
)

// measurement is a row of the files below.
type measurement struct {
	A float64
	B float64  `parquet:",dict"`
	C int64    `parquet:",delta"`
	D *float64 `parquet:",optional"`
	L []float64
}

// Files of every compression and both versions of pages are believed and read.
func TestSoundParquet(t *testing.T) {
	var rows []measurement
	for i := range 3000 {
		v := float64(i)
		rows = append(rows, measurement{A: v, B: float64(i / 1000), C: int64(i), D: &v, L: []float64{v, 1}})
		if i == 7 {
			rows[i].D = nil
		}
	}
	for _, codec := range []struct {
		name string
		with parquet.WriterOption
	}{
		{"none", parquet.Compression(&parquet.Uncompressed)}, {"snappy", parquet.Compression(&parquet.Snappy)}, {"gzip", parquet.Compression(&parquet.Gzip)},
		{"brotli", parquet.Compression(&parquet.Brotli)}, {"zstd", parquet.Compression(&parquet.Zstd)}, {"lz4", parquet.Compression(&parquet.Lz4Raw)},
	} {
		for version := 1; version <= 2; version++ {
			var b bytes.Buffer
			w := parquet.NewGenericWriter[measurement](&b, codec.with, parquet.DataPageVersion(version), parquet.PageBufferSize(2000))
			if _, err := w.Write(rows); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			got, _ := read(t, "parquet", fstest.MapFS{"a.parquet": file(b.String())}, row(6), map[string]string{"columns": "A,B,C,D,L*", "missing": "zero", "split": "last", "test_fraction": "0.1"})
			if len(got.train) != 2700 || got.train[7] != "[7 0 7 0 7 1] [0]" || got.train[2699] != "[2699 2 2699 2699 2699 1] [0]" {
				t.Errorf("%s, version %d: %d rows, %s", codec.name, version, len(got.train), got.train[7])
			}
		}
	}
}

// Columns that the library would read as something else: packed with LZ4 though they hardly can be, booleans in runs, with gaps and in lists, and
// groups that are packed in two ways. pyarrow wrote the file: testdata/misread.py.
func TestMisreadParquet(t *testing.T) {
	raw, err := os.ReadFile("testdata/misread.parquet")
	if err != nil {
		t.Fatal(err)
	}
	is := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	check := func(name string, raw []byte) {
		for column, want := range map[string]func(i int) any{
			"x":    func(i int) any { return float32(float64(i*2654435761%(1<<32)) / 7) },
			"z":    func(i int) any { return float32(float64(i*2654435761%(1<<32)) / 7) },
			"run":  func(i int) any { return is(i%100 < 37) },
			"gap":  func(i int) any { return is(i%5 != 0 && i%90 < 60) },
			"list": func(i int) any { return fmt.Sprint(is(i%41 < 30), is(i%3 == 0)) },
		} {
			got, _ := read(t, "parquet", fstest.MapFS{"a.parquet": {Data: raw}}, row(1+is(column == "list")), map[string]string{"columns": column, "missing": "zero", "split": "last", "test_fraction": "0.1"})
			all := append(got.train, got.test...)
			if len(all) != 700 {
				t.Errorf("%s, %s: %d rows", name, column, len(all))
			}
			for i, got := range all {
				if want := fmt.Sprintf("[%v] [0]", want(i)); got != want {
					t.Errorf("%s, %s: row %d is %s, expected %s", name, column, i, got, want)
					break
				}
			}
		}
	}
	check("as written", raw)
	// The first group's columns are unpacked behind the others, which stay packed.
	if _, _, err := data.Open("probe", nil, fstest.MapFS{"a.csv": {Data: raw}}, "folder", row(1), data.OpenOptions{}); err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(probed, probed.Size)
	if err != nil {
		t.Fatal(err)
	}
	mixed := &plainFile{spool: probed.Source.NewSpool()}
	if err := errors.Join(mixed.begin(f.Metadata()), mixed.write(raw[len(magic):])); err != nil {
		t.Fatal(err)
	}
	for c, path := range f.Schema().Columns() {
		leaf, _ := f.Schema().Lookup(path...)
		if err := mixed.chunk(&pages{b: probed, leaf: leaf}, &f.Metadata().RowGroups[0].Columns[c].MetaData, 0, c); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := mixed.open(); err != nil {
		t.Fatal(err)
	}
	both := make([]byte, mixed.spool.Size())
	if _, err := mixed.spool.ReadAt(both, 0); err != nil {
		t.Fatal(err)
	}
	check("the first group unpacked", both)
	// Pages are held against their checksums.
	damaged := bytes.Clone(raw)
	damaged[200] ^= 1
	refused(t, "parquet", fstest.MapFS{"a.parquet": {Data: damaged}}, row(1), map[string]string{"columns": "x"}, "a.parquet, column x", "checksum")
}

// bomb is a Parquet file of one column with one page, of which everything can be said.
func bomb(t *testing.T, codec format.CompressionCodec, h format.PageHeader, body []byte) []byte {
	t.Helper()
	if h.CompressedPageSize == 0 {
		h.CompressedPageSize = int32(len(body))
	}
	p := &thrift.CompactProtocol{}
	head, err := thrift.Marshal(p, &h)
	if err != nil {
		t.Fatal(err)
	}
	out := append([]byte("PAR1"), append(head, body...)...)
	size := int64(len(out) - 4)
	meta := &format.FileMetaData{Version: 1, NumRows: 4,
		Schema: []format.SchemaElement{{Name: "root", NumChildren: thrift.New(int32(1))}, {Name: "x", Type: thrift.New(format.Double), RepetitionType: thrift.New(format.Required)}},
		RowGroups: []format.RowGroup{{NumRows: 4, TotalByteSize: size, Columns: []format.ColumnChunk{{MetaData: format.ColumnMetaData{Type: format.Double,
			Encoding: []format.Encoding{format.Plain}, PathInSchema: []string{"x"}, Codec: codec, NumValues: 4, TotalUncompressedSize: size, TotalCompressedSize: size, DataPageOffset: 4}}}}}}
	footer, err := thrift.Marshal(p, meta)
	if err != nil {
		t.Fatal(err)
	}
	return endParquet(out, footer)
}

func endParquet(out, footer []byte) []byte {
	out = append(out, footer...)
	return append(binary.LittleEndian.AppendUint32(out, uint32(len(footer))), "PAR1"...)
}

func dataPage(size, values int32, encoding format.Encoding) format.PageHeader {
	return format.PageHeader{Type: format.DataPage, UncompressedPageSize: size, DataPageHeader: thrift.New(format.DataPageHeader{NumValues: values, Encoding: encoding,
		DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE})}
}

// Whatever a Parquet file says that it holds, it takes no more memory than it could.
func TestParquetBombs(t *testing.T) {
	var packed bytes.Buffer
	z, err := zstd.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	for range 1 << 10 {
		_, _ = z.Write(make([]byte, 1<<16))
	}
	z.Close()
	runOf := func(n uint64) []byte {
		return append([]byte{32}, append(binary.AppendUvarint(nil, n<<1), 0, 0, 0, 0)...)
	}
	deltaOf := func(n uint64) []byte {
		b := binary.AppendUvarint(binary.AppendUvarint(nil, 128), 4)
		return append(binary.AppendUvarint(b, n), 0)
	}
	lists := append([]byte{0x15, 2, 0x29, 0xfc}, binary.AppendUvarint(nil, 1<<31-1)...) // FileMetaData: version, then a schema of so many elements
	many := append(append([]byte{0x15, 2, 0x29, 0xfc}, binary.AppendUvarint(nil, 1<<20)...), make([]byte, 1<<20+1)...)
	deep := bytes.Repeat([]byte{0x1c}, 1<<20)
	for name, c := range map[string]struct {
		file  []byte
		parts string
	}{
		"a sound one":        {bomb(t, format.Uncompressed, dataPage(32, 4, format.Plain), make([]byte, 32)), ""},
		"unpacked size":      {bomb(t, format.Gzip, dataPage(1<<31-1, 4, format.Plain), []byte("x")), "unpacks to 2147483647 bytes"},
		"packed size":        {bomb(t, format.Gzip, format.PageHeader{Type: format.DataPage, UncompressedPageSize: 32, CompressedPageSize: 1 << 30}, []byte("x")), "has a page of 1073741824 bytes"},
		"values":             {bomb(t, format.Uncompressed, dataPage(32, 1<<31-1, format.Plain), make([]byte, 32)), "says it has 2147483647 values in 32 bytes"},
		"zstd":               {bomb(t, format.Zstd, dataPage(32, 4, format.Plain), packed.Bytes()), "cannot be unpacked"},
		"snappy":             {bomb(t, format.Snappy, dataPage(32, 4, format.Plain), binary.AppendUvarint(nil, 1<<31)), "unpacks to other than the 32 bytes"},
		"lz4":                {bomb(t, format.Lz4Raw, dataPage(32, 4, format.Plain), []byte{0xff, 1, 2}), "cannot be unpacked"},
		"a run of indexes":   {bomb(t, format.Uncompressed, dataPage(int32(len(runOf(1<<30))), 4, format.RLEDictionary), runOf(1<<30)), "is damaged"},
		"a smaller run":      {bomb(t, format.Uncompressed, dataPage(int32(len(runOf(1<<25))), 4, format.RLEDictionary), runOf(1<<25)), "more than the 4 values"},
		"deltas":             {bomb(t, format.Uncompressed, dataPage(int32(len(deltaOf(1<<30))), 4, format.DeltaBinaryPacked), deltaOf(1<<30)), "has 1073741824 values"},
		"a list of the end":  {endParquet([]byte("PAR1"), append(lists, make([]byte, 100)...)), "footer that ends too early"},
		"empty things":       {endParquet([]byte("PAR1"), many), "footer that lists"},
		"things in things":   {endParquet([]byte("PAR1"), deep), "footer that is damaged"},
		"a footer too long":  {append([]byte("PAR1xxxxxxxx"), append(binary.LittleEndian.AppendUint32(nil, 1<<31), "PAR1"...)...), "says its footer has"},
		"no end":             {[]byte("PAR1xxxxxxxxxxxxxxxx"), "does not end with PAR1"},
		"pages that overlap": {bomb(t, format.Uncompressed, format.PageHeader{Type: format.IndexPage, UncompressedPageSize: 5, CompressedPageSize: 5}, []byte{1}), "where 1 follow"},
	} {
		root := fstest.MapFS{"a.parquet": &fstest.MapFile{Data: c.file}}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := data.Open("parquet", map[string]string{"test_fraction": "0.5"}, root, "folder", row(1), data.OpenOptions{})
		runtime.ReadMemStats(&after)
		if c.parts == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.parts) || !strings.Contains(err.Error(), "folder/a.parquet") {
			t.Errorf("%s: %v, expected %q", name, err, c.parts)
		}
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 64<<20 {
			t.Errorf("%s: takes %d MiB", name, taken>>20)
		}
	}
}

// Rows whose values and texts lie in many pages and groups, of which a column that nobody wants is damaged.
func TestParquetPages(t *testing.T) {
	type record struct {
		Y      string    `parquet:"y,zstd"`
		V      []float64 `parquet:"v,list"`
		Unread int64     `parquet:"unread,zstd"`
	}
	var b bytes.Buffer
	w := parquet.NewGenericWriter[record](&b, parquet.PageBufferSize(100), parquet.MaxRowsPerRowGroup(300))
	var want []string
	for i := range 1000 {
		r := record{Y: strings.Repeat("ä", 1+i%2), V: []float64{float64(i), float64(i) / 2, -1}, Unread: int64(i)}
		if _, err := w.Write([]record{r}); err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("[%v %v -1] [%d]", float32(i), float32(i)/2, i%2))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	raw := b.Bytes()
	f, err := parquet.OpenFile(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	unread := f.Metadata().RowGroups[0].Columns[2].MetaData
	clear(raw[unread.DataPageOffset:][:unread.TotalCompressedSize])
	root := fstest.MapFS{"a.parquet": &fstest.MapFile{Data: raw}}
	got, _ := read(t, "parquet", root, row(3), map[string]string{"label": "y", "columns": "v", "split": "last"})
	equal(t, "rows", append(got.train, got.test...), want)
	refused(t, "parquet", root, row(3), map[string]string{"label": "y", "columns": "unread"}, "a.parquet, column unread", "no sound Parquet file")
}

// What Thrift's structures say of their lengths is held against what is there.
func FuzzThrift(f *testing.F) {
	h := dataPage(32, 4, format.Plain)
	b, err := thrift.Marshal(&thrift.CompactProtocol{}, &h)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	fuzzing.Bound(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		n, structs, err := thriftStruct(b)
		if n > len(b) || structs > len(b)*16 {
			t.Fatal(n, structs)
		}
		if err != nil {
			return
		}
		var again format.PageHeader
		_ = thrift.Unmarshal(&thrift.CompactProtocol{}, b[:n], &again)
		if _, _, err := thriftStruct(b[:max(0, n-1)]); err == nil {
			t.Fatalf("%x ends before its end", b[:n])
		}
	})
}
