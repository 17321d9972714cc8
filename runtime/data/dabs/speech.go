package dabs

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"

	"mspecc/runtime/data"
	"mspecc/runtime/data/filetype"
	"mspecc/runtime/data/sound"
)

var speechReader = data.Builtin("speech", openSpeech)

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
	if s.Text("split") != "reference" { // which repeats recordings
		if err := distinct(s, set.train, set.test); err != nil {
			return nil, nil, err
		}
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
	if err := front.settleRate(s, train); err != nil {
		return nil, nil, err
	}
	train.look, test.look = data.Look{Spectrogram: true, Drawn: cut == "random"}, data.Look{Spectrogram: true}
	train.decode, test.decode = front.decoder(cut == "random"), front.decoder(false)
	return train, test, nil
}

// settleRate reads the option rate, or the first good recording.
func (f *frontEnd) settleRate(s *data.Source, set *files) error {
	switch text := s.Text("rate"); text {
	case "any":
		return nil
	case "":
	default:
		var err error
		f.rate, err = s.Integer("rate", 0, 1)
		return err
	}
	for i := range set.items {
		name := set.items[i].name
		raw, err := s.ReadWhole(name, nil)
		if err == nil {
			var r *sound.Recording
			if r, err = sound.Open(bytes.NewReader(raw), int64(len(raw))); err == nil {
				f.rate = r.Rate
				return nil
			}
			err = s.Unreadable(name, err)
		}
		var bad *data.Error
		if !errors.As(err, &bad) {
			return err
		}
		if err := s.Bad(bad); err != nil {
			return err
		}
	}
	return s.Fail("", "", "has no recording that can be read", "fetch the data set again")
}

// frontEnd turns recordings into spectrograms.
type frontEnd struct {
	samples   int
	rate      int              // that every recording must have, 0: any
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
		r, err := sound.Open(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			return err
		}
		if f.rate > 0 && r.Rate != f.rate {
			return filetype.Unread("bring all recordings to one rate, or say rate: any",
				"has %d samples per second, expected %d as the option rate or the first recording says", r.Rate, f.rate)
		}
		samples := make([]float32, f.samples)
		from := int64(0)
		if random && word&1 == 1 {
			from = max(0, r.Length-int64(f.samples))
		}
		if err := r.Read(samples[:min(int64(f.samples), r.Length)], from); err != nil {
			return err
		}
		for i, v := range samples {
			if v-v != 0 {
				return fmt.Errorf("sample %d is %g, expected a finite number", i, v)
			}
		}
		mel, err := f.mel(r.Rate)
		if err != nil {
			return err
		}
		mel.Spectrogram(x, samples)
		f.pool(r.Rate).Put(mel)
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
