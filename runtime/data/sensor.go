package data

import (
	"fmt"
	"math"
	"path"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"mspecc/runtime/data/unpack"
)

var sensorReader = Builtin("sensor_csv", openSensor)

// recordings are what holds for all recordings.
type recordings struct {
	o       *sensorOptions
	labels  Labels
	moments *Moments // of the samples for training
}

// recording is one file, cut into windows.
type recording struct {
	*recordings
	rows    *Blob // [samples, channels] float32
	subject string
	left    numbering // of the samples
	windows int       // their number
	classes []int32   // of the windows, nil without labels
}

func (r *recording) Len() int       { return r.windows }
func (r *recording) Labels() Labels { return r.labels }

func (r *recording) Example(i int, _ uint64, e *Example) error {
	channels := len(r.o.columns)
	buf := buffers.get(4 * channels * r.o.window)
	defer buffers.put(buf)
	if err := r.rows.ReadFull(*buf, int64(i*r.o.stride)*int64(4*channels)); err != nil {
		return err
	}
	transpose(e.X, *buf, channels, r.o.window, 0)
	e.Labels[0] = 0
	if r.classes != nil {
		e.Labels[0] = r.o.classes.Class(int(r.classes[i]))
	}
	return nil
}

// sensorFile is a recording's file and what its name says.
type sensorFile struct{ path, subject string }

// sensorOptions are the options of one call, checked.
type sensorOptions struct {
	columns     []string
	labelColumn string // "" for none
	last        bool   // label of a window: the last sample's
	window      int
	stride      int
	standardize bool
	classes     *Classes
}

func openSensor(s *Source) (Dataset, Dataset, error) {
	o, err := s.sensorOptions()
	if err != nil {
		return nil, nil, err
	}
	files, err := s.sensorFiles()
	if err != nil {
		return nil, nil, err
	}
	test, err := s.testSubjects(files)
	if err != nil {
		return nil, nil, err
	}
	all := &recordings{o: o, moments: NewMoments(len(o.columns))}
	var parts [2][]Dataset // for training and testing
	for _, f := range files {
		part := 0
		if test[f.subject] {
			part = 1
		}
		r, err := s.recording(f.path, all, part == 0)
		if s.EmptyPart(f.path, err, len(files)) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		r.subject = f.subject
		parts[part] = append(parts[part], r)
	}
	names := o.classes.Names()
	if o.labelColumn != "" && len(names) < 2 {
		return nil, nil, s.Fail("", "", fmt.Sprintf("%d different labels in all recordings, expected at least 2", len(names)),
			"give more recordings, or label_column none")
	}
	all.labels = Labels{Classes: len(names), Each: 1, Names: names}
	s.tellRecordings(parts, o.window)
	var sets [2]Dataset
	var scale *Scaling
	if o.standardize {
		if scale, err = s.Standardise(len(o.columns), func(m *Moments) error { *m = *all.moments; return nil }); err != nil {
			return nil, nil, err
		}
	}
	for i, part := range parts {
		set := join(part)
		if set.n == 0 {
			return nil, nil, s.Fail("", "", fmt.Sprintf("no %s recording has %d samples, one window", []string{"training", "test"}[i], o.window), "use a shorter window or other test_subjects")
		}
		if sets[i] = set; o.standardize {
			sets[i] = scaled{set, scale}
		}
	}
	return sets[0], sets[1], nil
}

