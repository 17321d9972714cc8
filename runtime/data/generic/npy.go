package generic

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mspecc/runtime/data"
)

var npyReader = data.Reader{
	Name: "npy",
	Doc: "NumPy arrays whose first axis counts the examples: .npz files, whose arrays are the columns, or all .npy files of the folder together, each a column " +
		"with the file's name",
	Options: tableOptions(npzFiles,
		data.Option{Name: "test_columns", Default: "", Doc: "arrays of the test examples, as columns, where they lie beside those for training"},
		data.Option{Name: "test_label", Default: "", Doc: "array with the labels of test_columns"}),
	Open: openNPYData,
}

// npzFiles are the files where nothing else is said; .npy files where there are none.
const npzFiles = "*.npz"

// array is a NumPy array of numbers or short texts.
type array struct {
	name    string // of the column
	shape   []int
	kind    byte // b, i, u, f or U, S
	size    int  // bytes of an element
	order   binary.ByteOrder
	b       *data.Blob
	offset  int64 // of the first element
	perRow  int
	rowSize int64
}

// arrays is a table whose columns are arrays.
type arrays struct {
	s    *data.Source
	file string
	all  []*array
	n    int
}

func openNPYData(s *data.Source) (data.Dataset, data.Dataset, error) {
	p, err := newPlan(s)
	if err != nil {
		return nil, nil, err
	}
	names, err := list(s, "files", p.files)
	if err != nil && s.Text("files") == npzFiles {
		if names, err = list(s, "files", []string{"*.npy"}); err == nil {
			return p.openArrays(names, nil)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	if path.Ext(names[0]) == ".npy" {
		var tests []string
		if len(p.test) > 0 {
			if tests, err = list(s, "test", p.test); err != nil {
				return nil, nil, err
			}
		}
		return p.openArrays(names, tests)
	}
	if len(s.List("test_columns")) > 0 {
		return p.openArrays(names, nil)
	}
	return openTables(s, openNPZ)
}

// openArrays opens the arrays of .npy files, or of an .npz file, that are columns of one table,
// or of one for training and one for testing.
func (p *plan) openArrays(names, tests []string) (data.Dataset, data.Dataset, error) {
	s := p.s
	load := func(names []string) (*arrays, error) {
		t := &arrays{s: s, file: names[0]}
		for _, name := range names {
			if path.Ext(name) == ".npz" {
				return openArchive(s, name)
			}
			b, err := s.OpenBlob(name)
			if err != nil {
				return nil, err
			}
			a := &array{name: strings.TrimSuffix(path.Base(name), ".npy"), b: b}
			if err := a.header(s, name, io.NewSectionReader(b, 0, b.Size), b.Size); err != nil {
				return nil, err
			}
			t.all = append(t.all, a)
		}
		return t, nil
	}
	all, err := load(names)
	if err != nil {
		return nil, nil, err
	}
	columns, testColumns := p.columns, s.List("test_columns")
	other, testLabel := all, s.Text("test_label")
	switch {
	case len(tests) > 0:
		if other, err = load(tests); err != nil {
			return nil, nil, err
		}
		testColumns, testLabel = columns, p.label
	case len(testColumns) == 0:
		t := *all
		if len(columns) > 0 {
			t.all = all.pick(append(slices.Clone(columns), p.label, p.id, p.by))
		}
		return openNamed(s, p, names[:1], nil, func(*data.Source, *plan, string) (table, error) { return &t, t.align() })
	case len(columns) == 0:
		return nil, nil, s.BadOption("columns", "the arrays of the training examples, as there are test_columns")
	}
	train := &arrays{s: s, file: all.file, all: all.pick(append(slices.Clone(columns), p.label, p.id, p.by))}
	test := &arrays{s: s, file: other.file}
	for i, a := range other.pick(append(slices.Clone(testColumns), testLabel)) {
		renamed := *a
		if i < len(train.all) {
			renamed.name = train.all[i].name // the columns of a data set have the same names
		}
		test.all = append(test.all, &renamed)
	}
	p.test = []string{other.file}
	first := true
	return openNamed(s, p, names[:1], []string{other.file}, func(*data.Source, *plan, string) (table, error) {
		if first {
			first = false
			return train, train.align()
		}
		return test, test.align()
	})
}

// pick are the arrays of some names or patterns, in their order.
func (t *arrays) pick(names []string) []*array {
	var out []*array
	for _, n := range names {
		found, _ := match(t.columns(), n)
		for _, i := range found {
			out = append(out, t.all[i])
		}
	}
	return out
}

// align checks that all arrays have the same number of rows.
func (t *arrays) align() error {
	if len(t.all) == 0 {
		return t.s.Fail(t.file, "", "holds no array of the columns wanted", "correct the option columns")
	}
	t.n = t.all[0].shape[0]
	for _, a := range t.all {
		if a.shape[0] != t.n {
			return t.s.Fail(t.file, "", fmt.Sprintf("%s has %d rows, %s has %d", t.all[0].name, t.n, a.name, a.shape[0]), "name the arrays that belong together with the options columns and label")
		}
	}
	if t.n == 0 {
		return t.s.Fail(t.file, "", "holds no example", "give arrays with data")
	}
	return nil
}

func openNPZ(s *data.Source, _ *plan, name string) (table, error) {
	t, err := openArchive(s, name)
	if err != nil {
		return nil, err
	}
	return t, t.align()
}

// openArchive reads the headers of an .npz file's arrays.
func openArchive(s *data.Source, name string) (*arrays, error) {
	b, err := s.OpenBlob(name)
	if err != nil {
		return nil, err
	}
	z, err := zip.NewReader(b, b.Size)
	if err != nil {
		return nil, s.Fail(name, "", "is no .npz file ("+data.Cause(err)+")", "fetch it again")
	}
	t := &arrays{s: s, file: name}
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, ".npy") {
			continue
		}
		a := &array{name: strings.TrimSuffix(f.Name, ".npy"), b: b}
		size := int64(f.UncompressedSize64)
		if size > maxUnpacked {
			return nil, s.Fail(name, f.Name, "unpacks to more than 64 GiB", "save the arrays with numpy.save")
		}
		if f.Method == zip.Store {
			if a.offset, err = f.DataOffset(); err != nil || a.offset < 0 || size > b.Size-a.offset {
				return nil, s.Fail(name, f.Name, "lies outside the file", "it is damaged: fetch it again")
			}
			err = a.header(s, name+", "+f.Name, io.NewSectionReader(b, a.offset, size), size)
		} else {
			err = a.unpack(s, name, f)
		}
		if err != nil {
			return nil, err
		}
		t.all = append(t.all, a)
	}
	if len(t.all) == 0 {
		return nil, s.Fail(name, "", "holds no array", "give a file that numpy.savez wrote")
	}
	return t, nil
}

