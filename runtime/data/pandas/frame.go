// Package pandas reads the tables that pandas.DataFrame.to_pickle writes, of pandas 0.14 to 3.
package pandas

import (
	"errors"
	"fmt"
	"strings"

	"mspecc/runtime/pickle"
)

// Frame is a table.
type Frame struct {
	Columns []string
	Rows    int
	columns []column
}

// column is one column: row i is element at + i of an array.
type column struct {
	array *Array
	at    int
}

// errForm is a table that is not laid out as any version of pandas does it.
var errForm = errors.New("is no pickled pandas DataFrame of a known form (pandas 0.14 to 3); write it again with DataFrame.to_pickle")

// Read reads a pickle. Arrays of the table are parts of data where the pickle holds them as bytes.
func Read(data []byte) (*Frame, error) {
	m := &pickle.Machine{Data: data, Call: call}
	v, err := m.Load()
	if err != nil {
		return nil, err
	}
	frame, ok := v.(*pickle.Object)
	if !ok || frame.Class.Name != "DataFrame" {
		return nil, errForm
	}
	manager := managerOf(frame.State)
	if manager == nil || !strings.HasSuffix(manager.Class.Name, "BlockManager") {
		return nil, errForm
	}
	axes, blocks, err := parts(manager)
	if err != nil {
		return nil, err
	}
	if len(axes) != 2 {
		return nil, errForm
	}
	f := &Frame{Rows: -1}
	names, err := labels(axes[0])
	if err != nil {
		return nil, err
	}
	f.Columns = names
	f.columns = make([]column, len(names))
	for _, b := range blocks {
		if err := f.place(b); err != nil {
			return nil, err
		}
	}
	for i, c := range f.columns {
		if c.array == nil {
			return nil, fmt.Errorf("column %q has no values", f.Columns[i])
		}
	}
	return f, nil
}

// managerOf finds the block manager in the state of a DataFrame.
func managerOf(state any) *pickle.Object {
	if d, ok := state.(*pickle.Dict); ok {
		for _, key := range []string{"_mgr", "_data"} {
			if o, ok := d.Get(key).(*pickle.Object); ok {
				return o
			}
		}
	}
	o, _ := state.(*pickle.Object) // before pandas 1.1 the state was the manager itself
	return o
}

// block is some columns of one type.
type block struct{ values, places any }

// parts takes a block manager apart: called with (blocks, axes) since pandas 1.3, and with a
// state (..., {"0.14.1": {axes, blocks}}) before.
func parts(m *pickle.Object) (axes []any, blocks []block, err error) {
	if len(m.Args) == 2 {
		for _, b := range pickle.Items(m.Args[0]) {
			o, ok := b.(*pickle.Object)
			if !ok || len(o.Args) < 2 {
				return nil, nil, errForm
			}
			blocks = append(blocks, block{o.Args[0], o.Args[1]})
		}
		return pickle.Items(m.Args[1]), blocks, nil
	}
	state := pickle.Items(m.State)
	if len(state) < 4 {
		return nil, nil, errForm
	}
	versions, ok := state[3].(*pickle.Dict)
	if !ok {
		return nil, nil, errForm
	}
	inner, ok := versions.Get("0.14.1").(*pickle.Dict)
	if !ok {
		return nil, nil, errForm
	}
	for _, b := range pickle.Items(inner.Get("blocks")) {
		d, ok := b.(*pickle.Dict)
		if !ok {
			return nil, nil, errForm
		}
		blocks = append(blocks, block{d.Get("values"), d.Get("mgr_locs")})
	}
	return pickle.Items(inner.Get("axes")), blocks, nil
}

