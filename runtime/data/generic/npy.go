package generic

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"mspecc/runtime/data"
	"mspecc/runtime/data/filetype"
)

var npyReader = data.Builtin("npy", openNPYData)

// npzFiles are the files where nothing else is said; .npy files where there are none.
const npzFiles = "*.npz"

// arrays is a table whose columns are arrays. Those that nobody wants are not looked at.
type arrays struct {
	s    *data.Source
	file string
	all  []member
	as   []string // names of the columns where they are not those of the arrays
	want []*data.Array
	n    int
}

// member is an array of a table.
type member struct {
	name string
	open func() (*data.Array, error)
}

func openNPYData(s *data.Source) (data.Dataset, data.Dataset, error) {
	p, err := newPlan(s)
	if err != nil {
		return nil, nil, err
	}
	names, err := list(s, "files", p.files, filetype.Table)
	if err != nil && s.Text("files") == npzFiles {
		if names, err = list(s, "files", []string{"*.npy"}, filetype.Table); err != nil {
			return nil, nil, err
		}
	}
	if err != nil {
		return nil, nil, err
	}
	var tests []string
	if len(p.test) > 0 {
		if names, tests, err = p.apart(names); err != nil {
			return nil, nil, err
		}
	}
	kinds := map[string]bool{}
	for _, name := range append(slices.Clone(names), tests...) {
		kinds[path.Ext(name)] = true
	}
	switch {
	case len(kinds) > 1 && kinds[".npy"]:
		return nil, nil, s.BadOption("files", "either .npy files, which are the columns of one table, or .npz files, which are tables")
	case kinds[".npy"]:
		return p.openFiles(names, tests)
	case len(s.List("test_columns")) > 0:
		return p.openParts(names, func(name string) (*arrays, error) { return openArchive(s, name) })
	}
	return openNamed(s, p, names, tests, openNPZ)
}

// openFiles opens .npy files that are the columns of one table, or of one for training and one for testing.
func (p *plan) openFiles(names, tests []string) (data.Dataset, data.Dataset, error) {
	s := p.s
	load := func(names []string) *arrays {
		t := &arrays{s: s, file: names[0]}
		for _, name := range names {
			column := strings.TrimSuffix(path.Base(name), ".npy")
			t.all = append(t.all, member{column, func() (*data.Array, error) {
				b, err := s.OpenBlob(name)
				if err != nil {
					return nil, err
				}
				return b.Array(column)
			}})
		}
		return t
	}
	switch {
	case len(s.List("test_columns")) > 0:
		return p.openParts(names[:1], func(string) (*arrays, error) { return load(names), nil })
	case len(tests) == 0:
		return openNamed(s, p, names[:1], nil, func(*data.Source, *plan, string) (table, error) { return load(names), nil })
	}
	train, test := load(names), load(tests)
	if len(names) == 1 && len(tests) == 1 { // x_train.npy and x_test.npy are the same column
		test.as = []string{train.all[0].name}
	}
	return openNamed(s, p, names[:1], tests[:1], func(_ *data.Source, _ *plan, name string) (table, error) {
		if name == names[0] {
			return train, nil
		}
		return test, nil
	})
}

// openParts opens tables that have arrays for training and, named by the options test_columns and test_label, for testing.
func (p *plan) openParts(names []string, load func(name string) (*arrays, error)) (data.Dataset, data.Dataset, error) {
	s := p.s
	columns, tests := p.columns, s.List("test_columns")
	if len(columns) == 0 {
		return nil, nil, s.BadOption("columns", "the arrays of the training examples, as there are test_columns")
	}
	if len(columns) != len(tests) {
		return nil, nil, s.BadOption("test_columns", fmt.Sprintf("as many names as the option columns has, %d", len(columns)))
	}
	label := s.Text("test_label")
	if (label == "") != (p.label == "") {
		return nil, nil, s.BadOption("test_label", "an array where there is a label, and none where there is not")
	}
	// The files are opened twice: for their training examples and, under the same names, for those for testing.
	opened := map[string]bool{}
	p.test = names
	return openNamed(s, p, names, names, func(_ *data.Source, _ *plan, name string) (table, error) {
		t, err := load(name)
		if err != nil || !opened[name] {
			opened[name] = true
			return t, err
		}
		var all []member
		for i, wanted := range append(slices.Clone(tests), label) {
			k := slices.IndexFunc(t.all, func(m member) bool { return m.name == wanted })
			if wanted == "" {
				continue
			}
			if k < 0 {
				return nil, s.Fail(name, "", fmt.Sprintf("has no column %q; its columns are %s", wanted, listed(namesOf(t.columns()))), "correct the options test_columns and test_label")
			}
			all, t.as = append(all, t.all[k]), append(t.as, append(slices.Clone(columns), p.label)[i])
		}
		t.all = all
		return t, nil
	})
}

