package generic

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"mspecc/runtime/data"
)

// set is a data set of rows, or of windows of rows.
type set struct {
	x      *index
	segs   []segment
	before []int // examples before each segment
	n      int
	labels data.Labels
	rank   []float64
	scale  *data.Scaling
	keep   bool      // missing values stay NaN: moments are computed
	pool   sync.Pool // of *scratch
}

// scratch is what decoding one example needs.
type scratch struct {
	rows []float64 // of a window, or one row
	more []float64 // rows around it
	vote map[float64]int
}

// newSet is the data set of some segments.
func (x *index) newSet(segs []segment) *set {
	s := &set{x: x, labels: data.Labels{Classes: x.class.number(), Each: 1, Names: x.class.names()}, rank: x.class.rank()}
	if x.p.each {
		s.labels.Each = x.s.Input.Size()
	}
	s.pool.New = func() any { return &scratch{vote: map[float64]int{}} }
	for _, g := range segs {
		if k := x.p.examples(g); k > 0 {
			s.segs, s.before = append(s.segs, g), append(s.before, s.n)
			s.n += k
		}
	}
	return s
}

// Schema is that of the data set.
func (s *set) Schema() *data.Schema {
	p := s.x.p
	out := &data.Schema{Columns: s.x.columns, Chosen: s.x.s.Text("columns"), Window: p.window, Label: s.x.label}
	if p.channelsLast {
		out.Layout = s.x.s.Text("layout")
	}
	if p.scale != 1 {
		out.Scale = p.scale
	}
	if !p.each {
		out.Classes = s.labels.Names
	}
	if p.look != nil {
		out.Pictures = p.look.samples.name()
	}
	return out
}

// examples is how many examples a segment gives.
func (p *plan) examples(g segment) int {
	n := g.hi - g.lo
	if p.window == 0 {
		return n
	}
	switch {
	case n >= p.window:
		return (n-p.window)/p.stride + 1
	case p.short == shortPad && !g.cut:
		return 1
	}
	return 0
}

func (s *set) Len() int            { return s.n }
func (s *set) Labels() data.Labels { return s.labels }

// Look has the tokens of the vocabulary.
func (s *set) Look() data.Look {
	if s.x.tok == nil {
		return data.Look{}
	}
	return data.Look{Words: s.x.tok.words.Words}
}

// Scaling is that of standardised values, nil for others.
func (s *set) Scaling() *data.Scaling { return s.scale }

// Vocabulary is that which was built from the training texts.
func (s *set) Vocabulary() *data.Vocabulary {
	if s.x.tok == nil || !s.x.tok.built {
		return nil
	}
	return &s.x.tok.words
}

// Example reads the rows of example i and makes its values or tokens of them.
func (s *set) Example(i int, _ uint64, e *data.Example) error {
	g, lo, n := s.locate(i)
	p, x := s.x.p, s.x
	t := x.tables[g.table]
	w := s.pool.Get().(*scratch)
	defer s.pool.Put(w)
	e.Labels[0] = 0
	if t.labels != nil {
		e.Labels[0] = s.label(t.labels, lo, lo+n, w)
	}
	if x.tok != nil {
		return t.read(lo, lo+1, x.reads, func(row int, cells []cell) error {
			message := x.tok.encode(e.Tokens, cells[0])
			if message == "" && p.each {
				message = x.class.each(e.Labels, cells[1])
			}
			if message != "" || p.look == nil {
				return s.bad(t, row, message)
			}
			return p.look.read(t, row, cells[len(cells)-1], e.X)
		})
	}
	var err error
	if w.rows, err = s.read(w.rows[:0], t, lo, lo+n, e); err != nil {
		return err
	}
	if p.missing == gapInterpolate {
		if err := s.interpolate(w, t, g, lo); err != nil {
			return err
		}
	}
	for ; n < p.window; n++ { // a short recording
		for range x.perRow {
			w.rows = append(w.rows, math.NaN())
		}
	}
	s.write(e.X, w.rows, n)
	return nil
}

