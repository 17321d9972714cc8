package data

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
)

var higgsReader = Builtin("higgs", openHiggs)

// table is a CSV file of rows of numbers.
type table struct {
	b       *Blob
	rows    Places
	size    int // features
	classes int
	skip    int      // leading columns to drop
	names   []string // of the features, nil without a header
}

func (t *table) Len() int       { return t.rows.n }
func (t *table) Labels() Labels { return Labels{Classes: t.classes, Each: 1} }

// Schema is that of the header, nil without one.
func (t *table) Schema() *Schema {
	if t.names == nil {
		return nil
	}
	s := &Schema{}
	for _, name := range t.names {
		s.Columns = append(s.Columns, Column{Name: name, Type: NumberType})
	}
	return s
}

// sameColumns refuses a table whose header has other features than those wanted, or has them in another order. Nothing is known
// of tables without a header.
func (t *table) sameColumns(want []string, of string) error {
	if t.names == nil || len(want) != len(t.names) || slices.Equal(t.names, want) {
		return nil
	}
	i := 0
	for t.names[i] == want[i] {
		i++
	}
	return t.b.Fail("line 1", fmt.Sprintf("has the feature %q where %s has %q", t.names[i], of, want[i]),
		"give files of the same columns in the same order, or read them with the reader csv, which finds columns by name")
}

func (t *table) Example(i int, _ uint64, e *Example) error {
	from, to, before := t.rows.Around(i)
	buf := buffers.get(int(to - from))
	defer buffers.put(buf)
	if err := t.b.ReadFull(*buf, from); err != nil {
		return err
	}
	for at := 0; at < len(*buf); {
		rest := (*buf)[at:]
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			end = len(rest)
		}
		place := from + int64(at)
		line := trimLine(rest[:end], place)
		at += end + 1
		if len(line) == 0 || t.rows.bad[place] {
			continue
		}
		if before > 0 {
			before--
			continue
		}
		if t.row(line, e) != "" {
			break
		}
		return nil
	}
	return t.b.Source.Changed(t.b.Name) // every row was good when the file was indexed
}

// row reads a line; the message says what is wrong with it.
func (t *table) row(line []byte, e *Example) (message string) {
	for column := 0; ; column++ {
		end := bytes.IndexByte(line, ',')
		field := line
		if end >= 0 {
			field = line[:end]
		}
		if k := column - t.skip; k >= 0 && k <= t.size {
			if message := t.field(bytes.TrimSpace(field), column, e); message != "" {
				return message
			}
		}
		if end >= 0 {
			line = line[end+1:]
			continue
		}
		if column != t.skip+t.size {
			return fmt.Sprintf("has %d columns, the lines before have %d", column+1, t.skip+1+t.size)
		}
		return ""
	}
}

// field reads the label or a feature.
func (t *table) field(field []byte, column int, e *Example) (message string) {
	if column == t.skip {
		return t.label(field, e)
	}
	v, err := finite(field)
	if err != nil {
		return fmt.Sprintf("column %d is %s, expected a finite number", column+1, shorten(field))
	}
	e.X[column-t.skip-1] = v
	return ""
}

// label reads the label, which may be missing.
func (t *table) label(field []byte, e *Example) (message string) {
	v, err := ParseNumber(string(field), 64)
	switch {
	case MissingText(field), t.classes > 1 && slices.Contains(NoLabel, v):
		v = math.NaN()
	case err != nil || math.IsInf(v, 0):
		return fmt.Sprintf("the label is %s, expected a finite number", shorten(field))
	case t.classes > 1 && (v < 0 || v >= float64(t.classes) || v != math.Trunc(v)):
		return fmt.Sprintf("the label is %s, expected a whole number 0..%d", shorten(field), t.classes-1)
	}
	e.Labels[0] = v
	return ""
}

