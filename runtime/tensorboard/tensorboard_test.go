package tensorboard

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"mspecc/internal/pytest"
)

var update = flag.Bool("update", false, "write testdata/picture.png, which events.py takes, and read.json, which it prints")

func picture() image.Image {
	m := image.NewRGBA(image.Rect(0, 0, 3, 2))
	for i := range 6 {
		m.SetRGBA(i%3, i/3, color.RGBA{uint8(40 * i), 200, uint8(255 - 40*i), 255})
	}
	return m
}

// sample writes what testdata/events.py writes.
func sample(t *testing.T, dir string) {
	t.Helper()
	w, err := Create(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	var first, second Summary
	first.Scalar("train/loss", 0.75)
	first.Scalar("speed/examples_per_second", 512)
	second.Histogram("parameters/w", NewHistogram([]float32{-3, 0, 0.5, 0.5, 2.5, float32(math.NaN())}))
	if err := second.Image("reconstruction", picture()); err != nil {
		t.Fatal(err)
	}
	second.Text("settings", "| a | b |")
	if err := w.Write(10, &first); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(20, &second); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(30, &Summary{}); err != nil { // nothing seen, nothing written
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TensorBoard's own record writer and protocol buffers make the same bytes of the same events.
func TestSameBytesAsTensorBoard(t *testing.T) {
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, picture()); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("testdata/picture.png", encoded.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/real.tfevents")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	sample(t, dir)
	got, err := os.ReadFile(filepath.Join(dir, "events.out.tfevents.000001"))
	if err != nil {
		t.Fatal(err)
	}
	if got = stamp(t, got); !bytes.Equal(got, want) {
		t.Errorf("%d bytes, TensorBoard writes %d; they differ at %d", len(got), len(want), differ(got, want))
	}
}

// stamp gives all events the time of the golden file.
func stamp(t *testing.T, file []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := &Writer{out: nopCloser{&out}, now: func() time.Time { return time.Unix(1700000000, 250e6) }}
	for len(file) > 0 {
		n := binary.LittleEndian.Uint64(file)
		event := file[12 : 12+n]
		if event[0] != 9 {
			t.Fatal("an event does not begin with its time")
		}
		if err := w.write(0, event[9:]); err != nil {
			t.Fatal(err)
		}
		file = file[16+n:]
	}
	return out.Bytes()
}

type nopCloser struct{ *bytes.Buffer }

func (nopCloser) Close() error             { return nil }
func (b nopCloser) Truncate(n int64) error { b.Buffer.Truncate(int(n)); return nil }

// full takes a number of bytes, like a disk.
type full struct {
	nopCloser
	room int
}

func (f *full) Write(p []byte) (int, error) {
	n := min(len(p), f.room)
	f.room -= n
	f.Buffer.Write(p[:n])
	if n < len(p) {
		return n, errors.New("no space left")
	}
	return n, nil
}

// A disk that is full leaves no half event, and once there is room the file goes on.
func TestNoHalfEvents(t *testing.T) {
	var good bytes.Buffer
	var s Summary
	s.Scalar("loss", 1)
	at := func() time.Time { return time.Unix(1, 0) }
	w := &Writer{out: nopCloser{&good}, now: at}
	if err := w.Write(1, &s); err != nil {
		t.Fatal(err)
	}
	one := good.Len()
	f := &full{nopCloser{&bytes.Buffer{}}, one + one/2}
	w = &Writer{out: f, now: at}
	if err := w.Write(1, &s); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(1, &s); err == nil || f.Len() != one {
		t.Errorf("error %v, %d bytes stay of %d", err, f.Len(), one)
	}
	f.room = one
	if err := w.Write(1, &s); err != nil || f.Len() != 2*one || !bytes.Equal(f.Bytes()[one:], good.Bytes()) {
		t.Errorf("error %v, %d bytes", err, f.Len())
	}
}

func TestGone(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	if w.Gone() {
		t.Error("a file that is there is gone")
	}
	if err := os.Remove(filepath.Join(dir, "events.out.tfevents.000001")); err != nil {
		t.Fatal(err)
	}
	if !w.Gone() {
		t.Error("a file that was removed is not gone")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func differ(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// The real TensorBoard reads what is written, and passes over what a resumed run writes anew.
func TestTensorBoardReads(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	sample(t, one)
	for session, steps := range [][]int{{10, 20, 30}, {20, 40}} {
		last := 0
		if session == 1 {
			last = 15
		}
		w, err := Create(two, last)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range steps {
			var s Summary
			s.Scalar("loss", float64(step+session))
			if err := w.Write(step, &s); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	out := pytest.Run(t, []string{"tensorboard"}, "testdata/events.py", "read", one, two)
	if *update {
		if err := os.WriteFile("testdata/read.json", out, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var got any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile("testdata/read.json")
	if err != nil {
		t.Fatal(err)
	}
	var want any
	if err := json.Unmarshal(golden, &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("TensorBoard reads\n%s\nexpected\n%s", out, golden)
	}
}

// Every value is counted in the bucket whose edges enclose it.
func TestHistogram(t *testing.T) {
	values := []float32{0, 1e-30, -1e-30, 1e-12, -1e-12, 1, 1.2499999, 1.25, -1, -7.3, math.MaxFloat32, -math.MaxFloat32, float32(math.Inf(1)), float32(math.NaN())}
	h := NewHistogram(values)
	if h.Count != 12 || h.Max != math.MaxFloat32 || h.Min != -math.MaxFloat32 {
		t.Errorf("%d values from %v to %v", h.Count, h.Min, h.Max)
	}
	limits, counts := h.Buckets()
	if !slices.IsSorted(limits) || len(limits) != len(counts) {
		t.Fatalf("%d limits, %d counts, or limits that do not rise", len(limits), len(counts))
	}
	want := make([]float64, len(limits))
	for _, x := range values[:12] {
		for k := range limits {
			lower := math.Inf(-1)
			if k > 0 {
				lower = limits[k-1]
			}
			v := float64(x)
			if math.Abs(v) < math.Ldexp(1, smallest) {
				v = 0
			}
			if v >= 0 && lower <= v && v < limits[k] || v < 0 && lower < v && v <= limits[k] {
				want[k]++
			}
		}
	}
	for k := range want {
		if counts[k] != want[k] {
			t.Errorf("bucket up to %v holds %v values, expected %v", limits[k], counts[k], want[k])
		}
	}
	if h := NewHistogram(nil); h.Count != 0 || h.Min != 0 {
		t.Errorf("nothing gives %+v", h)
	}
	if limits, _ := NewHistogram(make([]float32, 7)).Buckets(); len(limits) != 2 {
		t.Errorf("zeros are in buckets up to %v", limits)
	}
}

func TestCreateRefusesWhereItCannotWrite(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(name, 0); err == nil {
		t.Error("a file was taken for a folder")
	}
}

func BenchmarkHistogram(b *testing.B) {
	values := make([]float32, 1<<20)
	for i := range values {
		values[i] = float32(math.Sin(float64(i)))
	}
	b.SetBytes(4 << 20)
	for b.Loop() {
		NewHistogram(values)
	}
}
