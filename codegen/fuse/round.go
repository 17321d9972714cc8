package fuse

import (
	"slices"

	"mspecc/ir"
)

// Products that are only read packed are written so: rounded to bf16 as they leave the
// registers, at the place of what packs them.
//
//	%2 = matmul %0 %1 [64, 32]; %3 = pack %2 [64, 16]   =>   %2 is written in pairs into %3

// round lets the products below a pack be written into it, if there is nothing else between
// and nothing else reads them.
func (f *fuser) round(v *ir.Value) {
	if w, _ := f.place(v); f.canRound(v.Args[0], w) {
		f.roundInto(v.Args[0], w)
		f.written[v] = true
	}
}

// canRound reports whether x can be written into w, the place of bf16 numbers.
func (f *fuser) canRound(x *ir.Value, w View) bool {
	if f.direct[x] != 1 || f.keep[x] {
		return false
	}
	switch {
	case isView(x):
		w, ok := w.invert(x)
		return ok && f.canRound(x.Args[0], w)
	case x.Op == ir.OpConcat:
		return !slices.ContainsFunc(upTo(len(x.Args)), func(i int) bool {
			return slices.Contains(x.Args[:i], x.Args[i]) || !f.canRound(x.Args[i], w.piece(x, i))
		})
	case x.Op != ir.OpMatMul:
		return false
	}
	last := x.Rank() - 1
	even := x.Shape()[last]%2 == 0 && w.Strides[last] == 1 && w.Offset%2 == 0
	for i, s := range w.Strides[:last] {
		even = even && (s%2 == 0 || x.Shape()[i] == 1)
	}
	k := x.Args[0].Shape()[last]
	return even && k <= 2*blockInner && splitInner(x, []*ir.Value{x}, f.opt) == 1
}

// roundInto does what canRound allows.
func (f *fuser) roundInto(x *ir.Value, w View) {
	switch {
	case isView(x):
		w, _ = w.invert(x)
		f.roundInto(x.Args[0], w)
		return
	case x.Op == ir.OpConcat:
		for i, y := range x.Args {
			f.roundInto(y, w.piece(x, i))
		}
		f.written[x] = true
		return
	}
	f.storage[x] = View{w.Buf, w.Shape, append(halved(w.Strides[:x.Rank()-1]), 1), w.Offset / 2}
	f.rounded[x] = true
}
