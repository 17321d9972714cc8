//go:build !amd64

package runtime

func multiplyAdd(rounds int) float64 { return scalarMultiplyAdd(rounds) }

func multiplyPairs(int) float64 { return 0 }
