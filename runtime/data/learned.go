package data

import (
	"errors"
	"fmt"
)

// Learned is what readers learn from the training data. It belongs to the model that was trained
// with it and is kept in checkpoints: whatever data the model is used on later, tokens and
// scaled values mean the same.
type Learned struct {
	Vocabulary *Vocabulary `json:"vocabulary,omitempty"` // that was built from the texts; nil: none was
	Scaling    *Scaling    `json:"scaling,omitempty"`    // of values that are standardised; nil: none are
	Schema     *Schema     `json:"schema,omitempty"`     // of the records; nil: the reader has none
}

// Sound is an error for what no reader can have learned.
func (l Learned) Sound() error {
	if v := l.Vocabulary; v != nil {
		if message := v.Check(Input{Vocab: len(v.Words)}); message != "" {
			return errors.New("the vocabulary " + message)
		}
	}
	if s := l.Scaling; s != nil {
		if message := s.Check(len(s.Mean)); message != "" {
			return errors.New("the scaling " + message)
		}
	}
	return nil
}

// Fits is an error for what belongs to other examples than a model wants.
func (l Learned) Fits(w Want) error {
	if l.Vocabulary != nil && len(w) == 1 && w[0].Tokens {
		if message := l.Vocabulary.Check(w[0]); message != "" {
			return errors.New("the vocabulary kept with the model " + message)
		}
	}
	if l.Scaling != nil && len(w) == 1 && !w[0].Tokens && w[0].Size()%len(l.Scaling.Mean) != 0 {
		return fmt.Errorf("the scaling kept with the model is of %d channels, which an input of %d values cannot have", len(l.Scaling.Mean), w[0].Size())
	}
	return nil
}

// LearnedOf is what the reader of a data set has learned, or was told. A Dataset says so by methods
// Vocabulary() *Vocabulary and Scaling() *Scaling; it may lack both.
func LearnedOf(set Dataset) (l Learned) {
	if s, ok := innermost[interface{ Vocabulary() *Vocabulary }](set); ok {
		l.Vocabulary = s.Vocabulary()
	}
	if s, ok := innermost[interface{ Scaling() *Scaling }](set); ok {
		l.Scaling = s.Scaling()
	}
	l.Schema = SchemaOf(set)
	if names := set.Labels().Names; l.Schema == nil && len(names) > 0 {
		l.Schema = &Schema{Classes: names} // of a reader of other things than records
	}
	return l
}

// innermost finds what a data set can beside giving examples, below the wrappers of this package.
func innermost[T any](set Dataset) (T, bool) {
	for {
		switch s := set.(type) {
		case T:
			return s, true
		case tolerant:
			set = s.Dataset
		case scaled:
			set = s.Dataset
		case *subset:
			set = s.Dataset
		default:
			var none T
			return none, false
		}
	}
}
