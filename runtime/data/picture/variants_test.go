package picture

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"mspecc/runtime/data/numpy"
)

// golden reads the numbers of an array, [height, width] or [height, width, channels].
func golden(t *testing.T, name string) (values []float32, height, width, channels int) {
	t.Helper()
	raw := read(t, name)
	h, err := numpy.Read(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	channels = 1
	if len(h.Shape) == 3 {
		channels = h.Shape[2]
	}
	raw = raw[h.Start:]
	for i := 0; i < len(raw); i += h.Size {
		values = append(values, float32(h.Number(raw[i:])))
	}
	return values, h.Shape[0], h.Shape[1], channels
}

// Whatever variant of a format a picture is in, its samples are those of Pillow or tifffile.
func TestVariants(t *testing.T) {
	all, err := filepath.Glob("testdata/variants/*.*.*")
	if err != nil || len(all) < 90 {
		t.Fatal(err, len(all))
	}
	for _, path := range all {
		want, _ := filepath.Rel("testdata", path)
		name := strings.TrimSuffix(want, filepath.Ext(want))
		t.Run(filepath.Base(name), func(t *testing.T) {
			if filepath.Ext(want) == ".png" {
				if worst, count := differences(t, load(t, name), load(t, want)); worst > 0 {
					t.Errorf("%d samples differ, by up to %d", count, worst)
				}
				return
			}
			values, height, width, channels := golden(t, want)
			if isTIFF(read(t, name)) {
				sameBands(t, name, values, height, width, channels)
			}
			if channels == 1 || channels == 3 {
				sameSamples(t, name, values, height, width, channels)
			}
		})
	}
}

func sameBands(t *testing.T, name string, values []float32, height, width, channels int) {
	b, err := DecodeBands(read(t, name), Options{Channels: channels})
	if err != nil {
		t.Fatal(err)
	}
	if b.Height != height || b.Width != width || b.Count != channels {
		t.Fatalf("%d x %d x %d, expected %d x %d x %d", b.Height, b.Width, b.Count, height, width, channels)
	}
	for i, w := range values {
		if strings.Contains(name, "nodata") && w == 7 {
			w = float32(math.NaN())
		}
		if got := b.Values[i%channels*height*width+i/channels]; got != w && (got == got || w == w) {
			t.Fatalf("value %d is %v, expected %v", i, got, w)
		}
	}
}

func sameSamples(t *testing.T, name string, values []float32, height, width, channels int) {
	m, err := Decode(read(t, name), Options{Channels: channels})
	if err != nil {
		t.Fatal(err)
	}
	if channels == 1 {
		m = m.Grey()
	}
	if m.Height != height || m.Width != width || m.Channels != channels {
		t.Fatalf("%d x %d x %d, expected %d x %d x %d", m.Height, m.Width, m.Channels, height, width, channels)
	}
	for i, w := range values {
		got := float32(0)
		if m.Deep != nil {
			got = m.Deep[i]
		} else {
			got = float32(m.Pix[i])
		}
		if got != w {
			t.Fatalf("sample %d is %v, expected %v", i, got, w)
		}
	}
}

// Samples of more digits are scaled as in Pillow's mode F: bit for bit along one axis; along both, where Pillow 13 may begin
// with the other one, to the last digit of float32.
func TestDeepResize(t *testing.T) {
	source, err := Decode(read(t, "variants/grey16.png"), Options{Channels: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range Filters {
		for _, size := range [][2]int{{13, 21}, {26, 40}, {9, 8}} {
			name := fmt.Sprintf("variants/deep-%s-%dx%d.npy", f.Name, size[0], size[1])
			want, height, width, _ := golden(t, name)
			got := Resize(source, size[0], size[1], f)
			if got.Height != height || got.Width != width || got.White != 65535 {
				t.Fatalf("%s: %d x %d, white is %v", name, got.Height, got.Width, got.White)
			}
			for i, w := range want {
				d := math.Abs(float64(got.Deep[i] - w))
				if size != [2]int{9, 8} && d > 0 || d > 1e-6*float64(w) {
					t.Errorf("%s: value %d is %v, expected %v", name, i, got.Deep[i], w)
					break
				}
			}
		}
	}
}
