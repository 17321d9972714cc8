package dabs

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"mspecc/runtime/data"
	"mspecc/runtime/data/generic"
)

var sequencesReader = data.Builtin("sequences", openSequences)

// sequences is a data set of rows of a CSV file.
type sequences struct {
	s       *data.Source
	table   *generic.CSV
	labels  data.Labels
	o       *sequenceOptions
	columns []int // of the sequence and, where there are labels, of the label
}

// sequenceOptions are what holds for both parts.
type sequenceOptions struct {
	alphabet string
	length   int
	tokens   [256]int16 // of letters, -1: none
	pad      int32      // -1: none
	kind     string
	first    int
	classes  int
	ranks    map[string]int
	padLabel float64
}

func (q *sequences) Len() int            { return q.table.Rows() }
func (q *sequences) Labels() data.Labels { return q.labels }

// Look has the letters of the alphabet.
func (q *sequences) Look() data.Look { return data.Letters(q.o.alphabet) }

// Origin is the row of the table.
func (q *sequences) Origin(i int, _ uint64) (data.Origin, error) {
	return data.Origin{File: q.table.Name(), First: i, Count: 1}, nil
}

func (q *sequences) Example(i int, _ uint64, e *data.Example) error {
	e.Labels[0] = 0
	return q.table.Read(i, i+1, q.columns, func(row int, fields [][]byte) error {
		if err := q.o.encode(e.Tokens, pythonBytes(fields[0])); err != nil {
			return q.s.Fail(q.table.Name(), q.table.At(row), err.Error(), "correct or remove the row")
		}
		if len(fields) == 1 {
			return nil
		}
		if err := q.o.read(e.Labels, fields[1]); err != nil {
			return q.s.Fail(q.table.Name(), q.table.At(row), fmt.Sprintf("column %s: %v", q.s.Text("label"), err), "correct or remove the row, or the options of the label")
		}
		return nil
	})
}

// encode writes the tokens of a sequence, cut or filled up to the model's length.
func (o *sequenceOptions) encode(dst []int32, letters []byte) error {
	if o.pad < 0 && len(letters) != o.length {
		return fmt.Errorf("has a sequence of %d letters, the model wants %d", len(letters), o.length)
	}
	for i := range dst {
		if i >= len(letters) {
			dst[i] = o.pad
			continue
		}
		t := o.tokens[letters[i]]
		if t < 0 {
			return fmt.Errorf("letter %d of the sequence is %q, which is not in the alphabet", i, letters[i])
		}
		dst[i] = int32(t)
	}
	return nil
}

// read writes the label of a row.
func (o *sequenceOptions) read(dst []float64, field []byte) error {
	if o.kind == "rank" {
		rank, ok := o.ranks[string(field)]
		if !ok {
			return fmt.Errorf("%.24q does not occur in the file that is ranked", field)
		}
		dst[0] = float64(rank)
		return nil
	}
	values, err := pythonNumbers(nil, field)
	if err != nil {
		return err
	}
	if o.kind != "tokens" && len(values) != 1 {
		return fmt.Errorf("has %d numbers, expected one", len(values))
	}
	for i := range dst {
		switch {
		case i >= len(values):
			dst[i] = o.padLabel
			continue
		case o.kind == "number":
			dst[i] = values[i]
			continue
		case slices.Contains(data.NoLabel, values[i]) && values[i] < float64(o.first) || math.IsNaN(values[i]):
			dst[i] = math.NaN()
			continue
		}
		v := values[i] - float64(o.first)
		if v != float64(int(v)) || v < 0 || int(v) >= o.classes {
			return fmt.Errorf("the label is %g, expected %d to %d", values[i], o.first, o.first+o.classes-1)
		}
		dst[i] = v
	}
	return nil
}

func openSequences(s *data.Source) (data.Dataset, data.Dataset, error) {
	o, err := newSequenceOptions(s)
	if err != nil {
		return nil, nil, err
	}
	if s.Text("train") == "" {
		return nil, nil, s.BadOption("train", "the name of a file")
	}
	table, err := openCSV(s, "train")
	if err != nil {
		return nil, nil, err
	}
	if o.kind == "rank" && s.Text("label") != "" {
		ranked := table
		if s.Text("ranks_of") != "" {
			if ranked, err = openCSV(s, "ranks_of"); err != nil {
				return nil, nil, err
			}
		}
		if o.ranks, err = ranks(s, ranked, s.Text("label")); err != nil {
			return nil, nil, err
		}
	}
	train, err := newSequences(s, o, table)
	if err != nil {
		return nil, nil, err
	}
	if s.Text("test") != "" {
		if table, err = openCSV(s, "test"); err != nil {
			return nil, nil, err
		}
		test, err := newSequences(s, o, table)
		if err != nil {
			return nil, nil, err
		}
		return train, test, nil
	}
	return s.Tenths(train, "none")
}

