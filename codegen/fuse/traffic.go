package fuse

// Traffic is what a kernel of a launch reads and writes during the whole launch, in bytes:
// near is memory of the worker, which stays in its caches, and weights that every block reads
// again; far is what the arena holds for the whole batch.
func (l *Launch) Traffic() (near, far int) {
	for i, o := range l.Operands {
		n := 4
		for _, d := range l.whole(i) {
			if d.stride != 0 {
				n *= d.n
			}
		}
		switch {
		case o.Buf.Class == Local:
			near += n * max(1, l.InBlocks)
		case l.InBlocks > 1 && o.Block == 0:
			near += n * l.InBlocks
		default:
			far += n * max(1, l.InBlocks)
		}
	}
	return near, far
}
