package sound

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Samples are those that soundfile reads, bit for bit.
func TestDecode(t *testing.T) {
	var want map[string]struct {
		Rate, Channels, Count int
		Samples               []float32
	}
	if err := json.Unmarshal(read(t, "samples.json"), &want); err != nil || len(want) != 9 {
		t.Fatal(err, len(want))
	}
	for name, w := range want {
		c, err := Decode(read(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.Rate != w.Rate || c.Channels != w.Channels || len(c.Samples) != w.Count {
			t.Errorf("%s: %d Hz, %d channels, %d samples; expected %+v", name, c.Rate, c.Channels, len(c.Samples), w)
		}
		for i, v := range w.Samples {
			if c.Samples[i] != v {
				t.Errorf("%s: sample %d is %v, expected %v", name, i, c.Samples[i], v)
				break
			}
		}
	}
}

// noise is the sound that testdata/make.py makes.
func noise(n int) []float32 {
	out := make([]float32, n)
	s := uint64(1)
	for i := range out {
		s = s*6364136223846793005 + 1442695040888963407
		if i%20000 < 12000 {
			out[i] = float32((float64(s>>40)/(1<<24) - 0.5) * 0.2)
		}
		if i%30000 < 15000 {
			out[i] += float32(0.3*float64(i/50%2) - 0.15)
		}
	}
	return out
}

// matrix reads the float32 numbers of a small .npy file.
func matrix(t *testing.T, name string) []float32 {
	raw := read(t, name)
	raw = raw[10+int(binary.LittleEndian.Uint16(raw[8:])):]
	out := make([]float32, len(raw)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return out
}

// Spectrograms equal librosa's within 1e-4 of the deviation that they are divided by (12 dB), and of their range.
func TestMel(t *testing.T) {
	for name, c := range map[string]struct {
		opt MelOptions
		n   int
	}{
		"dabs-constant": {MelOptions{16000, 2048, 672, 224, "constant", true}, 150526},
		"dabs-reflect":  {MelOptions{16000, 2048, 672, 224, "reflect", true}, 150526},
		"plain":         {MelOptions{22050, 2048, 512, 128, "constant", false}, 20000},
		"short":         {MelOptions{8000, 2048, 160, 40, "constant", false}, 700},
	} {
		m, err := NewMel(c.opt)
		if err != nil {
			t.Fatal(err)
		}
		frames := m.Frames(c.n)
		got := make([]float32, c.opt.Mels*frames)
		m.Spectrogram(got, noise(c.n))
		want := matrix(t, "mel-"+name+".npy")
		worst, k := 0.0, 0
		for b := 0; b < c.opt.Mels; b += 7 {
			for f := 0; f < frames; f += 9 {
				worst = max(worst, math.Abs(float64(got[b*frames+f]-want[k])))
				k++
			}
		}
		t.Logf("%s: %d numbers, the largest difference is %.2g dB", name, k, worst)
		if k != len(want) || worst > 1e-4*12 {
			t.Errorf("%s: %d numbers, expected %d; the largest difference is %g dB", name, k, len(want), worst)
		}
	}
}

func TestBad(t *testing.T) {
	wav, flac := read(t, "chirp.wav"), read(t, "mono.flac")
	for name, raw := range map[string][]byte{
		"empty": {}, "text": []byte("hello hello hello"), "cut WAV": wav[:len(wav)-9], "WAV header": wav[:30],
		"cut FLAC": flac[:len(flac)-9], "FLAC header": flac[:30], "no samples": append(append([]byte{}, wav[:40]...), 0, 0, 0, 0),
	} {
		if c, err := Decode(raw); err == nil {
			t.Errorf("%s: no error but %d samples", name, len(c.Samples))
		}
	}
	if _, err := NewMel(MelOptions{16000, 2048, 0, 224, "constant", true}); err == nil {
		t.Error("a hop of 0")
	}
}

func FuzzDecode(f *testing.F) {
	for _, n := range []string{"u8.wav", "i24.wav", "extensible.wav", "f64.wav", "mono.flac", "stereo.flac"} {
		f.Add(read(f, n))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if c, err := Decode(raw); err == nil && len(c.Samples) == 0 {
			t.Fatal("a clip without samples")
		}
	})
}
