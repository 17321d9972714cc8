// Package mersenne is the Mersenne Twister (Matsumoto and Nishimura, 1998) as NumPy's RandomState and
// Python's random module use it, so that splits which others drew with a known seed can be drawn again.
package mersenne

const (
	n = 624
	m = 397
)

// Twister is one stream of random numbers. It is not safe for concurrent use.
type Twister struct {
	state [n]uint32
	at    int
}

// NumPy starts the stream of numpy.random.RandomState(seed).
func NumPy(seed uint32) *Twister {
	t := &Twister{at: n}
	t.state[0] = seed
	for i := 1; i < n; i++ {
		t.state[i] = 1812433253*(t.state[i-1]^t.state[i-1]>>30) + uint32(i)
	}
	return t
}

// Python starts the stream of random.seed(seed), for a seed of at most 32 bits.
func Python(seed uint32) *Twister {
	t := NumPy(19650218)
	s := &t.state
	i := 1
	for range n {
		s[i] = (s[i] ^ (s[i-1]^s[i-1]>>30)*1664525) + seed // + the seed's word number, which is 0
		if i++; i == n {
			s[0], i = s[n-1], 1
		}
	}
	for range n - 1 {
		s[i] = (s[i] ^ (s[i-1]^s[i-1]>>30)*1566083941) - uint32(i)
		if i++; i == n {
			s[0], i = s[n-1], 1
		}
	}
	s[0] = 1 << 31
	return t
}

// Uint32 is the next word.
func (t *Twister) Uint32() uint32 {
	if t.at == n {
		t.twist()
	}
	y := t.state[t.at]
	t.at++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

func (t *Twister) twist() {
	s := &t.state
	for i := range n {
		y := s[i]&0x80000000 | s[(i+1)%n]&0x7fffffff
		next := s[(i+m)%n] ^ y>>1
		if y&1 != 0 {
			next ^= 0x9908b0df
		}
		s[i] = next
	}
	t.at = 0
}

// Float64 is random.random(): 53 bits, 0 <= x < 1.
func (t *Twister) Float64() float64 {
	a, b := t.Uint32()>>5, t.Uint32()>>6
	return (float64(float64(a)*(1<<26)) + float64(b)) / (1 << 53)
}

// Below is what Python's random module draws from for randrange(limit) and choice: 0 <= x < limit, at most 2^32 - 1.
func (t *Twister) Below(limit int) int {
	bits := 0
	for limit>>bits > 0 {
		bits++
	}
	for {
		if r := int(t.Uint32() >> (32 - bits)); r < limit {
			return r
		}
	}
}

// Shuffle is RandomState.shuffle of a list of length at most 2^32.
func (t *Twister) Shuffle(list []int32) {
	for i := len(list) - 1; i > 0; i-- {
		mask := uint32(1)
		for mask < uint32(i) {
			mask = mask<<1 | 1
		}
		j := t.Uint32() & mask
		for j > uint32(i) {
			j = t.Uint32() & mask
		}
		list[i], list[j] = list[j], list[i]
	}
}

// Permutation is RandomState.permutation(count), which pandas' DataFrame.sample(frac=1) takes its order from.
func (t *Twister) Permutation(count int) []int32 {
	list := make([]int32, count)
	for i := range list {
		list[i] = int32(i)
	}
	t.Shuffle(list)
	return list
}
