package data

import (
	"fmt"
	"math"
	"strconv"
)

// subset is a part of a data set: the examples of a random order from first on.
type subset struct {
	Dataset
	order permutation
	first int
	n     int
}

// Len is the number of examples of the part.
func (s *subset) Len() int { return s.n }

// Example is the data set's own, at its place in the order.
func (s *subset) Example(i int, epoch uint64, e *Example) error {
	return s.Dataset.Example(s.order.at(s.first+i), epoch, e)
}

// fractionOption is the part that a random split sets aside for testing.
var fractionOption = Option{"test_fraction", "0.1", "the part that a random split sets aside for testing"}

// Split sets a random part of the examples, decided by the seed, aside for testing; the
// option test_fraction says how large it is.
func (s *Source) Split(all Dataset) (train, test Dataset, err error) {
	n := all.Len()
	tests, err := s.testCount(n, "examples")
	if err != nil {
		return nil, nil, err
	}
	order := permute(n, s.Seed, 0)
	return &subset{all, order, 0, n - tests}, &subset{all, order, n - tests, tests}, nil
}

// testCount is how many of n things the option test_fraction sets aside, at least one of
// them and never all.
func (s *Source) testCount(n int, things string) (int, error) {
	fraction, err := strconv.ParseFloat(s.Text("test_fraction"), 64)
	if err != nil || !(fraction > 0 && fraction < 1) {
		return 0, s.BadOption("test_fraction", "a number between 0 and 1")
	}
	tests := int(math.Round(fraction * float64(n)))
	if tests == 0 || tests == n {
		return 0, s.BadOption("test_fraction", fmt.Sprintf("a part that leaves some of %d %s on both sides", n, things))
	}
	return tests, nil
}
