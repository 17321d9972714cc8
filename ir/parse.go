package ir

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"mspecc/spec"
)

// Parse reads the text form that Print writes. file is named in errors. Lines that are
// empty or only a comment are skipped.
func Parse(file, text string) (*Program, error) {
	p := &parser{prog: &Program{B: NewBuilder()}, values: map[int]*Value{}}
	for i, line := range strings.Split(text, "\n") {
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, i+1, err)
		}
	}
	return p.prog, Verify(p.prog)
}

type parser struct {
	prog   *Program
	values map[int]*Value // by the number they have in the text
	rest   string         // of the line
}

func (p *parser) line(line string) error {
	code, comment := cutComment(line)
	p.rest = strings.TrimSpace(code)
	switch {
	case p.rest == "":
		return nil
	case strings.HasPrefix(p.rest, "output"):
		return p.output()
	}
	b := p.prog.B
	var err error
	if b.Pos, b.Label, b.Phase, err = parseComment(comment); err != nil {
		return err
	}
	return p.value()
}

// cutComment splits a line at the first // outside quotes.
func cutComment(line string) (code, comment string) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch {
		case quoted && line[i] == '\\':
			i++
		case line[i] == '"':
			quoted = !quoted
		case !quoted && strings.HasPrefix(line[i:], "//"):
			return line[:i], line[i+2:]
		}
	}
	return line, ""
}

var position = regexp.MustCompile(`^(.*):(\d+):(\d+)$`)

// parseComment reads position, label and phase, each of which may be missing.
func parseComment(s string) (pos spec.Pos, label string, phase Phase, err error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return pos, "", Forward, nil
	}
	i := strings.LastIndexByte(s, ' ')
	word := s[i+1:]
	for phase = Forward; phase < Phases && phase.String() != word; phase++ {
	}
	if phase == Phases {
		return pos, "", 0, fmt.Errorf("the comment must end with a phase such as %s, not %q", Forward, word)
	}
	if s = strings.TrimSpace(s[:max(i, 0)]); s == "" {
		return pos, "", phase, nil
	}
	if s, label, err = cutLabel(s); err != nil || s == "" {
		return pos, label, phase, err
	}
	m := position.FindStringSubmatch(s)
	if m == nil {
		return pos, "", 0, fmt.Errorf("expected file:line:column, not %q", s)
	}
	if pos.File = m[1]; strings.HasPrefix(pos.File, `"`) {
		if pos.File, err = strconv.Unquote(m[1]); err != nil {
			return pos, "", 0, fmt.Errorf("unfinished name of a file in %q", s)
		}
	}
	pos.Line, _ = strconv.Atoi(m[2])
	pos.Col, _ = strconv.Atoi(m[3])
	return pos, label, phase, nil
}

// cutLabel takes the label, quoted or a word without colon, from the end of s.
func cutLabel(s string) (rest, label string, err error) {
	if strings.HasSuffix(s, `"`) {
		for i := strings.LastIndex(s[:len(s)-1], `"`); i >= 0; i = strings.LastIndex(s[:i], `"`) {
			if i > 0 && s[i-1] == '\\' { // a quote within the label
				continue
			}
			if label, err = strconv.Unquote(s[i:]); err == nil {
				return strings.TrimSpace(s[:i]), label, nil
			}
		}
		return "", "", fmt.Errorf("unfinished label in %q", s)
	}
	i := strings.LastIndexByte(s, ' ')
	if word := s[i+1:]; !strings.Contains(word, ":") {
		return strings.TrimSpace(s[:max(i, 0)]), word, nil
	}
	return s, "", nil
}

// output reads: output "name" = %7
func (p *parser) output() error {
	p.rest = strings.TrimPrefix(p.rest, "output")
	name, err := p.quoted()
	if err != nil {
		return err
	}
	if err := p.expect("="); err != nil {
		return err
	}
	v, err := p.ref()
	if err != nil {
		return err
	}
	p.prog.Outputs = append(p.prog.Outputs, Output{name, v})
	return p.end()
}

// value reads: %7: f32[4] = sum %3 {axes: [1]}
func (p *parser) value() error {
	id, err := p.number()
	if err != nil {
		return err
	}
	if p.values[id] != nil {
		return fmt.Errorf("%%%d is defined twice", id)
	}
	if err := p.expect(":"); err != nil {
		return err
	}
	t, err := p.parseType()
	if err != nil {
		return err
	}
	if err := p.expect("="); err != nil {
		return err
	}
	op, err := p.op()
	if err != nil {
		return err
	}
	var args []*Value
	for strings.HasPrefix(p.rest, "%") {
		a, err := p.ref()
		if err != nil {
			return err
		}
		args = append(args, a)
	}
	var attr Attr
	if err := p.attributes(op, &attr); err != nil {
		return err
	}
	if err := p.end(); err != nil {
		return err
	}
	p.values[id], err = p.prog.B.checked(op, t, attr, args)
	return err
}

// checked builds a value whose type is already written down.
func (b *Builder) checked(op Op, t Type, attr Attr, args []*Value) (*Value, error) {
	u, err := typeOf(op, t, &attr, args)
	switch {
	case err != nil:
		return nil, err
	case !u.Equal(t):
		return nil, fmt.Errorf("the type is written %s, but the arguments give %s", t, u)
	}
	var v *Value
	if e := Try(func() { v = b.Copy(&Value{Op: op, Type: t, Attr: attr}, args) }); e != nil {
		return nil, e
	}
	return v, nil
}

