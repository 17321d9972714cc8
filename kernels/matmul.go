package kernels

import (
	"fmt"
	"math"
	"slices"

	"mspecc/ir/loop"
)

// maxInstructions bounds the size of a generated kernel.
const maxInstructions = 1500

// prefetchDepth is the inner extent from which it pays to fetch a tile's result while the
// products are formed.
const prefetchDepth = 32

// Lower makes a register-tiled kernel: tiles of C stay in registers over the
// whole K loop, elements of A are broadcast, rows of B are read as they lie.
// Column tiles are the outer loop, so that a panel of B serves all rows.
func (m *MatMul) Lower(t loop.Machine) (*loop.Kernel, error) {
	if m.N <= 0 || m.AM < 0 || m.AK < 0 {
		return nil, fmt.Errorf("matmul: N = %d, strides of A %d, %d: N must be positive, strides not negative", m.N, m.AM, m.AK)
	}
	if m.Half && m.N%2 == 1 {
		return nil, fmt.Errorf("matmul: N = %d: only an even number of columns is written in pairs", m.N)
	}
	if m.Pairs {
		t.TileRegs -= t.DotRegs
	}
	tiling := m.tiling(t)
	var k *loop.Kernel
	for unroll := 4; unroll >= 1; unroll /= 2 {
		k = m.lower(t, tiling, unroll)
		if k.Instructions() <= maxInstructions {
			break
		}
	}
	return k, loop.Allocate(k, t)
}

// nTiles is a run of equal column tiles.
type nTiles struct {
	count int
	width int // vectors
	last  int // lanes of the last vector
	rows  int // rows of a register tile
}

// tiling cuts the columns into as equal tiles as possible and chooses the
// cheapest number of them.
func (m *MatMul) tiling(t loop.Machine) []nTiles {
	vectors, unit := (m.N+t.Lanes-1)/t.Lanes, 1
	if m.Half && t.Lanes == 1 { // a tile begins with a pair
		unit = 2
	}
	var best []nTiles
	bestCost := math.Inf(1)
	for tiles := 1; tiles <= vectors/unit; tiles++ {
		width, wider := vectors/unit/tiles*unit, vectors/unit%tiles
		if 2*width+2 > t.TileRegs && width > 1 {
			continue
		}
		var runs []nTiles
		cost := 0.0
		add := func(count, width, last int) {
			if count == 0 {
				return
			}
			rows, c := m.bestRows(t, width)
			runs = append(runs, nTiles{count, width, last, rows})
			cost += float64(count) * c
		}
		tail := m.N - (vectors-1)*t.Lanes
		plain := tiles - wider
		if tail < t.Lanes {
			plain--
		}
		add(wider, width+unit, t.Lanes)
		add(plain, width, t.Lanes)
		if tail < t.Lanes {
			add(1, width, tail)
		}
		if cost < bestCost*0.999 {
			best, bestCost = runs, cost
		}
		if width == unit && wider == 0 {
			break
		}
	}
	return best
}

// bestRows chooses the rows of a tile of the given width for the row counts
// the kernel will see.
func (m *MatMul) bestRows(t loop.Machine, width int) (rows int, cost float64) {
	depth := 128
	if len(m.Ks) > 0 {
		depth = slices.Max(m.Ks)
	}
	ms := m.Ms
	if len(ms) == 0 {
		ms = []int{1000}
	}
	cost = math.Inf(1)
	for r := 1; r <= 16 && (r*width+width+m.factors(t, r) <= t.TileRegs || r == 1); r++ {
		c := 0.0
		for _, rows := range ms {
			c += float64(rows/r)*m.tileCycles(t, r, width, depth) + m.tileCycles(t, rows%r, width, depth)
		}
		if c <= cost {
			rows, cost = r, c
		}
	}
	return rows, cost
}

