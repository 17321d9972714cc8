package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table is a Markdown table. Columns whose heading begins with a blank are text, set to the
// left; the others are numbers.
type table struct {
	head []string
	rows [][]string
}

// add appends a row; it has as many cells as there are headings.
func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write writes the table with its columns padded to the same width.
func (t *table) write(w io.Writer) {
	width := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(strings.TrimSpace(c)), 3)
		}
	}
	line := func(row []string) {
		for i, c := range row {
			c = strings.TrimSpace(c)
			space := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
			if t.text(i) {
				c += space
			} else {
				c = space + c
			}
			fmt.Fprintf(w, "| %s ", c)
		}
		fmt.Fprintln(w, "|")
	}
	line(t.head)
	for i := range t.head {
		rule := strings.Repeat("-", width[i])
		if !t.text(i) {
			rule = rule[1:] + ":"
		}
		fmt.Fprintf(w, "| %s ", rule)
	}
	fmt.Fprintln(w, "|")
	for _, row := range t.rows {
		line(row)
	}
}

func (t *table) text(column int) bool { return strings.HasPrefix(t.head[column], " ") }
