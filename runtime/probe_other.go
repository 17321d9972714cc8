//go:build !amd64

package runtime

func multiplyAdd(_ vectors, rounds int) float64 { return scalarMultiplyAdd(rounds) }

func multiplyPairs(vectors, int) float64 { return 0 }
