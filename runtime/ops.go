package runtime

import (
	"fmt"
	"math"
	"slices"
)

// The launches below serve generated code where a loop nest would not do: data-dependent
// addresses, sorting, general copies. Sizes and strides are in elements, operands are arena
// offsets; operands must not overlap.

// gatherRows is the number of rows one task of Gather copies.
const gatherRows = 64

// Gather picks rows: dst[b,i,:] = src[b,idx[b,i],:] for src f32 [batch, rows, width], idx
// i32 [batch, k] and dst f32 [batch, k, width]. An index outside 0..rows-1 is an error.
func (m *Machine) Gather(dst, src, idx int, batch, rows, k, width int) {
	m.Run(gather, (batch*k+gatherRows-1)/gatherRows, dst, src, idx, batch, rows, k, width)
}

// Gather is Machine.Gather in this worker; see Run.
func (w *Worker) Gather(stage, dst, src, idx int, batch, rows, k, width int) {
	w.Run(gather, stage, (batch*k+gatherRows-1)/gatherRows, dst, src, idx, batch, rows, k, width)
}

func gather(w *Worker, c *Call, task int) {
	dst, src, batch, rows, k, width := c.Off[0], c.Off[1], c.Off[3], c.Off[4], c.Off[5], c.Off[6]
	mem, idx := w.Args.Mem, ints(w.Args.Mem, c.Off[2], batch*k)
	for i := task * gatherRows; i < min(batch*k, (task+1)*gatherRows); i++ {
		from := src + (i/k*rows+checkIndex(idx[i], i, rows))*width
		copy(mem[dst+i*width:dst+(i+1)*width], mem[from:from+width])
	}
}

// checkIndex panics where an index names no row; the place of the launch says which operation it was.
func checkIndex(index int32, position, rows int) int {
	if uint(index) >= uint(rows) {
		panic(fmt.Sprintf("index %d at position %d, expected 0..%d", index, position, rows-1))
	}
	return int(index)
}

// scatterColumns is the number of columns one task of ScatterAdd works on.
const scatterColumns = 64

// ScatterAdd adds rows up: dst[b,r,:] = the sum of src[b,i,:] over i with idx[b,i] = r, in
// order of i, for src f32 [batch, k, width], idx i32 [batch, k] and dst f32 [batch, rows,
// width]. An index outside 0..rows-1 is an error.
func (m *Machine) ScatterAdd(dst, src, idx int, batch, rows, k, width int) {
	parts := (width + scatterColumns - 1) / scatterColumns
	m.Run(scatterAdd, batch*parts, dst, src, idx, batch, rows, k, width, parts)
}

// ScatterAdd is Machine.ScatterAdd in this worker; see Run.
func (w *Worker) ScatterAdd(stage, dst, src, idx int, batch, rows, k, width int) {
	parts := (width + scatterColumns - 1) / scatterColumns
	w.Run(scatterAdd, stage, batch*parts, dst, src, idx, batch, rows, k, width, parts)
}

func scatterAdd(w *Worker, c *Call, task int) {
	batch, rows, k, width, parts := c.Off[3], c.Off[4], c.Off[5], c.Off[6], c.Off[7]
	b, lo := task/parts, task%parts*scatterColumns
	hi := min(width, lo+scatterColumns)
	dst := w.Args.Mem[c.Off[0]+b*rows*width:][:rows*width]
	src := w.Args.Mem[c.Off[1]+b*k*width:][:k*width]
	idx := ints(w.Args.Mem, c.Off[2], batch*k)[b*k:][:k]
	for r := range rows {
		clear(dst[r*width+lo : r*width+hi])
	}
	for i, r := range idx {
		row := checkIndex(r, b*k+i, rows)
		to, from := dst[row*width+lo:row*width+hi], src[i*width+lo:i*width+hi]
		for j, v := range from {
			to[j] += v
		}
	}
}

// sortRows is the number of rows one task of ArgSort sorts.
const sortRows = 8

// ArgSort writes into dst i32 [rows, length] the order that sorts each row of src f32 [rows,
// length]: ascending, equal values (also -0 and 0) in order of position, NaN last.
func (m *Machine) ArgSort(dst, src int, rows, length int) {
	for _, w := range m.workers { // all at once: which of them will sort is left to chance
		if cap(w.keys) < length {
			w.keys = make([]uint64, length)
		}
	}
	m.Run(argSort, (rows+sortRows-1)/sortRows, dst, src, rows, length)
}

func argSort(w *Worker, c *Call, task int) {
	rows, length := c.Off[2], c.Off[3]
	keys := w.keys[:length]
	for r := task * sortRows; r < min(rows, (task+1)*sortRows); r++ {
		for i, v := range w.Args.Mem[c.Off[1]+r*length:][:length] {
			keys[i] = uint64(sortKey(v))<<32 | uint64(i)
		}
		slices.Sort(keys)
		for i, dst := 0, ints(w.Args.Mem, c.Off[0]+r*length, length); i < length; i++ {
			dst[i] = int32(uint32(keys[i]))
		}
	}
}

// sortKey maps floats to integers of the same order.
func sortKey(v float32) uint32 {
	switch {
	case v != v:
		return math.MaxUint32
	case v == 0:
		return 1 << 31
	}
	b := math.Float32bits(v)
	if b>>31 != 0 {
		return ^b
	}
	return b | 1<<31
}

// zeroChunk is the number of floats one task of Zero clears.
const zeroChunk = 1 << 16