// unpack unpacks a compressed array.
func (a *array) unpack(s *data.Source, name string, f *zip.File) error {
	r, err := f.Open()
	if err != nil {
		return s.Fail(name, f.Name, "cannot be unpacked: "+data.Cause(err), "fetch it again")
	}
	defer r.Close()
	p := s.NewSpool()
	n, err := io.Copy(p, io.LimitReader(r, int64(f.UncompressedSize64)+1))
	if err != nil || n != int64(f.UncompressedSize64) {
		if err == nil {
			err = errors.New("its length is not what the archive says")
		}
		return s.Fail(name, f.Name, "cannot be unpacked: "+data.Cause(err), "it is damaged: fetch it again")
	}
	a.b = a.b.With(p)
	return a.header(s, name+", "+f.Name, io.NewSectionReader(p, 0, n), n)
}

var (
	descrPattern = regexp.MustCompile(`'descr':\s*'([<>|=])([biufUSO])(\d*)'`)
	orderPattern = regexp.MustCompile(`'fortran_order':\s*(True|False)`)
	shapePattern = regexp.MustCompile(`'shape':\s*\(([\d, ]*)\)`)
)

// header reads the header of NumPy's format (versions 1 to 3): a magic word, the version, the
// header's length and a Python dictionary. size is that of the whole array with its header.
func (a *array) header(s *data.Source, place string, r io.Reader, size int64) error {
	fail := func(format string, args ...any) error {
		return s.Fail(place, "header", fmt.Sprintf(format, args...), "give an array that numpy.save wrote")
	}
	var head [12]byte
	if _, err := io.ReadFull(r, head[:10]); err != nil || string(head[:6]) != "\x93NUMPY" {
		return fail("does not begin as a NumPy file does")
	}
	length, at := int64(binary.LittleEndian.Uint16(head[8:])), int64(10)
	if head[6] > 1 {
		if _, err := io.ReadFull(r, head[10:12]); err != nil {
			return fail("ends too early")
		}
		length, at = int64(binary.LittleEndian.Uint32(head[8:])), 12
	}
	if length > 1<<16 {
		return fail("is %d bytes long, expected at most %d", length, 1<<16)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return fail("ends too early")
	}
	descr, order, shape := descrPattern.FindSubmatch(text), orderPattern.FindSubmatch(text), shapePattern.FindSubmatch(text)
	if descr == nil || order == nil || shape == nil {
		return fail("is %.80q, expected one type of numbers", text)
	}
	a.kind, a.order = descr[2][0], binary.LittleEndian
	if descr[1][0] == '>' {
		a.order = binary.BigEndian
	}
	a.size, _ = strconv.Atoi(string(descr[3]))
	if !slices.Contains([]string{"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"}, string(descr[2])+string(descr[3])) &&
		(a.kind != 'U' && a.kind != 'S' || a.size < 1 || a.size > 1<<16) {
		return fail("says the elements are %s%s, expected numbers of at most 8 bytes, or texts", descr[2], descr[3])
	}
	if a.kind == 'U' {
		a.size *= 4
	}
	return a.setShape(fail, string(shape[1]), string(order[1]) == "True", size, at+length)
}

