package codegen_test

import (
	"maps"
	"regexp"
	"testing"

	"mspecc/ir/build"
)

// kernelSums are what a generated program says of the kernels of its step, by target.
func kernelSums(t *testing.T, set ...string) map[string]string {
	t.Helper()
	files, err := compile(t, "testdata/small.mspec", build.Options{Set: set}).Files()
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for _, m := range regexp.MustCompile(`"(avx512|avx512-bf16|portable)": +"([0-9a-f]{12})"`).FindAllSubmatch(files["program_small_layout.go"], -1) {
		sums[string(m[1])] = string(m[2])
	}
	return sums
}

// TestKernelSums: the name of a step's kernels is the same each time, and another one for other kernels.
func TestKernelSums(t *testing.T) {
	first := kernelSums(t)
	if len(first) != 2 || first["portable"] == "" || first["avx512"] == "" || first["portable"] == first["avx512"] {
		t.Fatalf("sums %v", first)
	}
	if again := kernelSums(t); !maps.Equal(again, first) {
		t.Errorf("the second time the sums are %v, first %v", again, first)
	}
	for _, set := range []string{"width=20", "inner_lr=0.25", "rows=31"} {
		if other := kernelSums(t, set); other["portable"] == "" || other["portable"] == first["portable"] || other["avx512"] == first["avx512"] {
			t.Errorf("with %s the sums are %v, without %v", set, other, first)
		}
	}
}
