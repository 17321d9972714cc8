// Package data reads the data sets a trainer learns from and cuts them into batches.
//
// A reader turns a folder (any fs.FS, so also one embedded into the binary) into a
// training and a test Dataset of fixed-size examples. Readers hold the examples in
// memory in their compact stored form and convert them when asked. Everything that looks
// random is a function of a seed, the epoch and the example's index, so that a resumed
// run sees exactly what an uninterrupted one would have seen.
//
// Input from disk is not trusted: whatever is wrong with it becomes an *Error that names
// the file, the line or record, what was expected and what to do.
package data

import (
	"fmt"
	"io/fs"
	"sort"
	"strings"
)

// Want is what the model expects of one example.
type Want struct {
	Shape  []int // shape of one example, without the batch: [channels, length], [channels, height, width] or [length]
	Tokens bool  // examples are int32 token ids rather than float32 values
	Vocab  int   // number of different tokens; ids are 0..Vocab-1
}

// Size is the number of values (or tokens) of one example.
func (w Want) Size() int {
	n := 1
	for _, d := range w.Shape {
		n *= d
	}
	return n
}

// String is the wanted type in the spec's notation, such as f32[3,32,32].
func (w Want) String() string {
	kind := "f32"
	if w.Tokens {
		kind = "i32"
	}
	return kind + strings.ReplaceAll(fmt.Sprint(w.Shape), " ", ",")
}

// Dataset is a list of examples of one shape. It is safe for concurrent use.
type Dataset interface {
	// Len is the number of examples of one epoch.
	Len() int
	// Classes is the number of classes; 0 says the examples have no label, 1 that the label is a number to regress.
	Classes() int
	// Example writes example i, 0 <= i < Len(), into x (values) or tok (tokens), whose length is Want.Size();
	// the other one is nil. The epoch matters only where examples are drawn at random (windows of
	// long recordings). The label is a class 0..Classes()-1 or the regression target.
	Example(i int, epoch uint64, x []float32, tok []int32) (label float64, err error)
}

// Option documents one option of a reader.
type Option struct{ Name, Default, Doc string }

// Reader documents one reader.
type Reader struct {
	Name    string
	Doc     string // one line
	Options []Option
	Letters string // how tokens 0, 1, ... are written, a letter each; "" where the reader has no tokens or no letters for them
	open    func(s *source) (train, test Dataset, err error)
}

// readers lists every reader by name.
var readers = []Reader{cifar10Reader, genomicsReader, higgsReader, idxReader, pamap2Reader, sensorReader}

// Readers lists all readers with their options, ordered by name.
func Readers() []Reader { return append([]Reader(nil), readers...) }

// Open reads a data set. The reader and its options are those the spec names; root is the
// data folder and name what messages call it. The seed decides random windows and random
// splits. Errors are of type *Error.
func Open(reader string, options map[string]string, root fs.FS, name string, want Want, seed uint64) (train, test Dataset, err error) {
	var names []string
	for _, r := range readers {
		if r.Name == reader {
			s := &source{reader: r, given: options, root: root, name: name, want: want, seed: seed}
			if err := s.check(); err != nil {
				return nil, nil, err
			}
			return r.open(s)
		}
		names = append(names, r.Name)
	}
	return nil, nil, &Error{Reader: reader, Msg: "there is no such reader", Fix: "use one of " + strings.Join(names, ", ")}
}

// check refuses unknown options, wants that no reader can serve and folders that cannot be read.
func (s *source) check() error {
	known := map[string]bool{}
	var names []string
	for _, o := range s.reader.Options {
		known[o.Name] = true
		names = append(names, o.Name)
	}
	var unknown []string
	for o := range s.given {
		if !known[o] {
			unknown = append(unknown, o)
		}
	}
	if len(unknown) > 0 {
		sort.Strings(unknown)
		return s.fail("", "", "there is no option "+strings.Join(unknown, ", "), "the options are "+strings.Join(names, ", "))
	}
	size := 1
	for _, d := range s.want.Shape {
		if d < 1 || size > maxExample/d {
			return s.fail("", "", fmt.Sprintf("the model wants examples %v, whose shape is impossible", s.want), "correct the modality's shape")
		}
		size *= d
	}
	if len(s.want.Shape) == 0 {
		return s.fail("", "", "the model wants examples without a shape", "give the modality a shape")
	}
	entries, err := fs.ReadDir(s.root, ".")
	if err != nil {
		return s.fail("", "", "the data folder cannot be read: "+cause(err), "give an existing, readable folder")
	}
	if len(entries) == 0 {
		return s.fail("", "", "the data folder is empty", "put the data there or give another folder")
	}
	return nil
}

// maxExample bounds the values of one example: beyond it a shape is a mistake.
const maxExample = 1 << 28
