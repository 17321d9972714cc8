package cli

import (
	"math"
	"strings"
	"testing"
	"time"
)

// The time left follows the pace of late, and what a resumed run did before counts nothing.
func TestMeter(t *testing.T) {
	start := time.Unix(1000, 0)
	m := meter{total: 1000}
	m.set(500, start)
	if _, known := m.left(); known {
		t.Error("a pace is known before the first step")
	}
	m.set(500, start.Add(time.Minute)) // nothing done: no pace either
	if _, known := m.left(); known {
		t.Error("a pace is known without a step")
	}
	m = meter{total: 1000}
	m.set(500, start)
	for i := 1; i <= 100; i++ {
		m.set(500+i, start.Add(time.Duration(i)*time.Second))
	}
	if left, _ := m.left(); !(math.Abs(left-400) <= 1e-6) {
		t.Errorf("400 steps of a second each take %v s", left)
	}
	// Ten times slower from here on: the estimate moves there within minutes.
	for i := 1; i <= 60; i++ {
		m.set(600+i, start.Add(100*time.Second+10*time.Duration(i)*time.Second))
	}
	if left, _ := m.left(); left < 3390 || left > 3400 {
		t.Errorf("340 steps of ten seconds each take %v s", left)
	}
	m.set(700, start) // a clock that goes back is no pace
	if left, known := m.left(); !known || left < 0 {
		t.Errorf("%v s left, %v", left, known)
	}
	m.set(1000, start.Add(time.Hour))
	if left, _ := m.left(); left != 0 {
		t.Errorf("%v s left at the end", left)
	}
}

func TestCut(t *testing.T) {
	for width, want := range map[int]string{-3: "", 0: "", 1: "…", 3: "lé…", 4: "lévi", 9: "lévi"} {
		if got := cut("lévi", width); got != want {
			t.Errorf("%d characters: %q, expected %q", width, got, want)
		}
	}
	if text := strings.Repeat("x", 500); len([]rune(cut(text, 80))) != 80 {
		t.Error("a long text is not cut to the width")
	}
}
