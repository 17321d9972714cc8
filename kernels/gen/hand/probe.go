package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
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
			v.busy("dot", chains, func(x, sum reg.VecVirtual) {
				v.Instruction(&ir.Instruction{Opcode: avx512Dot, ISA: []string{"AVX512BF16"}, Operands: []operand.Op{x, x, sum},
					Inputs: []operand.Op{x, sum}, Outputs: []operand.Op{sum}})
			})
		}
	}
}

// avx512Dot adds products of pairs of bf16.
const avx512Dot = "VDPBF16PS"

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
