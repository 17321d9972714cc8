package generic

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/parquet-go/parquet-go"

	"mspecc/runtime/data"
)

// records are a table that is written in every format: float64, int64, string, []float64 or nil for nothing.
type records struct {
	columns []string
	rows    [][]any
}

// writers are the formats of tables, by reader.
var writers = map[string]struct {
	ending string
	write  func(t testing.TB, r records) []byte
}{
	"csv":      {".csv", writeCSV},
	"jsonl":    {".jsonl", writeJSONL},
	"npy":      {".npz", writeNPZ},
	"parquet":  {".parquet", writeParquet},
	"tfrecord": {".tfrecord", writeTFRecord},
}

// folderOf has files of one format, by their names without ending.
func folderOf(t testing.TB, reader string, files map[string]records) fstest.MapFS {
	t.Helper()
	root := fstest.MapFS{}
	for name, r := range files {
		root[name+writers[reader].ending] = &fstest.MapFile{Data: writers[reader].write(t, r)}
	}
	return root
}

func writeCSV(t testing.TB, r records) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(r.columns)
	for _, row := range r.rows {
		var fields []string
		for _, v := range row {
			text := ""
			if v != nil {
				text = fmt.Sprint(v)
			}
			fields = append(fields, text)
		}
		_ = w.Write(fields)
	}
	w.Flush()
	return b.Bytes()
}

func writeJSONL(t testing.TB, r records) []byte {
	var b bytes.Buffer
	for _, row := range r.rows {
		var members []string
		for i, v := range row {
			if v == nil {
				continue // as writers of sparse records leave it out
			}
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			members = append(members, fmt.Sprintf("%q: %s", r.columns[i], text))
		}
		b.WriteString("{" + strings.Join(members, ", ") + "}\n")
	}
	return b.Bytes()
}

// npyBytes is an array of NumPy's.
func npyBytes(descr, shape string, data []byte) []byte {
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }\n", descr, shape)
	return append([]byte("\x93NUMPY\x01\x00"+string([]byte{byte(len(header)), byte(len(header) >> 8)})+header), data...)
}

func writeNPZ(t testing.TB, r records) []byte {
	members := map[string][]byte{}
	for i, name := range r.columns {
		var data []byte
		descr, shape := "<f8", fmt.Sprint(len(r.rows), ",")
		for _, row := range r.rows {
			switch v := row[i].(type) {
			case int64:
				descr = "<i8"
				data = binary.LittleEndian.AppendUint64(data, uint64(v))
			case float64:
				data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
			case nil:
				data = binary.LittleEndian.AppendUint64(data, math.Float64bits(math.NaN()))
			case string:
				descr = "<U8"
				runes := []rune(v)
				for k := range 8 {
					var c rune
					if k < len(runes) {
						c = runes[k]
					}
					data = binary.LittleEndian.AppendUint32(data, uint32(c))
				}
			case []float64:
				shape = fmt.Sprint(len(r.rows), ",", len(v))
				for _, x := range v {
					data = binary.LittleEndian.AppendUint64(data, math.Float64bits(x))
				}
			case [][]float64:
				shape = fmt.Sprint(len(r.rows), ",", len(v), ",", len(v[0]))
				for _, x := range slices.Concat(v...) {
					data = binary.LittleEndian.AppendUint64(data, math.Float64bits(x))
				}
			}
		}
		members[name] = npyBytes(descr, shape, data)
	}
	return npzBytes(t, r.columns, members)
}

// npzBytes is an archive of arrays.
func npzBytes(t testing.TB, order []string, members map[string][]byte) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range order {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(members[name])
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func writeParquet(t testing.TB, r records) []byte {
	var fields []reflect.StructField
	for i, name := range r.columns {
		kind := reflect.TypeFor[float64]()
		for _, row := range r.rows {
			if row[i] != nil {
				kind = reflect.TypeOf(row[i])
			}
		}
		tag := name + ",optional"
		if kind.Kind() == reflect.Slice {
			tag = name + ",list"
		} else {
			kind = reflect.PointerTo(kind)
		}
		fields = append(fields, reflect.StructField{Name: fmt.Sprint("F", i), Type: kind, Tag: reflect.StructTag(fmt.Sprintf("parquet:%q", tag))})
	}
	kind := reflect.StructOf(fields)
	var b bytes.Buffer
	w := parquet.NewWriter(&b, parquet.SchemaOf(reflect.New(kind).Interface()))
	for _, row := range r.rows {
		v := reflect.New(kind)
		for i, x := range row {
			switch {
			case x == nil:
			case reflect.TypeOf(x).Kind() == reflect.Slice:
				v.Elem().Field(i).Set(reflect.ValueOf(x))
			default:
				p := reflect.New(reflect.TypeOf(x))
				p.Elem().Set(reflect.ValueOf(x))
				v.Elem().Field(i).Set(p)
			}
		}
		if err := w.Write(v.Interface()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func writeTFRecord(t testing.TB, r records) []byte {
	var all [][]byte
	for _, row := range r.rows {
		var features, lists []byte
		for i, v := range row {
			var list []byte
			switch v := v.(type) {
			case nil:
				continue
			case int64:
				list = wire(3, binary.AppendUvarint([]byte{1 << 3}, uint64(v)))
			case string:
				list = wire(1, wire(1, []byte(v)))
			case float64:
				list = wire(2, wire(1, binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(v)))))
			case []float64:
				list = floatList(v)
			case [][]float64:
				var features []byte
				for _, x := range v {
					features = append(features, wire(1, floatList(x))...)
				}
				lists = append(lists, wire(1, append(wire(1, []byte(r.columns[i])), wire(2, features)...))...)
				continue
			}
			features = append(features, wire(1, append(wire(1, []byte(r.columns[i])), wire(2, list)...))...)
		}
		record := wire(1, features)
		if lists != nil { // of a SequenceExample
			record = append(record, wire(2, lists)...)
		}
		all = append(all, record)
	}
	return tfRecords(all...)
}

// floatList is a feature of numbers.
func floatList(v []float64) []byte {
	var floats []byte
	for _, x := range v {
		floats = binary.LittleEndian.AppendUint32(floats, math.Float32bits(float32(x)))
	}
	return wire(2, wire(1, floats))
}

// everyReader runs a test for each reader of tables.
func everyReader(t *testing.T, test func(t *testing.T, reader string)) {
	for reader := range writers {
		t.Run(reader, func(t *testing.T) { test(t, reader) })
	}
}

// openError is the error of opening, or nil.
func openError(reader string, root fstest.MapFS, want data.Want, options map[string]string) error {
	_, _, err := data.Open(reader, options, root, "folder", want, data.OpenOptions{Seed: 1})
	return err
}
