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

// ordered are the classes in the order of the model's, where that has all of them, in whatever spelling.
func (c *Classes) ordered(found []string, of map[string]string) []string {
	trained := map[string]string{}
	for _, class := range c.Order {
		trained[Canonical(class)] = class
	}
	if len(found) == 0 || slices.ContainsFunc(found, func(class string) bool { _, ok := trained[Canonical(class)]; return !ok }) {
		return found
	}
	for name, class := range of {
		if class != "" {
			of[name] = trained[Canonical(class)]
		}
	}
	return c.Order
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
	of, numbers := c.equal() // the class of each label; "" for none
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

// equal maps labels to classes, "" for none: equal numbers, or true and false, are one class; beside names, whole numbers
// that are written in two ways. A class that is written in one way is called so. It says whether the labels are
// numbers, as far as something is there.
func (c *Classes) equal() (of map[string]string, numbers bool) {
	numbers, booleans, found := true, true, false
	for name := range c.ids {
		nothing := MissingText([]byte(name))
		numbers = numbers && (isNumber(name) || nothing)
		booleans = booleans && (isBoolean(name) || nothing)
		found = found || !nothing
	}
	of = map[string]string{}
	spelling := map[string]string{} // of each class, "" where there are several
	for name := range c.ids {
		switch {
		case !found || !numbers && !booleans:
			of[name] = PlainNumber(name)
		case isNumber(name):
			of[name] = Canonical(name)
		case isBoolean(name):
			of[name] = strings.ToLower(name)
		default:
			continue
		}
		if _, twice := spelling[of[name]]; twice {
			spelling[of[name]] = ""
		} else {
			spelling[of[name]] = name
		}
	}
	if numbers = numbers && found; numbers {
		leaveOut(of)
	}
	for name, class := range of {
		if class != "" && spelling[class] != "" {
			of[name] = spelling[class]
		}
	}
	return of, numbers
}

// isBoolean says whether a label is true or false.
func isBoolean(name string) bool {
	return strings.EqualFold(name, "true") || strings.EqualFold(name, "false")
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
	c.names = c.ordered(c.names, of)
}
