// Package embed writes features to files that other programs read: NumPy arrays, Parquet,
// CSV and safetensors. Features are written as they are computed, so that the memory needed
// does not grow with the number of examples, beyond 8 bytes each for the labels.
package embed

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mspecc/runtime/ckpt"
)

// Info describes the features to be written.
type Info struct {
	Rows    int               // examples, at most: records that turn out to be bad are left out
	Width   int               // features of each
	Classes int               // as data.Labels.Classes: 0 for no labels, 1 for numbers
	Names   []string          // of the classes, which are written beside their numbers; nil where there are none
	Columns []string          // texts that are carried along, by name
	Meta    map[string]string // where they come from; kept by the formats that have room for it
}

// Batch are some examples, one after another.
type Batch struct {
	IDs     []string   // of each example
	X       []float32  // [n, Width]
	Y       []float64  // label of each; NaN for none
	Columns [][]string // [n][len(Info.Columns)]
}

// Stream calls add with examples; it ends early on an error.
type Stream func(add func(b *Batch) error) error

// Taken are the names of columns that files have anyway.
func Taken(name string) bool {
	return slices.Contains([]string{"id", "ids", "features", "label", "labels", "class"}, name)
}

// format writes one kind of file.
type format interface {
	// add writes examples.
	add(b *Batch) error
	// close writes what comes last, and what only the number of examples decides.
	close(rows int) error
}

// formats are the file formats by the ending of the name.
var formats = map[string]func(f *file, info Info) (format, error){
	".npy": newNpy, ".parquet": newParquet, ".csv": newCSV, ".safetensors": newSafetensors,
}

// file is the file under way.
type file struct {
	*bufio.Writer
	f *os.File
}

// again writes over the file's beginning.
func (f *file) again(head []byte) error {
	if err := f.Flush(); err != nil {
		return err
	}
	_, err := f.f.WriteAt(head, 0)
	return err
}

// Endings lists the endings of the formats.
func Endings() []string {
	var all []string
	for e := range formats {
		all = append(all, e)
	}
	slices.Sort(all)
	return all
}

// Known says whether a file name's ending is that of a format.
func Known(name string) bool { return formats[filepath.Ext(name)] != nil }

// errNone says that no example is left.
var errNone = errors.New("there is no example to write")

// Write writes a file whole or not at all, and says how many examples it has. The ending of its name chooses the
// format: .parquet (columns id, features, label, class, those of Info), .csv (id, f0, f1, ..., label, class, ...),
// .safetensors (tensors features, ids, labels, class and column.NAME, texts as bytes), or .npy (the features; ids and
// labels go to NAME.ids.npy and NAME.labels.npy, other texts to NAME.columns.csv). Where a label is missing, a class is -1,
// its name empty, and a number NaN.
func Write(name string, info Info, stream Stream) (rows int, err error) {
	open, ok := formats[filepath.Ext(name)]
	if !ok {
		return 0, fmt.Errorf("%s: expected a name ending in %s", name, strings.Join(Endings(), ", "))
	}
	var f format
	var unread error // of the stream itself: nothing that has to do with the file
	err = ckpt.AtomicFile(name, func(tmp *os.File) error {
		w := &file{bufio.NewWriterSize(tmp, 1<<20), tmp}
		var err error
		if f, err = open(w, info); err != nil {
			return err
		}
		var unwritten error
		err = stream(func(b *Batch) error {
			rows += len(b.Y)
			if unwritten = f.add(b); unwritten == nil && rows > info.Rows {
				unwritten = fmt.Errorf("%d examples were computed, at most %d announced", rows, info.Rows)
			}
			return unwritten
		})
		if err == nil && rows == 0 {
			err = errNone
		}
		if err != nil {
			if unwritten == nil {
				unread = err
			}
			return err
		}
		if err := f.close(rows); err != nil {
			return err
		}
		return w.Flush()
	})
	if c, ok := f.(io.Closer); ok {
		defer c.Close()
	}
	switch n, ok := f.(*npy); {
	case unread != nil:
		return rows, unread
	case ok && err == nil:
		return rows, n.sidecars(name, rows)
	}
	return rows, err
}

// name is that of a label's class, "" where it has none.
func (i *Info) name(label float64) string {
	if c := class(label); c >= 0 && c < int64(len(i.Names)) {
		return i.Names[c]
	}
	return ""
}

// texts are the names of the columns of texts beside the ids.
func (i *Info) texts() []string {
	var names []string
	if i.Classes > 1 && len(i.Names) > 0 {
		names = []string{"class"}
	}
	return append(names, i.Columns...)
}

// row appends the texts of an example, in the order of texts.
func (i *Info) row(dst []string, b *Batch, k int) []string {
	if i.Classes > 1 && len(i.Names) > 0 {
		dst = append(dst, i.name(b.Y[k]))
	}
	if len(i.Columns) > 0 {
		dst = append(dst, b.Columns[k]...)
	}
	return dst
}

// noClass stands for the class of an example without a label, as Hugging Face's data sets have it.
const noClass = -1

// class is a class as the formats keep it.
func class(label float64) int64 {
	if math.IsNaN(label) {
		return noClass
	}
	return int64(label)
}
