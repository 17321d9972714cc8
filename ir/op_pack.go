package ir

import (
	"errors"
	"math"
	"slices"
)

// Matrix products of bf16 add, for each element of the result, pairs of products: their
// arguments hold two neighbours along the inner axis in one element of 32 bits, the lower
// index in the lower half. Packing pairs neighbours along the last axis; Interleave pairs
// the rows of what is packed.

const noPackVJP = "operands are packed after gradients are taken"

func packOps() []Info {
	pack := Info{Op: OpPack, Name: "pack", Doc: "v[..., i] = bf16 of x[..., 2i] and of x[..., 2i+1], or of 0 beyond the end", Class: Packing, Args: 1, NoVJP: noPackVJP}
	pack.infer = func(args []*Value, _ *Attr) (Type, error) {
		t := args[0].Type
		n := len(t.Shape)
		if t.DType != F32 || n == 0 {
			return Type{}, errors.New("the argument must be f32 with an axis or more")
		}
		return Type{BF16x2, append(slices.Clone(t.Shape[:n-1]), (t.Shape[n-1]+1)/2)}, nil
	}
	pack.eval = func(v *Value, a [][]float64) []float64 {
		s := v.Args[0].Shape()
		n := s[len(s)-1]
		out := make([]float64, 0, v.Len())
		for x := range slices.Chunk(a[0], max(1, n)) {
			for i := 0; i < n; i += 2 {
				hi := 0.0
				if i+1 < n {
					hi = x[i+1]
				}
				out = append(out, packPair(RoundBF16(x[i]), RoundBF16(hi)))
			}
		}
		return out
	}
	pack.samples = func(b *Builder) []*Value { return []*Value{b.Pack(b.Input("real", F32, []int{3, 5}))} }

	inter := Info{Op: OpInterleave, Name: "interleave", Doc: "v[..., i, 2j+h] = half h of x[..., 2i, j] and of x[..., 2i+1, j], or 0 beyond the end", Class: Opaque, Args: 1, NoVJP: noPackVJP}
	inter.infer = func(args []*Value, _ *Attr) (Type, error) {
		t := args[0].Type
		n := len(t.Shape)
		if t.DType != BF16x2 || n < 2 {
			return Type{}, errors.New("the argument must be bf16x2 with two axes or more")
		}
		return Type{BF16x2, append(slices.Clone(t.Shape[:n-2]), (t.Shape[n-2]+1)/2, 2*t.Shape[n-1])}, nil
	}
	inter.eval = func(v *Value, a [][]float64) []float64 {
		s := v.Args[0].Shape()
		r, w := s[len(s)-2], s[len(s)-1]
		out := make([]float64, 0, v.Len())
		for x := range slices.Chunk(a[0], max(1, r*w)) {
			for i := 0; i < r; i += 2 {
				for j := range w {
					lo0, lo1 := unpackPair(x[i*w+j])
					hi0, hi1 := 0.0, 0.0
					if i+1 < r {
						hi0, hi1 = unpackPair(x[(i+1)*w+j])
					}
					out = append(out, packPair(lo0, hi0), packPair(lo1, hi1))
				}
			}
		}
		return out
	}
	inter.samples = func(b *Builder) []*Value {
		return []*Value{b.Interleave(b.Pack(b.Input("real", F32, []int{2, 3, 5})))}
	}
	return []Info{pack, inter}
}

// RoundBF16 is the bf16 number nearest to x, first rounded to f32; of two equally near ones
// that with an even last bit. Numbers too small for a normal one are 0, as in hardware.
func RoundBF16(x float64) float64 {
	bits := math.Float32bits(float32(x))
	switch exponent := bits >> 23 & 0xff; exponent {
	case 0:
		bits &= 1 << 31
	case 0xff: // infinite or not a number: stays that
		if bits<<9 != 0 {
			bits |= 1 << 22
		}
	default:
		bits += 0x7fff + bits>>16&1
	}
	return float64(math.Float32frombits(bits &^ 0xffff))
}

// packPair is the element that holds two bf16 numbers: its 32 bits as an integer.
func packPair(lo, hi float64) float64 {
	return float64(math.Float32bits(float32(hi)) | math.Float32bits(float32(lo))>>16)
}

func unpackPair(x float64) (lo, hi float64) {
	bits := uint32(x)
	return float64(math.Float32frombits(bits << 16)), float64(math.Float32frombits(bits &^ 0xffff))
}

// mulPairs multiplies the halves of two elements and adds the products.
func mulPairs(x, y float64) float64 {
	xl, xh := unpackPair(x)
	yl, yh := unpackPair(y)
	return xl*yl + xh*yh
}
