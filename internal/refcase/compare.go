package refcase

import (
	"fmt"
	"math"
	"sort"
)

// Tolerance is how far results may be from the reference, all relative.
type Tolerance struct {
	Loss  float64 // every loss term of the first step
	Later float64 // every loss term of the steps after it
	Grad  float64 // every gradient tensor, of its norm
}

// F32 is the tolerance for float32 arithmetic. Large inner learning rates amplify rounding.
func (c *Case) F32() Tolerance {
	t := Tolerance{Loss: 1e-5, Later: 1e-4, Grad: 1e-4}
	if c.Objective.InnerLR >= 50 {
		t.Grad = 5e-4
	}
	return t
}

// BF16 is the tolerance where matrix products take operands of 8 significant bits.
func (c *Case) BF16() Tolerance { return Tolerance{Loss: 1e-2, Later: 1e-2, Grad: 0.1} }

// F64 is the tolerance for float64 arithmetic in another order of operations.
func (c *Case) F64() Tolerance { return Tolerance{Loss: 1e-10, Later: 1e-8, Grad: 1e-8} }

// RelError is |got - want| / |want|; of an expected zero, |got|. A result that is not a number is infinitely wrong.
func RelError(got, want float64) float64 {
	d := math.Abs(got - want)
	if want != 0 {
		d /= math.Abs(want)
	}
	if math.IsNaN(d) {
		return math.Inf(1)
	}
	return d
}

// CheckLosses compares the loss terms of a step, by name, with the reference's. Terms that
// the reference does not record are ignored; a recorded one that is missing is an error.
func (c *Case) CheckLosses(step int, got map[string]float64, t Tolerance) error {
	if step >= len(c.Expect.Steps) {
		return fmt.Errorf("%s records %d steps, step %d wanted", c.Name, len(c.Expect.Steps), step)
	}
	limit := t.Loss
	if step > 0 {
		limit = t.Later
	}
	want := c.Expect.Steps[step]
	names := make([]string, 0, len(want))
	for n := range want {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		v, ok := got[n]
		if !ok {
			return fmt.Errorf("%s, step %d: %s is missing", c.Name, step, n)
		}
		if e := RelError(v, want[n]); e > limit {
			return fmt.Errorf("%s, step %d: %s is %.9g, the reference has %.9g: relative error %.2g, at most %.2g allowed", c.Name, step, n, v, want[n], e, limit)
		}
	}
	return nil
}

// GradError is how far a gradient of the first step is from the reference, relative to
// the reference's norm: the error of the norm, and that of the dot product with Probe. The
// probe's entries have variance 1/3, so an error e of random direction shows as about 0.6 |e|.
func (c *Case) GradError(p Param, grad []float64) (norm, probe float64, err error) {
	want, ok := c.Expect.GradNorm[p.Name]
	if !ok {
		return 0, 0, fmt.Errorf("%s records no gradient of %s", c.Name, p.Name)
	}
	if len(grad) != p.Size() {
		return 0, 0, fmt.Errorf("%s: the gradient of %s has %d values, expected %v", c.Name, p.Name, len(grad), p.Shape)
	}
	var squares, dot float64
	for i, d := range c.Probe(p) {
		squares += grad[i] * grad[i]
		dot += grad[i] * d
	}
	scale := math.Max(want, math.SmallestNonzeroFloat64)
	norm = RelError(math.Sqrt(squares), want)
	if probe = math.Abs(dot-c.Expect.GradProbe[p.Name]) / scale; math.IsNaN(probe) {
		probe = math.Inf(1)
	}
	return norm, probe, nil
}

// CheckGrad compares a gradient of the first step with the reference's.
func (c *Case) CheckGrad(p Param, grad []float64, t Tolerance) error {
	norm, probe, err := c.GradError(p, grad)
	if err != nil {
		return err
	}
	if math.Max(norm, probe) > t.Grad {
		return fmt.Errorf("%s: the gradient of %s is wrong: its norm by %.2g, its probe by %.2g of the norm, at most %.2g allowed", c.Name, p.Name, norm, probe, t.Grad)
	}
	return nil
}

// CheckFeatures compares the mean absolute feature of the first batch after the last step.
func (c *Case) CheckFeatures(features []float64, t Tolerance) error {
	var sum float64
	for _, f := range features {
		sum += math.Abs(f)
	}
	got := sum / float64(len(features))
	if e := RelError(got, c.Expect.FeatureMeanAbs); !(e <= t.Later) {
		return fmt.Errorf("%s: the mean absolute feature is %.9g, the reference has %.9g: relative error %.2g, at most %.2g allowed", c.Name, got, c.Expect.FeatureMeanAbs, e, t.Later)
	}
	return nil
}
