package ckpt

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Float32 converts a tensor of floats of another width; float32 comes back as it is.
func (t Tensor) Float32() (Tensor, error) {
	var at func(i int) float32
	le := binary.LittleEndian
	switch t.DType {
	case "F32":
		return t, nil
	case "F64":
		at = func(i int) float32 { return float32(math.Float64frombits(le.Uint64(t.Data[8*i:]))) }
	case "BF16":
		at = func(i int) float32 { return math.Float32frombits(uint32(le.Uint16(t.Data[2*i:])) << 16) }
	case "F16":
		at = func(i int) float32 { return half(le.Uint16(t.Data[2*i:])) }
	default:
		return Tensor{}, fmt.Errorf("tensor %q is %s, expected floats (F32, F64, F16 or BF16)", t.Name, t.DType)
	}
	values := make([]float32, len(t.Data)*8/bits[t.DType])
	for i := range values {
		values[i] = at(i)
	}
	return Floats(t.Name, t.Shape, values), nil
}

// half is the value of an IEEE half-precision number.
func half(h uint16) float32 {
	sign, exponent, fraction := 1.0, int(h>>10&31), float64(h&1023)
	if h>>15 != 0 {
		sign = -1
	}
	switch {
	case exponent == 31 && fraction != 0:
		return float32(math.NaN())
	case exponent == 31:
		return float32(math.Inf(int(sign)))
	case exponent == 0:
		return float32(sign * math.Ldexp(fraction, -24))
	}
	return float32(sign * math.Ldexp(1024+fraction, exponent-25))
}

// Values are the numbers of a float32 tensor.
func (t Tensor) Values() ([]float32, error) {
	if t.DType != "F32" {
		return nil, fmt.Errorf("tensor %q is %s, expected F32", t.Name, t.DType)
	}
	values := make([]float32, len(t.Data)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
	}
	return values, nil
}
