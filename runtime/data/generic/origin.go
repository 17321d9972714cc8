package generic

import (
	"fmt"
	"slices"

	"mspecc/runtime/data"
)

// chooseCarried settles the columns that are carried along to what is made of the examples.
func (x *index) chooseCarried(first table, all []column, f *fields) error {
	names := namesOf(all)
	for _, name := range x.s.Carry {
		if !slices.Contains(names, name) {
			return x.s.Fail(first.name(), "", fmt.Sprintf("has no column %q to carry along; its columns are %s", name, listed(names)), "name others, or none")
		}
	}
	f.carried = x.s.Carry
	return nil
}

// Carried are the columns that are carried along.
func (s *set) Carried() []string { return s.x.fields.carried }

// locate is the segment of example i, and its first row there; n rows make an example.
func (s *set) locate(i int) (g segment, lo, n int) {
	k, found := slices.BinarySearch(s.before, i)
	if !found {
		k--
	}
	g, n = s.segs[k], 1
	lo = g.lo + i - s.before[k]
	if p := s.x.p; p.window > 0 {
		lo, n = g.lo+(i-s.before[k])*p.stride, min(p.window, g.hi-g.lo)
	}
	return g, lo, n
}

// Origin is the row, or the rows of a window; the name of a row is its value of the column id.
func (s *set) Origin(i int, _ uint64) (data.Origin, error) {
	g, lo, n := s.locate(i)
	t, f := s.x.tables[g.table], s.x.fields
	o := data.Origin{File: t.name(), First: lo, Count: n}
	if g.group < len(s.x.names) {
		o.Group = s.x.names[g.group]
	}
	if len(f.carried) == 0 && (f.id == "" || n > 1) {
		return o, nil
	}
	names, example := f.list()
	id := example
	if f.label != "" && !f.each {
		id++
	}
	err := t.read(lo, lo+1, len(names), func(_ int, cells []cell) error {
		if f.id != "" && n == 1 {
			o.Name = cells[id].string()
		}
		for _, c := range cells[len(names)-len(f.carried):] {
			o.Columns = append(o.Columns, c.string())
		}
		return nil
	})
	return o, err
}

// Origin is the file, or the samples of it.
func (f *folder) Origin(i int, _ uint64) (data.Origin, error) {
	at, k := f.locate(i)
	it := f.items[at]
	o := data.Origin{File: it.name}
	if f.stride > 0 {
		o.First, o.Count = k*f.stride, f.length
	}
	if it.group < len(f.groups) {
		o.Group = f.groups[it.group]
	}
	return o, nil
}

// Origin is the record of a name, or its letters from the first to the last of a window.
func (q *sequences) Origin(i int, _ uint64) (data.Origin, error) {
	g, lo, hi := q.locate(i)
	r := q.f.records[g.table]
	o := data.Origin{File: r.file.Name, Record: r.name}
	if r.name == "" || !q.f.unique {
		o.Record = fmt.Sprint(r.number)
	}
	if q.f.stride > 0 || g.lo > 0 || g.hi < r.n {
		o.First, o.Count = lo, hi-lo
	}
	if q.f.by != "" {
		o.Group = q.f.names[r.group]
	}
	return o, nil
}

// locate is the segment of example i, and its letters lo to hi-1.
func (q *sequences) locate(i int) (g segment, lo, hi int) {
	k, found := slices.BinarySearch(q.before, i)
	if !found {
		k--
	}
	g = q.segs[k]
	lo = g.lo + (i-q.before[k])*q.f.stride
	return g, lo, min(g.hi, lo+q.f.length)
}
