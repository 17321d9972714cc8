// Package rounded has elementary functions whose bits depend on nothing but the argument. Those of
// package math do: in assembly on some processors, with fused multiply-add where there is one, and
// with products and sums that the compiler may fuse or not, by GOARCH and GOAMD64. What reaches weights, losses or
// data is computed with these.
//
// Algorithms and coefficients are those of Go's package math, which has them from FreeBSD's msun (Exp, Log; Copyright
// (C) 1993 by Sun Microsystems, Inc. All rights reserved. Permission to use, copy, modify, and
// distribute this software is freely granted, provided that this notice is preserved) and from the
// Cephes library (Sin, Cos; Copyright 1984, 1987, 1989, 1992 by Stephen L. Moshier), with every
// rounding stated. Errors are below 1 unit in the last place.
package rounded

import "math"

// mul is x y, rounded: the conversion keeps the product from being fused with a sum.
func mul(x, y float64) float64 { return float64(x * y) }

// horner is a polynomial in x, the highest coefficient first.
func horner(x float64, coefficients ...float64) float64 {
	p := coefficients[0]
	for _, c := range coefficients[1:] {
		p = mul(p, x) + c
	}
	return p
}

// ln 2 in two parts; the first has few enough digits for its product with an exponent to be exact.
const (
	ln2High = 6.93147180369123816490e-01
	ln2Low  = 1.90821492927058770002e-10
)

// Exp is e to the power x: 0 below -745.14, infinite above 709.79.
func Exp(x float64) float64 {
	switch {
	case math.IsNaN(x):
		return x
	case x > 7.09782712893383973096e+02:
		return math.Inf(1)
	case x < -7.45133219101941108420e+02:
		return 0
	case math.Abs(x) < 1.0/(1<<28):
		return 1 + x
	}
	k := math.Trunc(mul(math.Log2E, x) + math.Copysign(0.5, x))
	high, low := x-mul(k, ln2High), mul(k, ln2Low)
	r := high - low
	t := mul(r, r)
	c := r - mul(t, horner(t, 4.13813679705723846039e-08, -1.65339022054652515390e-06, 6.61375632143793436117e-05,
		-2.77777777770155933842e-03, 1.66666666666666657415e-01))
	y := 1 - ((low - mul(r, c)/(2-c)) - high)
	return math.Ldexp(y, int(k))
}

// Log is the natural logarithm: -Inf of 0, NaN of negative numbers.
func Log(x float64) float64 {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 1):
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}
	f, e := math.Frexp(x)
	if f < math.Sqrt2/2 {
		f *= 2
		e--
	}
	f--
	k := float64(e)
	s := f / (2 + f)
	s2 := mul(s, s)
	s4 := mul(s2, s2)
	t1 := mul(s2, horner(s4, 1.479819860511658591e-01, 1.818357216161805012e-01, 2.857142874366239149e-01, 6.666666666666735130e-01))
	t2 := mul(s4, horner(s4, 1.531383769920937332e-01, 2.222219843214978396e-01, 3.999999999940941908e-01))
	half := mul(mul(0.5, f), f)
	return mul(k, ln2High) - ((half - (mul(s, half+(t1+t2)) + mul(k, ln2Low))) - f)
}

// Log10 is the decimal logarithm.
func Log10(x float64) float64 { return mul(Log(x), 1/math.Ln10) }

// pi/4 in three parts.
const (
	quarterPi1 = 7.85398125648498535156e-1
	quarterPi2 = 3.77489470793079817668e-8
	quarterPi3 = 2.69515142907905952645e-15
)

// limit is where the reduction by pi/4 in three parts ends. Beyond it Sin and Cos are those of package math.
const limit = 1 << 29

// Sin is the sine of radians.
func Sin(x float64) float64 {
	if x == 0 || !(math.Abs(x) < limit) {
		return math.Sin(x)
	}
	y := turn(math.Abs(x), 0)
	if x < 0 {
		return -y
	}
	return y
}

// Cos is the cosine of radians.
func Cos(x float64) float64 {
	if !(math.Abs(x) < limit) {
		return math.Cos(x)
	}
	return turn(math.Abs(x), 2)
}

// turn is the sine of x, from 0 to limit, after so many eighths of a turn.
func turn(x float64, eighths uint64) float64 {
	j := uint64(mul(x, 4/math.Pi))
	j += j & 1 // the nearest multiple of pi/2
	y := float64(j)
	z := ((x - mul(y, quarterPi1)) - mul(y, quarterPi2)) - mul(y, quarterPi3)
	zz := mul(z, z)
	j = (j + eighths) & 7
	if j == 2 || j == 6 {
		y = 1 - mul(0.5, zz) + mul(mul(zz, zz), horner(zz, -1.13585365213876817300e-11, 2.08757008419747316778e-9,
			-2.75573141792967388112e-7, 2.48015872888517045348e-5, -1.38888888888730564116e-3, 4.16666666666665929218e-2))
	} else {
		y = z + mul(mul(z, zz), horner(zz, 1.58962301576546568060e-10, -2.50507477628578072866e-8, 2.75573136213857245213e-6,
			-1.98412698295895385996e-4, 8.33333333332211858878e-3, -1.66666666666666307295e-1))
	}
	if j >= 4 {
		return -y
	}
	return y
}

// Pow is x to a whole power n, not negative.
func Pow(x float64, n int) float64 {
	y, e := 1.0, 0
	square, se := math.Frexp(x)
	for ; n > 0; n >>= 1 {
		if se < -1<<12 || se > 1<<12 { // out of range whatever follows
			e += se
			break
		}
		if n&1 == 1 {
			y = mul(y, square)
			e += se
		}
		square = mul(square, square)
		if se *= 2; square < 0.5 {
			square *= 2
			se--
		}
	}
	return math.Ldexp(y, e)
}
