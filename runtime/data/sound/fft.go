package sound

import (
	"math"
	"math/bits"

	"mspecc/runtime/rounded"
)

// fft computes power spectra of n real numbers, n even, with every rounding stated, so that
// processors with fused multiply-add give the same bits. The n numbers are n/2 complex ones: a transform of
// length a power of two (Cooley and Tukey, 1965), or by means of one (Bluestein, "A linear filtering approach to the
// computation of the discrete Fourier transform", 1970).
type fft struct {
	half     int           // n/2
	size     int           // of the inner transform: half, or a power of two of at least 2 half - 1
	twiddles []complexPair // e^(-2 pi i k/size), k < size/2
	split    []complexPair // e^(-2 pi i k/n), k <= half
	chirp    []complexPair // e^(-pi i k^2/half), k < half; nil where half is a power of two
	filter   []complexPair // transform of the chirp's conjugate, over size
	work     []complexPair
}

// complexPair is a complex number; products of Go's own may be fused.
type complexPair struct{ re, im float64 }

func (a complexPair) times(b complexPair) complexPair {
	return complexPair{float64(a.re*b.re) - float64(a.im*b.im), float64(a.re*b.im) + float64(a.im*b.re)}
}

// root is e^(-2 pi i k/n).
func root(k, n int) complexPair {
	angle := float64(2*math.Pi*float64(k)) / float64(n)
	return complexPair{rounded.Cos(angle), -rounded.Sin(angle)}
}

func roots(count, n int) []complexPair {
	out := make([]complexPair, count)
	for k := range out {
		out[k] = root(k, n)
	}
	return out
}

func newFFT(n int) *fft {
	f := &fft{half: n / 2, size: n / 2, split: roots(n/2+1, n)}
	if f.half&(f.half-1) == 0 {
		f.twiddles, f.work = roots(f.size/2, f.size), make([]complexPair, f.size)
		return f
	}
	f.size = 1 << bits.Len(uint(2*f.half-2))
	f.twiddles, f.work = roots(f.size/2, f.size), make([]complexPair, f.size)
	f.chirp, f.filter = make([]complexPair, f.half), make([]complexPair, f.size)
	for k := range f.chirp {
		f.chirp[k] = root(k*k%n, n)
		back := complexPair{f.chirp[k].re / float64(f.size), -f.chirp[k].im / float64(f.size)}
		f.filter[k] = back
		f.filter[(f.size-k)%f.size] = back
	}
	f.transform(f.filter)
	return f
}

// transform is the discrete Fourier transform of f.size numbers in place.
func (f *fft) transform(x []complexPair) {
	shift := 64 - bits.Len(uint(len(x)-1))
	for i := range x {
		if j := int(bits.Reverse64(uint64(i)) >> shift); len(x) > 1 && j > i {
			x[i], x[j] = x[j], x[i]
		}
	}
	for width := 1; width < len(x); width *= 2 {
		step := len(x) / (2 * width)
		for lo := 0; lo < len(x); lo += 2 * width {
			a, b := x[lo:lo+width], x[lo+width:lo+2*width]
			for k := range a {
				t := b[k].times(f.twiddles[k*step])
				a[k], b[k] = complexPair{a[k].re + t.re, a[k].im + t.im}, complexPair{a[k].re - t.re, a[k].im - t.im}
			}
		}
	}
}

// power writes the squared magnitudes of the transform of x [n] into dst [n/2 + 1].
func (f *fft) power(dst, x []float64) {
	z := f.work
	if f.chirp == nil {
		for k := range z {
			z[k] = complexPair{x[2*k], x[2*k+1]}
		}
		f.transform(z)
	} else {
		clear(z)
		for k, c := range f.chirp {
			z[k] = complexPair{x[2*k], x[2*k+1]}.times(c)
		}
		f.transform(z)
		for k := range z { // the conjugate, so that the next transform goes back
			p := z[k].times(f.filter[k])
			z[k] = complexPair{p.re, -p.im}
		}
		f.transform(z)
		for k, c := range f.chirp {
			z[k] = complexPair{z[k].re, -z[k].im}.times(c)
		}
	}
	for k := range dst { // of the even and of the odd numbers, joined
		a, b := z[k%f.half], z[(f.half-k)%f.half]
		even := complexPair{float64((a.re + b.re) / 2), float64((a.im - b.im) / 2)}
		odd := complexPair{(a.im + b.im) / 2, (b.re - a.re) / 2}.times(f.split[k])
		re, im := even.re+odd.re, even.im+odd.im
		dst[k] = float64(re*re) + float64(im*im)
	}
}
