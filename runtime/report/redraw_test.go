package report

import "testing"

// Drawing costs in proportion to a run, not to its square, and what is shown meanwhile lacks no more than a sixteenth.
func TestRedraw(t *testing.T) {
	for _, every := range []int{1, 7, 1000} {
		var d Redraw
		work, last := 0, 0
		for n := every; n <= 100_000; n += every {
			if d.Due(n) {
				work, last = work+n, n
			}
			if n-last > max(last/16, every) || d.Stale(n) != (n > last) {
				t.Fatalf("of %d lines, %d are shown", n, last)
			}
		}
		if work > 18*100_000 {
			t.Errorf("every %d lines: %d lines were drawn of a run of 100000", every, work)
		}
	}
}
