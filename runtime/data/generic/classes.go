package generic

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// maxClasses bounds the classes found in files: beyond it the column is the wrong one.
const maxClasses = 100000

// classes numbers labels.
type classes struct {
	p     *plan
	ids   map[string]int // by name, in the order found or given
	fixed bool
}

func newClasses(p *plan) *classes {
	c := &classes{p: p, ids: map[string]int{}, fixed: len(p.classes) > 0}
	for i, name := range p.classes {
		c.ids[name] = i
	}
	return c
}

// label is the number of a label, as found; rank makes the class of it. A missing one is NaN
// for numbers to regress, and otherwise wrong. The message says what is wrong.
func (c *classes) label(x cell) (label float64, message string) {
	if n := c.p.numbered; n > 0 {
		v, ok := x.values(nil)
		switch {
		case !ok || len(v) != 1:
			return 0, "the label is " + x.short() + ", expected a number"
		case n == 1 && (math.IsNaN(v[0]) || math.IsInf(v[0], 0)):
			return 0, "the label is " + x.short() + ", expected a finite number"
		case n > 1 && !(v[0] >= 0 && v[0] < float64(n) && v[0] == math.Trunc(v[0])):
			return 0, fmt.Sprintf("the label is %s, expected a whole number 0..%d", x.short(), n-1)
		}
		return v[0], ""
	}
	name := x.string()
	if id, ok := c.ids[name]; ok {
		return float64(id), ""
	}
	switch {
	case name == "" || strings.EqualFold(name, "nan"):
		return 0, "the label is missing"
	case slices.ContainsFunc(x.numbers, func(v float64) bool { return v-v != 0 }):
		return 0, "the label is " + x.short() + ", expected finite numbers"
	case c.fixed:
		return 0, "the label is " + x.short() + ", expected one of the classes"
	case len(c.ids) == maxClasses:
		return 0, fmt.Sprintf("there are more than %d different labels: are they numbers to regress (classes: 1)?", maxClasses)
	}
	id := len(c.ids)
	c.ids[name] = id
	return float64(id), ""
}

// number is how many classes there are, as data.Labels counts them.
func (c *classes) number() int {
	switch {
	case c.p.label == "":
		return 0
	case c.p.numbered > 0:
		return c.p.numbered
	}
	return len(c.ids)
}

// names are those of the classes in their order, nil where they are numbers.
func (c *classes) names() []string {
	if c.p.numbered > 0 || len(c.ids) == 0 {
		return nil
	}
	if c.fixed {
		return c.p.classes
	}
	numeric := true
	for n := range c.ids {
		if _, err := strconv.ParseFloat(n, 64); err != nil {
			numeric = false
		}
	}
	return slices.SortedFunc(maps.Keys(c.ids), func(a, b string) int {
		if numeric {
			x, _ := strconv.ParseFloat(a, 64)
			y, _ := strconv.ParseFloat(b, 64)
			return cmp.Or(cmp.Compare(x, y), cmp.Compare(a, b))
		}
		return cmp.Compare(a, b)
	})
}

// rank maps the numbers that label gave to those of the classes; nil where they are the same.
func (c *classes) rank() []float64 {
	if c.fixed || c.p.numbered > 0 {
		return nil
	}
	rank := make([]float64, len(c.ids))
	for i, n := range c.names() {
		rank[c.ids[n]] = float64(i)
	}
	return rank
}

// each writes the labels of the tokens: a list of numbers, or text with a character for each.
// What is missing, or beyond the end of the list, becomes a label that does not count.
func (c *classes) each(dst []float64, x cell) (message string) {
	var values []float64
	if c.p.numbered == 0 {
		for _, r := range x.string() {
			id, ok := c.ids[string(r)]
			if !ok {
				return fmt.Sprintf("the label of token %d is %q, expected one of the classes", len(values), r)
			}
			values = append(values, float64(id))
		}
	} else {
		var ok bool
		if values, ok = x.values(nil); !ok {
			return "the labels are " + x.short() + ", expected a list of numbers"
		}
		for i, v := range values {
			if n := float64(c.p.numbered); n > 1 && !math.IsNaN(v) && !(v >= 0 && v < n && v == math.Trunc(v)) {
				return fmt.Sprintf("the label of token %d is %v, expected a whole number 0..%d", i, v, c.p.numbered-1)
			}
		}
	}
	for i := copy(dst, values); i < len(dst); i++ {
		dst[i] = math.NaN()
	}
	return ""
}
