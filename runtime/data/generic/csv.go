package generic

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"mspecc/runtime/data"
	"mspecc/runtime/data/unpack"
)

var csvReader = data.Builtin("csv", func(s *data.Source) (data.Dataset, data.Dataset, error) { return openTables(s, openCSV) })

// csvTable is a CSV file with the places of its records.
type csvTable struct {
	recordFile
	names   []string
	unnamed int // column of row labels that pandas or R wrote, -1 for none
	sep     byte
	plain   bool  // quotes are letters
	strict  bool  // a quoted field with separators and line ends in it is taken for a mistake
	want    []int // columns bound
}

const (
	maxUnpacked = 64 << 30 // beyond it a compressed file must be unpacked by hand
	maxRecord   = 64 << 20 // bytes of one record: beyond it the file is another one
)

// quota is a reader that gives up where one record gets too long.
type quota struct {
	r    io.Reader
	left int
}

var errLong = errors.New("the record is longer than 64 MiB")

func (q *quota) Read(p []byte) (int, error) {
	if q.left <= 0 {
		return 0, errLong
	}
	n, err := q.r.Read(p[:min(len(p), q.left)])
	q.left -= n
	return n, err
}

func openCSV(s *data.Source, _ *plan, name string) (table, error) {
	t := &csvTable{recordFile: recordFile{end: quotedEnd}}
	sep := s.Text("separator")
	if sep == "" {
		sep = "comma"
		if bare, _ := unpack.Trim(name); strings.HasSuffix(bare, ".tsv") {
			sep = "tab"
		}
	}
	separators := map[string]byte{"comma": ',', "tab": '\t', "semicolon": ';', "pipe": '|', "blank": ' ', ",": ',', ";": ';', "|": '|', " ": ' ', "\t": '\t', "\\t": '\t'}
	var ok bool
	if t.sep, ok = separators[sep]; !ok {
		return nil, s.BadOption("separator", "comma, tab, semicolon, pipe or blank")
	}
	quotes := s.Text("quotes")
	if t.plain = quotes == "none"; t.plain {
		t.end = plainEnd
	}
	t.strict = quotes == "" && t.sep == '\t'
	header, err := s.Boolean("header")
	if err != nil {
		return nil, err
	}
	if t.b, err = s.OpenBlob(name); err != nil {
		return nil, err
	}
	if err := t.scan(header); err != nil || !s.Preset("header") {
		return t, err
	}
	return t, t.checkHeader()
}

// checkHeader refuses names of columns that are numbers, as the first record of a file without a header has: it would be lost, and
// what is numbered by rows would be one off. Names that count from 0 are those that pandas gives columns without any.
func (t *csvTable) checkHeader() error {
	numbers, counting := 0, true
	for i, name := range t.names {
		if name == unnamed(i) {
			name = "" // as it was, perhaps for a number that is missing
		}
		v, ok := parseNumber([]byte(name))
		if !ok {
			return nil
		}
		if v-v == 0 {
			numbers++
		}
		counting = counting && (i == t.unnamed || name == strconv.Itoa(i-t.unnamed-1))
	}
	switch record := listed(t.names); {
	case numbers == 0:
	case counting:
		t.b.Source.Note("%s: the first record, %s, is taken for the names of the columns, which pandas numbers so; header: false takes it for data", t.b.Name, record)
	default:
		return t.b.Fail("", fmt.Sprintf("has numbers where the names of the columns are expected: the first record is %s", record),
			"say header: false where that is data, or header: true where those are the names")
	}
	return nil
}

// plainEnd is quotedEnd for files in which quotes are letters.
func plainEnd(b []byte) int {
	start := len(b) - len(bytes.TrimLeft(b, "\r\n"))
	if n := bytes.IndexByte(b[start:], '\n'); n >= 0 {
		return start + n + 1
	}
	return -1
}

