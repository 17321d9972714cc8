package fuse

import (
	"slices"
)

// Tiled launches carry a tile of examples through many launches, as far as examples do not
// depend on each other: whole layers run on a few examples while what passes from kernel to
// kernel is in cache, and workers meet once for all of them.
//
// Takes: launches, chains among them, in order, and the number of examples. Promises: the
// same kernels on the same operands; in a tiled launch, each tile depends on no other.
//
//	matmul [256 examples]; chain of heads [256 x 4]; matmul [256 examples]   =>   128 tiles of 2 examples

// Bounds of a tiled launch.
const (
	tileRows        = 96      // rows of a product that one tile should have at least
	tileWidth       = 128     // for weights of so many rows and columns; in proportion for larger ones
	tileShrink      = 6       // for these, a tile may have so many times fewer rows in order to share a chain; for larger ones
	largePatience   = 2       // only so many, since they do not stay in the second-level cache
	tileStages      = 6000    // launches of one chain
	tileRecut       = 32      // launches of a chain that may still be cut into more tiles
	tileOperands    = 5000    // operands of one chain; runtime.Call has room for some more
	tileSums        = 1 << 20 // floats of the sums over examples that a lane of a chain forms
	openBlockChains = 256     // how many may still grow
)

// tiling is a list of launches and what of each one tile does.
type tiling struct {
	examples int
	rows     int  // of a product, at least
	tiles    int  // 0: not known yet; only launches that take any number are there
	most     int  // the most tiles that its products tolerate; 0: any number
	sums     int  // floats of sums over examples
	closed   bool // it takes no more
	whole    []*Launch
	stages   []*Launch
	touched  [][]touch // by each stage
	operands int       // of all stages, each place once
}

// tileBatch groups launches that examples pass through independently.
func tileBatch(launches []*Launch, examples, rows int) []*Launch {
	if examples < 2 {
		return launches
	}
	return gather(launches, openBlockChains, func(l *Launch) group {
		want, most := wantedTiles(l, examples, rows)
		return &tiling{examples: examples, rows: rows, tiles: want, most: most, whole: []*Launch{l}}
	})
}

func (c *tiling) launch() *Launch {
	if len(c.whole) == 1 {
		return c.whole[0]
	}
	m := merge(TiledKind, c.stages)
	m.Tiles, m.Outer, m.Count, m.Chunk, m.PerTask = c.tiles, nil, c.tiles, 1, 1
	if slices.ContainsFunc(m.Operands, func(o Access) bool { return o.Lane > 0 }) {
		m.Lanes = lanes
	}
	m.Note = "a few examples after another through all of these kernels"
	return m
}

// wantedTiles is the number of tiles that suits a product of many rows, as many as leave
// each tile enough of them to pay for reading the weights, and the most that it tolerates in
// order to share a chain. Other launches take what they get (0).
func wantedTiles(l *Launch, examples, rows int) (want, most int) {
	for _, k := range l.Kernels() {
		if k.Kind == MatMulKind && len(k.Outer) == 0 && k.Count%examples == 0 {
			width := min(k.MatMul.N, k.K)
			if k.MatMul.Pairs {
				width = min(k.MatMul.N, 2*k.K)
			}
			times, shrink := min(max(1, width*width/(tileWidth*tileWidth)), 4), tileShrink
			if times > 1 {
				shrink = largePatience
			}
			return tilesOf(examples, k.Count/examples, times*rows), tilesOf(examples, k.Count/examples, times*rows/shrink)
		}
	}
	return 0, 0
}

// tilesOf is the largest number of equal tiles of examples, each of so many rows, that
// have enough rows; where there is work for all workers only with fewer rows, a tile for
// each lane.
func tilesOf(examples, rows, enough int) int {
	for per := 1; per < examples; per++ {
		if examples%per == 0 && (per*rows >= enough || 2*per*lanes > examples && per*lanes <= examples && per*rows >= enough/4) {
			return examples / per
		}
	}
	return 1
}

func (c *tiling) join(ls ...*Launch) (group, bool) {
	if c.closed || len(c.whole)+len(ls) > tileStages {
		return nil, false
	}
	d := *c
	for _, l := range ls {
		want, most := wantedTiles(l, c.examples, c.rows)
		d.tiles = max(d.tiles, want)
		if d.most == 0 || most != 0 && most < d.most {
			d.most = most
		}
	}
	if d.tiles == 0 || d.tiles > d.most {
		return nil, false
	}
	d.whole = append(slices.Clip(c.whole), ls...)
	d.stages, d.touched = slices.Clip(c.stages), slices.Clip(c.touched)
	if d.tiles != c.tiles {
		if len(c.whole) > tileRecut {
			return nil, false
		}
		d.stages, d.touched, d.operands, d.sums = nil, nil, 0, 0
	}
	linked := false
	for i := len(d.stages); i < len(d.whole); i++ {
		tied, ok := d.take(d.whole[i], len(c.whole))
		if !ok {
			return nil, false
		}
		linked = linked || tied && i >= len(c.whole)
	}
	for _, l := range c.whole {
		for _, m := range ls {
			linked = linked || meet(l.ids, m.after)
		}
	}
	if !linked {
		return nil, false
	}
	if d.sums > tileSums {
		c.closed = true // what follows starts a chain that has room for its sums
		return nil, false
	}
	return &d, true
}

