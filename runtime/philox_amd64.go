package runtime

// philoxAVX512 writes groups (at least 1) of 64 numbers, the blocks from *counter on; keys
// are the two key words of each of the ten rounds.
//
//go:noescape
func philoxAVX512(dst *float32, groups int, counter *[4]uint32, keys *[20]uint32)

// philoxAVX2 is philoxAVX512 with groups of 32 numbers.
//
//go:noescape
func philoxAVX2(dst *float32, groups int, counter *[4]uint32, keys *[20]uint32)

// uniformFast writes as many numbers of dst as vectors are filled with, and says how many.
func uniformFast(v vectors, dst []float32, c [4]uint32, key uint64) int {
	group := 32
	if v == avx512 {
		group = 64
	}
	groups := len(dst) / group
	if v == scalar || groups == 0 {
		return 0
	}
	var keys [20]uint32
	k0, k1 := uint32(key), uint32(key>>32)
	for i := 0; i < len(keys); i += 2 {
		keys[i], keys[i+1] = k0, k1
		k0, k1 = k0+philoxW0, k1+philoxW1
	}
	if v == avx512 {
		philoxAVX512(&dst[0], groups, &c, &keys)
	} else {
		philoxAVX2(&dst[0], groups, &c, &keys)
	}
	return groups * group
}
