package data

import (
	"sort"
	"strconv"
)

// Origin says where an example comes from.
type Origin struct {
	Name   string // of the record itself: the value of the reader's id column; "" where it has none
	File   string // relative to the data folder; "" where the reader knows of none
	Record string // of the file, where records have names of their own; else ""
	First  int    // row of the file, or place in the record, both from 0: that of the first of
	Count  int    // so many; 0: the example is the whole file or record
	Group  string // that the data are split by; "" where they are not
	// Columns are the values of the columns that OpenOptions.Columns asks for, as the files have them. Of an example
	// of several rows they are those of the first.
	Columns []string
}

// ID names the example: by its name, or else as FILE, FILE:ROW, FILE:FIRST-LAST, FILE:RECORD or FILE:RECORD:FIRST-LAST.
// It is the same however the data are split, shuffled and cut into files' parts, and whatever is left out of them.
func (o Origin) ID() string {
	if o.Name != "" {
		return o.Name
	}
	id := o.File
	add := func(part string) {
		if id != "" {
			id += ":"
		}
		id += part
	}
	if o.Record != "" {
		add(o.Record)
	}
	switch {
	case o.Count == 1:
		add(strconv.Itoa(o.First))
	case o.Count > 1:
		add(strconv.Itoa(o.First) + "-" + strconv.Itoa(o.First+o.Count-1))
	}
	return id
}

// Traced is a Dataset that knows where its examples come from.
type Traced interface {
	// Origin is that of example i of an epoch.
	Origin(i int, epoch uint64) (Origin, error)
}

// OriginOf says where example i of an epoch comes from. Of a data set that is not Traced, its number is all that is known.
func OriginOf(set Dataset, i int, epoch uint64) (Origin, error) {
	for {
		switch s := set.(type) {
		case Traced:
			return s.Origin(i, epoch)
		case tolerant:
			set = s.Dataset
		case scaled:
			set = s.Dataset
		case *subset:
			set, i = s.Dataset, s.order(s.first+i)
		default:
			return Origin{First: i, Count: 1}, nil
		}
	}
}

// numbering gives records their numbers in a file of which some are left out.
type numbering struct {
	out []int // of each that is left out, how many before it are not
}

// leaveOut notes that a record is left out behind so many that are not.
func (n *numbering) leaveOut(before int) { n.out = append(n.out, before) }

// of is the number, in the file, of record i of those that are not left out.
func (n *numbering) of(i int) int { return i + sort.SearchInts(n.out, i+1) }

// Origin is the picture's place in its file.
func (p *pixels) Origin(i int, _ uint64) (Origin, error) {
	return Origin{File: p.b.Name, First: i, Count: 1}, nil
}

// Origin is the row of the file, without its header and empty lines.
func (t *table) Origin(i int, _ uint64) (Origin, error) {
	return Origin{File: t.b.Name, First: t.rows.left.of(i), Count: 1}, nil
}

// Origin is the record of the file.
func (g *genomes) Origin(i int, _ uint64) (Origin, error) {
	return Origin{File: g.b.Name, First: g.records.left.of(i), Count: 1}, nil
}

// Origin is the window's rows of the recording, which its subject is the group of.
func (r *recording) Origin(i int, _ uint64) (Origin, error) {
	first := r.left.of(i * r.o.stride)
	last := r.left.of(i*r.o.stride + r.o.window - 1)
	return Origin{File: r.rows.Name, First: first, Count: last - first + 1, Group: r.subject}, nil
}

// Origin is from the first to the last row of the window, between which those of other activities may lie; its
// subject is the group.
func (r *randomWindows) Origin(i int, epoch uint64) (Origin, error) {
	seg, start := r.draw(i, epoch)
	first, last := seg.left.of(seg.row(start)), seg.left.of(seg.row(start+r.length-1))
	return Origin{File: seg.rows.Name, First: first, Count: last - first + 1, Group: seg.subject}, nil
}

// Origin is that of the set which the example is of.
func (j *joined) Origin(i int, epoch uint64) (Origin, error) {
	k := j.part(i)
	return OriginOf(j.sets[k], i-j.before[k], epoch)
}