// Zero clears n floats.
func (m *Machine) Zero(dst, n int) {
	m.Run(zero, (n+zeroChunk-1)/zeroChunk, dst, n)
}

// Zero is Machine.Zero in this worker; see Run.
func (w *Worker) Zero(stage, dst, n int) { w.Run(zero, stage, (n+zeroChunk-1)/zeroChunk, dst, n) }

func zero(w *Worker, c *Call, task int) {
	clear(w.Args.Mem[c.Off[0]+task*zeroChunk : c.Off[0]+min(c.Off[1], (task+1)*zeroChunk)])
}

// maxRank is the largest rank Copy takes.
const maxRank = 6

// Copy moves elements between two strided views of one shape: transposes, slices, pads,
// concatenations, and broadcasts by a source stride of 0. At most 6 dimensions.
func (m *Machine) Copy(dst, src int, shape, dstStride, srcStride []int) {
	var off [24]int
	off[0], off[1] = dst, src
	n, ds, ss := off[3:3+maxRank], off[9:9+maxRank], off[15:15+maxRank]
	rank := 0
	for i, d := range shape {
		if d == 0 {
			return
		}
		if d == 1 {
			continue
		}
		// A dimension that continues the one before it in both views is merged into it.
		if rank > 0 && ds[rank-1] == dstStride[i]*d && ss[rank-1] == srcStride[i]*d {
			n[rank-1] *= d
			ds[rank-1], ss[rank-1] = dstStride[i], srcStride[i]
			continue
		}
		if rank == maxRank {
			panic(fmt.Sprintf("copy: more than %d dimensions in shape %v", maxRank, shape))
		}
		n[rank], ds[rank], ss[rank] = d, dstStride[i], srcStride[i]
		rank++
	}
	rows, cols, planes := 1, 1, 1
	for i := range rank {
		switch i {
		case rank - 1:
			cols = n[i]
		case rank - 2:
			rows = n[i]
		default:
			planes *= n[i]
		}
	}
	// One long run is cut into pieces so that every worker gets some.
	if rank == 1 && ds[0] == 1 && n[0] > zeroChunk {
		m.Run(copyRun, (n[0]+zeroChunk-1)/zeroChunk, dst, src, n[0], ss[0])
		return
	}
	off[2] = rank
	if planes == 1 {
		off[21], off[22] = 1, max(1, copyChunk/cols)
		m.Run(copyPlanes, (rows+off[22]-1)/off[22], off[:]...)
		return
	}
	off[21], off[22] = max(1, copyChunk/(rows*cols)), rows
	m.Run(copyPlanes, (planes+off[21]-1)/off[21], off[:]...)
}

// copyChunk is about how many elements one task of Copy moves.
const copyChunk = 1 << 13

// copyRun copies a piece of one contiguous destination.
func copyRun(w *Worker, c *Call, task int) {
	lo := task * zeroChunk
	n := min(c.Off[2]-lo, zeroChunk)
	copyPlane(w.Args.Mem, c.Off[0]+lo, c.Off[1]+lo*c.Off[3], 1, n, 0, 1, 0, c.Off[3])
}

// copyPlanes copies some of the planes spanned by the last two dimensions, or where there is
// only one, some of its rows.
func copyPlanes(w *Worker, c *Call, task int) {
	rank, per, perRows := c.Off[2], c.Off[21], c.Off[22]
	n, ds, ss := c.Off[3:3+maxRank], c.Off[9:9+maxRank], c.Off[15:15+maxRank]
	planes := 1
	for i := range rank - 2 {
		planes *= n[i]
	}
	rows, cols := [3]int{1}, [3]int{1}
	if rank > 0 {
		cols = [3]int{n[rank-1], ds[rank-1], ss[rank-1]}
	}
	if rank > 1 {
		rows = [3]int{n[rank-2], ds[rank-2], ss[rank-2]}
	}
	if planes == 1 {
		lo := task * perRows
		copyPlane(w.Args.Mem, c.Off[0]+lo*rows[1], c.Off[1]+lo*rows[2],
			min(rows[0]-lo, perRows), cols[0], rows[1], cols[1], rows[2], cols[2])
		return
	}
	for plane := task * per; plane < min(planes, (task+1)*per); plane++ {
		to, from, rest := c.Off[0], c.Off[1], plane
		for i := rank - 3; i >= 0; i-- {
			to += rest % n[i] * ds[i]
			from += rest % n[i] * ss[i]
			rest /= n[i]
		}
		copyPlane(w.Args.Mem, to, from, rows[0], cols[0], rows[1], cols[1], rows[2], cols[2])
	}
}

// copyPlane copies rows x cols elements. Where both views step through the columns it goes by
// rows; a transpose goes by tiles that fit the first cache.
func copyPlane(mem []float32, to, from, rows, cols, toRow, toCol, fromRow, fromCol int) {
	const tile = 16
	if toCol == 1 && fromCol == 1 {
		for r := range rows {
			copy(mem[to+r*toRow:to+r*toRow+cols], mem[from+r*fromRow:from+r*fromRow+cols])
		}
		return
	}
	for c0 := 0; c0 < cols; c0 += tile {
		c1 := min(cols, c0+tile)
		for r := range rows {
			d, s := to+r*toRow+c0*toCol, from+r*fromRow+c0*fromCol
			for range c1 - c0 {
				mem[d] = mem[s]
				d, s = d+toCol, s+fromCol
			}
		}
	}
}
