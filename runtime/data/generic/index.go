package generic

import (
	"errors"
	"hash/maphash"
	"math"
	"slices"

	"mspecc/runtime/data"
)

// indexed is a table with what the index keeps of its rows.
type indexed struct {
	table
	stamps []data.Stamp // of the pictures
	labels *labels      // of each row as found; nil where there are none, or one for each token
}

// segment are the rows lo to hi-1 of a table, which follow each other, are good and belong to
// one group; cut where it is one part of such rows, on one side of a split.
type segment struct {
	table, lo, hi, group int
	cut                  bool
}

// index are all good rows of several files.
type index struct {
	s      *data.Source
	p      *plan
	tables []*indexed
	segs   []segment
	groups map[string]int // by name
	names  []string       // of the groups
	class  *classes
	tok    *tokenizer // nil for values

	fields  *fields
	reads   int           // cells that an example needs
	columns []data.Column // of an example
	width   []int         // values of each in a row; 0: not known yet
	rounded []float64     // of each the first whole number that float32 does not hold, 0 for none
	label   *data.Column  // nil without labels
	uneven  uneven        // records with other numbers of labels than of tokens
	perRow  int           // values of a row
	to      []int32       // where each value of a row goes in an example; nil: they lie in the same order

	seed maphash.Seed
	seen []uint64 // hashes of the ids
	ids  []rowAt  // of the same rows
}

// rowAt is a row's table and number.
type rowAt struct{ table, row int32 }

func newIndex(s *data.Source, p *plan) (*index, error) {
	x := &index{s: s, p: p, groups: map[string]int{}, class: newClasses(p), seed: maphash.MakeSeed()}
	var err error
	if s.Input.Tokens {
		x.tok, err = newTokenizer(s, s.Input)
	}
	return x, err
}

// settle settles the columns of the data set from all its files, and what each of them has to read. It gives the
// tables that are of use; trainTables of the given ones come first and are for training.
func (x *index) settle(tables []table, trainTables int) (trained int, err error) {
	if x.fields, err = x.choose(tables); err != nil {
		return 0, err
	}
	names, example := x.fields.list()
	x.reads = example
	for _, name := range x.fields.values {
		x.columns = append(x.columns, data.Column{Name: name})
	}
	x.width, x.rounded = make([]int, len(x.columns)), make([]float64, len(x.columns))
	if x.fields.label != "" {
		x.label = &data.Column{Name: x.fields.label}
	}
	var first table
	for i, t := range tables {
		err := x.bind(t, tables[0], names, first)
		switch {
		case err != nil:
			if err := x.s.Bad(err); err != nil {
				return 0, err
			}
			continue
		case t.rows() == 0:
			x.s.Note("%s holds no record", t.name())
			continue
		}
		if first == nil {
			first = t
		}
		if x.tables = append(x.tables, &indexed{table: t}); i < trainTables {
			trained++
		}
	}
	if trained == 0 {
		return 0, x.s.Fail(tables[0].name(), "", "holds no record", "give files with data")
	}
	for i := range x.columns {
		if c := &x.columns[i]; c.Type == "" {
			if c.Type = data.NumberType; x.tok != nil && !x.tok.numbers {
				c.Type = data.TextType
			}
		}
	}
	return trained, x.setShapes(x.tables)
}

// bind tells a table what to read, and holds what it says of its columns against what is known of them.
func (x *index) bind(t, first table, names []string, before table) error {
	places, err := x.places(t, first, names)
	if err != nil {
		return err
	}
	told, err := t.bind(places)
	if err != nil || t.rows() == 0 {
		return err
	}
	for i, d := range told {
		var c *data.Column
		switch {
		case i < len(x.columns):
			c = &x.columns[i]
		case x.label != nil && names[i] == x.label.Name:
			c = x.label
		default:
			continue
		}
		if err := x.hold(t, c, data.Column{Name: c.Name, Type: d.kind, Shape: d.shape}, before); err != nil {
			return err
		}
		if i < len(x.columns) && d.shape != nil && x.tok == nil {
			if err := x.declare(t, i, d.shape, before); err != nil {
				return err
			}
		}
		c.Merge(data.Column{Type: d.kind})
	}
	return nil
}

// hold refuses a column whose elements are of another type than in the files before, or than the model was trained with.
func (x *index) hold(t table, c *data.Column, now data.Column, before table) error {
	if message := c.Fits(now); message != "" {
		return x.s.Fail(t.name(), "", message+" as in "+before.name(), "convert one of them, or leave the file out")
	}
	if x.s.Schema == nil {
		return nil
	}
	for _, was := range x.s.Schema.Columns {
		if message := was.Fits(now); was.Name == c.Name && message != "" {
			return x.s.Fail(t.name(), "", message+", with which the model was trained", "convert the column")
		}
	}
	return nil
}

// addAll indexes the rows of all tables; those of the first trained ones are for training.
func (x *index) addAll(trained int) error {
	for i, t := range x.tables {
		if i == trained && x.tok != nil {
			if err := x.tok.build(); err != nil {
				return err
			}
		}
		if err := x.add(i, t); err != nil {
			if err := x.s.Bad(err); err != nil {
				return err
			}
		}
	}
	if x.tok != nil {
		if err := x.tok.build(); err != nil {
			return err
		}
	}
	if err := x.unique(); err != nil {
		return err
	}
	if x.tok != nil || x.shaped() || len(x.segs) == 0 {
		return nil
	}
	if x.solve(); !x.shaped() {
		i := slices.Index(x.width, 0)
		return x.s.Fail("", "", "the column "+x.columns[i].Name+" holds no value in any good record", "choose others with the option columns")
	}
	return x.arrange(x.tables[0])
}

// add indexes the rows of a table: each is read once and looked at.
func (x *index) add(number int, t *indexed) error {
	scan := x.newScan(number, t)
	all := len(scan.names)
	for lo := 0; lo < t.rows(); {
		scan.next = lo
		err := t.read(lo, t.rows(), all, scan.row)
		if err == nil {
			break
		}
		// A row that cannot even be taken apart.
		var bad *data.Error
		if !errors.As(err, &bad) || bad.At == "" {
			return err
		}
		if err := x.s.Bad(bad); err != nil {
			return err
		}
		lo = scan.next + 1
		scan.last = -1
	}
	return nil
}

// labels are those of a table's rows: classes as they were found, -1 for none, or numbers, NaN for none.
type labels struct {
	classes []int32
	numbers []float64
}

func newLabels(rows int, numbers bool) *labels {
	if numbers {
		return &labels{numbers: make([]float64, rows)}
	}
	return &labels{classes: make([]int32, rows)}
}

func (l *labels) set(row int, v float64) {
	switch {
	case l.numbers != nil:
		l.numbers[row] = v
	case math.IsNaN(v):
		l.classes[row] = -1
	default:
		l.classes[row] = int32(v)
	}
}

// at is the label of a row, NaN for none.
func (l *labels) at(row int) float64 {
	switch {
	case l.numbers != nil:
		return l.numbers[row]
	case l.classes[row] < 0:
		return math.NaN()
	}
	return float64(l.classes[row])
}
