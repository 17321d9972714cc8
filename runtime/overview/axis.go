package overview

import (
	"fmt"
	"math"
	"strconv"
)

// axis maps values to places on a chart.
type axis struct {
	low, high float64 // of the values
	from, to  float64 // places of low and high
	log       bool
}

// newAxis spans the finite values, with room around them; zero says that 0 must be on it. The
// axis is logarithmic where that is allowed, all values are positive and they differ by more
// than a factor of 20.
func newAxis(values [][]float64, from, to float64, zero, mayLog bool) axis {
	low, high := math.Inf(1), math.Inf(-1)
	for _, list := range values {
		for _, v := range list {
			if finite(v) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	if low > high {
		low, high = 0, 1
	}
	a := axis{from: from, to: to, log: mayLog && low > 0 && high > 20*low}
	if zero {
		low, high = min(low, 0), max(high, 0)
	}
	if high-low <= 1e-9*math.Abs(high) {
		low, high = low-0.5*math.Abs(low)-1e-9, high+0.5*math.Abs(high)+1e-9
	}
	switch {
	case a.log:
		room := math.Pow(high/low, 0.04)
		low, high = low/room, high*room
	case !zero:
		room := 0.04 * (high - low)
		low, high = low-room, high+room
	default:
		high += 0.06 * (high - low)
	}
	a.low, a.high = low, high
	return a
}

// at is the place of a value.
func (a axis) at(v float64) float64 {
	share := (v - a.low) / (a.high - a.low)
	if a.log {
		share = math.Log(v/a.low) / math.Log(a.high/a.low)
	}
	return a.from + share*(a.to-a.from)
}

// ticks are about n round values on the axis: 1, 2 or 5 times a power of ten.
func (a axis) ticks(n int) []float64 {
	var list []float64
	if a.log {
		steps := []float64{1}
		if math.Log10(a.high/a.low) < 2.5 {
			steps = []float64{1, 2, 5}
		}
		for e := math.Floor(math.Log10(a.low)); e <= math.Log10(a.high); e++ {
			for _, s := range steps {
				if v := s * math.Pow(10, e); v >= a.low && v <= a.high {
					list = append(list, v)
				}
			}
		}
		return list
	}
	step := math.Pow(10, math.Floor(math.Log10((a.high-a.low)/float64(n))))
	for _, s := range []float64{1, 2, 5, 10} {
		if (a.high-a.low)/(step*s) <= float64(n) {
			step *= s
			break
		}
	}
	for k := math.Ceil(a.low / step); k*step <= a.high; k++ {
		list = append(list, k*step)
	}
	return list
}

// short is a number with few characters: thousands as k, millions as M; "-" for one that is
// not finite.
func short(v float64) string {
	switch size := math.Abs(v); {
	case !finite(v):
		return "-"
	case size < 1e-12:
		return "0"
	case size >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 4, 64) + "M"
	case size >= 1e4:
		return strconv.FormatFloat(v/1e3, 'g', 4, 64) + "k"
	case size < 1e-3:
		return fmt.Sprintf("%.3g", v)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