// tileCycles estimates the time of one tile on a machine with two FMA units, whose results of pairs
// come two cycles later, and two loads per cycle.
func (m *MatMul) tileCycles(t loop.Machine, rows, width, depth int) float64 {
	if rows == 0 {
		return 0
	}
	latency := float64(t.Latency)
	if m.Pairs {
		latency += 2
	}
	loads := float64(rows + width)
	if m.byLane(t) {
		loads = float64(width) + float64(m.factors(t, rows))
		if m.AK == 1 {
			loads = float64(width) + float64(rows)/float64(t.Lanes)
		}
	}
	perStep := max(float64(rows*width)/2, loads/2, latency)
	if width > 4 { // its panel of B takes more of the first-level cache
		perStep *= 1.04
	}
	return perStep*float64(depth) + 1.5*float64(rows*width) + 20
}

// byLane reports whether elements of A are lanes of registers rather than broadcast.
func (m *MatMul) byLane(t loop.Machine) bool { return t.ByLane && !m.Pairs }

// factors is how many registers hold elements of A while a tile is computed.
func (m *MatMul) factors(t loop.Machine, rows int) int {
	switch {
	case !m.byLane(t):
		return 1
	case m.AK != 1 && m.AM == 1:
		return (rows + t.Lanes - 1) / t.Lanes
	}
	return rows
}

// remainders lists the row counts, smaller than a tile, that are left over.
func (m *MatMul) remainders(rows int) []int {
	var left []int
	for r := rows - 1; r > 0; r-- {
		if len(m.Ms) == 0 || slices.ContainsFunc(m.Ms, func(n int) bool { return n%rows == r }) {
			left = append(left, r)
		}
	}
	return left
}

// matmulCode is the state of one lowering.
type matmulCode struct {
	*builder
	m      *MatMul
	line   int // elements of a cache line
	ahead  int // steps by which operands are fetched
	unroll int
	byLane bool
	b, c   loop.P // of the current tile: first column of B, first row of C
}

func (m *MatMul) lower(t loop.Machine, tiling []nTiles, unroll int) *loop.Kernel {
	b := newBuilder(t, []string{"A", "B", "C"}, []string{"M", "K", "add"})
	b.Kernel.Doc = m.doc(t, tiling)
	g := &matmulCode{builder: b, m: m, line: max(t.Line, t.Lanes), ahead: t.Ahead, unroll: unroll, byLane: m.byLane(t)}
	g.b = b.Base(1)
	g.c = b.Base(2)
	for i, run := range tiling {
		g.columns(run, i == len(tiling)-1)
	}
	return b.Kernel
}

func (m *MatMul) doc(t loop.Machine, tiling []nTiles) []string {
	inner, flops := "K", 2
	if m.Pairs {
		inner, flops = "K pairs of bf16", 4
	}
	result, size := "added to C where add is 1", 4*m.N
	if m.Half {
		result, size = "rounded to bf16", 2*m.N
	}
	d := []string{
		fmt.Sprintf("C[M,%d] = A[M,K] B[K,%d] over %s, %s", m.N, m.N, inner, result),
		fmt.Sprintf("A[m,k] at %d m + %d k, rows of B %d, rows of C %d apart; M in %s, K in %s",
			m.AM, m.AK, m.BK, m.CM, anyOf(m.Ms), anyOf(m.Ks)),
		fmt.Sprintf("%d M K %d FLOPs, reads 4 (M K + %d K) bytes, writes %d M bytes", flops, m.N, m.N, size),
	}
	for _, r := range tiling {
		cols := (r.width-1)*t.Lanes + r.last
		d = append(d, fmt.Sprintf("%d tiles of %d rows x %d columns", r.count, r.rows, cols))
	}
	return d
}

func anyOf(n []int) string {
	if len(n) == 0 {
		return "any"
	}
	return fmt.Sprint(n)
}

// columns walks the rows of C for each of a run of column tiles.
func (g *matmulCode) columns(run nTiles, final bool) {
	cols := run.width * g.Lanes
	g.Up("n_tile", run.count, 1, func(loop.N) {
		a := g.Base(0)
		c := g.CopyP(g.c, 0)
		rows := g.builder.Count(0)
		g.Down("m_tile", rows, run.rows, func() {
			g.tile(run.rows, run, g.unroll, a, c)
			g.Step(a, run.rows*g.m.AM)
			g.Step(c, run.rows*g.m.CM)
		})
		for _, r := range g.m.remainders(run.rows) {
			tail := &loop.If{Label: "m_tail", N: rows, Equal: r}
			g.Into(&tail.Then, func() { g.tile(r, run, min(2, g.unroll), a, c) })
			g.Emit(tail)
		}
		if run.count > 1 || !final {
			g.Step(g.b, cols)
			g.Step(g.c, g.m.places(cols))
		}
	})
}

