package pass

import "mspecc/ir"

// phases corrects which part of a step forward values count to. The forward pass whose
// gradient the inner loop takes is built like any other, but serves the inner loop.
//
// Takes: a program whose first output is the loss. Promises: only phases change; a
// forward value that the inner gradient reads, and that reaches the first output through
// values of the inner gradient only, is Inner.
func phases(p *Program, _ bool) {
	order := p.Live()
	// own: on a way to the first output that no inner value is on; inner: read by an inner
	// value, directly or through others.
	own, inner := map[*ir.Value]bool{}, map[*ir.Value]bool{}
	if len(p.Outputs) > 0 {
		own[p.Outputs[0].Value] = true
	}
	for i := len(order) - 1; i >= 0; i-- {
		v := order[i]
		for _, a := range v.Args {
			if v.Phase == ir.Forward {
				own[a] = own[a] || own[v]
			}
			inner[a] = inner[a] || inner[v] || v.Phase == ir.Inner
		}
	}
	Rebuild(p, false, func(b *ir.Builder, v *ir.Value, _ func(*ir.Value) *ir.Value) *ir.Value {
		if v.Phase == ir.Forward && inner[v] && !own[v] {
			b.Phase = ir.Inner
		}
		return nil
	})
}