func openNPZ(s *data.Source, _ *plan, name string) (table, error) { return openArchive(s, name) }

// openArchive opens an .npz file.
func openArchive(s *data.Source, name string) (*arrays, error) {
	b, err := s.OpenBlob(name)
	if err != nil {
		return nil, err
	}
	members, err := b.Members()
	if err != nil {
		return nil, err
	}
	t := &arrays{s: s, file: name}
	for _, m := range members {
		t.all = append(t.all, member{m.Name, m.Array})
	}
	return t, nil
}

func (t *arrays) name() string      { return t.file }
func (t *arrays) naming() naming    { return fixedNames }
func (t *arrays) rows() int         { return t.n }
func (t *arrays) at(row int) string { return fmt.Sprintf("row %d", row) }

func (t *arrays) columns() []column {
	all := make([]column, len(t.all))
	for i, m := range t.all {
		if all[i] = (column{name: m.name}); t.as != nil {
			all[i].name = t.as[i]
		}
	}
	return all
}

// bind opens the arrays wanted, which must have the same number of rows.
func (t *arrays) bind(columns []int) ([]declared, error) {
	told := make([]declared, len(columns))
	for i, c := range columns {
		a, err := t.all[c].open()
		if err != nil {
			return nil, err
		}
		if t.want = append(t.want, a); a.Shape[0] != t.want[0].Shape[0] {
			return nil, t.s.Fail(t.file, "", fmt.Sprintf("%s has %d rows, %s has %d", t.want[0].Name, t.want[0].Shape[0], a.Name, a.Shape[0]), "name the arrays that belong together with the options columns and label")
		}
		told[i] = declared{a.Element(), a.Shape[1:]}
	}
	t.n = t.want[0].Shape[0]
	return told, nil
}

func (t *arrays) read(lo, hi, n int, use func(row int, cells []cell) error) error {
	cells, bufs, size := make([]cell, n), make([][]byte, n), make([]int, n)
	for i, a := range t.want[:n] {
		size[i] = a.PerRow() * a.Size
	}
	for lo < hi {
		to := hi
		for _, n := range size {
			to = min(to, lo+max(1, chunk/n))
		}
		for i, a := range t.want[:n] {
			n := (to - lo) * size[i]
			if cap(bufs[i]) < n {
				bufs[i] = make([]byte, n)
			}
			bufs[i] = bufs[i][:n]
			if err := a.ReadFull(bufs[i], int64(lo)*int64(size[i])); err != nil {
				return err
			}
		}
		for first := lo; lo < to; lo++ {
			for i, a := range t.want[:n] {
				arrayCell(&cells[i], a, bufs[i][(lo-first)*size[i]:][:size[i]])
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
		*c = cell{text: wideText(a.Order, raw)}
		return
	case 'S':
		*c = cell{text: bytes.TrimRight(raw, "\x00")}
		return
	}
	if len(raw) == a.Size && a.Size == 8 && a.Kind != 'f' {
		v := a.Order.Uint64(raw)
		if *c = number(c.numbers[:0], int64(v)); a.Kind == 'u' {
			*c = unsignedNumber(c.numbers[:0], v)
		}
		return
	}
	if c.numbers == nil {
		c.numbers = make([]float64, 0, len(raw)/a.Size)
	}
	c.text, c.numbers = nil, c.numbers[:0]
	if c.single = len(a.Shape) == 1; len(a.Shape) > 2 {
		c.shape = a.Shape[1:]
	}
	for ; len(raw) > 0; raw = raw[a.Size:] {
		c.numbers = append(c.numbers, a.Number(raw))
	}
}

// wideText is a text of 32 bits a character, without the zeros behind it. What is no character becomes bytes that are no UTF-8, so that
// different texts stay different, and are refused where they count.
func wideText(order binary.ByteOrder, raw []byte) []byte {
	text := []byte{}
	for ; len(raw) >= 4; raw = raw[4:] {
		v := order.Uint32(raw)
		if r := rune(v); utf8.ValidRune(r) {
			text = utf8.AppendRune(text, r)
		} else {
			text = binary.BigEndian.AppendUint32(append(text, 0xff), v)
		}
	}
	return bytes.TrimRight(text, "\x00")
}