// scan finds the records.
func (t *csvTable) scan(header bool) error {
	r, err := t.b.All()
	if err != nil {
		return err
	}
	defer r.Close()
	text, skipped, err := textStart(t.b, r)
	if err != nil {
		return err
	}
	if t.plain {
		return t.scanLines(text, skipped, header)
	}
	q := &quota{r: text}
	in := t.reader(q)
	in.ReuseRecord = true
	for {
		q.left = maxRecord
		start := skipped + in.InputOffset()
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			line := fmt.Sprintf("line %d", bad.Line)
			if err := t.b.Source.Bad(t.b.Fail(line, bad.Err.Error(), fmt.Sprintf("correct the quotes of the record that begins in line %d, or say quotes: \"none\" where they are part of the text", bad.StartLine))); err != nil {
				return err
			}
			if t.bad == nil {
				t.bad = map[int64]int64{}
			}
			t.bad[start] = skipped + in.InputOffset()
			continue
		}
		if err != nil {
			var own *data.Error
			if errors.As(err, &own) {
				return own
			}
			return t.b.Fail(fmt.Sprintf("byte %d", start), data.Cause(err), "check that this is a table, and its quotes")
		}
		if err := t.swallows(in, record); err != nil {
			return err
		}
		if t.names == nil {
			if t.setNames(record, header); header {
				continue
			}
		}
		t.records.Add(start, skipped+in.InputOffset())
	}
	if t.rows() == 0 {
		if strings.Contains(strings.Join(t.names, ""), "\r") {
			return t.b.Fail("", "has lines that end with a carriage return alone", "save it with line ends of Unix or Windows")
		}
	}
	return nil
}

// swallows refuses a field that holds lines of its own with separators: two quotes that stand in different records of a
// tab-separated file make one record of all between them.
func (t *csvTable) swallows(in *csv.Reader, record []string) error {
	if !t.strict {
		return nil
	}
	for i, field := range record {
		if strings.IndexByte(field, t.sep) >= 0 && strings.IndexByte(field, '\n') >= 0 {
			line, _ := in.FieldPos(i)
			return t.b.Fail(fmt.Sprintf("line %d", line), fmt.Sprintf("a quote begins a field with tabs and %d line ends in it", strings.Count(field, "\n")),
				`say quotes: "none" where quotes are part of the text, or quotes: "double" where that field is right`)
		}
	}
	return nil
}

// scanLines finds the records of a file in which quotes are letters.
func (t *csvTable) scanLines(text *bufio.Reader, at int64, header bool) error {
	scan := bufio.NewScanner(text)
	scan.Buffer(make([]byte, 0, 1<<16), maxRecord)
	scan.Split(func(d []byte, end bool) (int, []byte, error) {
		n, token, err := bufio.ScanLines(d, end)
		at += int64(n)
		return n, token, err
	})
	for start := at; scan.Scan(); start = at {
		line := bytes.TrimRight(scan.Bytes(), "\r")
		if len(line) == 0 {
			continue
		}
		if t.names == nil {
			var names []string
			for _, f := range t.split(line) {
				names = append(names, string(f))
			}
			if t.setNames(names, header); header {
				continue
			}
		}
		t.records.Add(start, at)
	}
	var own *data.Error
	switch err := scan.Err(); {
	case errors.As(err, &own):
		return own
	case errors.Is(err, bufio.ErrTooLong):
		return t.b.Fail(t.b.Line(at), errLong.Error(), "check that this is a table")
	case err != nil:
		return t.b.Fail(t.b.Line(at), data.Cause(err), "check that this is a table")
	}
	return nil
}

// split are the fields of a line in which quotes are letters.
func (t *csvTable) split(line []byte) [][]byte {
	if t.sep == ' ' {
		return bytes.Fields(line)
	}
	return bytes.Split(line, []byte{t.sep})
}

// setNames takes the names of the columns from the first line. As in pandas, a column without a name is called
// "Unnamed: " and its number from 0; one in the first place has the labels of the rows.
func (t *csvTable) setNames(record []string, header bool) {
	t.unnamed = -1
	for i, name := range record {
		switch name = strings.TrimSpace(strings.Clone(name)); {
		case !header:
			name = fmt.Sprint(i + 1)
		case name == "":
			if name = unnamed(i); i == 0 && len(record) > 1 {
				t.unnamed = i
			}
		}
		t.names = append(t.names, name)
	}
}

