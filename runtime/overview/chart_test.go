package overview

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestAxis(t *testing.T) {
	for _, c := range []struct {
		values    []float64
		zero, log bool
		want      string
	}{
		{[]float64{0.3, 0.7}, false, false, "[0.3 0.4 0.5 0.6 0.7]"},
		{[]float64{0, 100}, true, false, "[0 20 40 60 80 100]"},
		{[]float64{0.01, 10}, false, true, "[0.01 0.1 1 10]"},
		{[]float64{1, 30}, false, true, "[1 2 5 10 20]"},
		{[]float64{5, 5, math.NaN()}, false, true, "[3 4 5 6 7]"},
		{[]float64{math.NaN(), math.Inf(1)}, false, true, "[0 0.2 0.4 0.6 0.8 1]"},
		{nil, false, false, "[0 0.2 0.4 0.6 0.8 1]"},
	} {
		a := newAxis([][]float64{c.values}, 100, 0, c.zero, c.log)
		var labels []string
		for _, v := range a.ticks(6) {
			labels = append(labels, short(v))
			if y := a.at(v); y < 0 || y > 100 {
				t.Errorf("%v: %v lies at %v, outside", c.values, v, y)
			}
		}
		if got := fmt.Sprint(labels); got != c.want {
			t.Errorf("%v: ticks %s, expected %s", c.values, got, c.want)
		}
	}
}

func TestShort(t *testing.T) {
	for v, want := range map[float64]string{0: "0", -0.25: "-0.25", 1e-5: "1e-05", 9999: "9999", 12345: "12.35k", 2.5e6: "2.5M", 0.123456: "0.1235", math.Inf(1): "-"} {
		if got := short(v); got != want {
			t.Errorf("%v is %q, expected %q", v, got, want)
		}
	}
}

// A line breaks where a value is not finite, and one value alone is a dot.
func TestPath(t *testing.T) {
	x, y := newAxis([][]float64{{0, 4}}, 0, 4, false, false), axis{low: 0, high: 1, from: 1, to: 0}
	x.low, x.high = 0, 4
	l := line{x: []float64{0, 1, 2, 3, 4}, y: []float64{0, 1, nan, 0, 1}}
	if got := l.path(x, y); !strings.Contains(got, `d="M0.0 1.0L1.0 0.0M3.0 1.0L4.0 0.0"`) {
		t.Error(got)
	}
	l.y = []float64{nan, nan, 1, nan, nan}
	if got := l.path(x, y); !strings.Contains(got, `class="line dot c0" d="M2.0 0.0h0"`) {
		t.Error(got)
	}
	l.y = []float64{nan, nan, nan, nan, nan}
	if got := l.path(x, y); got != "" {
		t.Error(got)
	}
}

// Thinning keeps the last value, and an outline keeps every spike.
func TestManyValues(t *testing.T) {
	n := 10007
	x, y := make([]float64, n), make([]float64, n)
	for i := range x {
		x[i] = float64(i)
	}
	y[4321], y[77] = 50, -50
	tx, _ := thin(x, y)
	if len(tx) > most || tx[len(tx)-1] != float64(n-1) {
		t.Errorf("%d points, the last at %v", len(tx), tx[len(tx)-1])
	}
	ox, oy := outline(x, y)
	low, high := math.Inf(1), math.Inf(-1)
	for i, v := range oy {
		low, high = min(low, v), max(high, v)
		if i > 0 && ox[i] < ox[i-1] {
			t.Fatalf("the outline goes back at %d", i)
		}
	}
	if len(ox) > most+2 || low != -50 || high != 50 {
		t.Errorf("%d points from %v to %v", len(ox), low, high)
	}
	if lines := smoothed("loss", x, y, 2); len(lines) != 2 || !lines[0].faint || lines[1].faint {
		t.Errorf("%d lines", len(lines))
	}
	if got := fmt.Sprint(centred([]float64{1, 2, nan, 4, 50}, 2)); got != "[1 1.5 14.25 27 50]" {
		t.Errorf("centred means are %s", got)
	}
	if lines := smoothed("loss", x[:20], y[:20], 2); len(lines) != 1 {
		t.Errorf("%d lines of few values", len(lines))
	}
}
