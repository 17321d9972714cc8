package eval

import (
	"math"

	"mspecc/runtime"
)

// Independent tries out whether the features that f computes of an example are the same, bit
// for bit, whatever else is in the batch. They are not where a model uses statistics of the
// batch; then examples of different origin must not share one.
func Independent(m *runtime.Machine, f *runtime.Function) (bool, error) {
	x, ok := f.Input("x")
	out, okOut := f.Output("features")
	if !ok || !okOut || len(x.Shape) == 0 || x.Shape[0] == 1 || len(out.Shape) == 0 {
		return true, nil
	}
	n := out.Len() / out.Shape[0]
	first := make([]uint32, n)
	for trial := range 2 {
		probe(m, x, trial)
		if err := m.Execute(f, 0, 0); err != nil {
			return false, err
		}
		for i, v := range m.Floats(out)[:n] {
			if bits := math.Float32bits(v); trial == 0 {
				first[i] = bits
			} else if bits != first[i] {
				return false, nil
			}
		}
	}
	return true, nil
}

// probe fills a batch with numbers of which only those of the first example are the same in
// every trial.
func probe(m *runtime.Machine, x runtime.Tensor, trial int) {
	u := make([]float32, x.Len())
	runtime.Uniform(u, "eval/probe", 1, uint64(trial))
	runtime.Uniform(u[:x.Len()/x.Shape[0]], "eval/probe", 1, 0)
	if x.DType == runtime.I32 {
		vocab := max(1, m.Program.Modality.Vocab)
		for i, dst := 0, m.Ints(x); i < len(dst); i++ {
			dst[i] = int32(u[i] * float32(vocab))
		}
		return
	}
	copy(m.Floats(x), u)
}
