package generic

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"mspecc/runtime/data"
)

var npyReader = data.Builtin("npy", openNPYData)

// npzFiles are the files where nothing else is said; .npy files where there are none.
const npzFiles = "*.npz"

// arrays is a table whose columns are arrays.
type arrays struct {
	s    *data.Source
	file string
	all  []*data.Array
	n    int
}

func openNPYData(s *data.Source) (data.Dataset, data.Dataset, error) {
	p, err := newPlan(s)
	if err != nil {
		return nil, nil, err
	}
	names, err := list(s, "files", p.files)
	if err != nil && s.Text("files") == npzFiles {
		if names, err = list(s, "files", []string{"*.npy"}); err == nil {
			return p.openArrays(names, nil)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	if path.Ext(names[0]) == ".npy" {
		var tests []string
		if len(p.test) > 0 {
			if tests, err = list(s, "test", p.test); err != nil {
				return nil, nil, err
			}
		}
		return p.openArrays(names, tests)
	}
	if len(s.List("test_columns")) > 0 {
		return p.openArrays(names, nil)
	}
	return openTables(s, openNPZ)
}

// openArrays opens the arrays of .npy files, or of an .npz file, that are columns of one table,
// or of one for training and one for testing.
func (p *plan) openArrays(names, tests []string) (data.Dataset, data.Dataset, error) {
	s := p.s
	load := func(names []string) (*arrays, error) {
		t := &arrays{s: s, file: names[0]}
		for _, name := range names {
			if path.Ext(name) == ".npz" {
				return openArchive(s, name)
			}
			b, err := s.OpenBlob(name)
			if err != nil {
				return nil, err
			}
			a, err := b.Array(strings.TrimSuffix(path.Base(name), ".npy"))
			if err != nil {
				return nil, err
			}
			t.all = append(t.all, a)
		}
		return t, nil
	}
	all, err := load(names)
	if err != nil {
		return nil, nil, err
	}
	columns, testColumns := p.columns, s.List("test_columns")
	other, testLabel := all, s.Text("test_label")
	switch {
	case len(tests) > 0:
		if other, err = load(tests); err != nil {
			return nil, nil, err
		}
		testColumns, testLabel = columns, p.label
	case len(testColumns) == 0:
		t := *all
		if len(columns) > 0 {
			t.all = all.pick(append(slices.Clone(columns), p.label, p.id, p.by))
		}
		return openNamed(s, p, names[:1], nil, func(*data.Source, *plan, string) (table, error) { return &t, t.align() })
	case len(columns) == 0:
		return nil, nil, s.BadOption("columns", "the arrays of the training examples, as there are test_columns")
	}
	train := &arrays{s: s, file: all.file, all: all.pick(append(slices.Clone(columns), p.label, p.id, p.by))}
	test := &arrays{s: s, file: other.file}
	for i, a := range other.pick(append(slices.Clone(testColumns), testLabel)) {
		renamed := *a
		if i < len(train.all) {
			renamed.Name = train.all[i].Name // the columns of a data set have the same names
		}
		test.all = append(test.all, &renamed)
	}
	p.test = []string{other.file}
	first := true
	return openNamed(s, p, names[:1], []string{other.file}, func(*data.Source, *plan, string) (table, error) {
		if first {
			first = false
			return train, train.align()
		}
		return test, test.align()
	})
}

// pick are the arrays of some names or patterns, in their order.
func (t *arrays) pick(names []string) []*data.Array {
	var out []*data.Array
	for _, n := range names {
		found, _ := match(t.columns(), n)
		for _, i := range found {
			out = append(out, t.all[i])
		}
	}
	return out
}

// align checks that all arrays have the same number of rows.
func (t *arrays) align() error {
	if len(t.all) == 0 {
		return t.s.Fail(t.file, "", "holds no array of the columns wanted", "correct the option columns")
	}
	t.n = t.all[0].Shape[0]
	for _, a := range t.all {
		if a.Shape[0] != t.n {
			return t.s.Fail(t.file, "", fmt.Sprintf("%s has %d rows, %s has %d", t.all[0].Name, t.n, a.Name, a.Shape[0]), "name the arrays that belong together with the options columns and label")
		}
	}
	if t.n == 0 {
		return t.s.Fail(t.file, "", "holds no example", "give arrays with data")
	}
	return nil
}

func openNPZ(s *data.Source, _ *plan, name string) (table, error) {
	t, err := openArchive(s, name)
	if err != nil {
		return nil, err
	}
	return t, t.align()
}

// openArchive opens the arrays of an .npz file.
func openArchive(s *data.Source, name string) (*arrays, error) {
	b, err := s.OpenBlob(name)
	if err != nil {
		return nil, err
	}
	all, err := b.Arrays()
	return &arrays{s: s, file: name, all: all}, err
}

func (t *arrays) name() string      { return t.file }
func (t *arrays) rows() int         { return t.n }
func (t *arrays) at(row int) string { return fmt.Sprintf("row %d", row) }
func (t *arrays) columns() []string {
	var names []string
	for _, a := range t.all {
		names = append(names, a.Name)
	}
	return names
}

func (t *arrays) read(lo, hi int, columns []int, use func(row int, cells []cell) error) error {
	cells := make([]cell, len(columns))
	bufs, size := make([][]byte, len(columns)), make([]int, len(columns))
	for i, c := range columns {
		size[i] = t.all[c].PerRow() * t.all[c].Size
	}
	for lo < hi {
		to := hi
		for _, n := range size {
			to = min(to, lo+max(1, chunk/n))
		}
		for i, c := range columns {
			n := (to - lo) * size[i]
			if cap(bufs[i]) < n {
				bufs[i] = make([]byte, n)
			}
			bufs[i] = bufs[i][:n]
			if err := t.all[c].ReadFull(bufs[i], int64(lo)*int64(size[i])); err != nil {
				return err
			}
		}
		for first := lo; lo < to; lo++ {
			for i, c := range columns {
				arrayCell(&cells[i], t.all[c], bufs[i][(lo-first)*size[i]:][:size[i]])
			}
			if err := use(lo, cells); err != nil {
				return err
			}
		}
	}
	return nil
}

// arrayCell makes a row's elements a cell.
func arrayCell(c *cell, a *data.Array, raw []byte) {
	switch a.Kind {
	case 'U':
		var text []byte
		for ; len(raw) >= 4; raw = raw[4:] {
			if r := rune(a.Order.Uint32(raw)); r != 0 {
				text = append(text, string(r)...)
			}
		}
		*c = cell{text: text}
		return
	case 'S':
		*c = cell{text: bytes.TrimRight(raw, "\x00")}
		return
	}
	if c.numbers == nil {
		c.numbers = make([]float64, 0, len(raw)/a.Size)
	}
	c.numbers = c.numbers[:0]
	for ; len(raw) > 0; raw = raw[a.Size:] {
		c.numbers = append(c.numbers, a.Number(raw))
	}
}
