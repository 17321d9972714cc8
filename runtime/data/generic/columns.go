package generic

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"mspecc/runtime/data"
)

// A data set has one list of columns, whatever the order in which its files have them: this file
// finds them by name, over all files, and tells each file which of its columns are wanted.

// naming says how the columns of a data set follow from those of its files.
type naming int

const (
	fixedNames  naming = iota // every file has the same columns, and every record all of them
	sparseNames               // records may lack columns; the data set has all that occur, in the order of appearance
	sortedNames               // likewise, in the order of their names, as records have none
)

// column is a column of a file.
type column struct {
	name  string
	index bool // row labels that pandas put there: no data unless they are asked for by name
}

// isIndex says whether pandas gives that name to row labels that it wrote among the columns.
func isIndex(name string) bool {
	inner, ok := strings.CutPrefix(name, "__index_level_")
	if inner, cut := strings.CutSuffix(inner, "__"); ok && cut && inner != "" && strings.Trim(inner, "0123456789") == "" {
		return true
	}
	return name == "Unnamed: 0"
}

// fields are the names of the columns that are read. Cells come in this order: the example's, the label
// where tokens have labels, the picture, then those that are only looked at once: the label of an example,
// the id and the column that groups; then those that are carried along.
type fields struct {
	values                 []string
	label, picture, id, by string // "" for none
	each                   bool   // the label is one of tokens
	carried                []string
}

// list are the names in the order of cells; example is how many of them an example needs.
func (f *fields) list() (names []string, example int) {
	names = slices.Clone(f.values)
	add := func(name string, wanted bool) {
		if name != "" && wanted {
			names = append(names, name)
		}
	}
	add(f.label, f.each)
	add(f.picture, true)
	example = len(names)
	add(f.label, !f.each)
	add(f.id, true)
	add(f.by, true)
	return append(names, f.carried...), example
}

// allColumns are those of the data set: the first table's and, where records may lack some, what others have beside them.
func allColumns(tables []table) []column {
	all := slices.Clone(tables[0].columns())
	seen := map[string]bool{}
	for _, c := range all {
		seen[c.name] = true
	}
	for _, t := range tables[1:] {
		if t.naming() == fixedNames {
			continue
		}
		for _, c := range t.columns() {
			if !seen[c.name] {
				seen[c.name] = true
				all = append(all, c)
			}
		}
	}
	if tables[0].naming() == sortedNames {
		slices.SortFunc(all, func(a, b column) int { return strings.Compare(a.name, b.name) })
	}
	return all
}

func namesOf(columns []column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}

// choose settles which columns are for what.
func (x *index) choose(tables []table) (*fields, error) {
	p, all := x.p, allColumns(tables)
	names := namesOf(all)
	f := &fields{each: p.each}
	for _, role := range []struct {
		option, name string
		to           *string
	}{{"label", p.label, &f.label}, {"id", p.id, &f.id}, {"split", p.column(), &f.by}, {"image", p.picture(), &f.picture}} {
		if *role.to = role.name; role.name != "" && !slices.Contains(names, role.name) {
			return nil, x.lacks(tables[0], role.name, names, role.option)
		}
	}
	x.notePartitions(tables, names)
	err := x.chooseCarried(tables[0], all, f)
	if err != nil {
		return nil, err
	}
	if f.values, err = x.chooseValues(tables[0], all, f); err != nil {
		return nil, err
	}
	if x.tok != nil && len(f.values) != 1 {
		return nil, x.s.Fail(tables[0].name(), "", fmt.Sprintf("has %d columns, of which one with the text is wanted: %s", len(f.values), listed(f.values)), "name it with the option columns")
	}
	return f, nil
}

// notePartitions tells of columns that are only in the names of folders, which are not read.
func (x *index) notePartitions(tables []table, names []string) {
	seen := map[string]bool{}
	for _, t := range tables {
		for _, part := range strings.Split(path.Dir(t.name()), "/") {
			if key, value, ok := strings.Cut(part, "="); ok && key != "" && value != "" && !seen[key] && !slices.Contains(names, key) {
				seen[key] = true
				x.s.Note("the folders %s=... are partitions by a column %s, which is not read: their names are not", key, key)
			}
		}
	}
}

// column is that by which the data are split, "" where it is none.
func (p *plan) column() string {
	if p.by == "file" || p.by == "folder" {
		return ""
	}
	return p.by
}

// picture is the column with the files' names of pictures, "" for none.
func (p *plan) picture() string {
	if p.look == nil {
		return ""
	}
	return p.look.name
}

// lacks is the error of a column that is not there.
func (x *index) lacks(t table, name string, names []string, option string) error {
	trained := ""
	if x.s.Schema != nil && option != "label" && slices.Contains(x.s.Schema.Names(), name) {
		trained = ", which the model was trained with"
	}
	msg, fix := fmt.Sprintf("has no column %q%s; its columns are %s", name, trained, listed(names)), "correct the option "+option
	for _, part := range strings.Split(path.Dir(t.name()), "/") {
		if key, _, ok := strings.Cut(part, "="); ok && key == name {
			msg = fmt.Sprintf("has no column %q: it is in the name of the folder %s, and such partitions are not read as columns", name, part)
			fix = "write the files with the column in them, or say split: by folder where it only divides the data"
		}
	}
	return x.s.Fail(t.name(), "", msg, fix)
}

