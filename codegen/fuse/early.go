package fuse

import "mspecc/ir"

// sumsFirst hoists small batch-wide values (fewer elements than there are examples) that depend
// on no parameter, with their producers. The sum of a loss's weights, say, needs every example;
// computed where it is first read, among launches that examples pass through one by one, it
// would keep those before it and those after it from being one tiled launch.
//
// Takes: values in an order that respects arguments. Promises: the same, in such an order.
//
//	y = f(x, W); s = sum(mask); z = y / s   =>   s = sum(mask); y = f(x, W); z = y / s
func sumsFirst(order []*ir.Value, examples int) []*ir.Value {
	learned, first := map[*ir.Value]bool{}, map[*ir.Value]bool{}
	for _, v := range order {
		learned[v] = v.Op == ir.OpParam
		for _, x := range v.Args {
			learned[v] = learned[v] || learned[x]
		}
		first[v] = !learned[v] && v.Len() < examples && v.Op.Class() != ir.Leaf
	}
	for i := len(order) - 1; i >= 0; i-- {
		if v := order[i]; first[v] {
			for _, x := range v.Args {
				first[x] = true
			}
		}
	}
	out := make([]*ir.Value, 0, len(order))
	for _, now := range []bool{true, false} {
		for _, v := range order {
			if first[v] == now {
				out = append(out, v)
			}
		}
	}
	return out
}
