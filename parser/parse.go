package parser

import (
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"mspecc/spec"
)

// Parse reads one file. After a syntax error it goes on with the next declaration, so that
// several errors are reported at once; the tree then lacks the declarations in error.
func Parse(file string, src []byte) (*spec.File, []spec.Diagnostic) {
	f := &spec.File{Name: file}
	tokens, diags := scan(file, src)
	if len(diags) > 0 {
		return f, diags
	}
	for _, part := range split(tokens) {
		d, err := parseDeclaration(part)
		if err != nil {
			diags = append(diags, syntaxError(err))
		} else {
			d.add(f)
		}
		if len(diags) >= maxErrors {
			break
		}
	}
	return f, diags
}

func parseDeclaration(tokens []lexer.Token) (*declaration, error) {
	lex, err := lexer.Upgrade(&feed{tokens}, tokComment)
	if err != nil {
		return nil, err
	}
	return grammar().ParseFromLexer(lex)
}

// ParseExpr reads one expression, such as the value of --set name=value.
func ParseExpr(file string, src []byte) (spec.Expr, []spec.Diagnostic) {
	tokens, diags := scan(file, src)
	if len(diags) > 0 {
		return nil, diags
	}
	lex, err := lexer.Upgrade(&feed{tokens}, tokComment)
	if err != nil {
		return nil, []spec.Diagnostic{syntaxError(err)}
	}
	p := &exprParser{lex: lex}
	x, err := p.cond(true)
	if err == nil && !lex.Peek().EOF() {
		err = p.unexpected("nothing more")
	}
	if err != nil {
		return nil, []spec.Diagnostic{syntaxError(err)}
	}
	return x, nil
}

// split cuts the tokens before each declaration's first word; every part ends in EOF.
func split(tokens []lexer.Token) [][]lexer.Token {
	var parts [][]lexer.Token
	depth, start := 0, 0
	cut := func(end int) {
		part := tokens[start:end:end]
		for _, t := range part {
			if t.Type != tokComment {
				parts = append(parts, append(part, endOf(part)))
				break
			}
		}
		start = end
	}
	for i, t := range tokens {
		switch {
		case t.EOF():
			cut(i)
		case t.Type == tokPunct && strings.Contains("([{", t.Value):
			depth++
		case t.Type == tokPunct && strings.Contains(")]}", t.Value):
			depth--
		case depth == 0 && t.Type == tokKeyword && startsDeclaration(t.Value):
			cut(i)
		}
	}
	return parts
}

// endOf is the end of a part: a token behind its last one, on the same line.
func endOf(part []lexer.Token) lexer.Token {
	end := lexer.Token{Type: lexer.EOF}
	for _, t := range part {
		if t.Type != tokComment {
			end.Pos = t.Pos
			end.Pos.Column = tokenEnd(t).Col
		}
	}
	return end
}

func startsDeclaration(word string) bool {
	switch word {
	case "import", "modality", "kind", "model", "fn", "train":
		return true
	}
	return false
}

// syntaxError words a parse error for people.
func syntaxError(err error) spec.Diagnostic {
	var unexpected *participle.UnexpectedTokenError
	if errors.As(err, &unexpected) {
		t := unexpected.Unexpected
		want := "a declaration: import, modality, kind, model, fn or train"
		if unexpected.Expect != "" {
			want = unexpected.Expect
		} else if _, text, ok := strings.Cut(unexpected.Message(), "(expected "); ok {
			want = humanise(strings.TrimSuffix(text, ")"))
		}
		d := diag(t, "E003", "unexpected "+describe(t)+", expected "+want)
		if t.Type == tokKeyword && want == "a name" {
			d.Notes = []spec.Note{{Msg: fmt.Sprintf("%s is a word of the language and cannot be a name", t.Value)}}
		}
		return d
	}
	var perr participle.Error
	if errors.As(err, &perr) {
		return spec.Diagnostic{Pos: toPos(perr.Position()), Code: "E003", Msg: perr.Message()}
	}
	return spec.Diagnostic{Code: "E003", Msg: err.Error()}
}

func describe(t lexer.Token) string {
	switch t.Type {
	case lexer.EOF:
		return "end of the declaration"
	case tokString:
		return "string " + t.Value
	case tokInt, tokFloat:
		return "number " + t.Value
	}
	return fmt.Sprintf("%q", t.Value)
}

// humanise rewrites participle's description of what it wanted; of a sequence only the
// first item counts.
func humanise(want string) string {
	if !strings.HasPrefix(want, "(") {
		want, _, _ = strings.Cut(want, " (")
	}
	if first, _, ok := strings.Cut(want, " "); ok && strings.HasPrefix(want, `"`) && precise(first) && !strings.Contains(want, "|") {
		want = first
	}
	if want == `"}"` {
		return `"}" or a statement`
	}
	return strings.NewReplacer("<ident>", "a name", "<string>", "a string", "Expr", "an expression",
		"Name", "a name", "StringLit", "a string", "Declaration", "a declaration", "Block", "a block { ... }",
		"FuncParam", "an argument", "ShapePattern", "a shape [...]", "LetStmt", "let").Replace(want)
}

// precise reports whether a word is a quoted token and not the start of a sentence.
func precise(word string) bool { return len(word) > 2 && strings.HasSuffix(word, `"`) }

// Interpolated lists the expressions in braces in the message of a require statement.
func Interpolated(msg *spec.Str) []spec.Expr {
	var out []spec.Expr
	rest := msg.Value
	for {
		_, after, open := strings.Cut(rest, "{")
		inside, next, closed := strings.Cut(after, "}")
		if !open || !closed {
			return out
		}
		if x, diags := ParseExpr(msg.Pos.File, []byte(inside)); len(diags) == 0 {
			out = append(out, x)
		}
		rest = next
	}
}
