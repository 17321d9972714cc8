package portable_test

import (
	"strings"
	"testing"

	"mspecc/ir/loop"
	"mspecc/kernels"
	"mspecc/kernels/gen/avx512"
	"mspecc/kernels/gen/gentest"
	"mspecc/kernels/gen/portable"
)

// decay is y = e^(-x) x for rows of 20.
func decay() *kernels.Rows {
	return &kernels.Rows{
		Width:    20,
		Operands: []kernels.Operand{{Name: "x", Row: 20, Col: 1}, {Name: "y", Row: 20, Col: 1}},
		Nodes: []kernels.Node{{Op: "load"}, {Op: "neg", Args: []int{0}}, {Op: "exp", Args: []int{1}},
			{Op: "mul", Args: []int{2, 0}}},
		Stores: []kernels.Store{{Node: 3, Operand: 1}},
	}
}

func TestGolden(t *testing.T) {
	k := gentest.Lower(t, "decay", decay(), portable.Machine)
	got, err := portable.Emit([]*loop.Kernel{k}, "model")
	if err != nil {
		t.Fatal(err)
	}
	gentest.Golden(t, "decay.go.golden", got)
}

func TestErrors(t *testing.T) {
	k := gentest.Lower(t, "decay", decay(), avx512.Machine)
	if _, err := portable.Emit([]*loop.Kernel{k}, "model"); err == nil || !strings.Contains(err.Error(), "kernel decay: it was lowered for 16 lanes") {
		t.Errorf("error %v", err)
	}
}
