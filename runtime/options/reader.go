package options

import (
	"slices"
	"strings"
)

// Reader is what there is to know about a data reader without opening any data.
type Reader struct {
	Name    string
	Doc     string // one line
	Options []Option
	Several bool   // it serves models with several inputs; others are refused them
	Fixed   bool   // its option standardize brings values to published means and deviations, not to those of the data
	Fetch   string // where users get the files, for a reader of one data set; "" for a format
}

// Option finds an option by its name, in either spelling.
func (r Reader) Option(name string) (Option, bool) {
	name = Spelling(name)
	if i := slices.IndexFunc(r.Options, func(o Option) bool { return o.Name == name }); i >= 0 {
		return r.Options[i], true
	}
	return Option{}, false
}

// Spelling is the name under which an option is listed: there is but standardise and standardize.
func Spelling(name string) string {
	if name == "standardise" {
		return "standardize"
	}
	return name
}

// Readers lists the readers that every trainer has, ordered by name.
func Readers() []Reader { return slices.Clone(readers) }

var readers = slices.SortedFunc(slices.Values(slices.Concat(formats, sets, dabs)), func(a, b Reader) int { return strings.Compare(a.Name, b.Name) })

// Find is the reader of a name.
func Find(name string) (Reader, bool) {
	at, ok := slices.BinarySearchFunc(readers, name, func(r Reader, name string) int { return strings.Compare(r.Name, name) })
	if !ok {
		return Reader{}, false
	}
	return readers[at], true
}

// ReaderNames lists the names of the readers.
func ReaderNames() []string {
	var names []string
	for _, r := range readers {
		names = append(names, r.Name)
	}
	return names
}

// Metrics lists the metrics of evaluation: for classes accuracy, weighted_f1 and, where there are two, auroc;
// for numbers spearman and pearson.
var Metrics = []string{"accuracy", "weighted_f1", "auroc", "spearman", "pearson"}

// Reconstruct lists what the commands that draw reconstructions look for among the outputs of a model's reconstruct
// block; of several streams each has .0, .1 and so on behind its name, but for mask.
var Reconstruct = []string{"target", "mask", "reconstruction", "adapted"}

// Features lists what commands look for among those of a features block.
var Features = []string{"features", "tokens"}