// places is how many elements of C so many columns take.
func (m *MatMul) places(columns int) int {
	if m.Half {
		return (columns + 1) / 2
	}
	return columns
}

// tile computes rows x run.width vectors of C.
func (g *matmulCode) tile(rows int, run nTiles, unroll int, a, c loop.P) {
	g.Comment(fmt.Sprintf("tile of %d rows x %d columns", rows, (run.width-1)*g.Lanes+run.last))
	lanes := func(j int) int {
		if j == run.width-1 {
			return run.last
		}
		return g.Lanes
	}
	acc := make([][]loop.V, rows)
	for i := range acc {
		for j := 0; j < run.width; j++ {
			v := g.NewV()
			acc[i] = append(acc[i], v)
			g.OpTo(v, loop.OpMov, loop.Imm(0))
		}
	}
	a, b := g.CopyP(a, 0), g.CopyP(g.b, 0)
	products := func(steps int) func() {
		return func() {
			if g.byLane {
				g.lanewise(acc, run.width, a, b, steps, lanes)
				return
			}
			for s := 0; s < steps; s++ {
				g.rankOne(acc, run.width, loop.At(a, s*g.m.AK), loop.At(b, s*g.m.BK), lanes)
			}
			g.Step(a, steps*g.m.AK)
			g.Step(b, steps*g.m.BK)
		}
	}
	spread := 2 // steps after which a line is fetched
	if g.byLane && g.m.AK == 1 {
		spread = g.Lanes
	}
	if rows < run.rows {
		spread = 0 // code for the few rows that are left over is kept short
	}
	done := g.fetch(rows, run.width, spread, c, products)
	k := g.CountLess(1, done)
	g.Down("k_loop", k, unroll, products(unroll))
	if unroll > 1 && (len(g.m.Ks) == 0 || slices.ContainsFunc(g.m.Ks, func(k int) bool { return (k-done)%unroll != 0 })) {
		g.Down("k_rest", k, 1, products(1))
	}
	if g.m.Half {
		for i := range acc {
			for j, v := range acc[i] {
				g.StoreHalf(loop.Reg(v), loop.At(c, 2*i*g.m.CM+j*g.Lanes), lanes(j))
			}
		}
		return
	}
	// What is there is added last: the products do not wait for it, and the next tile's need
	// not either.
	each := func(f func(v loop.V, m loop.Mem, lanes int)) {
		for i := range acc {
			for j, v := range acc[i] {
				f(v, loop.At(c, i*g.m.CM+j*g.Lanes), lanes(j))
			}
		}
	}
	add := &loop.If{Label: "add", N: g.builder.Count(2), Equal: 1}
	g.Into(&add.Then, func() {
		each(func(v loop.V, m loop.Mem, lanes int) {
			g.OpTo(v, loop.OpAdd, loop.Reg(v), loop.Reg(g.Load(m, 1, lanes, false)))
		})
	})
	g.Emit(add)
	each(func(v loop.V, m loop.Mem, lanes int) { g.Store(loop.Reg(v), m, 1, lanes, false) })
}

// fetch brings the result's tile near, which is wanted when the products are done, a line
// after every few steps of the products: lines that come from memory, asked for all at once,
// would keep the loads of A and B waiting. It says how many steps it did; where there are not
// as many, or spread is 0, all lines are fetched at once.
func (g *matmulCode) fetch(rows, width, spread int, c loop.P, products func(steps int) func()) int {
	if len(g.m.Ks) == 0 || slices.Min(g.m.Ks) < prefetchDepth {
		return 0
	}
	width = (g.m.places(width*g.Lanes) + g.line - 1) / g.line // lines of a row
	lines := rows * width
	steps := spread
	for steps > 0 && lines*steps > slices.Min(g.m.Ks) {
		steps /= 2
	}
	if steps == 0 {
		for i := range rows {
			for j := range width {
				g.Prefetch(loop.At(c, i*g.m.CM+j*g.line))
			}
		}
		return 0
	}
	c = g.CopyP(c, 0)
	g.Up("fetch_column", width, 1, func(loop.N) {
		g.Up("fetch_row", rows, 1, func(loop.N) {
			g.Prefetch(loop.At(c, 0))
			products(steps)()
			g.Step(c, g.m.CM)
		})
		g.Step(c, g.line-rows*g.m.CM)
	})
	return lines * steps
}