// bad is the error of a row, nil without a message.
func (s *set) bad(t *indexed, row int, message string) error {
	if message == "" {
		return nil
	}
	return s.x.s.Fail(t.name(), t.at(row), message, "correct or remove the record")
}

// read appends the values of some rows; a value that is missing is NaN.
func (s *set) read(dst []float64, t *indexed, lo, hi int, e *data.Example) ([]float64, error) {
	x := s.x
	err := t.read(lo, hi, x.reads, func(row int, cells []cell) error {
		for i, width := range x.width {
			c, had := cells[i], len(dst)
			if c.missing() {
				for range width {
					dst = append(dst, math.NaN())
				}
				continue
			}
			var ok bool
			if dst, ok = c.values(dst); !ok {
				return s.bad(t, row, fmt.Sprintf("column %s holds %s, expected a number", x.columns[i].Name, c.short()))
			}
			if message := x.sameShape(i, c, len(dst)-had); message != "" {
				return s.bad(t, row, message)
			}
			for k, v := range dst[had:] {
				if v *= x.p.scale; math.IsInf(float64(float32(v)), 0) {
					return s.bad(t, row, "holds a number that is not finite")
				}
				dst[had+k] = v
			}
		}
		if x.p.each && e != nil {
			return s.bad(t, row, x.class.each(e.Labels, cells[len(x.width)]))
		}
		return nil
	})
	return dst, err
}

// write puts rows into an example: a window with channels as the slow axis, a whole example in the order of the model's axes.
func (s *set) write(dst []float32, rows []float64, n int) {
	width := len(rows) / n
	for t := range n {
		for c, v := range rows[t*width : (t+1)*width] {
			to := c*n + t
			if s.x.to != nil {
				to = int(s.x.to[c])
			}
			if dst[to] = float32(v); !s.keep {
				dst[to] = standardised(s.scale, to/n, len(dst)/n, v)
			}
		}
	}
}

// label is the class of rows: the last one's, or the most frequent, of equally frequent ones
// the first to appear. Rows without a label do not vote; where none has one, it is NaN.
func (s *set) label(labels *labels, lo, hi int, w *scratch) float64 {
	best := labels.at(hi - 1)
	if hi-lo > 1 && !s.x.p.last && s.labels.Classes > 1 {
		clear(w.vote)
		for row := lo; row < hi; row++ {
			if c := classOf(s.rank, labels.at(row)); !math.IsNaN(c) {
				w.vote[c]++
			}
		}
		best = math.NaN()
		for row := lo; row < hi; row++ {
			if c := classOf(s.rank, labels.at(row)); !math.IsNaN(c) && (math.IsNaN(best) || w.vote[c] > w.vote[best]) {
				best = c
			}
		}
		return best
	}
	return classOf(s.rank, best)
}

// reach is how many rows beyond a window are looked at for a value to interpolate from.
const reach = 4096

// interpolate fills the gaps of a window's columns linearly between the rows around them, also
// rows beyond the window. Before the first value and behind the last one that value holds; a
// column without any stays missing.
func (s *set) interpolate(w *scratch, t *indexed, g segment, lo int) error {
	if !slices.ContainsFunc(w.rows, math.IsNaN) {
		return nil
	}
	width := s.x.perRow
	hi := lo + len(w.rows)/width
	from, to := max(g.lo, lo-reach), min(g.hi, hi+reach)
	var err error
	if w.more, err = s.read(w.more[:0], t, from, to, nil); err != nil {
		return err
	}
	n := to - from
	for c := range width {
		last := -1
		for i := range n {
			v := w.more[i*width+c]
			if math.IsNaN(v) {
				continue
			}
			first := last
			if last < 0 {
				first = i
			}
			begin := w.more[first*width+c]
			for j := last + 1; j < i; j++ {
				w.more[j*width+c] = begin + (v-begin)*float64(j-first)/float64(max(1, i-first))
			}
			last = i
		}
		for j := last + 1; last >= 0 && j < n; j++ {
			w.more[j*width+c] = w.more[last*width+c]
		}
	}
	copy(w.rows, w.more[(lo-from)*width:(hi-from)*width])
	return nil
}