// openCSV opens the file that an option names: under its name, under the last part of it, or in
// the folder in which DABS keeps its proteins.
func openCSV(s *data.Source, option string) (*generic.CSV, error) {
	return generic.OpenCSV(s, option, s.Text(option), path.Base(s.Text(option)), path.Join("proteins", path.Base(s.Text(option))))
}

func newSequenceOptions(s *data.Source) (*sequenceOptions, error) {
	alphabet := s.Text("alphabet")
	o := &sequenceOptions{alphabet: alphabet, kind: s.Text("kind"), padLabel: math.NaN()}
	if !s.Input.Tokens || len(s.Input.Shape) != 1 || s.Input.Vocab < len(alphabet) {
		return nil, s.Fail("", "", fmt.Sprintf("the model wants examples %v with a vocabulary of %d, the alphabet has %d letters", s.Input, s.Input.Vocab, len(alphabet)),
			"use a modality of tokens with that vocabulary")
	}
	o.length = s.Input.Shape[0]
	for i := range o.tokens {
		o.tokens[i] = int16(strings.IndexByte(alphabet, byte(i)))
	}
	pad := s.Text("pad")
	o.pad = int32(strings.Index(alphabet, pad))
	if pad == "none" {
		o.pad = -1
	} else if len(pad) != 1 || o.pad < 0 {
		return nil, s.BadOption("pad", "a letter of the alphabet, or none")
	}
	if !slices.Contains([]string{"class", "rank", "number", "tokens"}, o.kind) {
		return nil, s.BadOption("kind", "class, rank, number or tokens")
	}
	var err error
	if o.first, err = s.Integer("first_label", 0, -1<<20); err != nil {
		return nil, err
	}
	if o.classes, err = s.Integer("classes", 0, 2); err != nil {
		return nil, err
	}
	if s.Text("label") != "" && o.classes == 0 && (o.kind == "class" || o.kind == "tokens") {
		return nil, s.BadOption("classes", "the number of classes")
	}
	switch s.Text("padding") {
	case "ignore":
	case "class":
		if o.kind == "tokens" {
			o.padLabel = float64(o.classes)
			o.classes++
		}
	default:
		return nil, s.BadOption("padding", "ignore or class")
	}
	return o, nil
}

func newSequences(s *data.Source, o *sequenceOptions, t *generic.CSV) (*sequences, error) {
	q := &sequences{s: s, table: t, o: o, labels: data.Labels{Each: 1}}
	column, err := t.Column(s.Text("sequence"))
	if err != nil {
		return nil, err
	}
	q.columns = []int{column}
	if name := s.Text("label"); name != "" {
		if column, err = t.Column(name); err != nil {
			return nil, err
		}
		q.columns = append(q.columns, column)
		switch o.kind {
		case "number":
			q.labels.Classes = 1
		case "rank":
			q.labels.Classes = len(o.ranks)
		default:
			q.labels.Classes = o.classes
		}
		if o.kind == "tokens" {
			q.labels.Each = o.length
		}
	}
	return q, nil
}

// ranks numbers the different values of a column in their order: numbers by size, else texts.
func ranks(s *data.Source, t *generic.CSV, column string) (map[string]int, error) {
	c, err := t.Column(column)
	if err != nil {
		return nil, err
	}
	ranks := map[string]int{}
	err = t.Read(0, t.Rows(), []int{c}, func(row int, fields [][]byte) error {
		if row%(1<<16) == 0 {
			s.Progress("ranking "+column, int64(row), int64(t.Rows()))
		}
		if _, seen := ranks[string(fields[0])]; !seen {
			if len(ranks) == 1<<20 {
				return s.Fail(t.Name(), "", "has more than a million different values in column "+column, "give a column with classes")
			}
			ranks[string(fields[0])] = 0
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var values []string
	numbers := true
	for v := range ranks {
		values = append(values, v)
		_, err := strconv.ParseFloat(v, 64)
		numbers = numbers && err == nil
	}
	slices.SortFunc(values, func(a, b string) int {
		if numbers {
			x, _ := strconv.ParseFloat(a, 64)
			y, _ := strconv.ParseFloat(b, 64)
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
		}
		return strings.Compare(a, b)
	})
	if len(values) < 2 {
		return nil, s.Fail(t.Name(), "", "has only one value in column "+column, "give a column with classes")
	}
	for i, v := range values {
		ranks[v] = i
	}
	return ranks, nil
}
