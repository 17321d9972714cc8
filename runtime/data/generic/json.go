package generic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"mspecc/runtime/data"
)

// JSON as programs write it: Python's json writes NaN and Infinity, which the standard does not have.

var errObject = errors.New("is no JSON object")

// members calls use with the members of the object in a line: each key with its quotes, and its value. It goes by
// brackets and quotes alone; standardJSON says whether the line is JSON.
func members(line []byte, use func(key, value []byte)) error {
	rest := bytes.TrimSpace(line)
	if len(rest) == 0 || rest[0] != '{' {
		return notObject(rest)
	}
	for rest = bytes.TrimLeft(rest[1:], " \t\r\n"); len(rest) > 0 && rest[0] != '}'; {
		n := stringEnd(rest)
		if n < 0 {
			return errObject
		}
		key := rest[:n]
		if rest = bytes.TrimLeft(rest[n:], " \t\r\n"); len(rest) == 0 || rest[0] != ':' {
			return errObject
		}
		rest = bytes.TrimLeft(rest[1:], " \t\r\n")
		if n = valueEnd(rest); n <= 0 {
			return errObject
		}
		use(key, bytes.TrimRight(rest[:n], " \t\r\n"))
		if rest = rest[n:]; len(rest) > 0 && rest[0] == ',' {
			rest = bytes.TrimLeft(rest[1:], " \t\r\n")
		}
	}
	if len(rest) != 1 {
		return errObject
	}
	return nil
}

// notObject says what a line is instead.
func notObject(line []byte) error {
	if len(line) > 0 && line[0] == '[' {
		return fmt.Errorf("is no JSON object: it begins with %q; where the file is a list of objects, write each into a line of its own (jq -c '.[]')", line[:min(len(line), 16)])
	}
	return fmt.Errorf("is no JSON object: it begins with %q", line[:min(len(line), 16)])
}

// stringEnd is where the string at the beginning of b ends, behind its quote; -1 where there is none.
func stringEnd(b []byte) int {
	if len(b) == 0 || b[0] != '"' {
		return -1
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// valueEnd is where the value at the beginning of b ends: at the comma or the bracket behind it; -1 where it does not.
func valueEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			n := stringEnd(b[i:])
			if n < 0 {
				return -1
			}
			i += n - 1
		case '[', '{':
			depth++
		case ']', '}':
			if depth == 0 {
				return i
			}
			depth--
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

// standardJSON is a line with null for NaN and a number beyond all for Infinity. An error says why it is not JSON.
func standardJSON(line []byte) ([]byte, error) {
	if !utf8.Valid(line) {
		at := 0
		for r, n := utf8.DecodeRune(line); r != utf8.RuneError || n > 1; r, n = utf8.DecodeRune(line[at:]) {
			at += n
		}
		return nil, fmt.Errorf("holds the text %q, %s", line[max(0, at-12):min(len(line), at+4)], data.NotUTF8)
	}
	if bytes.Contains(line, []byte("NaN")) || bytes.Contains(line, []byte("Infinity")) {
		line = withoutNaN(line)
	}
	if json.Valid(line) {
		return line, nil
	}
	var any json.RawMessage
	return nil, fmt.Errorf("is no JSON object: %w", json.Unmarshal(line, &any))
}

// withoutNaN replaces the words outside of strings.
func withoutNaN(line []byte) []byte {
	var out []byte
	for len(line) > 0 {
		n := 1
		switch {
		case line[0] == '"':
			if n = stringEnd(line); n < 0 {
				n = len(line)
			}
			out = append(out, line[:n]...)
		case bytes.HasPrefix(line, []byte("NaN")):
			n = len("NaN")
			out = append(out, "null"...)
		case bytes.HasPrefix(line, []byte("Infinity")):
			n = len("Infinity")
			out = append(out, "1e999"...)
		default:
			out = append(out, line[0])
		}
		line = line[n:]
	}
	return out
}

// unquote is the text of a JSON string. Half a pair of surrogates stands for no character, so that different texts
// would become equal.
func unquote(raw []byte) (string, error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", err
	}
	if strings.ContainsRune(text, utf8.RuneError) && !bytes.Contains(raw, []byte("\uFFFD")) && !bytes.Contains(bytes.ToLower(raw), []byte(`\ufffd`)) {
		return "", errors.New("holds half a pair of surrogates (\\ud800 to \\udfff), which is no character")
	}
	return text, nil
}

// jsonList are the numbers of nested lists.
type jsonList struct {
	numbers []float64
	shape   []int // of the lists so far; -1 where an axis is not known yet
	closed  bool  // the shape is known down to the numbers
}

// read takes a list; null and words for a missing number are NaN, true and false 1 and 0.
func (l *jsonList) read(raw []byte) error {
	l.numbers = make([]float64, 0, bytes.Count(raw, []byte{','})+1)
	rest, err := l.list(raw, 0)
	if err == nil && len(bytes.TrimSpace(rest)) > 0 {
		return errors.New("holds more than a list")
	}
	return err
}

// list takes a list at some depth, whose shape must be that of the lists beside it.
func (l *jsonList) list(raw []byte, depth int) (rest []byte, err error) {
	if depth > 8 {
		return nil, errors.New("holds lists in more than 8 lists")
	}
	if depth == len(l.shape) {
		if l.closed {
			return nil, errRagged
		}
		l.shape = append(l.shape, -1)
	}
	n := 0
	for rest = bytes.TrimLeft(raw[1:], " \t\r\n,"); len(rest) > 0 && rest[0] != ']'; rest = bytes.TrimLeft(rest, " \t\r\n,") {
		n++
		if rest[0] == '[' {
			rest, err = l.list(rest, depth+1)
		} else {
			rest, err = l.element(rest, depth)
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case len(rest) == 0:
		return nil, errObject
	case l.shape[depth] >= 0 && l.shape[depth] != n:
		return nil, errRagged
	}
	l.shape[depth] = n
	return rest[1:], nil
}

var errRagged = errors.New("holds lists of different lengths in one list, expected as many values in each")

// element takes a number.
func (l *jsonList) element(raw []byte, depth int) (rest []byte, err error) {
	if depth+1 != len(l.shape) {
		return nil, errRagged
	}
	l.closed = true
	n := valueEnd(raw)
	if n <= 0 {
		return nil, errObject
	}
	text := bytes.TrimSpace(raw[:n])
	switch {
	case text[0] == '{':
		return nil, errors.New("holds an object, expected numbers")
	case text[0] == '"':
		return nil, fmt.Errorf("holds %.24s, expected numbers", text)
	case string(text) == "null":
		l.numbers = append(l.numbers, math.NaN())
	default:
		v, ok := parseNumber(text)
		if !ok {
			return nil, fmt.Errorf("holds %.24s, expected numbers", text)
		}
		l.numbers = append(l.numbers, v)
	}
	return raw[n:], nil
}

// nested is the shape of lists in lists, nil for a plain one.
func (l *jsonList) nested() []int {
	if len(l.shape) < 2 || slices.Contains(l.shape, 0) || slices.Contains(l.shape, -1) {
		return nil
	}
	return l.shape
}
