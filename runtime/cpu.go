package runtime

import "golang.org/x/sys/cpu"

// HasAVX512 reports whether this CPU runs the AVX-512 kernels: foundation, doubleword and
// quadword, byte and word, and vector-length instructions, and fused multiply-add.
// GODEBUG=cpu.avx512f=off masks them, to try the portable kernels on a CPU that has both.
func HasAVX512() bool {
	x := cpu.X86
	return x.HasAVX512F && x.HasAVX512DQ && x.HasAVX512BW && x.HasAVX512VL && x.HasFMA
}

// HasTarget reports whether this CPU runs the kernels of a target: portable, avx512, or
// avx512-bf16, which also has matrix products in bf16.
func HasTarget(target string) bool {
	switch target {
	case "", "portable": // a program written by hand has none
		return true
	case "avx512":
		return HasAVX512()
	case "avx512-bf16":
		return HasAVX512() && cpu.X86.HasAVX512BF16
	}
	return false
}
