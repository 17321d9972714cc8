package parser

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"mspecc/spec"
)

// Expr is the production of expressions. It is parsed by precedence climbing, because
// labels, slices and conditions share the colon and a grammar with one token of lookahead
// cannot tell them apart.
type Expr struct{ X spec.Expr }

// Parse implements participle.Parseable.
func (e *Expr) Parse(lex *lexer.PeekingLexer) error {
	if !startsExpr(lex.Peek()) {
		return participle.NextMatch
	}
	p := &exprParser{lex: lex}
	x, err := p.cond(true)
	e.X = x
	return err
}

func startsExpr(t *lexer.Token) bool {
	switch t.Type {
	case tokIdent, tokInt, tokFloat, tokString:
		return true
	case tokKeyword:
		return t.Value == "true" || t.Value == "false"
	case tokPunct:
		return slices.Contains([]string{"(", "[", "-", "!"}, t.Value)
	}
	return false
}

// Binary operators by how strongly they bind; all associate to the left, comparisons do
// not associate.
var precedence = map[string]int{
	"||": 1, "&&": 2,
	"==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3,
	"+": 4, "-": 4, "*": 5, "/": 5, "%": 5, "@": 6,
}

const comparison = 3

const maxLinks = 5000

// exprParser holds the state of one expression. Labels are off between "?" and ":" and in
// subscripts; brackets turn them on again.
type exprParser struct {
	lex   *lexer.PeekingLexer
	depth int
	links int // operators and postfixes so far; they nest the tree to the left
	last  lexer.Token
}

func (p *exprParser) is(text string) bool {
	t := p.lex.Peek()
	return t.Type == tokPunct && t.Value == text
}

func (p *exprParser) accept(text string) bool {
	if p.is(text) {
		p.next()
		return true
	}
	return false
}

func (p *exprParser) next() lexer.Token {
	p.last = *p.lex.Next()
	return p.last
}

func (p *exprParser) expect(text, what string) error {
	if !p.accept(text) {
		return p.unexpected(fmt.Sprintf("%q %s", text, what))
	}
	return nil
}

func (p *exprParser) unexpected(want string) error {
	return &participle.UnexpectedTokenError{Unexpected: *p.lex.Peek(), Expect: want}
}

// from is the range from a node's or token's start to the last token read.
func (p *exprParser) from(start spec.Pos) spec.Range {
	return spec.Range{Pos: start, End: tokenEnd(p.last)}
}

// enter limits the depth of recursion; the caller leaves.
func (p *exprParser) enter() error {
	if p.depth++; p.depth > 4*maxNesting {
		return participle.Errorf(p.lex.Peek().Pos, "the expression is nested too deeply")
	}
	return nil
}

// link limits how long a chain such as a + b + c or f(x)(y) may be.
func (p *exprParser) link() error {
	if p.links++; p.links > maxLinks {
		return participle.Errorf(p.lex.Peek().Pos, "the expression has more than %d operations", maxLinks)
	}
	return nil
}

// cond = binary [ "?" cond ":" cond ]
func (p *exprParser) cond(labels bool) (spec.Expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	c, err := p.binary(1, labels)
	if err != nil || !p.accept("?") {
		return c, err
	}
	x, err := p.cond(false)
	if err != nil {
		return nil, err
	}
	if err := p.expect(":", "and the other choice of the condition"); err != nil {
		return nil, err
	}
	y, err := p.cond(labels)
	if err != nil {
		return nil, err
	}
	return &spec.Cond{Range: p.from(c.Where().Pos), C: c, X: x, Y: y}, nil
}

// binary = unary { op unary } for operators that bind at least as strongly as least.
func (p *exprParser) binary(least int, labels bool) (spec.Expr, error) {
	x, err := p.unary(labels)
	for err == nil {
		op := *p.lex.Peek()
		level := precedence[op.Value]
		if op.Type != tokPunct || level < least || level == 0 {
			return x, nil
		}
		p.next()
		if err := p.link(); err != nil {
			return nil, err
		}
		y, err := p.binary(level+1, labels)
		if err != nil {
			return nil, err
		}
		x = &spec.Binary{Range: p.from(x.Where().Pos), Op: op.Value, X: x, Y: y}
		if level == comparison && precedence[p.lex.Peek().Value] == comparison && p.lex.Peek().Type == tokPunct {
			return nil, participle.Errorf(p.lex.Peek().Pos, "comparisons do not chain; join two with &&")
		}
	}
	return nil, err
}

// unary = ("-" | "!") unary | [ label ":" ] postfix
func (p *exprParser) unary(labels bool) (spec.Expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if p.is("-") || p.is("!") {
		op := p.next()
		x, err := p.unary(labels)
		if err != nil {
			return nil, err
		}
		return &spec.Unary{Range: p.from(toPos(op.Pos)), Op: op.Value, X: x}, nil
	}
	x, err := p.postfix()
	if err != nil || !labels || !p.is(":") {
		return x, err
	}
	path := labelPath(x)
	if path == nil {
		return x, nil
	}
	p.next()
	y, err := p.unary(true)
	if err != nil {
		return nil, err
	}
	return &spec.Label{Range: p.from(x.Where().Pos), Path: path, X: y}, nil
}

