package generic

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"mspecc/runtime/data"
	"mspecc/runtime/data/filetype"
)

// item is one file.
type item struct {
	name  string
	size  int64
	mod   time.Time
	label float64 // as found, NaN for none
	group int
}

// folder is a data set with a file for each example, or for several.
type folder struct {
	s      *data.Source
	items  []item
	before []int // examples before those of each file, and all of them; nil: every file is one
	stride int   // where there are several: samples from one to the next, and
	length int   // of each
	labels data.Labels
	look   data.Look
	rank   []float64
	groups []string // by which the files are split, if they are
	random bool     // draws at random differ from epoch to epoch
	gaps   bool     // values may be missing
	// decode writes example k of those that a file holds; draw makes what is random in it.
	decode func(in *entry, k int, x []float32, draw func(n int) int) error
	scale  *data.Scaling

	rate    int      // of all recordings, 0 for any
	samples *samples // of the pictures, nil for none
}

func (f *folder) Len() int {
	if f.before != nil {
		return f.before[len(f.items)]
	}
	return len(f.items)
}

func (f *folder) Labels() data.Labels { return f.labels }

// Scaling is that of standardised values, nil for others.
func (f *folder) Scaling() *data.Scaling { return f.scale }

// Schema has the classes, and what is the same in all files.
func (f *folder) Schema() *data.Schema {
	return &data.Schema{Classes: f.labels.Names, Rate: f.rate, Pictures: f.samples.name()}
}

// Look is that of the kind of files.
func (f *folder) Look() data.Look { return f.look }

func (f *folder) Example(i int, epoch uint64, e *data.Example) error {
	if err := f.values(i, epoch, e); err != nil {
		return err
	}
	for j, v := range e.X {
		e.X[j] = standardised(f.scale, j, len(e.X), float64(v))
	}
	return nil
}

// values is Example before standardising, with NaN for what is missing.
func (f *folder) values(i int, epoch uint64, e *data.Example) error {
	at, k := f.locate(i)
	it := f.items[at]
	in, err := open(f.s, it)
	if err != nil {
		return err
	}
	defer in.Close()
	if !f.random {
		epoch = 0
	}
	draw := func(n int) int { return data.Draw(n, f.s.Seed, epoch, uint64(i)) }
	if err := f.decode(in, k, e.X, draw); err != nil {
		return in.failed(err)
	}
	if err := usable(f.s, it.name, e.X, f.gaps); err != nil {
		return err
	}
	e.Labels[0] = classOf(f.rank, it.label)
	return nil
}

// locate is the number of the file that example i is of, and which of the file's it is.
func (f *folder) locate(i int) (at, k int) {
	if f.before == nil {
		return i, 0
	}
	at = sort.SearchInts(f.before, i+1) - 1
	return at, i - f.before[at]
}

// usable refuses a file that gives values which are infinite or, unless there may be gaps, no numbers.
func usable(s *data.Source, name string, x []float32, gaps bool) error {
	for _, v := range x {
		if v-v != 0 && (v == v || !gaps) {
			return s.Fail(name, "", fmt.Sprintf("holds %v, expected finite numbers", v), "correct or remove it")
		}
	}
	return nil
}

// entry is a file of the folder that is open.
type entry struct {
	io.ReaderAt
	io.Closer
	s    *data.Source
	item item
}

// open opens a file, which must be what it was.
func open(s *data.Source, it item) (*entry, error) {
	file, info, err := s.OpenFile(it.name)
	if err != nil {
		return nil, s.Gone(it.name, err)
	}
	if info.Size() != it.size || !info.ModTime().Equal(it.mod) {
		file.Close()
		return nil, s.Changed(it.name)
	}
	if r, ok := file.(io.ReaderAt); ok {
		return &entry{r, file, s, it}, nil
	}
	defer file.Close() // it can only be read from its beginning
	raw := make([]byte, it.size)
	if _, err := io.ReadFull(file, raw); err != nil {
		return nil, unread(s, it, err)
	}
	return &entry{bytes.NewReader(raw), io.NopCloser(nil), s, it}, nil
}

func unread(s *data.Source, it item, err error) error {
	return s.Fail(it.name, "", "cannot be read: "+data.Cause(err), "fetch it again, or check the disk")
}

// whole reads all of the file.
func (o *entry) whole() ([]byte, error) {
	raw := make([]byte, o.item.size)
	if n, err := o.ReadAt(raw, 0); n < len(raw) {
		return nil, unread(o.s, o.item, err)
	}
	return raw, nil
}

