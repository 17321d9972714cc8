package data

import "strings"

// Look is what people have to know of the examples of a data set that they are shown. A Dataset says so by a method
// Look() Look; it may lack one.
type Look struct {
	Words       []string // how tokens 0, 1, ... are written; nil: by their numbers
	Spectrogram bool     // pictures are of time (to the right) and frequency (row 0 the lowest)
	Drawn       bool     // every epoch draws examples of its own, such as other parts of recordings
}

// Letters are the words of tokens that stand for a letter each.
func Letters(alphabet string) Look { return Look{Words: strings.Split(alphabet, "")} }

// LookOf is how a data set's examples are shown.
func LookOf(set Dataset) Look {
	if s, ok := innermost[interface{ Look() Look }](set); ok {
		return s.Look()
	}
	return Look{}
}
