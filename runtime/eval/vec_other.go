//go:build !amd64

package eval

// dots gives the products of two vectors with four others of the same length, a's first.
func dots(a, b, w0, w1, w2, w3 []float32) [8]float32 { return dotsPlain(a, b, w0, w1, w2, w3) }

// addScaled adds d[0] x0 + d[1] x1 + d[2] x2 + d[3] x3 to a vector.
func addScaled(to, x0, x1, x2, x3 []float32, d [4]float32) { addScaledPlain(to, x0, x1, x2, x3, d) }
