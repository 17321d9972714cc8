package train

import (
	"slices"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
)

// guardEvery is how many steps lie between two copies of the parameters: as many may have to be
// computed again after a failure, and a copy costs little beside so many steps.
const guardEvery = 64

// guard is a copy of what a step changes, from which the steps since can be computed again.
type guard struct {
	state  ckpt.State
	memory [][]float32 // parameters, then each optimiser state
}

func (g *guard) take(m *runtime.Machine, s ckpt.State) {
	g.state = s
	g.state.Line.Of, g.state.Since.Of = slices.Clone(s.Line.Of), slices.Clone(s.Since.Of)
	for i, region := range changing(m) {
		if len(g.memory) == i {
			g.memory = append(g.memory, make([]float32, len(region)))
		}
		copy(g.memory[i], region)
	}
}

func (g *guard) restore(m *runtime.Machine) ckpt.State {
	for i, region := range changing(m) {
		copy(region, g.memory[i])
	}
	s := g.state
	s.Line.Of, s.Since.Of = slices.Clone(s.Line.Of), slices.Clone(s.Since.Of)
	return s
}

// changing are the regions of the arena that outlive a step.
func changing(m *runtime.Machine) [][]float32 {
	var list [][]float32
	for _, p := range m.Program.Params {
		list = append(list, m.Floats(p.Tensor))
	}
	for _, t := range m.Program.StateTensors() {
		list = append(list, m.Floats(t))
	}
	return list
}
