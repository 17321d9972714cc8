package report

import (
	"math"
	"testing"
)

func TestSmoother(t *testing.T) {
	s := Smoother{Keep: 0.5}
	if !math.IsNaN(s.Mean()) || !math.IsNaN(s.Add(math.NaN())) {
		t.Error("there is a mean of nothing")
	}
	for _, c := range []struct{ v, want float64 }{{4, 4}, {1, 2}, {math.Inf(1), 2}, {0, 2 * 1.5 / (0.5*1.5 + 1) * 0.5}} {
		if got := s.Add(c.v); !(math.Abs(got-c.want) <= 1e-15) {
			t.Errorf("after %v: %v, expected %v", c.v, got, c.want)
		}
	}
}
