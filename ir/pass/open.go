package pass

import "mspecc/ir"

// open replaces composite operations by their definitions.
//
// Takes: a program of which no more gradients are wanted. Promises: no composite operation.
//
//	%1 = softmax %0        %1 = maximum %0; %2 = sub %0 %1; %3 = exp %2; %4 = sum %3; %5 = div 1 %4; %6 = mul %3 %5
func open(p *Program, fold bool) {
	Rebuild(p, fold, func(b *ir.Builder, v *ir.Value, to func(*ir.Value) *ir.Value) *ir.Value {
		if v.Op == ir.OpSoftmax {
			return b.OpenSoftmax(to(v.Args[0]))
		}
		return nil
	})
}
