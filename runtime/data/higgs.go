package data

import (
	"fmt"
	"math"
	"strconv"
)

var higgsReader = Reader{
	Name: "higgs",
	Doc:  "tables in CSV as HIGGS has them: a label (0 or 1), then one number per feature; .gz too",
	Options: []Option{
		{"train", "", "training file; default HIGGS_train.csv, higgsPretrain.csv or HIGGS.csv"},
		{"test", "", "test file; default HIGGS_test.csv or higgsTransfer.csv; split: a random part of the training file; tenth: its last tenth, as DABS splits it"},
		fractionOption,
		TenthOptions[0],
		TenthOptions[1],
		{"classes", "2", "number of classes; labels are 0..classes-1; 1: the label is a number to regress"},
		{"standardize", "false", "bring every feature to mean 0 and deviation 1 (of the training rows)"},
	},
	Fetch: "HIGGS: archive.ics.uci.edu/dataset/280",
	Open:  openHiggs,
}

// table is a set of rows of numbers.
type table struct {
	values  []float32 // [n, features]
	labels  []float32 // [n]
	size    int
	classes int
	scale   *scaling
}

func (t *table) Len() int       { return len(t.labels) }
func (t *table) Labels() Labels { return Labels{Classes: t.classes, Each: 1} }

func (t *table) Example(i int, _ uint64, e *Example) error {
	copy(e.X, t.values[i*t.size:(i+1)*t.size])
	t.scale.apply(e.X)
	e.Labels[0] = float64(t.labels[i])
	return nil
}

// standardise scales the rows by the columns' moments over part, which holds some of them.
func (t *table) standardise(part Dataset) {
	m, e := newMoments(t.size), NewExample(Want{{Shape: []int{t.size}}}, t.Labels())
	for i := range part.Len() {
		_ = part.Example(i, 0, e) // rows in memory are good
		m.row(e.X)
	}
	t.scale = m.scaling()
}

func openHiggs(s *Source) (Dataset, Dataset, error) {
	if s.Input.Tokens || s.Input.Size() != s.Input.Shape[len(s.Input.Shape)-1] {
		return nil, nil, s.Fail("", "", fmt.Sprintf("the model wants examples %v, a table gives f32[1,features]", s.Input), "correct the modality's shape")
	}
	standardize, err := s.Boolean("standardize")
	if err != nil {
		return nil, nil, err
	}
	train, err := s.table("train", "HIGGS_train.csv", "higgsPretrain.csv", "particle_physics/higgsPretrain.csv", "HIGGS.csv")
	if err != nil {
		return nil, nil, err
	}
	if how := s.Text("test"); how == "split" || how == "tenth" {
		split := s.Split
		if how == "tenth" {
			split = func(all Dataset) (Dataset, Dataset, error) { return s.Tenths(all, "42") }
		}
		first, second, err := split(train)
		if err == nil && standardize {
			train.standardise(first)
		}
		return first, second, err
	}
	test, err := s.table("test", "HIGGS_test.csv", "higgsTransfer.csv", "particle_physics/higgsTransfer.csv")
	if err != nil {
		return nil, nil, err
	}
	if standardize {
		train.standardise(train)
		test.scale = train.scale
	}
	return train, test, nil
}

// table reads the file that the option, or else a usual name, stands for. A header line is
// skipped; so is a leading column of row numbers, which pandas writes.
func (s *Source) table(option string, usual ...string) (*table, error) {
	classes, err := s.Integer("classes", 2, 1)
	if err != nil {
		return nil, err
	}
	if name := s.Text(option); name != "" {
		usual = []string{name}
	}
	f, err := s.Open(option, usual...)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t := &table{size: s.Input.Size(), classes: classes}
	l := s.lines(f)
	var cols [][]byte
	skip := -1 // leading columns to drop, known after the first line
	for line, ok := l.next(); ok; line, ok = l.next() {
		cols = fields(cols[:0], line, ',')
		if skip < 0 {
			if skip = len(cols) - 1 - t.size; skip != 0 && skip != 1 {
				return nil, l.fail(fmt.Sprintf("has %d columns, the model wants a label and %d features", len(cols), t.size),
					"correct the modality's shape or give the right file")
			}
			if _, err := strconv.ParseFloat(string(cols[skip]), 64); err != nil && l.n == 1 {
				continue
			}
		}
		if len(cols) != skip+1+t.size {
			return nil, l.fail(fmt.Sprintf("has %d columns, the lines before have %d", len(cols), skip+1+t.size), "correct or remove the line")
		}
		if err := t.add(l, cols[skip:], skip); err != nil {
			return nil, err
		}
	}
	if err := l.err(); err != nil {
		return nil, err
	}
	if t.Len() == 0 {
		return nil, s.Fail(f.Name, "", "holds no rows", "give a file with data")
	}
	return t, nil
}

// add takes the columns of one line, the label first; skip columns came before them.
func (t *table) add(l *lines, cols [][]byte, skip int) error {
	for i, c := range cols {
		v, err := l.number(c, skip+i+1)
		if err != nil {
			return err
		}
		if i > 0 {
			t.values = append(t.values, v)
			continue
		}
		if t.classes > 1 && (v < 0 || v >= float32(t.classes) || v != float32(int(v))) {
			return l.fail(fmt.Sprintf("the label is %s, expected a whole number 0..%d", shorten(c), t.classes-1),
				"correct the line or the option classes")
		}
		t.labels = append(t.labels, v)
	}
	return nil
}

// number reads a finite float32; column counts from 1.
func (l *lines) number(field []byte, column int) (float32, error) {
	v, err := strconv.ParseFloat(string(field), 32)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, l.fail(fmt.Sprintf("column %d is %s, expected a finite number", column, shorten(field)), "correct or remove the line")
	}
	return float32(v), nil
}
