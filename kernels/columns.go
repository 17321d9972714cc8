package kernels

import (
	"errors"
	"fmt"

	"mspecc/ir/loop"
)

// columnForm is one way to walk the columns.
type columnForm struct {
	width  int  // vectors of a tile
	frugal bool // values are computed in an order that takes few registers
}

// Lower makes a kernel that walks the columns in tiles of several vectors and,
// for each tile, all rows; the sums stay in registers.
func (r *ColReduce) Lower(t loop.Machine) (*loop.Kernel, error) {
	g := newGraph(r.Width, r.Operands, r.Nodes, r.Stores)
	if err := g.check("colsum", "colmax"); err != nil {
		return nil, fmt.Errorf("column reduction: %w", err)
	}
	g.analyse()
	if err := checkColumns(g); err != nil {
		return nil, fmt.Errorf("column reduction: %w", err)
	}
	limits := t
	limits.VecRegs -= printerRegs
	var last error
	for _, f := range []columnForm{{width: 4}, {width: 2}, {width: 1}, {width: 1, frugal: true}} {
		k := lowerColumns(g, t, f)
		if n := k.Instructions(); n > maxUnrolled && f.width > 1 {
			continue
		}
		last = loop.Allocate(k, limits)
		if !errors.Is(last, loop.ErrPressure) {
			return k, last
		}
	}
	return nil, last
}

func checkColumns(g *graph) error {
	varies := make([]bool, len(g.nodes)) // from row to row
	for i, n := range g.nodes {
		if g.stage[i] > 1 {
			return fmt.Errorf("node %d reduces what is reduced already", i)
		}
		varies[i] = n.Op == "load" && g.operands[n.Operand].Row != 0
		for _, a := range n.Args {
			varies[i] = varies[i] || varies[a]
		}
		if isReduction(n.Op) {
			varies[i] = false
		}
		if g.stage[i] == 1 && varies[i] {
			return fmt.Errorf("node %d joins a reduction over the rows with values of single rows", i)
		}
	}
	for _, s := range g.stores {
		if g.stage[s.Node] != 1 {
			return fmt.Errorf("stored node %d depends on no reduction over the rows", s.Node)
		}
		if g.operands[s.Operand].Col == 0 && g.width > 1 {
			return fmt.Errorf("operand %d takes one value, node %d has one per column", s.Operand, s.Node)
		}
	}
	return nil
}

// columnsCode is the state of one lowering.
type columnsCode struct {
	evaluator
	tile []loop.P // each operand at row 0 and the first column of the tile
	ptr  []loop.P // each operand at the current row and the tile's first column
	acc  map[int][]loop.V
	at   int    // columns after the tile's first one
	from loop.V // number of the tile's first column, if the graph wants it
	iota bool
	last int // active lanes
}

func lowerColumns(g *graph, t loop.Machine, f columnForm) *loop.Kernel {
	b := newBuilder(t, g.names(), []string{"rows"})
	c := &columnsCode{}
	c.evaluator = evaluator{builder: b, g: g, chunk: c.element, kept: func(int) bool { return false }}
	c.begin = func(o int) loop.P { return c.ptr[o] }
	if f.frugal {
		c.demand = g.demands()
	}
	b.Kernel.Doc = g.doc("rows, reduced over the rows,")
	c.tile = make([]loop.P, len(g.operands))
	for i := range c.tile {
		if g.touches(i) {
			c.tile[i] = b.Base(i)
		}
	}
	for i, n := range g.nodes {
		c.iota = c.iota || n.Op == "iota" && g.uses[i] > 0
	}
	if c.iota {
		c.from = b.NewV()
		b.Emit(&loop.Instr{Op: loop.OpIota, Dst: c.from, Args: []loop.Arg{loop.Imm(0)}})
	}
	columns := f.width * t.Lanes
	whole := g.width / columns * columns
	b.Up("columns", whole, columns, func(loop.N) { c.oneTile(f.width, t.Lanes) })
	if rest := g.width - whole; rest > 0 {
		vectors := (rest + t.Lanes - 1) / t.Lanes
		c.oneTile(vectors, rest-(vectors-1)*t.Lanes)
	}
	return b.Kernel
}

