package runtime

// fmaAVX512 does 24 x 16 multiply-adds, of two operations each, in each of rounds (at least 1).
//
//go:noescape
func fmaAVX512(rounds int)

// multiplyAdd keeps the arithmetic units busy and returns how many operations that were.
func multiplyAdd(rounds int) float64 {
	if !HasAVX512() {
		return scalarMultiplyAdd(rounds)
	}
	fmaAVX512(rounds)
	return 24 * 16 * 2 * float64(rounds)
}
