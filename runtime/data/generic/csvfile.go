package generic

import (
	"fmt"
	"strings"

	"mspecc/runtime/data"
)

// CSV is a comma-separated file with a header whose records are read where they lie: only
// their places are in memory. It is safe for concurrent use.
type CSV struct{ table csvTable }

// OpenCSV finds the records of the first of the files that exists, as it is or with .gz behind it.
func OpenCSV(s *data.Source, option string, names ...string) (*CSV, error) {
	b, err := s.FindBlob(option, names...)
	if err != nil {
		return nil, err
	}
	c := &CSV{csvTable{recordFile: recordFile{b: b, end: quotedEnd}, sep: ','}}
	if err := c.table.scan(true); err != nil {
		return nil, err
	}
	if c.Rows() == 0 {
		return nil, b.Fail("", "holds no record", "give a file with data")
	}
	return c, nil
}

// Name is the file's name, relative to the data folder.
func (c *CSV) Name() string { return c.table.name() }

// Rows is the number of records below the header.
func (c *CSV) Rows() int { return c.table.rows() }

// At is the place of a record, for messages.
func (c *CSV) At(row int) string { return c.table.at(row) }

// Column is the number of a column.
func (c *CSV) Column(name string) (int, error) {
	for i, n := range c.table.names {
		if n == name {
			return i, nil
		}
	}
	return 0, c.table.b.Fail("", fmt.Sprintf("has no column %q; its columns are %s", name, strings.Join(c.table.names[:min(len(c.table.names), 20)], ", ")),
		"give the right file or name the column")
}

// Read calls use with what the columns hold in the rows lo to hi-1, valid until it returns.
func (c *CSV) Read(lo, hi int, columns []int, use func(row int, fields [][]byte) error) error {
	fields := make([][]byte, len(columns))
	return c.table.columnsOf(lo, hi, columns, func(row int, cells []cell) error {
		for i, x := range cells {
			fields[i] = x.text
		}
		return use(row, fields)
	})
}
