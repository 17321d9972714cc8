package data

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Vocabulary says how text becomes tokens.
type Vocabulary struct {
	Tokens  string   `json:"tokens"` // characters or words
	Lower   bool     `json:"lower,omitempty"`
	Words   []string `json:"words"`   // token 0, 1, ...
	Pad     int32    `json:"pad"`     // token behind the end of a short text
	Unknown int32    `json:"unknown"` // token for what is not in the list; -1: that is an error
}

// Split calls use with each token of a text until it says false.
func (v *Vocabulary) Split(text string, use func(token string) bool) {
	if v.Lower {
		text = strings.ToLower(text)
	}
	if v.Tokens == "characters" {
		for len(text) > 0 {
			c, n := utf8.DecodeRuneInString(text)
			token := text[:n]
			if c == utf8.RuneError {
				token = string(c)
			}
			if !use(token) {
				return
			}
			text = text[n:]
		}
		return
	}
	start := -1 // of the word under way
	for i, c := range text + " " {
		if unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.IsMark(c) || c == '_' || c == '[' || c == ']' {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 && !use(text[start:i]) {
			return
		}
		if start = -1; !unicode.IsSpace(c) && !use(string(c)) {
			return
		}
	}
}

// Encoder turns texts into the ids of a vocabulary. It is safe for concurrent use.
type Encoder struct {
	*Vocabulary
	ids   map[string]int32
	bytes [utf8.RuneSelf]int32 // ids of characters of one byte, -1 for none
}

// Encoder makes one.
func (v *Vocabulary) Encoder() *Encoder {
	e := &Encoder{Vocabulary: v, ids: make(map[string]int32, len(v.Words))}
	for i := range e.bytes {
		e.bytes[i] = -1
	}
	for i, w := range v.Words {
		if e.ids[w] = int32(i); len(w) == 1 && w[0] < utf8.RuneSelf {
			e.bytes[w[0]] = int32(i)
		}
	}
	return e
}

// Encode writes the ids of a text into dst, cut or padded. The message says what is wrong.
func (e *Encoder) Encode(dst []int32, text string) (message string) {
	if !utf8.ValidString(text) {
		return fmt.Sprintf("holds the text %.24q, %s", text, NotUTF8)
	}
	n := 0
	e.Split(text, func(token string) bool {
		if n == len(dst) {
			return false
		}
		id := int32(-1)
		if len(token) == 1 && token[0] < utf8.RuneSelf {
			id = e.bytes[token[0]]
		} else if known, ok := e.ids[token]; ok {
			id = known
		}
		if id < 0 {
			id = e.Unknown
		}
		if id < 0 {
			message = fmt.Sprintf("holds the token %q, which is not known", token)
			return false
		}
		dst[n] = id
		n++
		return true
	})
	for ; n < len(dst); n++ {
		dst[n] = e.Pad
	}
	return message
}

// Check says what makes a vocabulary useless for an input, "" if nothing does.
func (v *Vocabulary) Check(in Input) (message string) {
	switch n := len(v.Words); {
	case n == 0 || n > in.Vocab:
		return fmt.Sprintf("has %d tokens, the model %d", n, in.Vocab)
	case v.Pad < 0 || int(v.Pad) >= n || v.Unknown < -1 || int(v.Unknown) >= n || v.Tokens != "characters" && v.Tokens != "words":
		return "is damaged"
	}
	return ""
}
