package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
)

// ReadRecords reads a metrics.jsonl file, which may still grow; none where there is no file. Very
// many are thinned out evenly.
// Lines that cannot be understood, such as one that is being written, are passed over.
func ReadRecords(name string) ([]Record, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the metrics cannot be read: %w", err)
	}
	defer f.Close()
	var list thinned
	for lines := bufio.NewReader(f); ; {
		line, err := lines.ReadBytes('\n')
		if r, ok := parseRecord(line); ok {
			list.add(r)
		}
		if errors.Is(err, io.EOF) {
			return list.all(), nil
		}
		if err != nil {
			return nil, fmt.Errorf("the metrics cannot be read: %w", err)
		}
	}
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
		switch name := key.(string); name {
		case "step":
			r.Step = int(v)
		case "lr":
			r.LR = v
		case "examples_per_second":
			r.Rate = v
		case "data_wait":
			r.Wait = v
		case "seconds":
			r.Seconds = v
		case "bad_records":
			r.LeftOut = int(v)
		default:
			r.Names, r.Values = append(r.Names, name), append(r.Values, v)
		}
	}
	_, err := d.Token()
	return r, err == nil && r.Step >= 0
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
