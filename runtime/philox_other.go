//go:build !amd64

package runtime

// uniformFast writes as many numbers of dst as the processor has a quick way for: none.
func uniformFast([]float32, [4]uint32, uint64) int { return 0 }
