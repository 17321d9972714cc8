package portable_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"mspecc/ir/loop"
	"mspecc/kernels/gen/avx512"
	"mspecc/kernels/gen/portable"
)

var update = flag.Bool("update", false, "write the golden files")

// decay is y = e^(-x) x for rows of 20.
func decay() *loop.Rows {
	return &loop.Rows{
		Width:    20,
		Operands: []loop.Operand{{Name: "x", Row: 20, Col: 1}, {Name: "y", Row: 20, Col: 1}},
		Nodes: []loop.Node{{Op: "load"}, {Op: "neg", Args: []int{0}}, {Op: "exp", Args: []int{1}},
			{Op: "mul", Args: []int{2, 0}}},
		Stores: []loop.Store{{Node: 3, Operand: 1}},
	}
}

func TestGolden(t *testing.T) {
	k, err := decay().Lower(portable.Machine)
	if err != nil {
		t.Fatal(err)
	}
	k.Name = "decay"
	got, err := portable.Emit([]*loop.Kernel{k}, "model")
	if err != nil {
		t.Fatal(err)
	}
	const file = "testdata/decay.go.golden"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update writes it):\n%s", file, got)
	}
}

func TestErrors(t *testing.T) {
	k, err := decay().Lower(avx512.Machine)
	if err != nil {
		t.Fatal(err)
	}
	k.Name = "decay"
	if _, err := portable.Emit([]*loop.Kernel{k}, "model"); err == nil || !strings.Contains(err.Error(), "kernel decay: it was lowered for 16 lanes") {
		t.Errorf("error %v", err)
	}
}
