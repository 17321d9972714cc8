package data

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// MaxClasses bounds the classes found in files: beyond it the column is the wrong one.
const MaxClasses = 100000

// Classes numbers the classes of a data set, those given in their order or all labels that are found. Labels found are
// sorted, by value where all are numbers, of which equal ones are one class however they are written. Of whole
// numbers that count from 0, two or more, NoLabel is none.
type Classes struct {
	Order []string // of the classes that the model was trained with, taken where it has all that are found; nil: none
	given []string
	ids   map[string]int // by label, in the order found or given

	settled int       // what follows is of so many ids
	names   []string  // of the classes in order
	ranks   []float64 // the class of each id; NaN for one that is no label
}

// NewClasses are those given, or, for nil, those that will be found.
func NewClasses(given []string) *Classes {
	c := &Classes{given: given, ids: map[string]int{}, settled: -1}
	for i, name := range given {
		c.ids[name] = i
	}
	for i, name := range given {
		if other := Canonical(name); !slices.Contains(given, other) {
			c.ids[other] = i
		}
	}
	return c
}

// ID numbers a label: -1 for one that is missing. It is not ok where the label is none of the classes given, or one
// more than MaxClasses.
func (c *Classes) ID(label string) (id int, ok bool) {
	id, known := c.ids[label]
	if !known && len(c.given) > 0 { // 1.0 is the class 1
		id, known = c.ids[Canonical(label)]
	}
	switch {
	case known:
		return id, true
	case label == "" || strings.EqualFold(label, "nan") || label == "<NA>" || len(c.given) > 0 && isNoLabel(label):
		return -1, true
	case len(c.given) > 0 || len(c.ids) == MaxClasses:
		return 0, false
	}
	id = len(c.ids)
	c.ids[label] = id
	return id, true
}

// Class is the class of an id, NaN for none, once all labels are found.
func (c *Classes) Class(id int) float64 {
	switch ranks := c.Ranks(); {
	case id < 0:
		return math.NaN()
	case ranks == nil:
		return float64(id)
	default:
		return ranks[id]
	}
}

// Names are those of the classes in their order, nil for none.
func (c *Classes) Names() []string {
	c.settle()
	return c.names
}

// Ranks are the classes of the ids, NaN for one that is no label; nil where they are the same.
func (c *Classes) Ranks() []float64 {
	c.settle()
	return c.ranks
}

// LeftOut are the labels found that stand for none though they are numbers.
func (c *Classes) LeftOut() []string {
	var names []string
	for name, id := range c.ids {
		if ranks := c.Ranks(); ranks != nil && isNumber(name) && math.IsNaN(ranks[id]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// settle makes classes of the labels that were found.
func (c *Classes) settle() {
	if c.settled == len(c.ids) {
		return
	}
	c.settled = len(c.ids)
	if len(c.given) > 0 {
		c.names = c.given
		return
	}
	of := map[string]string{}     // the class of each label; "" for none
	numbers, found := true, false // as far as something is there
	for name := range c.ids {
		numbers = numbers && (isNumber(name) || MissingText([]byte(name)))
		found = found || isNumber(name)
	}
	numbers = numbers && found
	for name := range c.ids {
		switch {
		case !numbers:
			of[name] = name
		case isNumber(name):
			of[name] = Canonical(name)
		}
	}
	if numbers {
		leaveOut(of)
	}
	c.sort(of, numbers)
	rank := map[string]int{}
	for i, class := range c.names {
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

// leaveOut takes the numbers that stand for no label from the classes.
func leaveOut(of map[string]string) {
	others := map[string]bool{}
	for _, class := range of {
		if class != "" && !isNoLabel(class) {
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

// sort puts the classes into their order.
func (c *Classes) sort(of map[string]string, numbers bool) {
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
	c.names = slices.Compact(all)
	trained := map[string]bool{}
	for _, class := range c.Order {
		trained[class] = true
	}
	if len(c.names) > 0 && !slices.ContainsFunc(c.names, func(class string) bool { return !trained[class] }) {
		c.names = c.Order
	}
}
