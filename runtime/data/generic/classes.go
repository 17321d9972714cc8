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

// noLabel are the numbers that stand for a label that is not there, where labels are classes: that of Hugging
// Face's data sets, and the index that PyTorch's losses leave out.
var noLabel = []float64{-1, -100}

// classes numbers labels.
type classes struct {
	p     *plan
	ids   map[string]int // by name, in the order found or given
	fixed bool

	settled int       // the classes below are those of so many ids
	sorted  []string  // names of the classes in order
	ranks   []float64 // the class of each id; NaN for one that is no label
}

func newClasses(p *plan) *classes {
	c := &classes{p: p, ids: map[string]int{}, fixed: len(p.classes) > 0, settled: -1}
	for i, name := range p.classes {
		c.ids[name] = i
	}
	for i, name := range p.classes {
		if other := canonical(name); !slices.Contains(p.classes, other) {
			c.ids[other] = i
		}
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
		case math.IsNaN(v[0]) || n > 1 && slices.Contains(noLabel, v[0]):
			return math.NaN(), ""
		case n > 1 && !(v[0] >= 0 && v[0] < float64(n) && v[0] == math.Trunc(v[0])):
			return 0, fmt.Sprintf("the label is %s, expected a whole number 0..%d", x.short(), n-1)
		}
		return v[0], ""
	}
	name := x.string()
	id, known := c.ids[name]
	if !known && c.fixed { // 1.0 is the class 1
		id, known = c.ids[canonical(name)]
	}
	switch {
	case known:
		return float64(id), ""
	case name == "" || strings.EqualFold(name, "nan") || name == "<NA>" || x.missing() && x.numbers != nil:
		return math.NaN(), ""
	case slices.ContainsFunc(x.numbers, func(v float64) bool { return v-v != 0 }):
		return 0, "the label is " + x.short() + ", expected finite numbers"
	case c.fixed && isNoLabel(name):
		return math.NaN(), ""
	case c.fixed:
		return 0, "the label is " + x.short() + ", expected one of the classes"
	case len(c.ids) == maxClasses:
		return 0, fmt.Sprintf("there are more than %d different labels: are they numbers to regress (classes: 1)?", maxClasses)
	}
	id = len(c.ids)
	c.ids[name] = id
	return float64(id), ""
}

// isNoLabel says whether a label is a number that stands for none.
func isNoLabel(name string) bool {
	return slices.ContainsFunc(noLabel, func(v float64) bool { return canonical(name) == formatNumber(v) })
}

// canonical is a number as formatNumber writes it, however it was written; whole numbers keep all digits. Other
// texts stay as they are.
func canonical(name string) string {
	text := plainNumber(name)
	if digits, negative := strings.CutPrefix(text, "-"); digits != "" && strings.Trim(digits, "0123456789") == "" {
		if digits = strings.TrimLeft(digits, "0"); digits == "" {
			return "0"
		} else if negative {
			return "-" + digits
		}
		return digits
	}
	if v, err := strconv.ParseFloat(text, 64); err == nil && v-v == 0 {
		return formatNumber(v)
	}
	return name
}

// isNumber says whether a text is a finite number.
func isNumber(name string) bool {
	v, err := strconv.ParseFloat(name, 64)
	return err == nil && v-v == 0
}

// number is how many classes there are, as data.Labels counts them.
func (c *classes) number() int {
	switch {
	case c.p.label == "":
		return 0
	case c.p.numbered > 0:
		return c.p.numbered
	}
	c.settle()
	return len(c.sorted)
}

// names are those of the classes in their order, nil where they are numbers.
func (c *classes) names() []string {
	if c.p.numbered > 0 || len(c.ids) == 0 {
		return nil
	}
	c.settle()
	return c.sorted
}

// rank maps the numbers that label gave to those of the classes, NaN for what is no label; nil where they are the same.
func (c *classes) rank() []float64 {
	if c.fixed || c.p.numbered > 0 {
		return nil
	}
	c.settle()
	return c.ranks
}

// classOf is the class of a label as it was found; NaN for none.
func classOf(rank []float64, found float64) float64 {
	if len(rank) == 0 || math.IsNaN(found) {
		return found
	}
	return rank[int(found)]
}

// settle makes classes of the labels that were found: equal numbers are one, however they are written, and in their
// order; a model that was trained with all of them decides the order.
func (c *classes) settle() {
	if c.settled == len(c.ids) {
		return
	}
	c.settled = len(c.ids)
	if c.fixed {
		c.sorted = c.p.classes
		return
	}
	of := map[string]string{}     // the class of each label; "" for none
	numbers, found := true, false // as far as something is there
	for name := range c.ids {
		numbers = numbers && (isNumber(name) || missingText([]byte(name)))
		found = found || isNumber(name)
	}
	numbers = numbers && found
	for name := range c.ids {
		switch {
		case !numbers:
			of[name] = name
		case isNumber(name):
			of[name] = canonical(name)
		}
	}
	if numbers {
		c.leaveOut(of)
	}
	c.sort(of, numbers)
	rank := map[string]int{}
	for i, class := range c.sorted {
		rank[class] = i
	}
	c.ranks = make([]float64, len(c.ids))
	for name, id := range c.ids {
		c.ranks[id] = math.NaN()
		if class := of[name]; class != "" {
			c.ranks[id] = float64(rank[class])
		}
	}
}

// leaveOut takes the numbers that stand for no label from the classes, where the others count from 0 and are several.
func (c *classes) leaveOut(of map[string]string) {
	others := map[string]bool{}
	for _, class := range of {
		if !isNoLabel(class) {
			if v, _ := strconv.ParseFloat(class, 64); v < 0 || v != math.Trunc(v) {
				return
			}
			others[class] = true
		}
	}
	if len(others) < 2 {
		return
	}
	for name, class := range of {
		if isNoLabel(class) {
			of[name] = ""
		}
	}
}

// leftOut are the labels found that stand for none though they are numbers.
func (c *classes) leftOut() []string {
	var names []string
	for name, id := range c.ids {
		if rank := c.rank(); isNumber(name) && len(rank) > 0 && math.IsNaN(rank[id]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// sort puts the classes into their order.
func (c *classes) sort(of map[string]string, numbers bool) {
	var all []string
	for class := range maps.Values(of) {
		if class != "" {
			all = append(all, class)
		}
	}
	slices.SortFunc(all, func(a, b string) int {
		if numbers {
			x, _ := strconv.ParseFloat(a, 64)
			y, _ := strconv.ParseFloat(b, 64)
			if n := cmp.Or(cmp.Compare(x, y), cmp.Compare(len(a), len(b))); n != 0 {
				return n
			}
		}
		return cmp.Compare(a, b)
	})
	c.sorted = slices.Compact(all)
	was := c.p.s.Schema
	if was == nil || was.Label != nil && was.Label.Name != c.p.label {
		return
	}
	if !slices.ContainsFunc(c.sorted, func(class string) bool { return !slices.Contains(was.Classes, class) }) {
		c.sorted = was.Classes
	}
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
			n := float64(c.p.numbered)
			if n > 1 && slices.Contains(noLabel, v) {
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
