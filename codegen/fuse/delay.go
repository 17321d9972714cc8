package fuse

import (
	"cmp"
	"slices"

	"mspecc/ir"
)

// lookBack is how many launches before a delayed one are looked at.
const lookBack = 8

// delay keeps what is computed a second time from running early. Its arguments have been
// there for long; what it waits for is what its reader waits for, such as a cotangent. That
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
