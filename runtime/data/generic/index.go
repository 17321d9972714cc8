package generic

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"path"
	"slices"

	"mspecc/runtime/data"
)

// indexed is a table with what the index keeps of its rows.
type indexed struct {
	table
	columns []int        // of an example, then the label's where tokens have labels, then the picture's where there is one
	stamps  []data.Stamp // of the pictures
	labels  []float32    // of each row as found; nil where there are none, or one for each token
}

// segment are the rows lo to hi-1 of a table, which follow each other, are good and belong to
// one group.
type segment struct{ table, lo, hi, group int }

// index are all good rows of several files.
type index struct {
	s      *data.Source
	p      *plan
	tables []*indexed
	segs   []segment
	groups map[string]int // by name
	names  []string       // of the groups
	class  *classes
	tok    *tokenizer // nil for values
	look   *pictures  // of the rows' pictures, nil for none
	perRow int        // values of a row
	seed   maphash.Seed
	seen   []uint64 // hashes of the ids
	ids    []rowAt  // of the same rows
}

// rowAt is a row's table and number.
type rowAt struct{ table, row int32 }

func newIndex(s *data.Source, p *plan) (*index, error) {
	x := &index{s: s, p: p, groups: map[string]int{}, class: newClasses(p), perRow: s.Input.Size(), seed: maphash.MakeSeed()}
	if p.window > 0 {
		x.perRow = s.Input.Shape[0]
	}
	var err error
	if s.Input.Tokens {
		x.tok, err = newTokenizer(s, s.Input)
	}
	return x, err
}

// add indexes the rows of a table: each is read once and looked at.
func (x *index) add(t table) error {
	columns, label, id, by, err := x.p.choose(t)
	if err != nil {
		return err
	}
	if x.tok != nil && len(columns) != 1 {
		return x.s.Fail(t.name(), "", fmt.Sprintf("has %d columns, of which one with the text is wanted", len(columns)), "name it with the option columns")
	}
	n := len(columns)
	all := slices.Clone(columns)
	at := func(column int) int {
		if column >= 0 {
			all = append(all, column)
			return len(all) - 1
		}
		return -1
	}
	picture := -1
	if x.look != nil {
		if picture, err = x.look.column(t); err != nil {
			return err
		}
	}
	scan := &scan{x: x, t: t, number: len(x.tables), values: n, label: at(label), id: at(id), by: at(by), picture: at(picture), last: -1}
	it := &indexed{table: t, columns: columns}
	if x.p.each {
		it.columns = append(slices.Clone(columns), label)
	} else if label >= 0 {
		it.labels = make([]float32, t.rows())
		scan.labels = it.labels
	}
	if picture >= 0 {
		it.columns = append(slices.Clone(it.columns), picture)
		it.stamps = make([]data.Stamp, t.rows())
	}
	x.tables = append(x.tables, it)
	for lo := 0; lo < t.rows(); {
		scan.next = lo
		err := t.read(lo, t.rows(), all, scan.row)
		if err == nil {
			break
		}
		// A row that cannot even be taken apart.
		var bad *data.Error
		if !errors.As(err, &bad) || bad.At == "" {
			return err
		}
		if err := x.s.Bad(bad); err != nil {
			return err
		}
		lo = scan.next + 1
		scan.last = -1
	}
	return nil
}

// scan is the indexing of one table.
type scan struct {
	x                 *index
	t                 table
	number            int
	values            int // the first so many cells are the example's
	label, id, by     int // cells, -1 for none
	picture           int
	labels            []float32
	next, last, group int // row to come; row before where it was good, else -1, and its group
	buf               []float64
	tokens            []int32
	each              []float64
}

// row looks at one row.
func (c *scan) row(row int, cells []cell) error {
	x := c.x
	c.next = row + 1
	group, message := c.groupOf(cells), ""
	drop := false
	if x.tok != nil {
		message = c.text(cells[0])
	} else {
		drop, message = c.numbers(cells[:c.values])
	}
	if message == "" && c.label >= 0 {
		message = c.labelOf(row, cells[c.label])
	}
	if message == "" && c.picture >= 0 {
		_, message = x.look.file(c.t, cells[c.picture])
	}
	if message != "" {
		c.last = -1
		return x.s.Bad(x.s.Fail(c.t.name(), c.t.at(row), message, "correct or remove the record"))
	}
	if drop {
		c.last = -1
		return nil
	}
	if c.id >= 0 {
		x.seen = append(x.seen, maphash.String(x.seed, cells[c.id].string()))
		x.ids = append(x.ids, rowAt{int32(c.number), int32(row)})
	}
	if n := len(x.segs); c.last == row-1 && row > 0 && c.group == group && n > 0 {
		x.segs[n-1].hi = row + 1
	} else {
		x.segs = append(x.segs, segment{c.number, row, row + 1, group})
	}
	c.last, c.group = row, group
	return nil
}

