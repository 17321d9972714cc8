package eval

import (
	"math"
	"slices"

	"mspecc/runtime"
)

// Independent tries out whether the features that f computes of an example are the same
// whatever else is in the batch, bit for bit, and wherever in the batch it stands. They are not
// where a model uses statistics of the batch, or counts its examples; then examples of
// different origin must not share one.
func Independent(m *runtime.Machine, f *runtime.Function) (bool, error) {
	out, ok := f.Output("features")
	if !ok || len(out.Shape) == 0 || out.Shape[0] == 1 {
		return true, nil
	}
	n := out.Len() / out.Shape[0]
	first := make([]float32, n)
	for trial := range 2 {
		for _, in := range f.Inputs {
			try(m, in, trial)
		}
		if err := m.Execute(f, 0, 0); err != nil {
			return false, err
		}
		x := m.Floats(out)
		if !near(x[:n], x[len(x)-n:]) || trial > 0 && !same(first, x[:n]) {
			return false, nil
		}
		copy(first, x)
	}
	return true, nil
}

// same compares bits.
func same(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// near says whether two vectors differ by rounding alone: the rows of a batch are not all
// computed in the same blocks.
func near(a, b []float32) bool {
	d, size := 0.0, 0.0
	for i, x := range a {
		d += float64(float64(x-b[i]) * float64(x-b[i]))
		size += float64(float64(x) * float64(x))
	}
	return d <= 1e-6*size || same(a, b)
}

// try fills an input with numbers of which only those of the first example are the same in
// every trial; the last example is the first again. Of tokens only the first two are used.
func try(m *runtime.Machine, in runtime.Tensor, trial int) {
	u := make([]float32, in.Len())
	width := in.Len() / in.Shape[0]
	runtime.Uniform(u, "eval/try/"+in.Name, 1, uint64(trial))
	runtime.Uniform(u[:width], "eval/try/"+in.Name, 1, 0)
	copy(u[len(u)-width:], u)
	if in.DType == runtime.F32 {
		copy(m.Floats(in), u)
		return
	}
	ids := float32(2)
	for _, x := range m.Program.Modality.Inputs {
		if x.Tensor() == in.Name && x.Vocab == 1 {
			ids = 1
		}
	}
	for i, dst := 0, m.Ints(in); i < len(dst); i++ {
		dst[i] = int32(ids * u[i])
	}
}
