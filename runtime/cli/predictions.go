package cli

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"

	"mspecc/runtime/ckpt"
	"mspecc/runtime/data"
	"mspecc/runtime/eval"
	"mspecc/runtime/overview"
)

// tested is the result that says most of the test examples.
func (e *evaluation) tested() *eval.Result {
	base := &e.results[0]
	for i := range e.results {
		if len(e.results[i].Labels) > len(base.Labels) {
			base = &e.results[i]
		}
	}
	return base
}

// digestedIDs is how many test examples are named in testDigest, evenly spread: to name one may mean to read it.
const digestedIDs = 256

// testDigest is a hash of which examples methods are tested on, with which labels: evaluations that have it in common are
// of the same split of the same data.
func (e *evaluation) testDigest() (string, error) {
	base, h := e.tested(), sha256.New()
	fmt.Fprintln(h, "examples", e.sets.train.Len(), e.sets.test.Len(), len(base.Labels))
	for i, y := range base.Labels {
		place := 0
		if base.Place != nil {
			place = base.Place[i]
		}
		fmt.Fprintln(h, base.From[i], place, y)
	}
	n := len(base.From)
	for k := range min(n, digestedIDs) {
		o, err := data.OriginOf(e.sets.test.Data, base.From[k*n/min(n, digestedIDs)], 0)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, o.ID())
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// writePredictions writes a row for each test example, or each of its tokens where these have labels: its id, its
// label, what goes along with it, and what each method says; nothing where a method did not take all examples. Classes
// that have names are written as those, beside the number of the label.
func (e *evaluation) writePredictions(name string) error {
	base := e.tested()
	test := part{"test", e.sets.test}
	along, err := carry([]part{test}, e.f.data.columns, func(name string) bool { return slices.Contains([]string{"id", "token", "label", "class"}, name) })
	if err != nil {
		return err
	}
	names := test.Data.Labels().Names
	class := func(v float64) string {
		if c := int(v); len(names) > 0 && c >= 0 && c < len(names) {
			return names[c]
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return ckpt.Atomic(name, func(w io.Writer) error {
		c := csv.NewWriter(w)
		row := []string{"id"}
		if base.Place != nil {
			row = append(row, "token")
		}
		if row = append(row, "label"); len(names) > 0 {
			row = append(row, "class")
		}
		row = append(row, along.names...)
		for i := range e.results {
			row = append(row, overview.Method(&e.results[i])+", "+e.results[i].Input)
		}
		_ = c.Write(row) // Error tells
		for i, y := range base.Labels {
			id, texts, err := along.of(test, base.From[i])
			if err != nil {
				return err
			}
			row = append(row[:0], id)
			if base.Place != nil {
				row = append(row, strconv.Itoa(base.Place[i]))
			}
			if row = append(row, strconv.FormatFloat(y, 'g', -1, 64)); len(names) > 0 {
				row = append(row, class(y))
			}
			row = append(row, texts...)
			for _, r := range e.results {
				if i < len(r.Predictions) && r.From[i] == base.From[i] {
					row = append(row, class(r.Predictions[i]))
				} else {
					row = append(row, "")
				}
			}
			_ = c.Write(row)
		}
		c.Flush()
		return c.Error()
	})
}
