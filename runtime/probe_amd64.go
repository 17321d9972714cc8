package runtime

// fmaAVX512 does 24 x 16 multiply-adds, of two operations each, in each of rounds (at least 1).
//
//go:noescape
func fmaAVX512(rounds int)

// fmaAVX2 does 12 x 8 of them.
//
//go:noescape
func fmaAVX2(rounds int)

// multiplyAdd keeps the arithmetic units busy and returns how many operations that were.
func multiplyAdd(v vectors, rounds int) float64 {
	switch v {
	case avx512:
		fmaAVX512(rounds)
		return 24 * 16 * 2 * float64(rounds)
	case avx2:
		fmaAVX2(rounds)
		return 12 * 8 * 2 * float64(rounds)
	}
	return scalarMultiplyAdd(rounds)
}

// dotAVX512 does 24 x 16 sums of two products of bf16, of four operations each, in each of rounds.
//
//go:noescape
func dotAVX512(rounds int)

// multiplyPairs is multiplyAdd with the instructions for bf16; 0 where there are none.
func multiplyPairs(v vectors, rounds int) float64 {
	if v != avx512 || !HasCPU("AVX512_BF16") {
		return 0
	}
	dotAVX512(rounds)
	return 24 * 16 * 4 * float64(rounds)
}
