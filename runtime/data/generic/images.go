package generic

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"mspecc/runtime/data"
	"mspecc/runtime/data/filetype"
	"mspecc/runtime/data/picture"
)

var imagesReader = data.Builtin("images", openImages)

func openImages(s *data.Source) (data.Dataset, data.Dataset, error) {
	decode, samples, err := pictureDecoder(s, s.Input)
	if err != nil {
		return nil, nil, err
	}
	train, test, err := openFolder(s, filetype.Picture, data.MaxWhole, func(bool, []item) (*folder, error) {
		return &folder{gaps: s.Text("missing") == "zero", samples: samples, decode: func(in *entry, _ int, x []float32, _ func(int) int) error {
			raw, err := in.whole()
			if err != nil {
				return err
			}
			return decode(raw, x)
		}}, nil
	})
	if err == nil {
		samples.settle(s, train)
	}
	return train, test, err
}

// pictureDecoder makes the function that writes a picture into an input's values.
func pictureDecoder(s *data.Source, in data.Input) (func(raw []byte, x []float32) error, *samples, error) {
	shape := in.Shape
	if in.Tokens || len(shape) != 3 {
		return nil, nil, s.Fail("", "", fmt.Sprintf("the model wants examples %v, pictures give f32[channels,height,width]", in), "correct the modality's shape")
	}
	fit, ok := map[string]func(m *picture.Image, width, height int, f picture.Filter) *picture.Image{"crop": fitCrop, "squash": picture.Resize, "pad": fitPad}[s.Text("resize")]
	if !ok {
		return nil, nil, s.BadOption("resize", "crop, squash or pad")
	}
	var filter picture.Filter
	var names []string
	for _, f := range picture.Filters {
		if names = append(names, f.Name); f.Name == s.Text("filter") {
			filter = f
		}
	}
	if filter.Name == "" {
		return nil, nil, s.BadOption("filter", strings.Join(names, ", "))
	}
	gaps := s.Text("missing") == "zero"
	o, samples := picture.Options{Channels: shape[0], FirstPage: s.Text("pages") == "first", ZeroMissing: gaps}, newSamples(shape)
	return func(raw []byte, x []float32) error {
		err := decodePicture(raw, x, shape, o, samples, func(m *picture.Image) *picture.Image { return fit(m, shape[2], shape[1], filter) })
		if err == nil && !gaps && slices.ContainsFunc(x, func(v float32) bool { return v != v }) {
			err = filetype.Unread("say missing: zero, or remove it", "lacks values: they are NaN, or what GDAL's nodata says; the option missing says what to do about that")
		}
		return err
	}, samples, nil
}

// decodePicture writes a picture of the shape that the model wants; what is missing is NaN.
func decodePicture(raw []byte, x []float32, shape []int, o picture.Options, samples *samples, fit func(m *picture.Image) *picture.Image) error {
	if shape[0] != 1 && shape[0] != 3 {
		return decodeBands(raw, x, shape, o)
	}
	m, err := picture.Decode(raw, o)
	if err == nil {
		err = samples.check(m)
	}
	if err != nil {
		return err
	}
	if shape[0] == 1 {
		m = m.Grey()
	}
	fit(m).Planes(x, shape[0])
	return nil
}

// decodeBands takes a picture with as many bands, rows and columns as the model wants.
func decodeBands(raw []byte, x []float32, shape []int, o picture.Options) error {
	b, err := picture.DecodeBands(raw, o)
	if err != nil {
		return err
	}
	if b.Count != shape[0] || b.Height != shape[1] || b.Width != shape[2] {
		return filetype.Unread("cut it, remove it, or correct the modality's shape", "has %d bands of %d x %d, the model wants %d of %d x %d",
			b.Count, b.Height, b.Width, shape[0], shape[1], shape[2])
	}
	copy(x, b.Values)
	return nil
}

// fitCrop scales a picture so that it just covers the size, and keeps the middle.
func fitCrop(m *picture.Image, width, height int, f picture.Filter) *picture.Image {
	scale := max(float64(width)/float64(m.Width), float64(height)/float64(m.Height))
	w, h := scaled(m.Width, scale, width), scaled(m.Height, scale, height)
	// The part that is kept is cut out first, so that a long picture costs no more than a short one.
	if w > 4*width || h > 4*height {
		cw, ch := min(m.Width, int(math.Ceil(float64(width)/scale))), min(m.Height, int(math.Ceil(float64(height)/scale)))
		return picture.Resize(m.CenterCrop(max(1, cw), max(1, ch)), width, height, f)
	}
	return picture.Resize(m, w, h, f).CenterCrop(width, height)
}

// fitPad scales a picture so that it just fits into the size; the rest is black.
func fitPad(m *picture.Image, width, height int, f picture.Filter) *picture.Image {
	scale := min(float64(width)/float64(m.Width), float64(height)/float64(m.Height))
	w, h := min(width, max(1, int(math.Round(float64(m.Width)*scale)))), min(height, max(1, int(math.Round(float64(m.Height)*scale))))
	left, top := (width-w)/2, (height-h)/2
	return picture.Resize(m, w, h, f).Crop(-left, -top, width-left, height-top)
}

// scaled is a side's length times the scale, at least what is wanted.
func scaled(n int, scale float64, least int) int {
	return max(least, int(math.Round(float64(n)*scale)))
}
