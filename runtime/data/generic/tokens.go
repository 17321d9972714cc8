package generic

import (
	"bufio"
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"mspecc/runtime/data"
)

// Names of the tokens that stand for nothing and for what is not known.
const (
	padToken     = "[PAD]"
	unknownToken = "[UNK]"
)

// maxWords bounds the different tokens that are counted for a vocabulary.
const maxWords = 1 << 21

// tokenizer turns texts into ids.
type tokenizer struct {
	s        *data.Source
	input    data.Input
	mode     string // characters, words or numbers
	lower    bool
	ids      map[string]int32
	byteIDs  [256]int32 // ids of characters of one byte, -1 for none
	pad      int32
	unknown  int32            // -1: an unknown token is an error
	counting map[string]int64 // how often tokens occur, while a vocabulary is built; nil otherwise
}

// newTokenizer makes the one that the options describe. Where it has a vocabulary still to be
// built, count each training text and call build.
func newTokenizer(s *data.Source, in data.Input) (*tokenizer, error) {
	t := &tokenizer{s: s, input: in, mode: s.Text("tokens"), ids: map[string]int32{}, unknown: -1}
	var err error
	if t.lower, err = s.Boolean("lower"); err != nil {
		return nil, err
	}
	alphabet, vocabulary := s.Text("alphabet"), s.Text("vocabulary")
	switch {
	case t.mode != "characters" && t.mode != "words" && t.mode != "numbers":
		return nil, s.BadOption("tokens", "characters, words or numbers")
	case t.mode == "numbers":
		return t, t.special("0")
	case alphabet != "" && vocabulary != "":
		return nil, s.BadOption("alphabet", "nothing where there is a vocabulary")
	case alphabet != "" && t.mode == "words":
		return nil, s.BadOption("alphabet", "nothing with words")
	case alphabet != "":
		for i, c := range []rune(alphabet) {
			if err := t.add(string(c), i, "alphabet"); err != nil {
				return nil, err
			}
		}
		return t, t.special(string([]rune(alphabet)[0]))
	case vocabulary != "":
		if err := t.read(vocabulary); err != nil {
			return nil, err
		}
		return t, t.special(padToken)
	}
	t.counting = map[string]int64{}
	return t, nil
}

func (t *tokenizer) add(token string, id int, option string) error {
	if _, twice := t.ids[token]; twice {
		return t.s.BadOption(option, fmt.Sprintf("every token once, not %q twice", token))
	}
	if id >= t.input.Vocab {
		return t.s.Fail("", "", fmt.Sprintf("the option %s has more than %d tokens, the model's vocabulary", option, t.input.Vocab), "correct the modality's vocab")
	}
	t.ids[token] = int32(id)
	return nil
}

// read reads a vocabulary, a token a line.
func (t *tokenizer) read(name string) error {
	f, err := t.s.Open("vocabulary", name)
	if err != nil {
		return err
	}
	defer f.Close()
	scan := bufio.NewScanner(f)
	for n := 0; scan.Scan(); n++ {
		token := strings.TrimRight(scan.Text(), "\r")
		if _, twice := t.ids[token]; twice {
			return t.s.Fail(name, fmt.Sprintf("line %d", n+1), fmt.Sprintf("repeats the token %q", token), "remove one of the lines")
		}
		if n >= t.input.Vocab {
			return t.s.Fail(name, fmt.Sprintf("line %d", n+1), fmt.Sprintf("is one token more than the model's vocabulary of %d", t.input.Vocab), "correct the modality's vocab")
		}
		t.ids[token] = int32(n)
	}
	if err := scan.Err(); err != nil {
		return t.s.Fail(name, fmt.Sprintf("line %d", len(t.ids)+1), "cannot be read: "+data.Cause(err), "give a text file with a token a line")
	}
	if len(t.ids) == 0 {
		return t.s.Fail(name, "", "is empty", "give a text file with a token a line")
	}
	return nil
}

// special settles what stands for padding and for unknown tokens, once the ids are known.
func (t *tokenizer) special(pad string) error {
	for i := range t.byteIDs {
		t.byteIDs[i] = -1
		if id, ok := t.ids[string(rune(i))]; ok && i < 128 {
			t.byteIDs[i] = id
		}
	}
	id := func(option, token string) (int32, error) {
		if t.mode == "numbers" {
			n, err := t.s.Integer(option, 0, 0)
			if err == nil && n >= t.input.Vocab {
				err = t.s.BadOption(option, fmt.Sprintf("an id below %d", t.input.Vocab))
			}
			return int32(n), err
		}
		if id, ok := t.ids[token]; ok {
			return id, nil
		}
		return 0, t.s.BadOption(option, fmt.Sprintf("one of the tokens, not %q", token))
	}
	var err error
	if given := t.s.Text("pad"); given != "" {
		pad = given
	}
	if t.pad, err = id("pad", pad); err != nil {
		return err
	}
	switch given := t.s.Text("unknown"); {
	case given == "error":
	case given != "":
		t.unknown, err = id("unknown", given)
	default:
		if u, ok := t.ids[unknownToken]; ok {
			t.unknown = u
		}
	}
	return err
}

// count counts the tokens of a training text.
func (t *tokenizer) count(text string) error {
	t.each(text, func(token string) bool {
		if _, ok := t.counting[token]; !ok && len(t.counting) >= maxWords {
			return false
		}
		t.counting[strings.Clone(token)]++
		return true
	})
	if len(t.counting) >= maxWords {
		return t.s.Fail("", "", fmt.Sprintf("the texts have more than %d different tokens", maxWords), "give a vocabulary, or use characters")
	}
	return nil
}

// build makes the vocabulary: [PAD], [UNK], and the most frequent tokens.
func (t *tokenizer) build() error {
	if t.counting == nil {
		return nil
	}
	tokens := slices.SortedFunc(maps.Keys(t.counting), func(a, b string) int {
		return cmp.Or(cmp.Compare(t.counting[b], t.counting[a]), cmp.Compare(a, b))
	})
	for i, token := range append([]string{padToken, unknownToken}, tokens...) {
		if i == t.input.Vocab {
			break
		}
		t.ids[token] = int32(i)
	}
	t.counting = nil
	return t.special(padToken)
}

// each calls use with each token of a text until it says false.
func (t *tokenizer) each(text string, use func(token string) bool) {
	if t.lower {
		text = strings.ToLower(text)
	}
	if t.mode == "characters" {
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

// encode writes the ids of a cell into dst, cut or padded. The message says what is wrong.
func (t *tokenizer) encode(dst []int32, c cell) (message string) {
	n := 0
	if t.mode == "numbers" {
		values, ok := c.values(nil)
		if !ok {
			return "holds " + c.short() + ", expected numbers"
		}
		for _, v := range values {
			if n == len(dst) {
				break
			}
			if v != math.Trunc(v) || v < 0 || v >= float64(t.input.Vocab) {
				return fmt.Sprintf("holds the token %v, expected 0..%d", v, t.input.Vocab-1)
			}
			dst[n] = int32(v)
			n++
		}
	} else {
		t.each(c.string(), func(token string) bool {
			if n == len(dst) {
				return false
			}
			id := int32(-1)
			if len(token) == 1 {
				id = t.byteIDs[token[0]]
			}
			if id < 0 {
				var ok bool
				if id, ok = t.ids[token]; !ok {
					id = t.unknown
				}
			}
			if id < 0 {
				message = fmt.Sprintf("holds the token %q, which is not known", token)
				return false
			}
			dst[n] = id
			n++
			return true
		})
	}
	for ; n < len(dst); n++ {
		dst[n] = t.pad
	}
	return message
}
