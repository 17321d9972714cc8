package data

// mix is SplitMix64's finaliser: it spreads every bit of z over the whole word.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// key folds numbers into one well-mixed word; it depends on their order.
func key(words ...uint64) uint64 {
	h := uint64(0)
	for _, w := range words {
		h = mix(h + 0x9E3779B97F4A7C15 + mix(w+0x9E3779B97F4A7C15))
	}
	return h
}

// below maps a well-mixed word to 0..n-1; the bias is below n / 2^64.
func below(word uint64, n int) int {
	hi, lo := word>>32, word&0xFFFFFFFF
	m := uint64(n)
	if m < 1<<32 {
		return int((hi*m + lo*m>>32) >> 32)
	}
	return int(word % m)
}

// permutation is a random order of 0..n-1 that is computed element by element: a Feistel
// network over the next power of four, walked until it lands below n. It needs no
// memory and no work at the start of an epoch, so a run may resume in its middle.
type permutation struct {
	n    uint64
	half uint // bits of one half
	keys [feistelRounds]uint64
}

const feistelRounds = 6

// permute makes the order that the seed and the epoch decide.
func permute(n int, seed, epoch uint64) permutation {
	p := permutation{n: uint64(n), half: 1}
	for p.n > 1<<(2*p.half) {
		p.half++
	}
	for i := range p.keys {
		p.keys[i] = key(seed, epoch, uint64(i))
	}
	return p
}

// at is element i of the order.
func (p *permutation) at(i int) int {
	mask := uint64(1)<<p.half - 1
	v := uint64(i)
	for {
		l, r := v>>p.half, v&mask
		for _, k := range p.keys {
			l, r = r, l^(mix(r+k)&mask)
		}
		if v = l<<p.half | r; v < p.n {
			return int(v)
		}
	}
}

// Draw is a number 0..n-1 that follows from the words alone, such as the seed, the epoch and
// an example's index: the same ones always give the same number.
func Draw(n int, words ...uint64) int { return below(key(words...), n) }