// split divides the segments into training and testing.
func (x *index) split(trainTables int) (train, test []segment, err error) {
	p := x.p
	if len(p.test) > 0 {
		for _, g := range x.segs {
			if g.table < trainTables {
				train = append(train, g)
			} else {
				test = append(test, g)
			}
		}
		return train, test, nil
	}
	if p.split == "by" {
		groups := slices.Clone(p.groups)
		for i, name := range groups {
			if p.column() != "" { // as the values of the column are taken
				groups[i] = data.PlainNumber(name)
			}
		}
		tested, err := chooseGroups(x.s, x.names, groups)
		if err != nil {
			return nil, nil, err
		}
		for _, g := range x.segs {
			if tested[g.group] {
				test = append(test, g)
			} else {
				train = append(train, g)
			}
		}
		return train, test, nil
	}
	fraction, err := x.s.Fraction()
	if err != nil {
		return nil, nil, err
	}
	keep := make([]int, len(x.tables)) // rows of each table that are still for training
	for _, g := range x.segs {
		keep[g.table] += g.hi - g.lo
	}
	for t, n := range keep {
		keep[t] -= int(math.Round(fraction * float64(n)))
	}
	for _, g := range x.segs {
		cut := min(g.hi, g.lo+max(0, keep[g.table]))
		keep[g.table] -= g.hi - g.lo
		if cut > g.lo {
			train = append(train, segment{g.table, g.lo, cut, g.group, cut < g.hi})
		}
		if cut < g.hi {
			test = append(test, segment{g.table, cut, g.hi, g.group, cut > g.lo})
		}
	}
	return train, test, nil
}

// chooseGroups says which groups are for testing: those named, or a part of them by the seed.
func chooseGroups(s *data.Source, names, given []string) (map[int]bool, error) {
	sorted := slices.Sorted(slices.Values(names))
	tested := map[int]bool{}
	for _, name := range given {
		i := slices.Index(names, name)
		if i < 0 {
			return nil, s.BadOption("test_groups", "some of "+listed(sorted))
		}
		tested[i] = true
	}
	if len(given) > 0 && len(tested) < len(names) {
		return tested, nil
	}
	if len(names) < 2 || len(given) > 0 {
		return nil, s.Fail("", "", fmt.Sprintf("there is nothing to split by: the only groups are %s", strings.Join(sorted, ", ")), "choose another split")
	}
	order, tests, err := s.Shuffled(len(names), "groups")
	if err != nil {
		return nil, err
	}
	for i := range tests {
		tested[slices.Index(names, sorted[order(len(names)-1-i)])] = true
	}
	return tested, nil
}

// standardised is value i of n, scaled where there is a scaling. What is missing becomes 0,
// which stands for the mean.
func standardised(scale *data.Scaling, i, n int, v float64) float32 {
	switch {
	case math.IsNaN(v):
		return 0
	case scale == nil:
		return float32(v)
	}
	return scale.At(i, n, v)
}

// maxMoments is how many training examples the moments are computed from.
const maxMoments = 1 << 16

// standardise is the scaling of each channel of the examples; where they have one channel, of each value.
func (s *set) standardise(train data.Dataset) (*data.Scaling, error) {
	shape := s.x.s.Input.Shape
	channels := s.x.s.Input.Size()
	if s.x.p.window > 0 || len(shape) == 3 || len(shape) == 2 && shape[0] > 1 {
		channels = shape[0]
	}
	return s.x.s.Standardise(channels, func(m *data.Moments) error {
		s.keep = true
		defer func() { s.keep = false }()
		return m.Examples(s.x.s, train, min(train.Len(), maxMoments), 1)
	})
}