func (c *scan) groupOf(cells []cell) int {
	name := ""
	switch p := c.x.p; {
	case p.by == "file":
		name = c.t.name()
	case p.by == "folder":
		name = path.Dir(c.t.name())
	case c.by >= 0:
		name = cells[c.by].string()
	default:
		return 0
	}
	g, ok := c.x.groups[name]
	if !ok {
		g = len(c.x.names)
		c.x.groups[name] = g
		c.x.names = append(c.x.names, name)
	}
	return g
}

// text looks at a row's text.
func (c *scan) text(x cell) string {
	t := c.x.tok
	if x.missing() && !t.numbers && x.string() == "" {
		return "holds no text"
	}
	if t.counting != nil {
		if err := t.count(x.string()); err != nil {
			return err.Error()
		}
		return ""
	}
	if c.tokens == nil {
		c.tokens = make([]int32, c.x.s.Input.Size())
	}
	return t.encode(c.tokens, x)
}

// numbers looks at a row's values; drop says that it is left out.
func (c *scan) numbers(cells []cell) (drop bool, message string) {
	c.buf = c.buf[:0]
	for i, x := range cells {
		var ok bool
		if c.buf, ok = x.values(c.buf); !ok {
			return false, fmt.Sprintf("column %s holds %s, expected a number", c.columnName(i), x.short())
		}
	}
	// A missing list counts as one value.
	if len(c.buf) != c.x.perRow {
		return false, fmt.Sprintf("has %d values in %d columns, the model wants %d of a row (%v)", len(c.buf), len(cells), c.x.perRow, c.x.s.Input)
	}
	for _, v := range c.buf {
		switch {
		case math.Abs(v*c.x.p.scale) <= math.MaxFloat32:
		case !math.IsNaN(v):
			return false, fmt.Sprintf("holds %v, expected finite numbers", v)
		case c.x.p.missing == gapError:
			return false, "lacks a value, or it is not a number; the option missing says what to do about that"
		case c.x.p.missing == gapDrop:
			drop = true
		}
	}
	return drop, ""
}

func (c *scan) columnName(i int) string {
	return c.t.columns()[c.x.tables[c.number].columns[i]]
}

// labelOf looks at a row's label.
func (c *scan) labelOf(row int, x cell) string {
	if c.labels == nil {
		if c.each == nil {
			c.each = make([]float64, c.x.s.Input.Size())
		}
		return c.x.class.each(c.each, x)
	}
	label, message := c.x.class.label(x)
	c.labels[row] = float32(label)
	return message
}

// unique refuses ids that occur twice.
func (x *index) unique() error {
	order := make([]int, len(x.seen))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(x.seen[a], x.seen[b]), cmp.Compare(a, b)) })
	var twice [][2]int // rows with an id of a row before
	for k := 1; k < len(order); k++ {
		if a, b := order[k-1], order[k]; x.seen[a] == x.seen[b] {
			twice = append(twice, [2]int{b, a})
		}
	}
	slices.SortFunc(twice, func(a, b [2]int) int { return cmp.Compare(a[0], b[0]) }) // hashes have another order in each run
	for _, k := range twice {
		second, first := x.ids[k[0]], x.ids[k[1]]
		t := x.tables[second.table]
		err := x.s.Fail(t.name(), t.at(int(second.row)), fmt.Sprintf("has the same %s as %s of %s", x.p.id, x.tables[first.table].at(int(first.row)), x.tables[first.table].name()), "remove one of the records")
		if err := x.s.Bad(err); err != nil {
			return err
		}
		x.remove(second)
	}
	x.seen, x.ids = nil, nil
	return nil
}

// remove takes a row out of the index.
func (x *index) remove(r rowAt) {
	row := int(r.row)
	for i, g := range x.segs {
		if g.table != int(r.table) || row < g.lo || row >= g.hi {
			continue
		}
		parts := []segment{{g.table, g.lo, row, g.group}, {g.table, row + 1, g.hi, g.group}}
		parts = slices.DeleteFunc(parts, func(g segment) bool { return g.lo >= g.hi })
		x.segs = slices.Replace(x.segs, i, i+1, parts...)
		return
	}
}
