package fuse

import (
	"cmp"
	"slices"

	"mspecc/ir"
)

// lookBack is how many launches before a delayed one are looked at.
const lookBack = 8

// delay schedules rematerialised values just before their reader. Their inputs have long been
// available; what they should wait for is what their reader waits for, such as a cotangent. That
// is computed close by: it is the deepest of the launches before.
//
// Takes: launches of all units. Promises: launches of phase ir.Recompute name in after the
// one that must have run.
func delay(launches []*Launch) {
	var before []*Launch
	for _, l := range launches {
		switch {
		case l.Copy:
		case l.Main().Phase != ir.Recompute:
			before = append(before, l)
		case len(before) > 0:
			last := slices.MaxFunc(before[max(0, len(before)-lookBack):], func(a, b *Launch) int { return cmp.Compare(a.depth, b.depth) })
			l.after, l.depth = last.ids, last.depth
		}
	}
}
