package generic

import (
	"errors"
	"fmt"
	"slices"

	"mspecc/runtime/data"
)

// What lies in a record is held against what the model wants of it: how many values each column
// has, whether a record is a whole example or a sample in time, and in which order its axes lie.

// maxPeek is how many records are looked at for one that has a value in every column.
const maxPeek = 256

// errEnough ends a look at records.
var errEnough = errors.New("enough")

// setShapes settles all that depends on how many values a record has. Where files do not say that, the
// first record that has everything does; where there is none, it is found while the records are indexed.
func (x *index) setShapes(tables []*indexed) error {
	if x.tok != nil {
		return x.p.setWindow(0)
	}
	if !x.shaped() {
		x.peek(tables)
	}
	total := 0
	if x.shaped() {
		total = x.total()
	}
	if err := x.p.setWindow(total); err != nil {
		return err
	}
	x.perRow = x.s.Input.Size()
	if x.p.window > 0 {
		x.perRow = x.s.Input.Shape[0]
	}
	if !x.shaped() {
		return nil
	}
	if total := x.total(); total != x.perRow {
		fix := "correct the option columns, or the modality's shape"
		if x.p.window > 0 && tables[0].rows() == x.perRow {
			fix = "save the array with its samples first (numpy.ascontiguousarray(x.T)) where its axes are [channels, samples]"
		}
		return x.s.Fail(tables[0].name(), "", fmt.Sprintf("has %d values of a record in %s, %s", total, x.described(), x.wanted(total)), fix)
	}
	return x.arrange(tables[0])
}

// peek takes the shapes of the first record that has a value in every column.
func (x *index) peek(tables []*indexed) {
	for _, t := range tables {
		if x.shaped() || t.rows() < 1 {
			continue
		}
		_ = t.read(0, min(t.rows(), maxPeek), len(x.columns), func(_ int, cells []cell) error { // what is bad is said later
			if x.takeShapes(cells) {
				return errEnough
			}
			return nil
		})
	}
}

// shaped says whether the number of values of each column is known.
func (x *index) shaped() bool { return !slices.Contains(x.width, 0) }

func (x *index) total() int {
	n := 0
	for _, w := range x.width {
		n += w
	}
	return n
}

// fits says whether a record of so many values is an example or a sample in time.
func (x *index) fits(values int) bool {
	if x.perRow > 0 {
		return values == x.perRow
	}
	return values == x.s.Input.Size() || len(x.s.Input.Shape) == 2 && values == x.s.Input.Shape[0]
}

// takeShapes takes the shapes of a record's columns; false where the record is none to go by.
func (x *index) takeShapes(cells []cell) bool {
	var shapes [][]int
	total := 0
	for _, c := range cells[:len(x.columns)] {
		values, ok := c.values(nil)
		if !ok || c.missing() {
			return false
		}
		shapes = append(shapes, c.dims(len(values)))
		total += len(values)
	}
	if !x.fits(total) {
		return false
	}
	for i, shape := range shapes {
		if x.width[i] == 0 {
			x.columns[i].Shape = slices.Clone(shape)
			x.width[i] = x.columns[i].Size()
		}
	}
	return true
}

// sameShape says what is wrong with the number of values or the axes of a cell, "" if nothing is.
func (x *index) sameShape(i int, c cell, n int) (message string) {
	if x.width[i] == 0 {
		return ""
	}
	shape, want := c.dims(n), x.columns[i].Shape
	if n == x.width[i] && (len(shape) < 2 && len(want) < 2 || slices.Equal(shape, want)) {
		return ""
	}
	if len(shape) > 1 || len(want) > 1 {
		return fmt.Sprintf("column %s has the axes %v, expected %v as in the records before", x.columns[i].Name, shape, want)
	}
	return fmt.Sprintf("column %s has %d values, expected %d as in the records before", x.columns[i].Name, n, x.width[i])
}

// declare takes the shape that a file tells of a column, which must be that of the files before.
func (x *index) declare(t table, i int, shape []int, before table) error {
	c := &x.columns[i]
	if x.width[i] == 0 {
		c.Shape = shape
		x.width[i] = c.Size()
		return nil
	}
	if !slices.Equal(c.Shape, shape) {
		return x.s.Fail(t.name(), "", fmt.Sprintf("the column %s has the axes %v in a record, expected %v as in %s", c.Name, shape, c.Shape, before.name()), "give files of the same shape")
	}
	return nil
}

// solve finds the numbers of values that follow from the others.
func (x *index) solve() {
	unknown, left := 0, x.perRow
	for _, w := range x.width {
		if left -= w; w == 0 {
			unknown++
		}
	}
	if unknown == 0 || left != unknown && unknown > 1 || left < 1 {
		return
	}
	for i, w := range x.width {
		if w > 0 {
			continue
		}
		if x.width[i] = 1; unknown == 1 {
			x.width[i] = left
		}
		if x.width[i] > 1 {
			x.columns[i].Shape = []int{x.width[i]}
		}
	}
}

