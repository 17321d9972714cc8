package train

import (
	"math"

	"mspecc/runtime"
	"mspecc/runtime/rounded"
)

// LearningRate is the rate of a step, counted from 1, of a run of so many steps. base takes
// the place of the spec's rate.
func LearningRate(s runtime.Schedule, base float64, step, steps int) float64 {
	if step <= s.Warmup {
		return base * float64(step) / float64(s.Warmup)
	}
	done := 1.0
	if left := steps - s.Warmup; left > 0 {
		done = min(1, float64(step-1-s.Warmup)/float64(left))
	}
	switch s.Kind {
	case "cosine":
		return base * (s.Factor + float64((1-s.Factor)*0.5*(1+rounded.Cos(math.Pi*done))))
	case "linear":
		return base * (s.Factor + float64((1-s.Factor)*(1-done)))
	case "step":
		if s.Every > 0 {
			return base * rounded.Pow(s.Factor, (step-1)/s.Every)
		}
	}
	return base
}
