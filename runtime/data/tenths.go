package data

import (
	"fmt"
	"math"
	"strconv"

	"mspecc/runtime/data/mersenne"
	"mspecc/runtime/options"
)

// TenthOptions are the options of readers that call Tenths.
var TenthOptions = options.Tenths

// Tenths sets the last tenth of the examples aside for testing, as the DABS benchmark does:
// the first ceil(0.9 n) train. The shuffle is a seed, for numpy.random.RandomState, or "none".
func (s *Source) Tenths(all Dataset, shuffle string) (train, test Dataset, err error) {
	if v := s.Text("shuffle"); v != "" {
		shuffle = v
	}
	n := all.Len()
	order := func(i int) int { return i }
	if shuffle != "none" {
		seed, err := strconv.ParseUint(shuffle, 10, 32)
		if err != nil {
			return nil, nil, s.BadOption("shuffle", "a whole number or none")
		}
		if n > math.MaxInt32 {
			return nil, nil, s.BadOption("shuffle", "none for so many rows")
		}
		drawn := mersenne.NumPy(uint32(seed)).Permutation(n)
		order = func(i int) int { return int(drawn[i]) }
	}
	cut := int(math.Ceil(0.9 * float64(n)))
	from := cut
	switch s.Text("rows") {
	case "all":
	case "reference":
		ratio := 0.9 // not a constant: 1 - 0.9 in double precision is below 0.1
		from = n - int(math.Floor((1-ratio)*float64(n)))
	default:
		return nil, nil, s.BadOption("rows", "all or reference")
	}
	if cut == 0 || from >= n {
		return nil, nil, s.Fail("", "", fmt.Sprintf("has %d examples, too few to set a tenth aside for testing", n), "give more data")
	}
	return &subset{all, order, 0, cut}, &subset{all, order, from, n - from}, nil
}
