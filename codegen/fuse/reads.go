package fuse

import (
	"slices"

	"mspecc/ir"
)

// Reads lists, for every value that has a kernel, what that reads from memory: stored values.
// Stored values have kernels, and so do products that only accumulate into one (addends).
func (r *Result) Reads() (reads map[*ir.Value][]*ir.Value, addends map[*ir.Value]bool) {
	reads, addends = map[*ir.Value][]*ir.Value{}, map[*ir.Value]bool{}
	for _, ms := range r.analysis.sums {
		for _, m := range ms {
			addends[m] = true
		}
	}
	through := map[*ir.Value][]*ir.Value{} // what a reader of a value loads
	for _, v := range r.analysis.order {
		var loads []*ir.Value
		for _, x := range v.Args {
			for _, y := range through[x] {
				if !slices.Contains(loads, y) {
					loads = append(loads, y)
				}
			}
		}
		if through[v] = loads; r.analysis.stored[v] || addends[v] {
			reads[v], through[v] = loads, []*ir.Value{v}
		}
	}
	return reads, addends
}
