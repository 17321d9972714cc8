package eval

import (
	"math"

	"mspecc/runtime"
)

// Independent tries out whether the features that f computes of an example are the same, bit
// for bit, whatever else is in the batch. They are not where a model uses statistics of the
// batch; then examples of different origin must not share one.
func Independent(m *runtime.Machine, f *runtime.Function) (bool, error) {
	out, ok := f.Output("features")
	if !ok || len(out.Shape) == 0 || out.Shape[0] == 1 {
		return true, nil
	}
	n := out.Len() / out.Shape[0]
	first := make([]uint32, n)
	for trial := range 2 {
		for _, in := range f.Inputs {
			try(m, in, trial)
		}
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

// try fills an input with numbers of which only those of the first example are the same in
// every trial. Of tokens only the first two are used.
func try(m *runtime.Machine, in runtime.Tensor, trial int) {
	u := make([]float32, in.Len())
	runtime.Uniform(u, "eval/try/"+in.Name, 1, uint64(trial))
	runtime.Uniform(u[:in.Len()/in.Shape[0]], "eval/try/"+in.Name, 1, 0)
	if in.DType == runtime.F32 {
		copy(m.Floats(in), u)
		return
	}
	ids := float32(2)
	if m.Program.Modality.Vocab == 1 {
		ids = 1
	}
	for i, dst := 0, m.Ints(in); i < len(dst); i++ {
		dst[i] = int32(ids * u[i])
	}
}
