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

// addends are the products that only add to another value.
func (a *analysis) addends() map[*ir.Value]bool {
	out := map[*ir.Value]bool{}
	for _, ms := range a.sums {
		for _, m := range ms {
			out[m] = true
		}
	}
	return out
}

// Loads lists what the kernel of each stored value and addend reads from memory.
func Loads(order []*ir.Value, stored, addends map[*ir.Value]bool) map[*ir.Value][]*ir.Value {
	loads, through := map[*ir.Value][]*ir.Value{}, map[*ir.Value][]*ir.Value{}
	for _, v := range order {
		var reads []*ir.Value
		for _, x := range v.Args {
			for _, y := range through[x] {
				if !slices.Contains(reads, y) {
					reads = append(reads, y)
				}
			}
		}
		if through[v] = reads; stored[v] || addends[v] {
			loads[v], through[v] = reads, []*ir.Value{v}
		}
	}
	return loads
}

// Stored says how Fuse would carry out a graph before it does: which values are written to
// memory, and which products only add to one of them. All other values are computed inside
// the kernels that read them.
func Stored(roots []*ir.Value) (stored, addends map[*ir.Value]bool) {
	keep := map[*ir.Value]bool{}
	for _, r := range roots {
		keep[base(r)] = true
	}
	a := analyse(ir.Reachable(roots), keep)
	return a.stored, a.addends()
}
