package report

import "math"

// Smoother is a mean of the values of late: a value weighs Keep times as much as the one after
// it. It weighs by what it has seen, so that the first values are not drawn towards 0. Values
// that are not finite are passed over.
type Smoother struct {
	Keep        float64 // 0 to 1, without 1
	sum, weight float64
}

// Add takes a value and gives the mean; NaN where there was no finite value yet.
func (s *Smoother) Add(v float64) float64 {
	if finite(v) {
		s.sum = s.sum*s.Keep + v
		s.weight = s.weight*s.Keep + 1
	}
	return s.Mean()
}

// Mean is the mean so far.
func (s *Smoother) Mean() float64 {
	if s.weight == 0 {
		return math.NaN()
	}
	return s.sum / s.weight
}
