package sound

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mspecc/internal/fuzzing"
	"mspecc/runtime/data/filetype"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// decode reads a recording whole.
func decode(raw []byte) (*Recording, []float32, error) {
	r, err := Open(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, nil, err
	}
	if r.Length > int64(len(raw))*1<<16 {
		return r, nil, errors.New("many samples")
	}
	x := make([]float32, r.Length)
	return r, x, r.Read(x, 0)
}

// Samples are those that soundfile reads, bit for bit.
func TestDecode(t *testing.T) {
	var want map[string]struct {
		Rate, Channels, Count int
		Samples               []float32
	}
	if err := json.Unmarshal(read(t, "samples.json"), &want); err != nil || len(want) != 17 {
		t.Fatal(err, len(want))
	}
	for name, w := range want {
		r, x, err := decode(read(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r.Rate != w.Rate || r.Channels != w.Channels || len(x) != w.Count {
			t.Errorf("%s: %d Hz, %d channels, %d samples; expected %+v", name, r.Rate, r.Channels, len(x), w)
		}
		for i, v := range w.Samples {
			if x[i] != v {
				t.Errorf("%s: sample %d is %v, expected %v", name, i, x[i], v)
				break
			}
		}
	}
}

// Any part of a recording is the same part of all of it, wherever it begins.
func TestParts(t *testing.T) {
	defer func(n int64) { flacNear = n }(flacNear)
	for _, near := range []int64{flacNear, 200, 3000} {
		flacNear = near
		for _, name := range []string{"chirp.wav", "i24.wav", "rf64.wav", "mono.flac", "stereo.flac", "kinds.flac", "32.flac"} {
			raw := read(t, name)
			r, all, err := decode(raw)
			if err != nil {
				t.Fatal(err)
			}
			for k := range 60 {
				from := k * 7919 % len(all)
				part := make([]float32, min(1+k*97%5000, len(all)-from))
				if err := r.Read(part, int64(from)); err != nil {
					t.Fatalf("%s: %d samples from %d: %v", name, len(part), from, err)
				}
				if !slices.Equal(part, all[from:from+len(part)]) {
					t.Fatalf("%s: %d samples from %d differ", name, len(part), from)
				}
			}
			if err := r.Read(make([]float32, 2), r.Length-1); err == nil {
				t.Errorf("%s: a sample beyond the end", name)
			}
		}
	}
}

// counted counts the bytes that are read.
type counted struct {
	*bytes.Reader
	n int
}

func (c *counted) ReadAt(b []byte, at int64) (int, error) {
	n, err := c.Reader.ReadAt(b, at)
	c.n += n
	return n, err
}

// A part of a long recording costs what it holds: little is read for it.
func TestPartsAreCheap(t *testing.T) {
	wav := read(t, "chirp.wav")
	long := slices.Concat(wav[:44], make([]byte, 40<<20))
	binary.LittleEndian.PutUint32(long[40:], 40<<20)
	in := &counted{Reader: bytes.NewReader(long)}
	r, err := Open(in, int64(len(long)))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Read(make([]float32, 16), r.Length/2); err != nil {
		t.Fatal(err)
	}
	if in.n > 4096 {
		t.Errorf("%d bytes of a WAV were read for 16 samples", in.n)
	}
	defer func(n int64) { flacNear = n }(flacNear)
	flacNear = 4096
	flac := read(t, "kinds.flac")
	in = &counted{Reader: bytes.NewReader(flac)}
	if r, err = Open(in, int64(len(flac))); err != nil {
		t.Fatal(err)
	}
	in.n = 0
	if err := r.Read(make([]float32, 16), 34000); err != nil {
		t.Fatal(err)
	}
	if in.n > len(flac)*2/3 {
		t.Errorf("%d of %d bytes of a FLAC were read for 16 samples", in.n, len(flac))
	}
}

// The samples of every channel have the MD5 sum that the file tells.
func TestFLACSums(t *testing.T) {
	for name, width := range map[string]int{"mono.flac": 2, "stereo.flac": 3, "8.flac": 1, "kinds.flac": 2, "32.flac": 4} {
		raw := read(t, name)
		f := &flacFile{in: bytes.NewReader(raw), end: int64(len(raw))}
		if err := f.info(8, 34); err != nil {
			t.Fatal(err)
		}
		if _, err := openFLAC(f.in, f.end); err != nil {
			t.Fatal(err)
		}
		start := int64(4)
		for last := false; !last; start += 4 + int64(raw[start+1])<<16 + int64(raw[start+2])<<8 + int64(raw[start+3]) {
			last = raw[start]&0x80 != 0
		}
		f.dec.file = f
		sum, samples := md5.New(), int64(0)
		for at := start; at < f.end; at = f.dec.place() {
			n, err := f.frame(at, samples)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			samples += n
			for i := range n {
				for c := range f.channels {
					v := f.dec.channel[c][i]
					sum.Write(binary.LittleEndian.AppendUint64(nil, uint64(v))[:width])
				}
			}
		}
		if samples != f.total || !bytes.Equal(sum.Sum(nil), raw[26:42]) {
			t.Errorf("%s: %d of %d samples, MD5 sum %x, expected %x", name, samples, f.total, sum.Sum(nil), raw[26:42])
		}
	}
}

// Tags around sound, sizes that were not known, tables of places that are wrong.
func TestAround(t *testing.T) {
	tag := append([]byte("ID3\x04\x00\x00\x00\x00\x01\x00"), make([]byte, 128)...)
	wav, flac := read(t, "chirp.wav"), read(t, "mono.flac")
	sized := func(riff, data uint32) []byte {
		raw := slices.Clone(wav)
		binary.LittleEndian.PutUint32(raw[4:], riff)
		binary.LittleEndian.PutUint32(raw[40:], data)
		return raw
	}
	list := slices.Concat(wav[:36], []byte("data\x00\x00\x00\x00LIST\x05\x00\x00\x00INFOx\x00"))
	unknown := slices.Clone(flac)
	unknown[21] &= 0xf0
	copy(unknown[22:], []byte{0, 0, 0, 0})
	for _, c := range []struct {
		name   string
		raw    []byte
		length int
	}{
		{"ID3 before RIFF", append(slices.Clone(tag), wav...), 1600},
		{"ID3 before FLAC", append(slices.Clone(tag), flac...), 1600},
		{"two ID3 before FLAC", slices.Concat(tag, tag, flac), 1600},
		{"ID3v1 behind FLAC", slices.Concat(unknown, []byte("TAG"), make([]byte, 125)), 1600},
		{"FLAC written to a pipe", unknown, 1600},
		{"WAV written to a pipe", sized(math.MaxUint32, math.MaxUint32), 1600},
		{"WAV that was never closed", sized(8, 0), 1600},
		{"WAV of sox to a pipe", sized(0x7fffffff, 0x7fffffff-36), 1600},
		{"WAV of arecord to a pipe", sized(0x80000024, 0x80000000), 1600},
		{"WAV with an odd chunk before", slices.Concat(wav[:12], []byte("JUNK\x03\x00\x00\x00abc\x00"), wav[12:]), 1600},
		{"WAV stopped at once", list, 0},
		{"WAV of no samples", slices.Concat(wav[:40], []byte{0, 0, 0, 0}), 0},
	} {
		r, x, err := decode(c.raw)
		if c.length == 0 {
			if !errors.As(err, new(*filetype.Error)) || !strings.Contains(err.Error(), "holds no samples") {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil || len(x) != c.length || r.Rate != 8000 {
			t.Errorf("%s: %d samples, %v", c.name, len(x), err)
			continue
		}
		own := wav
		if strings.Contains(c.name, "FLAC") {
			own = flac
		}
		if _, want, _ := decode(own); !slices.Equal(x, want) {
			t.Errorf("%s: other samples", c.name)
		}
	}
	broken := slices.Clone(read(t, "kinds.flac"))
	at := bytes.Index(broken, []byte{0xff, 0xf8})
	table := slices.Concat([]byte{3, 0, 0, 36}, binary.BigEndian.AppendUint64(nil, 4096), binary.BigEndian.AppendUint64(nil, 7), []byte{16, 0},
		binary.BigEndian.AppendUint64(nil, 9000), binary.BigEndian.AppendUint64(nil, 1<<40), []byte{16, 0})
	_, want, _ := decode(broken)
	r, x, err := decode(slices.Concat(broken[:42], table, broken[42:at], broken[at:]))
	if err != nil || !slices.Equal(x, want) {
		t.Fatalf("a wrong table of places: %v", err)
	}
	if err := r.Read(x[:100], 20000); err != nil || !slices.Equal(x[:100], want[20000:20100]) {
		t.Errorf("a wrong table of places: %v", err)
	}
}

// Sound files of other kinds are named, and are not called damaged.
func TestOtherKinds(t *testing.T) {
	adpcm := slices.Clone(read(t, "chirp.wav"))
	adpcm[20] = 2
	for want, raw := range map[string][]byte{
		"is a NIST SPHERE recording, as in TIMIT": []byte("NIST_1A\n   1024\n"), "is an AIFF recording": []byte("FORM\x00\x00\x00\x00AIFFCOMM"),
		"is a CAF recording": []byte("caff\x00\x01\x00\x00desc"), "is an Ogg recording": []byte("OggS\x00\x02"), "is an MP3 recording": append([]byte("ID3\x04\x00\x00\x00\x00\x00\x02ab\xff\xfb"), make([]byte, 40)...),
		"is an AU recording": []byte(".snd\x00\x00\x00\x18"), "is a Wave64 recording": []byte("riff\x2e\x91\xcf\x11"), "Microsoft's ADPCM": adpcm,
		"is an MPEG-4 recording": []byte("\x00\x00\x00\x20ftypM4A "), "is a web page": []byte("<html>"), "is a PNG picture": []byte("\x89PNG\r\n\x1a\n"),
	} {
		_, _, err := decode(raw)
		var kind *filetype.Error
		if !errors.As(err, &kind) || !strings.Contains(err.Error(), want) || kind.Fix == "" || strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", want, err)
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
		if _, x, err := decode(raw); err == nil {
			t.Errorf("%s: no error but %d samples", name, len(x))
		}
	}
	damaged := slices.Clone(read(t, "kinds.flac"))
	damaged[len(damaged)/2] ^= 1
	if _, _, err := decode(damaged); err == nil || !strings.Contains(err.Error(), "the FLAC is damaged: the frame of sample") {
		t.Errorf("a frame with another checksum: %v", err)
	}
	if _, err := NewMel(MelOptions{16000, 2048, 0, 224, "constant", true}); err == nil {
		t.Error("a hop of 0")
	}
}

func FuzzDecode(f *testing.F) {
	for _, n := range []string{"u8.wav", "i24.wav", "extensible.wav", "f64.wav", "rf64.wav", "rifx16.wav", "alaw.wav", "mulaw.wav", "mono.flac", "8.flac"} {
		f.Add(read(f, n))
	}
	f.Add(append([]byte("ID3\x04\x00\x00\x00\x00\x00\x02ab"), read(f, "8.flac")...))
	fuzzing.Bound(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, all, err := decode(raw)
		if err != nil {
			return
		}
		if len(all) == 0 {
			t.Fatal("a recording without samples")
		}
		from := r.Length / 3
		part := make([]float32, min(100, r.Length-from))
		if err := r.Read(part, from); err != nil {
			t.Fatalf("all of it can be read, not samples %d to %d: %v", from, from+int64(len(part)), err)
		}
		for i, v := range part {
			if w := all[from+int64(i)]; v != w && (v == v || w == w) {
				t.Fatalf("sample %d is %v in a part, %v in all", from+int64(i), v, w)
			}
		}
	})
}
