// Package dabs reads the data sets of the DABS benchmark (Tamkin et al., 2021 and 2022) in the folders and
// formats in which its tools leave them, with the splits, label maps and preprocessing that the
// published results stand on. Where those leak test data into training, or lose a row, the clean choice is the default
// and an option of the reader asks for the other by name. docs/dabs.md lists them all.
package dabs

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"mspecc/runtime/data"
	"mspecc/runtime/data/mersenne"
)

func init() {
	for _, r := range []data.Reader{captionsReader, eurosatReader, picturesReader, sequencesReader, speechReader, waferReader} {
		data.Register(r)
	}
}

// splitSeed is the seed of every split and shuffle of the benchmark.
const splitSeed = 42

// folder finds the folder that holds a file: the first of the candidates below the data folder, "." for itself. From is where users get the data set.
func folder(s *data.Source, from, marker string, candidates ...string) (string, error) {
	var looked []string
	for _, c := range candidates {
		name := path.Join(c, marker)
		if _, err := fs.Stat(s.Root, name); err == nil {
			return c, nil
		}
		looked = append(looked, name)
	}
	return "", s.Fail("", "", "lacks "+strings.Join(looked, " or "), "give the folder that the data set was unpacked in; it comes from "+from)
}

// item is one example that lies in a file of its own.
type item struct {
	name  string // relative to the data folder
	label float64
	box   *[4]int // part of the picture: left, top, right, bottom; nil: all
}

// files is a data set of items, decoded when they are asked for.
type files struct {
	s      *data.Source
	items  []item
	stamps []data.Stamp
	labels data.Labels
	look   data.Look
	seed   uint64
	// decode writes the contents of an item's file into x; random decides what is drawn.
	decode func(raw []byte, it *item, random uint64, x []float32) error
}

func (f *files) Len() int            { return len(f.items) }
func (f *files) Labels() data.Labels { return f.labels }

// Look is that of the kind of files.
func (f *files) Look() data.Look { return f.look }

// Origin is the file.
func (f *files) Origin(i int, _ uint64) (data.Origin, error) {
	return data.Origin{File: f.items[i].name}, nil
}

func (f *files) Example(i int, epoch uint64, e *data.Example) error {
	it := &f.items[i]
	raw, err := f.s.ReadWhole(it.name, &f.stamps[i])
	if err != nil {
		return err
	}
	if err := f.decode(raw, it, mix(f.seed, epoch, uint64(i)), e.X); err != nil {
		return f.s.Unreadable(it.name, err)
	}
	e.Labels[0] = 0
	if f.labels.Classes > 0 {
		e.Labels[0] = it.label
	}
	return nil
}

// mix folds numbers into one well-mixed word (SplitMix64).
func mix(words ...uint64) uint64 {
	h := uint64(0)
	for _, w := range words {
		h += w + 0x9E3779B97F4A7C15
		h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
		h = (h ^ h>>27) * 0x94D049BB133111EB
		h ^= h >> 31
	}
	return h
}

// filesOf makes the data set of a list; the name is that of the part for messages.
func filesOf(s *data.Source, part string, items []item, labels data.Labels) (*files, error) {
	if len(items) == 0 {
		return nil, s.Fail("", "", "has no examples for "+part, "give the folder that the data set was unpacked in")
	}
	return &files{s: s, items: items, stamps: make([]data.Stamp, len(items)), labels: labels, seed: s.Seed}, nil
}

// distinct refuses lists that name a file twice, such as for training and for testing.
func distinct(s *data.Source, parts ...[]item) error {
	seen := map[string]bool{}
	for _, part := range parts {
		for _, it := range part {
			key := it.name
			if it.box != nil {
				key += fmt.Sprint(*it.box)
			}
			if seen[key] {
				return s.Fail(it.name, "", "is listed twice", "fetch the lists of the data set again")
			}
			seen[key] = true
		}
	}
	return nil
}

// perClass shuffles the items of each class with one stream of random numbers, in the order of
// groups, and gives the first four fifths to training, rounded down.
func perClass(groups [][]item) (train, test []item) {
	r := mersenne.NumPy(splitSeed)
	for _, g := range groups {
		order := r.Permutation(len(g))
		cut := int(0.8 * float64(len(g)))
		for k, at := range order {
			if k < cut {
				train = append(train, g[at])
			} else {
				test = append(test, g[at])
			}
		}
	}
	return train, test
}
