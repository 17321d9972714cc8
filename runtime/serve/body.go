package serve

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"mspecc/runtime"
	"mspecc/runtime/data"
)

// inputs are the examples of a request. Where an example has several parts, its numbers lie
// one behind the other, and so do its tokens, as in a data.Batch.
type inputs struct {
	x      []float32
	tokens []int32
	n      int
}

// input is one part of an example: an image, or the text that belongs to it.
type input struct {
	name   string
	shape  []int
	size   int
	tokens bool
	vocab  int
	text   *data.Encoder // that texts become tokens with, nil where only tokens are taken
	scale  *data.Scaling // of the values, as in training; nil for none
	values int           // of an example, over all its inputs, which the scaling is for
	factor float64       // that values are multiplied with before that; 0: 1

	columns []column // of the training data, by which an example may be given; nil: it may not
}

// column is a column of the training data.
type column struct {
	name  string
	shape []int // of its values in an example
}

func newInput(name string, shape []int, dtype runtime.DType, vocab int) input {
	in := input{name: name, shape: shape, size: 1, tokens: dtype == runtime.I32, vocab: vocab}
	for _, d := range shape {
		in.size *= d
	}
	return in
}

// typeString is the type as specs write it.
func (in input) typeString() string {
	d := runtime.F32
	if in.tokens {
		d = runtime.I32
	}
	return runtime.Tensor{DType: d, Shape: in.shape}.TypeString()
}

// add appends one number.
func (in input) add(to *inputs, v float64, example int) error {
	if !in.tokens {
		if in.factor != 0 {
			v *= in.factor
		}
		f := float32(v)
		if in.scale != nil {
			f = in.scale.At(len(to.x)%in.values, in.values, v)
		}
		if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
			return fmt.Errorf("input %d holds %v, expected finite numbers of 32 bits", example, v)
		}
		to.x = append(to.x, f)
		return nil
	}
	if v != math.Trunc(v) || v < 0 || v >= float64(in.vocab) {
		return fmt.Errorf("input %d holds the token %v, expected 0 to %d", example, v, in.vocab-1)
	}
	to.tokens = append(to.tokens, int32(v))
	return nil
}

// reader turns bodies into examples: one input, or several, each with its name.
type reader []input

// newReader is for the examples of a modality. With a vocabulary, which a model of one input of
// tokens may have, these may be texts; with a scaling, values are as the data were before it.
func newReader(m runtime.Modality, l data.Learned) reader {
	var r reader
	for _, in := range m.Inputs {
		r = append(r, newInput(in.Name, in.Shape, in.DType, in.Vocab))
	}
	values := 0
	for _, in := range r {
		if !in.tokens {
			values += in.size
		}
	}
	for i := range r {
		if r[i].tokens {
			continue
		}
		r[i].scale, r[i].values = l.Scaling, values
		if l.Schema != nil {
			r[i].factor = l.Schema.Scale
		}
	}
	switch {
	case len(r) != 1:
	case !r[0].tokens && l.Schema != nil:
		r[0].setColumns(l.Schema)
	case r[0].tokens && l.Vocabulary != nil:
		r[0].text = l.Vocabulary.Encoder()
	}
	return r
}

// setColumns takes the columns of the training data, whose values must make up an example in their order.
func (in *input) setColumns(s *data.Schema) {
	size := 0
	var columns []column
	for _, c := range s.Columns {
		shape := c.Shape
		if s.Window > 0 {
			shape = []int{s.Window} // a column is a channel
			size += s.Window
			if len(c.Shape) > 0 {
				return // its values are several channels
			}
		} else {
			size += c.Size()
		}
		columns = append(columns, column{c.Name, shape})
	}
	if size == in.size && s.Layout == "" {
		in.columns = columns
	}
}

// size is the number of numbers of an example.
func (r reader) size() int {
	n := 0
	for _, in := range r {
		n += in.size
	}
	return n
}

