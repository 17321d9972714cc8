package kernels_test

import (
	"errors"
	"strings"
	"testing"

	"mspecc/ir/loop"
	"mspecc/kernels"
	"mspecc/kernels/gen/avx2"
	"mspecc/kernels/gen/avx512"
)

func TestSpecErrors(t *testing.T) {
	x := kernels.Operand{Name: "x", Row: 8, Col: 1}
	tests := []struct {
		spec lowerer
		want string
	}{
		{&kernels.Rows{Width: 0}, "width 0 is not positive"},
		{&kernels.Rows{Width: 8, Nodes: []kernels.Node{{Op: "cosh"}}}, `no operation "cosh"`},
		{&kernels.Rows{Width: 8, Nodes: []kernels.Node{{Op: "colsum", Args: []int{0}}}}, `no operation "colsum"`},
		{&kernels.Rows{Width: 8, Nodes: []kernels.Node{{Op: "load"}}}, "no operand 0"},
		{&kernels.Rows{Width: 8, Operands: []kernels.Operand{x}, Nodes: []kernels.Node{{Op: "load"}, {Op: "neg", Args: []int{1}}}}, "not an earlier node"},
		{&kernels.Rows{Width: 8, Operands: []kernels.Operand{x, {Row: 1}}, Nodes: []kernels.Node{{Op: "load"}}, Stores: []kernels.Store{{Operand: 1}}},
			"operand 1 takes one per row"},
		{&kernels.ColReduce{Width: 8, Operands: []kernels.Operand{x, x}, Nodes: []kernels.Node{{Op: "load"}}, Stores: []kernels.Store{{Operand: 1}}},
			"depends on no reduction"},
		{&kernels.MatMul{N: 0}, "N = 0"},
		{&kernels.Transpose{R: 0, C: 4}, "shape 0 x 4"},
	}
	for _, c := range tests {
		if _, err := c.spec.Lower(avx512.Machine); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", c.spec, err, c.want)
		}
	}
}

// TestPressure: with few registers a kernel takes a smaller form, with too
// few the error says so.
func TestPressure(t *testing.T) {
	few := avx512.Machine
	few.VecRegs = 12
	k, err := layerNorm(256).Lower(few)
	if err != nil {
		t.Fatal(err)
	}
	if p := loop.Pressure(k); p.Vec > few.VecRegs {
		t.Errorf("%d vectors of %d", p.Vec, few.VecRegs)
	}
	few.VecRegs = 4
	if _, err := layerNorm(256).Lower(few); !errors.Is(err, loop.ErrPressure) {
		t.Errorf("error %v, want %v", err, loop.ErrPressure)
	}
}

// TestOverlap: where registers are few, the longest run of vectors whose chains of instructions still
// run side by side is worked on at a time: all of them are loaded before the first is stored.
func TestOverlap(t *testing.T) {
	var d dag
	x := d.load(kernels.Operand{Row: 512, Col: 1})
	d.store(d.node("mul", x, d.node("erf", x)), kernels.Operand{Row: 512, Col: 1})
	for _, c := range []struct {
		machine loop.Machine
		vectors int
	}{{avx2.Machine, 2}, {avx512.Machine, 4}} {
		k, err := d.rows(512).Lower(c.machine)
		if err != nil {
			t.Fatal(err)
		}
		before, _, _ := strings.Cut(k.String(), "store ")
		if n := strings.Count(before, "= load "); n != c.vectors {
			t.Errorf("%s: %d vectors are loaded before the first store, want %d:\n%s", c.machine.Name, n, c.vectors, k)
		}
	}
}
