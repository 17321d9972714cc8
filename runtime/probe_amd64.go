package runtime

// fmaAVX512 does 24 x 16 multiply-adds, of two operations each, in each of rounds (at least 1).
//
//go:noescape
func fmaAVX512(rounds int)

// multiplyAdd keeps the arithmetic units busy and returns how many operations that were.
func multiplyAdd(rounds int) float64 {
	if !avx512 {
		return scalarMultiplyAdd(rounds)
	}
	fmaAVX512(rounds)
	return 24 * 16 * 2 * float64(rounds)
}

// dotAVX512 does 24 x 16 sums of two products of bf16, of four operations each, in each of rounds.
//
//go:noescape
func dotAVX512(rounds int)

// multiplyPairs is multiplyAdd with the instructions for bf16; 0 where the CPU has none.
func multiplyPairs(rounds int) float64 {
	if !avx512 || !HasCPU("AVX512_BF16") {
		return 0
	}
	dotAVX512(rounds)
	return 24 * 16 * 4 * float64(rounds)
}
