package parser

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2/lexer"

	"mspecc/spec"
)

// Format lays a spec out in the standard way: four blanks per open bracket, one blank
// around operators, at most one empty line, the = of neighbouring declarations below each
// other. Line breaks and comments stay where they are. The result has the same tokens, and
// formatting it again changes nothing. Sources with errors are returned as they are.
func Format(file string, src []byte) ([]byte, []spec.Diagnostic) {
	if _, diags := Parse(file, src); len(diags) > 0 {
		return src, diags
	}
	tokens, _ := scan(file, src)
	var f formatter
	for _, t := range tokens {
		if !t.EOF() {
			f.token(t)
		}
	}
	f.flush()
	align(f.lines)
	var out bytes.Buffer
	for _, l := range f.lines {
		out.WriteString(l.String())
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}

// line is one line of output, before the columns are aligned.
type line struct {
	indent  int
	text    string
	equals  int    // column of the = to align, -1: none
	group   string // lines are aligned with neighbours of the same group
	pad     int    // blanks to insert before the =
	comment string
}

func (l *line) String() string {
	text := l.text
	if l.pad > 0 {
		text = text[:l.equals] + strings.Repeat(" ", l.pad) + text[l.equals:]
	}
	if l.comment != "" {
		if text != "" {
			text += "  "
		}
		text += l.comment
	}
	if text == "" {
		return ""
	}
	return strings.Repeat("    ", l.indent) + text
}

// opened is an open bracket.
type opened struct {
	text   string
	index  bool // subscripts
	line   int  // output line it was opened on
	choice int  // "?" waiting for their ":"
}

// formatter turns tokens into lines.
type formatter struct {
	lines  []*line
	stack  []opened
	text   strings.Builder
	prev   lexer.Token // the token before the current one, on any line, no comment
	before lexer.Token // the one before prev
	unary  bool        // prev is a sign
	source int         // source line of the last token
	cur    *line
}

func (f *formatter) token(t lexer.Token) {
	if f.cur == nil || t.Pos.Line != f.source {
		f.flush()
		if len(f.lines) > 0 && t.Pos.Line > f.source+1 {
			f.lines = append(f.lines, &line{equals: -1})
		}
		f.cur = &line{indent: f.indent(t), equals: -1}
	}
	f.source = t.Pos.Line
	if t.Type == tokComment {
		f.cur.comment = comment(t.Value)
		return
	}
	sign := (t.Value == "-" || t.Value == "!") && t.Type == tokPunct && !endsOperand(f.prev)
	if f.text.Len() > 0 && f.spaced(t) {
		f.text.WriteByte(' ')
	}
	f.mark(t)
	f.text.WriteString(t.Value)
	f.track(t)
	f.before, f.prev, f.unary = f.prev, t, sign
}

// comment puts a blank after the slashes.
func comment(text string) string {
	body := strings.TrimPrefix(text, "//")
	if body != "" && !strings.HasPrefix(body, " ") && !strings.HasPrefix(body, "/") {
		return "// " + body
	}
	return text
}

func (f *formatter) flush() {
	if f.cur == nil {
		return
	}
	f.cur.text = f.text.String()
	f.text.Reset()
	f.lines = append(f.lines, f.cur)
	f.cur = nil
}

// mark remembers where a line has the = of a declaration.
func (f *formatter) mark(t lexer.Token) {
	switch {
	case f.text.Len() == 0 && t.Type == tokKeyword && (t.Value == "let" || t.Value == "fn"):
		f.cur.group = t.Value
	case t.Value == "=" && t.Type == tokPunct && f.cur.group != "" && f.cur.equals < 0 && f.depthHere() == 0:
		f.cur.equals = f.text.Len()
	}
}

// depthHere counts the brackets opened on the current line.
func (f *formatter) depthHere() int {
	n := 0
	for _, o := range f.stack {
		if o.line == len(f.lines) {
			n++
		}
	}
	return n
}

// track follows the brackets and conditions.
func (f *formatter) track(t lexer.Token) {
	if t.Type != tokPunct {
		return
	}
	switch t.Value {
	case "(", "[", "{":
		f.stack = append(f.stack, opened{text: t.Value, index: t.Value == "[" && f.subscripts(), line: len(f.lines)})
	case ")", "]", "}":
		if len(f.stack) > 0 {
			f.stack = f.stack[:len(f.stack)-1]
		}
	case "?":
		if len(f.stack) > 0 {
			f.stack[len(f.stack)-1].choice++
		}
	case ":":
		if n := len(f.stack); n > 0 && f.stack[n-1].choice > 0 {
			f.stack[n-1].choice--
		}
	}
}

// subscripts reports whether a [ after prev indexes it.
func (f *formatter) subscripts() bool {
	return endsOperand(f.prev) && f.before.Value != "param"
}

// endsOperand reports whether an operator after t would have t as its left side.
func endsOperand(t lexer.Token) bool {
	switch t.Type {
	case tokIdent, tokInt, tokFloat, tokString:
		return true
	case tokKeyword:
		return t.Value == "true" || t.Value == "false"
	}
	return t.Type == tokPunct && (t.Value == ")" || t.Value == "]")
}

// spaced reports whether a blank separates t from the token before it.
func (f *formatter) spaced(t lexer.Token) bool {
	p := f.prev
	if f.unary || p.Value == "(" || p.Value == "[" && p.Type == tokPunct || p.Value == "." && p.Type == tokPunct {
		return false
	}
	if p.Type == tokPunct && (p.Value == ".." || p.Value == "...") {
		return false
	}
	if p.Type == tokPunct && p.Value == ":" && f.inSlice() {
		return false
	}
	if t.Type != tokPunct {
		return true
	}
	switch t.Value {
	case ")", "]", ",", ".", "..":
		return false
	case "}":
		return p.Value != "{"
	case "(":
		return !endsOperand(p)
	case "[":
		return !endsOperand(p) || f.before.Value == "param"
	case ":":
		n := len(f.stack)
		return p.Value == "," || n > 0 && f.stack[n-1].choice > 0
	}
	return true
}

// inSlice reports whether a colon here belongs to a subscript.
func (f *formatter) inSlice() bool {
	n := len(f.stack)
	return n > 0 && f.stack[n-1].index
}

// indent is the level of a line that begins with t: one for every line with brackets still
// open, one more if a statement goes on.
func (f *formatter) indent(t lexer.Token) int {
	stack := f.stack
	for closing := t; len(stack) > 0 && closing.Type == tokPunct && strings.Contains(")]}", closing.Value); {
		stack = stack[:len(stack)-1]
		break
	}
	level, last := 0, -1
	for _, o := range stack {
		if o.line != last {
			level++
		}
		last = o.line
	}
	if f.continues(t) {
		level++
	}
	return level
}

// continues reports whether t goes on with an expression outside of all brackets of its own.
func (f *formatter) continues(t lexer.Token) bool {
	if f.prev.Value == "" || t.Type == tokComment {
		return false
	}
	inBlock := len(f.stack) == 0 || f.stack[len(f.stack)-1].text == "{"
	operator := func(t lexer.Token) bool {
		return t.Type == tokPunct && !strings.Contains("(){}[]", t.Value) && t.Value != "!"
	}
	return inBlock && (operator(f.prev) || operator(t))
}

// align puts the = of neighbouring lines of one group and indentation below each other.
func align(lines []*line) {
	for i := 0; i < len(lines); {
		j := i
		for j < len(lines) && lines[j].equals >= 0 && lines[j].group == lines[i].group && lines[j].indent == lines[i].indent {
			j++
		}
		if j > i+1 {
			alignRun(lines[i:j])
		}
		i = max(j, i+1)
	}
}

// alignRun aligns unless that would take many blanks.
func alignRun(run []*line) {
	widths := make([]int, len(run))
	for i, l := range run {
		widths[i] = utf8.RuneCountInString(l.text[:l.equals])
	}
	widest := slices.Max(widths)
	if widest-slices.Min(widths) > 16 {
		return
	}
	for i, l := range run {
		l.pad = widest - widths[i]
	}
}
