// Package wordpiece splits text into the tokens of BERT (Devlin et al., 2019; Wu et al., 2016), with the
// vocabulary file that the user gives.
package wordpiece

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Tokenizer turns text into ids.
type Tokenizer struct {
	ids                map[string]int32
	size               int
	pad, unk, cls, sep int32
	longest            int // bytes of the longest token
	lower              bool
}

const (
	maxVocabulary = 1 << 22 // lines
	maxWord       = 100     // characters; longer words are unknown
)

// Read reads a vocabulary, one token a line, the id is the number of the line; lower is
// for models called uncased: text is lowered and accents are dropped.
func Read(r io.Reader, lower bool) (*Tokenizer, error) {
	t := &Tokenizer{ids: map[string]int32{}, lower: lower}
	scan := bufio.NewScanner(r)
	for scan.Scan() {
		token := strings.TrimRight(scan.Text(), "\r")
		if t.size == maxVocabulary {
			return nil, fmt.Errorf("has more than %d lines", maxVocabulary)
		}
		t.ids[token] = int32(t.size)
		t.longest = max(t.longest, len(token))
		t.size++
	}
	if err := scan.Err(); err != nil {
		return nil, fmt.Errorf("line %d cannot be read: %w", t.size+1, err)
	}
	for _, s := range []struct {
		token string
		id    *int32
	}{{"[PAD]", &t.pad}, {"[UNK]", &t.unk}, {"[CLS]", &t.cls}, {"[SEP]", &t.sep}} {
		id, ok := t.ids[s.token]
		if !ok {
			return nil, fmt.Errorf("lacks the token %s in its %d lines", s.token, t.size)
		}
		*s.id = id
	}
	return t, nil
}

// Size is the number of tokens; ids are below it.
func (t *Tokenizer) Size() int { return t.size }

// Words are the tokens in the order of their ids.
func (t *Tokenizer) Words() []string {
	list := make([]string, t.size)
	for word, id := range t.ids {
		list[id] = word
	}
	return list
}

// Encode writes [CLS] text [SEP], or [CLS] text [SEP] pair [SEP], padded with [PAD], into ids. What
// does not fit is cut off the longer of the two.
func (t *Tokenizer) Encode(ids []int32, text string, pair *string) {
	first := t.Pieces(text)
	var second []int32
	room := len(ids) - 2
	if pair != nil {
		second = t.Pieces(*pair)
		room--
	}
	first, second = truncate(first, second, max(room, 0))
	out := append(append([]int32{t.cls}, first...), t.sep)
	if pair != nil {
		out = append(append(out, second...), t.sep)
	}
	for i := copy(ids, out); i < len(ids); i++ {
		ids[i] = t.pad
	}
}

// truncate shortens both until they fit: the longer one first, then both alike, the second keeping the odd token.
func truncate(a, b []int32, room int) ([]int32, []int32) {
	if len(a)+len(b) <= room {
		return a, b
	}
	if b == nil {
		return a[:room], nil
	}
	short, long := len(a), len(b)
	swap := short > long
	if swap {
		short, long = long, short
	}
	long = max(short, room-short)
	if short+long > room {
		short = room / 2
		long = room - short
	}
	if swap {
		short, long = long, short
	}
	return a[:min(short, len(a))], b[:min(long, len(b))]
}

// Pieces are the ids of a text's tokens.
func (t *Tokenizer) Pieces(text string) []int32 {
	var ids []int32
	for _, word := range t.words(text) {
		ids = t.split(ids, word)
	}
	return ids
}

// words cuts a text at blanks and around punctuation and Chinese characters.
func (t *Tokenizer) words(text string) []string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == 0 || r == 0xfffd || control(r):
		case blank(r):
			b.WriteByte(' ')
		case chinese(r):
			b.WriteString(" " + string(r) + " ")
		default:
			b.WriteRune(r)
		}
	}
	text = b.String()
	if t.lower {
		text = lowered(text)
	}
	var words []string
	for _, field := range strings.FieldsFunc(text, unicode.IsSpace) {
		start := 0
		for i, r := range field {
			if !punctuation(r) {
				continue
			}
			if start < i {
				words = append(words, field[start:i])
			}
			start = i + len(string(r))
			words = append(words, field[i:start])
		}
		if start < len(field) {
			words = append(words, field[start:])
		}
	}
	return words
}

// lowered drops accents and lowers what is left.
func lowered(text string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(text) {
		if !unicode.Is(unicode.Mn, r) {
			b.WriteRune(r)
		}
	}
	return strings.ToLower(b.String())
}

// split takes the longest token that a word begins with, again and again; what follows the first has ## before it.
func (t *Tokenizer) split(ids []int32, word string) []int32 {
	if len([]rune(word)) > maxWord {
		return append(ids, t.unk)
	}
	known := len(ids)
	prefix := ""
	for len(word) > 0 {
		end := min(len(word), t.longest)
		var id int32
		for ok := false; !ok; end-- {
			if end == 0 {
				return append(ids[:known], t.unk)
			}
			if id, ok = t.ids[prefix+word[:end]]; ok {
				break
			}
		}
		ids = append(ids, id)
		word, prefix = word[end:], "##"
	}
	return ids
}

func blank(r rune) bool { return r == '\t' || r == '\n' || r == '\r' || unicode.IsSpace(r) }

// control is any character of the categories C: control, format, private, unassigned.
func control(r rune) bool {
	if r == '\t' || r == '\n' || r == '\r' {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs)
}

// punctuation counts all of ASCII that is neither letter, digit nor blank.
func punctuation(r rune) bool {
	return r >= 33 && r <= 47 || r >= 58 && r <= 64 || r >= 91 && r <= 96 || r >= 123 && r <= 126 || unicode.IsPunct(r)
}

// chinese are the blocks of CJK unified ideographs, not Hangul nor Kana.
func chinese(r rune) bool {
	for _, block := range [][2]rune{{0x4E00, 0x9FFF}, {0x3400, 0x4DBF}, {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F},
		{0x2B820, 0x2CEAF}, {0xF900, 0xFAFF}, {0x2F800, 0x2FA1F}} {
		if r >= block[0] && r <= block[1] {
			return true
		}
	}
	return false
}
