package data

import (
	"fmt"
	"slices"
	"strings"
)

var imagenet32Reader = Builtin("imagenet32", openImageNet32)

// imagenetClasses is the number of classes; labels in the files count from 1.
const imagenetClasses = 1000

func openImageNet32(s *Source) (Dataset, Dataset, error) {
	if err := s.values(3, -1, -1); err != nil {
		return nil, nil, err
	}
	if s.Input.Shape[1] != s.Input.Shape[2] {
		return nil, nil, s.Fail("", "", fmt.Sprintf("the model wants examples %v, the images are square", s.Input), "correct the modality's shape")
	}
	usual := func(name, part string) []string {
		folder := fmt.Sprintf("Imagenet%d_%s", s.Input.Shape[1], part)
		return []string{name + ".npz", folder + "_npz/" + name + ".npz", folder + "/" + name + ".npz", name, folder + "/" + name}
	}
	return s.openBatches(usual("train_data_batch_*", "train"), usual("val_data", "val"), func(b *Blob) (*pixels, error) {
		if pickled, err := b.isPickle(); pickled || err != nil {
			if err != nil {
				return nil, err
			}
			return b.pickledBatch(s.Input.Size(), 1, imagenetClasses)
		}
		return b.npzBatch(s.Input.Size())
	})
}

// npzBatch opens an .npz file of data, [n, size] bytes, and labels from 1 on.
func (b *Blob) npzBatch(size int) (*pixels, error) {
	all, err := b.Members()
	if err != nil {
		return nil, err
	}
	find := func(name, kinds string, columns int) (a *Array, err error) {
		if i := slices.IndexFunc(all, func(m Member) bool { return m.Name == name }); i >= 0 {
			if a, err = all[i].Array(); err != nil {
				return nil, err
			}
		}
		if a == nil || !strings.ContainsRune(kinds, rune(a.Kind)) || a.PerRow() != columns {
			return nil, b.Fail(name, fmt.Sprintf("is not there, or not of whole numbers, %d in a row", columns), "give a batch of pictures of the model's size")
		}
		return a, nil
	}
	data, err := find("data", "u", size)
	if err != nil {
		return nil, err
	}
	labels, err := find("labels", "iu", 1)
	if err != nil {
		return nil, err
	}
	if data.Size != 1 || data.Shape[0] != labels.Shape[0] || data.Shape[0] == 0 {
		return nil, b.Fail("data", fmt.Sprintf("has %d rows of elements of %d bytes, there are %d labels", data.Shape[0], data.Size, labels.Shape[0]),
			"give a batch of pictures as its authors saved it")
	}
	p := &pixels{b: data.blob, first: data.start, step: int64(size), size: size, classes: imagenetClasses, labels: make([]uint16, data.Shape[0])}
	raw := make([]byte, len(p.labels)*labels.Size)
	if err := labels.ReadFull(raw, 0); err != nil {
		return nil, err
	}
	for i := range p.labels {
		if err := p.label(b, i, int64(labels.Number(raw[i*labels.Size:][:labels.Size])), 1); err != nil {
			return nil, err
		}
	}
	return p, nil
}
