package data

import (
	"bytes"
	"fmt"

	"mspecc/runtime/data/pandas"
	"mspecc/runtime/pickle"
)

// openBatches opens the training and the test files, each a pattern of the option or one of the
// usual ones. The pictures stay in the files.
func (s *Source) openBatches(train, test []string, file func(b *Blob) (*pixels, error)) (Dataset, Dataset, error) {
	standardize, err := s.Boolean("standardize")
	if err != nil {
		return nil, nil, err
	}
	var parts [2]Dataset
	for i, option := range []string{"train", "test"} {
		patterns := [][]string{train, test}[i]
		if p := s.Text(option); p != "" {
			patterns = []string{p}
		}
		names, err := s.Glob(option, patterns...)
		if err != nil {
			return nil, nil, err
		}
		var sets []Dataset
		for _, name := range names {
			b, err := s.OpenBlob(name)
			if err != nil {
				return nil, nil, err
			}
			set, err := file(b)
			if err != nil {
				return nil, nil, err
			}
			sets = append(sets, set)
		}
		parts[i] = join(sets)
	}
	if standardize {
		return s.standardise(parts[0], parts[1], 3)
	}
	return parts[0], parts[1], nil
}

// isPickle says whether a file begins as a pickle of protocol 2 or later does.
func (b *Blob) isPickle() (bool, error) {
	var magic [2]byte
	if b.Size < 2 {
		return false, nil
	}
	err := b.ReadFull(magic[:], 0)
	return magic[0] == 0x80 && magic[1] <= 5, err
}

// pickledBatch opens a pickled dictionary of data and labels, which count from first on.
func (b *Blob) pickledBatch(size, first, classes int) (p *pixels, err error) {
	raw, release, err := b.Map()
	if err != nil {
		return nil, err
	}
	defer release()
	defer b.Faults(&err)()
	v, err := pandas.Values(raw)
	if err != nil {
		return nil, b.Other("a pickle", "", err.Error(), "fetch it again")
	}
	d, ok := v.(*pickle.Dict)
	if !ok {
		return nil, b.Fail("", "is no pickled dictionary", "give a batch of pictures as its authors pickled it")
	}
	array, ok := d.Get("data").(*pandas.Array)
	labels := pickle.Items(d.Get("labels"))
	if list, is := d.Get("labels").(*pandas.Array); is && len(list.Shape) == 1 {
		for i := range list.Len() {
			labels = append(labels, list.At(i))
		}
	}
	var values []byte
	if ok && len(array.Shape) == 2 && array.Shape[1] == size && len(labels) == array.Shape[0] && len(labels) > 0 {
		values, ok = array.Bytes()
	} else {
		ok = false
	}
	if !ok {
		return nil, b.Fail("", fmt.Sprintf("lacks data of [n, %d] bytes and as many labels", size), "give a batch of pictures of the model's size")
	}
	p = &pixels{b: b, step: int64(size), size: size, classes: classes, labels: make([]uint16, len(labels))}
	for i, x := range labels {
		label, ok := x.(int64)
		if !ok {
			return nil, b.Fail(fmt.Sprintf("record %d", i), fmt.Sprintf("label is %v, expected a whole number", x), "fetch it again")
		}
		if err := p.label(b, i, label, first); err != nil {
			return nil, err
		}
	}
	if at, ok := within(raw, values); ok {
		p.first = at
		return p, nil
	}
	copied := b.Source.NewSpool() // older pickles keep bytes as text
	if _, err := bytes.NewReader(values).WriteTo(copied); err != nil {
		return nil, b.Fail("", "cannot be unpacked: "+Cause(err), "make room on the disk")
	}
	p.b = b.With(copied)
	return p, nil
}
