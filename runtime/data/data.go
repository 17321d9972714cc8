// Package data reads the data sets a trainer learns from and cuts them into batches.
//
// A reader turns a folder (any fs.FS, so also one embedded into the binary) into a
// training and a test Dataset of fixed-size examples. A Dataset gives any example by its
// number: readers of large data keep an index of where the records lie and decode a record
// when it is asked for; readers of small data keep the examples in their compact stored form.
// Everything that looks random is a function of a seed, the epoch and the example's index,
// so that a resumed run sees exactly what an uninterrupted one would have seen.
//
// Input from disk is not trusted: whatever is wrong with it becomes an *Error that names
// the file, the line or record, what was expected and what to do.
package data

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"mspecc/runtime/options"
)

// Input is the type of one input of an example.
type Input struct {
	Name   string // "" for the only input of its kind
	Shape  []int  // of one example, without the batch: [channels, length], [channels, height, width] or [length]
	Tokens bool   // int32 token ids rather than float32 values
	Vocab  int    // number of different tokens; ids are 0..Vocab-1
}

// Size is the number of values (or tokens) of one example.
func (in Input) Size() int {
	n := 1
	for _, d := range in.Shape {
		n *= d
	}
	return n
}

// String is the type in the spec's notation, such as f32[3,32,32].
func (in Input) String() string {
	kind := "f32"
	if in.Tokens {
		kind = "i32"
	}
	return kind + strings.ReplaceAll(fmt.Sprint(in.Shape), " ", ",")
}

// Want is what the model expects of one example: its inputs in the order of the spec, mostly
// a single one.
type Want []Input

// Values is the number of float values of one example, over all its inputs.
func (w Want) Values() int { return w.size(false) }

// Tokens is the number of token ids of one example, over all its inputs.
func (w Want) Tokens() int { return w.size(true) }

func (w Want) size(tokens bool) int {
	n := 0
	for _, in := range w {
		if in.Tokens == tokens {
			n += in.Size()
		}
	}
	return n
}

// String lists the inputs' types, with their names where there are several.
func (w Want) String() string {
	if len(w) == 1 {
		return w[0].String()
	}
	var parts []string
	for _, in := range w {
		parts = append(parts, in.Name+" "+in.String())
	}
	return strings.Join(parts, ", ")
}

// Labels says what labels the examples of a data set have.
type Labels struct {
	Classes int      // 0: no labels; 1: a number to regress; more: a class 0..Classes-1
	Each    int      // labels of one example: 1, or one for each token
	Names   []string // of the classes, nil where there are none
}

// Example is the room for one example.
type Example struct {
	X      []float32 // [Want.Values()], those of one input after those of another
	Tokens []int32   // [Want.Tokens()], likewise
	Labels []float64 // [Labels.Each]; NaN stands for a label that does not count, such as that of padding
	From   int       // number of the example that this is: another one stands for a record that is bad
}

// NewExample makes room for an example.
func NewExample(want Want, labels Labels) *Example {
	return &Example{X: make([]float32, want.Values()), Tokens: make([]int32, want.Tokens()), Labels: make([]float64, max(1, labels.Each))}
}

// Dataset is a list of examples of one shape. It is safe for concurrent use: several
// goroutines decode the examples of the batches to come.
type Dataset interface {
	// Len is the number of examples of one epoch.
	Len() int
	// Labels says what labels the examples have.
	Labels() Labels
	// Example writes example i, 0 <= i < Len(), every element of X, Tokens and Labels. The epoch matters only where
	// examples are drawn at random (windows of long recordings). The same i and epoch always
	// give the same example. An *Error says that the record is bad.
	Example(i int, epoch uint64, e *Example) error
}

// Option documents one option of a reader: its name, the values it takes, its default and its meaning.
type Option = options.Option

// Reader documents one reader.
type Reader struct {
	Name    string
	Doc     string // one line
	Options []Option
	Several bool   // it serves models with several inputs; others are refused them
	Fixed   bool   // its option standardize brings values to published means and deviations, not to those of the data
	Fetch   string // where users get the files, for a reader of one data set; "" for a format
	// Open opens the data set; what it returns may hold files open until the process ends.
	Open func(s *Source) (train, test Dataset, err error)
}

// Builtin is a reader that package options lists, with the function that opens its data.
func Builtin(name string, open func(s *Source) (train, test Dataset, err error)) Reader {
	r, ok := options.Find(name)
	if !ok {
		panic("data.Builtin: package options lists no reader " + name)
	}
	return Reader{Name: r.Name, Doc: r.Doc, Options: r.Options, Several: r.Several, Fixed: r.Fixed, Fetch: r.Fetch, Open: open}
}

// readers lists every reader by name.
var readers = []Reader{cifar10Reader, genomicsReader, higgsReader, idxReader, imagenet32Reader, pamap2Reader, sensorReader}

// Readers lists all readers with their options, ordered by name.
func Readers() []Reader { return slices.Clone(readers) }

