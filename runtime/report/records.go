package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"

	"mspecc/runtime/files"
)

// maxLine is longer than any line of metrics or evaluations.
const maxLine = 1 << 20

// ReadRecords reads a metrics.jsonl file, which may still grow; none where there is no file. Very
// many are thinned out evenly. Lines that are damaged are passed over and counted; one that is being
// written is not there yet.
func ReadRecords(name string) (list []Record, damaged int, err error) {
	f, _, err := files.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("the metrics cannot be read: %w", err)
	}
	defer f.Close()
	var kept thinned
	s, err := scanLines(f, math.MaxInt, func(r Record, _ span) { kept.add(r) })
	if err != nil {
		return nil, 0, fmt.Errorf("the metrics cannot be read: %w", err)
	}
	return kept.all(), s.damaged, nil
}

// span is where a line stands in a file.
type span struct{ from, to int64 }

// scan sorts out the lines of a file of metrics.
type scan struct {
	damaged int // lines that are no records, or whose step is not higher than that of the lines before
	beyond  int // lines at the end that are of later steps than wanted

	last  int // step that was used last
	held  *Record
	where span // of held
	use   func(Record, span)
}

// scanLines gives the lines of a file of metrics up to a step to use, in order, and counts the others.
// Steps rise. Where they do not, a line was damaged that still looks like one, and the others around it
// say which.
func scanLines(r io.Reader, upTo int, use func(Record, span)) (scan, error) {
	s := scan{last: -1, use: use}
	err := files.Lines(r, maxLine, func(l files.Line) bool {
		rec, ok := parseRecord(l.Text)
		switch {
		case l.Torn && !l.Cut: // being written, or cut off by the end of a process
		case l.Cut || !ok:
			s.damaged++
		case rec.Step > upTo:
			s.beyond++
		default:
			s.damaged, s.beyond = s.damaged+s.beyond, 0 // what is not at the end was not written by a session beyond
			s.add(rec, span{l.At, l.At + l.Size})
		}
		return true
	})
	s.flush()
	return s, err
}

// add takes a record, and gives the one before it to use once this shows that it was sound.
func (s *scan) add(r Record, where span) {
	switch {
	case s.held == nil || r.Step > s.held.Step:
		s.flush()
	case r.Step > s.last: // without the one before the steps rise
		s.damaged++
	default:
		s.damaged++
		return
	}
	s.held, s.where = &r, where
}

func (s *scan) flush() {
	if s.held != nil {
		s.use(*s.held, s.where)
		s.last, s.held = s.held.Step, nil
	}
}

// wholeNumber is a number as an int, false for one that is none or negative, or so large that not all whole numbers are numbers.
func wholeNumber(v float64) (int, bool) {
	return int(v), v >= 0 && v <= 1<<53 && v == math.Trunc(v)
}

// parseRecord reads a line of the log: a flat object of numbers, null standing for what is not
// finite. Every name that is no field of Record is one of Names, in the order of the line.
func parseRecord(line []byte) (Record, bool) {
	r := Record{Step: -1, LR: math.NaN(), Rate: math.NaN(), Wait: math.NaN(), Seconds: math.NaN()}
	d := json.NewDecoder(bytes.NewReader(line))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return r, false
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return r, false
		}
		value, err := d.Token()
		if err != nil {
			return r, false
		}
		v, ok := value.(float64)
		if !ok {
			if value != nil {
				return r, false
			}
			v = math.NaN()
		}
		sound := true
		switch name := key.(string); name {
		case "step":
			r.Step, sound = wholeNumber(v)
		case "lr":
			r.LR = v
		case "examples_per_second":
			r.Rate = v
		case "data_wait":
			r.Wait = v
		case "seconds":
			r.Seconds = v
		case "bad_records":
			r.LeftOut, sound = wholeNumber(v)
		default:
			r.Names, r.Values = append(r.Names, name), append(r.Values, v)
		}
		if !sound {
			return r, false
		}
	}
	if _, err := d.Token(); err != nil {
		return r, false
	}
	return r, r.Step >= 0 && len(bytes.TrimSpace(line[d.InputOffset():])) == 0
}

// pick gives the record the values of these names, NaN where it has none.
func (r Record) pick(names []string) Record {
	values := make([]float64, len(names))
	for i, n := range names {
		values[i] = r.Value(n)
	}
	r.Names, r.Values = names, values
	return r
}

// Value is the value of a name, NaN where there is none.
func (r Record) Value(name string) float64 {
	if i := slices.Index(r.Names, name); i >= 0 {
		return r.Values[i]
	}
	return math.NaN()
}
