package pass

import "mspecc/ir"

// empty takes tensors without elements out of the program: none of the later stages has
// to think of them.
//
// Takes: any program. Promises: a value without elements is a constant that only outputs
// and views without elements read.
//
//	%1: f32[0,4] = slice %0 ...; %2 = concat %1 %0        %2 = %0
//	%3: f32[3,2] = matmul f32[3,0] f32[0,2]               %3 = const 0
func empty(p *Program, fold bool) {
	found := false
	for _, v := range p.Live() {
		found = found || v.Len() == 0
	}
	if !found {
		return
	}
	Rebuild(p, fold, func(b *ir.Builder, v *ir.Value, to func(*ir.Value) *ir.Value) *ir.Value {
		switch {
		case v.Len() == 0 && v.Type.DType == ir.I32:
			return b.SplatInt(0, v.Shape()...)
		case v.Len() == 0:
			return b.Splat(0, v.Shape()...)
		case v.Op == ir.OpConcat:
			var full []*ir.Value
			for _, x := range v.Args {
				if x.Len() > 0 {
					full = append(full, to(x))
				}
			}
			if len(full) == 1 {
				return full[0]
			}
			return b.Concat(v.Attr.Axis, full...)
		case len(v.Args) > 0 && v.Args[0].Len() == 0: // a sum, product, pad or scatter of nothing
			return b.Splat(0, v.Shape()...)
		}
		return nil
	})
}
