package generic

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"mspecc/runtime/data"
)

// Names of the tokens that stand for nothing and for what is not known.
const (
	padToken     = "[PAD]"
	unknownToken = "[UNK]"
)

// maxWords bounds the different tokens that are counted for a vocabulary.
const maxWords = 1 << 21

// tokenizer turns texts, or lists of ids, into ids.
type tokenizer struct {
	s        *data.Source
	input    data.Input
	numbers  bool // the cells hold ids
	words    data.Vocabulary
	encoder  *data.Encoder    // of words, once they are known
	built    bool             // from the training texts, now or when the model was trained
	counting map[string]int64 // how often tokens occur, while a vocabulary is built; nil otherwise
}

// newTokenizer makes the one that the options describe. Where it has a vocabulary still to be
// built, count each training text and call build.
func newTokenizer(s *data.Source, in data.Input) (*tokenizer, error) {
	t := &tokenizer{s: s, input: in, words: data.Vocabulary{Tokens: s.Text("tokens"), Unknown: -1}}
	var err error
	if t.words.Lower, err = s.Boolean("lower"); err != nil {
		return nil, err
	}
	mode, alphabet, vocabulary := t.words.Tokens, s.Text("alphabet"), s.Text("vocabulary")
	switch {
	case mode != "characters" && mode != "words" && mode != "numbers":
		return nil, s.BadOption("tokens", "characters, words or numbers")
	case mode == "numbers":
		t.numbers = true
		return t, t.special("0")
	case alphabet != "" && vocabulary != "":
		return nil, s.BadOption("alphabet", "nothing where there is a vocabulary")
	case alphabet != "" && mode == "words":
		return nil, s.BadOption("alphabet", "nothing with words")
	case alphabet != "":
		t.words.Words = strings.Split(alphabet, "")
		seen := map[string]bool{}
		for _, c := range t.words.Words {
			if seen[c] {
				return nil, s.BadOption("alphabet", fmt.Sprintf("every token once, not %q twice", c))
			}
			seen[c] = true
		}
		if len(t.words.Words) > in.Vocab {
			return nil, s.Fail("", "", fmt.Sprintf("the option alphabet has more than %d tokens, the model's vocabulary", in.Vocab), "correct the modality's vocab")
		}
		return t, t.special(t.words.Words[0])
	case vocabulary != "":
		if err := t.read(vocabulary); err != nil {
			return nil, err
		}
		return t, t.special(padToken)
	case s.Vocabulary != nil:
		return t, t.take(s.Vocabulary)
	}
	t.counting = map[string]int64{}
	return t, nil
}

// take takes the vocabulary that the model was trained with.
func (t *tokenizer) take(v *data.Vocabulary) error {
	switch message := v.Check(t.input); {
	case message != "":
		return t.s.Fail("", "", "the vocabulary kept with the model "+message, "give the model that belongs to the modality")
	case v.Tokens != t.words.Tokens:
		return t.s.BadOption("tokens", v.Tokens+", as the model was trained with")
	case v.Lower != t.words.Lower:
		return t.s.BadOption("lower", fmt.Sprintf("%v, as the model was trained with", v.Lower))
	}
	t.words.Words, t.built = v.Words, true
	return t.special(padToken)
}

// read reads a vocabulary, a token a line.
func (t *tokenizer) read(name string) error {
	f, err := t.s.OpenText("vocabulary", name)
	if err != nil {
		return err
	}
	defer f.Close()
	scan, seen := bufio.NewScanner(f), map[string]bool{}
	for n := 0; scan.Scan(); n++ {
		token := strings.TrimRight(scan.Text(), "\r")
		if seen[token] {
			return t.s.Fail(name, fmt.Sprintf("line %d", n+1), fmt.Sprintf("repeats the token %q", token), "remove one of the lines")
		}
		if n >= t.input.Vocab {
			return t.s.Fail(name, fmt.Sprintf("line %d", n+1), fmt.Sprintf("is one token more than the model's vocabulary of %d", t.input.Vocab), "correct the modality's vocab")
		}
		seen[token] = true
		t.words.Words = append(t.words.Words, token)
	}
	var own *data.Error
	if err := scan.Err(); errors.As(err, &own) {
		return own
	} else if err != nil {
		return t.s.Fail(name, fmt.Sprintf("line %d", len(t.words.Words)+1), "cannot be read: "+data.Cause(err), "give a text file with a token a line")
	}
	if len(t.words.Words) == 0 {
		return t.s.Fail(name, "", "is empty", "give a text file with a token a line")
	}
	return nil
}

// special settles what stands for padding and for unknown tokens, once the tokens are known.
func (t *tokenizer) special(pad string) error {
	id := func(option, token string) (int32, error) {
		if t.numbers {
			n, err := t.s.Integer(option, 0, 0)
			if err == nil && n >= t.input.Vocab {
				err = t.s.BadOption(option, fmt.Sprintf("an id below %d", t.input.Vocab))
			}
			return int32(n), err
		}
		if id := slices.Index(t.words.Words, token); id >= 0 {
			return int32(id), nil
		}
		return 0, t.s.BadOption(option, fmt.Sprintf("one of the tokens, not %q", token))
	}
	var err error
	if given := t.s.Text("pad"); given != "" {
		pad = given
	}
	if t.words.Pad, err = id("pad", pad); err != nil {
		return err
	}
	switch given := t.s.Text("unknown"); {
	case given == "error":
	case given != "":
		t.words.Unknown, err = id("unknown", given)
	default:
		t.words.Unknown = int32(slices.Index(t.words.Words, unknownToken))
	}
	t.encoder = t.words.Encoder()
	return err
}

// count counts the tokens of a training text.
func (t *tokenizer) count(text string) error {
	t.words.Split(text, func(token string) bool {
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
	tokens = slices.DeleteFunc(tokens, func(token string) bool { return token == padToken || token == unknownToken })
	tokens = append([]string{padToken, unknownToken}, tokens...)
	t.words.Words = slices.Clone(tokens[:min(len(tokens), t.input.Vocab)])
	t.counting, t.built = nil, true
	return t.special(padToken)
}

// length is the number of a cell's tokens, and without padding at the end.
func (t *tokenizer) length(c cell) (all, padded int) {
	if !t.numbers {
		n := 0
		t.words.Split(c.string(), func(string) bool { n++; return true })
		return n, n
	}
	values, _ := c.values(nil)
	n := len(values)
	for n > 0 && values[n-1] == float64(t.words.Pad) {
		n--
	}
	return len(values), n
}

// encode writes the ids of a cell into dst, cut or padded. The message says what is wrong.
func (t *tokenizer) encode(dst []int32, c cell) (message string) {
	if !t.numbers {
		return t.encoder.Encode(dst, c.string())
	}
	values, ok := c.values(nil)
	if !ok {
		return "holds " + c.short() + ", expected numbers"
	}
	n := 0
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
	for ; n < len(dst); n++ {
		dst[n] = t.words.Pad
	}
	return ""
}
