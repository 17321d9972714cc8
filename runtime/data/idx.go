package data

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

var idxReader = Builtin("idx", openIDX)

func openIDX(s *Source) (Dataset, Dataset, error) {
	if err := s.values(slices.Repeat([]int{-1}, len(s.Input.Shape))...); err != nil {
		return nil, nil, err
	}
	standardize, err := s.Boolean("standardize")
	if err != nil {
		return nil, nil, err
	}
	train, err := s.idxPart("train_images", "train_labels")
	if err != nil {
		return nil, nil, err
	}
	test, err := s.idxPart("test_images", "test_labels")
	if err != nil || !standardize {
		return train, test, err
	}
	channels := 1
	if len(s.Input.Shape) > 2 {
		channels = s.Input.Shape[0]
	}
	return s.standardise(train, test, channels)
}

// idxPart opens the images and labels that two options name.
func (s *Source) idxPart(imageOption, labelOption string) (Dataset, error) {
	classes, err := s.Integer("classes", 10, 2)
	if err != nil {
		return nil, err
	}
	b, dims, start, err := s.idx(imageOption)
	if err != nil {
		return nil, err
	}
	if !sameShape(dims[1:], s.Input.Shape) {
		return nil, b.Fail("", fmt.Sprintf("holds images %v, the model wants %v", dims[1:], s.Input),
			"correct the modality's shape (grey images have 1 channel)")
	}
	if dims[0] == 0 {
		return nil, b.Fail("", "holds no image", "give a file with images")
	}
	set := &pixels{b: b, first: start, step: int64(s.Input.Size()), size: s.Input.Size(), labels: make([]uint16, dims[0])}
	if s.Text(labelOption) == "none" {
		return set, nil
	}
	l, shape, start, err := s.idx(labelOption)
	if err != nil {
		return nil, err
	}
	if len(shape) != 1 || shape[0] != dims[0] {
		return nil, l.Fail("", fmt.Sprintf("holds labels %v, expected [%d], one for each image of %s", shape, dims[0], b.Name),
			"give the labels that belong to the images")
	}
	raw := make([]byte, len(set.labels))
	if err := l.ReadFull(raw, start); err != nil {
		return nil, err
	}
	set.classes = classes
	set.advice = fmt.Sprintf("say classes: %d, as the labels of this file go up to %d (where they count from 1, as those of EMNIST letters, there is a class 0 without examples), or give the file that belongs to the images",
		int(slices.Max(raw))+1, slices.Max(raw))
	for i, label := range raw {
		if err := set.label(l, i, int64(label), 0); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// sameShape compares shapes apart from leading ones: [28, 28] is [1, 28, 28].
func sameShape(a, b []int) bool {
	for len(a) > 0 && a[0] == 1 {
		a = a[1:]
	}
	for len(b) > 0 && b[0] == 1 {
		b = b[1:]
	}
	return slices.Equal(a, b)
}

// idx opens the IDX file of bytes that an option names: its dimensions, and where its values start.
func (s *Source) idx(option string) (b *Blob, dims []int, start int64, err error) {
	if b, err = s.FindBlob(option, s.Text(option)); err != nil {
		return nil, nil, 0, err
	}
	var word [4]byte
	next := func() error {
		if start+4 > b.Size {
			return b.Fail("header", "the file ends too early", "it was cut off: fetch it again")
		}
		start += 4
		return b.ReadFull(word[:], start-4)
	}
	if err := next(); err != nil {
		return nil, nil, 0, err
	}
	if word[0] != 0 || word[1] != 0 || word[2] != 8 || word[3] == 0 || word[3] > 8 {
		return nil, nil, 0, b.Other("an IDX file", "header", fmt.Sprintf("starts with the bytes % x, expected 00 00 08 and the number of dimensions", word),
			"give an IDX file of unsigned bytes, or save other numbers as .npy and use the reader npy")
	}
	total := int64(1)
	for range word[3] {
		if err := next(); err != nil {
			return nil, nil, 0, err
		}
		n := int64(binary.BigEndian.Uint32(word[:]))
		if n > 0 && total > 1<<40/n {
			return nil, nil, 0, b.Fail("header", "the dimensions are impossibly large", "the file is damaged: fetch it again")
		}
		total *= n
		dims = append(dims, int(n))
	}
	// The header is not trusted: it must say what is there.
	switch rest := b.Size - start; {
	case rest < total:
		at := fmt.Sprintf("byte %d of %d after the header (%s)", rest, total, strings.Trim(fmt.Sprint(dims), "[]"))
		return nil, nil, 0, b.Fail(at, "the file ends too early", "it was cut off: fetch it again")
	case rest > total:
		return nil, nil, 0, b.Fail("", fmt.Sprintf("goes on after the %d values its header %v announces", total, dims),
			"the file is damaged: fetch it again")
	}
	return b, dims, start, nil
}
