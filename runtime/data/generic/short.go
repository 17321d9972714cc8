package generic

import (
	"fmt"
	"strings"
)

// shorts says what becomes of recordings that are shorter than a window.
type shorts int

const (
	shortSkip shorts = iota // they are counted and named
	shortPad
	shortError
)

// recording are the rows of one file and one group.
type recording struct{ table, group int }

// tellShort counts the recordings of which no window can be cut, and names some.
func (x *index) tellShort() error {
	p := x.p
	if p.window == 0 {
		return nil
	}
	rows, examples := map[recording]int{}, map[recording]int{}
	var order []recording
	for _, g := range x.segs {
		r := recording{g.table, g.group}
		if _, known := rows[r]; !known {
			order = append(order, r)
		}
		rows[r] += g.hi - g.lo
		if g.hi-g.lo >= p.window {
			examples[r]++
		}
	}
	var short []string
	for _, r := range order {
		if examples[r] > 0 {
			continue
		}
		name := x.tables[r.table].name()
		if p.column() != "" {
			name += ", " + p.by + " " + x.names[r.group]
		}
		if p.short == shortError {
			return x.s.Fail(name, "", fmt.Sprintf("has %d good rows, of which none %d follow each other, one window", rows[r], p.window), "use a shorter window, the option missing, or say short: pad or skip")
		}
		short = append(short, fmt.Sprintf("%s (%d)", name, rows[r]))
	}
	if len(short) == 0 {
		return nil
	}
	what := "give no example; short: pad would fill them up"
	if p.short == shortPad {
		what = "are filled up"
	}
	names := strings.Join(short[:min(len(short), 5)], ", ")
	if len(short) > 5 {
		names += ", ..."
	}
	x.s.Note("%d of %d recordings have no %d good rows in a row, one window, and %s: %s", len(short), len(order), p.window, what, names)
	return nil
}
