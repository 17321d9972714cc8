package amd64

import (
	"mspecc/ir/loop"
)

// transpose exchanges rows and columns of a block of as many rows as there are lanes. Pairs of
// rows 1, 2, 4 ... apart exchange elements, pairs, quarters and so on. Each pair leaves its low
// part in the one free register and its high part in place, so that one register more than rows
// will do; the last moves put the rows in order.
func (e *Emitter) transpose(block []loop.V) {
	r := make([]Vec, len(block))
	for i, v := range block {
		r[i] = e.V(v)
	}
	free := e.isa.Register(e.C)
	for step := 1; step < len(r); step *= 2 {
		for i := range r {
			if i&step == 0 {
				a, b := r[i], r[i+step]
				e.part(step, false, a, b, free)
				e.part(step, true, a, b, b)
				r[i], free = free, a
			}
		}
	}
	at := make([]Vec, len(r)) // where row i of the result is
	for i := range at {
		at[i] = r[i&^3|[4]int{0, 2, 1, 3}[i&3]]
	}
	e.settle(at, block, free)
}

// part sets d to the low or the high part of what rows x and y, step apart, exchange.
func (e *Emitter) part(step int, high bool, x, y, d Vec) {
	switch {
	case step == 1 && high:
		e.C.VUNPCKHPS(y, x, d)
	case step == 1:
		e.C.VUNPCKLPS(y, x, d)
	case step == 2 && high:
		e.C.VUNPCKHPD(y, x, d)
	case step == 2:
		e.C.VUNPCKLPD(y, x, d)
	default:
		e.vectors.Quarters(high, x, y, d)
	}
}

// settle moves at[i] to the register of block[i], all at once; free is one
// more register.
func (e *Emitter) settle(at []Vec, block []loop.V, free Vec) {
	for {
		next, ready := -1, false
		for i, v := range block {
			switch e.V(v) {
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
		e.C.VMOVAPS(at[next], free)
		at[next], free = free, at[next]
	}
}
