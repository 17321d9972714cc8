package generic

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"mspecc/runtime/data"
)

var jsonlReader = data.Builtin("jsonl", func(s *data.Source) (data.Dataset, data.Dataset, error) { return openTables(s, openJSONL) })

// jsonlTable is a file of JSON lines with the places of its records.
type jsonlTable struct {
	recordFile
	names []string
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
		if t.names == nil {
			if t.names, err = members(line); err != nil {
				bad := s.Fail(name, b.Line(start), "is no JSON object: "+err.Error(), "give a file with an object in each line")
				if err := s.Bad(bad); err != nil {
					return nil, err
				}
				continue
			}
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
	if t.rows() == 0 {
		return nil, s.Fail(name, "", "holds no record", "give a file with data")
	}
	return t, nil
}

// members are the names of an object's members, in its order.
func members(line []byte) ([]string, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, fmt.Errorf("it begins with %q", line[:min(len(line), 16)])
	}
	var names []string
	var value json.RawMessage
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		if name, ok := key.(string); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
	}
	if _, err := d.Token(); err != nil { // the closing bracket
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("it has no members")
	}
	return names, nil
}

func (t *jsonlTable) name() string      { return t.b.Name }
func (t *jsonlTable) columns() []string { return t.names }

func (t *jsonlTable) read(lo, hi int, columns []int, use func(row int, cells []cell) error) error {
	cells := make([]cell, len(columns))
	return t.each(lo, hi, func(row int, _ int64, line []byte) error {
		if err := t.row(row, line, columns, cells); err != nil {
			return err
		}
		return use(row, cells)
	})
}

// row decodes a record.
func (t *jsonlTable) row(row int, line []byte, columns []int, cells []cell) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(line, &object); err != nil {
		return t.b.Fail(t.at(row), "is no JSON object: "+err.Error(), "correct or remove the line")
	}
	for i, c := range columns {
		value, err := jsonCell(object[t.names[c]])
		if err != nil {
			return t.b.Fail(t.at(row), fmt.Sprintf("the member %s %v", t.names[c], err), "correct or remove the line")
		}
		cells[i] = value
	}
	return nil
}

// jsonCell makes a cell of a value; what is not there is missing.
func jsonCell(raw json.RawMessage) (cell, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return cell{}, nil
	}
	switch raw[0] {
	case '"':
		var text string
		err := json.Unmarshal(raw, &text)
		return cell{text: []byte(text)}, err
	case '[':
		numbers, err := flatten(make([]float64, 0, bytes.Count(raw, []byte{','})+1), raw)
		return cell{numbers: numbers}, err
	case '{':
		return cell{}, errors.New("is an object, expected numbers or text")
	}
	return cell{text: raw}, nil
}

// flatten appends the numbers of nested lists; null is a missing one.
func flatten(dst []float64, raw []byte) ([]float64, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return dst, nil // the end; the text is sound
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '{' {
				return dst, errors.New("holds an object, expected numbers")
			}
		case json.Number, nil:
			c := cell{text: []byte(fmt.Sprint(v))}
			if v == nil {
				c.text = nil
			}
			var ok bool
			if dst, ok = c.values(dst); !ok {
				return dst, fmt.Errorf("holds %v, expected numbers", v)
			}
		default:
			return dst, fmt.Errorf("holds %.24q, expected numbers", fmt.Sprint(v))
		}
	}
}
