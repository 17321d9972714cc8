package data

import (
	"errors"
	"fmt"
	"io"
)

var cifar10Reader = Reader{
	Name: "cifar10",
	Doc:  "CIFAR-10, binary version: 32x32 RGB images scaled to 0..1, 10 classes",
	Options: []Option{
		{"train", "", "training files, a pattern; default data_batch_*.bin, also in cifar-10-batches-bin/"},
		{"test", "", "test files, a pattern; default test_batch.bin, also in cifar-10-batches-bin/"},
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
	train, err := s.cifarPart("train", "data_batch_*.bin")
	if err != nil {
		return nil, nil, err
	}
	test, err := s.cifarPart("test", "test_batch.bin")
	if err != nil {
		return nil, nil, err
	}
	if standardize {
		standardise(train, test, 3)
	}
	return train, test, nil
}

// cifarPart reads the files that an option's pattern, or else the usual name, stands for.
func (s *Source) cifarPart(option, usual string) (*images, error) {
	patterns := []string{usual, usual + ".gz", "cifar-10-batches-bin/" + usual, "cifar-10-batches-bin/" + usual + ".gz"}
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
