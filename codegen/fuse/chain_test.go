package fuse_test

import (
	"testing"

	"mspecc/codegen/fuse"
	"mspecc/ir"
)

// TestChainsOfShiftedTiles: a product that reads, in each head, what the head before it
// wrote does not follow it tile by tile, although each pair of tiles has the same strides.
func TestChainsOfShiftedTiles(t *testing.T) {
	const heads, rows, width = 3, 200, 8
	b := ir.NewBuilder()
	x := b.Input("x", ir.F32, []int{heads, rows, width})
	w := b.Param("w", []int{heads, width, width}, ir.Init{})
	first := b.Transpose(b.MatMul(b.Slice(x, []int{0, 0, 0}, []int{1, rows, width}, nil), b.Slice(w, []int{0, 0, 0}, []int{1, width, width}, nil)), 1, 0, 2)
	y := b.Transpose(b.MatMul(x, w), 1, 0, 2)
	shifted := b.Slice(b.Concat(1, first, y), []int{0, 0, 0}, []int{rows, heads, width}, nil)
	z := b.MatMul(b.Transpose(shifted, 1, 0, 2), w)
	res := compare(t, []*ir.Value{z}, feeds(b, 1), 1e-5, fuse.Options{})
	for _, l := range res.Launches {
		if l.Kind == fuse.ChainKind {
			t.Errorf("a chain of %d kernels", len(l.Stages))
		}
	}
}
