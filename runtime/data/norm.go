package data

import (
	"fmt"
	"math"
)

// Scaling standardises channels: (x - mean) * factor, the factor being 1 / deviation.
type Scaling struct {
	Mean   []float64 `json:"mean"`
	Factor []float64 `json:"factor"`
}

// At scales value i of n: those of a channel follow each other, and every channel has as many.
func (s *Scaling) At(i, n int, v float64) float32 {
	c := i * len(s.Mean) / n
	return float32((v - s.Mean[c]) * s.Factor[c])
}

// Apply scales all values of an example.
func (s *Scaling) Apply(x []float32) {
	per := len(x) / len(s.Mean)
	for c, mean := range s.Mean {
		factor := s.Factor[c]
		for i, v := range x[c*per : (c+1)*per] {
			x[c*per+i] = float32((float64(v) - mean) * factor)
		}
	}
}

// Check says what makes a scaling useless for so many channels, "" if nothing does.
func (s *Scaling) Check(channels int) (message string) {
	if len(s.Mean) != channels {
		return fmt.Sprintf("is of %d channels, the data have %d", len(s.Mean), channels)
	}
	sound := len(s.Factor) == channels && channels > 0
	for c := 0; sound && c < channels; c++ {
		sound = !math.IsInf(s.Mean[c], 0) && !math.IsInf(s.Factor[c], 0) && s.Mean[c]-s.Mean[c] == 0 && s.Factor[c] > 0
	}
	if !sound {
		return "is damaged"
	}
	return ""
}

// scaled is a data set whose values are standardised.
type scaled struct {
	Dataset
	scale *Scaling
}

// Scaling is the data set's.
func (s scaled) Scaling() *Scaling { return s.scale }

// Example is that of the data set, scaled.
func (s scaled) Example(i int, epoch uint64, e *Example) error {
	if err := s.Dataset.Example(i, epoch, e); err != nil {
		return err
	}
	s.scale.Apply(e.X)
	return nil
}

// Standardise is the scaling of the data set: that which the model was trained with, or else
// that of the channels' moments, which gather adds up over the training examples.
func (s *Source) Standardise(channels int, gather func(m *Moments) error) (*Scaling, error) {
	if s.Scaling != nil {
		if message := s.Scaling.Check(channels); message != "" {
			return nil, s.Fail("", "", "the scaling kept with the model "+message, "give the data that belong to the model, or say that their values are scaled already (--scaled-input)")
		}
		return s.Scaling, nil
	}
	m := NewMoments(channels)
	if err := gather(m); err != nil {
		return nil, err
	}
	return m.Scaling(), nil
}

// standardise scales both sets, by the moments over all training examples.
func (s *Source) standardise(train, test Dataset, channels int) (Dataset, Dataset, error) {
	scale, err := s.Standardise(channels, func(m *Moments) error { return m.Examples(s, train, train.Len(), 1) })
	return scaled{train, scale}, scaled{test, scale}, err
}

// Moments gathers the mean and the deviation of channels (Welford's update, so that large means cost no precision).
type Moments struct{ n, mean, m2 []float64 }

// NewMoments are those of no values.
func NewMoments(channels int) *Moments {
	return &Moments{make([]float64, channels), make([]float64, channels), make([]float64, channels)}
}

// Add takes a value of a channel.
func (m *Moments) Add(c int, v float64) {
	m.n[c]++
	d := v - m.mean[c]
	m.mean[c] += d / m.n[c]
	m.m2[c] += float64(d * (v - m.mean[c])) // rounded, not fused with the sum, so that every processor gives the same
}

// Example takes all values of an example, one channel behind the other, but those that are missing.
func (m *Moments) Example(x []float32) {
	per := len(x) / len(m.n)
	for i, v := range x {
		if v == v {
			m.Add(i/per, float64(v))
		}
	}
}

// Examples takes every step-th of the first n examples of a set, but those that are bad and left out.
func (m *Moments) Examples(s *Source, set Dataset, n, step int) error {
	e := NewExample(s.Want, set.Labels())
	for i := 0; i < n; i += step {
		if i/step%64 == 0 {
			s.Progress("mean and deviation", int64(i), int64(n))
		}
		if err := set.Example(i, 0, e); err != nil {
			if err := s.Bad(err); err != nil {
				return err
			}
			continue
		}
		m.Example(e.X)
	}
	return nil
}

// row takes one value of every channel.
func (m *Moments) row(x []float32) {
	for c, v := range x {
		m.Add(c, float64(v))
	}
}

// Scaling is the one that gives mean 0 and deviation 1; constant channels become 0.
func (m *Moments) Scaling() *Scaling {
	s := &Scaling{Mean: m.mean, Factor: make([]float64, len(m.mean))}
	for c, m2 := range m.m2 {
		s.Factor[c] = 1
		if d := math.Sqrt(m2 / max(1, m.n[c])); d > 1e-12 {
			s.Factor[c] = 1 / d
		}
	}
	return s
}
