package eval

import "mspecc/runtime"

// Functions for AVX-512 and for AVX2 give the same bits.
var wide, narrow = runtime.HasCPU("AVX512F"), runtime.HasCPU("AVX2", "FMA")

// dotsAVX512 computes the products of whole groups of 16 elements (at least one).
//
//go:noescape
func dotsAVX512(groups int, a, b, w0, w1, w2, w3 *float32, sums *[8]float32)

// dotsAVX2 is dotsAVX512 for other CPUs.
//
//go:noescape
func dotsAVX2(groups int, a, b, w0, w1, w2, w3 *float32, sums *[8]float32)

// addScaledAVX512 works on whole groups of 16 elements (at least one).
//
//go:noescape
func addScaledAVX512(groups int, to, x0, x1, x2, x3 *float32, d *[4]float32)

// addScaledAVX2 is addScaledAVX512 for other CPUs.
//
//go:noescape
func addScaledAVX2(groups int, to, x0, x1, x2, x3 *float32, d *[4]float32)

// dots gives the products of two vectors with four others of the same length, a's first.
func dots(a, b, w0, w1, w2, w3 []float32) (s [8]float32) {
	n := len(a) &^ 15
	if !wide && !narrow || n == 0 {
		return dotsPlain(a, b, w0, w1, w2, w3)
	}
	_, _, _, _, _ = b[n-1], w0[n-1], w1[n-1], w2[n-1], w3[n-1]
	if wide {
		dotsAVX512(n/16, &a[0], &b[0], &w0[0], &w1[0], &w2[0], &w3[0], &s)
	} else {
		dotsAVX2(n/16, &a[0], &b[0], &w0[0], &w1[0], &w2[0], &w3[0], &s)
	}
	if n < len(a) {
		for i, v := range dotsPlain(a[n:], b[n:], w0[n:], w1[n:], w2[n:], w3[n:]) {
			s[i] += v
		}
	}
	return s
}

// addScaled adds d[0] x0 + d[1] x1 + d[2] x2 + d[3] x3 to a vector.
func addScaled(to, x0, x1, x2, x3 []float32, d [4]float32) {
	n := len(to) &^ 15
	if (wide || narrow) && n > 0 {
		_, _, _, _ = x0[n-1], x1[n-1], x2[n-1], x3[n-1]
		if wide {
			addScaledAVX512(n/16, &to[0], &x0[0], &x1[0], &x2[0], &x3[0], &d)
		} else {
			addScaledAVX2(n/16, &to[0], &x0[0], &x1[0], &x2[0], &x3[0], &d)
		}
		to, x0, x1, x2, x3 = to[n:], x0[n:], x1[n:], x2[n:], x3[n:]
	}
	addScaledPlain(to, x0, x1, x2, x3, d)
}