// oneTile reduces and stores some vectors of columns, the last of which may
// have fewer lanes.
func (c *columnsCode) oneTile(vectors, last int) {
	c.ptr, c.acc = make([]loop.P, len(c.tile)), map[int][]loop.V{}
	for i := range c.ptr {
		if c.g.touches(i) {
			c.ptr[i] = c.CopyP(c.tile[i], 0)
		}
	}
	for n, node := range c.g.nodes {
		if isReduction(node.Op) && c.g.uses[n] > 0 {
			for u := 0; u < vectors; u++ {
				v := c.NewV()
				c.OpTo(v, loop.OpMov, loop.Imm(identity(node.Op)))
				c.acc[n] = append(c.acc[n], v)
			}
		}
	}
	c.Down("row", c.builder.Count(0), 1, func() {
		c.row = map[int]loop.Arg{}
		c.vectors(vectors, last, c.accumulate)
		for i, o := range c.g.operands {
			if c.g.touches(i) {
				c.Step(c.ptr[i], o.Row)
			}
		}
	})
	// The row pointers are past the end: what is left has row stride 0.
	for i, o := range c.g.operands {
		if o.Row != 0 {
			c.ptr[i] = c.tile[i]
		}
	}
	c.row = map[int]loop.Arg{}
	c.vectors(vectors, last, c.finish)
	for i, o := range c.g.operands {
		if c.g.touches(i) {
			c.Step(c.tile[i], vectors*c.Lanes*o.Col)
		}
	}
	if c.iota {
		c.OpTo(c.from, loop.OpAdd, loop.Reg(c.from), loop.Imm(float64(vectors*c.Lanes)))
	}
}

func (c *columnsCode) vectors(n, last int, f func(u int)) {
	for u := 0; u < n; u++ {
		c.at, c.last, c.memo = u*c.Lanes, c.Lanes, map[int]loop.Arg{}
		if u == n-1 {
			c.last = last
		}
		f(u)
	}
}

func (c *columnsCode) accumulate(u int) {
	for n, node := range c.g.nodes {
		if !isReduction(node.Op) || c.g.uses[n] == 0 {
			continue
		}
		v, arg := c.acc[n][u], node.Args[0]
		_, known := c.memo[arg]
		switch {
		case node.Op == "colsum" && c.fusible(arg, n) && !known:
			p := c.g.nodes[arg]
			c.OpTo(v, loop.OpFMA, c.value(p.Args[0]), c.value(p.Args[1]), loop.Reg(v))
		case node.Op == "colsum":
			c.OpTo(v, loop.OpAdd, loop.Reg(v), c.value(arg))
		default:
			c.raise(v, c.value(arg))
		}
	}
}

func (c *columnsCode) finish(u int) {
	for n, node := range c.g.nodes {
		if v, ok := c.acc[n]; ok {
			if c.memo[n] = loop.Reg(v[u]); node.Op == "colmax" {
				c.memo[n] = c.positiveZero(loop.Reg(v[u]))
			}
		}
	}
	for _, s := range c.g.stores {
		o := c.g.operands[s.Operand]
		col := max(1, o.Col)
		c.Store(c.value(s.Node), loop.At(c.tile[s.Operand], c.at*col), col, c.last, o.Int)
	}
}

// element emits a load or an iota of the current columns.
func (c *columnsCode) element(n int) loop.Arg {
	node := c.g.nodes[n]
	if node.Op == "iota" {
		return c.Op(loop.OpAdd, loop.Reg(c.from), loop.Imm(float64(c.at)))
	}
	o := c.g.operands[node.Operand]
	return loop.Reg(c.builder.Load(loop.At(c.ptr[node.Operand], c.at*o.Col), o.Col, c.last, o.Int))
}
