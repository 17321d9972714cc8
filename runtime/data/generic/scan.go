package generic

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/maphash"
	"math"
	"path"
	"slices"

	"mspecc/runtime/data"
	"mspecc/runtime/data/filetype"
)

// scan is the indexing of one table.
type scan struct {
	x                 *index
	t                 *indexed
	number            int
	names             []string // of the cells
	label, id, by     int      // cells, -1 for none
	picture           int
	next, last, group int // row to come; row before where it was good, else -1, and its group
	buf               []float64
	gaps              []bool // values that this row lacks, by column
	tokens            []int32
	each              []float64
}

func (x *index) newScan(number int, t *indexed) *scan {
	f := x.fields
	c := &scan{x: x, t: t, number: number, last: -1, label: -1, picture: -1, id: -1, by: -1, gaps: make([]bool, len(x.columns))}
	c.names, _ = f.list()
	next := len(f.values)
	place := func(to *int, wanted bool) {
		if wanted {
			*to = next
			next++
		}
	}
	place(&c.label, f.label != "" && f.each)
	place(&c.picture, f.picture != "")
	place(&c.label, f.label != "" && !f.each)
	place(&c.id, f.id != "")
	place(&c.by, f.by != "")
	if f.label != "" && !f.each {
		t.labels = newLabels(t.rows(), x.p.numbered == 1)
	}
	if c.picture >= 0 {
		t.stamps = make([]data.Stamp, t.rows())
	}
	return c
}

// row looks at one row.
func (c *scan) row(row int, cells []cell) error {
	x := c.x
	c.next = row + 1
	group, message := c.groupOf(cells)
	drop := false
	switch {
	case message != "":
	case x.tok != nil:
		drop, message = c.text(cells[0])
	default:
		shaped := x.shaped()
		drop, message = c.numbers(cells)
		if !shaped && x.shaped() {
			if err := x.arrange(c.t); err != nil {
				return err
			}
		}
	}
	if message == "" && c.label >= 0 {
		message = c.labelOf(row, cells[c.label])
		if message == "" && x.p.each && x.tok != nil {
			x.countUneven(c.t.name()+", "+c.t.at(row), cells[0], cells[c.label])
		}
	}
	if message == "" && c.id >= 0 {
		message = cells[c.id].badText()
	}
	if message == "" && c.picture >= 0 {
		if message = cells[c.picture].badText(); message == "" {
			_, message = x.p.look.file(c.t, cells[c.picture])
		}
	}
	if message != "" {
		c.last = -1
		return x.s.Bad(x.s.Fail(c.t.name(), c.t.at(row), message, "correct or remove the record"))
	}
	c.countGaps(cells)
	if drop {
		c.last = -1
		return nil
	}
	if c.id >= 0 {
		x.seen = append(x.seen, maphash.String(x.seed, data.PlainNumber(cells[c.id].string())))
		x.ids = append(x.ids, rowAt{int32(c.number), int32(row)})
	}
	if n := len(x.segs); c.last == row-1 && row > 0 && c.group == group && n > 0 {
		x.segs[n-1].hi = row + 1
	} else {
		x.segs = append(x.segs, segment{table: c.number, lo: row, hi: row + 1, group: group})
	}
	c.last, c.group = row, group
	return nil
}

// countGaps counts what a row lacks.
func (c *scan) countGaps(cells []cell) {
	for i, gap := range c.gaps {
		if gap {
			c.x.columns[i].Missing++
			c.x.columns[i].Mark(cells[i].mark())
		}
	}
}

func (c *scan) groupOf(cells []cell) (group int, message string) {
	name := ""
	switch p := c.x.p; {
	case p.by == "file":
		name = c.t.name()
	case p.by == "folder":
		name = path.Dir(c.t.name())
	case c.by >= 0:
		if message := cells[c.by].badText(); message != "" {
			return 0, message
		}
		name = data.PlainNumber(cells[c.by].string())
	default:
		return 0, ""
	}
	g, ok := c.x.groups[name]
	if !ok {
		g = len(c.x.names)
		c.x.groups[name] = g
		c.x.names = append(c.x.names, name)
	}
	return g, ""
}