// rankOne adds column a times row b. The broadcast is a register of its own:
// folded into the products it would be loaded once per product.
func (g *matmulCode) rankOne(acc [][]loop.V, width int, a, b loop.Mem, lanes func(int) int) {
	if ahead := g.ahead; ahead > 0 && len(g.m.Ks) > 0 && slices.Min(g.m.Ks) >= prefetchDepth {
		if g.m.AK > 1 {
			g.Prefetch(loop.At(a.P, a.Off+ahead*g.m.AK))
			if last := (len(acc) - 1) * g.m.AM; last > 0 && last < g.line { // mostly in the next line
				g.Prefetch(loop.At(a.P, a.Off+ahead*g.m.AK+last))
			}
		}
		for j := 0; j < width*g.Lanes; j += g.line {
			g.Prefetch(loop.At(b.P, b.Off+ahead*g.m.BK+j))
		}
	}
	op := loop.OpFMA
	if g.m.Pairs {
		op = loop.OpDot
	}
	row := make([]loop.V, width)
	for j := range row {
		row[j] = g.Load(loop.At(b.P, b.Off+j*g.Lanes), 1, lanes(j), false)
	}
	for i := range acc {
		x := g.Bcast(loop.At(a.P, a.Off+i*g.m.AM), false)
		for j, v := range acc[i] {
			g.OpTo(v, op, loop.Reg(x), loop.Reg(row[j]), loop.Reg(v))
		}
	}
}

// lanewise adds as many columns of A times rows of B. Elements of A that lie one behind the other,
// in a row or in a column, are loaded as one vector.
func (g *matmulCode) lanewise(acc [][]loop.V, width int, a, b loop.P, steps int, lanes func(int) int) {
	loadRow := func() []loop.V {
		row := make([]loop.V, width)
		for j := range row {
			row[j] = g.Load(loop.At(b, j*g.Lanes), 1, lanes(j), false)
		}
		g.Step(b, g.m.BK)
		return row
	}
	products := func(row []loop.V, factor func(i int) (loop.V, int)) {
		for j, y := range row {
			for i := range acc {
				x, lane := factor(i)
				g.Emit(&loop.Instr{Op: loop.OpFMALane, Dst: acc[i][j], Args: []loop.Arg{loop.Reg(x), loop.Reg(y), loop.Reg(acc[i][j])}, Lane: lane})
			}
		}
	}
	x := make([]loop.V, len(acc))
	switch {
	case g.m.AK == 1 && steps%g.Lanes == 0:
		for range steps / g.Lanes {
			for i := range x {
				x[i] = g.Load(loop.At(a, i*g.m.AM), 1, g.Lanes, false)
			}
			g.Step(a, g.Lanes)
			for lane := range g.Lanes {
				products(loadRow(), func(i int) (loop.V, int) { return x[i], lane })
			}
		}
	case g.m.AK != 1 && g.m.AM == 1:
		for range steps {
			for i := 0; i < len(acc); i += g.Lanes {
				x[i/g.Lanes] = g.Load(loop.At(a, i), 1, min(g.Lanes, len(acc)-i), false)
			}
			g.Step(a, g.m.AK)
			products(loadRow(), func(i int) (loop.V, int) { return x[i/g.Lanes], i % g.Lanes })
		}
	default:
		for range steps {
			for i := range x {
				x[i] = g.Load(loop.At(a, i*g.m.AM), 1, 1, false)
			}
			g.Step(a, g.m.AK)
			products(loadRow(), func(i int) (loop.V, int) { return x[i], 0 })
		}
	}
}
