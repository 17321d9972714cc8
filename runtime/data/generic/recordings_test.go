package generic

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"mspecc/runtime/data"
)

// ramp is a WAV of 16 bits with the samples 0, 1, 2, ...
func ramp(n int) []byte {
	samples := make([]int16, n)
	for i := range samples {
		samples[i] = int16(i)
	}
	return wav(8000, samples...)
}

// With a stride a recording gives as many examples as fit, and all of them lie on one side of the split.
func TestStrideOverRecordings(t *testing.T) {
	files := fstest.MapFS{"a.wav": {Data: ramp(10)}, "b.wav": {Data: ramp(3)}, "c.wav": {Data: ramp(4)}, "d.wav": {Data: ramp(9)}, "e.wav": {Data: []byte("hello hello hello")}}
	want := data.Want{{Shape: []int{1, 4}}}
	skip := &data.Skip{Limit: 1}
	train, test, err := data.Open("audio", map[string]string{"label": "none", "stride": "3", "test_fraction": "0.3"}, files, "DIR", want, data.OpenOptions{Seed: 3, Skip: skip})
	if err != nil {
		t.Fatal(err)
	}
	if skip.Count() != 1 {
		t.Errorf("%d bad recordings", skip.Count())
	}
	if n := train.Len() + test.Len(); n != 3+1+1+2 {
		t.Errorf("%d examples", n)
	}
	seen := map[string]int{}
	for _, set := range []data.Dataset{train, test} {
		e := data.NewExample(want, set.Labels())
		for i := range set.Len() {
			if err := set.Example(i, 5, e); err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for _, v := range e.X {
				b.WriteByte('0' + byte(v*(1<<15)))
			}
			seen[b.String()]++
		}
	}
	for x, n := range map[string]int{"0123": 3, "3456": 2, "6789": 1, "0120": 1} {
		if seen[x] != n {
			t.Errorf("%s %d times, expected %d: %v", x, seen[x], n, seen)
		}
	}
}

// floating is a WAV of floating samples of 32 bits.
func floating(samples ...float32) []byte {
	b := wav(8000, make([]int16, 2*len(samples))...)
	b[20], b[32], b[34] = 3, 4, 32
	for i, v := range samples {
		binary.LittleEndian.PutUint32(b[44+4*i:], math.Float32bits(v))
	}
	return b
}

// A sample that is no number is met with the part of its recording that has it, in whatever epoch that is drawn, and named.
func TestSamplesThatAreNoNumbers(t *testing.T) {
	for name, want := range map[string]data.Want{"samples": {{Shape: []int{1, 4}}}, "spectrogram": {{Shape: []int{1, 4, 2}}}} {
		bad := make([]float32, 64)
		bad[60] = float32(math.NaN())
		files := fstest.MapFS{"a.wav": {Data: floating(bad...)}, "b.wav": {Data: floating(make([]float32, 64)...)}}
		train, _, err := data.Open("audio", map[string]string{"label": "none", "test_fraction": "0.5", "files": "[ab].wav", "fft": "16", "hop": "4"}, files, "DIR", want, data.OpenOptions{Seed: 6})
		if err != nil {
			t.Fatal(err)
		}
		if !data.LookOf(train).Drawn {
			t.Error("the data set does not say that its examples are drawn")
		}
		e, met := data.NewExample(want, train.Labels()), 0
		for epoch := range uint64(400) {
			err := train.Example(0, epoch, e)
			switch {
			case err == nil && slices.ContainsFunc(e.X, func(v float32) bool { return v-v != 0 }):
				t.Fatalf("%s, epoch %d: %v", name, epoch, e.X)
			case err == nil:
			case !strings.Contains(err.Error(), "DIR/a.wav: has the sample 60 of 64, counted from 0, which is NaN"):
				t.Fatalf("%s, epoch %d: %v", name, epoch, err)
			default:
				met++
			}
		}
		if met == 0 || met == 400 {
			t.Errorf("%s: met in %d of 400 epochs", name, met)
		}
	}
}

// Recordings may be of any length: a part is read by its position.
func TestLongRecordings(t *testing.T) {
	dir := t.TempDir()
	head := ramp(8)[:44]
	const bytes = 600 << 20
	binary.LittleEndian.PutUint32(head[4:], 36+bytes)
	binary.LittleEndian.PutUint32(head[40:], bytes)
	for _, name := range []string{"a.wav", "b.wav"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.Write(head); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{0, 64}, 44+bytes/2); err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(44 + bytes); err != nil {
			t.Skip(err)
		}
	}
	want := data.Want{{Shape: []int{1, 3}}}
	train, _, err := data.Open("audio", map[string]string{"label": "none", "cut": "middle", "test_fraction": "0.5"}, os.DirFS(dir), "DIR", want, data.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	e := data.NewExample(want, train.Labels())
	if err := train.Example(0, 0, e); err != nil {
		t.Fatal(err)
	}
	if e.X[0] != 0 || e.X[1] != 0 || e.X[2] != 0.5 {
		t.Errorf("the middle is %v", e.X)
	}
}
