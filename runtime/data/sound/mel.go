package sound

import (
	"fmt"
	"math"

	"mspecc/runtime/rounded"
)

// MelOptions are the arguments of librosa.feature.melspectrogram that matter, and of what follows it.
type MelOptions struct {
	Rate    int    // samples per second
	FFT     int    // n_fft, the length of a frame
	Hop     int    // hop_length, samples from frame to frame
	Mels    int    // n_mels
	Pad     string // pad_mode at both ends: "constant" (zeros; librosa since 0.10) or "reflect" (before)
	Squared bool   // square the power spectrogram before the logarithm, as DABS does
}

// Mel makes mel spectrograms in decibels. It is not safe for concurrent use.
type Mel struct {
	opt     MelOptions
	window  []float64
	filters []melFilter
	fft     *fft
	frame   []float64
	power   []float64
}

// melFilter weighs the bins from first on.
type melFilter struct {
	first   int
	weights []float64
}

// Floor and range of librosa.power_to_db: amin and top_db.
const (
	leastPower   = 1e-10
	decibelRange = 80
)

// NewMel prepares spectrograms: a periodic Hann window, frames centred on their sample, and
// triangular filters on Slaney's scale from 0 to half the rate, each of area 1 (librosa.filters.mel).
func NewMel(o MelOptions) (*Mel, error) {
	if o.Rate < 1 || o.FFT < 2 || o.FFT > 1<<20 || o.FFT%2 != 0 || o.Hop < 1 || o.Mels < 1 || o.Mels > 1<<12 {
		return nil, fmt.Errorf("a mel spectrogram of %d samples per second, frames of %d every %d and %d bands cannot be made", o.Rate, o.FFT, o.Hop, o.Mels)
	}
	if o.Pad != "constant" && o.Pad != "reflect" {
		return nil, fmt.Errorf("padding is %q, expected constant or reflect", o.Pad)
	}
	m := &Mel{opt: o, window: make([]float64, o.FFT), fft: newFFT(o.FFT), frame: make([]float64, o.FFT)}
	for i := range m.window {
		m.window[i] = 0.5 - float64(0.5*rounded.Cos(float64(2*math.Pi*float64(i))/float64(o.FFT)))
	}
	m.power = make([]float64, o.FFT/2+1)
	edges := make([]float64, o.Mels+2)
	top := hzToMel(float64(o.Rate) / 2)
	for i := range edges {
		edges[i] = melToHz(top * float64(i) / float64(o.Mels+1))
	}
	for i := range o.Mels {
		m.filters = append(m.filters, triangle(edges[i], edges[i+1], edges[i+2], float64(o.Rate)/float64(o.FFT), len(m.power)))
	}
	return m, nil
}

// triangle rises from the frequency low to 1 at centre and falls to high; step is the distance of the bins.
func triangle(low, centre, high, step float64, bins int) melFilter {
	var f melFilter
	for k := range bins {
		hz := float64(float64(k) * step)
		w := min((hz-low)/(centre-low), (high-hz)/(high-centre))
		if w <= 0 {
			if f.weights != nil {
				break
			}
			continue
		}
		if f.weights == nil {
			f.first = k
		}
		f.weights = append(f.weights, w*2/(high-low))
	}
	return f
}

// Slaney's mel scale (Auditory Toolbox, 1998): linear below 1 kHz, logarithmic above.
const (
	melLinear = 200.0 / 3 // Hz per mel
	melBreak  = 1000.0    // Hz
)

var melLog = rounded.Log(6.4) / 27

func hzToMel(hz float64) float64 {
	if hz < melBreak {
		return hz / melLinear
	}
	return melBreak/melLinear + rounded.Log(hz/melBreak)/melLog
}

func melToHz(mel float64) float64 {
	if mel < melBreak/melLinear {
		return float64(mel * melLinear)
	}
	return float64(melBreak * rounded.Exp(melLog*(mel-melBreak/melLinear)))
}

// Frames is the number of frames of so many samples.
func (m *Mel) Frames(samples int) int { return 1 + samples/m.opt.Hop }

// Spectrogram writes [Mels, Frames] decibels (librosa.power_to_db with its defaults: relative
// to 1, at least 80 below the largest) of the samples into dst.
func (m *Mel) Spectrogram(dst []float32, samples []float32) {
	frames := m.Frames(len(samples))
	highest := math.Inf(-1)
	for t := range frames {
		m.transform(samples, t*m.opt.Hop-m.opt.FFT/2)
		for b, f := range m.filters {
			sum := 0.0
			for i, w := range f.weights {
				sum += float64(w * m.power[f.first+i])
			}
			if m.opt.Squared {
				sum *= sum
			}
			db := float64(10 * rounded.Log10(max(leastPower, sum)))
			highest = max(highest, db)
			dst[b*frames+t] = float32(db)
		}
	}
	least := float32(highest - decibelRange)
	for i, v := range dst {
		dst[i] = max(v, least)
	}
}

// transform fills power with the spectrum of the frame that begins at sample start.
func (m *Mel) transform(samples []float32, start int) {
	n := len(samples)
	silent := true
	for i := range m.frame {
		at := start + i
		if (at < 0 || at >= n) && m.opt.Pad == "reflect" {
			at = reflect(at, n)
		}
		m.frame[i] = 0
		if at >= 0 && at < n {
			m.frame[i] = float64(samples[at]) * m.window[i]
			silent = silent && samples[at] == 0
		}
	}
	if silent { // much of a short recording is
		clear(m.power)
		return
	}
	m.fft.power(m.power, m.frame)
}

// reflect mirrors a position at the first and the last sample, which are not repeated.
func reflect(at, n int) int {
	if n == 1 {
		return 0
	}
	period := 2 * (n - 1)
	at = ((at % period) + period) % period
	return min(at, period-at)
}
