package embed

import (
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// groupFloats bounds the features of one row group, which are held in memory: 16 MiB.
const groupFloats = 4 << 20

// The rows of the three kinds of tables.
type (
	plainRow struct {
		ID       int64     `parquet:"id"`
		Features []float32 `parquet:"features,list"`
	}
	classRow struct {
		ID       int64     `parquet:"id"`
		Features []float32 `parquet:"features,list"`
		Label    int64     `parquet:"label"`
	}
	numberRow struct {
		ID       int64     `parquet:"id"`
		Features []float32 `parquet:"features,list"`
		Label    float64   `parquet:"label"`
	}
)

// table writes rows of one kind.
type table[R any] struct {
	w     *parquet.GenericWriter[R]
	width int
	rows  []R
	row   func(id int64, x []float32, y float64) R
}

func newParquet(w io.Writer, info Info) (format, error) {
	switch info.Classes {
	case 0:
		return newTable(w, info, func(id int64, x []float32, _ float64) plainRow { return plainRow{id, x} }), nil
	case 1:
		return newTable(w, info, func(id int64, x []float32, y float64) numberRow { return numberRow{id, x, y} }), nil
	}
	return newTable(w, info, func(id int64, x []float32, y float64) classRow { return classRow{id, x, class(y)} }), nil
}

func newTable[R any](w io.Writer, info Info, row func(id int64, x []float32, y float64) R) *table[R] {
	options := []parquet.WriterOption{
		parquet.CreatedBy("mspecc", "", ""),
		parquet.MaxRowsPerRowGroup(int64(max(1, groupFloats/max(1, info.Width)))),
	}
	var keys []string
	for k := range info.Meta {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		options = append(options, parquet.KeyValueMetadata(k, info.Meta[k]))
	}
	return &table[R]{w: parquet.NewGenericWriter[R](w, options...), width: info.Width, row: row}
}

func (t *table[R]) add(first int, x []float32, y []float64) error {
	t.rows = t.rows[:0]
	for i, label := range y {
		t.rows = append(t.rows, t.row(int64(first+i), x[i*t.width:(i+1)*t.width], label))
	}
	_, err := t.w.Write(t.rows)
	return err
}

func (t *table[R]) close() error { return t.w.Close() }
