package loop

import (
	"fmt"
	"strconv"
	"strings"
)

// Parse reads the text form of a kernel and verifies it. Errors name the line.
func Parse(text string) (*Kernel, error) {
	p := &parser{k: &Kernel{}}
	p.open = []*[]Stmt{&p.k.Body}
	for i, line := range strings.Split(text, "\n") {
		if err := p.line(strings.TrimSpace(line)); err != nil {
			return nil, fmt.Errorf("line %d: %w: %q", i+1, err, strings.TrimSpace(line))
		}
	}
	if len(p.open) != 1 {
		return nil, fmt.Errorf("%d blocks are not closed", len(p.open)-1)
	}
	return p.k, Verify(p.k)
}

type parser struct {
	k    *Kernel
	open []*[]Stmt // blocks that are being read, the innermost last
	ifs  []*If     // the If of each open block, nil for loops

	words []string
	err   error
}

func (p *parser) emit(s Stmt) {
	body := p.open[len(p.open)-1]
	*body = append(*body, s)
}

func (p *parser) enter(body *[]Stmt, s *If) {
	p.open, p.ifs = append(p.open, body), append(p.ifs, s)
}

// next takes the next word of the line.
func (p *parser) next() string {
	if len(p.words) == 0 {
		if p.err == nil {
			p.err = fmt.Errorf("the line ends too early")
		}
		return ""
	}
	w := p.words[0]
	p.words = p.words[1:]
	return w
}

// has takes the next word if it is w.
func (p *parser) has(w string) bool {
	if len(p.words) > 0 && p.words[0] == w {
		p.words = p.words[1:]
		return true
	}
	return false
}

func (p *parser) expect(w string) {
	if got := p.next(); got != w && p.err == nil {
		p.err = fmt.Errorf("expected %q instead of %q", w, got)
	}
}

func (p *parser) number() int { return p.numbered("") }

// numbered takes a number with a prefix, such as v3.
func (p *parser) numbered(prefix string) int {
	w := p.next()
	digits, ok := strings.CutPrefix(w, prefix)
	n, err := strconv.Atoi(digits)
	if (!ok || err != nil) && p.err == nil {
		p.err = fmt.Errorf("expected %s and a number instead of %q", strconv.Quote(prefix), w)
	}
	return n
}

// line reads one line.
func (p *parser) line(line string) error {
	switch {
	case line == "":
		return nil
	case strings.HasPrefix(line, "// "):
		p.k.Doc = append(p.k.Doc, line[3:])
		return nil
	case strings.HasPrefix(line, "# "):
		p.emit(&Comment{line[2:]})
		return nil
	}
	words, err := split(line)
	if err != nil {
		return err
	}
	p.words, p.err = words, nil
	switch w := p.next(); w {
	case "kernel":
		p.k.Name = p.next()
		p.expect("lanes")
		p.k.Lanes = p.number()
		if p.has("scratch") {
			p.k.Scratch = p.number()
		}
	case "operands":
		p.k.Operands, p.words = p.words, nil
	case "counts":
		p.k.Counts, p.words = p.words, nil
	case "loop":
		p.loop()
	case "if":
		p.branch()
	case "}":
		p.close()
	default:
		p.words = words
		p.statement()
	}
	if p.err == nil && len(p.words) > 0 {
		p.err = fmt.Errorf("unexpected %q", p.words[0])
	}
	return p.err
}

// split cuts a line into words, quoted names and punctuation; commas are
// dropped.
func split(line string) ([]string, error) {
	var words []string
	for line = strings.TrimLeft(line, " \t,"); line != ""; line = strings.TrimLeft(line, " \t,") {
		if line[0] == '"' {
			q, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("a name is not closed")
			}
			name, _ := strconv.Unquote(q)
			words, line = append(words, name), line[len(q):]
			continue
		}
		n := strings.IndexAny(line, " \t,[]")
		switch {
		case n == 0:
			n = 1
		case n < 0:
			n = len(line)
		}
		words, line = append(words, line[:n]), line[n:]
	}
	return words, nil
}

func (p *parser) loop() {
	l := &Loop{Label: p.next()}
	l.Down = p.has("down")
	if !l.Down {
		p.expect("up")
	}
	l.N = N(p.numbered("n"))
	if !l.Down {
		p.expect("limit")
		l.Limit = p.number()
	}
	p.expect("step")
	l.Step = p.number()
	p.expect("{")
	p.emit(l)
	p.enter(&l.Body, nil)
}

func (p *parser) branch() {
	s := &If{Label: p.next(), N: N(p.numbered("n"))}
	p.expect("==")
	s.Equal = p.number()
	p.expect("{")
	p.emit(s)
	p.enter(&s.Then, s)
}

func (p *parser) close() {
	if len(p.ifs) == 0 {
		p.err = fmt.Errorf("no block is open")
		return
	}
	s := p.ifs[len(p.ifs)-1]
	p.open, p.ifs = p.open[:len(p.open)-1], p.ifs[:len(p.ifs)-1]
	if p.has("else") {
		p.expect("{")
		if s == nil {
			p.err = fmt.Errorf("else without if")
			return
		}
		p.enter(&s.Else, nil)
	}
}

func (p *parser) statement() {
	if len(p.words) > 1 && p.words[1] == "=" && !strings.HasPrefix(p.words[0], "v") {
		p.scalar()
		return
	}
	s := &Instr{Stride: 1}
	if len(p.words) > 1 && p.words[1] == "=" {
		s.Dst = V(p.numbered("v"))
		p.expect("=")
	}
	s.Op = Op(p.next())
	for len(p.words) > 0 && p.err == nil {
		switch {
		case p.has("["):
			p.address(&s.Mem)
		case p.has("stride"):
			s.Stride = p.number()
		case p.has("i32"):
			s.Int = true
		case p.has("bf16"):
			s.Half = true
		case p.has("lanes"):
			s.Lanes = p.number()
		case p.has("lane"):
			s.Lane = p.number()
		case s.Op == OpTranspose:
			s.Block = append(s.Block, V(p.numbered("v")))
		default:
			s.Args = append(s.Args, p.arg())
		}
	}
	if s.Op != OpLoad && s.Op != OpStore {
		s.Stride = 0
	}
	p.emit(s)
}

func (p *parser) arg() Arg {
	if strings.HasPrefix(p.words[0], "v") {
		return Arg{V: V(p.numbered("v"))}
	}
	w := p.next()
	x, err := strconv.ParseFloat(w, 32)
	if err != nil {
		p.err = fmt.Errorf("%q is neither a register nor a number", w)
	}
	return Arg{Const: true, Imm: float32(x)}
}

func (p *parser) address(m *Mem) {
	m.P, m.Index = P(p.numbered("p")), NoIndex
	for p.has("+") {
		if len(p.words) > 0 && strings.HasPrefix(p.words[0], "n") {
			m.Index = N(p.numbered("n"))
		} else {
			m.Off = p.number()
		}
	}
	p.expect("]")
}

func (p *parser) scalar() {
	s := &Scalar{}
	if strings.HasPrefix(p.words[0], "n") {
		s.N = N(p.numbered("n"))
	} else {
		s.P = P(p.numbered("p"))
	}
	p.expect("=")
	s.Op = Op(p.next())
	if s.Op == OpMove {
		s.From = P(p.numbered("p"))
		p.expect("+")
	}
	s.Value = p.number()
	if s.Op == OpCount && p.has("-") {
		s.Less = p.number()
	}
	p.emit(s)
}