func unnamed(column int) string { return fmt.Sprint("Unnamed: ", column) }

func (t *csvTable) reader(r io.Reader) *csv.Reader {
	in := csv.NewReader(r)
	in.Comma, in.FieldsPerRecord = rune(t.sep), -1
	in.TrimLeadingSpace = t.sep == ' '
	return in
}

func (t *csvTable) name() string   { return t.b.Name }
func (t *csvTable) naming() naming { return fixedNames }

func (t *csvTable) columns() []column {
	all := make([]column, len(t.names))
	for i, name := range t.names {
		all[i] = column{name: name, index: isIndex(name) || i == t.unnamed}
	}
	return all
}

func (t *csvTable) bind(columns []int) ([]declared, error) {
	t.want = columns
	return make([]declared, len(columns)), nil
}

// quotedEnd is where the first record of b ends, behind the empty lines before it: at a newline that no open
// quote comes before; -1 where b ends earlier.
func quotedEnd(b []byte) int {
	start := len(b) - len(bytes.TrimLeft(b, "\r\n"))
	quotes := 0
	for at := start; ; {
		n := bytes.IndexByte(b[at:], '\n')
		if n < 0 {
			return -1
		}
		quotes += bytes.Count(b[at:at+n], []byte{'"'})
		if at += n + 1; quotes%2 == 0 {
			return at
		}
	}
}

func (t *csvTable) read(lo, hi, n int, use func(row int, cells []cell) error) error {
	return t.columnsOf(lo, hi, t.want[:n], use)
}

// columnsOf calls use with the cells of some columns.
func (t *csvTable) columnsOf(lo, hi int, columns []int, use func(row int, cells []cell) error) error {
	cells, at := make([]cell, len(columns)), make([][]int, len(t.names)) // the cells of each column
	for i, c := range columns {
		at[c] = append(at[c], i)
	}
	return t.each(lo, hi, func(row int, _ int64, record []byte) error {
		if err := t.row(row, record, columns, at, cells); err != nil {
			return err
		}
		return use(row, cells)
	})
}

// row takes a record apart.
func (t *csvTable) row(row int, record []byte, columns []int, at [][]int, cells []cell) error {
	if !t.plain && (t.sep == ' ' || bytes.IndexByte(record, '"') >= 0) {
		return t.quoted(row, record, columns, cells)
	}
	record = bytes.Trim(record, "\r\n")
	if t.sep == ' ' {
		fields := t.split(record)
		if len(fields) != len(t.names) {
			return t.width(row, len(fields))
		}
		for i, c := range columns {
			cells[i] = cell{text: fields[c]}
		}
		return nil
	}
	n := bytes.Count(record, []byte{t.sep}) + 1
	if n != len(t.names) {
		return t.width(row, n)
	}
	for start, field := 0, 0; ; field++ {
		end := bytes.IndexByte(record[start:], t.sep)
		if end < 0 {
			end = len(record) - start
		}
		for _, i := range at[field] {
			cells[i] = cell{text: record[start : start+end : start+end]}
		}
		if start += end + 1; start > len(record) {
			return nil
		}
	}
}

func (t *csvTable) quoted(row int, record []byte, columns []int, cells []cell) error {
	fields, err := t.reader(bytes.NewReader(record)).Read()
	if err != nil {
		return t.b.Fail(t.at(row), data.Cause(err), "correct the record")
	}
	if len(fields) != len(t.names) {
		return t.width(row, len(fields))
	}
	for i, c := range columns {
		cells[i] = cell{text: []byte(fields[c])}
	}
	return nil
}

func (t *csvTable) width(row, n int) error {
	return t.b.Fail(t.at(row), fmt.Sprintf("has %d columns, the first line has %d", n, len(t.names)), "correct or remove the line")
}
