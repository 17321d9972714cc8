package embed

import (
	"maps"
	"reflect"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// groupFloats bounds the features of one row group, which are held in memory: 16 MiB.
const groupFloats = 4 << 20

// ordered is a group whose fields keep the order in which they are given.
type ordered struct {
	parquet.Group
	names []string
}

func newOrdered() *ordered { return &ordered{Group: parquet.Group{}} }

func (o *ordered) add(name string, n parquet.Node) {
	o.Group[name], o.names = n, append(o.names, name)
}

// Fields are those of the group, in order.
func (o *ordered) Fields() []parquet.Field {
	fields := o.Group.Fields()
	slices.SortFunc(fields, func(a, b parquet.Field) int { return slices.Index(o.names, a.Name()) - slices.Index(o.names, b.Name()) })
	return fields
}

// GoType is none: rows are written value by value, and names may be such that no Go type has them.
func (o *ordered) GoType() reflect.Type { return reflect.TypeFor[struct{}]() }

// table writes rows: id, features, label, and texts.
type table struct {
	w    *parquet.GenericWriter[any]
	info Info
	rows []parquet.Row
	text []string
}

func newParquet(w *file, info Info) (format, error) {
	root := newOrdered()
	root.add("id", parquet.String())
	root.add("features", parquet.List(parquet.Leaf(parquet.FloatType)))
	switch info.Classes {
	case 0:
	case 1:
		root.add("label", parquet.Leaf(parquet.DoubleType))
	default:
		root.add("label", parquet.Leaf(parquet.Int64Type))
	}
	for _, name := range info.texts() {
		root.add(name, parquet.String())
	}
	options := []parquet.WriterOption{
		parquet.NewSchema("features", root), parquet.CreatedBy("mspecc", "", ""),
		parquet.MaxRowsPerRowGroup(int64(max(1, groupFloats/max(1, info.Width)))),
	}
	for _, k := range slices.Sorted(maps.Keys(info.Meta)) {
		options = append(options, parquet.KeyValueMetadata(k, info.Meta[k]))
	}
	return &table{w: parquet.NewGenericWriter[any](w, options...), info: info}, nil
}

func (t *table) add(b *Batch) error {
	t.rows = t.rows[:0]
	for i, label := range b.Y {
		row := parquet.Row{parquet.ByteArrayValue([]byte(b.IDs[i])).Level(0, 0, 0)}
		for k, v := range b.X[i*t.info.Width : (i+1)*t.info.Width] {
			row = append(row, parquet.FloatValue(v).Level(min(k, 1), 1, 1))
		}
		column := 2
		switch {
		case t.info.Classes > 1:
			row = append(row, parquet.Int64Value(class(label)).Level(0, 0, column))
			column++
		case t.info.Classes == 1:
			row = append(row, parquet.DoubleValue(label).Level(0, 0, column))
			column++
		}
		t.text = t.info.row(t.text[:0], b, i)
		for _, text := range t.text {
			row = append(row, parquet.ByteArrayValue([]byte(text)).Level(0, 0, column))
			column++
		}
		t.rows = append(t.rows, row)
	}
	_, err := t.w.WriteRows(t.rows)
	return err
}

func (t *table) close(int) error { return t.w.Close() }
