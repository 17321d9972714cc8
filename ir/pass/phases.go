package pass

import "mspecc/ir"

// phases corrects which part of a step forward values count to; see ir.MarkInner. The
// forward pass whose gradient the inner loop takes is built like any other, but serves the
// inner loop.
//
// Takes: a program whose first output is the loss. Promises: only phases change.
func phases(p *Program, _ bool) {
	Rebuild(p, false, nil) // the values of earlier stages stay as they were
	ir.MarkInner(p.Roots())
}