// plainArray is the NumPy array that a value is or wraps.
func plainArray(v any) (*Array, error) {
	switch v := v.(type) {
	case *Array:
		return v, nil
	case *pickle.Object:
		if d, ok := v.State.(*pickle.Dict); ok && v.Class.Name == "ArrowStringArray" {
			return arrowTexts(d.Get("_pa_array"))
		}
		for _, x := range pickle.Items(v.State) { // NDArrayBacked: (dtype, array), in either order
			if a, ok := x.(*Array); ok {
				return a, nil
			}
		}
		return nil, fmt.Errorf("a column is kept as %s; convert it with astype(object) or astype(float) before to_pickle", v.Class)
	}
	return nil, errForm
}

// labels are the names of an Index.
func labels(index any) ([]string, error) {
	o, ok := index.(*pickle.Object)
	if !ok || len(o.Args) != 2 {
		return nil, errForm
	}
	d, ok := o.Args[1].(*pickle.Dict)
	if !ok {
		return nil, errForm
	}
	var names []string
	if d.Get("data") == nil { // a RangeIndex
		start, okA := d.Get("start").(int64)
		stop, okB := d.Get("stop").(int64)
		if !okA || !okB || stop-start > 1<<20 {
			return nil, errForm
		}
		for i := start; i < stop; i++ {
			names = append(names, fmt.Sprint(i))
		}
		return names, nil
	}
	a, err := plainArray(d.Get("data"))
	if err != nil {
		return nil, err
	}
	for i := range a.Len() {
		names = append(names, fmt.Sprint(a.At(i)))
	}
	return names, nil
}

// place gives a block's rows to the columns that they belong to.
func (f *Frame) place(b block) error {
	a, err := plainArray(b.values)
	if err != nil {
		return err
	}
	if a.Kind == 0 || len(a.Shape) < 1 || len(a.Shape) > 2 {
		return errForm
	}
	rows, count := a.Shape[len(a.Shape)-1], 1
	if len(a.Shape) == 2 {
		count = a.Shape[0]
	}
	if count > len(f.columns) {
		return errForm
	}
	if f.Rows >= 0 && f.Rows != rows {
		return fmt.Errorf("columns have %d and %d rows", f.Rows, rows)
	}
	f.Rows = rows
	places, err := positions(b.places, count)
	if err != nil {
		return err
	}
	for i, p := range places {
		if p < 0 || p >= len(f.columns) {
			return errForm
		}
		f.columns[p] = column{a, i * rows}
	}
	return nil
}

// positions are the columns of a block: a slice or an array of numbers.
func positions(v any, count int) ([]int, error) {
	places := make([]int, 0, min(count, 1<<16))
	switch v := v.(type) {
	case *pickle.Object:
		if v.Class.Name != "slice" || len(v.Args) != 3 {
			return nil, errForm
		}
		start, okA := v.Args[0].(int64)
		stop, okB := v.Args[1].(int64)
		step, okC := v.Args[2].(int64)
		if !okA || !okB || !okC || step < 1 {
			return nil, errForm
		}
		for at := start; at < stop && len(places) <= count; at += step {
			places = append(places, int(at))
		}
	case *Array:
		for i := range v.Len() {
			at, ok := v.At(i).(int64)
			if !ok {
				return nil, errForm
			}
			places = append(places, int(at))
		}
	default:
		return nil, errForm
	}
	if len(places) != count {
		return nil, errForm
	}
	return places, nil
}

// Column is the number of a column; the error lists the columns that are there.
func (f *Frame) Column(names ...string) (int, error) {
	for _, n := range names {
		for i, c := range f.Columns {
			if c == n {
				return i, nil
			}
		}
	}
	return 0, fmt.Errorf("there is no column %s; the columns are %s", strings.Join(names, " or "), strings.Join(f.Columns[:min(len(f.Columns), 20)], ", "))
}

// At is the value in a row and column: an int64, a float64, a bool, a string, nil or an *Array.
func (f *Frame) At(row, column int) any {
	c := f.columns[column]
	return c.array.At(c.at + row)
}

// Float is the value in a row and column as a number; false where it is none.
func (f *Frame) Float(row, column int) (float64, bool) { return number(f.At(row, column)) }
