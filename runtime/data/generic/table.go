package generic

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// table is a file of records with named columns.
type table interface {
	// name is the file, for messages.
	name() string
	// columns are the names of the columns, in the file's order.
	columns() []string
	// rows is their number.
	rows() int
	// read calls use with the cells of the given columns of the rows lo to hi-1. The cells are
	// valid until use returns. A bad row is an error from at.
	read(lo, hi int, columns []int, use func(row int, cells []cell) error) error
	// at is the place of a row, for messages.
	at(row int) string
}

// cell is what a record has in a column: numbers, or text.
type cell struct {
	numbers []float64 // nil for text
	text    []byte    // nil and no numbers: nothing is there
}

// missingTexts are what tables write where a value is missing, in lower case.
var missingTexts = []string{"", "na", "n/a", "nan", "null", "none", "?", "-"}

// missing says whether nothing is there.
func (c cell) missing() bool {
	if c.numbers != nil {
		return len(c.numbers) == 0
	}
	if len(c.text) > 4 {
		return false
	}
	text := strings.ToLower(string(bytes.TrimSpace(c.text)))
	for _, m := range missingTexts {
		if text == m {
			return true
		}
	}
	return false
}

// values appends the cell's numbers; ok is false where it holds something else. A missing one
// is NaN. Text may hold one number, true or false, or a list as Python prints it.
func (c cell) values(dst []float64) (out []float64, ok bool) {
	if c.numbers != nil {
		if len(c.numbers) == 0 {
			return append(dst, math.NaN()), true
		}
		return append(dst, c.numbers...), true
	}
	if c.missing() {
		return append(dst, math.NaN()), true
	}
	text := bytes.TrimSpace(c.text)
	if n := len(text); n >= 2 && (text[0] == '[' && text[n-1] == ']' || text[0] == '(' && text[n-1] == ')') {
		for _, f := range bytes.FieldsFunc(text[1:n-1], func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
			v, err := strconv.ParseFloat(string(f), 64)
			if err != nil {
				return dst, false
			}
			dst = append(dst, v)
		}
		return dst, true
	}
	switch {
	case len(text) == 4 && bytes.EqualFold(text, []byte("true")):
		return append(dst, 1), true
	case len(text) == 5 && bytes.EqualFold(text, []byte("false")):
		return append(dst, 0), true
	}
	v, err := strconv.ParseFloat(string(text), 64)
	return append(dst, v), err == nil
}

// string is the cell as text.
func (c cell) string() string {
	if c.numbers == nil {
		return string(bytes.TrimSpace(c.text))
	}
	parts := make([]string, len(c.numbers))
	for i, v := range c.numbers {
		parts[i] = strconv.FormatFloat(v, 'g', -1, 64)
	}
	return strings.Join(parts, " ")
}

// short is the cell for messages.
func (c cell) short() string {
	text := c.string()
	if len(text) > 24 {
		return strconv.Quote(text[:24] + "...")
	}
	return strconv.Quote(text)
}