// described are the columns with their types and shapes.
func (x *index) described() string {
	var all []string
	for _, c := range x.columns {
		all = append(all, c.String())
	}
	return listed(all)
}

// wanted says what the model wants of a record that has so many values.
func (x *index) wanted(values int) string {
	in := x.s.Input
	text := fmt.Sprintf("the model wants %d of a row (%v)", x.perRow, in)
	switch {
	case x.p.window > 0:
		text = fmt.Sprintf("the model wants %d of each of %d rows, or with window: 0 the %d of a whole example (%v)", x.perRow, x.p.window, in.Size(), in)
	case len(in.Shape) == 2 && in.Shape[0] == values && in.Shape[1] > 1:
		text += fmt.Sprintf("; with window: %d rows are samples in time", in.Shape[1])
	}
	return text
}

// layouts are the orders of axes, by how many the model's input has: its own, channels first, and channels last.
var layouts = map[int][2]string{2: {"NCT", "NTC"}, 3: {"NCHW", "NHWC"}, 4: {"NCDHW", "NDHWC"}}

// setLayout takes the option layout.
func (p *plan) setLayout() error {
	given := p.s.Text("layout")
	if given == "" {
		return nil
	}
	names, ok := layouts[len(p.s.Input.Shape)]
	if !ok || p.s.Input.Tokens {
		return p.s.BadOption("layout", fmt.Sprintf("nothing for examples %v", p.s.Input))
	}
	if given != names[0] && given != names[1] {
		return p.s.BadOption("layout", fmt.Sprintf("%s (channels first, as the model has them) or %s (channels last) for examples %v", names[0], names[1], p.s.Input))
	}
	p.channelsLast = given == names[1]
	return nil
}

// arrange holds the axes of the columns against those of the model, and settles where each value of a row goes.
func (x *index) arrange(t table) error {
	if x.p.window > 0 {
		if x.p.channelsLast {
			return x.s.BadOption("layout", "nothing with windows, whose rows are samples of all channels")
		}
		return nil
	}
	shape := x.s.Input.Shape
	nested := slices.ContainsFunc(x.columns, func(c data.Column) bool { return len(c.Shape) > 1 })
	if !nested || len(x.columns) == 1 {
		return x.axes(t, x.columns[0], shape, nested, 0)
	}
	at, inner := 0, x.s.Input.Size()/shape[0]
	for i, c := range x.columns { // each some of the channels, one behind the other
		if x.width[i]%inner != 0 {
			return x.s.Fail(t.name(), "", fmt.Sprintf("the column %s has %d values, which are no whole channels of %v", c.String(), x.width[i], x.s.Input), "correct the option columns")
		}
		if err := x.axes(t, c, append([]int{x.width[i] / inner}, shape[1:]...), len(c.Shape) > 1, at); err != nil {
			return err
		}
		at += x.width[i]
	}
	return nil
}

// axes holds the axes of a column against those wanted, [channels, ...]. Its values are those of an example from at on.
func (x *index) axes(t table, c data.Column, want []int, nested bool, at int) error {
	last := append(slices.Clone(want[1:]), want[0])
	if x.p.channelsLast {
		if nested && !refines(c.Shape, last) {
			return x.s.Fail(t.name(), "", fmt.Sprintf("the column %s has the axes %v, with the layout %s the model wants %v", c.String(), c.Shape, layouts[len(want)][1], last), "correct the option layout")
		}
		x.turn(want, at)
		return nil
	}
	if !nested || refines(c.Shape, want) {
		return nil
	}
	msg := fmt.Sprintf("the column %s has the axes %v, the model wants %v", c.String(), c.Shape, want)
	if slices.Equal(withoutOnes(c.Shape), withoutOnes(last)) {
		return x.s.Fail(t.name(), "", msg+": the channels are last", fmt.Sprintf("say layout: %q", layouts[len(want)][1]))
	}
	return x.s.Fail(t.name(), "", msg, "reshape or transpose the arrays, or correct the modality's shape")
}

// turn notes where the values of a block go that has the channels last.
func (x *index) turn(want []int, at int) {
	if x.to == nil {
		x.to = make([]int32, x.perRow)
	}
	channels, places := want[0], 1
	for _, d := range want[1:] {
		places *= d
	}
	for p := range places {
		for c := range channels {
			x.to[at+p*channels+c] = int32(at + c*places + p)
		}
	}
}

// withoutOnes are the axes that have more than one place.
func withoutOnes(shape []int) []int {
	return slices.DeleteFunc(slices.Clone(shape), func(d int) bool { return d == 1 })
}

// refines says whether one of two shapes of as many values is the other with neighbouring axes joined, so that
// values lie in the same order in both.
func refines(a, b []int) bool {
	ends := func(shape []int) []int {
		var out []int
		n := 1
		for _, d := range withoutOnes(shape) {
			n *= d
			out = append(out, n)
		}
		return out
	}
	fine, coarse := ends(a), ends(b)
	if len(fine) < len(coarse) {
		fine, coarse = coarse, fine
	}
	return !slices.ContainsFunc(coarse, func(n int) bool { return !slices.Contains(fine, n) })
}
