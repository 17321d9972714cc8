package numpy

import (
	"errors"
	"strconv"
	"strings"
)

// Python's literals, as far as headers have them: dictionaries, tuples, lists, texts, whole numbers, True, False and None.
type (
	dict  map[string]any
	tuple []any
)

// errLiteral says that a text is no literal of Python.
var errLiteral = errors.New("is no dictionary of Python")

// maxNesting bounds how deep literals lie in each other.
const maxNesting = 32

// literals reads literals, of Python 2 too, which writes 20L and u'text'.
type literals struct {
	text string
	deep int
}

func (l *literals) skip() { l.text = strings.TrimLeft(l.text, " \t\r\n\x00") }

// next says whether a text follows, and takes it.
func (l *literals) next(what string) bool {
	l.skip()
	rest, ok := strings.CutPrefix(l.text, what)
	if ok {
		l.text = rest
	}
	return ok
}

// value reads a literal.
func (l *literals) value() (any, error) {
	if l.deep++; l.deep > maxNesting {
		return nil, errLiteral
	}
	defer func() { l.deep-- }()
	switch {
	case l.next("{"):
		return l.dict()
	case l.next("("):
		return l.list(")")
	case l.next("["):
		return l.list("]")
	case l.next("True"):
		return true, nil
	case l.next("False"):
		return false, nil
	case l.next("None"):
		return nil, nil
	}
	for _, prefix := range []string{"", "u", "b"} {
		for _, quote := range []string{"'", `"`} {
			if l.next(prefix + quote) {
				return l.string(quote)
			}
		}
	}
	return l.number()
}

func (l *literals) string(quote string) (any, error) {
	text, rest, ok := strings.Cut(l.text, quote)
	if !ok || strings.Contains(text, `\`) {
		return nil, errLiteral
	}
	l.text = rest
	return text, nil
}

func (l *literals) number() (any, error) {
	n := 0
	for n < len(l.text) && (l.text[n] >= '0' && l.text[n] <= '9' || n == 0 && l.text[n] == '-') {
		n++
	}
	v, err := strconv.ParseInt(l.text[:n], 10, 64)
	if err != nil {
		return nil, errLiteral
	}
	l.text = l.text[n:]
	if rest, long := strings.CutPrefix(l.text, "L"); long {
		l.text = rest
	}
	return v, nil
}

func (l *literals) list(end string) (tuple, error) {
	out := tuple{}
	for !l.next(end) {
		v, err := l.value()
		if err != nil {
			return nil, err
		}
		if out = append(out, v); !l.next(",") {
			if !l.next(end) {
				return nil, errLiteral
			}
			break
		}
	}
	return out, nil
}

func (l *literals) dict() (dict, error) {
	out := dict{}
	for !l.next("}") {
		k, err := l.value()
		key, ok := k.(string)
		if err != nil || !ok || !l.next(":") {
			return nil, errLiteral
		}
		if out[key], err = l.value(); err != nil {
			return nil, err
		}
		if !l.next(",") {
			if !l.next("}") {
				return nil, errLiteral
			}
			break
		}
	}
	return out, nil
}
