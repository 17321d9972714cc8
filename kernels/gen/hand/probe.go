package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"

	"mspecc/kernels/gen/avx512"
)

// probe writes loops that keep the arithmetic units busy: two of them, of latency 4 (6 for pairs of bf16), need 8 (12)
// independent chains. The more there are, the less the loop itself costs.
func probe(c *build.Context) {
	for _, v := range sets(c) {
		chains := 24
		if !v.wide {
			chains = 12
		}
		v.busy("fma", chains, func(x, sum reg.VecVirtual) { v.VFMADD231PS(x, x, sum) })
		if v.wide {
			v.busy("dot", chains, func(x, sum reg.VecVirtual) { avx512.Dot(v.Context, x, x, sum) })
		}
	}
}

// busy writes a function that goes through chains of one instruction in each of rounds (at least 1).
func (v vectors) busy(name string, chains int, instruction func(x, sum reg.VecVirtual)) {
	v.begin(name, "rounds int")
	rounds, x := v.param("rounds"), v.zero()
	sums := make([]reg.VecVirtual, chains)
	for i := range sums {
		sums[i] = v.zero()
	}
	v.repeat("round", rounds, func() {
		for _, s := range sums {
			instruction(x, s)
		}
	})
	v.end()
}
