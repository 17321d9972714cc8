package avx512

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"mspecc/ir/loop"
)

// transpose exchanges rows and columns of a 16 x 16 block. Pairs of rows 1, 2,
// 4 and 8 apart exchange elements, pairs, quarters and halves. Each pair
// leaves its low part in the one free register and its high part in place, so
// that 17 registers do; the last moves put the rows in order.
func (e *emitter) transpose(block []loop.V) {
	r := make([]reg.VecVirtual, len(block))
	for i, v := range block {
		r[i] = e.v(v)
	}
	free := e.c.ZMM()
	pair := func(i, j int, low, high func(src2, src1, dst operand.Op)) {
		a, b := r[i], r[j]
		low(b, a, free)
		high(b, a, b)
		r[i], free = free, a
	}
	quarters := func(imm uint8) func(src2, src1, dst operand.Op) {
		return func(src2, src1, dst operand.Op) { e.c.VSHUFF32X4(operand.U8(imm), src2, src1, dst) }
	}
	single := func(f func(...operand.Op)) func(src2, src1, dst operand.Op) {
		return func(src2, src1, dst operand.Op) { f(src2, src1, dst) }
	}
	for i := 0; i < 16; i += 2 {
		pair(i, i+1, single(e.c.VUNPCKLPS), single(e.c.VUNPCKHPS))
	}
	for i := 0; i < 16; i += 4 {
		pair(i, i+2, single(e.c.VUNPCKLPD), single(e.c.VUNPCKHPD))
		pair(i+1, i+3, single(e.c.VUNPCKLPD), single(e.c.VUNPCKHPD))
	}
	for _, step := range []int{4, 8} {
		for i := 0; i < 16; i++ {
			if i&step == 0 {
				pair(i, i+step, quarters(0x88), quarters(0xdd))
			}
		}
	}
	at := make([]reg.VecVirtual, 16) // where row i of the result is
	for i := range at {
		at[i] = r[i&^3|[4]int{0, 2, 1, 3}[i&3]]
	}
	e.settle(at, block, free)
}

// settle moves at[i] to the register of block[i], all at once; free is one
// more register.
func (e *emitter) settle(at []reg.VecVirtual, block []loop.V, free reg.VecVirtual) {
	for {
		next, ready := -1, false
		for i, v := range block {
			switch e.v(v) {
			case at[i]:
			case free:
				next, ready = i, true
			default:
				if !ready {
					next = i
				}
			}
		}
		if next < 0 {
			return
		}
		e.c.VMOVAPS(at[next], free)
		at[next], free = free, at[next]
	}
}