// failed is the error of a file that gave no example: it may have changed meanwhile.
func (o *entry) failed(err error) error {
	if info, now := fs.Stat(o.s.Root, o.item.name); now != nil {
		return o.s.Gone(o.item.name, now)
	} else if info.Size() != o.item.size || !info.ModTime().Equal(o.item.mod) {
		return o.s.Changed(o.item.name)
	}
	var own *data.Error
	if errors.As(err, &own) {
		return own
	}
	return o.s.Unreadable(o.item.name, err)
}

// gathering is the search for files.
type gathering struct {
	s      *data.Source
	most   int64 // bytes of a file, 0 for any number
	label  string
	expr   *regexp.Regexp
	by     *regexp.Regexp
	class  *classes
	groups map[string]int
	names  []string
}

// openFolder opens a data set of files of a kind and of at most so many bytes, 0 for any number; decoder makes a set, of the files
// or of those that it keeps.
func openFolder(s *data.Source, of filetype.Kind, most int64, decoder func(training bool, items []item) (*folder, error)) (data.Dataset, data.Dataset, error) {
	g, err := newGathering(s)
	if err != nil {
		return nil, nil, err
	}
	g.most = most
	names, err := list(s, "files", s.List("files"), of)
	if err != nil {
		return nil, nil, err
	}
	if names, err = distinct(s, names); err != nil {
		return nil, nil, err
	}
	trainNames, testNames := g.parts(names)
	train, err := g.items(trainNames)
	if err != nil {
		return nil, nil, err
	}
	test, err := g.items(testNames)
	if err != nil {
		return nil, nil, err
	}
	if len(testNames) == 0 {
		if train, test, err = g.split(train); err != nil {
			return nil, nil, err
		}
	}
	labels := data.Labels{Classes: g.class.number(), Each: 1, Names: g.class.names()}
	if g.label != "none" && labels.Classes < 2 {
		return nil, nil, s.Fail("", "", fmt.Sprintf("the files are of %d classes, expected at least 2", labels.Classes), "put the files of each class into a folder of its own, or say label: none")
	}
	var sets [2]*folder
	for i, items := range [][]item{train, test} {
		if len(items) == 0 {
			return nil, nil, s.Fail("", "", []string{"holds no training file", "holds no test file"}[i], "correct the options train, test and split")
		}
		if sets[i], err = decoder(i == 0, items); err != nil {
			return nil, nil, err
		}
		sets[i].groups = g.names
		if sets[i].s, sets[i].labels, sets[i].rank = s, labels, g.class.rank(); sets[i].items == nil {
			sets[i].items = items
		}
	}
	standardize, err := s.Boolean("standardize")
	if err == nil && standardize {
		err = sets[0].standardize()
		sets[1].scale = sets[0].scale
	}
	return sets[0], sets[1], err
}

func newGathering(s *data.Source) (*gathering, error) {
	g := &gathering{s: s, label: s.Text("label"), groups: map[string]int{}}
	p := &plan{s: s, label: g.label}
	if err := p.setClassOptions(); err != nil {
		return nil, err
	}
	if p.numbered > 0 {
		return nil, s.BadOption("classes", "the names of the classes")
	}
	if g.label == "none" {
		p.label = ""
	}
	g.class = newClasses(p)
	var err error
	if g.label != "folder" && g.label != "none" {
		if g.expr, err = regexp.Compile(g.label); err != nil || g.expr.NumSubexp() < 1 {
			return nil, s.BadOption("label", "folder, none or a regular expression with a group in round brackets")
		}
	}
	split := s.Text("split")
	if by, ok := strings.CutPrefix(split, "by "); ok {
		if g.by, err = regexp.Compile(by); err != nil || g.by.NumSubexp() < 1 {
			return nil, s.BadOption("split", "by and a regular expression with a group in round brackets")
		}
	} else if split != "" && split != "random" {
		return nil, s.BadOption("split", "random, or by and a regular expression")
	}
	return g, nil
}

// distinct are the files whose bytes no file before them has, where the option duplicates asks for that.
func distinct(s *data.Source, names []string) ([]string, error) {
	switch s.Text("duplicates") {
	case "keep":
		return names, nil
	case "error":
	default:
		return nil, s.BadOption("duplicates", "keep or error")
	}
	sizes, count := make([]int64, len(names)), map[int64]int{}
	for i, name := range names {
		sizes[i] = -1                                                                  // of what is no file
		if info, err := fs.Stat(s.Root, name); err == nil && info.Mode().IsRegular() { // another is an error later
			sizes[i] = info.Size()
			count[sizes[i]]++
		}
	}
	first, kept := map[[sha256.Size]byte]string{}, names[:0:0]
	for i, name := range names {
		if i%256 == 0 {
			s.Progress("looking for duplicates", int64(i), int64(len(names)))
		}
		if count[sizes[i]] > 1 && sizes[i] > 0 { // an empty one is an error later
			hash, err := sum(s, name)
			if err != nil {
				return nil, err
			}
			if other, twice := first[hash]; twice {
				if err := s.Bad(s.Fail(name, "", "has the same bytes as "+other, "remove one of the files")); err != nil {
					return nil, err
				}
				continue
			}
			first[hash] = name
		}
		kept = append(kept, name)
	}
	return kept, nil
}