func (p *parser) skip() { p.rest = strings.TrimLeft(p.rest, " \t") }

func (p *parser) expect(token string) error {
	p.skip()
	if !strings.HasPrefix(p.rest, token) {
		return fmt.Errorf("expected %q before %q", token, clip(p.rest))
	}
	p.rest = p.rest[len(token):]
	p.skip()
	return nil
}

func (p *parser) end() error {
	if p.skip(); p.rest != "" {
		return fmt.Errorf("unexpected %q at the end", clip(p.rest))
	}
	return nil
}

func clip(s string) string {
	if len(s) > 20 {
		return s[:20] + "..."
	}
	return s
}

// word takes the longest prefix of bytes from set.
func (p *parser) word(set string) string {
	p.skip()
	n := 0
	for n < len(p.rest) && strings.IndexByte(set, p.rest[n]) >= 0 {
		n++
	}
	w := p.rest[:n]
	p.rest = p.rest[n:]
	return w
}

const (
	digits  = "0123456789"
	letters = "abcdefghijklmnopqrstuvwxyz_"
	numeric = digits + "+-.eEaInNfF" // also NaN and Inf
)

// number reads %7.
func (p *parser) number() (int, error) {
	if err := p.expect("%"); err != nil {
		return 0, err
	}
	return p.int()
}

func (p *parser) ref() (*Value, error) {
	id, err := p.number()
	if err != nil {
		return nil, err
	}
	v := p.values[id]
	if v == nil {
		return nil, fmt.Errorf("%%%d is not defined above", id)
	}
	p.skip()
	return v, nil
}

func (p *parser) int() (int, error) {
	w := p.word(digits + "-")
	n, err := strconv.Atoi(w)
	if err != nil {
		return 0, fmt.Errorf("expected a number before %q", clip(w+p.rest))
	}
	return n, nil
}

func (p *parser) parseType() (Type, error) {
	var t Type
	switch w := p.word("bfix1236"); w {
	case "f32":
	case "i32":
		t.DType = I32
	case "bf16x2":
		t.DType = BF16x2
	default:
		return t, fmt.Errorf("expected f32, i32 or bf16x2, not %q", clip(w+p.rest))
	}
	var err error
	t.Shape, err = list(p, p.int)
	return t, err
}

// list reads [a, b, ...].
func list[T any](p *parser, element func() (T, error)) ([]T, error) {
	if err := p.expect("["); err != nil {
		return nil, err
	}
	var out []T
	for !strings.HasPrefix(p.rest, "]") {
		if len(out) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		x, err := element()
		if err != nil {
			return nil, err
		}
		out = append(out, x)
		p.skip()
	}
	return out, p.expect("]")
}

func (p *parser) op() (Op, error) {
	w := p.word(letters)
	p.skip()
	for _, op := range Ops() {
		if op.String() == w {
			return op, nil
		}
	}
	return 0, fmt.Errorf("no operation is called %q", w)
}

func (p *parser) quoted() (string, error) {
	p.skip()
	q, err := strconv.QuotedPrefix(p.rest)
	if err != nil {
		return "", fmt.Errorf("expected a quoted name before %q", clip(p.rest))
	}
	p.rest = p.rest[len(q):]
	return strconv.Unquote(q)
}

func (p *parser) float() (float64, error) {
	w := p.word(numeric)
	x, err := strconv.ParseFloat(w, 64)
	if err != nil {
		return 0, fmt.Errorf("expected a number before %q", clip(w+p.rest))
	}
	return x, nil
}

// attributes reads {key: value, ...}; every field that is not optional must be there.
func (p *parser) attributes(op Op, attr *Attr) error {
	missing := fields(op, attr)
	if p.skip(); strings.HasPrefix(p.rest, "{") {
		p.rest = p.rest[1:]
		for first := true; ; first = false {
			if p.skip(); strings.HasPrefix(p.rest, "}") {
				p.rest = p.rest[1:]
				break
			}
			if !first {
				if err := p.expect(","); err != nil {
					return err
				}
			}
			if err := p.attribute(op, &missing); err != nil {
				return err
			}
		}
	}
	for _, f := range missing {
		if !f.optional() {
			return fmt.Errorf("%s needs the attribute %q", op, f.key)
		}
	}
	return nil
}

func (p *parser) attribute(op Op, missing *[]field) error {
	key := p.word(letters)
	if err := p.expect(":"); err != nil {
		return err
	}
	for i, f := range *missing {
		if f.key == key {
			*missing = append((*missing)[:i:i], (*missing)[i+1:]...)
			return p.read(f)
		}
	}
	return fmt.Errorf("%s has no attribute %q, or has it twice", op, key)
}

func (p *parser) read(f field) (err error) {
	switch {
	case f.ints != nil:
		*f.ints, err = list(p, p.int)
	case f.int != nil:
		*f.int, err = p.int()
	case f.float != nil:
		*f.float, err = p.float()
	case f.text != nil:
		*f.text, err = p.quoted()
	default:
		*f.table, err = list(p, p.float)
	}
	return err
}
