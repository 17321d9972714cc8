package dabs

import (
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"

	"mspecc/runtime/data"
	"mspecc/runtime/data/mersenne"
	"mspecc/runtime/data/pandas"
	"mspecc/runtime/data/picture"
)

var eurosatReader = data.Builtin("eurosat", openEuroSAT)

// eurosatClasses are the classes in the order of their names, as TensorFlow Datasets numbers them.
var eurosatClasses = []string{"AnnualCrop", "Forest", "HerbaceousVegetation", "Highway", "Industrial", "Pasture", "PermanentCrop", "Residential", "River", "SeaLake"}

var eurosatNorm = &channelNorm{
	mean: []float32{1354.3003, 1117.7579, 1042.2800, 947.6443, 1199.6334, 2001.9829, 2372.5579, 2299.6663, 731.0175, 12.0956, 1822.4083, 1119.5759, 2598.4456},
	std:  []float32{244.0469, 323.4128, 385.0928, 584.1638, 566.0543, 858.5753, 1083.6704, 1103.0342, 402.9594, 4.7207, 1002.4071, 759.6080, 1228.4104},
}

func openEuroSAT(s *data.Source) (data.Dataset, data.Dataset, error) {
	shape := s.Input.Shape
	if s.Input.Tokens || len(shape) != 3 || shape[0] != len(eurosatNorm.mean) {
		return nil, nil, s.Fail("", "", fmt.Sprintf("the model wants examples %v, EuroSAT gives f32[13,64,64]", s.Input), "correct the modality's shape")
	}
	standardize, err := s.Boolean("standardize")
	if err != nil {
		return nil, nil, err
	}
	norm := eurosatNorm
	if !standardize {
		norm = nil
	}
	part := s.Text("part")
	if part != "transfer" && part != "pretrain" && part != "all" {
		return nil, nil, s.BadOption("part", "transfer, pretrain or all")
	}
	if s.Text("file") == "" {
		for _, dir := range []string{".", "tif", "EuroSAT_MS", "ds/images/remote_sensing/otherDatasets/sentinel_2/tif"} {
			if info, err := fs.Stat(s.Root, path.Join(dir, eurosatClasses[0])); err == nil && info.IsDir() {
				return eurosatFolders(s, dir, part, norm)
			}
		}
	}
	return eurosatTable(s, part, norm)
}

// eurosatTable reads the pickled tables, which were shuffled when they were made.
func eurosatTable(s *data.Source, part string, norm *channelNorm) (data.Dataset, data.Dataset, error) {
	usual := part + ".pkl"
	frame, file, err := openTable(s, "file", usual, "eurosat_all/"+usual, "satellite_images/"+usual)
	if err != nil {
		return nil, nil, err
	}
	label, err := frame.Column("label")
	if err != nil {
		return nil, nil, file.Fail("", err.Error(), "give the table of EuroSAT")
	}
	bands, err := frame.Column("sentinel2")
	if err != nil {
		return nil, nil, file.Fail("", err.Error(), "give the table of EuroSAT")
	}
	classes := make([]int32, frame.Rows)
	for row := range classes {
		v, ok := frame.Float(row, label)
		if frame.At(row, label) == nil || math.IsNaN(v) || slices.Contains(data.NoLabel, v) {
			classes[row] = -1
			continue
		}
		if !ok || v != float64(int32(v)) || v < 0 || int(v) >= len(eurosatClasses) {
			return nil, nil, file.Fail(fmt.Sprintf("row %d", row), fmt.Sprintf("the label is %v, expected 0 to 9", frame.At(row, label)), "correct the table")
		}
		classes[row] = int32(v)
	}
	shape := s.Input.Shape
	decode := func(row int, x []float32) error {
		a, ok := frame.At(row, bands).(*pandas.Array)
		if !ok || len(a.Shape) != 3 || a.Shape[0] != shape[1] || a.Shape[1] != shape[2] || a.Shape[2] != shape[0] {
			return fmt.Errorf("sentinel2 is no array of %d x %d x %d", shape[1], shape[2], shape[0])
		}
		pixels := make([]float32, a.Len())
		if !a.Floats(pixels) {
			return fmt.Errorf("sentinel2 holds other things than numbers")
		}
		n := shape[1] * shape[2]
		for i, v := range pixels {
			if v-v != 0 {
				return fmt.Errorf("sentinel2 holds %g, expected finite numbers", v)
			}
			x[i%shape[0]*n+i/shape[0]] = v
		}
		norm.apply(x)
		return nil
	}
	set := &rowSet{frame: frame, file: file, class: classes, decode: decode,
		labels: data.Labels{Classes: len(eurosatClasses), Each: 1, Names: eurosatClasses}}
	for row := range frame.Rows {
		set.rows = append(set.rows, int32(row))
	}
	return s.Tenths(set, "none")
}

// eurosatFolders reads the original TIFFs. The nine tenths for pretraining and the tenth for transfer are
// drawn as the benchmark draws them, but over the files ordered by name, not over TensorFlow Datasets' order.
func eurosatFolders(s *data.Source, dir, part string, norm *channelNorm) (data.Dataset, data.Dataset, error) {
	var items []item
	for label, class := range eurosatClasses {
		entries, err := fs.ReadDir(s.Root, path.Join(dir, class))
		if err != nil {
			continue // a sample of the data need not have every class
		}
		for _, e := range entries {
			if ext := strings.ToLower(path.Ext(e.Name())); ext == ".tif" || ext == ".tiff" {
				items = append(items, item{name: path.Join(dir, class, e.Name()), label: float64(label)})
			}
		}
	}
	slices.SortFunc(items, func(a, b item) int { return strings.Compare(path.Base(a.name), path.Base(b.name)) })
	order := mersenne.NumPy(splitSeed).Permutation(len(items))
	cut := (9*len(items) + 9) / 10
	switch part {
	case "transfer":
		order = order[cut:]
	case "pretrain":
		order = order[:cut]
	}
	shape := s.Input.Shape
	decode := func(raw []byte, _ *item, _ uint64, x []float32) error {
		b, err := picture.DecodeBands(raw, picture.Options{Channels: shape[0]})
		if err != nil {
			return err
		}
		if b.Count != shape[0] || b.Height != shape[1] || b.Width != shape[2] {
			return fmt.Errorf("has %d bands of %d x %d, expected %d of %d x %d", b.Count, b.Height, b.Width, shape[0], shape[1], shape[2])
		}
		for i, v := range b.Values {
			if v-v != 0 {
				return fmt.Errorf("has the value %g, expected finite numbers", v)
			}
			x[i] = v
		}
		norm.apply(x)
		return nil
	}
	var list []item
	for _, at := range order {
		list = append(list, items[at])
	}
	set, err := filesOf(s, "this part", list, data.Labels{Classes: len(eurosatClasses), Each: 1, Names: eurosatClasses})
	if err != nil {
		return nil, nil, err
	}
	set.decode = decode
	return s.Tenths(set, "none")
}
