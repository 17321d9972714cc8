package dabs

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"mspecc/runtime/data"
	"mspecc/runtime/data/generic"
)

// utterances lists the recordings PART/SPEAKER/CHAPTER/*.flac (or .wav) in the order of their names, by
// speaker; speakers are ordered by number.
func utterances(s *data.Source, base, part string) (map[int][]item, error) {
	speakers, err := subfolders(s, path.Join(base, part))
	if err != nil {
		return nil, err
	}
	found := map[int][]item{}
	for i, speaker := range speakers {
		s.Progress("listing "+part, int64(i), int64(len(speakers)))
		id, err := strconv.Atoi(speaker)
		if err != nil {
			return nil, s.Fail(path.Join(base, part, speaker), "", "is no folder of a speaker, expected a number", "move it away")
		}
		for _, pattern := range []string{"*/*.flac", "*/*.wav"} {
			names, err := fs.Glob(s.Root, path.Join(base, part, speaker, pattern))
			if err != nil {
				return nil, s.Fail(path.Join(base, part, speaker), "", "cannot be listed: "+data.Cause(err), "rename it")
			}
			for _, n := range names {
				found[id] = append(found[id], item{name: n})
			}
		}
	}
	return found, nil
}

// speakers orders the speakers by number and labels their recordings.
func speakers(found map[int][]item) (ids []int, names []string) {
	for id := range found {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for label, id := range ids {
		names = append(names, strconv.Itoa(id))
		slices.SortFunc(found[id], func(a, b item) int { return strings.Compare(path.Base(a.name), path.Base(b.name)) })
		for i := range found[id] {
			found[id][i].label = float64(label)
		}
	}
	return ids, names
}

func libriFolder(s *data.Source, part string) (string, error) {
	return folder(s, "openslr.org/12", part, ".", "LibriSpeech", "speech/LibriSpeech")
}

// librispeech: the training parts; the label is the speaker, dev-clean has other speakers.
func librispeech(s *data.Source) (*speechSet, error) {
	parts := s.List("parts")
	if len(parts) == 0 {
		return nil, s.BadOption("parts", "at least one folder such as train-clean-100")
	}
	set := &speechSet{mean: -22.924, std: 12.587, cutTraining: "random", unlabelled: true}
	for _, part := range append(parts, "dev-clean") {
		base, err := libriFolder(s, part)
		if err != nil {
			return nil, err
		}
		found, err := utterances(s, base, part)
		if err != nil {
			return nil, err
		}
		ids, _ := speakers(found)
		dst := &set.train
		if part == "dev-clean" {
			dst = &set.test
		}
		for _, id := range ids {
			*dst = append(*dst, found[id]...)
		}
	}
	return set, nil
}

// librispeechTransfer: dev-clean; four fifths of the utterances of each speaker train.
func librispeechTransfer(s *data.Source) (*speechSet, error) {
	base, err := libriFolder(s, "dev-clean")
	if err != nil {
		return nil, err
	}
	found, err := utterances(s, base, "dev-clean")
	if err != nil {
		return nil, err
	}
	ids, names := speakers(found)
	var groups [][]item
	for _, id := range ids {
		groups = append(groups, found[id])
	}
	set := &speechSet{names: names, mean: -22.924, std: 12.587, cutTraining: "head"}
	set.train, set.test = perClass(groups)
	return set, nil
}

// voxceleb: iden_split.txt has a part (1, 2 train, 3 tests) and a recording below wav/ in each line; the label is the speaker.
func voxceleb(s *data.Source) (*speechSet, error) {
	base, err := folder(s, "robots.ox.ac.uk/~vgg/data/voxceleb", "iden_split.txt", ".", "voxceleb1", "speech/voxceleb1")
	if err != nil {
		return nil, err
	}
	name := path.Join(base, "iden_split.txt")
	lines, err := textLines(s, name)
	if err != nil {
		return nil, err
	}
	set := &speechSet{mean: -37.075, std: 19.776, cutTraining: "random"}
	var second []item // of part 2, which follows part 1 in training
	for i, line := range lines {
		part, recording, ok := strings.Cut(line, " ")
		it := item{name: path.Join(base, "wav", recording)}
		switch {
		case ok && part == "1":
			set.train = append(set.train, it)
		case ok && part == "2":
			second = append(second, it)
		case ok && part == "3":
			set.test = append(set.test, it)
		default:
			return nil, s.Fail(name, fmt.Sprintf("line %d", i+1), fmt.Sprintf("is %.60q, expected 1, 2 or 3 and a recording", line), "fetch it again")
		}
	}
	set.train = append(set.train, second...)
	speaker := func(it item) string {
		inside := strings.TrimPrefix(it.name, path.Join(base, "wav")+"/")
		before, _, _ := strings.Cut(inside, "/")
		return before
	}
	label(set, speaker)
	return set, nil
}

// label numbers the classes that a function tells, in the order of their names.
func label(set *speechSet, class func(it item) string) {
	for _, part := range [][]item{set.train, set.test} {
		for _, it := range part {
			set.names = append(set.names, class(it))
		}
	}
	slices.Sort(set.names)
	set.names = slices.Compact(set.names)
	for _, part := range [][]item{set.train, set.test} {
		for i := range part {
			n, _ := slices.BinarySearch(set.names, class(part[i]))
			part[i].label = float64(n)
		}
	}
}

// The speakers of AudioMNIST whose recordings test; the others, of 60, train.
var audioMNISTTest = []string{"26", "52", "60", "18", "32", "42", "05", "13", "22", "33", "45", "51"}

// audioMNIST: data/SPEAKER/DIGIT_SPEAKER_INDEX.wav.
func audioMNIST(s *data.Source) (*speechSet, error) {
	base, err := folder(s, "github.com/soerenab/AudioMNIST", "data", ".", "AudioMNIST", "speech/AudioMNIST")
	if err != nil {
		return nil, err
	}
	speakers, err := subfolders(s, path.Join(base, "data"))
	if err != nil {
		return nil, err
	}
	set := &speechSet{mean: -90.293, std: 11.799, cutTraining: "random"}
	for digit := range 10 {
		set.names = append(set.names, strconv.Itoa(digit))
	}
	for _, speaker := range speakers {
		names, err := fs.Glob(s.Root, path.Join(base, "data", speaker, "*.wav"))
		if err != nil {
			return nil, s.Fail(path.Join(base, "data", speaker), "", "cannot be listed: "+data.Cause(err), "rename it")
		}
		for _, n := range names {
			digit, _, _ := strings.Cut(path.Base(n), "_")
			if len(digit) != 1 || digit[0] < '0' || digit[0] > '9' {
				return nil, s.Fail(n, "", "has a name without its digit, expected DIGIT_SPEAKER_INDEX.wav", "move it away")
			}
			it := item{name: n, label: float64(digit[0] - '0')}
			if slices.Contains(audioMNISTTest, speaker) {
				set.test = append(set.test, it)
			} else {
				set.train = append(set.train, it)
			}
		}
	}
	return set, nil
}

// googleWords are the words of Speech Commands v0.02 in the benchmark's order; the last is no word.
var googleWords = []string{"eight", "right", "happy", "three", "yes", "up", "no", "stop", "on", "four", "nine", "zero", "down", "go", "six", "two", "left",
	"five", "off", "seven", "one", "cat", "bird", "marvin", "wow", "tree", "dog", "sheila", "bed", "house", "follow", "visual", "backward", "forward", "learn",
	"_background_noise_"}

// googleSpeech: WORD/*.wav; testing_list.txt and validation_list.txt name recordings, the latter train.
func googleSpeech(s *data.Source) (*speechSet, error) {
	base, err := folder(s, "download.tensorflow.org/data (speech_commands_v0.02)", "testing_list.txt", ".", "google_speech", "speech/google_speech")
	if err != nil {
		return nil, err
	}
	testing, err := textLines(s, path.Join(base, "testing_list.txt"))
	if err != nil {
		return nil, err
	}
	validation, err := textLines(s, path.Join(base, "validation_list.txt"))
	if err != nil {
		return nil, err
	}
	kept := map[string]bool{}
	split := s.Text("split")
	switch split {
	case "clean":
		for _, n := range append(slices.Clone(testing), validation...) {
			kept[n] = true
		}
	case "reference": // there the names of the lists end in newlines and equal no recording
	default:
		return nil, s.BadOption("split", "clean or reference")
	}
	var train []string
	for _, word := range googleWords {
		names, err := fs.Glob(s.Root, path.Join(base, word, "*.wav"))
		if err != nil {
			return nil, s.Fail(base, "", "cannot be listed: "+data.Cause(err), "rename it")
		}
		for _, n := range names {
			if n = path.Join(word, path.Base(n)); !kept[n] {
				train = append(train, n)
			}
		}
	}
	set := &speechSet{names: googleWords, mean: -46.847, std: 19.151, cutTraining: "random"}
	if set.train, err = googleItems(s, base, append(train, validation...)); err != nil {
		return nil, err
	}
	set.test, err = googleItems(s, base, testing)
	return set, err
}

func googleItems(s *data.Source, base string, names []string) ([]item, error) {
	var items []item
	for _, n := range names {
		word := strings.ToLower(path.Dir(n))
		label := slices.Index(googleWords, word)
		if label < 0 {
			return nil, s.Fail(path.Join(base, n), "", fmt.Sprintf("has the word %q, which is none of Speech Commands v0.02", word), "correct the list")
		}
		items = append(items, item{name: path.Join(base, n), label: float64(label)})
	}
	return items, nil
}

// fluentLabels are the values of each column that serves as a label, in the benchmark's order.
var fluentLabels = map[string][]string{
	"action":   {"change language", "activate", "deactivate", "increase", "decrease", "bring"},
	"object":   {"none", "music", "lights", "volume", "heat", "lamp", "newspaper", "juice", "socks", "shoes", "Chinese", "Korean", "English", "German"},
	"location": {"none", "kitchen", "bedroom", "washroom"},
}

// fluent: data/{train,valid,test}_data.csv with the columns path, action, object and location; train and valid train.
func fluent(s *data.Source) (*speechSet, error) {
	base, err := folder(s, "fluent.ai (Fluent Speech Commands)", "data/train_data.csv", ".", "fluent_speech_commands_dataset", "speech/fluent_speech_commands_dataset")
	if err != nil {
		return nil, err
	}
	column := s.Text("label")
	values := fluentLabels[column]
	if values == nil {
		return nil, s.BadOption("label", "action, object or location")
	}
	set := &speechSet{names: values, mean: -31.809, std: 13.127, cutTraining: "random"}
	for _, part := range []string{"train", "valid", "test"} {
		items, err := fluentPart(s, base, path.Join(base, "data", part+"_data.csv"), column, values)
		if err != nil {
			return nil, err
		}
		if part == "test" {
			set.test = items
		} else {
			set.train = append(set.train, items...)
		}
	}
	return set, nil
}

func fluentPart(s *data.Source, base, name, column string, values []string) ([]item, error) {
	t, err := generic.OpenCSV(s, "layout", name)
	if err != nil {
		return nil, err
	}
	recording, err := t.Column("path")
	if err != nil {
		return nil, err
	}
	label, err := t.Column(column)
	if err != nil {
		return nil, err
	}
	var items []item
	err = t.Read(0, t.Rows(), []int{recording, label}, func(row int, fields [][]byte) error {
		class := slices.Index(values, string(fields[1]))
		if class < 0 {
			return s.Fail(name, t.At(row), fmt.Sprintf("the %s is %q, expected one of %s", column, fields[1], strings.Join(values, ", ")), "correct the row")
		}
		items = append(items, item{name: path.Join(base, string(fields[0])), label: float64(class)})
		return nil
	})
	return items, err
}
