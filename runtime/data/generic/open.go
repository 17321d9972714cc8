package generic

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"mspecc/runtime/data"
	"mspecc/runtime/data/filetype"
)

// opener opens one file of a data set.
type opener func(s *data.Source, p *plan, name string) (table, error)

// openTables opens a data set of tables.
func openTables(s *data.Source, open opener) (data.Dataset, data.Dataset, error) {
	p, err := newPlan(s)
	if err != nil {
		return nil, nil, err
	}
	return p.open(open)
}

// open opens the data set of the tables that the options files and test name.
func (p *plan) open(open opener) (data.Dataset, data.Dataset, error) {
	s := p.s
	names, err := list(s, "files", p.files, filetype.Table)
	if err != nil {
		return nil, nil, err
	}
	names, tests, err := p.apart(names)
	if err != nil {
		return nil, nil, err
	}
	return openNamed(s, p, names, tests, open)
}

// apart takes the files for testing, where the option test names some, from the others.
func (p *plan) apart(names []string) (train, test []string, err error) {
	if len(p.test) == 0 {
		return names, nil, nil
	}
	if test, err = list(p.s, "test", p.test, filetype.Table); err != nil {
		return nil, nil, err
	}
	if train = slices.DeleteFunc(names, func(n string) bool { return slices.Contains(test, n) }); len(train) == 0 {
		return nil, nil, p.s.BadOption("test", "not all files: none would be left to train on")
	}
	return train, test, nil
}

// openNamed opens a data set of the tables in files for training and, if any, for testing.
func openNamed(s *data.Source, p *plan, names, tests []string, open opener) (data.Dataset, data.Dataset, error) {
	x, err := newIndex(s, p)
	if err != nil {
		return nil, nil, err
	}
	tables, trained, err := openAll(s, p, names, tests, open)
	if err != nil {
		return nil, nil, err
	}
	if trained, err = x.settle(tables, trained); err != nil {
		return nil, nil, err
	}
	if p.split == "" && len(tests) == 0 {
		switch {
		case p.window == 0:
			p.split = "random"
		case trained > 1:
			p.split, p.by = "by", "file"
		default:
			p.split = "last"
		}
	}
	if err := x.addAll(trained); err != nil {
		return nil, nil, err
	}
	return x.sets(trained)
}

// openAll opens the files, without those that are empty; trained of them, the first ones, are for training.
func openAll(s *data.Source, p *plan, names, tests []string, open opener) (tables []table, trained int, err error) {
	for i, name := range append(slices.Clone(names), tests...) {
		t, err := open(s, p, name)
		switch {
		case s.EmptyPart(name, err, len(names)+len(tests)):
			continue
		case err != nil:
			if err := s.Bad(err); err != nil {
				return nil, 0, err
			}
			continue
		case len(t.columns()) == 0:
			s.Note("%s holds no record", name)
			continue
		}
		if tables = append(tables, t); i < len(names) {
			trained++
		}
	}
	if trained == 0 {
		return nil, 0, s.Fail(names[0], "", "holds no record, nor does any other file", "give files with data")
	}
	return tables, trained, nil
}

// sets makes the training and the test set.
func (x *index) sets(trainTables int) (data.Dataset, data.Dataset, error) {
	s, p := x.s, x.p
	x.countUnlabelled()
	x.tellRounded()
	if u := x.uneven; u.records > 0 {
		s.Note("%d records have another number of labels than of tokens; the first, %s: label i is that of token i, and tokens beyond have none", u.records, u.first)
	}
	if err := x.tellShort(); err != nil {
		return nil, nil, err
	}
	if p.label != "" && !p.each && x.class.number() < 2 && p.numbered != 1 {
		return nil, nil, s.Fail("", "", fmt.Sprintf("the column %s has %d different labels, expected at least 2", p.label, x.class.number()),
			"correct the option label, or say classes: 1 where the label is a number to regress")
	}
	if p.split == "random" && len(p.test) == 0 {
		all := x.newSet(x.segs)
		if all.n == 0 {
			return nil, nil, x.nothing("")
		}
		train, test, err := s.Split(all)
		if err == nil && p.standardise {
			all.scale, err = all.standardise(train)
		}
		return train, test, err
	}
	segs, tests, err := x.split(trainTables)
	if err != nil {
		return nil, nil, err
	}
	train, test := x.newSet(segs), x.newSet(tests)
	for _, part := range []struct {
		set  *set
		what string
	}{{train, "training "}, {test, "test "}} {
		if part.set.n == 0 {
			return nil, nil, x.nothing(part.what)
		}
	}
	if p.standardise {
		if train.scale, err = train.standardise(train); err != nil {
			return nil, nil, err
		}
		test.scale = train.scale
	}
	return train, test, nil
}

// countUnlabelled counts the records without a label, and tells of them.
func (x *index) countUnlabelled() {
	if x.label == nil || x.p.each {
		return
	}
	rank, all := x.class.rank(), 0
	x.label.Missing = 0
	for _, g := range x.segs {
		labels := x.tables[g.table].labels
		for row := g.lo; row < g.hi; row++ {
			if math.IsNaN(classOf(rank, labels.at(row))) {
				x.label.Missing++
			}
		}
		all += g.hi - g.lo
	}
	if x.label.Missing == 0 {
		return
	}
	left := x.class.LeftOut()
	for _, name := range left {
		x.label.Mark(name)
	}
	advice := ""
	if len(left) > 0 {
		advice = fmt.Sprintf("; where %s is a class, name all classes with the option classes", strings.Join(left, " or "))
	}
	x.s.Note("%d of %d records have no label (%s in the column %s): training takes them, probes and metrics do not%s", x.label.Missing, all, strings.Join(x.label.Marks, ", "), x.label.Name, advice)
}

// tellRounded tells of columns whose numbers lose digits that may matter, such as days written as 20200103 and seconds since 1970: examples
// are of float32. Standardised ones lose them when the mean is gone.
func (x *index) tellRounded() {
	var names []string
	first := 0.0
	for i, v := range x.rounded {
		if v != 0 {
			if names = append(names, x.columns[i].Name); first == 0 {
				first = v
			}
		}
	}
	if len(names) > 0 && !x.p.standardise {
		x.s.Note("whole numbers beyond 16777216 lose their last digits in examples, which are of float32: %s of the column %s becomes %s; standardize: true keeps what tells them apart (columns %s)",
			data.FormatNumber(first), names[0], data.FormatNumber(float64(float32(first))), listed(names))
	}
}

// nothing is the error of a data set without an example.
func (x *index) nothing(what string) error {
	if x.p.window > 0 {
		return x.s.Fail("", "", fmt.Sprintf("no %srecording has %d good rows in a row, one window", what, x.p.window), "use a shorter window, another split, or the option missing")
	}
	return x.s.Fail("", "", "holds no good "+what+"record", "give a folder with data, or correct the options split and missing")
}
