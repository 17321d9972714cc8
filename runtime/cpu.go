package runtime

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/cpu"
)

// features are the extensions of instruction sets that kernels may need, by the names that CPUID's
// documentation gives them. GODEBUG=cpu.avx512f=off and the like mask them.
var features = map[string]bool{
	"AVX2": cpu.X86.HasAVX2, "FMA": cpu.X86.HasFMA,
	"AVX512F": cpu.X86.HasAVX512F, "AVX512DQ": cpu.X86.HasAVX512DQ, "AVX512BW": cpu.X86.HasAVX512BW, "AVX512VL": cpu.X86.HasAVX512VL,
	"AVX512_BF16": cpu.X86.HasAVX512BF16,
}

// HasCPU reports whether this CPU has all these features.
func HasCPU(names ...string) bool {
	for _, n := range names {
		if !features[n] {
			return false
		}
	}
	return true
}

// vectors is an instruction set that the run-time library's own assembly is written for.
type vectors int

const (
	scalar vectors = iota
	avx2
	avx512
)

// vectorsOf is the best that is made of features that are there.
func vectorsOf(has func(names ...string) bool) vectors {
	switch {
	case has("AVX512F"):
		return avx512
	case has("AVX2", "FMA"):
		return avx2
	}
	return scalar
}

// best is what this CPU has.
var best = vectorsOf(HasCPU)

// TargetVariable is the environment variable that chooses a target instead of the best one: kernels
// of another target give other last digits.
const TargetVariable = "MSPECC_TARGET"

// earlier are the targets of modules that were written before programs said what they need.
var earlier = map[string][]string{
	"portable":    nil,
	"avx512":      {"AVX512F", "AVX512DQ", "AVX512BW", "AVX512VL"},
	"avx512-bf16": {"AVX512F", "AVX512DQ", "AVX512BW", "AVX512VL", "AVX512_BF16"},
}

// HasTarget reports whether this CPU runs the kernels of a target; modules of earlier compilers ask it.
func HasTarget(target string) bool {
	needs, ok := earlier[target]
	return ok && Takes(target, needs...)
}

// needs are the features of a CPU that the program's kernels are made of.
func (p *Program) needs() []string {
	if p.CPU == nil {
		return earlier[p.Target]
	}
	return p.CPU
}

// vectors are those of the program's kernels, or of a program without a target this CPU's best.
func (p *Program) vectors() vectors {
	if p.Target == "" {
		return best
	}
	return vectorsOf(func(names ...string) bool {
		return !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(p.needs(), n) })
	})
}

// Takes reports whether a trainer takes the kernels of a target, which need features of the CPU.
func Takes(target string, cpu ...string) bool {
	want := os.Getenv(TargetVariable)
	return (want == "" || want == target) && HasCPU(cpu...)
}

// CheckTarget is an error where the program's kernels are for another target than the one that is asked for.
func (p *Program) CheckTarget() error {
	if want := os.Getenv(TargetVariable); want != "" && p.Target != "" && want != p.Target {
		return fmt.Errorf("%s=%s: this trainer has no such kernels that run on this CPU; without it, it takes the best that it has", TargetVariable, want)
	}
	return nil
}

// checkCPU is an error where the program's kernels need what this CPU has not.
func (p *Program) checkCPU() error {
	var lacks []string
	for _, n := range p.needs() {
		if !HasCPU(n) {
			lacks = append(lacks, n)
		}
	}
	if len(lacks) > 0 {
		return fmt.Errorf("this trainer was built for %s, and this CPU lacks %s; build it with --target auto or portable", p.Target, strings.Join(lacks, ", "))
	}
	return nil
}
