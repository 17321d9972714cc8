package dabs

import (
	"fmt"
	"strings"

	"mspecc/runtime/data"
	"mspecc/runtime/data/pandas"
	"mspecc/runtime/data/picture"
)

var waferReader = data.Builtin("wafer", openWafer)

// waferClasses are the failure types in the benchmark's order.
var waferClasses = []string{"none", "random", "donut", "scratch", "center", "loc", "edge-loc", "edge-ring", "near-full"}

func openWafer(s *data.Source) (data.Dataset, data.Dataset, error) {
	shape := s.Input.Shape
	if s.Input.Tokens || len(shape) != 3 || shape[0] != 1 && shape[0] != 3 {
		return nil, nil, s.Fail("", "", fmt.Sprintf("the model wants examples %v, wafer maps give f32[3,height,width] or f32[1,height,width]", s.Input), "correct the modality's shape")
	}
	labelled, err := s.Boolean("labeled")
	if err != nil {
		return nil, nil, err
	}
	usual := "unlabeled.pkl"
	if labelled {
		usual = "labeled.pkl"
	}
	frame, file, err := openTable(s, "file", usual, "wafer_map/"+usual, "semiconductors/"+usual, "LSWMD.pkl", "wafer_map/LSWMD.pkl")
	if err != nil {
		return nil, nil, err
	}
	types, err := frame.Column("failureType")
	if err != nil {
		return nil, nil, file.Fail("", err.Error(), "give the table of WM-811K")
	}
	maps, err := frame.Column("pixels", "waferMap")
	if err != nil {
		return nil, nil, file.Fail("", err.Error(), "give the table of WM-811K")
	}
	rows, classes, err := waferRows(s, frame, file, types, labelled)
	if err != nil {
		return nil, nil, err
	}
	decode := func(row int, x []float32) error {
		m, err := waferPicture(frame.At(row, maps), frame.Columns[maps] == "waferMap")
		if err != nil {
			return err
		}
		if shape[0] == 1 {
			m = m.Grey()
		}
		picture.Resize(m, shape[2], shape[1], picture.Bilinear).Planes(x, shape[0])
		return nil
	}
	set := &rowSet{frame: frame, file: file, rows: rows, decode: decode, labels: data.Labels{Each: 1}}
	if labelled {
		set.class, set.labels = classes, data.Labels{Classes: len(waferClasses), Each: 1, Names: waferClasses}
	}
	return s.Tenths(set, "42")
}

// waferRows are the labelled or the unlabelled rows, and the classes of the former.
func waferRows(s *data.Source, frame *pandas.Frame, file *data.Blob, types int, labelled bool) (rows, classes []int32, err error) {
	for row := range frame.Rows {
		name, ok := waferLabel(frame.At(row, types))
		if !ok {
			return nil, nil, file.Fail(fmt.Sprintf("row %d", row), "the failure type is no text", "give the table of WM-811K")
		}
		if (name != "") != labelled {
			continue
		}
		class := 0
		if labelled {
			for class < len(waferClasses) && waferClasses[class] != name {
				class++
			}
			if class == len(waferClasses) {
				bad := file.Fail(fmt.Sprintf("row %d", row), fmt.Sprintf("the failure type is %q, expected one of %s", name, strings.Join(waferClasses, ", ")), "correct the table")
				if err := s.Bad(bad); err != nil {
					return nil, nil, err
				}
				continue
			}
		}
		rows, classes = append(rows, int32(row)), append(classes, int32(class))
	}
	if len(rows) == 0 {
		return nil, nil, file.Fail("", fmt.Sprintf("has no maps with labeled = %v in its %d rows", labelled, frame.Rows), "give the other table, or change the option labeled")
	}
	return rows, classes, nil
}

// waferLabel is a failure type in lower case, "" for none: a text, or an array around one, or an empty array.
func waferLabel(v any) (string, bool) {
	for range 4 {
		switch x := v.(type) {
		case string:
			if x = strings.ToLower(x); x == "unlabeled" {
				x = ""
			}
			return x, true
		case *pandas.Array:
			if x.Len() == 0 {
				return "", true
			}
			v = x.At(0)
		default:
			return "", v == nil
		}
	}
	return "", false
}

// waferPicture makes a picture of pixels [H, W, 3] or of a map [H, W] of 0, 1 and 2, which become 0, 127 and 255.
func waferPicture(v any, dies bool) (*picture.Image, error) {
	a, ok := v.(*pandas.Array)
	if !ok {
		return nil, fmt.Errorf("the map is no array")
	}
	for range 2 { // LSWMD.pkl of Matlab has an array around the map
		if inner, ok := unwrap(a); ok {
			a = inner
		}
	}
	n := len(a.Shape)
	if n != 2 && (n != 3 || a.Shape[2] != 3) || a.Shape[0] < 1 || a.Shape[1] < 1 || a.Shape[0] > picture.MaxPixels/a.Shape[1] {
		return nil, fmt.Errorf("the map has the shape %v, expected [height, width] or [height, width, 3]", a.Shape)
	}
	m := picture.New(a.Shape[1], a.Shape[0], 3)
	values := make([]float32, a.Len())
	if !a.Floats(values) {
		return nil, fmt.Errorf("the map holds other things than numbers")
	}
	for i, x := range values {
		if dies {
			x = float32(int(x * 127.5))
		}
		if x < 0 || x > 255 || x != float32(int(x)) {
			return nil, fmt.Errorf("the map has the value %g, expected whole numbers of a byte", x)
		}
		if n == 3 {
			m.Pix[i] = byte(x)
			continue
		}
		m.Pix[3*i], m.Pix[3*i+1], m.Pix[3*i+2] = byte(x), byte(x), byte(x)
	}
	return m, nil
}

func unwrap(a *pandas.Array) (*pandas.Array, bool) {
	if a.Kind != 'O' || a.Len() != 1 {
		return nil, false
	}
	inner, ok := a.At(0).(*pandas.Array)
	return inner, ok
}
