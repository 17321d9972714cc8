package generic

import (
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"mspecc/runtime/data"
)

// classes numbers labels as the options say.
type classes struct {
	p *plan
	*data.Classes
}

func newClasses(p *plan) *classes {
	c := &classes{p, data.NewClasses(p.classes)}
	if was := p.s.Schema; was != nil && (was.Label == nil || was.Label.Name == p.label) {
		c.Order = was.Classes
	}
	return c
}

// label is the number of a label, as found; rank makes the class of it. NaN stands for one that is missing. The
// message says what is wrong.
func (c *classes) label(x cell) (label float64, message string) {
	if message := x.badText(); message != "" {
		return 0, "the label " + message
	}
	if n := c.p.numbered; n > 0 {
		v, ok := x.values(nil)
		switch {
		case !ok || len(v) != 1:
			return 0, "the label is " + x.short() + ", expected a number"
		case math.IsInf(v[0], 0):
			return 0, "the label is " + x.short() + ", expected a finite number"
		case math.IsNaN(v[0]) || n > 1 && slices.Contains(data.NoLabel, v[0]):
			return math.NaN(), ""
		case n > 1 && !(v[0] >= 0 && v[0] < float64(n) && v[0] == math.Trunc(v[0])):
			return 0, fmt.Sprintf("the label is %s, expected a whole number 0..%d", x.short(), n-1)
		}
		return v[0], ""
	}
	if slices.ContainsFunc(x.numbers, func(v float64) bool { return math.IsInf(v, 0) }) {
		return 0, "the label is " + x.short() + ", expected finite numbers"
	}
	switch id, ok := c.ID(x.string()); {
	case !ok && len(c.p.classes) > 0:
		return 0, "the label is " + x.short() + ", expected one of the classes"
	case !ok:
		return 0, fmt.Sprintf("there are more than %d different labels: are they numbers to regress (classes: 1)?", data.MaxClasses)
	case id < 0:
		return math.NaN(), ""
	default:
		return float64(id), ""
	}
}

// number is how many classes there are, as data.Labels counts them.
func (c *classes) number() int {
	switch {
	case c.p.label == "":
		return 0
	case c.p.numbered > 0:
		return c.p.numbered
	}
	return len(c.Names())
}

// names are those of the classes in their order, nil where they are numbers.
func (c *classes) names() []string {
	if c.p.numbered > 0 {
		return nil
	}
	return c.Names()
}

// rank maps the numbers that label gave to those of the classes, NaN for what is no label; nil where they are the same.
func (c *classes) rank() []float64 {
	if c.p.numbered > 0 {
		return nil
	}
	return c.Ranks()
}

// classOf is the class of a label as it was found; NaN for none.
func classOf(rank []float64, found float64) float64 {
	if len(rank) == 0 || math.IsNaN(found) {
		return found
	}
	return rank[int(found)]
}

// length is the number of a cell's labels of tokens, and without those at the end that count for nothing.
func (c *classes) length(x cell) (all, counted int) {
	if c.p.numbered == 0 {
		n := utf8.RuneCountInString(x.string())
		return n, n
	}
	values, _ := x.values(nil)
	n := len(values)
	for n > 0 && (math.IsNaN(values[n-1]) || c.p.numbered > 1 && slices.Contains(data.NoLabel, values[n-1])) {
		n--
	}
	return len(values), n
}

// each writes the labels of the tokens: a list of numbers, or text with a character for each.
// What is missing, or beyond the end of the list, becomes a label that does not count.
func (c *classes) each(dst []float64, x cell) (message string) {
	if message := x.badText(); message != "" {
		return message
	}
	var values []float64
	if c.p.numbered == 0 {
		for _, r := range x.string() {
			id, ok := c.ID(string(r))
			if !ok {
				return fmt.Sprintf("the label of token %d is %q, expected one of the classes", len(values), r)
			}
			if id < 0 {
				values = append(values, math.NaN())
				continue
			}
			values = append(values, float64(id))
		}
	} else {
		var ok bool
		if values, ok = x.values(nil); !ok {
			return "the labels are " + x.short() + ", expected a list of numbers"
		}
		for i, v := range values {
			n := float64(c.p.numbered)
			if n > 1 && slices.Contains(data.NoLabel, v) {
				values[i] = math.NaN()
			} else if n > 1 && !math.IsNaN(v) && !(v >= 0 && v < n && v == math.Trunc(v)) {
				return fmt.Sprintf("the label of token %d is %v, expected a whole number 0..%d", i, v, c.p.numbered-1)
			}
		}
	}
	for i := copy(dst, values); i < len(dst); i++ {
		dst[i] = math.NaN()
	}
	return ""
}
