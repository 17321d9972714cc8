package tensorboard

import (
	"bytes"
	"image"
	"image/png"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Summary gathers what is seen at one step. Tags group by what stands before their first slash.
type Summary struct{ bytes []byte }

// Fields of tensorflow.Summary, its Value, Image and SummaryMetadata, and of TensorProto.
const (
	summaryValue = 1

	valueTag, valueScalar, valueImage, valueHistogram, valueTensor, valueMetadata = 1, 2, 4, 5, 8, 9

	imageHeight, imageWidth, imageColours, imageBytes = 1, 2, 3, 4
	rgba                                              = 4

	metadataPlugin, pluginName                        = 1, 1
	tensorType, tensorShape, tensorString, stringType = 1, 2, 8, 7
	shapeDim, dimSize                                 = 2, 1
)

// add appends a value.
func (s *Summary) add(tag string, value []byte) {
	v := protowire.AppendString(protowire.AppendTag(nil, valueTag, protowire.BytesType), tag)
	s.bytes = message(s.bytes, summaryValue, append(v, value...))
}

// Scalar adds a number. One that is not finite shows as a gap with a mark.
func (s *Summary) Scalar(tag string, v float64) {
	b := protowire.AppendTag(nil, valueScalar, protowire.Fixed32Type)
	s.add(tag, protowire.AppendFixed32(b, math.Float32bits(float32(v))))
}

// Histogram adds the distribution of a tensor's values.
func (s *Summary) Histogram(tag string, h *Histogram) {
	s.add(tag, message(nil, valueHistogram, h.encode()))
}

// Image adds a picture, as PNG.
func (s *Summary) Image(tag string, m image.Image) error {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		return err
	}
	v := integer(nil, imageHeight, m.Bounds().Dy())
	v = integer(v, imageWidth, m.Bounds().Dx())
	v = integer(v, imageColours, rgba)
	s.add(tag, message(nil, valueImage, message(v, imageBytes, b.Bytes())))
	return nil
}

// Text adds a text in Markdown.
func (s *Summary) Text(tag, markdown string) {
	plugin := protowire.AppendString(protowire.AppendTag(nil, pluginName, protowire.BytesType), "text")
	tensor := integer(nil, tensorType, stringType)
	tensor = message(tensor, tensorShape, message(nil, shapeDim, integer(nil, dimSize, 1)))
	tensor = message(tensor, tensorString, []byte(markdown))
	s.add(tag, message(message(nil, valueTensor, tensor), valueMetadata, message(nil, metadataPlugin, plugin)))
}

// message appends a field that is a message or bytes.
func message(b []byte, field protowire.Number, m []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), m)
}

// integer appends a field that is an integer; as everywhere in this format, 0 is left out.
func integer(b []byte, field protowire.Number, v int) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(v))
}

// double appends a field that is a float64.
func double(b []byte, field protowire.Number, v float64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), math.Float64bits(v))
}

// doubles appends a packed field of float64.
func doubles(b []byte, field protowire.Number, list []float64) []byte {
	var packed []byte
	for _, v := range list {
		packed = protowire.AppendFixed64(packed, math.Float64bits(v))
	}
	return message(b, field, packed)
}