// take adds what one tile does of a launch, and says whether that shares data with one of
// the first stages.
func (c *tiling) take(l *Launch, first int) (linked, ok bool) {
	for axis := 0; axis <= len(l.Outer); axis++ {
		s, ok := restrict(l, axis, c.tiles)
		if !ok {
			continue
		}
		t := touches(s)
		linked, ok := c.follows(t, first)
		if !ok {
			continue
		}
		c.operands += c.newOperands(s)
		c.stages, c.touched = append(c.stages, s), append(c.touched, t)
		if s.Sum {
			c.sums += s.Count * s.MatMul.N
		}
		return linked, c.operands <= tileOperands
	}
	return false, false
}

// newOperands counts the places that a launch touches and no stage does.
func (c *tiling) newOperands(s *Launch) int {
	n := 0
	for i, o := range s.Operands {
		known := func(l *Launch) bool { return l.Operand(o) >= 0 }
		if !slices.ContainsFunc(c.stages, known) && s.Operand(o) == i {
			n++
		}
	}
	return n
}

// follows reports whether each tile of a launch, of which it gets what it touches, depends on
// the same tile of the stages only, and whether it depends on any of the first ones.
func (c *tiling) follows(s []touch, first int) (linked, ok bool) {
	for i, stage := range c.touched {
		tied, ok := c.pair(stage, s)
		if !ok {
			return false, false
		}
		linked = linked || tied && i < first
	}
	for i, b := range s { // nor does a tile write what another one writes
		for _, a := range s[:i+1] {
			if x, y := a.access(), b.access(); x.Lane == 0 && conflict(a, b) && (x.Tile != y.Tile || !apart(a, b, c.tiles, x.Tile)) {
				return false, false
			}
		}
	}
	return linked, true
}

// pair reports whether each tile of s depends on the same tile of another stage only, and
// whether it depends on it at all.
func (c *tiling) pair(stage, s []touch) (linked, ok bool) {
	for _, b := range s {
		for _, a := range stage {
			if !conflict(a, b) {
				continue
			}
			x, y := a.access(), b.access()
			if x.Lane > 0 && x.Lane == y.Lane {
				continue // products of one sum
			}
			if x.Lane != y.Lane || x.Tile != y.Tile || !apart(a, b, c.tiles, x.Tile) {
				return false, false
			}
			linked = true
		}
	}
	return linked, true
}

// restrict is one tile of a launch cut along an outer loop or, after the last of those,
// along its rows. The operands' Block says how far the next tile is.
func restrict(l *Launch, axis, tiles int) (*Launch, bool) {
	switch l.Kind {
	case ChainKind:
		return restrictChain(l, axis, tiles)
	case GatherKind, ScatterAddKind:
		return restrictIndexed(l, tiles)
	case ZeroKind:
		return restrictZero(l, tiles)
	case RowsKind, MatMulKind, TransposeKind, ColReduceKind, InterleaveKind:
		if l.Parts > 0 {
			return restrictParts(l, tiles)
		}
		if axis < len(l.Outer) {
			return restrictOuter(l, axis, tiles)
		}
		if l.Kind == ColReduceKind {
			return restrictChunks(l, tiles)
		}
		return restrictRows(l, tiles)
	}
	return nil, false
}

// restrictParts cuts the inner extent of a weight gradient: each lane has one of the parts,
// to which its tiles add one after another.
func restrictParts(l *Launch, tiles int) (*Launch, bool) {
	if l.Parts != lanes || tiles%lanes != 0 || l.K%(tiles/lanes) != 0 {
		return nil, false
	}
	m, k := l.copyFor(tiles), *l.MatMul
	m.K = l.K / (tiles / lanes)
	m.Outer, m.Sum = nil, !l.Accumulate
	for i := range m.Operands {
		m.Operands[i].Outer = nil
	}
	m.Operands[0].Tile, m.Operands[1].Tile, m.Operands[2].Lane = m.K*k.AK, m.K*k.BK, l.Operands[2].Outer[0]
	if m.KBlock = m.K; m.K > 2*blockInner {
		m.KBlock = blockInner
	}
	k.Ks = distinct(m.KBlock, m.K%m.KBlock)
	m.MatMul = &k
	return m, true
}

