package eval

import (
	"fmt"
	"math"
	"testing"
)

// The functions for AVX2 give the bits of those for AVX-512, infinities and NaN included.
func TestVectorsAgree(t *testing.T) {
	if !wide || !narrow {
		t.Skip("this CPU has not both instruction sets")
	}
	for n := 16; n <= 512; n += 16 {
		var v [6][]float32
		for i := range v {
			v[i] = random(n, string(rune('a'+i)))
		}
		if n == 512 {
			v[0][3], v[1][500], v[2][17], v[3][8] = float32(math.Inf(1)), float32(math.NaN()), 3e38, 1e-42
		}
		var a, b [8]float32
		dotsAVX512(n/16, &v[0][0], &v[1][0], &v[2][0], &v[3][0], &v[4][0], &v[5][0], &a)
		dotsAVX2(n/16, &v[0][0], &v[1][0], &v[2][0], &v[3][0], &v[4][0], &v[5][0], &b)
		sameBits(t, fmt.Sprintf("dots of %d", n), a[:], b[:])
		x, y, d := random(n, "to"), random(n, "to"), [4]float32{1.5, -2.1, 0.3, 3}
		addScaledAVX512(n/16, &x[0], &v[0][0], &v[1][0], &v[2][0], &v[3][0], &d)
		addScaledAVX2(n/16, &y[0], &v[0][0], &v[1][0], &v[2][0], &v[3][0], &d)
		sameBits(t, fmt.Sprintf("addScaled of %d", n), x, y)
	}
}

func sameBits(t *testing.T, what string, a, b []float32) {
	t.Helper()
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			t.Errorf("%s: number %d is %v with AVX-512, %v with AVX2", what, i, a[i], b[i])
		}
	}
}

func BenchmarkDots(b *testing.B) {
	var v [6][]float32
	for i := range v {
		v[i] = random(256, string(rune('a'+i)))
	}
	defer func(was bool) { wide = was }(wide)
	for _, wide = range []bool{wide, false} {
		b.Run(fmt.Sprintf("wide=%v", wide), func(b *testing.B) {
			for b.Loop() {
				dots(v[0], v[1], v[2], v[3], v[4], v[5])
			}
		})
	}
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			dotsPlain(v[0], v[1], v[2], v[3], v[4], v[5])
		}
	})
}
