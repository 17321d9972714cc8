package serve

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"mspecc/runtime"
)

// inputs are the examples of a request.
type inputs struct {
	x      []float32
	tokens []int32
	n      int
}

// reader turns bodies into examples of a modality.
type reader struct {
	shape  []int // of one example
	size   int
	tokens bool
	vocab  int
}

func newReader(m runtime.Modality) reader {
	r := reader{shape: m.Input, size: 1, tokens: m.DType == runtime.I32, vocab: m.Vocab}
	for _, d := range m.Input {
		r.size *= d
	}
	return r
}

// typeString is the type of one example as specs write it.
func (r reader) typeString() string {
	d := runtime.F32
	if r.tokens {
		d = runtime.I32
	}
	return runtime.Tensor{DType: d, Shape: r.shape}.TypeString()
}

// add appends one number.
func (r reader) add(in *inputs, v float64, example int) error {
	if !r.tokens {
		f := float32(v)
		if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
			return fmt.Errorf("input %d holds %v, expected finite numbers of 32 bits", example, v)
		}
		in.x = append(in.x, f)
		return nil
	}
	if v != math.Trunc(v) || v < 0 || v >= float64(r.vocab) {
		return fmt.Errorf("input %d holds the token %v, expected 0 to %d", example, v, r.vocab-1)
	}
	in.tokens = append(in.tokens, int32(v))
	return nil
}

// raw reads examples one after another, each a row-major array of little-endian float32, or
// int32 for tokens.
func (r reader) raw(body []byte) (*inputs, error) {
	if len(body) == 0 || len(body)%(4*r.size) != 0 {
		return nil, fmt.Errorf("the body has %d bytes, expected a multiple of %d: each input is %s of 4 bytes a number", len(body), 4*r.size, r.typeString())
	}
	in := &inputs{n: len(body) / (4 * r.size)}
	for i := 0; i < len(body); i += 4 {
		bits := binary.LittleEndian.Uint32(body[i:])
		v := float64(math.Float32frombits(bits))
		if r.tokens {
			v = float64(int32(bits))
		}
		if err := r.add(in, v, i/4/r.size); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// json reads {"inputs": [...]}: a list of examples, each nested as its shape says or flat.
func (r reader) json(body []byte) (*inputs, error) {
	var request struct {
		Inputs []json.RawMessage `json:"inputs"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&request); err != nil {
		return nil, fmt.Errorf("the body is not {\"inputs\": [...]}: %w", err)
	}
	if len(bytes.TrimSpace(body[d.InputOffset():])) > 0 {
		return nil, fmt.Errorf("text follows the JSON object, at byte %d", d.InputOffset())
	}
	if len(request.Inputs) == 0 {
		return nil, fmt.Errorf("inputs is empty or missing, expected a list of inputs, each %s", r.typeString())
	}
	in := &inputs{n: len(request.Inputs)}
	for i, raw := range request.Inputs {
		s := &scanner{r: r, in: in, text: raw, example: i}
		if err := s.read(); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// scanner reads the nested lists of one example. The text is sound JSON.
type scanner struct {
	r       reader
	in      *inputs
	text    []byte
	at      int
	example int
}

func (s *scanner) fail(format string, args ...any) error {
	return fmt.Errorf("input %d: %s", s.example, fmt.Sprintf(format, args...))
}

func (s *scanner) read() error {
	nested := 0
	for _, c := range s.text {
		if c == '[' {
			nested++
		} else if c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			break
		}
	}
	shape := s.r.shape
	if nested == 1 {
		shape = []int{s.r.size}
	}
	if nested != len(shape) {
		return s.fail("lists lie %d deep inside each other, expected %s, nested as its shape says or flat", nested, s.r.typeString())
	}
	return s.list(shape)
}

// next skips blanks and gives the next byte.
func (s *scanner) next() byte {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; c {
		case ' ', '\n', '\t', '\r':
			s.at++
		default:
			return c
		}
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
			return s.fail("a list has more than %d elements; it must be %s", n, s.r.typeString())
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
		return s.fail("a list has %d elements, expected %d; it must be %s", n, shape[0], s.r.typeString())
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
	return s.r.add(s.in, v, s.example)
}