// chooseValues are the columns of an example: those that the model was trained with, where the options
// choose them as they did then, or leave the choice open and all of them are there; otherwise those of the option, or all that have no other use.
func (x *index) chooseValues(first table, all []column, f *fields) ([]string, error) {
	was := x.s.Schema
	chosen := x.s.Text("columns")
	if was != nil && len(was.Columns) > 0 && (was.Chosen == chosen || chosen == "" && containsAll(namesOf(all), was.Names())) {
		names := was.Names()
		if len(names) == 1 && !slices.Contains(namesOf(all), names[0]) && (x.tok != nil || was.Columns[0].Size() > 1) {
			return x.only(first, all, f, names[0])
		}
		for _, name := range names {
			if !slices.Contains(namesOf(all), name) {
				return nil, x.lacks(first, name, namesOf(all), "columns: names those that stand for the model's, in their order")
			}
		}
		return names, nil
	}
	names, err := x.match(first, all, f)
	if err != nil || was == nil {
		return names, err
	}
	trained := was.Names()
	switch {
	case slices.Equal(slices.Sorted(slices.Values(names)), slices.Sorted(slices.Values(trained))):
		return trained, nil
	case len(trained) > 0:
		x.s.Note("the columns %s stand for those that the model was trained with, %s", listed(names), listed(trained))
	}
	return names, nil
}

// containsAll says whether all of some names are there.
func containsAll(there, names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(there, name) })
}

// only is the single column that can stand for the model's single one, whatever its name.
func (x *index) only(first table, all []column, f *fields, was string) ([]string, error) {
	names, err := x.match(first, all, f)
	if err == nil && len(names) != 1 {
		return nil, x.s.Fail(first.name(), "", fmt.Sprintf("has no column %q, which the model was trained with; its columns are %s", was, listed(namesOf(all))), "name what stands for it with the option columns")
	}
	return names, err
}

// match are the columns that the option columns stands for.
func (x *index) match(first table, all []column, f *fields) ([]string, error) {
	free := func(c column) bool {
		return !c.index && c.name != f.label && c.name != f.id && c.name != f.by && c.name != f.picture
	}
	var chosen []string
	if len(x.p.columns) == 0 {
		for _, c := range all {
			if free(c) {
				chosen = append(chosen, c.name)
			} else if c.index && c.name != f.id && c.name != f.label && c.name != f.by {
				x.s.Note("the column %q is taken for the index that pandas wrote, and left out; the option columns can name it", c.name)
			}
		}
	}
	for _, pattern := range x.p.columns {
		found, exact := find(all, pattern)
		if len(found) == 0 {
			return nil, x.lacks(first, pattern, namesOf(all), "columns")
		}
		for _, c := range found {
			if exact || free(c) && !slices.Contains(chosen, c.name) {
				chosen = append(chosen, c.name)
			}
		}
	}
	if len(chosen) == 0 {
		return nil, x.s.Fail(first.name(), "", fmt.Sprintf("has no column for the examples beside %s", listed(namesOf(all))), "correct the option columns")
	}
	return chosen, nil
}

// find are the columns that a name (exact), a pattern or a range FIRST..LAST stands for.
func find(all []column, pattern string) (found []column, exact bool) {
	at := func(name string) int { return slices.IndexFunc(all, func(c column) bool { return c.name == name }) }
	if i := at(pattern); i >= 0 {
		return all[i : i+1], true
	}
	if first, last, ok := strings.Cut(pattern, ".."); ok {
		lo, hi := at(first), at(last)
		if lo < 0 || hi < lo {
			return nil, false
		}
		return all[lo : hi+1], false
	}
	for _, c := range all {
		if ok, err := path.Match(pattern, c.name); err == nil && ok {
			found = append(found, c)
		}
	}
	return found, false
}

// places are where a table has the columns, -1 where its records lack one.
func (x *index) places(t, first table, names []string) ([]int, error) {
	at, twice := map[string]int{}, map[string]bool{}
	for i, c := range t.columns() {
		if _, known := at[c.name]; known {
			twice[c.name] = true
		} else {
			at[c.name] = i
		}
	}
	places := make([]int, len(names))
	for i, name := range names {
		k, ok := at[name]
		switch places[i] = k; {
		case twice[name]:
			return nil, x.s.Fail(t.name(), "", fmt.Sprintf("has two columns called %q", name), "give each a name of its own, or choose others with the option columns")
		case !utf8.ValidString(name):
			return nil, x.s.Fail(t.name(), "", fmt.Sprintf("has a column called %q, %s", name, data.NotUTF8), "or choose others with the option columns")
		case ok:
			continue
		}
		if places[i] = -1; t.naming() != fixedNames {
			continue
		}
		if t == first || x.s.Schema != nil {
			return nil, x.lacks(t, name, namesOf(t.columns()), "columns, or leave the file out")
		}
		return nil, x.s.Fail(t.name(), "", fmt.Sprintf("has no column %q, which %s has; its columns are %s", name, first.name(), listed(namesOf(t.columns()))),
			"give files of the same columns, or name those that all have with the option columns")
	}
	return places, x.noOthers(t, first)
}

// noOthers refuses a column that the first file lacks where all columns are taken.
func (x *index) noOthers(t, first table) error {
	if t == first || len(x.p.columns) > 0 || x.s.Schema != nil || t.naming() != fixedNames || first.naming() != fixedNames {
		return nil
	}
	known := map[string]bool{}
	for _, c := range first.columns() {
		known[c.name] = true
	}
	for _, c := range t.columns() {
		if !c.index && !known[c.name] {
			return x.s.Fail(t.name(), "", fmt.Sprintf("has the column %q, which %s lacks", c.name, first.name()),
				"give files of the same columns, or name those of an example with the option columns")
		}
	}
	return nil
}

// listed is a list for messages, cut where it is long.
func listed(names []string) string {
	if len(names) > 12 {
		return strings.Join(names[:12], ", ") + fmt.Sprintf(", ... (%d)", len(names))
	}
	return strings.Join(names, ", ")
}
