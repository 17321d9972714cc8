package dabs

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"mspecc/runtime/data"
	"mspecc/runtime/data/sound"
)

var speechReader = data.Reader{
	Name: "speech",
	Doc:  "WAV or FLAC recordings listed as a known data set lists them, as mel spectrograms in decibels, brought to mean 0 and deviation 1",
	Options: []data.Option{
		{Name: "layout", Default: "librispeech", Doc: "the data set: librispeech (training parts, labels are speakers), librispeech_transfer (dev-clean, 80 % of each speaker's utterances), " +
			"voxceleb1, audiomnist, google_speech or fluent"},
		{Name: "label", Default: "action", Doc: "fluent: action, object or location"},
		{Name: "parts", Default: "train-clean-100,train-clean-360,train-other-500", Doc: "librispeech: the folders to train on; dev-clean is for testing"},
		{Name: "split", Default: "clean", Doc: "google_speech: clean, or reference: as the published code has it, which leaves the test recordings in training and doubles the validation ones"},
		{Name: "mean", Default: "", Doc: "decibels to subtract; default that of the data set"},
		{Name: "std", Default: "", Doc: "decibels to divide by; default that of the data set"},
		{Name: "cut", Default: "", Doc: "what is kept of long recordings: random (the head or the tail) or head; default random in training, always head for testing and for librispeech_transfer"},
		{Name: "samples", Default: "150526", Doc: "length that recordings are cut or padded with silence to, at the rate they have"},
		{Name: "hop", Default: "672", Doc: "samples from frame to frame"},
		{Name: "fft", Default: "2048", Doc: "samples of a frame"},
		{Name: "pad_mode", Default: "constant", Doc: "what lies before the first sample and behind the last: constant (silence, as librosa since 0.10 does) or reflect"},
		{Name: "squared", Default: "true", Doc: "square the power once more before taking decibels, as the benchmark does"},
	},
	Fetch: "LibriSpeech: openslr.org/12; VoxCeleb1: robots.ox.ac.uk/~vgg/data/voxceleb; AudioMNIST: github.com/soerenab/AudioMNIST; " +
		"Google Speech Commands v0.02: download.tensorflow.org/data; Fluent Speech Commands: fluent.ai",
	Open: openSpeech,
}

// speechSet is what a layout finds.
type speechSet struct {
	train, test []item
	names       []string
	mean, std   float64
	cutTraining string // default of the option cut
	unlabelled  bool   // the test recordings are of other classes than the training ones
}

var speechLayouts = map[string]func(s *data.Source) (*speechSet, error){
	"librispeech": librispeech, "librispeech_transfer": librispeechTransfer, "voxceleb1": voxceleb, "audiomnist": audioMNIST,
	"google_speech": googleSpeech, "fluent": fluent,
}

func openSpeech(s *data.Source) (data.Dataset, data.Dataset, error) {
	list := speechLayouts[s.Text("layout")]
	if list == nil {
		return nil, nil, s.BadOption("layout", "librispeech, librispeech_transfer, voxceleb1, audiomnist, google_speech or fluent")
	}
	front, err := newFrontEnd(s)
	if err != nil {
		return nil, nil, err
	}
	set, err := list(s)
	if err != nil {
		return nil, nil, err
	}
	if err := front.normalise(s, set); err != nil {
		return nil, nil, err
	}
	labels := data.Labels{Classes: len(set.names), Each: 1, Names: set.names}
	if set.unlabelled {
		labels = data.Labels{Each: 1}
	}
	train, err := filesOf(s, "training", set.train, labels)
	if err != nil {
		return nil, nil, err
	}
	test, err := filesOf(s, "testing", set.test, labels)
	if err != nil {
		return nil, nil, err
	}
	cut := set.cutTraining
	if v := s.Text("cut"); v != "" {
		cut = v
	}
	if cut != "random" && cut != "head" {
		return nil, nil, s.BadOption("cut", "random or head")
	}
	train.decode, test.decode = front.decoder(cut == "random"), front.decoder(false)
	return train, test, nil
}

// frontEnd turns recordings into spectrograms.
type frontEnd struct {
	samples   int
	opt       sound.MelOptions // without the rate, which is that of the recording
	mean, std float32
	pools     sync.Map // rate to a *sync.Pool of *sound.Mel
}

