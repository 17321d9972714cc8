// Package gentest has what the tests of printers share.
package gentest

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"mspecc/ir/loop"
	"mspecc/kernels"
)

var update = flag.Bool("update", false, "write the golden files")

// Golden compares a text with a file of testdata.
func Golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
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

// Lower lowers a spec for a machine and names the kernel.
func Lower(t *testing.T, name string, spec interface {
	Lower(loop.Machine) (*loop.Kernel, error)
}, m loop.Machine) *loop.Kernel {
	t.Helper()
	k, err := spec.Lower(m)
	if err != nil {
		t.Fatal(err)
	}
	k.Name = name
	return k
}

// RowScale divides each row by its sum and stores where it is largest.
func RowScale(width int) *kernels.Rows {
	return &kernels.Rows{
		Width:    width,
		Operands: []kernels.Operand{{Name: "x", Row: width, Col: 1}, {Name: "y", Row: width, Col: 1}, {Name: "top", Row: width, Col: 1}},
		Nodes: []kernels.Node{{Op: "load"}, {Op: "rowsum", Args: []int{0}}, {Op: "div", Args: []int{0, 1}},
			{Op: "rowmax", Args: []int{0}}, {Op: "eq", Args: []int{0, 3}}},
		Stores: []kernels.Store{{Node: 2, Operand: 1}, {Node: 4, Operand: 2}},
	}
}