// labelPath reads a.b[i] as a label; nil if x is something else.
func labelPath(x spec.Expr) []*spec.LabelPart {
	switch x := x.(type) {
	case *spec.Ident:
		return []*spec.LabelPart{{Range: x.Range, Name: x.Name}}
	case *spec.Member:
		if path := labelPath(x.X); path != nil {
			return append(path, &spec.LabelPart{Range: x.Name.Range, Name: x.Name.Text})
		}
	case *spec.Index:
		path := labelPath(x.X)
		if path == nil || len(x.Subs) != 1 || x.Subs[0].Slice {
			return nil
		}
		return append(path, &spec.LabelPart{Range: x.Subs[0].Range, Index: x.Subs[0].Lo})
	}
	return nil
}

// postfix = primary { "(" args ")" | "[" subscripts "]" | "." name }
func (p *exprParser) postfix() (spec.Expr, error) {
	x, err := p.primary()
	for err == nil {
		start := x.Where().Pos
		if err := p.link(); err != nil {
			return nil, err
		}
		switch {
		case p.accept("("):
			var args []*spec.Arg
			if args, err = p.args(); err == nil {
				x = &spec.Call{Range: p.from(start), Fn: x, Args: args}
			}
		case p.accept("["):
			var subs []*spec.Sub
			if subs, err = p.subs(); err == nil {
				x = &spec.Index{Range: p.from(start), X: x, Subs: subs}
			}
		case p.accept("."):
			t := *p.lex.Peek()
			if t.Type != tokIdent {
				return nil, p.unexpected("a name")
			}
			p.next()
			x = &spec.Member{Range: p.from(start), X: x, Name: spec.Name{Range: tokenRange(t), Text: t.Value}}
		default:
			return x, nil
		}
	}
	return nil, err
}

func (p *exprParser) primary() (spec.Expr, error) {
	t := *p.lex.Peek()
	r := tokenRange(t)
	switch {
	case t.Type == tokIdent:
		p.next()
		return &spec.Ident{Range: r, Name: t.Value}, nil
	case t.Type == tokInt || t.Type == tokFloat:
		p.next()
		v, err := strconv.ParseFloat(t.Value, 64)
		if err != nil || t.Type == tokInt && v > 1<<53 {
			return nil, participle.Errorf(t.Pos, "the number %s is too large", t.Value)
		}
		return &spec.Number{Range: r, Text: t.Value, Value: v, Whole: t.Type == tokInt}, nil
	case t.Type == tokString:
		p.next()
		return &spec.Str{Range: r, Value: unquote(t.Value)}, nil
	case t.Type == tokKeyword && (t.Value == "true" || t.Value == "false"):
		p.next()
		return &spec.Bool{Range: r, Value: t.Value == "true"}, nil
	case p.accept("("):
		x, err := p.cond(true)
		if err != nil {
			return nil, err
		}
		return x, p.expect(")", "at the end of the bracketed expression")
	case p.accept("["):
		var elems []spec.Expr
		for !p.is("]") {
			x, err := p.cond(true)
			if err != nil {
				return nil, err
			}
			elems = append(elems, x)
			if !p.accept(",") {
				break
			}
		}
		err := p.expect("]", "or \",\" in the list")
		return &spec.List{Range: p.from(r.Pos), Elems: elems}, err
	}
	return nil, p.unexpected("an expression")
}

// args = [ arg { "," arg } [ "," ] ] ")", arg = [ name ":" ] cond
func (p *exprParser) args() ([]*spec.Arg, error) {
	var args []*spec.Arg
	for !p.is(")") {
		start, mark := *p.lex.Peek(), p.lex.MakeCheckpoint()
		var name *spec.Name
		if start.Type == tokIdent || start.Type == tokKeyword {
			p.lex.Next()
			if p.is(":") {
				p.next()
				name = &spec.Name{Range: tokenRange(start), Text: start.Value}
			} else {
				p.lex.LoadCheckpoint(mark)
			}
		}
		x, err := p.cond(true)
		if err != nil {
			return nil, err
		}
		args = append(args, &spec.Arg{Range: p.from(toPos(start.Pos)), Name: name, Value: x})
		if !p.accept(",") {
			break
		}
	}
	return args, p.expect(")", `or "," after the argument`)
}

// subs = sub { "," sub } "]", sub = cond | [ cond ] ":" [ cond ] [ ":" cond ]
func (p *exprParser) subs() ([]*spec.Sub, error) {
	var subs []*spec.Sub
	for {
		start := toPos(p.lex.Peek().Pos)
		s := &spec.Sub{}
		bound := func() (spec.Expr, error) {
			if startsExpr(p.lex.Peek()) {
				return p.cond(false)
			}
			return nil, nil
		}
		var err error
		if s.Lo, err = bound(); err != nil {
			return nil, err
		}
		if s.Slice = p.accept(":"); s.Slice {
			if s.Hi, err = bound(); err != nil {
				return nil, err
			}
			if p.accept(":") {
				if s.Step, err = p.cond(false); err != nil {
					return nil, err
				}
			}
		} else if s.Lo == nil {
			return nil, p.unexpected("an index or a slice")
		}
		s.Range = p.from(start)
		subs = append(subs, s)
		if !p.accept(",") || p.is("]") {
			break
		}
	}
	return subs, p.expect("]", `or "," after the subscript`)
}
