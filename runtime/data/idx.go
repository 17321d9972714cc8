package data

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
)

var idxReader = Reader{
	Name: "idx",
	Doc:  "images in IDX files (MNIST, Fashion-MNIST and the like), plain or gzip; pixels scaled to 0..1",
	Options: []Option{
		{"train_images", "train-images-idx3-ubyte", "training images: bytes [n, height, width] or [n, channels, height, width]"},
		{"train_labels", "train-labels-idx1-ubyte", "training labels: bytes [n]; none where there are none"},
		{"test_images", "t10k-images-idx3-ubyte", "test images"},
		{"test_labels", "t10k-labels-idx1-ubyte", "test labels; none where there are none"},
		{"classes", "10", "number of classes; labels are 0..classes-1"},
		{"standardize", "false", "bring every channel to mean 0 and deviation 1 (of the training images)"},
	},
	Fetch: "Fashion-MNIST: github.com/zalandoresearch/fashion-mnist",
	Open:  openIDX,
}

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
	if err != nil {
		return nil, nil, err
	}
	if standardize {
		channels := 1
		if len(s.Input.Shape) > 2 {
			channels = s.Input.Shape[0]
		}
		standardise(train, test, channels)
	}
	return train, test, nil
}

// idxPart reads the images and labels that two options name.
func (s *Source) idxPart(imageOption, labelOption string) (*images, error) {
	classes, err := s.Integer("classes", 10, 2)
	if err != nil {
		return nil, err
	}
	dims, pixels, name, err := s.idx(imageOption, s.Text(imageOption))
	if err != nil {
		return nil, err
	}
	if !sameShape(dims[1:], s.Input.Shape) {
		return nil, s.Fail(name, "", fmt.Sprintf("holds images %v, the model wants %v", dims[1:], s.Input),
			"correct the modality's shape (grey images have 1 channel)")
	}
	if dims[0] == 0 {
		return nil, s.Fail(name, "", "holds no image", "give a file with images")
	}
	set := &images{pixels: pixels, size: s.Input.Size()}
	if s.Text(labelOption) == "none" {
		return set, nil
	}
	shape, labels, labelName, err := s.idx(labelOption, s.Text(labelOption))
	if err != nil {
		return nil, err
	}
	if len(shape) != 1 || shape[0] != dims[0] {
		return nil, s.Fail(labelName, "", fmt.Sprintf("holds labels %v, expected [%d], one for each image of %s", shape, dims[0], name),
			"give the labels that belong to the images")
	}
	for i, l := range labels {
		if int(l) >= classes {
			return nil, s.Fail(labelName, fmt.Sprintf("record %d", i), fmt.Sprintf("label is %d, expected 0..%d", l, classes-1),
				"correct the file or the option classes")
		}
	}
	set.labels, set.classes = labels, classes
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

// idx reads a whole IDX file of bytes: its dimensions, its values and the name found.
func (s *Source) idx(option, candidate string) (dims []int, values []byte, name string, err error) {
	f, err := s.Open(option, candidate)
	if err != nil {
		return nil, nil, "", err
	}
	defer f.Close()
	var word [4]byte
	if _, err := io.ReadFull(f, word[:]); err != nil {
		return nil, nil, "", s.readError(f, "header", err)
	}
	if word[0] != 0 || word[1] != 0 || word[2] != 8 || word[3] == 0 || word[3] > 8 {
		return nil, nil, "", s.Fail(f.Name, "header", fmt.Sprintf("starts with the bytes % x, expected 00 00 08 and the number of dimensions", word),
			"give an IDX file of unsigned bytes")
	}
	total := 1
	for range word[3] {
		var d [4]byte
		if _, err := io.ReadFull(f, d[:]); err != nil {
			return nil, nil, "", s.readError(f, "header", err)
		}
		n := int(binary.BigEndian.Uint32(d[:]))
		if n > 0 && total > 1<<40/n {
			return nil, nil, "", s.Fail(f.Name, "header", "the dimensions are impossibly large", "the file is damaged: fetch it again")
		}
		total *= n
		dims = append(dims, n)
	}
	// The header is not trusted with memory: what is kept grows with what is really there.
	values, err = io.ReadAll(io.LimitReader(f, int64(total)+1))
	if err == nil && len(values) < total {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		at := fmt.Sprintf("byte %d of %d after the header (%s)", len(values), total, strings.Trim(fmt.Sprint(dims), "[]"))
		return nil, nil, "", s.readError(f, at, err)
	}
	if len(values) > total {
		return nil, nil, "", s.Fail(f.Name, "", fmt.Sprintf("goes on after the %d values its header %v announces", total, dims),
			"the file is damaged: fetch it again")
	}
	return dims, values, f.Name, nil
}
