package refcase

import (
	"fmt"
	"math"
	"strings"
)

// fnv1a is the 64-bit FNV-1a hash of a text.
func fnv1a(text string) uint64 {
	h := uint64(0xCBF29CE484222325)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 0x100000001B3
	}
	return h
}

// Uniform gives n values in [0, 1), each exact in float32: SplitMix64 seeded with the
// FNV-1a-64 hash of the name, its top 24 bits.
func Uniform(name string, n int) []float64 {
	state := fnv1a(name)
	out := make([]float64, n)
	for i := range out {
		state += 0x9E3779B97F4A7C15
		z := state
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		z ^= z >> 31
		out[i] = float64(z>>40) / (1 << 24)
	}
	return out
}

// Values are the starting values of a parameter: uniform around 0, of a size that keeps
// activations near 1; around 1 for the weights of norms.
func (c *Case) Values(p Param) []float64 {
	out := Uniform(c.Seed+"/param/"+p.Name, p.Size())
	scale := 0.1
	if len(p.Shape) > 1 {
		scale = math.Sqrt(3 / float64(product(p.Shape[1:])))
	}
	shift := 0.0
	if strings.Contains(p.Name, "norm") && strings.HasSuffix(p.Name, "weight") || p.Name == "projector.1.weight" {
		shift = 1
	}
	for i, u := range out {
		out[i] = (u*2-1)*scale + shift
	}
	return out
}

// Probe is the direction whose dot product with a parameter's gradient a case records: it
// sees sign and order, which a norm does not.
func (c *Case) Probe(p Param) []float64 {
	out := Uniform(c.Seed+"/probe/"+p.Name, p.Size())
	for i, u := range out {
		out[i] = u*2 - 1
	}
	return out
}

// Batch is what one training step draws.
type Batch struct {
	X            []float64 // [B, Input.Shape...] row-major; nil for tokens
	Tokens       []int32   // [B, L]; nil for values
	MaskNoise    []float64 // [B, L]; the tokens with the smallest noise stay visible
	SupportNoise []float64 // [B, L]
}

// Step draws the batch of a training step, counted from 0.
func (c *Case) Step(step int) Batch {
	draw := func(what string, n int) []float64 { return Uniform(fmt.Sprintf("%s/step%d/%s", c.Seed, step, what), n) }
	n := c.Batch * c.Tokens()
	b := Batch{MaskNoise: draw("mask_noise", n), SupportNoise: draw("support_noise", n)}
	if c.Input.Kind == "tokens" {
		b.Tokens = make([]int32, n)
		for i, u := range draw("x", n) {
			b.Tokens[i] = int32(u * float64(c.Input.Shape[0]))
		}
		return b
	}
	b.X = draw("x", c.Batch*product(c.Input.Shape))
	for i, u := range b.X {
		b.X[i] = (u*2 - 1) * 1.7
	}
	return b
}

// Tensor is a named tensor as a trainer's replay reads and writes it; one of F32 and I32 is set.
type Tensor struct {
	Name  string
	Shape []int
	F32   []float32
	I32   []int32
}

// Replay lists the tensors that a trainer's replay command takes to repeat a step on the
// starting parameters: param.NAME for every parameter, batch.x and the noises the objective uses.
func (c *Case) Replay(step int) []Tensor {
	var out []Tensor
	for _, p := range c.Params() {
		out = append(out, Tensor{Name: "param." + p.Name, Shape: p.Shape, F32: float32s(c.Values(p))})
	}
	b := c.Step(step)
	field := []int{c.Batch, c.Tokens()}
	if b.Tokens != nil {
		out = append(out, Tensor{Name: "batch.x", Shape: field, I32: b.Tokens})
	} else {
		out = append(out, Tensor{Name: "batch.x", Shape: append([]int{c.Batch}, c.Input.Shape...), F32: float32s(b.X)})
	}
	out = append(out, Tensor{Name: "batch.mask_noise", Shape: field, F32: float32s(b.MaskNoise)})
	if c.Objective.Name == "metamae" {
		out = append(out, Tensor{Name: "batch.support_noise", Shape: field, F32: float32s(b.SupportNoise)})
	}
	return out
}

func float32s(values []float64) []float32 {
	out := make([]float32, len(values))
	for i, v := range values {
		out[i] = float32(v)
	}
	return out
}
