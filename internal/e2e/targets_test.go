package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"mspecc/kernels/gen"
	"mspecc/kernels/kerneltest"
	"mspecc/runtime"
)

// targets are those of a precision that this CPU runs, by the names that trainers give them, the best first.
func targets(t *testing.T, precision string) []string {
	t.Helper()
	var names, lacks []string
	for _, x := range compiled() {
		name, cpu := x.Name, x.CPU
		if precision == "bf16" && x.BF16 != "" {
			name, cpu = x.BF16, append(slices.Clone(x.CPU), x.BF16CPU...)
		}
		if runtime.HasCPU(cpu...) {
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

// compiled are the targets of the architecture that trainers are built for.
func compiled() []gen.Target {
	list, err := gen.Select(gen.Auto, kerneltest.Arch())
	if err != nil {
		panic(err)
	}
	return list
}

// environ is an environment in which a trainer finds this target the best: the CPU lacks what those
// before it need, so that the choice of a trainer is tested too.
func environ(target string, more ...string) []string {
	var off []string
	for _, x := range compiled() {
		if x.Name == target || x.BF16 == target {
			break
		}
		if len(x.CPU) == 0 { // every CPU has what it needs
			more = append(more, runtime.TargetVariable+"="+target)
			continue
		}
		off = append(off, fmt.Sprintf("cpu.%s=off", strings.ToLower(x.CPU[0])))
	}
	return append(append(os.Environ(), "GODEBUG="+strings.Join(off, ",")), more...)
}

// threads is the environment of a run with so many threads.
func threads(n string, more ...string) []string {
	return append([]string{"MSPECC_CASE_THREADS=" + n}, more...)
}

// steady makes a run fail that allocates once training is under way.
const steady = "MSPECC_CASE_STEADY=1"

// sameBits runs a trainer with one thread and in other ways, which must give the same bits.
func sameBits(t *testing.T, target string, run func(env ...string) []byte, others ...[]string) {
	t.Helper()
	one := run(threads("1")...)
	for _, env := range others {
		if many := run(env...); string(many) != string(one) {
			t.Errorf("%s: %s gives other bits than one thread", target, strings.Join(env, " "))
		}
	}
}
