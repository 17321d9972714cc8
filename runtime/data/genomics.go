package data

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"mspecc/runtime/data/tfrecord"
)

var genomicsReader = Reader{
	Name: "genomics",
	Doc:  "genomics_ood: TFRecord files of bacterial DNA, 250 bases A, C, G, T as tokens 0..3; CRCs are checked; .gz too",
	Options: []Option{
		{"train", "before_2011_in_tr/*.tfrecord*", "training files, a pattern"},
		{"test", "between_2011-2016_in_val/*.tfrecord*", "test files, a pattern; between_2011-2016_ood_val/*.tfrecord* is out of distribution; split: a random part of the training files"},
		fractionOption,
		{"classes", "10", "number of classes"},
		{"first_label", "", "label in the files that becomes class 0; default 0"},
		{"test_classes", "", "number of classes of the test files where it differs; 60 out of distribution"},
		{"test_first_label", "", "first_label of the test files where it differs; 10 out of distribution"},
	},
	Fetch: "genomics_ood: github.com/google-research/google-research, folder genomics_ood",
	Open:  openGenomics,
}

// tokenSet is a set of token sequences.
type tokenSet struct {
	tokens  []byte // [n, size]
	labels  []int
	size    int
	classes int
}

func (t *tokenSet) Len() int       { return len(t.labels) }
func (t *tokenSet) Labels() Labels { return Labels{Classes: t.classes, Each: 1} }

// Look has bases as letters.
func (t *tokenSet) Look() Look { return Letters("ACGT") }

func (t *tokenSet) Example(i int, _ uint64, e *Example) error {
	for j, b := range t.tokens[i*t.size : (i+1)*t.size] {
		e.Tokens[j] = int32(b)
	}
	e.Labels[0] = float64(t.labels[i])
	return nil
}

func openGenomics(s *Source) (Dataset, Dataset, error) {
	if !s.Input.Tokens || len(s.Input.Shape) != 1 || s.Input.Vocab < 4 {
		return nil, nil, s.Fail("", "", fmt.Sprintf("the model wants examples %v with a vocabulary of %d, the data has i32[250] with one of 4", s.Input, s.Input.Vocab),
			"use a token modality")
	}
	classes, err := s.Integer("classes", 10, 2)
	if err != nil {
		return nil, nil, err
	}
	first, err := s.Integer("first_label", 0, 0)
	if err != nil {
		return nil, nil, err
	}
	train, err := s.genomicsPart("train", classes, first)
	if err != nil {
		return nil, nil, err
	}
	if s.Text("test") == "split" {
		return s.Split(train)
	}
	if classes, err = s.Integer("test_classes", classes, 2); err != nil {
		return nil, nil, err
	}
	if first, err = s.Integer("test_first_label", first, 0); err != nil {
		return nil, nil, err
	}
	test, err := s.genomicsPart("test", classes, first)
	if err != nil {
		return nil, nil, err
	}
	return train, test, nil
}

// genomicsPart reads all files that match an option's pattern.
func (s *Source) genomicsPart(option string, classes, first int) (*tokenSet, error) {
	names, err := s.Glob(option, s.Text(option))
	if err != nil {
		return nil, err
	}
	set := &tokenSet{size: s.Input.Shape[0], classes: classes}
	for _, name := range names {
		if err := s.genomicsFile(set, option, name, first); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// genomicsFile appends the records of one file.
func (s *Source) genomicsFile(set *tokenSet, option, name string, first int) error {
	f, err := s.Open(option, name)
	if err != nil {
		return err
	}
	defer f.Close()
	var buf []byte
	for i := 0; ; i++ {
		at := fmt.Sprintf("record %d", i)
		buf, err = tfrecord.Read(f, buf)
		switch {
		case errors.Is(err, io.EOF) && i == 0:
			return s.Fail(name, "", "holds no record", "give a file with data")
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, tfrecord.ErrData):
			err = s.Fail(name, at, Cause(err), "the file is damaged: fetch it again")
		case err != nil:
			return s.tfError(f, at, err)
		default:
			err = s.genome(set, name, at, buf, first)
		}
		if err != nil {
			if err := s.Bad(err); err != nil {
				return err
			}
		}
	}
}

// tfError explains an error of a TFRecord file.
func (s *Source) tfError(f *File, at string, err error) *Error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) {
		return s.readError(f, at, err)
	}
	return s.Fail(f.Name, at, Cause(err), "give a TFRecord file, or fetch the damaged file again")
}

// genome appends one record: feature x, the bases as digits separated by blanks, and feature y, the label.
func (s *Source) genome(set *tokenSet, name, at string, record []byte, first int) error {
	features, err := tfrecord.Parse(record)
	if err != nil {
		return s.Fail(name, at, err.Error(), "give files as genomics_ood has them")
	}
	x, y := features["x"].Bytes, features["y"].Ints
	if len(x) == 0 || len(y) == 0 {
		return s.Fail(name, at, "lacks feature x (bytes) or y (int64)", "give files as genomics_ood has them")
	}
	label := y[0]
	if label < int64(first) || label >= int64(first)+int64(set.classes) {
		return s.Fail(name, at, fmt.Sprintf("label y is %d, expected %d..%d", label, first, first+set.classes-1),
			"correct the options classes and first_label, or test_classes and test_first_label")
	}
	digits := fields(nil, x[0], ' ')
	if len(digits) != set.size {
		return s.Fail(name, at, fmt.Sprintf("has %d bases, the model wants %d", len(digits), set.size), "correct the modality's length")
	}
	for i, d := range digits {
		if len(d) != 1 || d[0] < '0' || d[0] > '3' {
			return s.Fail(name, at, fmt.Sprintf("base %d is %s, expected 0, 1, 2 or 3", i, shorten(d)), "give files as genomics_ood has them")
		}
	}
	for _, d := range digits {
		set.tokens = append(set.tokens, d[0]-'0')
	}
	set.labels = append(set.labels, int(label)-first)
	return nil
}
