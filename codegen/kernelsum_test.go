package codegen_test

import (
	"maps"
	"regexp"
	"testing"

	"mspecc/ir/elab"
	"mspecc/kernels/gen"
)

// kernelSums are what a generated program says of the kernels of its step, by target.
func kernelSums(t *testing.T, set ...string) map[string]string {
	t.Helper()
	files, err := compile(t, "testdata/small.mspec", elab.Options{Set: set}).Files()
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for _, target := range gen.Names() {
		m := regexp.MustCompile(`p\.Kernels = "([0-9a-f]{12})"`).FindSubmatch(files[target+"/program_small_layout.go"])
		if m == nil {
			t.Fatalf("%s: no sum", target)
		}
		sums[target] = string(m[1])
	}
	return sums
}

// TestKernelSums: the name of a step's kernels is the same each time, and another one for other kernels.
func TestKernelSums(t *testing.T) {
	first := kernelSums(t)
	distinct := map[string]bool{}
	for _, sum := range first {
		distinct[sum] = true
	}
	if len(distinct) != len(gen.Targets) {
		t.Fatalf("sums %v", first)
	}
	if again := kernelSums(t); !maps.Equal(again, first) {
		t.Errorf("the second time the sums are %v, first %v", again, first)
	}
	for _, set := range []string{"width=20", "inner_lr=0.25", "rows=31"} {
		other := kernelSums(t, set)
		for target, sum := range first {
			if other[target] == sum {
				t.Errorf("with %s the sums are %v, without %v", set, other, first)
			}
		}
	}
}
