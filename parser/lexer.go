// Package parser reads and formats specs.
package parser

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2/lexer"

	"mspecc/spec"
)

// The token types, as participle knows them.
const (
	tokIdent lexer.TokenType = iota + 1
	tokKeyword
	tokInt
	tokFloat
	tokString
	tokPunct
	tokComment
)

var symbols = map[string]lexer.TokenType{
	"EOF": lexer.EOF, "Ident": tokIdent, "Keyword": tokKeyword, "Int": tokInt, "Float": tokFloat,
	"String": tokString, "Punct": tokPunct, "Comment": tokComment,
}

// Keywords cannot be used as names.
var keywords = []string{
	"else", "expose", "false", "fn", "for", "if", "import", "in", "kind", "let", "modality", "model",
	"param", "report", "require", "return", "set", "train", "true",
}

// Longer operators come first.
var operators = []string{
	"...", "..", "<=", ">=", "==", "!=", "&&", "||",
	"+", "-", "*", "/", "%", "@", "<", ">", "=", "!", "?", ":", ",", ".", "(", ")", "[", "]", "{", "}",
}

// What a file may contain at most; far above any real spec.
const (
	maxNesting = 200 // open brackets
	maxErrors  = 20  // diagnostics per file
)

// scanner splits a source into tokens.
type scanner struct {
	src       string
	at        int // byte offset
	line, col int
	file      string
	tokens    []lexer.Token
	diags     []spec.Diagnostic
}

// scan splits src into tokens with comments. It goes on after an error.
func scan(file string, src []byte) ([]lexer.Token, []spec.Diagnostic) {
	s := &scanner{src: string(src), line: 1, col: 1, file: file}
	switch {
	case len(src) > spec.MaxFile:
		s.fail(s.pos(), "E001", "the file has %d bytes; a spec has at most %d", len(src), spec.MaxFile)
	case slices.Contains(src, 0):
		s.fail(s.pos(), "E001", "this is not a text file: it contains zero bytes")
	case !utf8.Valid(src):
		s.skipValid()
		s.fail(s.pos(), "E001", "invalid UTF-8: byte 0x%02x; save the file as UTF-8", s.src[s.at])
	default:
		for s.next() && len(s.diags) < maxErrors {
		}
		s.checkNesting()
	}
	s.emit(lexer.EOF, "", s.pos())
	return s.tokens, s.diags
}

// skipValid moves to the first invalid byte.
func (s *scanner) skipValid() {
	for s.at < len(s.src) {
		if r, n := utf8.DecodeRuneInString(s.src[s.at:]); r == utf8.RuneError && n == 1 {
			return
		}
		s.advance()
	}
}

func (s *scanner) pos() lexer.Position {
	return lexer.Position{Filename: s.file, Offset: s.at, Line: s.line, Column: s.col}
}

func (s *scanner) fail(p lexer.Position, code, format string, args ...any) {
	end := toPos(s.pos())
	s.diags = append(s.diags, spec.Diagnostic{Pos: toPos(p), End: end, Code: code, Msg: fmt.Sprintf(format, args...)})
}

func (s *scanner) emit(t lexer.TokenType, text string, p lexer.Position) {
	s.tokens = append(s.tokens, lexer.Token{Type: t, Value: text, Pos: p})
}

// advance moves over one character.
func (s *scanner) advance() rune {
	r, n := utf8.DecodeRuneInString(s.src[s.at:])
	s.at += n
	s.col++
	if r == '\n' {
		s.line, s.col = s.line+1, 1
	}
	return r
}

func (s *scanner) peek() rune {
	r, _ := utf8.DecodeRuneInString(s.src[s.at:])
	return r
}

// take moves over the characters that ok accepts.
func (s *scanner) take(ok func(rune) bool) {
	for s.at < len(s.src) && ok(s.peek()) {
		s.advance()
	}
}

func isSpace(r rune) bool  { return r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\uFEFF' }
func isDigit(r rune) bool  { return '0' <= r && r <= '9' }
func isLetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '_' }
func isWord(r rune) bool   { return isLetter(r) || isDigit(r) }

// next reads one token; false at the end.
func (s *scanner) next() bool {
	s.take(isSpace)
	if s.at == len(s.src) {
		return false
	}
	start, p, rest := s.at, s.pos(), s.src[s.at:]
	switch r := s.peek(); {
	case strings.HasPrefix(rest, "//"):
		s.take(func(r rune) bool { return r != '\n' })
		s.emit(tokComment, strings.TrimRight(s.src[start:s.at], " \t\r"), p)
	case isLetter(r):
		s.take(isWord)
		word, t := s.src[start:s.at], tokIdent
		if slices.Contains(keywords, word) {
			t = tokKeyword
		}
		s.emit(t, word, p)
	case isDigit(r):
		s.number(p)
	case r == '"':
		s.text(p)
	default:
		s.operator(p)
	}
	return true
}

