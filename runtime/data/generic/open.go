package generic

import (
	"fmt"
	"slices"

	"mspecc/runtime/data"
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
	names, err := list(s, "files", p.files)
	if err != nil {
		return nil, nil, err
	}
	var tests []string
	if len(p.test) > 0 {
		if tests, err = list(s, "test", p.test); err != nil {
			return nil, nil, err
		}
		if names = slices.DeleteFunc(names, func(n string) bool { return slices.Contains(tests, n) }); len(names) == 0 {
			return nil, nil, s.BadOption("test", "not all files: none would be left to train on")
		}
	}
	return openNamed(s, p, names, tests, open)
}

// openNamed opens a data set of the tables in files for training and, if any, for testing.
func openNamed(s *data.Source, p *plan, names, tests []string, open opener) (data.Dataset, data.Dataset, error) {
	x, err := newIndex(s, p)
	if err != nil {
		return nil, nil, err
	}
	x.look = p.look
	if p.split == "" && len(tests) == 0 {
		switch {
		case p.window == 0:
			p.split = "random"
		case len(names) > 1:
			p.split, p.by = "by", "file"
		default:
			p.split = "last"
		}
	}
	for i, name := range append(slices.Clone(names), tests...) {
		if i == len(names) && x.tok != nil {
			if err := x.tok.build(); err != nil {
				return nil, nil, err
			}
		}
		t, err := open(s, p, name)
		if err == nil {
			err = x.add(t)
		}
		if err != nil {
			if err := s.Bad(err); err != nil {
				return nil, nil, err
			}
		}
	}
	if x.tok != nil {
		if err := x.tok.build(); err != nil {
			return nil, nil, err
		}
	}
	if err := x.unique(); err != nil {
		return nil, nil, err
	}
	return x.sets(len(names))
}

// sets makes the training and the test set.
func (x *index) sets(trainTables int) (data.Dataset, data.Dataset, error) {
	s, p := x.s, x.p
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

// nothing is the error of a data set without an example.
func (x *index) nothing(what string) error {
	if x.p.window > 0 {
		return x.s.Fail("", "", fmt.Sprintf("no %srecording has %d good rows in a row, one window", what, x.p.window), "use a shorter window, another split, or the option missing")
	}
	return x.s.Fail("", "", "holds no good "+what+"record", "give a folder with data, or correct the options split and missing")
}
