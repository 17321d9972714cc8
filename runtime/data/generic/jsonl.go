package generic

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"

	"mspecc/runtime/data"
)

var jsonlReader = data.Builtin("jsonl", func(s *data.Source) (data.Dataset, data.Dataset, error) { return openTables(s, openJSONL) })

// jsonlTable is a file of JSON lines with the places of its records.
type jsonlTable struct {
	recordFile
	names []string        // of the members of all records, in the order of their appearance
	known map[string]bool // the same
	seen  map[string]bool // as they are written
	want  []int           // columns bound; -1 for one that no record has
}

// lineEnd is where the first line of b that is not blank ends.
func lineEnd(b []byte) int {
	start := len(b) - len(bytes.TrimLeft(b, " \t\r\n"))
	n := bytes.IndexByte(b[start:], '\n')
	if n < 0 {
		return -1
	}
	return start + n + 1
}

func openJSONL(s *data.Source, _ *plan, name string) (table, error) {
	b, err := s.OpenBlob(name)
	if err != nil {
		return nil, err
	}
	t := &jsonlTable{recordFile: recordFile{b: b, end: lineEnd}}
	r, err := b.All()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, at, err := textStart(b, r)
	if err != nil {
		return nil, err
	}
	scan := bufio.NewScanner(text)
	scan.Buffer(make([]byte, 0, 1<<16), maxRecord)
	scan.Split(func(d []byte, end bool) (int, []byte, error) {
		n, token, err := bufio.ScanLines(d, end)
		at += int64(n)
		return n, token, err
	})
	for start := at; scan.Scan(); start = at {
		line := scan.Bytes()
		if len(bytes.TrimLeft(line, " \t\r\n")) == 0 {
			continue
		}
		if err := t.note(line); err != nil && len(t.names) == 0 {
			bad := s.Fail(name, b.Line(start), err.Error(), "give a file with an object in each line")
			if err := s.Bad(bad); err != nil {
				return nil, err
			}
			continue
		}
		t.records.Add(start, at)
	}
	if err := scan.Err(); err != nil {
		var own *data.Error
		switch {
		case errors.As(err, &own):
			return nil, own
		case errors.Is(err, bufio.ErrTooLong):
			err = errLong
		}
		return nil, s.Fail(name, b.Line(at), data.Cause(err), "check that this is a file of JSON lines")
	}
	if t.rows() > 0 && len(t.names) == 0 {
		return nil, s.Fail(name, "", "has objects with no members", "give a file with data")
	}
	return t, nil
}

// note takes the names of an object's members for columns, those that are new.
func (t *jsonlTable) note(line []byte) error {
	if t.seen == nil {
		t.seen, t.known = map[string]bool{}, map[string]bool{}
	}
	var fresh [][]byte
	err := members(line, func(key, _ []byte) {
		if !t.seen[string(key)] {
			fresh = append(fresh, key)
		}
	})
	if err != nil || len(fresh) == 0 {
		return err
	}
	if _, err = standardJSON(line); err != nil {
		return err
	}
	for _, key := range fresh { // as they are written, which may be in several ways
		name, err := unquote(key)
		if t.seen[string(key)] = true; err == nil && !t.known[name] {
			t.known[name] = true
			t.names = append(t.names, name)
		}
	}
	return nil
}

func (t *jsonlTable) name() string   { return t.b.Name }
func (t *jsonlTable) naming() naming { return sparseNames }

func (t *jsonlTable) columns() []column {
	all := make([]column, len(t.names))
	for i, name := range t.names {
		all[i] = column{name, isIndex(name)}
	}
	return all
}

func (t *jsonlTable) bind(columns []int) ([]declared, error) {
	t.want = columns
	return make([]declared, len(columns)), nil
}

func (t *jsonlTable) read(lo, hi, n int, use func(row int, cells []cell) error) error {
	cells, at := make([]cell, n), map[string][]int{} // the cells of each member
	for i, c := range t.want[:n] {
		if c >= 0 {
			at[t.names[c]] = append(at[t.names[c]], i)
		}
	}
	return t.each(lo, hi, func(row int, _ int64, line []byte) error {
		clear(cells)
		if err := t.row(row, line, at, cells); err != nil {
			return err
		}
		return use(row, cells)
	})
}

// row decodes a record.
func (t *jsonlTable) row(row int, line []byte, at map[string][]int, cells []cell) error {
	line, err := standardJSON(line)
	if err != nil {
		return t.b.Fail(t.at(row), err.Error(), "correct or remove the line")
	}
	var bad error
	err = members(line, func(key, value []byte) {
		places := at[string(key[1:len(key)-1])]
		if bytes.IndexByte(key, '\\') >= 0 {
			name, _ := unquote(key)
			places = at[name]
		}
		for _, i := range places {
			c, e := jsonCell(value)
			if cells[i] = c; e != nil && bad == nil {
				bad = fmt.Errorf("the member %s %w", key[1:len(key)-1], e)
			}
		}
	})
	if err = errors.Join(err, bad); err != nil {
		return t.b.Fail(t.at(row), err.Error(), "correct or remove the line, or choose other columns with the option columns")
	}
	return nil
}

// jsonCell makes a cell of a value; what is not there is missing.
func jsonCell(raw []byte) (cell, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return cell{}, nil
	}
	switch raw[0] {
	case '"':
		text, err := unquote(raw)
		return cell{text: []byte(text)}, err
	case '[':
		l := &jsonList{}
		err := l.read(raw)
		return cell{numbers: l.numbers, shape: l.nested()}, err
	case '{':
		return cell{}, errors.New("is an object, expected numbers or text")
	}
	return cell{text: raw}, nil
}