// number reads 12, 0.5, 1e-4; "0..3" is a number, two points and a number.
func (s *scanner) number(p lexer.Position) {
	start, t := s.at, tokInt
	s.take(isDigit)
	rest := s.src[s.at:]
	if len(rest) > 1 && rest[0] == '.' && isDigit(rune(rest[1])) {
		t = tokFloat
		s.advance()
		s.take(isDigit)
	}
	if r := s.peek(); r == 'e' || r == 'E' {
		t = tokFloat
		s.advance()
		if r := s.peek(); r == '+' || r == '-' {
			s.advance()
		}
		if !isDigit(s.peek()) {
			s.fail(p, "E002", "the number %s has no digits in its exponent", s.src[start:s.at])
		}
		s.take(isDigit)
	}
	if isWord(s.peek()) {
		s.take(isWord)
		s.fail(p, "E002", "%q is neither a number nor a name; names begin with a letter", s.src[start:s.at])
	}
	s.emit(t, s.src[start:s.at], p)
}

// text reads a string with the escapes \" \\ \n \t; the token keeps the quotes.
func (s *scanner) text(p lexer.Position) {
	start := s.at
	s.advance()
	for {
		if s.at == len(s.src) || s.peek() == '\n' {
			s.fail(p, "E002", `the string is not closed: " is missing at the end of the line`)
			s.emit(tokString, `""`, p)
			return
		}
		switch q := s.pos(); s.advance() {
		case '"':
			s.emit(tokString, s.src[start:s.at], p)
			return
		case '\\':
			if !strings.ContainsRune(`"\nt`, s.peek()) {
				s.fail(q, "E002", `unknown escape \%c; there are \" \\ \n \t`, s.peek())
			}
			if s.at < len(s.src) && s.peek() != '\n' {
				s.advance()
			}
		}
	}
}

func unquote(text string) string {
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\n`, "\n", `\t`, "\t").Replace(text[1 : len(text)-1])
}

func (s *scanner) operator(p lexer.Position) {
	for _, op := range operators {
		if strings.HasPrefix(s.src[s.at:], op) {
			for range op {
				s.advance()
			}
			s.emit(tokPunct, op, p)
			return
		}
	}
	r := s.advance()
	hint := ""
	switch {
	case r == '#':
		hint = "; comments begin with //"
	case r == '\'':
		hint = `; strings are written in double quotes`
	case r == ';':
		hint = "; statements end by themselves"
	case r == '^':
		hint = "; powers are written pow(x, y)"
	case unicode.IsLetter(r):
		hint = "; names are made of a-z, A-Z, 0-9 and _"
	}
	s.fail(p, "E002", "unexpected character %q%s", r, hint)
}

// checkNesting matches brackets, so that the parser need not, and limits their depth.
func (s *scanner) checkNesting() {
	closing := map[string]string{"(": ")", "[": "]", "{": "}"}
	var open []lexer.Token
	for _, t := range s.tokens {
		if t.Type != tokPunct {
			continue
		}
		switch t.Value {
		case "(", "[", "{":
			open = append(open, t)
			if len(open) > maxNesting {
				s.diags = append(s.diags, diag(t, "E004", fmt.Sprintf("more than %d brackets inside each other", maxNesting)))
				return
			}
		case ")", "]", "}":
			if len(open) == 0 {
				s.diags = append(s.diags, diag(t, "E003", fmt.Sprintf("%q closes nothing", t.Value)))
				return
			}
			last := open[len(open)-1]
			if want := closing[last.Value]; want != t.Value {
				d := diag(t, "E003", fmt.Sprintf("%q where %q is open: expected %q", t.Value, last.Value, want))
				d.Notes = []spec.Note{{Pos: toPos(last.Pos), Msg: fmt.Sprintf("%q opened here", last.Value)}}
				s.diags = append(s.diags, d)
				return
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		last := open[len(open)-1]
		s.diags = append(s.diags, diag(last, "E003", fmt.Sprintf("%q is never closed: %q is missing", last.Value, closing[last.Value])))
	}
}

func toPos(p lexer.Position) spec.Pos { return spec.Pos{File: p.Filename, Line: p.Line, Col: p.Column} }

func tokenEnd(t lexer.Token) spec.Pos {
	p := toPos(t.Pos)
	p.Col += utf8.RuneCountInString(t.Value)
	return p
}

func tokenRange(t lexer.Token) spec.Range { return spec.Range{Pos: toPos(t.Pos), End: tokenEnd(t)} }

func diag(t lexer.Token, code, msg string) spec.Diagnostic {
	return spec.Diagnostic{Pos: toPos(t.Pos), End: tokenEnd(t), Code: code, Msg: msg}
}

// definition tells participle the token types; the tokens themselves come from scan.
type definition struct{}

func (definition) Symbols() map[string]lexer.TokenType { return symbols }

func (definition) Lex(file string, r io.Reader) (lexer.Lexer, error) {
	src, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	tokens, _ := scan(file, src)
	return &feed{tokens}, nil
}

// feed hands out tokens; the last one is repeated.
type feed struct{ tokens []lexer.Token }

func (f *feed) Next() (lexer.Token, error) {
	t := f.tokens[0]
	if len(f.tokens) > 1 {
		f.tokens = f.tokens[1:]
	}
	return t, nil
}
