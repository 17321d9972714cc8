package dabs

import (
	"errors"
	"fmt"
	"math"
	"path"

	"mspecc/runtime/data"
	"mspecc/runtime/data/pandas"
)

// openTable reads a pickled pandas table: the first of the candidates that exists. Its values stay
// in the file where that can be mapped. The mapping lasts as long as the process, as the data set does.
func openTable(s *data.Source, option string, candidates ...string) (*pandas.Frame, *data.Blob, error) {
	if name := s.Text(option); name != "" {
		candidates = []string{name}
	}
	b, err := s.FindBlob(option, candidates...)
	if err != nil {
		return nil, nil, err
	}
	s.Progress("reading "+path.Base(b.Name), 0, 1)
	raw, _, err := b.Map()
	if err != nil {
		return nil, nil, err
	}
	frame, err := readTable(b, raw)
	var bad *data.Error
	switch {
	case errors.As(err, &bad):
		return nil, nil, bad
	case err != nil:
		return nil, nil, b.Fail("", err.Error(), "give the pickled table that the data set's tools write")
	case frame.Rows < 1:
		return nil, nil, b.Fail("", "has no rows", "give a table with data")
	}
	return frame, b, nil
}

// readTable reads a table that may be cut off meanwhile.
func readTable(b *data.Blob, raw []byte) (frame *pandas.Frame, err error) {
	defer b.Faults(&err)()
	return pandas.Read(raw)
}

// rowSet is a data set of rows of a table.
type rowSet struct {
	file   *data.Blob
	frame  *pandas.Frame
	rows   []int32 // of the table
	class  []int32 // of each of rows, -1 for none; nil: no labels
	labels data.Labels
	// decode writes the contents of a row of the table into x.
	decode func(row int, x []float32) error
}

func (r *rowSet) Len() int            { return len(r.rows) }
func (r *rowSet) Labels() data.Labels { return r.labels }

// Origin is the row of the table.
func (r *rowSet) Origin(i int, _ uint64) (data.Origin, error) {
	return data.Origin{File: r.file.Name, First: int(r.rows[i]), Count: 1}, nil
}

func (r *rowSet) Example(i int, _ uint64, e *data.Example) (err error) {
	defer r.file.Faults(&err)()
	if err := r.file.Unchanged(); err != nil {
		return err
	}
	if err := r.decode(int(r.rows[i]), e.X); err != nil {
		return r.file.Fail(fmt.Sprintf("row %d", r.rows[i]), err.Error(), "give the pickled table that the data set's tools write")
	}
	e.Labels[0] = 0
	if r.class != nil {
		if e.Labels[0] = float64(r.class[i]); r.class[i] < 0 {
			e.Labels[0] = math.NaN()
		}
	}
	return nil
}
