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

// word is how a token is written: as the layout says, else its number.
func (l Layout) word(id float32) string {
	if w, ok := l.Words[int(id)]; ok {
		return w
	}
	return strconv.Itoa(int(id))
}

// Mark says what a cell of a text holds.
type Mark int

// The marks.
const (
	Plain      Mark = iota
	NotSeen         // a token that the model did not see
	RightGuess      // a token that it filled in rightly
	WrongGuess      // and one that it did not
)

// Terminal paints a cell in a terminal's colours.
func Terminal(text string, m Mark) string {
	if m == Plain {
		return text
	}
	return map[Mark]string{NotSeen: "\x1b[2m", RightGuess: "\x1b[32m", WrongGuess: "\x1b[31m"}[m] + text + "\x1b[0m"
}

// textLine is one line of an aligned text, a cell for each token.
type textLine struct {
	name  string
	cells []string
	marks []Mark
}

// lines are an example as aligned text: the original, what the model saw, and what it filled in
// before and, where there is an inner loop, after adaptation, with a mark below what is wrong.
func (p *Panel) lines(e Example) []textLine {
	n := len(e.Mask)
	line := func(name string) textLine { return textLine{name, make([]string, n), make([]Mark, n)} }
	original, seen := line("original"), line("visible")
	for t, m := range e.Mask {
		original.cells[t] = p.word(e.Target[t])
		seen.cells[t] = original.cells[t]
		if m > 0.5 {
			seen.cells[t], seen.marks[t] = hiddenMark, NotSeen
		}
	}
	list := []textLine{original, seen}
	guesses := [][]float32{e.Reconstruction, e.Adapted}
	if p.Plain {
		guesses = guesses[:1]
	}
	for i, filled := range guesses {
		guess, below := line([2]string{"reconstruction", "after adaptation"}[i]), line("")
		for t, m := range e.Mask {
			guess.cells[t] = p.word(e.Target[t])
			if m <= 0.5 {
				continue
			}
			guess.cells[t], guess.marks[t] = p.word(filled[t]), RightGuess
			if filled[t] != e.Target[t] {
				below.cells[t], guess.marks[t] = wrongMark, WrongGuess
			}
		}
		list = append(list, guess, below)
	}
	return list
}

// Text writes the examples of tokens as aligned text, wrapped at a number of columns. Paint,
// where it is given, makes of every piece of text what is to be written.
func (p *Panel) Text(w io.Writer, columns int, paint func(text string, m Mark) string) error {
	if paint == nil {
		paint = func(text string, _ Mark) string { return text }
	}
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
				if _, err := io.WriteString(w, l.text(head, cell, apart, first, last, paint)); err != nil {
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
func (l textLine) text(head, cell int, apart string, first, last int, paint func(string, Mark) string) string {
	var b strings.Builder
	empty := l.name == ""
	b.WriteString(paint(pad(l.name, head), Plain) + "  ")
	for t := first; t < last; t++ {
		empty = empty && l.cells[t] == ""
		b.WriteString(paint(pad(l.cells[t], cell), l.marks[t]) + apart)
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
