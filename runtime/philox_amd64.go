package runtime

import "golang.org/x/sys/cpu"

// philoxAVX512 writes groups (at least 1) of 64 numbers, the blocks from *counter on; keys
// are the two key words of each of the ten rounds.
//
//go:noescape
func philoxAVX512(dst *float32, groups int, counter *[4]uint32, keys *[20]uint32)

var hasAVX512 = cpu.X86.HasAVX512F

// uniformFast writes as many numbers of dst as the processor has a quick way for, and says how many.
func uniformFast(dst []float32, c [4]uint32, key uint64) int {
	groups := len(dst) / 64
	if !hasAVX512 || groups == 0 {
		return 0
	}
	var keys [20]uint32
	k0, k1 := uint32(key), uint32(key>>32)
	for i := 0; i < len(keys); i += 2 {
		keys[i], keys[i+1] = k0, k1
		k0, k1 = k0+philoxW0, k1+philoxW1
	}
	philoxAVX512(&dst[0], groups, &c, &keys)
	return 64 * groups
}
