package fuse

// Traffic is what a kernel of a launch reads and writes during the whole launch, in bytes:
// near is memory of the worker, which stays in its caches, and weights that every tile reads
// again; far is what the arena holds for the whole batch.
func (l *Launch) Traffic() (near, far int) {
	for i, o := range l.Operands {
		n := 4 * l.elements(i)
		switch {
		case o.Buf.Class == Local:
			near += n * max(1, l.InTiles)
		case l.InTiles > 1 && o.Tile == 0:
			near += n * l.InTiles
		default:
			far += n * max(1, l.InTiles)
		}
	}
	return near, far
}

// elements is the number of elements of an operand that one tile touches.
func (l *Launch) elements(i int) int {
	n := 1
	for _, d := range l.whole(i) {
		if d.stride != 0 {
			n *= d.n
		}
	}
	return n
}

// source reports whether a launch expands a small input, or none, into a large temporary: zeros,
// random numbers, rows of a table. Run late, its result is held for no one.
func (l *Launch) source() bool {
	if l.Stages != nil {
		return false
	}
	read, written := 0, 0
	for i, o := range l.Operands {
		switch {
		case o.Write && o.Buf.Class != Temp:
			return false
		case o.Write:
			written += l.elements(i)
		case o.Buf.Class == Temp:
			read += l.elements(i)
		}
	}
	return read*sourceGrowth <= written
}

// sourceGrowth is how many times more than it reads a source writes.
const sourceGrowth = 4
