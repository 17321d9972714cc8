package spec

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// String writes FILE:LINE:COL; an unknown position is "?".
func (p Pos) String() string {
	if p.Line == 0 {
		if p.File != "" {
			return p.File
		}
		return "?"
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Known reports whether the position names a line.
func (p Pos) Known() bool { return p.Line > 0 }

// Before orders positions by file, line and column.
func (p Pos) Before(q Pos) bool {
	if p.File != q.File {
		return p.File < q.File
	}
	return p.Line < q.Line || p.Line == q.Line && p.Col < q.Col
}

// Severity tells whether a diagnostic stops the compilation.
type Severity uint8

// The severities.
const (
	Error Severity = iota
	Warning
)

func (s Severity) String() string { return [...]string{"error", "warning"}[s] }

// Diagnostic is one message about a source file.
type Diagnostic struct {
	Pos, End Pos // End is the place after the last character; zero: one character
	Severity Severity
	Code     string // such as E012; the codes are listed in language.md
	Msg      string
	Notes    []Note
}

// Note adds a fact to a diagnostic; it may have a place of its own.
type Note struct {
	Pos Pos
	Msg string
}

// Error writes the first line of the message.
func (d Diagnostic) Error() string {
	return fmt.Sprintf("%s: %s[%s]: %s", d.Pos, d.Severity, d.Code, d.Msg)
}

// HasErrors reports whether any diagnostic is an error.
func HasErrors(diags []Diagnostic) bool {
	return slices.ContainsFunc(diags, func(d Diagnostic) bool { return d.Severity == Error })
}

// Sort orders diagnostics by position and drops repetitions.
func Sort(diags []Diagnostic) []Diagnostic {
	slices.SortStableFunc(diags, func(a, b Diagnostic) int {
		switch {
		case a.Pos.Before(b.Pos):
			return -1
		case b.Pos.Before(a.Pos):
			return 1
		}
		return 0
	})
	type key struct {
		pos Pos
		msg string
	}
	seen := map[key]bool{}
	return slices.DeleteFunc(diags, func(d Diagnostic) bool {
		k := key{d.Pos, d.Msg}
		again := seen[k]
		seen[k] = true
		return again
	})
}

// Render writes diagnostics with the source line and a caret under the place. source
// gives the text of a file; nil reads it from disk. A source that cannot be had is left out.
func Render(w io.Writer, diags []Diagnostic, source func(file string) []byte) {
	if source == nil {
		source = func(file string) []byte {
			if text, ok := StdFile(strings.TrimSuffix(file, ".mspec")); ok {
				return text
			}
			text, _ := ReadFile(file)
			return text
		}
	}
	lines := map[string][]string{}
	for i, d := range diags {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, d.Error())
		if text, ok := sourceLine(lines, source, d.Pos); ok {
			writeCaret(w, text, d.Pos, d.End)
		}
		for _, n := range d.Notes {
			if n.Pos.Known() {
				fmt.Fprintf(w, "  note: %s: %s\n", n.Pos, n.Msg)
			} else {
				fmt.Fprintf(w, "  note: %s\n", n.Msg)
			}
		}
	}
}

func sourceLine(lines map[string][]string, source func(string) []byte, p Pos) (string, bool) {
	if !p.Known() {
		return "", false
	}
	if _, ok := lines[p.File]; !ok {
		lines[p.File] = splitLines(source(p.File))
	}
	if p.Line > len(lines[p.File]) {
		return "", false
	}
	text := lines[p.File][p.Line-1]
	return text, utf8.ValidString(text) && len(text) < 400
}

func splitLines(text []byte) []string {
	var out []string
	s := bufio.NewScanner(strings.NewReader(string(text)))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		out = append(out, s.Text())
	}
	return out
}

// writeCaret writes the line with tabs as spaces and marks from..end of it.
func writeCaret(w io.Writer, text string, from, end Pos) {
	gutter := fmt.Sprintf("%5d | ", from.Line)
	fmt.Fprintf(w, "%s%s\n", gutter, strings.ReplaceAll(text, "\t", "    "))
	indent, width := 0, 1
	for i, r := range []rune(text) {
		n := 1
		if r == '\t' {
			n = 4
		}
		switch {
		case i+1 < from.Col:
			indent += n
		case end.Line == from.Line && i+1 > from.Col && i+1 < end.Col:
			width += n
		}
	}
	fmt.Fprintf(w, "%s| %s^%s\n", strings.Repeat(" ", len(gutter)-2), strings.Repeat(" ", indent), strings.Repeat("~", width-1))
}

// Suggest returns the candidate that name is most likely a misspelling of, or "".
func Suggest(name string, candidates []string) string {
	best, least := "", max(1, len(name)/3)+1
	sorted := slices.Clone(candidates)
	slices.Sort(sorted)
	for _, c := range sorted {
		if d := distance(strings.ToLower(name), strings.ToLower(c)); d < least && c != name {
			best, least = c, d
		}
	}
	return best
}

// DidYouMean is a note that suggests a name, or nothing.
func DidYouMean(name string, candidates []string) []Note {
	if s := Suggest(name, candidates); s != "" {
		return []Note{{Msg: fmt.Sprintf("did you mean %q?", s)}}
	}
	return nil
}

// distance is the number of letters to insert, delete, replace or swap with a neighbour.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