func newFrontEnd(s *data.Source) (*frontEnd, error) {
	f := &frontEnd{}
	var err error
	for _, o := range []struct {
		name string
		dst  *int
	}{{"samples", &f.samples}, {"hop", &f.opt.Hop}, {"fft", &f.opt.FFT}} {
		if *o.dst, err = s.Integer(o.name, 0, 2); err != nil {
			return nil, err
		}
	}
	if f.opt.Squared, err = s.Boolean("squared"); err != nil {
		return nil, err
	}
	f.opt.Pad = s.Text("pad_mode")
	shape := s.Input.Shape
	frames := 1 + f.samples/f.opt.Hop
	if s.Input.Tokens || len(shape) != 3 || shape[0] != 1 || shape[2] != frames || f.samples > sound.MaxSamples {
		return nil, s.Fail("", "", fmt.Sprintf("the model wants examples %v, %d samples with a hop of %d give f32[1,mels,%d]", s.Input, f.samples, f.opt.Hop, frames),
			"correct the modality's shape or the options samples and hop")
	}
	f.opt.Mels, f.opt.Rate = shape[1], 16000
	if _, err := sound.NewMel(f.opt); err != nil {
		return nil, s.Fail("", "", err.Error(), "correct the options fft, hop and pad_mode")
	}
	return f, nil
}

// normalise settles mean and deviation: the options, or those of the data set.
func (f *frontEnd) normalise(s *data.Source, set *speechSet) error {
	for _, o := range []struct {
		name   string
		preset float64
		dst    *float32
	}{{"mean", set.mean, &f.mean}, {"std", set.std, &f.std}} {
		v := o.preset
		if text := s.Text(o.name); text != "" {
			var err error
			if v, err = strconv.ParseFloat(text, 64); err != nil || math.IsNaN(v) || math.IsInf(v, 0) || o.name == "std" && v <= 0 {
				return s.BadOption(o.name, "a number, std above 0")
			}
		}
		*o.dst = float32(v)
	}
	return nil
}

// decoder makes the function that turns a file into a spectrogram.
func (f *frontEnd) decoder(random bool) func(raw []byte, it *item, word uint64, x []float32) error {
	return func(raw []byte, _ *item, word uint64, x []float32) error {
		clip, err := sound.Decode(raw)
		if err != nil {
			return err
		}
		samples := clip.Samples
		switch n := len(samples); {
		case n < f.samples:
			samples = append(samples, make([]float32, f.samples-n)...)
		case random && word&1 == 1:
			samples = samples[n-f.samples:]
		default:
			samples = samples[:f.samples]
		}
		for i, v := range samples {
			if v-v != 0 {
				return fmt.Errorf("sample %d is %g, expected a finite number", i, v)
			}
		}
		mel, err := f.mel(clip.Rate)
		if err != nil {
			return err
		}
		mel.Spectrogram(x, samples)
		f.pool(clip.Rate).Put(mel)
		for i, v := range x {
			x[i] = (v - f.mean) / f.std
		}
		return nil
	}
}

func (f *frontEnd) pool(rate int) *sync.Pool {
	p, _ := f.pools.LoadOrStore(rate, &sync.Pool{})
	return p.(*sync.Pool)
}

func (f *frontEnd) mel(rate int) (*sound.Mel, error) {
	if m, ok := f.pool(rate).Get().(*sound.Mel); ok {
		return m, nil
	}
	o := f.opt
	o.Rate = rate
	return sound.NewMel(o)
}

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
				return nil, s.Fail(path.Join(base, part, speaker), "", "cannot be listed: "+reason(err), "rename it")
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
	return folder(s, part, ".", "LibriSpeech", "speech/LibriSpeech", "speech/librispeech/LibriSpeech")
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
	base, err := folder(s, "iden_split.txt", ".", "voxceleb1", "speech/voxceleb1")
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
	base, err := folder(s, "data", ".", "AudioMNIST", "speech/AudioMNIST", "speech/audio_mnist/AudioMNIST")
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
			return nil, s.Fail(path.Join(base, "data", speaker), "", "cannot be listed: "+reason(err), "rename it")
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
	base, err := folder(s, "testing_list.txt", ".", "google_speech", "speech/google_speech")
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
			return nil, s.Fail(base, "", "cannot be listed: "+reason(err), "rename it")
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
	base, err := folder(s, "data/train_data.csv", ".", "fluent_speech_commands_dataset", "speech/fluent_speech_commands_dataset")
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
	f, err := s.Open("layout", name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.ReuseRecord = true
	head, err := r.Read()
	if err != nil {
		return nil, s.Fail(name, "line 1", "cannot be read: "+reason(err), "fetch it again")
	}
	recording, label := slices.Index(head, "path"), slices.Index(head, column)
	if recording < 0 || label < 0 {
		return nil, s.Fail(name, "line 1", "lacks a column path or "+column, "fetch it again")
	}
	var items []item
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return items, nil
		}
		line, _ := r.FieldPos(0)
		if err != nil {
			return nil, s.Fail(name, fmt.Sprintf("line %d", line), "cannot be read: "+err.Error(), "fetch it again")
		}
		class := slices.Index(values, row[label])
		if class < 0 {
			return nil, s.Fail(name, fmt.Sprintf("line %d", line), fmt.Sprintf("the %s is %q, expected one of %s", column, row[label], strings.Join(values, ", ")), "correct the line")
		}
		items = append(items, item{name: path.Join(base, row[recording]), label: float64(class)})
	}
}
