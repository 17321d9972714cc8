package dabs

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"mspecc/runtime/data"
)

// csvTable is a CSV file with a header whose rows are read where they lie: only their positions are kept in memory.
type csvTable struct {
	s      *data.Source
	name   string
	raw    []byte // the file, mapped
	header []string
	starts []int // of each row
}

// maxRow bounds a row of a table.
const maxRow = 1 << 20

// openCSV finds the rows of a file: under its name, or under the name's last part.
func openCSV(s *data.Source, option, name string) (*csvTable, error) {
	f, err := s.Open(option, name, path.Base(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t := &csvTable{s: s, name: f.Name}
	if head, _ := f.Peek(1); len(head) == 0 {
		return nil, s.Fail(f.Name, "", "is empty", "fetch it again")
	}
	if strings.HasSuffix(f.Name, ".gz") {
		if t.raw, err = io.ReadAll(io.LimitReader(f, maxTable)); err != nil {
			return nil, s.Fail(f.Name, "", "cannot be decompressed: "+reason(err), "fetch it again")
		}
	} else if t.raw, err = mapFile(s, f.Name); err != nil {
		return nil, err
	}
	if err := t.index(); err != nil {
		return nil, err
	}
	if len(t.starts) < 2 {
		return nil, s.Fail(t.name, "", "has no rows below its header", "give a file with data")
	}
	for _, h := range splitCSV(nil, t.line(0)) {
		t.header = append(t.header, strings.Clone(string(h)))
	}
	t.starts = t.starts[1:]
	return t, nil
}

// index finds where rows begin; a line end within quotes ends none.
func (t *csvTable) index() (err error) {
	defer t.guard(&err)()
	quoted, start := false, 0
	if bytes.HasPrefix(t.raw, []byte("\xef\xbb\xbf")) {
		start = 3
	}
	for at := start; at < len(t.raw); {
		end := bytes.IndexByte(t.raw[at:], '\n')
		if end < 0 {
			end = len(t.raw) - at
		}
		if bytes.Count(t.raw[at:at+end], []byte{'"'})%2 == 1 {
			quoted = !quoted
		}
		at += end + 1
		if quoted && at < len(t.raw) {
			continue
		}
		if at-start > maxRow || quoted {
			return t.s.Fail(t.name, fmt.Sprintf("row %d", len(t.starts)), "does not end: a quote is missing, or this is no CSV file", "fetch it again")
		}
		if len(bytes.TrimSpace(t.raw[start:min(at, len(t.raw))])) > 0 {
			t.starts = append(t.starts, start)
		}
		if start = at; len(t.starts)%(1<<16) == 0 {
			t.s.Progress("indexing "+path.Base(t.name), int64(at), int64(len(t.raw)))
		}
	}
	return nil
}

// guard makes the error of a file that was cut off while it was in use.
func (t *csvTable) guard(err *error) func() {
	return faults(err, func() error {
		return t.s.Fail(t.name, "", "cannot be read any more: the file was cut off while it was in use", "put the file back")
	})
}

// line is a row without its end.
func (t *csvTable) line(i int) []byte {
	end := len(t.raw)
	if i+1 < len(t.starts) {
		end = t.starts[i+1]
	}
	return bytes.TrimRight(t.raw[t.starts[i]:end], "\r\n")
}

// at names a row in messages: counted from 0, the header not counted.
func (t *csvTable) at(row int) string { return fmt.Sprintf("row %d", row) }

// column is the number of a column.
func (t *csvTable) column(name string) (int, error) {
	for i, h := range t.header {
		if h == name {
			return i, nil
		}
	}
	return 0, t.s.Fail(t.name, "", fmt.Sprintf("has no column %q; its columns are %s", name, strings.Join(t.header[:min(len(t.header), 20)], ", ")), "give the right file or name the column")
}

// row splits row i into dst.
func (t *csvTable) row(dst [][]byte, i int) ([][]byte, error) {
	dst = splitCSV(dst, t.line(i))
	if len(dst) != len(t.header) {
		return nil, t.s.Fail(t.name, t.at(i), fmt.Sprintf("has %d columns, the header has %d", len(dst), len(t.header)), "correct or remove the row")
	}
	return dst, nil
}

// splitCSV splits a row at its commas (RFC 4180).
func splitCSV(dst [][]byte, line []byte) [][]byte {
	for {
		if len(line) == 0 || line[0] != '"' {
			end := bytes.IndexByte(line, ',')
			if end < 0 {
				return append(dst, line)
			}
			dst, line = append(dst, line[:end]), line[end+1:]
			continue
		}
		end, doubled := 1, false
		for end < len(line) {
			if line[end] == '"' {
				if end+1 >= len(line) || line[end+1] != '"' {
					break
				}
				doubled = true
				end++
			}
			end++
		}
		field := line[1:min(end, len(line))]
		if doubled {
			field = bytes.ReplaceAll(field, []byte(`""`), []byte(`"`))
		}
		dst = append(dst, field)
		rest := line[min(end+1, len(line)):]
		if len(rest) == 0 || rest[0] != ',' {
			return dst
		}
		line = rest[1:]
	}
}

// pythonBytes takes the quotes off a text that Python wrote as bytes: b'ACGT'.
func pythonBytes(field []byte) []byte {
	if n := len(field); n >= 3 && field[0] == 'b' && (field[1] == '\'' || field[1] == '"') && field[n-1] == field[1] {
		return field[2 : n-1]
	}
	return field
}

// pythonNumbers reads a number, or the numbers of a Python list such as [0, 2, 1].
func pythonNumbers(dst []float64, field []byte) ([]float64, error) {
	text := strings.TrimSpace(string(field))
	if inner, ok := strings.CutPrefix(text, "["); ok {
		if text, ok = strings.CutSuffix(inner, "]"); !ok {
			return nil, fmt.Errorf("a list without its end")
		}
	}
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }) {
		v, err := strconv.ParseFloat(part, 64)
		if err != nil || v-v != 0 {
			return nil, fmt.Errorf("%.24q is no finite number", part)
		}
		dst = append(dst, v)
	}
	if len(dst) == 0 {
		return nil, fmt.Errorf("there is no number")
	}
	return dst, nil
}