func (s *Source) sensorOptions() (*sensorOptions, error) {
	o := &sensorOptions{columns: s.List("columns"), labelColumn: s.Text("label_column"), classes: NewClasses(s.List("classes"))}
	if len(o.columns) == 0 {
		return nil, s.BadOption("columns", "at least one column name")
	}
	if err := s.values(len(o.columns), -1); err != nil {
		return nil, err
	}
	var err error
	if o.window, err = s.Integer("window", s.Input.Shape[1], 1); err != nil {
		return nil, err
	}
	if o.window != s.Input.Shape[1] {
		return nil, s.BadOption("window", fmt.Sprintf("%d, the length of the model's input %v", s.Input.Shape[1], s.Input))
	}
	if o.stride, err = s.Integer("stride", max(1, o.window/2), 1); err != nil {
		return nil, err
	}
	if o.standardize, err = s.Boolean("standardize"); err != nil {
		return nil, err
	}
	switch s.Text("label") {
	case "majority":
	case "last":
		o.last = true
	default:
		return nil, s.BadOption("label", "majority or last")
	}
	if o.labelColumn == "none" {
		o.labelColumn = ""
	}
	return o, nil
}

// sensorFiles finds the recordings of the wanted device, in order of their names.
func (s *Source) sensorFiles() ([]sensorFile, error) {
	var devices []string
	switch d := s.Text("device"); d {
	case "sp", "sw":
		devices = []string{d}
	case "both":
		devices = []string{"sp", "sw"}
	default:
		return nil, s.BadOption("device", "sp, sw or both")
	}
	var files []sensorFile
	err := s.Files(func(p string) error {
		base, _ := unpack.Trim(path.Base(p))
		if !strings.HasSuffix(base, ".csv") {
			return nil
		}
		parts := strings.Split(strings.TrimSuffix(base, ".csv"), "_")
		if len(parts) == 3 && slices.Contains(devices, parts[2]) {
			files = append(files, sensorFile{p, parts[0]})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, s.missing("device", []string{"a recording SUBJECT_RUN_" + strings.Join(devices, ".csv or SUBJECT_RUN_") + ".csv"})
	}
	return files, nil
}

// testSubjects is the set of subjects kept for testing.
func (s *Source) testSubjects(files []sensorFile) (map[string]bool, error) {
	var all []string
	for _, f := range files {
		if !slices.Contains(all, f.subject) {
			all = append(all, f.subject)
		}
	}
	sort.Strings(all)
	test := map[string]bool{}
	for _, t := range s.List("test_subjects") {
		if !slices.Contains(all, t) {
			return nil, s.BadOption("test_subjects", "some of "+strings.Join(all, ", "))
		}
		test[t] = true
	}
	if len(test) == 0 {
		test[all[len(all)-1]] = true
	}
	if len(test) == len(all) {
		return nil, s.BadOption("test_subjects", "not all of "+strings.Join(all, ", ")+": none would be left to train on")
	}
	return test, nil
}

// recording keeps the samples of one file and labels its windows.
func (s *Source) recording(name string, all *recordings, training bool) (*recording, error) {
	b, err := s.OpenBlob(name)
	if err != nil {
		return nil, err
	}
	l, err := b.lines()
	if err != nil {
		return nil, err
	}
	defer l.close()
	index, label, count, err := all.o.header(l)
	if err != nil {
		return nil, err
	}
	r := &recording{recordings: all}
	rows, row := &rowWriter{spool: s.NewSpool(), columns: len(index)}, make([]float32, len(index))
	var cols [][]byte
	var classes []int // of the last samples
	for line, ok := l.next(); ok; line, ok = l.next() {
		cols = fields(cols[:0], line, ',')
		class, err := all.o.sample(l, cols, count, index, label, row)
		if err != nil {
			if err := s.Bad(err); err != nil {
				return nil, err
			}
			r.left.leaveOut(rows.n)
			continue
		}
		if err := rows.add(row); err != nil {
			return nil, b.noRoom(err)
		}
		if training {
			all.moments.row(row)
		}
		if label >= 0 {
			classes = all.o.lastOf(append(classes, class))
		}
		if over := rows.n - all.o.window; over >= 0 && over%all.o.stride == 0 {
			r.windows++
			if label >= 0 {
				r.classes = append(r.classes, int32(choose(classes[len(classes)-all.o.window:], all.o.last)))
			}
		}
	}
	r.rows = b.With(rows.spool)
	return r, l.err()
}

// sample reads a line: the channels into row, and its class.
func (o *sensorOptions) sample(l *lines, cols [][]byte, count int, index []int, label int, row []float32) (class int, err error) {
	if len(cols) != count {
		return 0, l.fail(fmt.Sprintf("has %d columns, the header has %d", len(cols), count), "correct or remove the line")
	}
	for k, i := range index {
		if row[k], err = l.number(cols[i], i+1); err != nil {
			return 0, err
		}
	}
	if label >= 0 {
		class, err = o.class(l, cols[label])
	}
	return class, err
}

// header finds the columns of the channels and of the label, -1 for none, and how many columns there are.
func (o *sensorOptions) header(l *lines) (index []int, label, count int, err error) {
	header, ok := l.next()
	if !ok {
		if err = l.err(); err == nil {
			err = l.b.Fail("", "is empty, expected a header line", "fetch it again or remove it")
		}
		return nil, 0, 0, err
	}
	names := fields(nil, header, ',')
	find := func(column string) (int, error) {
		for i, n := range names {
			if string(n) == column {
				return i, nil
			}
		}
		return 0, l.fail(fmt.Sprintf("the header has no column %q", column), "correct the header, or the options columns and label_column")
	}
	index, label = make([]int, len(o.columns)), -1
	for i, c := range o.columns {
		if index[i], err = find(c); err != nil {
			return nil, 0, 0, err
		}
	}
	if o.labelColumn != "" {
		label, err = find(o.labelColumn)
	}
	return index, label, len(names), err
}

// lastOf keeps the classes that a window can still have.
func (o *sensorOptions) lastOf(classes []int) []int {
	if len(classes) < 4*o.window {
		return classes
	}
	return append(classes[:0], classes[len(classes)-o.window:]...)
}

// class numbers a label, -1 for one that is missing.
func (o *sensorOptions) class(l *lines, label []byte) (int, error) {
	if !utf8.Valid(label) {
		return 0, l.fail(fmt.Sprintf("the label is %s, %s", shorten(label), NotUTF8), "or correct the line")
	}
	c, ok := o.classes.ID(string(label))
	if !ok && len(o.classes.given) > 0 {
		return 0, l.fail(fmt.Sprintf("the label is %s, expected one of the classes", shorten(label)), "correct the line or the option classes")
	}
	if !ok {
		return 0, l.fail(fmt.Sprintf("more than %d different labels", MaxClasses), "check the option label_column")
	}
	return c, nil
}

// tellRecordings tells of recordings without a window, and of windows without a label.
func (s *Source) tellRecordings(parts [2][]Dataset, window int) {
	var short []string
	all, windows, unlabelled := 0, 0, 0
	for _, part := range parts {
		for _, set := range part {
			r := set.(*recording)
			if all++; r.windows == 0 {
				short = append(short, r.rows.Name)
			}
			for _, c := range r.classes {
				if windows++; math.IsNaN(r.o.classes.Class(int(c))) {
					unlabelled++
				}
			}
		}
	}
	if len(short) > 0 {
		s.Note("%d of %d recordings are shorter than %d samples, one window, and give no example: %s", len(short), all, window, strings.Join(short[:min(len(short), 5)], ", "))
	}
	if unlabelled > 0 {
		s.Note("%d of %d windows have no label: training takes them, probes and metrics do not", unlabelled, windows)
	}
}

// choose is the last label or the most frequent one; of equally frequent ones the first to appear. Samples without a
// label do not vote; where none has one, it is -1.
func choose(labels []int, last bool) int {
	if last {
		return labels[len(labels)-1]
	}
	votes := map[int]int{}
	for _, c := range labels {
		votes[c]++
	}
	best := -1
	for _, c := range labels {
		if c >= 0 && (best < 0 || votes[c] > votes[best]) {
			best = c
		}
	}
	return best
}
