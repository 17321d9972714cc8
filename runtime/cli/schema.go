package cli

import (
	"fmt"
	"strings"

	"mspecc/runtime/data"
)

// schemaLines say what a record of a data set consists of.
func schemaLines(s *data.Schema, line func(name, format string, args ...any)) {
	if s == nil {
		return
	}
	var groups, missing []string
	for lo := 0; lo < len(s.Columns); {
		hi, names := lo, []string(nil)
		for kind := kindOf(s.Columns[lo]); hi < len(s.Columns) && kindOf(s.Columns[hi]) == kind; hi++ {
			names = append(names, s.Columns[hi].Name)
		}
		groups = append(groups, shortList(names)+": "+kindOf(s.Columns[lo]))
		lo = hi
	}
	for _, c := range s.Columns {
		if c.Missing > 0 {
			missing = append(missing, fmt.Sprintf("%s in %d (%s)", c.Name, c.Missing, strings.Join(c.Marks, ", ")))
		}
	}
	if len(groups) > 0 {
		line("columns", "%s", strings.Join(groups[:min(len(groups), 12)], "; "))
	}
	if s.Window > 0 {
		line("window", "%d rows, samples in time", s.Window)
	}
	if s.Rate > 0 {
		line("rate", "%d samples a second", s.Rate)
	}
	switch s.Pictures {
	case data.ScaledSamples:
		line("samples", "0 to 1, from black to white")
	case data.StoredSamples:
		line("samples", "numbers as the files have them")
	}
	if s.Layout != "" {
		line("layout", "%s: the channels are last, and put first", s.Layout)
	}
	if len(missing) > 0 {
		line("missing", "%s", shortList(missing))
	}
}

// kindOf is the type and the shape of a column's values.
func kindOf(c data.Column) string {
	c.Name = ""
	return c.String()
}

// shortList lists names, without the middle ones where they are many.
func shortList(names []string) string {
	if n := len(names); n > 12 {
		return strings.Join(names[:10], ", ") + ", ..., " + names[n-1] + fmt.Sprintf(" (%d)", n)
	}
	return strings.Join(names, ", ")
}
