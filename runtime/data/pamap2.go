package data

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

var pamap2Reader = Builtin("pamap2", openPAMAP2)

const (
	pamapColumns  = 54 // timestamp, activity, heart rate, 17 values of each of hand, chest and ankle
	pamapChannels = pamapColumns - 2
)

// segment is all rows of one activity of one subject, in time order.
type segment struct {
	rows  *Blob // [samples, 52] float32, of the subject
	runs  []run // of the activity
	class int
	n     int // rows

	subject string
	left    *numbering // of the file's rows
}

// run is rows that follow each other: so many of them come before it in the segment.
type run struct{ first, n, before int }

// row is the row of the file that row i of the segment is.
func (g *segment) row(i int) int {
	k, found := slices.BinarySearchFunc(g.runs, i, func(r run, i int) int { return r.before - i })
	if !found {
		k--
	}
	return g.runs[k].first + i - g.runs[k].before
}

// read writes the window at a row of the segment into x, [52, length].
func (g *segment) read(x []float32, start, length int) error {
	k, found := slices.BinarySearchFunc(g.runs, start, func(r run, start int) int { return r.before - start })
	if !found {
		k--
	}
	for done := 0; done < length; k++ {
		r := g.runs[k]
		skip := start + done - r.before
		n := min(length-done, r.n-skip)
		buf := buffers.get(4 * pamapChannels * n)
		err := g.rows.ReadFull(*buf, int64(r.first+skip)*4*pamapChannels)
		if err == nil {
			transpose(x, *buf, pamapChannels, length, done)
		}
		buffers.put(buf)
		if err != nil {
			return err
		}
		done += n
	}
	return nil
}

// randomWindows draws windows: a segment, then a start, both uniformly.
type randomWindows struct {
	segments []*segment
	items    int
	length   int
	labels   Labels
	fixed    bool // the same windows in every epoch
	seed     uint64
}

func (r *randomWindows) Len() int       { return r.items }
func (r *randomWindows) Labels() Labels { return r.labels }
func (r *randomWindows) Look() Look     { return Look{Drawn: !r.fixed} }

// draw is the segment of window i and where in it the window begins.
func (r *randomWindows) draw(i int, epoch uint64) (seg *segment, start int) {
	if r.fixed {
		epoch = 0
	}
	seg = r.segments[below(key(r.seed, epoch, uint64(i), 0), len(r.segments))]
	return seg, below(key(r.seed, epoch, uint64(i), 1), seg.n-r.length+1)
}

func (r *randomWindows) Example(i int, epoch uint64, e *Example) error {
	seg, start := r.draw(i, epoch)
	e.Labels[0] = float64(seg.class)
	return seg.read(e.X, start, r.length)
}

// moments adds up those of the channels over all rows.
func (r *randomWindows) moments(m *Moments) error {
	x, row := make([]float32, pamapChannels*gapRows), make([]float32, pamapChannels)
	for k, seg := range r.segments {
		r.segments[0].rows.Source.Progress("mean and deviation", int64(k), int64(len(r.segments)))
		for start := 0; start < seg.n; start += gapRows {
			n := min(gapRows, seg.n-start)
			if err := seg.read(x, start, n); err != nil {
				return err
			}
			for t := range n {
				for c := range row {
					row[c] = x[c*n+t]
				}
				m.row(row)
			}
		}
	}
	return nil
}

func openPAMAP2(s *Source) (Dataset, Dataset, error) {
	if err := s.values(pamapChannels, -1); err != nil {
		return nil, nil, err
	}
	window, err := s.Integer("window", s.Input.Shape[1], 1)
	if err != nil {
		return nil, nil, err
	}
	if window != s.Input.Shape[1] {
		return nil, nil, s.BadOption("window", fmt.Sprintf("%d, the length of the model's input %v", s.Input.Shape[1], s.Input))
	}
	standardize, err := s.Boolean("standardize")
	if err != nil {
		return nil, nil, err
	}
	activities := map[int]int{}
	for i, a := range s.List("activities") {
		id, err := strconv.Atoi(a)
		if _, twice := activities[id]; err != nil || twice {
			return nil, nil, s.BadOption("activities", "different whole numbers")
		}
		activities[id] = i
	}
	if len(activities) < 2 {
		return nil, nil, s.BadOption("activities", "at least two")
	}
	train, err := s.pamapPart("train", window, activities)
	if err != nil {
		return nil, nil, err
	}
	test, err := s.pamapPart("test", window, activities)
	if err != nil {
		return nil, nil, err
	}
	train.seed, test.seed, test.fixed = key(s.Seed, 0), key(s.Seed, 1), true
	if !standardize {
		return train, test, nil
	}
	scale, err := s.Standardise(pamapChannels, train.moments)
	return scaled{train, scale}, scaled{test, scale}, err
}

