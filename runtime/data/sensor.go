package data

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
)

var sensorReader = Reader{
	Name: "sensor_csv",
	Doc:  "inertial recordings SUBJECT_RUN_DEVICE.csv (phone sp, watch sw) with a header line, in any subfolder, cut into windows; .gz too",
	Options: []Option{
		{"window", "", "samples per window; default the length the model wants"},
		{"stride", "", "samples from one window to the next; default half a window"},
		{"columns", "x_acc,y_acc,z_acc,x_gyro,y_gyro,z_gyro", "columns that become the channels, in this order"},
		{"label_column", "label", "column with the activity; none where there is none"},
		{"label", "majority", "label of a window: majority or last of its samples"},
		{"classes", "", "names of the classes in order; default all labels found, sorted"},
		{"device", "sp", "sp, sw, or both (every recording gives windows of its own)"},
		{"test_subjects", "", "subjects kept for testing; default the last one in order of names"},
		{"standardize", "true", "bring every channel to mean 0 and deviation 1 (of the training windows' recordings)"},
	},
	Fetch: "the recordings that the reader was made for: github.com/GeoTecINIT/sp-sw-har-dataset",
	Open:  openSensor,
}

// recording is one file: samples in time order.
type recording struct {
	values []float32 // [samples, channels]
	labels []int     // [samples] or nil
}

// windows is a set of fixed windows of recordings.
type windows struct {
	recordings []recording
	at         []windowAt
	channels   int
	length     int
	classes    int
	scale      *scaling
}

// windowAt is where a window starts and the class it has.
type windowAt struct{ recording, start, class int }

func (w *windows) Len() int       { return len(w.at) }
func (w *windows) Labels() Labels { return Labels{Classes: w.classes, Each: 1} }

func (w *windows) Example(i int, _ uint64, e *Example) error {
	at := w.at[i]
	transpose(e.X, w.recordings[at.recording].values[at.start*w.channels:], w.channels, w.length)
	w.scale.apply(e.X)
	e.Labels[0] = float64(at.class)
	return nil
}

// transpose writes rows [length, channels] as channels [channels, length].
func transpose(x, rows []float32, channels, length int) {
	for t := range length {
		for c, v := range rows[t*channels : (t+1)*channels] {
			x[c*length+t] = v
		}
	}
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
	classes     map[string]int
	fixed       bool // classes were given rather than found
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
	trainSet := &windows{channels: len(o.columns), length: o.window}
	testSet := &windows{channels: len(o.columns), length: o.window}
	for _, f := range files {
		set := trainSet
		if test[f.subject] {
			set = testSet
		}
		r, err := s.recording(f.path, o)
		if err != nil {
			return nil, nil, err
		}
		set.recordings = append(set.recordings, r)
	}
	if o.labelColumn != "" && len(o.classes) < 2 {
		return nil, nil, s.Fail("", "", fmt.Sprintf("%d different labels in all recordings, expected at least 2", len(o.classes)),
			"give more recordings, or label_column none")
	}
	rank := o.ranks()
	for _, p := range []struct {
		set  *windows
		name string
	}{{trainSet, "training"}, {testSet, "test"}} {
		p.set.cut(o, rank)
		if p.set.Len() == 0 {
			return nil, nil, s.Fail("", "", fmt.Sprintf("no %s recording has %d samples, one window", p.name, o.window), "use a shorter window or other test_subjects")
		}
	}
	if o.standardize {
		m := newMoments(len(o.columns))
		for _, r := range trainSet.recordings {
			for at := 0; at < len(r.values); at += len(o.columns) {
				m.row(r.values[at : at+len(o.columns)])
			}
		}
		trainSet.scale = m.scaling()
		testSet.scale = trainSet.scale
	}
	return trainSet, testSet, nil
}