// setShape checks the shape against what the file holds.
func (a *array) setShape(fail func(string, ...any) error, shape string, fortran bool, size, start int64) error {
	total := int64(1)
	for f := range strings.SplitSeq(shape, ",") {
		if f = strings.TrimSpace(f); f == "" {
			continue
		}
		n, err := strconv.Atoi(f)
		if err != nil || n < 0 || n > 0 && total > math.MaxInt64/64/int64(n)/int64(a.size) {
			return fail("has the shape (%s), which is impossible", shape)
		}
		a.shape, total = append(a.shape, n), total*int64(n)
	}
	switch {
	case len(a.shape) == 0:
		return fail("is of a single number, expected an array with an axis of examples")
	case fortran && len(a.shape) > 1:
		return fail("says the array is in Fortran's order, expected C's: save numpy.ascontiguousarray(x)")
	case total*int64(a.size) != size-start:
		return fail("says %d bytes of numbers, the file has %d", total*int64(a.size), size-start)
	}
	a.perRow = 1
	for _, n := range a.shape[1:] {
		a.perRow *= n
	}
	if a.perRow == 0 {
		return fail("has the shape (%s): an example has no values", shape)
	}
	a.rowSize = int64(a.perRow) * int64(a.size)
	a.offset += start
	return nil
}

func (t *arrays) name() string      { return t.file }
func (t *arrays) rows() int         { return t.n }
func (t *arrays) at(row int) string { return fmt.Sprintf("row %d", row) }
func (t *arrays) columns() []string {
	var names []string
	for _, a := range t.all {
		names = append(names, a.name)
	}
	return names
}

func (t *arrays) read(lo, hi int, columns []int, use func(row int, cells []cell) error) error {
	cells := make([]cell, len(columns))
	bufs := make([][]byte, len(columns))
	for lo < hi {
		to := hi
		for _, c := range columns {
			to = min(to, lo+max(1, int(chunk/max(1, t.all[c].rowSize))))
		}
		for i, c := range columns {
			a := t.all[c]
			n := int64(to-lo) * a.rowSize
			if int64(cap(bufs[i])) < n {
				bufs[i] = make([]byte, n)
			}
			bufs[i] = bufs[i][:n]
			if err := a.b.ReadFull(bufs[i], a.offset+int64(lo)*a.rowSize); err != nil {
				return err
			}
		}
		for first := lo; lo < to; lo++ {
			for i, c := range columns {
				a := t.all[c]
				at := int64(lo-first) * a.rowSize
				a.cell(&cells[i], bufs[i][at:at+a.rowSize])
			}
			if err := use(lo, cells); err != nil {
				return err
			}
		}
	}
	return nil
}

// cell makes a row's elements a cell.
func (a *array) cell(c *cell, raw []byte) {
	switch a.kind {
	case 'U':
		var text []byte
		for ; len(raw) >= 4; raw = raw[4:] {
			if r := rune(a.order.Uint32(raw)); r != 0 {
				text = append(text, string(r)...)
			}
		}
		*c = cell{text: text}
		return
	case 'S':
		*c = cell{text: bytes.TrimRight(raw, "\x00")}
		return
	}
	if c.numbers == nil {
		c.numbers = make([]float64, 0, a.perRow)
	}
	c.numbers = c.numbers[:0]
	for ; len(raw) > 0; raw = raw[a.size:] {
		c.numbers = append(c.numbers, a.number(raw))
	}
}

func (a *array) number(raw []byte) float64 {
	switch a.kind {
	case 'f':
		switch a.size {
		case 2:
			return half(a.order.Uint16(raw))
		case 4:
			return float64(math.Float32frombits(a.order.Uint32(raw)))
		}
		return math.Float64frombits(a.order.Uint64(raw))
	case 'i':
		switch a.size {
		case 1:
			return float64(int8(raw[0]))
		case 2:
			return float64(int16(a.order.Uint16(raw)))
		case 4:
			return float64(int32(a.order.Uint32(raw)))
		}
		return float64(int64(a.order.Uint64(raw)))
	}
	switch a.size {
	case 1:
		return float64(raw[0])
	case 2:
		return float64(a.order.Uint16(raw))
	case 4:
		return float64(a.order.Uint32(raw))
	}
	return float64(a.order.Uint64(raw))
}

// half is an IEEE number of 16 bits.
func half(h uint16) float64 {
	exponent, fraction := int(h>>10&31), float64(h&1023)
	v := 0.0
	switch exponent {
	case 0:
		v = math.Ldexp(fraction, -24)
	case 31:
		if v = math.Inf(1); fraction != 0 {
			v = math.NaN()
		}
	default:
		v = math.Ldexp(1024+fraction, exponent-25)
	}
	if h>>15 == 1 {
		return -v
	}
	return v
}
