package runtime

import (
	"slices"
	"time"
)

// Limits are what the machine can do with the workers that run, measured.
type Limits struct {
	FLOPs     float64 `json:"flop_per_s"`      // multiply-adds in registers, two operations each
	BF16      float64 `json:"bf16_flop_per_s"` // the same with bf16 inputs; 0 where there are no instructions for that
	Bandwidth float64 `json:"byte_per_s"`      // bytes read and written by copies far larger than the caches
}

// Probe sizes: a round of each takes some milliseconds.
const (
	probeRounds = 20000    // multiply-adds of one task
	probeTasks  = 64       // tasks of one round
	probeFloats = 16 << 20 // floats copied in one round
)

// Probe measures the limits with all workers and the vectors of the program's kernels, in about a tenth of a second: the best of
// several rounds. It allocates memory of its own.
func (m *Machine) Probe() Limits {
	var l Limits
	done := make([]float64, probeTasks)
	rate := func(work func(rounds int) float64) (best float64) {
		for range 8 {
			start := time.Now()
			m.Run(func(_ *Worker, _ *Call, task int) { done[task] = work(probeRounds) }, probeTasks)
			sum := 0.0
			for _, d := range done {
				sum += d
			}
			best = max(best, sum/time.Since(start).Seconds())
		}
		return best
	}
	v := m.Program.vectors()
	l.FLOPs = rate(func(rounds int) float64 { return multiplyAdd(v, rounds) })
	l.BF16 = rate(func(rounds int) float64 { return multiplyPairs(v, rounds) })
	from, to := slices.Repeat([]float32{1}, probeFloats), make([]float32, probeFloats)
	const part = probeFloats / probeTasks
	for range 4 {
		start := time.Now()
		m.Run(func(_ *Worker, _ *Call, task int) { copy(to[task*part:(task+1)*part], from[task*part:(task+1)*part]) }, probeTasks)
		l.Bandwidth = max(l.Bandwidth, 2*4*probeFloats/time.Since(start).Seconds())
	}
	return l
}

// sink keeps the compiler from leaving out what is computed for its time alone.
var sink float32

// scalarMultiplyAdd is the peak of portable kernels: chains of products and chains of sums, as many as there are registers for.
func scalarMultiplyAdd(rounds int) float64 {
	var a, b, c, d, e, f, g float32
	var p, q, r, s, t, u, v float32
	x := sink
	for range rounds {
		a, b, c, d, e, f, g = a*x, b*x, c*x, d*x, e*x, f*x, g*x
		p, q, r, s, t, u, v = p+x, q+x, r+x, s+x, t+x, u+x, v+x
	}
	if s := a + b + c + d + e + f + g + p + q + r + s + t + u + v; s != 0 {
		sink = s
	}
	return 14 * float64(rounds)
}
