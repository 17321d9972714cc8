// Package embed writes features to files that other programs read: NumPy arrays, Parquet,
// CSV and safetensors. Features are written as they are computed, so that the memory needed
// does not grow with the number of examples, beyond 8 bytes each for the labels.
package embed

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"mspecc/runtime/ckpt"
)

// Info describes the features to be written.
type Info struct {
	Rows    int               // examples
	Width   int               // features of each
	Classes int               // as data.Labels.Classes: 0 for no labels, 1 for numbers
	Meta    map[string]string // where they come from; kept by the formats that have room for it
}

// Stream calls add with the features x [n, Width] and the labels of the examples first,
// first+1, ...; it ends early on an error.
type Stream func(add func(first int, x []float32, y []float64) error) error

// format writes one kind of file.
type format interface {
	// add writes the examples from first on.
	add(first int, x []float32, y []float64) error
	// close writes what comes last.
	close() error
}

// formats are the file formats by the ending of the name.
var formats = map[string]func(w io.Writer, info Info) (format, error){
	".npy": newNpy, ".parquet": newParquet, ".csv": newCSV, ".safetensors": newSafetensors,
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

// noClass stands for the class of an example without a label, as Hugging Face's data sets have it.
const noClass = -1

// class is a class as the formats keep it.
func class(label float64) int64 {
	if math.IsNaN(label) {
		return noClass
	}
	return int64(label)
}

// Write writes a file whole or not at all. The ending of its name chooses the format: .parquet
// (columns id, features, label), .csv (id, f0, f1, ..., label), .safetensors (tensors
// features, ids, labels), or .npy (the features; ids and labels go to NAME.ids.npy and
// NAME.labels.npy). Ids are the examples' numbers in the data set's order. Where a label is missing, a class is -1
// and a number NaN.
func Write(name string, info Info, stream Stream) error {
	open, ok := formats[filepath.Ext(name)]
	if !ok {
		return fmt.Errorf("%s: expected a name ending in %s", name, strings.Join(Endings(), ", "))
	}
	var f format
	var unread error // of the stream itself: nothing that has to do with the file
	err := ckpt.Atomic(name, func(w io.Writer) error {
		var err error
		if f, err = open(w, info); err != nil {
			return err
		}
		rows := 0
		var unwritten error
		err = stream(func(first int, x []float32, y []float64) error {
			rows += len(y)
			unwritten = f.add(first, x, y)
			return unwritten
		})
		if err != nil {
			if unwritten == nil {
				unread = err
			}
			return err
		}
		if rows != info.Rows {
			return fmt.Errorf("%d examples were computed, %d announced", rows, info.Rows)
		}
		return f.close()
	})
	switch n, ok := f.(*npy); {
	case unread != nil:
		return unread
	case ok && err == nil:
		return n.sidecars(name)
	}
	return err
}
