package eval

import (
	"math"
	"testing"

	"mspecc/runtime"
)

// Lengths around the groups of 16 that the fast ways work on.
var lengths = []int{0, 1, 15, 16, 17, 31, 32, 33, 48, 257}

func random(n int, stream string) []float32 {
	x := make([]float32, n)
	runtime.Uniform(x, stream, 1, 0)
	for i := range x {
		x[i] -= 0.5
	}
	return x
}

func TestDots(t *testing.T) {
	for _, n := range lengths {
		var v [6][]float32
		for i := range v {
			v[i] = random(n, string(rune('a'+i)))
		}
		got := dots(v[0], v[1], v[2], v[3], v[4], v[5])
		for i := range 2 {
			for j := range 4 {
				want, size := 0.0, 0.0
				for k := range n {
					p := float64(v[i][k]) * float64(v[2+j][k])
					want += p
					size += math.Abs(p)
				}
				if d := math.Abs(float64(got[4*i+j]) - want); d > 1e-6*size {
					t.Errorf("length %d: product %d.%d is %v, expected %v", n, i, j, got[4*i+j], want)
				}
			}
		}
	}
}

func TestAddScaled(t *testing.T) {
	for _, n := range lengths {
		var v [4][]float32
		for i := range v {
			v[i] = random(n, string(rune('a'+i)))
		}
		to := random(n+1, "to") // one more, which must stay
		was, d := append([]float32(nil), to...), [4]float32{1.5, -2, 0.25, 3}
		addScaled(to[:n], v[0], v[1], v[2], v[3], d)
		for k := range to {
			want := float64(was[k])
			for i := range v {
				if k < n {
					want += float64(d[i]) * float64(v[i][k])
				}
			}
			if !(math.Abs(float64(to[k])-want) <= 1e-6) {
				t.Errorf("length %d: element %d is %v, expected %v", n, k, to[k], want)
			}
		}
	}
}
