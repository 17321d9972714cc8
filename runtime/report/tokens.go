package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Marks of hidden tokens in a text.
const (
	hiddenMark = "·" // not seen
	wrongMark  = "^" // below a token that was filled in wrongly
)

// letter is how a token is written: by the layout's letters, else its number.
func (l Layout) letter(id float32) string {
	if i := int(id); i >= 0 && i < len(l.Letters) {
		return l.Letters[i]
	}
	return strconv.Itoa(int(id))
}

// textLine is one line of an aligned text, a cell for each token.
type textLine struct {
	name  string
	cells []string
	ink   []string // of each cell, "" for none; nil where no cell has one
}

// Colours of a terminal.
const (
	inkRight, inkWrong, inkFaint, inkEnd = "\x1b[32m", "\x1b[31m", "\x1b[2m", "\x1b[0m"
)

// lines are an example as aligned text: the original, what the model saw, and what it filled in
// before and after adaptation, with a mark below what is wrong.
func (p *Panel) lines(e Example) []textLine {
	n := len(e.Mask)
	original, seen := textLine{name: "original"}, textLine{name: "visible", ink: make([]string, n)}
	for t, m := range e.Mask {
		original.cells = append(original.cells, p.letter(e.Target[t]))
		seen.cells = append(seen.cells, p.letter(e.Target[t]))
		if m > 0.5 {
			seen.cells[t], seen.ink[t] = hiddenMark, inkFaint
		}
	}
	list := []textLine{original, seen}
	for i, filled := range [][]float32{e.Reconstruction, e.Adapted} {
		line, marks := textLine{name: [2]string{"reconstruction", "after adaptation"}[i], ink: make([]string, n)}, textLine{cells: make([]string, n)}
		for t, m := range e.Mask {
			line.cells = append(line.cells, p.letter(e.Target[t]))
			if m <= 0.5 {
				continue
			}
			line.cells[t], line.ink[t] = p.letter(filled[t]), inkRight
			if filled[t] != e.Target[t] {
				marks.cells[t], line.ink[t] = wrongMark, inkWrong
			}
		}
		list = append(list, line, marks)
	}
	return list
}

// Text writes the examples of tokens as aligned text, wrapped at a number of columns; colour
// also shows right and wrong in a terminal's green and red.
func (p *Panel) Text(w io.Writer, columns int, colour bool) error {
	for i, e := range p.Rows {
		list := p.lines(e)
		cell, head := 1, 0
		for _, l := range list {
			head = max(head, utf8.RuneCountInString(l.name))
			for _, c := range l.cells {
				cell = max(cell, utf8.RuneCountInString(c))
			}
		}
		apart := ""
		if cell > 1 {
			apart = " "
		}
		perRow := max(1, (columns-head-2)/(cell+len(apart)))
		if _, err := fmt.Fprintf(w, "example %d\n", i+1); err != nil {
			return err
		}
		for first := 0; first < len(e.Mask); first += perRow {
			last := min(first+perRow, len(e.Mask))
			for _, l := range list {
				if _, err := io.WriteString(w, l.text(head, cell, apart, first, last, colour)); err != nil {
					return err
				}
			}
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
	}
	return nil
}

// text is the part of a line from token first to before token last; "" for marks where there are none.
func (l textLine) text(head, cell int, apart string, first, last int, colour bool) string {
	var b strings.Builder
	empty := l.name == ""
	b.WriteString(pad(l.name, head) + "  ")
	for t := first; t < last; t++ {
		empty = empty && l.cells[t] == ""
		text := pad(l.cells[t], cell)
		if colour && l.ink != nil && l.ink[t] != "" {
			text = l.ink[t] + text + inkEnd
		}
		b.WriteString(text + apart)
	}
	if empty {
		return ""
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

// pad fills a text with blanks up to a number of characters.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}