func (s *Source) sensorOptions() (*sensorOptions, error) {
	o := &sensorOptions{columns: s.List("columns"), labelColumn: s.Text("label_column"), classes: map[string]int{}}
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
	for i, c := range s.List("classes") {
		if _, twice := o.classes[c]; twice {
			return nil, s.BadOption("classes", "every class once")
		}
		o.classes[c], o.fixed = i, true
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
	err := fs.WalkDir(s.Root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return s.Fail(p, "", "cannot be read: "+Cause(err), "check the folder and its permissions")
		}
		base := strings.TrimSuffix(path.Base(p), ".gz")
		if d.IsDir() || !strings.HasSuffix(base, ".csv") {
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

// recording reads one file.
func (s *Source) recording(name string, o *sensorOptions) (r recording, err error) {
	f, err := s.Open("device", name)
	if err != nil {
		return r, err
	}
	defer f.Close()
	l := s.lines(f)
	header, ok := l.next()
	if !ok {
		if err := l.err(); err != nil {
			return r, err
		}
		return r, s.Fail(f.Name, "", "is empty, expected a header line", "fetch it again or remove it")
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
	index := make([]int, len(o.columns))
	for i, c := range o.columns {
		if index[i], err = find(c); err != nil {
			return r, err
		}
	}
	label := -1
	if o.labelColumn != "" {
		if label, err = find(o.labelColumn); err != nil {
			return r, err
		}
	}
	count, cols := len(names), [][]byte(nil)
	for line, ok := l.next(); ok; line, ok = l.next() {
		cols = fields(cols[:0], line, ',')
		if len(cols) != count {
			return r, l.fail(fmt.Sprintf("has %d columns, the header has %d", len(cols), count), "correct or remove the line")
		}
		for _, i := range index {
			v, err := l.number(cols[i], i+1)
			if err != nil {
				return r, err
			}
			r.values = append(r.values, v)
		}
		if label >= 0 {
			class, err := o.class(l, cols[label])
			if err != nil {
				return r, err
			}
			r.labels = append(r.labels, class)
		}
	}
	return r, l.err()
}

// maxClasses bounds the classes found in files: beyond it the label column is the wrong one.
const maxClasses = 1000

// class numbers a label, in the order given or found.
func (o *sensorOptions) class(l *lines, label []byte) (int, error) {
	if c, ok := o.classes[string(label)]; ok {
		return c, nil
	}
	if o.fixed || len(label) == 0 {
		return 0, l.fail(fmt.Sprintf("the label is %s, expected one of the classes", shorten(label)), "correct the line or the option classes")
	}
	if len(o.classes) == maxClasses {
		return 0, l.fail(fmt.Sprintf("more than %d different labels", maxClasses), "check the option label_column")
	}
	c := len(o.classes)
	o.classes[string(label)] = c
	return c, nil
}

// ranks maps the numbers that class gave to the final ones: the order given, or that of the names.
func (o *sensorOptions) ranks() []int {
	rank := make([]int, len(o.classes))
	names := make([]string, 0, len(o.classes))
	for n := range o.classes {
		names = append(names, n)
	}
	sort.Strings(names)
	for i, n := range names {
		c := o.classes[n]
		if rank[c] = i; o.fixed {
			rank[c] = c
		}
	}
	return rank
}

// cut lays windows over the recordings and labels them.
func (w *windows) cut(o *sensorOptions, rank []int) {
	w.classes = len(rank)
	votes := make([]int, len(rank))
	for n, r := range w.recordings {
		for start := 0; start+o.window <= len(r.values)/w.channels; start += o.stride {
			class := 0
			if r.labels != nil {
				class = rank[choose(r.labels[start:start+o.window], o.last, votes)]
			}
			w.at = append(w.at, windowAt{n, start, class})
		}
	}
}

// choose is the last label or the most frequent one; of equally frequent ones the first to appear.
func choose(labels []int, last bool, votes []int) int {
	if last {
		return labels[len(labels)-1]
	}
	clear(votes)
	for _, c := range labels {
		votes[c]++
	}
	best := labels[0]
	for _, c := range labels {
		if votes[c] > votes[best] {
			best = c
		}
	}
	return best
}