// typeString says what an example is.
func (r reader) typeString() string {
	if len(r) == 1 {
		return r[0].typeString()
	}
	var parts []string
	for _, in := range r {
		parts = append(parts, in.name+": "+in.typeString())
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// raw reads examples one after another, each of its inputs a row-major array of little-endian
// float32, or int32 for tokens; at most so many.
func (r reader) raw(body []byte, most int) (*inputs, error) {
	size := 4 * r.size()
	if len(body) == 0 || len(body)%size != 0 {
		return nil, fmt.Errorf("the body has %d bytes, expected a multiple of %d: each input is %s of 4 bytes a number", len(body), size, r.typeString())
	}
	out := &inputs{n: len(body) / size}
	if out.n > most {
		return nil, errTooMany
	}
	for example := range out.n {
		for _, in := range r {
			for range in.size {
				bits := binary.LittleEndian.Uint32(body)
				body = body[4:]
				v := float64(math.Float32frombits(bits))
				if in.tokens {
					v = float64(int32(bits))
				}
				if err := in.add(out, v, example); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

// errTooMany says that a body has more examples than are taken at once.
var errTooMany = errors.New("too many inputs")

// json reads {"inputs": [...]}: a list of at most so many examples, each nested as its shape
// says or flat; an example of several inputs is an object with their names. Examples are read
// one by one, so that what a body costs does not exceed what it holds by much.
func (r reader) json(body []byte, most int) (*inputs, error) {
	wrong := func(err error) error { return fmt.Errorf("the body is not {\"inputs\": [...]}: %w", err) }
	if !utf8.Valid(body) { // replaced, its bytes would make different texts equal
		return nil, errors.New("the body is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if err := expect(d, json.Delim('{')); err != nil {
		return nil, wrong(err)
	}
	var out *inputs
	for d.More() {
		key, err := d.Token()
		switch {
		case err != nil:
			return nil, wrong(err)
		case key == "input" || key == "model" || key == "encoding_format":
			return nil, wrong(fmt.Errorf("unknown member %q: OpenAI's API has it, this one has a list of examples, each %s", key, r.typeString()))
		case key != "inputs":
			return nil, wrong(fmt.Errorf("unknown member %q", key))
		case out != nil:
			return nil, wrong(errors.New("inputs occurs twice"))
		}
		if err := expect(d, json.Delim('[')); err != nil {
			return nil, wrong(err)
		}
		out = &inputs{}
		var text json.RawMessage
		for ; d.More(); out.n++ {
			if out.n == most {
				return nil, errTooMany
			}
			if err := d.Decode(&text); err != nil {
				return nil, wrong(err)
			}
			if err := r.example(out, text, out.n); err != nil {
				return nil, err
			}
		}
		if err := expect(d, json.Delim(']')); err != nil {
			return nil, wrong(err)
		}
	}
	if err := expect(d, json.Delim('}')); err != nil {
		return nil, wrong(err)
	}
	if len(bytes.TrimSpace(body[d.InputOffset():])) > 0 {
		return nil, fmt.Errorf("text follows the JSON object, at byte %d", d.InputOffset())
	}
	if out == nil || out.n == 0 {
		return nil, fmt.Errorf("inputs is empty or missing, expected a list of inputs, each %s", r.typeString())
	}
	return out, nil
}

// expect reads a bracket.
func expect(d *json.Decoder, want json.Delim) error {
	got, err := d.Token()
	switch {
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	case err != nil:
		return err
	case got != want:
		return fmt.Errorf("%q at byte %d, expected %q", fmt.Sprint(got), d.InputOffset(), want.String())
	}
	return nil
}

// example reads one example.
func (r reader) example(out *inputs, text json.RawMessage, i int) error {
	if len(r) == 1 {
		s := &scanner{in: r[0], shape: r[0].shape, out: out, text: text, example: i}
		if r[0].columns != nil && s.next() == '{' {
			return s.named()
		}
		return s.read()
	}
	parts := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &parts); err != nil || len(parts) != len(r) {
		return fmt.Errorf("input %d is not an object with the members of %s", i, r.typeString())
	}
	for _, in := range r {
		part, ok := parts[in.name]
		if !ok {
			return fmt.Errorf("input %d has no %s, expected %s", i, in.name, r.typeString())
		}
		if err := (&scanner{in: in, shape: in.shape, out: out, text: part, example: i}).read(); err != nil {
			return err
		}
	}
	return nil
}

// scanner reads the nested lists of one input. The text is sound JSON.
type scanner struct {
	in      input
	shape   []int // of what is read, an input or a column of it
	out     *inputs
	text    []byte
	at      int
	example int
}

func (s *scanner) fail(format string, args ...any) error {
	return fmt.Errorf("input %d: %s", s.example, fmt.Sprintf(format, args...))
}

func (s *scanner) read() error {
	if s.in.text != nil && s.next() == '"' {
		return s.words()
	}
	nested := 0
	for _, c := range s.text {
		if c == '[' {
			nested++
		} else if c > ' ' {
			break
		}
	}
	shape := s.shape
	if nested == 1 {
		n := 1
		for _, d := range shape {
			n *= d
		}
		shape = []int{n}
	}
	if nested != len(shape) {
		return s.fail("lists lie %d deep inside each other, expected %s, nested as its shape says or flat", nested, s.typeString())
	}
	return s.list(shape)
}

// typeString says what is read.
func (s *scanner) typeString() string {
	in := s.in
	in.shape = s.shape
	return in.typeString()
}

// named reads an example that is an object with the columns of the training data, in whatever order.
func (s *scanner) named() error {
	parts := map[string]json.RawMessage{}
	if err := json.Unmarshal(s.text, &parts); err != nil {
		return s.fail("%v", err)
	}
	columns := s.in.columns
	for _, c := range columns {
		text, ok := parts[c.name]
		if !ok {
			return s.fail("has no column %q, which the model was trained with", c.name)
		}
		delete(parts, c.name)
		one := &scanner{in: s.in, shape: c.shape, out: s.out, text: text, example: s.example}
		read := one.read
		if len(c.shape) == 0 {
			one.next()
			read = one.number
		}
		if err := read(); err != nil {
			return fmt.Errorf("column %q: %w", c.name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		return s.fail("has a column %q, which the model was not trained with", name)
	}
	return nil
}

// words turns a text into tokens.
func (s *scanner) words() error {
	var text string
	if err := json.Unmarshal(s.text, &text); err != nil {
		return s.fail("%v", err)
	}
	ids := make([]int32, s.in.size)
	if message := s.in.text.Encode(ids, text); message != "" {
		return s.fail("%s", message)
	}
	s.out.tokens = append(s.out.tokens, ids...)
	return nil
}

// next skips blanks and gives the next byte.
func (s *scanner) next() byte {
	for s.at < len(s.text) {
		if c := s.text[s.at]; c > ' ' {
			return c
		}
		s.at++
	}
	return 0
}

// list reads a list of so many lists or numbers.
func (s *scanner) list(shape []int) error {
	if s.next() != '[' {
		return s.fail("a list of %d is missing at byte %d of it", shape[0], s.at)
	}
	s.at++
	n := 0
	for s.next() != ']' {
		if n == shape[0] {
			return s.fail("a list has more than %d elements; it must be %s", n, s.typeString())
		}
		var err error
		if len(shape) > 1 {
			err = s.list(shape[1:])
		} else {
			err = s.number()
		}
		if err != nil {
			return err
		}
		if n++; s.next() == ',' {
			s.at++
		}
	}
	s.at++
	if n != shape[0] {
		return s.fail("a list has %d elements, expected %d; it must be %s", n, shape[0], s.typeString())
	}
	return nil
}

func (s *scanner) number() error {
	start := s.at
	for s.at < len(s.text) && s.text[s.at] != ',' && s.text[s.at] != ']' && s.text[s.at] > ' ' {
		s.at++
	}
	token := string(s.text[start:s.at])
	v, err := strconv.ParseFloat(token, 64)
	if err != nil || len(token) == 0 || token[0] != '-' && (token[0] < '0' || token[0] > '9') {
		if len(token) > 20 {
			token = token[:20] + "..."
		}
		return s.fail("%q is no number of 32 bits", token)
	}
	return s.in.add(s.out, v, s.example)
}
