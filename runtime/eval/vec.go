package eval

// dotsPlain is dots in plain Go. Eight sums side by side keep the processor's adders busy.
func dotsPlain(a, b, w0, w1, w2, w3 []float32) (s [8]float32) {
	b, w0, w1, w2, w3 = b[:len(a)], w0[:len(a)], w1[:len(a)], w2[:len(a)], w3[:len(a)]
	var a0, a1, a2, a3, b0, b1, b2, b3 float32
	for i, x := range a {
		y := b[i]
		a0, a1, a2, a3 = a0+float32(x*w0[i]), a1+float32(x*w1[i]), a2+float32(x*w2[i]), a3+float32(x*w3[i])
		b0, b1, b2, b3 = b0+float32(y*w0[i]), b1+float32(y*w1[i]), b2+float32(y*w2[i]), b3+float32(y*w3[i])
	}
	return [8]float32{a0, a1, a2, a3, b0, b1, b2, b3}
}

// addScaledPlain is addScaled in plain Go.
func addScaledPlain(to, x0, x1, x2, x3 []float32, d [4]float32) {
	x0, x1, x2, x3 = x0[:len(to)], x1[:len(to)], x2[:len(to)], x3[:len(to)]
	for i := range to {
		to[i] += float32(d[0]*x0[i]) + float32(d[1]*x1[i]) + float32(d[2]*x2[i]) + float32(d[3]*x3[i])
	}
}
