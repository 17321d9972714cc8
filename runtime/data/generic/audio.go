package generic

import (
	"fmt"
	"strconv"
	"sync"

	"mspecc/runtime/data"
	"mspecc/runtime/data/filetype"
	"mspecc/runtime/data/sound"
)

var audioReader = data.Builtin("audio", openAudio)

// audio is what the options say.
type audio struct {
	s       *data.Source
	rate    int // 0: any
	first   string
	cut     string
	samples int // of an example
	mel     sound.MelOptions
	mels    sync.Pool // of *sound.Mel by rate: a *melOf
}

// melOf makes spectrograms at one rate.
type melOf struct {
	rate int
	mel  *sound.Mel
	buf  []float32
}

func openAudio(s *data.Source) (data.Dataset, data.Dataset, error) {
	a := &audio{s: s, cut: s.Text("cut")}
	shape := s.Input.Shape
	spectrogram := len(shape) == 3 && shape[0] == 1
	if s.Input.Tokens || !spectrogram && (len(shape) != 2 || shape[0] != 1) {
		return nil, nil, s.Fail("", "", fmt.Sprintf("the model wants examples %v, recordings give f32[1,samples] or f32[1,mels,frames]", s.Input), "correct the modality's shape")
	}
	if a.cut != "random" && a.cut != "head" && a.cut != "middle" {
		return nil, nil, s.BadOption("cut", "random, head or middle")
	}
	if rate := s.Text("rate"); rate != "" && rate != "any" {
		var err error
		if a.rate, err = strconv.Atoi(rate); err != nil || a.rate < 1 {
			return nil, nil, s.BadOption("rate", "a number of samples per second, or any")
		}
	}
	a.samples = shape[len(shape)-1]
	if spectrogram {
		if err := a.setMel(shape[1], shape[2]); err != nil {
			return nil, nil, err
		}
	}
	return openFolder(s, func(training bool, items []item) (*folder, error) {
		f := &folder{s: s, look: data.Look{Spectrogram: spectrogram}, random: training && a.cut == "random"}
		if training && s.Text("rate") == "" {
			if err := a.setRate(f, items); err != nil {
				return nil, err
			}
		}
		f.decode = func(raw []byte, x []float32, draw func(int) int) error {
			if !f.random {
				draw = func(int) int { return 0 }
			}
			return a.decode(raw, x, draw)
		}
		return f, nil
	})
}

// setRate takes the sampling rate of the first good recording.
func (a *audio) setRate(f *folder, items []item) error {
	for _, it := range items {
		raw, err := f.read(it)
		if err != nil {
			return err
		}
		clip, err := sound.Decode(raw)
		if err == nil {
			a.rate, a.first = clip.Rate, it.name
			return nil
		}
		if err := a.s.Bad(a.s.Unreadable(it.name, err)); err != nil {
			return err
		}
	}
	return a.s.Fail("", "", "holds no good recording", "fetch the files again")
}

func (a *audio) setMel(mels, frames int) error {
	var err error
	a.mel = sound.MelOptions{Mels: mels, Pad: a.s.Text("pad_mode")}
	if a.mel.FFT, err = a.s.Integer("fft", 2048, 16); err != nil {
		return err
	}
	if a.mel.Hop, err = a.s.Integer("hop", 512, 1); err != nil {
		return err
	}
	a.samples = (frames - 1) * a.mel.Hop
	if a.samples < 1 || a.samples > sound.MaxSamples {
		return a.s.Fail("", "", fmt.Sprintf("%d frames of %d samples are no recording", frames, a.mel.Hop), "correct the modality's shape or the option hop")
	}
	a.mel.Rate = max(1, a.rate)
	if _, err := sound.NewMel(a.mel); err != nil && a.rate > 0 {
		return a.s.Fail("", "", err.Error(), "correct the options fft, hop and pad_mode")
	}
	return nil
}

// decode takes a part of a recording.
func (a *audio) decode(raw []byte, x []float32, draw func(n int) int) error {
	clip, err := sound.Decode(raw)
	if err != nil {
		return err
	}
	if a.rate > 0 && clip.Rate != a.rate {
		why := "the option rate says"
		if a.first != "" {
			why = a.first + " has"
		}
		return filetype.Unread("bring all recordings to one rate, such as by sox IN -r RATE OUT, or say rate: any", "has %d samples a second, %s %d", clip.Rate, why, a.rate)
	}
	part := clip.Samples
	if more := len(part) - a.samples; more > 0 {
		from := 0
		switch a.cut {
		case "random":
			from = draw(more + 1)
		case "middle":
			from = more / 2
		}
		part = part[from : from+a.samples]
	}
	if a.mel.Mels == 0 {
		clear(x[copy(x, part):])
		return nil
	}
	m, _ := a.mels.Get().(*melOf)
	if m == nil || m.rate != clip.Rate {
		o := a.mel
		o.Rate = clip.Rate
		mel, err := sound.NewMel(o)
		if err != nil {
			return err
		}
		m = &melOf{rate: clip.Rate, mel: mel, buf: make([]float32, a.samples)}
	}
	defer a.mels.Put(m)
	clear(m.buf[copy(m.buf, part):])
	if n := m.mel.Frames(a.samples) * a.mel.Mels; n != len(x) {
		return filetype.Unread("correct the modality's shape or the option hop", "gives %d frames, the model wants %d", n/a.mel.Mels, len(x)/a.mel.Mels)
	}
	m.mel.Spectrogram(x, m.buf)
	return nil
}
