package dabs

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"mspecc/runtime/data"
	"mspecc/runtime/data/pandas"
)

// maxTable bounds a pickled table, which is mapped where the file allows it.
const maxTable = 1 << 36

// openTable reads a pickled pandas table: the first of the candidates that exists. The mapping
// lasts as long as the process, as the data set does.
func openTable(s *data.Source, option string, candidates ...string) (*pandas.Frame, string, error) {
	if name := s.Text(option); name != "" {
		candidates = []string{name}
	}
	for _, name := range candidates {
		if _, err := fs.Stat(s.Root, name); err != nil {
			continue
		}
		s.Progress("reading "+path.Base(name), 0, 1)
		raw, err := mapFile(s, name)
		if err != nil {
			return nil, "", err
		}
		frame, err := readTable(s, name, raw)
		var bad *data.Error
		if errors.As(err, &bad) {
			return nil, "", bad
		}
		if err != nil {
			return nil, "", s.Fail(name, "", err.Error(), "give the pickled table that the data set's tools write")
		}
		if frame.Rows < 1 {
			return nil, "", s.Fail(name, "", "has no rows", "give a table with data")
		}
		return frame, name, nil
	}
	msg := "lacks " + candidates[0]
	for _, c := range candidates[1:] {
		msg += " or " + c
	}
	return nil, "", s.Fail("", "", msg, "give the folder that holds it, or the file with the option "+option)
}

// readTable reads a table that may be cut off meanwhile.
func readTable(s *data.Source, name string, raw []byte) (frame *pandas.Frame, err error) {
	defer faults(&err, func() error { return cutOff(s, name, "") })()
	return pandas.Read(raw)
}

// cutOff is the error of a mapped file that has become shorter.
func cutOff(s *data.Source, name, at string) error {
	return s.Fail(name, at, "cannot be read any more: the file was cut off while it was in use", "put the file back")
}

// rowSet is a data set of rows of a table.
type rowSet struct {
	s      *data.Source
	frame  *pandas.Frame
	file   string
	rows   []int   // of the table
	class  []int32 // of each of rows; nil: no labels
	labels data.Labels
	// decode writes the contents of a row of the table into x.
	decode func(row int, x []float32) error
}

func (r *rowSet) Len() int            { return len(r.rows) }
func (r *rowSet) Labels() data.Labels { return r.labels }

func (r *rowSet) Example(i int, _ uint64, e *data.Example) (err error) {
	defer faults(&err, func() error { return cutOff(r.s, r.file, fmt.Sprintf("row %d", r.rows[i])) })()
	if err := r.decode(r.rows[i], e.X); err != nil {
		return r.s.Fail(r.file, fmt.Sprintf("row %d", r.rows[i]), err.Error(), "give the pickled table that the data set's tools write")
	}
	e.Labels[0] = 0
	if r.class != nil {
		e.Labels[0] = float64(r.class[i])
	}
	return nil
}
