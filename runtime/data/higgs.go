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
		{"test", "", "test file; default HIGGS_test.csv or higgsTransfer.csv; split: a random part of the training file"},
		{"test_fraction", "0.1", "the part of the rows that test = split sets aside"},
		{"classes", "2", "number of classes; labels are 0..classes-1; 1: the label is a number to regress"},
		{"standardize", "false", "bring every feature to mean 0 and deviation 1 (of the training rows)"},
	},
	open: openHiggs,
}

// table is a set of rows of numbers.
type table struct {
	values  []float32 // [n, features]
	labels  []float32 // [n]
	size    int
	classes int
	scale   *scaling
}

func (t *table) Len() int     { return len(t.labels) }
func (t *table) Classes() int { return t.classes }

func (t *table) Example(i int, _ uint64, x []float32, _ []int32) (float64, error) {
	copy(x, t.values[i*t.size:(i+1)*t.size])
	t.scale.apply(x)
	return float64(t.labels[i]), nil
}

func openHiggs(s *source) (Dataset, Dataset, error) {
	if s.want.Tokens || s.want.Size() != s.want.Shape[len(s.want.Shape)-1] {
		return nil, nil, s.fail("", "", fmt.Sprintf("the model wants examples %v, a table gives f32[1,features]", s.want), "correct the modality's shape")
	}
	standardize, err := s.boolean("standardize")
	if err != nil {
		return nil, nil, err
	}
	train, err := s.table("train", "HIGGS_train.csv", "higgsPretrain.csv", "particle_physics/higgsPretrain.csv", "HIGGS.csv")
	if err != nil {
		return nil, nil, err
	}
	var test *table
	if s.text("test") == "split" {
		train, test, err = s.splitTable(train)
	} else {
		test, err = s.table("test", "HIGGS_test.csv", "higgsTransfer.csv", "particle_physics/higgsTransfer.csv")
	}
	if err != nil {
		return nil, nil, err
	}
	if standardize {
		m := newMoments(train.size)
		for i := range train.labels {
			m.row(train.values[i*train.size : (i+1)*train.size])
		}
		train.scale = m.scaling()
		test.scale = train.scale
	}
	return train, test, nil
}

// splitTable sets a random part of the rows, decided by the seed, aside for testing.
func (s *source) splitTable(all *table) (train, test *table, err error) {
	fraction, err := strconv.ParseFloat(s.text("test_fraction"), 64)
	if err != nil || !(fraction > 0 && fraction < 1) {
		return nil, nil, s.badOption("test_fraction", "a number between 0 and 1")
	}
	n := all.Len()
	tests := int(math.Round(fraction * float64(n)))
	if tests == 0 || tests == n {
		return nil, nil, s.badOption("test_fraction", fmt.Sprintf("a part that leaves rows on both sides of %d", n))
	}
	order := permute(n, s.seed, 0)
	part := func(from, to int) *table {
		t := &table{size: all.size, classes: all.classes}
		for i := from; i < to; i++ {
			row := order.at(i)
			t.values = append(t.values, all.values[row*all.size:(row+1)*all.size]...)
			t.labels = append(t.labels, all.labels[row])
		}
		return t
	}
	return part(0, n-tests), part(n-tests, n), nil
}

// table reads the file that the option, or else a usual name, stands for. A header line is
// skipped; so is a leading column of row numbers, which pandas writes.
func (s *source) table(option string, usual ...string) (*table, error) {
	classes, err := s.integer("classes", 2, 1)
	if err != nil {
		return nil, err
	}
	if name := s.text(option); name != "" {
		usual = []string{name}
	}
	f, err := s.open(option, usual...)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t := &table{size: s.want.Size(), classes: classes}
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
		return nil, s.fail(f.name, "", "holds no rows", "give a file with data")
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
