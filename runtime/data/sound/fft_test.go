package sound

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"
)

// Power spectra are those of the definition, for lengths that are powers of two and others.
func TestPowerSpectrum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{2, 4, 6, 10, 16, 30, 64, 98, 100, 400, 512, 882} {
		x := make([]float64, n)
		for i := range x {
			x[i] = r.NormFloat64()
		}
		got := make([]float64, n/2+1)
		f := newFFT(n)
		for range 2 { // the second call finds nothing of the first
			f.power(got, x)
		}
		for k, v := range got {
			sum := complex(0, 0)
			for i, s := range x {
				sum += complex(s, 0) * cmplx.Rect(1, -2*math.Pi*float64(i*k%n)/float64(n))
			}
			if want := real(sum)*real(sum) + imag(sum)*imag(sum); !(math.Abs(v-want) <= 1e-11*float64(n)) {
				t.Fatalf("length %d, bin %d: %v, want %v", n, k, v, want)
			}
		}
	}
}
