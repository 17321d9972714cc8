package main

import (
	"fmt"
	"math"
	"slices"
)

// summary is the distribution of the seconds of some steps.
type summary struct {
	N      int     `json:"n"`
	Min    float64 `json:"min_s"`
	Lower  float64 `json:"lower_quartile_s"`
	Median float64 `json:"median_s"`
	Upper  float64 `json:"upper_quartile_s"`
	Max    float64 `json:"max_s"`
}

// summarise sums up at least one value.
func summarise(values []float64) summary {
	v := slices.Sorted(slices.Values(values))
	return summary{len(v), v[0], quantile(v, 0.25), quantile(v, 0.5), quantile(v, 0.75), v[len(v)-1]}
}

// quantile of sorted values, linear between neighbours.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	lo := int(at)
	hi := min(lo+1, len(sorted)-1)
	return sorted[lo] + (at-float64(lo))*(sorted[hi]-sorted[lo])
}

// String is the median with the range.
func (s summary) String() string {
	return fmt.Sprintf("%s (%s to %s)", seconds(s.Median), seconds(s.Min), seconds(s.Max))
}

// quartiles is the range of the middle half.
func (s summary) quartiles() string {
	return fmt.Sprintf("%s to %s", seconds(s.Lower), seconds(s.Upper))
}

// seconds writes a time with four significant digits and without an exponent.
func seconds(s float64) string { return digits(s, 4) }

// digits writes a number with n significant digits, without an exponent.
func digits(v float64, n int) string {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.*f", max(0, n-1-int(math.Floor(math.Log10(math.Abs(v))))), v)
}

// factor is how many times a is b, or "" where b is not known.
func factor(a, b float64) string {
	if b == 0 {
		return ""
	}
	return digits(a/b, 3)
}

// percent writes a share.
func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

// megabytes writes bytes in units of 10^6.
func megabytes(bytes float64) string { return fmt.Sprintf("%.0f", bytes/1e6) }

func contains(list []string, s string) bool { return slices.Contains(list, s) }
