package tensorboard

import "math"

// Histogram counts values in buckets whose edges are 1/4 of a power of two apart, from 2^-40
// (what is smaller counts as 0) to the largest float32: 14 to 25 % wide, and found from the bits
// of a value. Values that are not finite are left out.
type Histogram struct {
	Count            int
	Min, Max         float64
	Sum, SumSquares  float64
	negative, around [buckets]int // by magnitude; around[0] holds the zeros, the rest is positive
}

const (
	parts    = 4   // buckets of an octave
	smallest = -40 // exponent of the first bucket's lower edge
	buckets  = 1 + parts*(128-smallest)
)

// NewHistogram counts values.
func NewHistogram(values []float32) *Histogram {
	h := &Histogram{Min: math.Inf(1), Max: math.Inf(-1)}
	for _, x := range values {
		bits := math.Float32bits(x)
		if bits&0x7f800000 == 0x7f800000 {
			continue
		}
		v := float64(x)
		h.Count++
		h.Min, h.Max = min(h.Min, v), max(h.Max, v)
		h.Sum += v
		h.SumSquares += v * v
		// The exponent and the first two bits of the mantissa number the bucket.
		k := int(bits&0x7fffffff>>21) - parts*(127+smallest) + 1
		switch {
		case k < 1:
			h.around[0]++
		case bits>>31 == 1:
			h.negative[k]++
		default:
			h.around[k]++
		}
	}
	if h.Count == 0 {
		h.Min, h.Max = 0, 0
	}
	return h
}

// edge is the lower edge of bucket k > 0 of the positive side; edge(k + 1) is its upper one.
func edge(k int) float64 {
	return math.Ldexp(1+float64((k-1)%parts)/parts, smallest+(k-1)/parts)
}

// Buckets lists the upper edges and counts of the buckets from the smallest value to the largest,
// rising; neighbours that are empty are one bucket. The first edge is where the smallest
// value's bucket begins, with nothing below it.
func (h *Histogram) Buckets() (limits, counts []float64) {
	bucket := func(lower, upper float64, n int) {
		if n == 0 {
			return
		}
		if len(limits) == 0 || limits[len(limits)-1] < lower {
			limits, counts = append(limits, lower), append(counts, 0)
		}
		limits, counts = append(limits, upper), append(counts, float64(n))
	}
	for k := buckets - 1; k > 0; k-- {
		bucket(-edge(k+1), -edge(k), h.negative[k])
	}
	bucket(-edge(1), edge(1), h.around[0])
	for k := 1; k < buckets; k++ {
		bucket(edge(k), edge(k+1), h.around[k])
	}
	return limits, counts
}

// Fields of tensorflow.HistogramProto.
const (
	histogramMin, histogramMax, histogramCount, histogramSum, histogramSquares, histogramLimits, histogramBuckets = 1, 2, 3, 4, 5, 6, 7
)

func (h *Histogram) encode() []byte {
	b := double(nil, histogramMin, h.Min)
	b = double(b, histogramMax, h.Max)
	b = double(b, histogramCount, float64(h.Count))
	b = double(b, histogramSum, h.Sum)
	b = double(b, histogramSquares, h.SumSquares)
	limits, counts := h.Buckets()
	if len(limits) == 0 {
		limits, counts = []float64{0}, []float64{0} // TensorBoard wants one bucket at least
	}
	return doubles(doubles(b, histogramLimits, limits), histogramBuckets, counts)
}