// restrictChunks cuts the chunks of a column reduction, each of which has a result of its own.
func restrictChunks(l *Launch, tiles int) (*Launch, bool) {
	if l.Count%tiles != 0 || l.Chunk >= l.Count || l.Count/tiles%l.Chunk != 0 {
		return nil, false
	}
	m := l.copyFor(tiles)
	m.Count = l.Count / tiles
	for i := range m.Operands {
		m.Operands[i].Tile = m.Count / l.Chunk * l.Operands[i].Chunk
	}
	m.PerTask = max(1, product(m.Outer))
	return m, true
}

// copyFor is a copy of a launch that does one of so many tiles.
func (l *Launch) copyFor(tiles int) *Launch {
	m := *l
	m.Operands, m.Outer, m.Sizes = slices.Clone(l.Operands), slices.Clone(l.Outer), slices.Clone(l.Sizes)
	m.InTiles = tiles
	m.Flops, m.Bytes = l.Flops, l.Bytes
	return &m
}

func restrictOuter(l *Launch, axis, tiles int) (*Launch, bool) {
	if l.Outer[axis]%tiles != 0 {
		return nil, false
	}
	m := l.copyFor(tiles)
	n := l.Outer[axis] / tiles
	m.Outer[axis] = n
	for i := range m.Operands {
		o := &m.Operands[i]
		o.Tile = n * o.Outer[axis]
		if n == 1 {
			o.Outer = slices.Delete(slices.Clone(o.Outer), axis, axis+1)
		}
	}
	if n == 1 {
		m.Outer = slices.Delete(m.Outer, axis, axis+1)
	}
	m.PerTask = max(1, product(m.Outer))
	return m, true
}

// restrictRows cuts the rows of row kernels, of interleaves and of products.
func restrictRows(l *Launch, tiles int) (*Launch, bool) {
	if l.Count%tiles != 0 || l.Kind == TransposeKind || l.Kind == InterleaveKind && l.Interleave.Odd {
		return nil, false
	}
	m := l.copyFor(tiles)
	m.Count = l.Count / tiles
	m.Chunk = evenChunk(m.Count)
	if l.Kind == MatMulKind {
		k := *l.MatMul
		k.Ms = distinct(m.Chunk, m.Count%m.Chunk)
		m.MatMul = &k
	}
	for i := range m.Operands {
		row := l.rowStride(i)
		m.Operands[i].Tile, m.Operands[i].Chunk = m.Count*row, m.Chunk*row
	}
	m.PerTask = max(1, product(m.Outer))
	return m, true
}

// evenChunk cuts rows into equal chunks that fit the second-level cache.
func evenChunk(rows int) int {
	const most = 192
	parts := (rows + most - 1) / most
	return (rows + parts - 1) / parts
}

// rowStride is how far an operand moves from row to row of the launch.
func (l *Launch) rowStride(i int) int {
	switch l.Kind {
	case MatMulKind:
		return [...]int{l.MatMul.AM, 0, l.MatMul.CM}[i]
	case InterleaveKind:
		return [...]int{2 * l.Interleave.In, l.Interleave.Out}[i]
	}
	return l.Rows.Operands[i].Row
}

func restrictChain(l *Launch, axis, tiles int) (*Launch, bool) {
	m := l.copyFor(tiles)
	m.Stages = nil
	for _, s := range l.Stages {
		r, ok := restrict(s, axis, tiles)
		if !ok {
			return nil, false
		}
		m.Stages = append(m.Stages, r)
	}
	head := m.Stages[0]
	for _, s := range m.Stages { // a chain has one grid
		s.PerTask = head.PerTask
		if !sameGrid(head, s) {
			return nil, false
		}
	}
	merged := merge(ChainKind, m.Stages)
	merged.InTiles, merged.Note = tiles, l.Note
	merged.PerTask = head.PerTask
	return merged, true
}

// restrictIndexed cuts gathers and scatters by their batch or, where all indices share one
// table, by index.
func restrictIndexed(l *Launch, tiles int) (*Launch, bool) {
	m := l.copyFor(tiles)
	batch, k, width := l.Sizes[0], l.Sizes[2], l.Sizes[3]
	switch {
	case batch%tiles == 0:
		m.Sizes[0] = batch / tiles
		for i := range m.Operands {
			m.Operands[i].Tile = l.indexed(i) / tiles
		}
	case l.Kind == GatherKind && batch == 1 && k%tiles == 0:
		m.Sizes[2] = k / tiles
		m.Operands[1].Tile, m.Operands[2].Tile = m.Sizes[2], m.Sizes[2]*width
	default:
		return nil, false
	}
	return m, true
}

// restrictZero cuts memory to be cleared into equal parts.
func restrictZero(l *Launch, tiles int) (*Launch, bool) {
	n := l.Sizes[0]
	if n%tiles != 0 {
		return nil, false
	}
	m := l.copyFor(tiles)
	m.Sizes[0], m.Operands[0].Tile = n/tiles, n/tiles
	return m, true
}
