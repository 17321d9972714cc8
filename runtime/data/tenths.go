package data

import (
	"fmt"
	"math"
	"strconv"

	"mspecc/runtime/data/mersenne"
)

// picked is a part of a data set: the examples of a list.
type picked struct {
	Dataset
	rows []int
}

// Pick makes a data set of the examples of a list.
func Pick(all Dataset, rows []int) Dataset { return &picked{all, rows} }

// Len is the length of the list.
func (p *picked) Len() int { return len(p.rows) }

// Example is the data set's own, as the list says.
func (p *picked) Example(i int, epoch uint64, e *Example) error {
	return p.Dataset.Example(p.rows[i], epoch, e)
}

// TenthOptions are the options of readers that call Tenths.
var TenthOptions = []Option{
	{"rows", "all", "of a split into tenths: all, or reference: as the published code rounds, which loses a row where the number of rows is a multiple of ten"},
	{"shuffle", "", "seed of the order before a split into tenths, as pandas' DataFrame.sample draws it, or none: the order of the file; default that of the benchmark"},
}

// Tenths sets the last tenth of the examples aside for testing, as the DABS benchmark does:
// the first ceil(0.9 n) train. The shuffle is a seed, for numpy.random.RandomState, or "none".
func (s *Source) Tenths(all Dataset, shuffle string) (train, test Dataset, err error) {
	if v := s.Text("shuffle"); v != "" {
		shuffle = v
	}
	n := all.Len()
	var order []int
	if shuffle == "none" {
		for i := range n {
			order = append(order, i)
		}
	} else {
		seed, err := strconv.ParseUint(shuffle, 10, 32)
		if err != nil {
			return nil, nil, s.BadOption("shuffle", "a whole number or none")
		}
		order = mersenne.NumPy(uint32(seed)).Permutation(n)
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
	return Pick(all, order[:cut]), Pick(all, order[from:]), nil
}
