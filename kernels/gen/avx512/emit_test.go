package avx512_test

import (
	"regexp"
	"strings"
	"testing"

	"mspecc/ir/loop"
	"mspecc/kernels"
	"mspecc/kernels/gen/avx512"
	"mspecc/kernels/gen/gentest"
	"mspecc/kernels/gen/portable"
)

// rowScale divides each row by its sum.
func rowScale() *kernels.Rows {
	return &kernels.Rows{
		Width:    20,
		Operands: []kernels.Operand{{Name: "x", Row: 20, Col: 1}, {Name: "y", Row: 20, Col: 1}},
		Nodes:    []kernels.Node{{Op: "load"}, {Op: "rowsum", Args: []int{0}}, {Op: "div", Args: []int{0, 1}}},
		Stores:   []kernels.Store{{Node: 2, Operand: 1}},
	}
}

func TestGolden(t *testing.T) {
	k := gentest.Lower(t, "rowScale", rowScale(), avx512.Machine)
	asm, stubs, err := avx512.Emit([]*loop.Kernel{k}, "model")
	if err != nil {
		t.Fatal(err)
	}
	gentest.Golden(t, "rowscale.s.golden", asm)
	gentest.Golden(t, "rowscale.go.golden", stubs)
}

// TestTile: the inner loop of a 6 x 64 tile, unrolled four times, is 96
// register products and touches no stack.
func TestTile(t *testing.T) {
	m := &kernels.MatMul{N: 256, Ms: []int{252}, Ks: []int{256}, AM: 256, AK: 1, BK: 256, CM: 256}
	k := gentest.Lower(t, "matmul", m, avx512.Machine)
	asm, _, err := avx512.Emit([]*loop.Kernel{k}, "model")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(asm, "k_loop:")
	body, _, _ = strings.Cut(body, "k_loop_end:")
	if n := len(regexp.MustCompile(`VFMADD231PS +Z\d+, Z\d+, Z\d+\n`).FindAllString(body, -1)); n != 96 {
		t.Errorf("%d products in the inner loop:\n%s", n, body)
	}
	if strings.Contains(asm, "(SP)") {
		t.Error("the kernel spills")
	}
	again, _, err := avx512.Emit([]*loop.Kernel{k}, "model")
	if err != nil || again != asm {
		t.Errorf("the same kernel printed differently: %v", err)
	}
}

func TestErrors(t *testing.T) {
	k := gentest.Lower(t, "rowScale", rowScale(), portable.Machine)
	if _, _, err := avx512.Emit([]*loop.Kernel{k}, "model"); err == nil || !strings.Contains(err.Error(), "kernel rowScale: it was lowered for 1 lanes") {
		t.Errorf("error %v", err)
	}
	k, _ = rowScale().Lower(avx512.Machine)
	k.Name = "rowScale"
	if _, _, err := avx512.Emit([]*loop.Kernel{k, k}, "model"); err == nil || !strings.Contains(err.Error(), "two kernels are named rowScale") {
		t.Errorf("error %v", err)
	}
}
