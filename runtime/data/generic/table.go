package generic

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"mspecc/runtime/data"
)

// table is a file of records with named columns.
type table interface {
	// name is the file, for messages.
	name() string
	// columns are those of the file, in its order.
	columns() []column
	// naming says whether records may lack columns.
	naming() naming
	// bind chooses the columns to read, by their numbers; -1 is one that no record has. It is called once,
	// before rows and read, and says what the file tells of each: its type and its shape, nil where it does not.
	bind(columns []int) ([]declared, error)
	// rows is their number.
	rows() int
	// read calls use with the cells of the first n of the columns bound, of the rows lo to hi-1. The cells
	// are valid until use returns. A bad row is an error from at.
	read(lo, hi, n int, use func(row int, cells []cell) error) error
	// at is the place of a row, for messages.
	at(row int) string
}

// declared is what a file tells of a column.
type declared struct {
	kind  string // type of an element; "" where files of this kind do not say
	shape []int  // of a record's values, empty for a single one; nil where it is not said
}

// cell is what a record has in a column: numbers, or text.
type cell struct {
	numbers []float64 // nil for text
	shape   []int     // of numbers that are nested; nil for a plain list
	single  bool      // there is one number, and no list
	text    []byte    // nil and no numbers: nothing is there
	fault   string    // what makes it useless, found when the file was opened
}

// number is the cell of a whole number. One that float64 does not hold stays as text, which loses no digit.
func number(dst []float64, v int64) cell {
	if f := float64(v); v >= -data.MaxExact && v <= data.MaxExact {
		return cell{numbers: append(dst, f), single: true}
	}
	return cell{text: strconv.AppendInt(nil, v, 10)}
}

// unsignedNumber is number for numbers without a sign.
func unsignedNumber(dst []float64, v uint64) cell {
	if v <= data.MaxExact {
		return cell{numbers: append(dst, float64(v)), single: true}
	}
	return cell{text: strconv.AppendUint(nil, v, 10)}
}

// missing says whether nothing is there.
func (c cell) missing() bool {
	if c.numbers != nil {
		return len(c.numbers) == 0 || c.single && math.IsNaN(c.numbers[0])
	}
	return data.MissingText(c.text)
}

// mark is what stands for a missing value.
func (c cell) mark() string {
	switch {
	case c.numbers == nil && c.text == nil:
		return "nothing"
	case c.numbers != nil && len(c.numbers) == 0:
		return "[]"
	case c.numbers != nil:
		return "NaN"
	}
	return cmp.Or(string(bytes.TrimSpace(c.text)), "nothing")
}

// dims is the shape of the cell's n values: none for a single one that is no list.
func (c cell) dims(n int) []int {
	switch {
	case c.shape != nil:
		return c.shape
	case c.single || c.numbers == nil && !isList(bytes.TrimSpace(c.text)):
		return nil
	}
	return []int{n}
}

// isList says whether a text is a list as Python prints it. A number in round brackets is none: (5) and (1,234) are negative to accountants.
func isList(text []byte) bool {
	n := len(text)
	switch {
	case n < 2 || text[0] != '(' || text[n-1] != ')':
		return n >= 2 && text[0] == '[' && text[n-1] == ']'
	case bytes.IndexByte(text, ',') < 0:
		return n == 2
	}
	groups := bytes.Split(text[1:n-1], []byte{','})
	for i, g := range groups {
		whole := g
		if i == len(groups)-1 {
			whole, _, _ = bytes.Cut(g, []byte{'.'})
		}
		if i > 0 && len(whole) != 3 || len(whole) > 3 || len(bytes.Trim(whole, "0123456789")) > 0 {
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
	text := bytes.TrimSpace(c.text)
	if !isList(text) {
		v, ok := parseNumber(text)
		return append(dst, v), ok
	}
	for _, f := range bytes.FieldsFunc(text[1:len(text)-1], func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
		v, ok := parseNumber(f)
		if !ok {
			return dst, false
		}
		dst = append(dst, v)
	}
	return dst, true
}

// parseNumber reads a number, true or false; what stands for a missing value is NaN.
func parseNumber(text []byte) (v float64, ok bool) {
	v, err := data.ParseNumber(string(text), 64)
	switch {
	case err == nil:
		return v, true
	case v != 0: // beyond float64: infinite
		return v, true
	case data.MissingText(text):
		return math.NaN(), true
	case bytes.EqualFold(text, []byte("true")):
		return 1, true
	case bytes.EqualFold(text, []byte("false")):
		return 0, true
	}
	return 0, false
}

// string is the cell as text.
func (c cell) string() string {
	if c.numbers == nil {
		return string(bytes.TrimSpace(c.text))
	}
	parts := make([]string, len(c.numbers))
	for i, v := range c.numbers {
		parts[i] = data.FormatNumber(v)
	}
	return strings.Join(parts, " ")
}

// badText says what is wrong with a cell whose text counts, "" if nothing is: bytes that are not UTF-8 would make
// different texts equal.
func (c cell) badText() (message string) {
	if c.numbers != nil || utf8.Valid(c.text) {
		return ""
	}
	return fmt.Sprintf("holds the text %s, %s", c.short(), data.NotUTF8)
}

// short is the cell for messages.
func (c cell) short() string {
	text := c.string()
	if len(text) > 24 {
		return strconv.Quote(text[:24] + "...")
	}
	return strconv.Quote(text)
}
