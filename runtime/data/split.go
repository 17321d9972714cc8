package data

import (
	"fmt"
	"math"
	"strconv"
)

// subset is a part of a data set: the examples of a random order from first on.
type subset struct {
	Dataset
	order func(i int) int
	first int
	n     int
}

// Len is the number of examples of the part.
func (s *subset) Len() int { return s.n }

// Example is the data set's own, at its place in the order.
func (s *subset) Example(i int, epoch uint64, e *Example) error {
	return s.Dataset.Example(s.order(s.first+i), epoch, e)
}

// Split sets a random part of the examples, decided by the seed, aside for testing; the
// option test_fraction says how large it is.
func (s *Source) Split(all Dataset) (train, test Dataset, err error) {
	n := all.Len()
	order, tests, err := s.Shuffled(n, "examples")
	if err != nil {
		return nil, nil, err
	}
	return &subset{all, order, 0, n - tests}, &subset{all, order, n - tests, tests}, nil
}

// Shuffled puts n things into a random order that the seed decides: the last tests of them are
// the part that the option test_fraction sets aside, at least one and never all.
func (s *Source) Shuffled(n int, things string) (order func(i int) int, tests int, err error) {
	fraction, err := s.Fraction()
	if err != nil {
		return nil, 0, err
	}
	if n < 2 {
		return nil, 0, s.Fail("", "", fmt.Sprintf("holds %d %s, too few for training and testing", n, things), "give more data, or name the files to test on")
	}
	tests = int(math.Round(fraction * float64(n)))
	if tests == 0 || tests == n {
		return nil, 0, s.BadOption("test_fraction", fmt.Sprintf("a part that leaves some of %d %s on both sides", n, things))
	}
	p := permute(n, s.Seed, 0)
	return p.at, tests, nil
}

// Fraction is the option test_fraction, a part above 0 and below 1.
func (s *Source) Fraction() (float64, error) {
	fraction, err := strconv.ParseFloat(s.Text("test_fraction"), 64)
	if err != nil || !(fraction > 0 && fraction < 1) {
		return 0, s.BadOption("test_fraction", "a number between 0 and 1")
	}
	return fraction, nil
}