// sum is the SHA-256 of a file.
func sum(s *data.Source, name string) (hash [sha256.Size]byte, err error) {
	f, _, err := s.OpenFile(name)
	if err != nil {
		return hash, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err = io.Copy(h, f); err != nil {
		err = s.Fail(name, "", "cannot be read: "+data.Cause(err), "check the file and its permissions")
	}
	return [sha256.Size]byte(h.Sum(nil)), err
}

// parts divides the files by the folders for training and testing, where there are both.
func (g *gathering) parts(names []string) (train, test []string) {
	below := func(dir string) []string {
		var out []string
		for _, n := range names {
			if strings.HasPrefix(n, dir+"/") {
				out = append(out, n)
			}
		}
		return out
	}
	train = below(path.Clean(g.s.Text("train")))
	for _, dir := range g.s.List("test") {
		if test = below(path.Clean(dir)); len(test) > 0 && len(train) > 0 {
			return train, test
		}
	}
	return names, nil
}

// items looks at the files.
func (g *gathering) items(names []string) ([]item, error) {
	var out []item
	for i, name := range names {
		if i%1024 == 0 {
			g.s.Progress("indexing files", int64(i), int64(len(names)))
		}
		it, err := g.item(name)
		if err != nil {
			if err := g.s.Bad(err); err != nil {
				return nil, err
			}
			continue
		}
		out = append(out, it)
	}
	return out, nil
}

func (g *gathering) item(name string) (it item, err error) {
	f, info, err := g.s.OpenFile(name)
	if err != nil {
		return it, err
	}
	defer f.Close()
	switch {
	case info.Size() == 0:
		return it, g.s.Fail(name, "", "is empty", "fetch it again or remove it")
	case g.most > 0 && info.Size() > g.most:
		return it, g.s.Fail(name, "", fmt.Sprintf("is larger than %d MiB", g.most>>20), "cut it into parts")
	}
	it = item{name: name, size: info.Size(), mod: info.ModTime()}
	label := path.Base(path.Dir(name))
	if g.expr != nil {
		found := g.expr.FindStringSubmatch(name)
		if found == nil {
			return it, g.s.Fail(name, "", "its path does not match the option label", "correct the option, or remove the file")
		}
		label = found[1]
	}
	if g.label != "none" {
		var message string
		if it.label, message = g.class.label(cell{text: []byte(label)}); message != "" {
			return it, g.s.Fail(name, "", message, "correct the option classes, or remove the file")
		}
	}
	if g.by != nil {
		found := g.by.FindStringSubmatch(name)
		if found == nil {
			return it, g.s.Fail(name, "", "its path does not match the option split", "correct the option, or remove the file")
		}
		n, ok := g.groups[found[1]]
		if !ok {
			n = len(g.names)
			g.groups[found[1]], g.names = n, append(g.names, found[1])
		}
		it.group = n
	}
	return it, nil
}

// split divides files for training and testing.
func (g *gathering) split(all []item) (train, test []item, err error) {
	if g.by == nil {
		order, tests, err := g.s.Shuffled(len(all), "files")
		if err != nil {
			return nil, nil, err
		}
		for i := range all {
			if i < len(all)-tests {
				train = append(train, all[order(i)])
			} else {
				test = append(test, all[order(i)])
			}
		}
		byName := func(a, b item) int { return strings.Compare(a.name, b.name) }
		slices.SortFunc(train, byName)
		slices.SortFunc(test, byName)
		return train, test, nil
	}
	tested, err := chooseGroups(g.s, g.names, g.s.List("test_groups"))
	if err != nil {
		return nil, nil, err
	}
	for _, it := range all {
		if tested[it.group] {
			test = append(test, it)
		} else {
			train = append(train, it)
		}
	}
	return train, test, nil
}

// maxFolderMoments is how many training files the moments are computed from, evenly spread.
const maxFolderMoments = 4096

// standardize sets the scaling by the channels' moments: the first axis of the shape.
func (f *folder) standardize() (err error) {
	f.scale, err = f.s.Standardise(f.s.Input.Shape[0], func(m *data.Moments) error {
		n := len(f.items)
		return m.Examples(f.s, unscaled{f}, n, (n+maxFolderMoments-1)/maxFolderMoments)
	})
	return err
}

// unscaled is a folder's data set before standardising.
type unscaled struct{ *folder }

func (u unscaled) Example(i int, epoch uint64, e *data.Example) error { return u.values(i, epoch, e) }
