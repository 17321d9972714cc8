package dabs

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"mspecc/runtime/data"
	"mspecc/runtime/data/matlab"
)

// textLines reads the lines of a small list, without their ends.
func textLines(s *data.Source, name string) ([]string, error) {
	f, err := s.OpenText("layout", name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []string
	scan := bufio.NewScanner(f)
	for scan.Scan() {
		if line := strings.TrimSpace(scan.Text()); line != "" {
			lines = append(lines, line)
		}
	}
	var own *data.Error
	if err := scan.Err(); errors.As(err, &own) {
		return nil, own
	} else if err != nil {
		return nil, s.Fail(name, fmt.Sprintf("line %d", len(lines)+1), "cannot be read: "+data.Cause(err), "fetch it again")
	}
	if len(lines) == 0 {
		return nil, s.Fail(name, "", "is empty", "fetch it again")
	}
	return lines, nil
}

// table reads lines of a key and the rest, which must be so many fields (-1: whatever follows the first blank).
func table(s *data.Source, name string, fieldCount int) (keys []string, rest map[string][]string, err error) {
	lines, err := textLines(s, name)
	if err != nil {
		return nil, nil, err
	}
	rest = map[string][]string{}
	for i, line := range lines {
		key, value, ok := strings.Cut(line, " ")
		fields := []string{strings.TrimSpace(value)}
		if fieldCount > 0 {
			fields = strings.Fields(value)
		}
		if !ok || fieldCount > 0 && len(fields) != fieldCount {
			return nil, nil, s.Fail(name, fmt.Sprintf("line %d", i+1), fmt.Sprintf("is %.60q, expected a name and %d fields", line, max(fieldCount, 1)), "fetch it again")
		}
		if rest[key] != nil {
			return nil, nil, s.Fail(name, fmt.Sprintf("line %d", i+1), fmt.Sprintf("repeats %q", key), "remove one of the lines")
		}
		keys = append(keys, key)
		rest[key] = fields
	}
	return keys, rest, nil
}

// subfolders lists the folders in a folder, by name.
func subfolders(s *data.Source, dir string) ([]string, error) {
	entries, err := fs.ReadDir(s.Root, dir)
	if err != nil {
		return nil, s.Fail(dir, "", "cannot be read: "+data.Cause(err), "give the folder that the data set was unpacked in")
	}
	var names []string
	for _, e := range entries {
		if s.IsFolder(dir, e) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// imagenet: train/WNID/*.JPEG and val/WNID/*.JPEG; classes are the folders in order.
func imagenet(s *data.Source) (train, test []item, names []string, err error) {
	base, err := folder(s, "image-net.org (ILSVRC2012)", "train", ".", "imagenet", "ImageNet")
	if err != nil {
		return nil, nil, nil, err
	}
	if names, err = subfolders(s, path.Join(base, "train")); err != nil {
		return nil, nil, nil, err
	}
	if train, err = classFolders(s, path.Join(base, "train"), names); err != nil {
		return nil, nil, nil, err
	}
	test, err = classFolders(s, path.Join(base, "val"), names)
	return train, test, names, err
}

// classFolders lists the pictures in one folder for each class.
func classFolders(s *data.Source, dir string, names []string) ([]item, error) {
	var items []item
	for label, name := range names {
		s.Progress("listing "+dir, int64(label), int64(len(names)))
		entries, err := fs.ReadDir(s.Root, path.Join(dir, name))
		if err != nil {
			return nil, s.Fail(path.Join(dir, name), "", "cannot be read: "+data.Cause(err), "give the folder that the data set was unpacked in")
		}
		for _, e := range entries {
			if !e.IsDir() && isPicture(e.Name()) {
				items = append(items, item{name: path.Join(dir, name, e.Name()), label: float64(label)})
			}
		}
	}
	return items, nil
}

// cub: CUB-200-2011 with its own split; images.txt, image_class_labels.txt (from 1) and train_test_split.txt (1 = training).
func cub(s *data.Source) (train, test []item, names []string, err error) {
	base, err := folder(s, "data.caltech.edu (CUB-200-2011)", "images.txt", ".", "CUB_200_2011", "natural_images/cu_birds/CUB_200_2011")
	if err != nil {
		return nil, nil, nil, err
	}
	ids, files, err := table(s, path.Join(base, "images.txt"), 1)
	if err != nil {
		return nil, nil, nil, err
	}
	_, classes, err := table(s, path.Join(base, "image_class_labels.txt"), 1)
	if err != nil {
		return nil, nil, nil, err
	}
	_, split, err := table(s, path.Join(base, "train_test_split.txt"), 1)
	if err != nil {
		return nil, nil, nil, err
	}
	names = make([]string, 200)
	for _, id := range ids {
		if classes[id] == nil || split[id] == nil {
			return nil, nil, nil, s.Fail(path.Join(base, "images.txt"), "picture "+id, "has no class or no part", "fetch the lists again")
		}
		class, err := strconv.Atoi(classes[id][0])
		if err != nil || class < 1 || class > len(names) {
			return nil, nil, nil, s.Fail(path.Join(base, "image_class_labels.txt"), "picture "+id, "the class is "+classes[id][0]+", expected 1 to 200", "fetch it again")
		}
		names[class-1] = path.Dir(files[id][0])
		it := item{name: path.Join(base, "images", files[id][0]), label: float64(class - 1)}
		switch split[id][0] {
		case "1":
			train = append(train, it)
		case "0":
			test = append(test, it)
		default:
			return nil, nil, nil, s.Fail(path.Join(base, "train_test_split.txt"), "picture "+id, "the part is "+split[id][0]+", expected 0 or 1", "fetch it again")
		}
	}
	return train, test, names, nil
}

// flowers: jpg/image_%05d.jpg with the classes (from 1) in imagelabels.mat; classes are taken in
// the order in which they appear there, which decides the random split.
func flowers(s *data.Source) (train, test []item, names []string, err error) {
	base, err := folder(s, "robots.ox.ac.uk/~vgg/data/flowers/102", "imagelabels.mat", ".", "flowers102", "natural_images/flowers")
	if err != nil {
		return nil, nil, nil, err
	}
	labels, err := matrix(s, path.Join(base, "imagelabels.mat"), "labels")
	if err != nil {
		return nil, nil, nil, err
	}
	groups, order := map[int][]item{}, []int{}
	all := make([]item, len(labels))
	for i, class := range labels {
		if class < 1 || class > 102 {
			return nil, nil, nil, s.Fail(path.Join(base, "imagelabels.mat"), fmt.Sprintf("picture %d", i+1), fmt.Sprintf("the class is %d, expected 1 to 102", class), "fetch it again")
		}
		all[i] = item{name: path.Join(base, "jpg", fmt.Sprintf("image_%05d.jpg", i+1)), label: float64(class - 1)}
		if groups[class] == nil {
			order = append(order, class)
		}
		groups[class] = append(groups[class], all[i])
	}
	for class := range 102 {
		names = append(names, strconv.Itoa(class+1))
	}
	switch s.Text("split") {
	case "", "random":
		var ordered [][]item
		for _, class := range order {
			ordered = append(ordered, groups[class])
		}
		train, test = perClass(ordered)
	case "official":
		train, test, err = flowersOfficial(s, path.Join(base, "setid.mat"), all)
	default:
		err = s.BadOption("split", "random or official")
	}
	return train, test, names, err
}

// flowersOfficial takes the parts trnid and valid for training, tstid for testing.
func flowersOfficial(s *data.Source, name string, all []item) (train, test []item, err error) {
	for _, part := range []struct {
		variable string
		dst      *[]item
	}{{"trnid", &train}, {"valid", &train}, {"tstid", &test}} {
		ids, err := matrix(s, name, part.variable)
		if err != nil {
			return nil, nil, err
		}
		for _, id := range ids {
			if id < 1 || id > len(all) {
				return nil, nil, s.Fail(name, part.variable, fmt.Sprintf("names the picture %d of %d", id, len(all)), "fetch it again")
			}
			*part.dst = append(*part.dst, all[id-1])
		}
	}
	return train, test, nil
}

// matrix reads the whole numbers of a variable of a .mat file.
func matrix(s *data.Source, name, variable string) ([]int, error) {
	raw, err := s.ReadWhole(name, nil)
	if err != nil {
		return nil, err
	}
	all, err := matlab.Read(raw)
	if err != nil {
		return nil, s.Fail(name, "", err.Error(), "fetch it again")
	}
	a, ok := all[variable]
	if !ok {
		return nil, s.Fail(name, "", "lacks the variable "+variable, "fetch it again")
	}
	out := make([]int, len(a.Values))
	for i, v := range a.Values {
		if v != float64(int(v)) {
			return nil, s.Fail(name, fmt.Sprintf("%s(%d)", variable, i+1), fmt.Sprintf("is %g, expected a whole number", v), "fetch it again")
		}
		out[i] = int(v)
	}
	return out, nil
}

// dtd: images/CLASS/NAME.jpg, the lists labels/train1.txt and val1.txt against test1.txt.
func dtd(s *data.Source) (train, test []item, names []string, err error) {
	base, err := folder(s, "robots.ox.ac.uk/~vgg/data/dtd", "labels/train1.txt", ".", "dtd", "imagenet/dtd", "natural_images/dtd/dtd")
	if err != nil {
		return nil, nil, nil, err
	}
	lists := map[string][]string{}
	for _, part := range []string{"train1", "val1", "test1"} {
		if lists[part], err = textLines(s, path.Join(base, "labels", part+".txt")); err != nil {
			return nil, nil, nil, err
		}
		for _, name := range lists[part] {
			names = append(names, path.Dir(name))
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for _, part := range []string{"train1", "val1", "test1"} {
		for _, name := range lists[part] {
			class, _ := slices.BinarySearch(names, path.Dir(name))
			it := item{name: path.Join(base, "images", name), label: float64(class)}
			if part == "test1" {
				test = append(test, it)
			} else {
				train = append(train, it)
			}
		}
	}
	return train, test, names, nil
}

// trafficSign: GTSRB, Final_Training/Images/%05d/TRACK_FRAME.ppm. The frames of a track show one sign while
// the car draws near; a split by pictures has almost every test picture's neighbour in training.
func trafficSign(s *data.Source) (train, test []item, names []string, err error) {
	base, err := folder(s, "benchmark.ini.rub.de (GTSRB)", "Final_Training/Images", ".", "GTSRB", "imagenet/traffic_sign/GTSRB", "natural_images/traffic_sign/GTSRB")
	if err != nil {
		return nil, nil, nil, err
	}
	base = path.Join(base, "Final_Training/Images")
	if names, err = subfolders(s, base); err != nil {
		return nil, nil, nil, err
	}
	items, err := classFolders(s, base, names)
	if err != nil {
		return nil, nil, nil, err
	}
	groups := make([][]item, len(names))
	for _, it := range items {
		groups[int(it.label)] = append(groups[int(it.label)], it)
	}
	switch s.Text("split") {
	case "", "tracks":
		train, test = perTrack(groups)
	case "pictures":
		train, test = perClass(groups)
	default:
		err = s.BadOption("split", "tracks or pictures")
	}
	return train, test, names, err
}

// perTrack gives four fifths of the tracks of each class to training.
func perTrack(groups [][]item) (train, test []item) {
	tracks := make([][]item, len(groups)) // one item for each track
	for class, g := range groups {
		for _, it := range g {
			if n := len(tracks[class]); n == 0 || track(tracks[class][n-1]) != track(it) {
				tracks[class] = append(tracks[class], it)
			}
		}
	}
	trainTracks, _ := perClass(tracks)
	in := map[string]bool{}
	for _, it := range trainTracks {
		in[track(it)] = true
	}
	for _, g := range groups {
		for _, it := range g {
			if in[track(it)] {
				train = append(train, it)
			} else {
				test = append(test, it)
			}
		}
	}
	return train, test
}

// track is the folder and the first number of a picture's name.
func track(it item) string {
	before, _, _ := strings.Cut(path.Base(it.name), "_")
	return path.Join(path.Dir(it.name), before)
}

// aircraft: FGVC-Aircraft, classes are the variants, pictures are cut to their boxes.
func aircraft(s *data.Source) (train, test []item, names []string, err error) {
	base, err := folder(s, "robots.ox.ac.uk/~vgg/data/fgvc-aircraft", "images_box.txt", ".", "data", "fgvc-aircraft-2013b/data", "imagenet/fgvc-aircraft-2013b/data", "natural_images/aircraft/fgvc-aircraft-2013b/data")
	if err != nil {
		return nil, nil, nil, err
	}
	_, boxes, err := table(s, path.Join(base, "images_box.txt"), 4)
	if err != nil {
		return nil, nil, nil, err
	}
	variants := map[string]map[string][]string{} // part, variant, pictures
	for _, part := range []string{"trainval", "test"} {
		ids, rest, err := table(s, path.Join(base, "images_variant_"+part+".txt"), -1)
		if err != nil {
			return nil, nil, nil, err
		}
		variants[part] = map[string][]string{}
		for _, id := range ids {
			v := rest[id][0]
			variants[part][v] = append(variants[part][v], id)
			names = append(names, v)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for label, variant := range names {
		for part, dst := range map[string]*[]item{"trainval": &train, "test": &test} {
			ids := variants[part][variant]
			slices.Sort(ids)
			for _, id := range ids {
				box, err := boxOf(boxes[id])
				if err != nil {
					return nil, nil, nil, s.Fail(path.Join(base, "images_box.txt"), "picture "+id, err.Error(), "fetch it again")
				}
				*dst = append(*dst, item{name: path.Join(base, "images", id+".jpg"), label: float64(label), box: box})
			}
		}
	}
	return train, test, names, nil
}

// boxOf reads left, top, right and bottom.
func boxOf(fields []string) (*[4]int, error) {
	if fields == nil {
		return nil, fmt.Errorf("has no box")
	}
	var box [4]int
	for i, f := range fields {
		v, err := strconv.Atoi(f)
		if err != nil {
			return nil, fmt.Errorf("its box has %q, expected a whole number", f)
		}
		box[i] = v
	}
	return &box, nil
}