// pamapPart reads the subjects of "train" or "test".
func (s *Source) pamapPart(part string, window int, activities map[int]int) (*randomWindows, error) {
	items, err := s.Integer(part+"_items", 0, 1)
	if err != nil {
		return nil, err
	}
	set := &randomWindows{items: items, length: window, labels: Labels{Classes: len(activities), Each: 1, Names: make([]string, len(activities))}}
	for id, class := range activities {
		set.labels.Names[class] = strconv.Itoa(id)
	}
	subjects := s.List(part + "_subjects")
	if len(subjects) == 0 {
		return nil, s.BadOption(part+"_subjects", "at least one subject such as 101")
	}
	for _, subject := range subjects {
		name := "subject" + strings.TrimPrefix(subject, "subject") + ".dat"
		b, err := s.FindBlob(part+"_subjects", "Protocol/"+name, name, "sensor/pamap2/Protocol/"+name)
		if err != nil {
			return nil, err
		}
		segments, err := b.pamapFile(activities)
		if err != nil {
			return nil, err
		}
		for _, seg := range segments {
			seg.subject = strings.TrimPrefix(subject, "subject")
			if seg.n >= window {
				set.segments = append(set.segments, seg)
			}
		}
	}
	if len(set.segments) == 0 {
		return nil, s.Fail("", "", fmt.Sprintf("no activity of the %s subjects has %d rows, one window", part, window), "use a shorter window or more subjects")
	}
	return set, nil
}

// pamapFile keeps the rows of one subject's file, without gaps, and finds those of each activity.
func (b *Blob) pamapFile(activities map[int]int) ([]*segment, error) {
	l, err := b.lines()
	if err != nil {
		return nil, err
	}
	defer l.close()
	spool := b.Source.NewSpool()
	rows := newGapFiller(spool, pamapChannels)
	found, left := map[int]*segment{}, &numbering{}
	row := make([]float32, pamapChannels)
	var cols [][]byte
	for line, ok := l.next(); ok; line, ok = l.next() {
		cols = fields(cols[:0], line, ' ')
		id, err := pamapRow(l, cols, row)
		if err != nil {
			if err := b.Source.Bad(err); err != nil {
				return nil, err
			}
			left.leaveOut(rows.n)
			continue
		}
		if class, known := activities[id]; known {
			if found[class] == nil {
				found[class] = &segment{class: class}
			}
			found[class].add(rows.n)
		}
		if err := rows.add(row); err != nil {
			return nil, b.noRoom(err)
		}
	}
	if err := l.err(); err != nil {
		return nil, err
	}
	if rows.n == 0 {
		return nil, b.Fail("", "holds no rows", "fetch it again")
	}
	first, empty, err := rows.finish()
	switch {
	case err != nil:
		return nil, b.noRoom(err)
	case empty >= 0:
		return nil, b.Fail("", fmt.Sprintf("column %d has no number in any line", empty+3), "leave this subject out")
	}
	kept := b.With(spool)
	var segments []*segment
	for _, class := range slices.Sorted(maps.Keys(found)) {
		seg := found[class]
		seg.rows, seg.left = kept, left
		seg.start(first)
		segments = append(segments, seg)
	}
	return segments, nil
}

// pamapRow reads a line: its activity, and the channels into row.
func pamapRow(l *lines, cols [][]byte, row []float32) (id int, err error) {
	if len(cols) != pamapColumns {
		return 0, l.fail(fmt.Sprintf("has %d columns, expected %d", len(cols), pamapColumns), "give the original PAMAP2 file")
	}
	if id, err = strconv.Atoi(string(cols[1])); err != nil {
		return 0, l.fail("column 2 is "+shorten(cols[1])+", expected an activity id", "give the original PAMAP2 file")
	}
	for i, c := range cols[2:] {
		if bytes.EqualFold(c, []byte("NaN")) {
			row[i] = float32(math.NaN())
		} else if row[i], err = l.number(c, i+3); err != nil {
			return 0, err
		}
	}
	return id, nil
}

// noRoom is the error of rows that cannot be kept.
func (b *Blob) noRoom(err error) *Error {
	return b.Fail("", "its rows cannot be kept: "+Cause(err), "make room on the disk")
}

// add takes a row of the file.
func (g *segment) add(row int) {
	if n := len(g.runs); n > 0 && g.runs[n-1].first+g.runs[n-1].n == row {
		g.runs[n-1].n++
	} else {
		g.runs = append(g.runs, run{first: row, n: 1})
	}
}

// start leaves out the rows before the first one of the file without a gap, which nothing can fill.
func (g *segment) start(first int) {
	kept := g.runs[:0]
	for _, r := range g.runs {
		cut := min(r.n, max(0, first-r.first))
		if r = (run{r.first + cut, r.n - cut, g.n}); r.n > 0 {
			kept = append(kept, r)
			g.n += r.n
		}
	}
	g.runs = kept
}