func openHiggs(s *Source) (Dataset, Dataset, error) {
	if s.Input.Tokens || s.Input.Size() != s.Input.Shape[len(s.Input.Shape)-1] {
		return nil, nil, s.Fail("", "", fmt.Sprintf("the model wants examples %v, a table gives f32[1,features]", s.Input), "correct the modality's shape")
	}
	standardize, err := s.Boolean("standardize")
	if err != nil {
		return nil, nil, err
	}
	file, err := s.table("train", "HIGGS_train.csv", "higgsPretrain.csv", "particle_physics/higgsPretrain.csv", "HIGGS.csv")
	if err != nil {
		return nil, nil, err
	}
	if s.Schema != nil {
		if err := file.sameColumns(s.Schema.Names(), "the data that the model was trained with"); err != nil {
			return nil, nil, err
		}
	}
	var train, test Dataset = file, nil
	switch s.Text("test") {
	case "split":
		train, test, err = s.Split(file)
	case "tenth":
		train, test, err = s.Tenths(file, "42")
	default:
		var other *table
		if other, err = s.table("test", "HIGGS_test.csv", "higgsTransfer.csv", "particle_physics/higgsTransfer.csv"); err == nil {
			test, err = other, other.sameColumns(file.names, file.b.Name)
		}
	}
	if err != nil || !standardize {
		return train, test, err
	}
	scale, err := s.Standardise(file.size, func(m *Moments) error { return file.moments(m, train) })
	return scaled{train, scale}, scaled{test, scale}, err
}

// moments adds up those of the features over the rows that part has of the table, read in the file's order.
func (t *table) moments(m *Moments, part Dataset) error {
	var in []uint64 // a bit for each row; nil: all
	if p, ok := part.(*subset); ok {
		in = make([]uint64, (t.rows.n+63)/64)
		for i := range p.n {
			row := p.order(p.first + i)
			in[row/64] |= 1 << (row % 64)
		}
	}
	e := NewExample(Want{{Shape: []int{t.size}}}, t.Labels())
	row := 0
	return t.each(func(l *lines, line []byte) error {
		if t.rows.bad[l.start] {
			return nil
		}
		if message := t.row(line, e); message != "" {
			return t.b.Source.Changed(t.b.Name)
		}
		if in == nil || in[row/64]>>(row%64)&1 == 1 {
			m.row(e.X)
		}
		row++
		return nil
	})
}

// each calls use with every line that is not blank, but a header.
func (t *table) each(use func(l *lines, line []byte) error) error {
	l, err := t.b.lines()
	if err != nil {
		return err
	}
	defer l.close()
	first := true
	for line, ok := l.next(); ok; line, ok = l.next() {
		if first {
			first = false
			cols := fields(nil, line, ',')
			if t.skip = len(cols) - 1 - t.size; t.skip != 0 && t.skip != 1 {
				return l.fail(fmt.Sprintf("has %d columns, the model wants a label and %d features", len(cols), t.size),
					"correct the modality's shape or give the right file")
			}
			if _, err := ParseNumber(string(cols[t.skip]), 64); err != nil && l.n == 1 {
				first = true // the line below says how many columns there are
				t.names = nil
				for _, name := range cols[t.skip+1:] {
					t.names = append(t.names, strings.Trim(string(name), ` "`))
				}
				continue
			}
		}
		if err := use(l, line); err != nil {
			return err
		}
	}
	return l.err()
}

// table indexes the file that the option, or else a usual name, stands for, and looks at every
// row. A header line is passed over; so is a leading column of row numbers, which pandas writes.
func (s *Source) table(option string, usual ...string) (*table, error) {
	classes, err := s.Integer("classes", 2, 1)
	if err != nil {
		return nil, err
	}
	if name := s.Text(option); name != "" {
		usual = []string{name}
	}
	b, err := s.FindBlob(option, usual...)
	if err != nil {
		return nil, err
	}
	t := &table{b: b, size: s.Input.Size(), classes: classes}
	e := NewExample(Want{{Shape: []int{t.size}}}, t.Labels())
	err = t.each(func(l *lines, line []byte) error {
		if message := t.row(line, e); message != "" {
			t.rows.leaveOut(l.start)
			return s.Bad(l.fail(message, "correct or remove the line, or the option classes"))
		}
		t.rows.Add(l.start, l.end)
		return nil
	})
	if err == nil && t.rows.n == 0 {
		err = b.Fail("", "holds no rows", "give a file with data")
	}
	return t, err
}
