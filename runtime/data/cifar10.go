package data

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

var cifar10Reader = Builtin("cifar10", openCIFAR10)

// cifarSize is the number of bytes of an image.
const cifarSize = 3 * 32 * 32

func openCIFAR10(s *Source) (Dataset, Dataset, error) {
	if err := s.values(3, 32, 32); err != nil {
		return nil, nil, err
	}
	usual := func(binary, python string) []string {
		const bin, py = "cifar-10-batches-bin/", "cifar-10-batches-py/"
		return []string{binary, binary + ".gz", bin + binary, bin + binary + ".gz", python, py + python}
	}
	return s.openBatches(usual("data_batch_*.bin", "data_batch_?"), usual("test_batch.bin", "test_batch"), openCIFARFile)
}

// openCIFARFile opens a file of the Python version, or of the binary one, whose records are a
// label byte, then 1,024 bytes of each of red, green and blue.
func openCIFARFile(b *Blob) (*pixels, error) {
	if pickled, err := b.isPickle(); pickled || err != nil {
		if err != nil {
			return nil, err
		}
		return b.pickledBatch(cifarSize, 0, 10)
	}
	n := b.Size / (1 + cifarSize)
	p := &pixels{b: b, first: 1, step: 1 + cifarSize, size: cifarSize, labels: make([]uint16, n), classes: 10}
	all, err := b.All()
	if err != nil {
		return nil, err
	}
	defer all.Close()
	in := bufio.NewReaderSize(all, 1<<16)
	for i := range n {
		label, err := in.ReadByte()
		if err == nil {
			_, err = in.Discard(cifarSize)
		}
		if err != nil {
			return nil, b.broken(err)
		}
		if err := p.label(b, int(i), int64(label), 0); err != nil {
			return nil, err
		}
	}
	if b.Size%(1+cifarSize) != 0 {
		return nil, b.Fail(fmt.Sprintf("record %d", n), "the file ends too early", "it was cut off: fetch it again")
	}
	return p, nil
}

// broken explains an error of reading the contents in order.
func (b *Blob) broken(err error) error {
	var own *Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return b.Source.Changed(b.Name)
	}
	return b.Fail("", "cannot be read: "+Cause(err), "fetch it again, or check the disk")
}
