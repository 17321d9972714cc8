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
	stride  int // samples from one example of a recording to the next; 0: every recording is one
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
	var err error
	if a.stride, err = s.Integer("stride", 0, 1); err != nil {
		return nil, nil, err
	}
	return openFolder(s, filetype.Sound, 0, func(training bool, items []item) (*folder, error) {
		random := training && a.cut == "random" && a.stride == 0
		f := &folder{s: s, look: data.Look{Spectrogram: spectrogram, Drawn: random}, random: random}
		if training && s.Text("rate") == "" {
			if err := a.setRate(items); err != nil {
				return nil, err
			}
		}
		f.rate = a.rate
		if a.stride > 0 {
			f.stride, f.length = a.stride, a.samples
			if err := a.windows(f, items); err != nil {
				return nil, err
			}
		}
		f.decode = func(in *entry, k int, x []float32, draw func(int) int) error {
			if !f.random {
				draw = func(int) int { return 0 }
			}
			return a.decode(in, k, x, draw)
		}
		return f, nil
	})
}

// header opens a recording of the folder, whose rate must be that of the others.
func (a *audio) header(in *entry) (*sound.Recording, error) {
	r, err := sound.Open(in, in.item.size)
	if err != nil {
		return nil, err
	}
	if a.rate > 0 && r.Rate != a.rate {
		why := "the option rate says"
		if a.first != "" {
			why = a.first + " has"
		}
		return nil, filetype.Unread("bring all recordings to one rate, such as by sox IN -r RATE OUT, or say rate: any", "has %d samples a second, %s %d", r.Rate, why, a.rate)
	}
	return r, nil
}

// setRate takes the sampling rate that the model was trained with, or else that of the first good recording.
func (a *audio) setRate(items []item) error {
	if was := a.s.Schema; was != nil && was.Rate > 0 {
		a.rate, a.first = was.Rate, "what the model was trained with"
		return nil
	}
	for _, it := range items {
		n, err := a.peek(it, func(r *sound.Recording) { a.rate, a.first = r.Rate, it.name })
		if err != nil || n > 0 {
			return err
		}
	}
	return a.s.Fail("", "", "holds no good recording", "give a folder of WAV or FLAC recordings")
}

// peek looks at the header of a recording; 0 says that it is bad and left out.
func (a *audio) peek(it item, take func(r *sound.Recording)) (int, error) {
	in, err := open(a.s, it)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	r, err := a.header(in)
	if err != nil {
		return 0, a.s.Bad(in.failed(err))
	}
	take(r)
	return 1, nil
}

// windows counts the examples of every recording: one behind the other by the stride as long as they fit, at least one.
func (a *audio) windows(f *folder, items []item) error {
	f.before = []int{0}
	for i, it := range items {
		if i%256 == 0 {
			a.s.Progress("measuring recordings", int64(i), int64(len(items)))
		}
		count := 0
		good, err := a.peek(it, func(r *sound.Recording) { count = 1 + int(max(0, r.Length-int64(a.samples)))/a.stride })
		if err != nil {
			return err
		}
		if good > 0 {
			f.items, f.before = append(f.items, it), append(f.before, f.before[len(f.items)]+count)
		}
	}
	if len(f.items) == 0 {
		return a.s.Fail("", "", "holds no good recording", "give a folder of WAV or FLAC recordings")
	}
	return nil
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

// decode takes a part of a recording: window k, or what the option cut says.
func (a *audio) decode(in *entry, k int, x []float32, draw func(n int) int) error {
	r, err := a.header(in)
	if err != nil {
		return err
	}
	from := int64(k) * int64(a.stride)
	if more := r.Length - int64(a.samples); more > 0 && a.stride == 0 {
		switch a.cut {
		case "random":
			from = int64(draw(int(more + 1)))
		case "middle":
			from = more / 2
		}
	}
	used := int(max(0, min(int64(a.samples), r.Length-from)))
	if a.mel.Mels == 0 {
		clear(x[used:])
		return r.Read(x[:used], min(from, r.Length))
	}
	m, err := a.spectrograms(r.Rate)
	if err != nil {
		return err
	}
	defer a.mels.Put(m)
	clear(m.buf[used:])
	if err := r.Read(m.buf[:used], min(from, r.Length)); err != nil {
		return err
	}
	if n := m.mel.Frames(a.samples) * a.mel.Mels; n != len(x) {
		return filetype.Unread("correct the modality's shape or the option hop", "gives %d frames, the model wants %d", n/a.mel.Mels, len(x)/a.mel.Mels)
	}
	m.mel.Spectrogram(x, m.buf)
	return nil
}

// spectrograms takes what makes spectrograms at a rate from the pool.
func (a *audio) spectrograms(rate int) (*melOf, error) {
	m, _ := a.mels.Get().(*melOf)
	if m != nil && m.rate == rate {
		return m, nil
	}
	o := a.mel
	o.Rate = rate
	mel, err := sound.NewMel(o)
	if err != nil {
		return nil, err
	}
	return &melOf{rate: rate, mel: mel, buf: make([]float32, a.samples)}, nil
}
