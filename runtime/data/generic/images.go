package generic

import (
	"fmt"
	"math"
	"strings"

	"mspecc/runtime/data"
	"mspecc/runtime/data/picture"
)

var imagesReader = data.Builtin("images", openImages)

func openImages(s *data.Source) (data.Dataset, data.Dataset, error) {
	decode, err := pictureDecoder(s, s.Input)
	if err != nil {
		return nil, nil, err
	}
	return openFolder(s, func(bool, []item) (*folder, error) {
		return &folder{decode: func(raw []byte, x []float32, _ func(int) int) string { return decode(raw, x) }}, nil
	})
}

// pictureDecoder makes the function that writes a picture into an input's values; what it gives says what is wrong.
func pictureDecoder(s *data.Source, in data.Input) (func(raw []byte, x []float32) string, error) {
	shape := in.Shape
	if in.Tokens || len(shape) != 3 {
		return nil, s.Fail("", "", fmt.Sprintf("the model wants examples %v, pictures give f32[channels,height,width]", in), "correct the modality's shape")
	}
	fit, ok := map[string]func(m *picture.Image, width, height int, f picture.Filter) *picture.Image{"crop": fitCrop, "squash": picture.Resize, "pad": fitPad}[s.Text("resize")]
	if !ok {
		return nil, s.BadOption("resize", "crop, squash or pad")
	}
	var filter picture.Filter
	var names []string
	for _, f := range picture.Filters {
		if names = append(names, f.Name); f.Name == s.Text("filter") {
			filter = f
		}
	}
	if filter.Name == "" {
		return nil, s.BadOption("filter", strings.Join(names, ", "))
	}
	return func(raw []byte, x []float32) string {
		if shape[0] != 1 && shape[0] != 3 {
			return decodeBands(raw, x, shape)
		}
		m, err := picture.Decode(raw)
		if err != nil {
			return err.Error()
		}
		if shape[0] == 1 {
			m = m.Grey()
		}
		m = fit(m, shape[2], shape[1], filter)
		for c := range shape[0] {
			plane := x[c*shape[1]*shape[2]:][:shape[1]*shape[2]]
			for i := range plane {
				plane[i] = float32(m.Pix[i*m.Channels+c]) / 255
			}
		}
		return ""
	}, nil
}

// decodeBands takes a picture with as many bands, rows and columns as the model wants.
func decodeBands(raw []byte, x []float32, shape []int) string {
	b, err := picture.DecodeBands(raw)
	if err != nil {
		return err.Error()
	}
	if b.Count != shape[0] || b.Height != shape[1] || b.Width != shape[2] {
		return fmt.Sprintf("has %d bands of %d x %d, the model wants %d of %d x %d", b.Count, b.Height, b.Width, shape[0], shape[1], shape[2])
	}
	copy(x, b.Values)
	return ""
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