// text looks at a row's text; drop says that it is left out.
func (c *scan) text(x cell) (drop bool, message string) {
	t := c.x.tok
	c.gaps[0] = x.missing() && (t.numbers || x.string() == "") // a text that is a word for nothing is a text
	if c.gaps[0] && c.x.p.missing == gapDrop {
		return true, ""
	}
	if c.gaps[0] && !t.numbers {
		return false, "holds no text; the option missing can drop such records"
	}
	if message := x.badText(); message != "" {
		return false, message
	}
	if t.counting != nil {
		if err := t.count(x.string()); err != nil {
			return false, err.Error()
		}
		return false, ""
	}
	if c.tokens == nil {
		c.tokens = make([]int32, c.x.s.Input.Size())
	}
	return false, t.encode(c.tokens, x)
}

// numbers looks at a row's values; drop says that it is left out.
func (c *scan) numbers(cells []cell) (drop bool, message string) {
	x := c.x
	total, incomplete := 0, false
	for i := range x.columns {
		cell := cells[i]
		if c.gaps[i] = cell.missing(); c.gaps[i] {
			incomplete = true
			continue
		}
		var ok bool
		if c.buf, ok = cell.values(c.buf[:0]); !ok {
			return false, fmt.Sprintf("column %s holds %s, expected a number%s", x.columns[i].Name, cell.short(), hint(cell))
		}
		if message := x.sameShape(i, cell, len(c.buf)); message != "" {
			return false, message
		}
		total += len(c.buf)
		for _, v := range c.buf {
			switch {
			case math.Abs(v*x.p.scale) <= math.MaxFloat32:
				if float64(float32(v)) != v && x.rounded[i] == 0 && v == math.Trunc(v) && math.Abs(v) <= data.MaxExact {
					x.rounded[i] = v
				}
			case !math.IsNaN(v):
				return false, fmt.Sprintf("column %s holds %v, expected finite numbers", x.columns[i].Name, v)
			default:
				c.gaps[i], incomplete = true, true
			}
		}
	}
	if !x.shaped() && !slices.ContainsFunc(cells[:len(x.columns)], cell.missing) && !x.takeShapes(cells) {
		return false, fmt.Sprintf("has %d values in %d columns (%s), %s", total, len(x.columns), listed(x.fields.values), x.wanted(total))
	}
	switch {
	case incomplete && x.p.missing == gapError:
		i := slices.Index(c.gaps, true)
		return false, fmt.Sprintf("lacks a value in column %s; the option missing says what to do about that", x.columns[i].Name)
	case incomplete && x.p.missing == gapDrop:
		drop = true
	}
	return drop, ""
}

// hint says what a text that is no number may be.
func hint(c cell) string {
	if t, ok := filetype.Of(c.text); ok && len(c.text) > 64 {
		return fmt.Sprintf(": it is %s; write what is in such a column to files, and read those", t.Name)
	}
	if bytes.HasPrefix(bytes.TrimSpace(c.text), []byte{'('}) {
		return ": a negative number begins with a minus sign; a list is in square brackets, or has a blank behind each comma"
	}
	if len(c.text) > 2 && slices.Contains(c.text, ',') {
		return ": with a point, not a comma, before the decimals"
	}
	return ""
}

// uneven counts the records that have another number of labels than of tokens.
type uneven struct {
	records int
	first   string // where the first is, and what it has
}

// countUneven compares the numbers of a row's tokens and of their labels. Labels that count for nothing, and padding, may stand
// behind the others; a row without labels has none to compare.
func (x *index) countUneven(at string, tokens, labels cell) {
	n, padded := x.tok.length(tokens)
	have, counted := x.class.length(labels)
	if labels.missing() || have == 0 || counted <= n && have >= padded {
		return
	}
	if x.uneven.records++; x.uneven.records == 1 {
		x.uneven.first = fmt.Sprintf("%s, has %d labels and %d tokens", at, have, n)
	}
}

// labelOf looks at a row's label.
func (c *scan) labelOf(row int, x cell) string {
	if c.x.p.each {
		if c.each == nil {
			c.each = make([]float64, c.x.s.Input.Size())
		}
		return c.x.class.each(c.each, x)
	}
	label, message := c.x.class.label(x)
	c.t.labels.set(row, label)
	if message == "" && math.IsNaN(label) {
		c.x.label.Mark(x.mark())
	}
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
		parts := []segment{{g.table, g.lo, row, g.group, false}, {g.table, row + 1, g.hi, g.group, false}}
		parts = slices.DeleteFunc(parts, func(g segment) bool { return g.lo >= g.hi })
		x.segs = slices.Replace(x.segs, i, i+1, parts...)
		return
	}
}
