package e2e

import (
	"fmt"
	"os"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"

	"mspecc/kernels/gen"
	"mspecc/runtime"
)

// targets are those of a precision that this CPU runs, by the names that trainers give them, the best first.
func targets(t *testing.T, precision string) []string {
	t.Helper()
	var names, lacks []string
	for _, x := range gen.Targets {
		name, cpu := x.Name, x.CPU
		if precision == "bf16" && x.BF16 != "" {
			name, cpu = x.BF16, append(slices.Clone(x.CPU), x.BF16CPU...)
		}
		if (x.GOARCH == "" || x.GOARCH == goruntime.GOARCH) && runtime.HasCPU(cpu...) {
			names = append(names, name)
		} else {
			lacks = append(lacks, name)
		}
	}
	if len(lacks) > 0 {
		t.Logf("this CPU does not run %s", strings.Join(lacks, ", "))
	}
	return names
}

// environ is an environment in which a trainer finds this target the best: the CPU lacks what those
// before it need, so that the choice of a trainer is tested too.
func environ(target string, more ...string) []string {
	var off []string
	for _, x := range gen.Targets {
		if x.Name == target || x.BF16 == target {
			break
		}
		for _, feature := range x.CPU[:1] {
			off = append(off, fmt.Sprintf("cpu.%s=off", strings.ToLower(feature)))
		}
	}
	return append(append(os.Environ(), "GODEBUG="+strings.Join(off, ",")), more...)
}
