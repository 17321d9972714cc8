package dabs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mspecc/runtime/data"
	"mspecc/runtime/data/picture"
)

var picturesReader = data.Builtin("pictures", openPictures)

// layouts list the pictures of a data set: training, test, and the names of the classes.
var layouts = map[string]func(s *data.Source) (train, test []item, names []string, err error){
	"imagenet": imagenet, "cub": cub, "flowers": flowers, "dtd": dtd, "traffic_sign": trafficSign, "aircraft": aircraft,
}

func openPictures(s *data.Source) (data.Dataset, data.Dataset, error) {
	shape := s.Input.Shape
	if s.Input.Tokens || len(shape) != 3 || shape[0] != 1 && shape[0] != 3 {
		return nil, nil, s.Fail("", "", fmt.Sprintf("the model wants examples %v, pictures give f32[3,height,width] or f32[1,height,width]", s.Input), "correct the modality's shape")
	}
	list := layouts[s.Text("layout")]
	if list == nil {
		return nil, nil, s.BadOption("layout", "imagenet, cub, flowers, dtd, traffic_sign or aircraft")
	}
	decode, err := pictureDecoder(s, shape)
	if err != nil {
		return nil, nil, err
	}
	trainItems, testItems, names, err := list(s)
	if err != nil {
		return nil, nil, err
	}
	if err := distinct(s, trainItems, testItems); err != nil {
		return nil, nil, err
	}
	labels := data.Labels{Classes: len(names), Each: 1, Names: names}
	train, err := filesOf(s, "training", trainItems, labels)
	if err != nil {
		return nil, nil, err
	}
	test, err := filesOf(s, "testing", testItems, labels)
	if err != nil {
		return nil, nil, err
	}
	train.decode, test.decode = decode, decode
	return train, test, nil
}

// pictureDecoder makes the function that turns a file into values of that shape.
func pictureDecoder(s *data.Source, shape []int) (func(raw []byte, it *item, random uint64, x []float32) error, error) {
	at := slices.IndexFunc(picture.Filters, func(f picture.Filter) bool { return f.Name == s.Text("filter") })
	if at < 0 {
		return nil, s.BadOption("filter", "bilinear, bicubic, lanczos or box")
	}
	filter := picture.Filters[at]
	norm, err := normalisation(s, shape[0])
	if err != nil {
		return nil, err
	}
	return func(raw []byte, it *item, _ uint64, x []float32) error {
		m, err := picture.Decode(raw, picture.Options{Channels: shape[0]})
		if err != nil {
			return err
		}
		if b := it.box; b != nil {
			if b[0] >= b[2] || b[1] >= b[3] || b[0] < 0 || b[1] < 0 || b[2] > 2*m.Width || b[3] > 2*m.Height {
				return fmt.Errorf("its box %v does not fit its %d x %d pixels", *b, m.Width, m.Height)
			}
			m = m.Crop(b[0], b[1], b[2], b[3])
		}
		if shape[0] == 1 {
			m = m.Grey()
		}
		picture.Resize(m, shape[2], shape[1], filter).Planes(x, shape[0])
		norm.apply(x)
		return nil
	}, nil
}

// channelNorm brings channels to (x - mean) / std; nil leaves them alone.
type channelNorm struct{ mean, std []float32 }

// normalisation reads the options mean and std: one number for all channels, or one for each.
func normalisation(s *data.Source, channels int) (*channelNorm, error) {
	if s.Text("mean") == "" && s.Text("std") == "" {
		return nil, nil
	}
	n := &channelNorm{}
	for _, o := range []struct {
		name string
		dst  *[]float32
	}{{"mean", &n.mean}, {"std", &n.std}} {
		list := s.List(o.name)
		for _, text := range list {
			v, err := strconv.ParseFloat(text, 32)
			if err != nil || o.name == "std" && !(v > 0) {
				return nil, s.BadOption(o.name, "numbers, those of std above 0")
			}
			*o.dst = append(*o.dst, float32(v))
		}
		if len(list) == 1 {
			*o.dst = slices.Repeat(*o.dst, channels)
		}
		if len(*o.dst) != channels {
			return nil, s.BadOption(o.name, fmt.Sprintf("one number, or %d", channels))
		}
	}
	return n, nil
}

func (n *channelNorm) apply(x []float32) {
	if n == nil {
		return
	}
	per := len(x) / len(n.mean)
	for c, mean := range n.mean {
		std := n.std[c]
		for i, v := range x[c*per : (c+1)*per] {
			x[c*per+i] = (v - mean) / std
		}
	}
}

// isPicture goes by the ending of a name.
func isPicture(name string) bool {
	switch strings.ToLower(name[strings.LastIndexByte(name, '.')+1:]) {
	case "jpg", "jpeg", "png", "ppm", "pgm", "bmp", "gif", "webp", "tif", "tiff":
		return true
	}
	return false
}
