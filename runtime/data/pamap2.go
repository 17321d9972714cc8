package data

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"
	"strings"
)

var pamap2Reader = Reader{
	Name: "pamap2",
	Doc:  "PAMAP2 activity recordings Protocol/subjectNNN.dat: random windows of 52 channels, 12 activities; .gz too",
	Options: []Option{
		{"window", "", "samples per window; default the length the model wants"},
		{"train_subjects", "101,102,103,104,107,108,109", "subjects to train on"},
		{"test_subjects", "105,106", "subjects kept for testing"},
		{"train_items", "50000", "windows drawn per epoch of training"},
		{"test_items", "10000", "windows of the test set, the same in every epoch"},
		{"activities", "1,2,3,4,5,6,7,12,13,16,17,24", "activity ids that become the classes 0, 1, ...; rows of other ones are left out"},
		{"standardize", "false", "bring every channel to mean 0 and deviation 1 (of the training rows)"},
	},
	Fetch: "PAMAP2: archive.ics.uci.edu/dataset/231",
	Open:  openPAMAP2,
}

const (
	pamapColumns  = 54 // timestamp, activity, heart rate, 17 values of each of hand, chest and ankle
	pamapChannels = pamapColumns - 2
)

// segment is all rows of one activity of one subject, in time order.
type segment struct {
	rows  []float32 // [samples, 52]
	class int
}

// randomWindows draws windows: a segment, then a start, both uniformly.
type randomWindows struct {
	segments []segment
	items    int
	length   int
	classes  int
	fixed    bool // the same windows in every epoch
	seed     uint64
	scale    *scaling
}

func (r *randomWindows) Len() int       { return r.items }
func (r *randomWindows) Labels() Labels { return Labels{Classes: r.classes, Each: 1} }

func (r *randomWindows) Example(i int, epoch uint64, e *Example) error {
	if r.fixed {
		epoch = 0
	}
	seg := r.segments[below(key(r.seed, epoch, uint64(i), 0), len(r.segments))]
	starts := len(seg.rows)/pamapChannels - r.length + 1
	start := below(key(r.seed, epoch, uint64(i), 1), starts)
	transpose(e.X, seg.rows[start*pamapChannels:], pamapChannels, r.length)
	r.scale.apply(e.X)
	e.Labels[0] = float64(seg.class)
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
	if standardize {
		m := newMoments(pamapChannels)
		for _, seg := range train.segments {
			for at := 0; at < len(seg.rows); at += pamapChannels {
				m.row(seg.rows[at : at+pamapChannels])
			}
		}
		train.scale = m.scaling()
		test.scale = train.scale
	}
	return train, test, nil
}

// pamapPart reads the subjects of "train" or "test".
func (s *Source) pamapPart(part string, window int, activities map[int]int) (*randomWindows, error) {
	items, err := s.Integer(part+"_items", 0, 1)
	if err != nil {
		return nil, err
	}
	set := &randomWindows{items: items, length: window, classes: len(activities)}
	subjects := s.List(part + "_subjects")
	if len(subjects) == 0 {
		return nil, s.BadOption(part+"_subjects", "at least one subject such as 101")
	}
	for _, subject := range subjects {
		name := "subject" + strings.TrimPrefix(subject, "subject") + ".dat"
		f, err := s.Open(part+"_subjects", "Protocol/"+name, name, "sensor/pamap2/Protocol/"+name)
		if err != nil {
			return nil, err
		}
		segments, err := s.pamapFile(f, activities)
		f.Close()
		if err != nil {
			return nil, err
		}
		for _, seg := range segments {
			if len(seg.rows)/pamapChannels >= window {
				set.segments = append(set.segments, seg)
			}
		}
	}
	if len(set.segments) == 0 {
		return nil, s.Fail("", "", fmt.Sprintf("no activity of the %s subjects has %d rows, one window", part, window), "use a shorter window or more subjects")
	}
	return set, nil
}

// pamapFile reads one subject's file, fills gaps and gathers the rows of each activity.
func (s *Source) pamapFile(f *File, activities map[int]int) ([]segment, error) {
	var rows []float32
	var classes []int // per row, -1 for rows left out
	l := s.lines(f)
	var cols [][]byte
	for line, ok := l.next(); ok; line, ok = l.next() {
		if cols = fields(cols[:0], line, ' '); len(cols) != pamapColumns {
			return nil, l.fail(fmt.Sprintf("has %d columns, expected %d", len(cols), pamapColumns), "give the original PAMAP2 file")
		}
		id, err := strconv.Atoi(string(cols[1]))
		if err != nil {
			return nil, l.fail("column 2 is "+shorten(cols[1])+", expected an activity id", "give the original PAMAP2 file")
		}
		class, known := activities[id]
		if !known {
			class = -1
		}
		classes = append(classes, class)
		for i, c := range cols[2:] {
			if bytes.EqualFold(c, []byte("NaN")) {
				rows = append(rows, float32(math.NaN()))
				continue
			}
			v, err := l.number(c, i+3)
			if err != nil {
				return nil, err
			}
			rows = append(rows, v)
		}
	}
	if err := l.err(); err != nil {
		return nil, err
	}
	if len(classes) == 0 {
		return nil, s.readError(f, "line 1", io.ErrUnexpectedEOF)
	}
	if column := interpolate(rows, pamapChannels); column >= 0 {
		return nil, s.Fail(f.Name, "", fmt.Sprintf("column %d has no number in any line", column+3), "leave this subject out")
	}
	return gather(rows, classes), nil
}

// gather sorts rows by class, leaving out rows of no class and rows with a gap before the
// first number of a channel, which nothing can fill.
func gather(rows []float32, classes []int) []segment {
	found := map[int][]float32{}
	for i, class := range classes {
		row := rows[i*pamapChannels : (i+1)*pamapChannels]
		if class >= 0 && !hasNaN(row) {
			found[class] = append(found[class], row...)
		}
	}
	var segments []segment
	for class, rows := range found {
		segments = append(segments, segment{rows, class})
	}
	sort.Slice(segments, func(i, j int) bool { return segments[i].class < segments[j].class })
	return segments
}

func hasNaN(row []float32) bool {
	for _, v := range row {
		if v != v {
			return true
		}
	}
	return false
}

// interpolate fills the NaN of every column linearly between its neighbours in time; those
// behind the last number take its value, those before the first stay. It returns a column
// without any number, or -1.
func interpolate(rows []float32, columns int) int {
	n := len(rows) / columns
	for c := range columns {
		last := -1
		for i := range n {
			v := rows[i*columns+c]
			if v != v {
				continue
			}
			if last >= 0 && i > last+1 {
				from := float64(rows[last*columns+c])
				step := (float64(v) - from) / float64(i-last)
				for j := last + 1; j < i; j++ {
					rows[j*columns+c] = float32(from + step*float64(j-last))
				}
			}
			last = i
		}
		if last < 0 {
			return c
		}
		for j := last + 1; j < n; j++ {
			rows[j*columns+c] = rows[last*columns+c]
		}
	}
	return -1
}
