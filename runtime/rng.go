package runtime

import (
	"math"

	"mspecc/runtime/rounded"
)

// Philox4x32-10: the multipliers and the key increments (Salmon et al., "Parallel random
// numbers: as easy as 1, 2, 3", 2011).
const (
	philoxM0 = 0xD2511F53
	philoxM1 = 0xCD9E8D57
	philoxW0 = 0x9E3779B9
	philoxW1 = 0xBB67AE85
)

// Philox is the counter-based generator Philox4x32-10: four random words that are a pure
// function of a 128-bit counter and a 64-bit key.
func Philox(c [4]uint32, key uint64) [4]uint32 {
	c0, c1, c2, c3 := c[0], c[1], c[2], c[3]
	k0, k1 := uint32(key), uint32(key>>32)
	for range 10 {
		p0, p1 := philoxM0*uint64(c0), philoxM1*uint64(c2)
		c0, c1, c2, c3 = uint32(p1>>32)^c1^k0, uint32(p1), uint32(p0>>32)^c3^k1, uint32(p0)
		k0, k1 = k0+philoxW0, k1+philoxW1
	}
	return [4]uint32{c0, c1, c2, c3}
}

// StreamID is the number that stands for a random stream's name: its 64-bit FNV-1a hash.
func StreamID(name string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 0x100000001b3
	}
	return h
}

// Counter is the Philox counter of elements 4*block..4*block+3 of a stream at a step: the
// words are block, step, and the stream's id, low half first.
func Counter(block, step, stream uint64) [4]uint32 {
	return [4]uint32{uint32(block), uint32(step), uint32(stream), uint32(stream >> 32)}
}

// unit maps a random word to [0, 1): its top 24 bits over 2^24, exact in float32.
func unit(w uint32) float32 { return float32(w>>8) * (1.0 / (1 << 24)) }

// Uniform writes the first len(dst) elements of a stream at a step: numbers in [0, 1) that
// depend on the seed, the stream's name, the step and the element's position alone.
func Uniform(dst []float32, stream string, seed, step uint64) {
	uniform(best, dst, 0, StreamID(stream), seed, step)
}

// uniform fills dst with the elements from 4*block on, the same numbers with all vectors.
func uniform(v vectors, dst []float32, block, stream, seed, step uint64) {
	c := Counter(block, step, stream)
	done := uniformFast(v, dst, c, seed)
	c[0] += uint32(done / 4)
	dst = dst[done:]
	for len(dst) >= 8 {
		philox2(dst[:8], c, seed)
		c[0] += 2
		dst = dst[8:]
	}
	for len(dst) >= 4 {
		r := Philox(c, seed)
		dst[0], dst[1], dst[2], dst[3] = unit(r[0]), unit(r[1]), unit(r[2]), unit(r[3])
		c[0]++
		dst = dst[4:]
	}
	if len(dst) > 0 {
		r := Philox(c, seed)
		for i := range dst {
			dst[i] = unit(r[i])
		}
	}
}

// philox2 writes the numbers of two successive blocks. A block is one long chain of dependent
// multiplications; a processor has room to follow two at once.
func philox2(dst []float32, c [4]uint32, key uint64) {
	a0, a1, a2, a3 := c[0], c[1], c[2], c[3]
	b0, b1, b2, b3 := c[0]+1, c[1], c[2], c[3]
	k0, k1 := uint32(key), uint32(key>>32)
	for range 10 {
		p0, p1 := philoxM0*uint64(a0), philoxM1*uint64(a2)
		q0, q1 := philoxM0*uint64(b0), philoxM1*uint64(b2)
		a0, a1, a2, a3 = uint32(p1>>32)^a1^k0, uint32(p1), uint32(p0>>32)^a3^k1, uint32(p0)
		b0, b1, b2, b3 = uint32(q1>>32)^b1^k0, uint32(q1), uint32(q0>>32)^b3^k1, uint32(q0)
		k0, k1 = k0+philoxW0, k1+philoxW1
	}
	_ = dst[7]
	dst[0], dst[1], dst[2], dst[3] = unit(a0), unit(a1), unit(a2), unit(a3)
	dst[4], dst[5], dst[6], dst[7] = unit(b0), unit(b1), unit(b2), unit(b3)
}

// uniformChunk is the number of elements one task of FillUniform draws.
const uniformChunk = 1 << 14

// FillUniform draws n numbers in [0, 1) of a named stream at a step into the arena, as
// Uniform does, with all workers.
func (m *Machine) FillUniform(dst, n int, stream string, seed, step uint64) {
	id := StreamID(stream)
	m.Run(fillUniform, (n+uniformChunk-1)/uniformChunk, dst, n, int(id), int(seed), int(step))
}

func fillUniform(w *Worker, c *Call, task int) {
	lo := task * uniformChunk
	hi := min(c.Off[1], lo+uniformChunk)
	uniform(best, w.Args.Mem[c.Off[0]+lo:c.Off[0]+hi], uint64(lo/4), uint64(c.Off[2]), uint64(c.Off[3]), uint64(c.Off[4]))
}

// Initialize gives every parameter its first values and clears the optimiser state. The
// numbers of parameter NAME are the stream "init/NAME" at step 0.
func (m *Machine) Initialize(seed uint64) {
	for _, p := range m.Program.Params {
		p.Init.fill(m.Floats(p.Tensor), "init/"+p.Name, seed)
	}
	for _, t := range m.Program.StateTensors() {
		clear(m.Floats(t))
	}
}

// fill draws the values. The products are rounded before the sums (no fused multiply-add),
// so that every machine gets the same bits.
func (in Init) fill(dst []float32, stream string, seed uint64) {
	lo, hi := in.A, in.B
	switch in.Kind {
	case "normal":
		normal(dst, in.A, in.B, stream, seed)
		return
	case "xavier_uniform":
		hi = math.Sqrt(6 / float64(in.FanIn+in.FanOut))
		lo = -hi
	case "uniform":
	default: // "const"
		for i := range dst {
			dst[i] = float32(in.A)
		}
		return
	}
	Uniform(dst, stream, seed, 0)
	for i, u := range dst {
		dst[i] = float32(lo + float64((hi-lo)*float64(u)))
	}
}

// normal draws by Box and Muller's transform, two uniform numbers for each value.
func normal(dst []float32, mean, deviation float64, stream string, seed uint64) {
	u := make([]float32, 2*len(dst))
	Uniform(u, stream, seed, 0)
	for i := range dst {
		radius := math.Sqrt(-2 * rounded.Log(1-float64(u[2*i])))
		dst[i] = float32(mean + float64(deviation*float64(radius*rounded.Cos(2*math.Pi*float64(u[2*i+1])))))
	}
}