// Register adds a reader of the program's own. It panics where the name is taken or something
// is missing: that is a mistake in the program. It is meant for func main or init.
func Register(r Reader) {
	if r.Name == "" || r.Doc == "" || r.Open == nil {
		panic("data.Register: a reader needs a name, a line of documentation and a function that opens it")
	}
	at, taken := slices.BinarySearchFunc(readers, r.Name, func(r Reader, name string) int { return strings.Compare(r.Name, name) })
	if taken {
		panic("data.Register: there is a reader " + r.Name + " already")
	}
	readers = slices.Insert(readers, at, r)
}

// OpenOptions say how a data set is opened.
type OpenOptions struct {
	Seed     uint64                               // decides random windows and random splits
	Skip     *Skip                                // bad records to leave out; nil: none
	Progress func(what string, done, total int64) // hears of long work such as indexing; nil: nobody listens
	Columns  []string                             // of the records, whose values Origin is to tell
	Note     func(text string)                    // hears what is worth knowing and no error, a line each; nil: nobody listens
	Learned  Learned                              // with the model's training data: it is taken instead of what these data teach
	Trained  bool                                 // Learned is all that there is: where it has no scaling, values are taken as they are unless an option says otherwise
	Scaled   bool                                 // the values are scaled already: they are taken as they are, whatever the options say
	Memory   int64                                // bytes of unpacked data to keep in memory, more go to a temporary file; 0: 256 MiB
}

// Open reads a data set. The reader and its options are those the spec names; root is the
// data folder and name what messages call it. Errors are of type *Error.
func Open(reader string, given map[string]string, root fs.FS, name string, want Want, o OpenOptions) (train, test Dataset, err error) {
	at := slices.IndexFunc(readers, func(r Reader) bool { return r.Name == reader })
	if at < 0 {
		var names []string
		for _, r := range readers {
			names = append(names, r.Name)
		}
		return nil, nil, &Error{Reader: reader, Msg: "there is no such reader", Fix: "use one of " + strings.Join(names, ", ")}
	}
	s := &Source{Root: root, Name: name, Want: want, Seed: o.Seed, reader: readers[at], given: map[string]string{}, asked: &asked{}, skip: o.Skip, progress: o.Progress, note: o.Note,
		memory: cmp.Or(o.Memory, maxMemory), Learned: o.Learned}
	if err := s.take(given); err != nil {
		return nil, nil, err
	}
	if err := s.check(); err != nil {
		return nil, nil, err
	}
	s.Input = want[0]
	s.Carry = o.Columns
	s.settleScaling(o)
	if train, test, err = s.reader.Open(s); err != nil {
		return nil, nil, err
	}
	s.idle(given)
	if _, can := innermost[interface{ Carried() []string }](train); len(o.Columns) > 0 && !can {
		return nil, nil, s.Fail("", "", "the records have no columns to carry along: "+strings.Join(o.Columns, ", "), "ask for none of this reader")
	}
	if train, test, err = s.rescale(train, test); err != nil {
		return nil, nil, err
	}
	return tolerate(train, o.Skip), tolerate(test, o.Skip), nil
}

// take checks the options that are given: their names and their values.
func (s *Source) take(given map[string]string) error {
	var names, unknown []string
	for _, o := range s.reader.Options {
		names = append(names, o.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		known := options.Spelling(name)
		_, twice := s.given[known]
		switch {
		case !slices.Contains(names, known):
			unknown = append(unknown, name)
		case twice:
			return s.Fail("", "", fmt.Sprintf("the options %s and %s are the same", known, name), "leave one out")
		default:
			s.given[known] = given[name]
		}
	}
	if len(unknown) > 0 {
		return s.Fail("", "", "there is no option "+strings.Join(unknown, ", "), "the options are "+strings.Join(names, ", "))
	}
	for _, o := range s.reader.Options {
		v, ok := s.given[o.Name]
		switch {
		case ok && !utf8.ValidString(v):
			return s.BadOption(o.Name, "text in UTF-8")
		case ok && !o.Fits(v):
			return s.BadOption(o.Name, o.Type.Want)
		}
	}
	return nil
}

// check refuses wants that no reader can serve and folders that cannot be read.
func (s *Source) check() error {
	if err := s.checkWant(); err != nil {
		return err
	}
	entries, err := fs.ReadDir(s.Root, ".")
	if err != nil {
		return s.Fail("", "", "the data folder cannot be read: "+Cause(err), "give an existing, readable folder")
	}
	if len(entries) == 0 {
		return s.Fail("", "", "the data folder is empty", "put the data there or give another folder")
	}
	return nil
}

func (s *Source) checkWant() error {
	if len(s.Want) == 0 {
		return s.Fail("", "", "the model wants no input", "give the modality's kind an input")
	}
	if len(s.Want) > 1 && !s.reader.Several {
		return s.Fail("", "", fmt.Sprintf("the model wants %d inputs (%v), this reader gives one", len(s.Want), s.Want), "choose another reader")
	}
	for _, in := range s.Want {
		if len(in.Shape) == 0 {
			return s.Fail("", "", "the model wants examples without a shape", "give the modality a shape")
		}
		size := 1
		for _, d := range in.Shape {
			if d < 1 || size > maxExample/d {
				return s.Fail("", "", fmt.Sprintf("the model wants examples %v, whose shape is impossible", s.Want), "correct the modality's shape")
			}
			size *= d
		}
	}
	return nil
}

// maxExample bounds the values of one example: beyond it a shape is a mistake.
const maxExample = 1 << 28
