package data

import (
	"errors"
	"fmt"
	"io"

	"mspecc/runtime/data/pandas"
	"mspecc/runtime/pickle"
)

var cifar10Reader = Reader{
	Name: "cifar10",
	Doc:  "CIFAR-10, binary or Python version: 32x32 RGB images scaled to 0..1, 10 classes",
	Options: []Option{
		{"train", "", "training files, a pattern; default data_batch_*.bin, also in cifar-10-batches-bin/, or data_batch_? in cifar-10-batches-py/"},
		{"test", "", "test files, a pattern; default test_batch.bin, also in cifar-10-batches-bin/, or test_batch in cifar-10-batches-py/"},
		{"standardize", "false", "bring every channel to mean 0 and deviation 1 (of the training images)"},
	},
	Fetch: "CIFAR-10, binary version: cs.toronto.edu/~kriz/cifar.html",
	Open:  openCIFAR10,
}

func openCIFAR10(s *Source) (Dataset, Dataset, error) {
	if err := s.values(3, 32, 32); err != nil {
		return nil, nil, err
	}
	standardize, err := s.Boolean("standardize")
	if err != nil {
		return nil, nil, err
	}
	train, err := s.cifarPart("train", "data_batch_*.bin", "data_batch_?")
	if err != nil {
		return nil, nil, err
	}
	test, err := s.cifarPart("test", "test_batch.bin", "test_batch")
	if err != nil {
		return nil, nil, err
	}
	if standardize {
		standardise(train, test, 3)
	}
	return train, test, nil
}

// cifarPart reads the files that an option's pattern, or else the usual name of the binary or the Python version, stands for.
func (s *Source) cifarPart(option, usual, python string) (*images, error) {
	patterns := []string{usual, usual + ".gz", "cifar-10-batches-bin/" + usual, "cifar-10-batches-bin/" + usual + ".gz", python, "cifar-10-batches-py/" + python}
	if p := s.Text(option); p != "" {
		patterns = []string{p}
	}
	names, err := s.Glob(option, patterns...)
	if err != nil {
		return nil, err
	}
	set := &images{size: 3 * 32 * 32, classes: 10}
	for _, name := range names {
		if err := s.cifarFile(set, option, name); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// cifarFile appends the records of one file: a label byte, then 1,024 bytes of each of red, green and blue.
func (s *Source) cifarFile(set *images, option, name string) error {
	f, err := s.Open(option, name)
	if err != nil {
		return err
	}
	defer f.Close()
	if magic, _ := f.Peek(2); len(magic) == 2 && magic[0] == 0x80 && magic[1] <= 5 { // no label: a pickle
		return s.cifarPickle(set, f)
	}
	record := make([]byte, 1+set.size)
	for i := 0; ; i++ {
		at := fmt.Sprintf("record %d", i)
		_, err := io.ReadFull(f, record)
		if errors.Is(err, io.EOF) && i > 0 {
			return nil
		}
		if err != nil {
			return s.readError(f, at, err)
		}
		if record[0] > 9 {
			return s.Fail(name, at, fmt.Sprintf("label is %d, expected 0..9", record[0]), "check that this is the binary version of CIFAR-10")
		}
		set.labels = append(set.labels, record[0])
		set.pixels = append(set.pixels, record[1:]...)
	}
}

// maxBatch bounds a file of the Python version, which has 10,000 pictures.
const maxBatch = 256 << 20

// cifarPickle appends a file of the Python version: a dictionary of data, [n, 3072] bytes, and labels.
func (s *Source) cifarPickle(set *images, f *File) error {
	raw, err := io.ReadAll(io.LimitReader(f, maxBatch))
	if err != nil {
		return s.readError(f, "", err)
	}
	v, err := pandas.Values(raw)
	if err != nil {
		return s.Fail(f.Name, "", err.Error(), "fetch it again")
	}
	d, ok := v.(*pickle.Dict)
	if !ok {
		return s.Fail(f.Name, "", "is no pickled dictionary", "give a file of the Python version of CIFAR-10")
	}
	pixels, ok := d.Get("data").(*pandas.Array)
	labels := pickle.Items(d.Get("labels"))
	if !ok || len(pixels.Shape) != 2 || pixels.Shape[1] != set.size || len(labels) != pixels.Shape[0] || len(labels) == 0 {
		return s.Fail(f.Name, "", fmt.Sprintf("lacks data of [n, %d] bytes and as many labels", set.size), "give a file of the Python version of CIFAR-10")
	}
	bytes, ok := pixels.Bytes()
	if !ok {
		return s.Fail(f.Name, "", "has data of other things than bytes", "give a file of the Python version of CIFAR-10")
	}
	for i, x := range labels {
		label, ok := x.(int64)
		if !ok || label < 0 || label > 9 {
			return s.Fail(f.Name, fmt.Sprintf("record %d", i), fmt.Sprintf("label is %v, expected 0..9", x), "fetch it again")
		}
		set.labels = append(set.labels, byte(label))
	}
	set.pixels = append(set.pixels, bytes...)
	return nil
}
