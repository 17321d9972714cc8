package kernels

import (
	"errors"
	"fmt"

	"mspecc/ir/loop"
)

// Sizes above which a form of a row kernel is not used.
const (
	maxUnrolledChunks = 16
	maxUnrolled       = 600 // instructions
	maxScalar         = 60  // instructions, where a vector has one lane
	keepCost          = 4   // recomputing a value that costs more is worse than keeping it
	printerRegs       = 2   // vectors left to a printer for constants
)

// form is one way to walk a row.
type form struct {
	unrolled bool
	keepAll  bool // unrolled: all values stay in registers; otherwise the expensive ones
	group    int  // rolled: chunks per iteration
	frugal   bool // values are computed in an order that takes few registers
}

// Lower makes a kernel that visits each row once. A row that fits the
// registers is unrolled; otherwise every stage (up to the next reduction) is a
// loop over the row, in which cheap values are computed again and expensive
// ones are kept in scratch.
func (r *Rows) Lower(t loop.Machine) (*loop.Kernel, error) {
	g := newGraph(r.Width, r.Operands, r.Nodes, r.Stores)
	if err := g.check("rowsum", "rowmax"); err != nil {
		return nil, fmt.Errorf("rows: %w", err)
	}
	g.analyse()
	for _, s := range g.stores {
		if g.full[s.Node] && g.operands[s.Operand].Col == 0 && g.width > 1 {
			return nil, fmt.Errorf("rows: node %d has a value per element, operand %d takes one per row", s.Node, s.Operand)
		}
	}
	forms := []form{{group: 4}, {group: 2}, {group: 1}, {group: 1, frugal: true}}
	// Without reductions a loop over the row does as well, in less code.
	if chunks := (r.Width + t.Lanes - 1) / t.Lanes; chunks <= maxUnrolledChunks && (t.Lanes > 1 && g.reduces() || chunks <= 4) {
		forms = append([]form{{unrolled: true, keepAll: true}, {unrolled: true}}, forms...)
	}
	limits, size := t, maxUnrolled
	limits.VecRegs -= printerRegs
	if t.Lanes == 1 {
		size = maxScalar
	}
	var written *loop.Kernel // the first form that fits
	var fit []form
	var last error
	for _, f := range forms {
		if written != nil && f.group == 1 {
			break
		}
		k := lowerRows(g, t, f)
		if k.Instructions() > size && f.group != 1 {
			continue
		}
		if last = loop.Allocate(k, limits); errors.Is(last, loop.ErrPressure) {
			continue
		}
		if last != nil || t.Lanes == 1 {
			return k, last
		}
		fit = append(fit, f)
		if written == nil {
			written = k
		}
		if g.reduces() { // with fewer vectors at a time there are fewer partial sums: other numbers, less exact
			break
		}
	}
	if written == nil {
		return nil, last
	}
	for _, f := range fit {
		for most := limits.VecRegs; most > limits.VecRegs*4/5; most -= 2 {
			if s := scheduled(g, t, f, limits, most); s != nil {
				return s, nil
			}
		}
	}
	return written, nil // no order fits: it stays as written
}

// scheduled is a form in an order for so many live vectors, nil where it takes more than the limits: it
// may take some more than it was asked to.
func scheduled(g *graph, t loop.Machine, f form, limits loop.Machine, most int) *loop.Kernel {
	k := lowerRows(g, t, f)
	loop.Schedule(k, most)
	if loop.Allocate(k, limits) != nil {
		return nil
	}
	return k
}

// rowsCode is the state of one lowering.
type rowsCode struct {
	evaluator
	form
	plan
	chunks int
	ptr    []loop.P // current row of each operand

	// The chunk being emitted.
	stage   int
	index   loop.N                   // loop counter, in elements; NoIndex outside a loop
	off     int                      // elements after index
	active  int                      // lanes
	running map[int]loop.P           // strided operands inside a loop
	iota    loop.V                   // element numbers of the loop's current chunk; valid inside a loop
	saved   map[int]map[int]loop.Arg // unrolled: values by chunk
}

func lowerRows(g *graph, t loop.Machine, f form) *loop.Kernel {
	b := newBuilder(t, g.names(), []string{"rows"})
	c := &rowsCode{form: f, chunks: (g.width + t.Lanes - 1) / t.Lanes, saved: map[int]map[int]loop.Arg{}}
	c.plan = newPlan(g, f)
	c.evaluator = evaluator{builder: b, g: g, chunk: c.element}
	if f.frugal {
		c.demand = g.demands()
	}
	c.kept = func(n int) bool { return !c.unrolled && c.slot[n] > 0 && c.first[n] < c.stage }
	c.begin = func(o int) loop.P { return c.ptr[o] }
	b.Kernel.Doc = g.doc("rows")
	if c.slots > 0 {
		b.Kernel.Scratch = c.slots * c.chunks * t.Lanes
		b.Kernel.Operands = append(b.Kernel.Operands, "scratch")
		b.Kernel.Doc = append(b.Kernel.Doc, fmt.Sprintf("%d floats of scratch", b.Kernel.Scratch))
	}
	c.ptr = make([]loop.P, len(b.Kernel.Operands))
	for i := range c.ptr {
		if i == len(g.operands) || g.touches(i) {
			c.ptr[i] = b.Base(i)
		}
	}
	b.Down("row", b.Count(0), 1, c.oneRow)
	return b.Kernel
}

func (c *rowsCode) oneRow() {
	c.row = map[int]loop.Arg{}
	for s := 0; s < c.stages; s++ {
		c.stage = s
		c.oneStage()
	}
	for _, s := range c.g.stores {
		if c.perRow(s) {
			c.Store(c.value(s.Node), loop.At(c.ptr[s.Operand], 0), 1, 1, c.g.operands[s.Operand].Int)
		}
	}
	for i, o := range c.g.operands {
		if c.g.touches(i) {
			c.Step(c.ptr[i], o.Row)
		}
	}
}

// perRow reports whether a store writes one value per row.
func (c *rowsCode) perRow(s Store) bool { return c.g.operands[s.Operand].Col == 0 && !c.g.full[s.Node] }

// accumulator is the state of one reduction: partial results that are combined
// at the end of the stage.
//
// Where a vector has one lane, a sum over a loop has one partial result instead of as many as there are lanes
// and chunks of a group. It is kept in two numbers, the second what the first has lost by rounding, so that
// the sum is no less exact; the elements of a group are added up first.
type accumulator struct {
	node    int
	part    []loop.V
	set     []bool
	exact   bool       // part is the sum and what it has lost
	waiting []loop.Arg // elements that are not added to it yet
}

// oneStage emits a pass over the row: the reductions over nodes of this stage
// and the stores whose values are complete.
func (c *rowsCode) oneStage() {
	sinks := c.sinks[c.stage]
	for _, n := range sinks {
		c.prepare(n, map[int]bool{})
	}
	var accs []*accumulator
	parts := min(4, c.chunks)
	if !c.unrolled {
		parts = c.group
	}
	for _, n := range c.reductions[c.stage] {
		c.prepare(c.g.nodes[n].Args[0], map[int]bool{})
		a := &accumulator{node: n, set: make([]bool, parts)}
		if c.Lanes == 1 && !c.unrolled && c.g.nodes[n].Op == "rowsum" {
			a.exact, a.set = true, make([]bool, 2)
		}
		for range a.set {
			a.part = append(a.part, c.NewV())
		}
		accs = append(accs, a)
	}
	if len(sinks) == 0 && len(accs) == 0 {
		return
	}
	done := 0
	if whole := c.g.width / c.Lanes; !c.unrolled && whole > c.group {
		done = whole / c.group * c.group
		c.loop(done, accs)
	}
	c.index, c.running = loop.NoIndex, nil
	for i := done; i < c.chunks; i++ {
		c.oneChunk(i*c.Lanes, i, accs)
	}
	c.addWaiting(accs)
	for _, s := range c.g.stores { // the other half of a last element
		if c.g.operands[s.Operand].Half && c.g.width%2 == 1 && c.storeStage(s) == c.stage {
			c.StoreHalf(loop.Imm(0), loop.At(c.ptr[s.Operand], c.g.width), 1)
		}
	}
	for _, a := range accs {
		c.row[a.node] = c.combine(a)
	}
}

// prepare emits the row values that node n needs, before a loop over the row
// needs them.
func (c *rowsCode) prepare(n int, seen map[int]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	if !c.g.full[n] {
		c.value(n)
		return
	}
	if c.kept(n) {
		return
	}
	for _, a := range c.g.nodes[n].Args {
		c.prepare(a, seen)
	}
}

// loop walks the first chunks of the row, a group per iteration.
func (c *rowsCode) loop(chunks int, accs []*accumulator) {
	for _, a := range accs {
		for i, v := range a.part {
			c.OpTo(v, loop.OpMov, loop.Imm(identity(c.g.nodes[a.node].Op)))
			a.set[i] = true
		}
	}
	c.running = map[int]loop.P{}
	for i, o := range c.g.operands {
		if c.touched(i) && o.Col > 1 {
			c.running[i] = c.CopyP(c.ptr[i], 0)
		}
	}
	if c.usesIota {
		c.iota = c.NewV()
		c.Emit(&loop.Instr{Op: loop.OpIota, Dst: c.iota, Args: []loop.Arg{loop.Imm(0)}})
	}
	step := c.group * c.Lanes
	c.Up("chunk", chunks*c.Lanes, step, func(n loop.N) {
		for u := 0; u < c.group; u++ {
			c.index = n
			c.oneChunk(u*c.Lanes, u, accs)
		}
		c.addWaiting(accs)
		for i, o := range c.g.operands {
			if p, ok := c.running[i]; ok {
				c.Step(p, step*o.Col)
			}
		}
		if c.usesIota {
			c.OpTo(c.iota, loop.OpAdd, loop.Reg(c.iota), loop.Imm(float64(step)))
		}
	})
}

// touched reports whether this stage loads or stores operand i along the row.
func (c *rowsCode) touched(i int) bool {
	for n, node := range c.g.nodes {
		if node.Op == "load" && node.Operand == i && c.need[c.stage][n] {
			return true
		}
	}
	for _, s := range c.g.stores {
		if s.Operand == i && c.storeStage(s) == c.stage {
			return true
		}
	}
	return false
}

func identity(op string) float64 {
	if op == "rowsum" || op == "colsum" {
		return 0
	}
	return -infinity
}

// oneChunk emits the work of this stage on one vector of elements.
func (c *rowsCode) oneChunk(off, number int, accs []*accumulator) {
	c.off, c.active = off, c.Lanes
	if c.index == loop.NoIndex {
		c.active = min(c.Lanes, c.g.width-off)
	}
	c.memo = map[int]loop.Arg{}
	if c.unrolled {
		if saved, ok := c.saved[number]; ok && c.stage > 0 {
			c.memo = saved
		}
		c.saved[number] = c.memo
	}
	for _, a := range accs {
		c.accumulate(a, number%len(a.part))
	}
	var delayed []Store
	for _, s := range c.g.stores {
		switch {
		case c.perRow(s) || c.storeStage(s) != c.stage:
		case c.inPlace[s.Operand]: // after everything that loads it
			c.value(s.Node)
			delayed = append(delayed, s)
		default:
			c.put(s)
		}
	}
	for _, s := range delayed {
		c.put(s)
	}
	c.keepValues()
}

// keepValues stores what later stages want into scratch, or drops from the
// registers what is cheap to compute again.
func (c *rowsCode) keepValues() {
	if c.unrolled {
		if !c.keepAll {
			for n := range c.memo {
				if c.slot[n] == 0 {
					delete(c.memo, n)
				}
			}
		}
		return
	}
	for n := range c.g.nodes {
		if c.slot[n] > 0 && c.first[n] == c.stage {
			c.Store(c.value(n), c.scratch(n), 1, c.Lanes, false)
		}
	}
}

func (c *rowsCode) scratch(n int) loop.Mem {
	base := (c.slot[n] - 1) * c.chunks * c.Lanes
	return loop.Indexed(c.ptr[len(c.ptr)-1], c.index, base+c.off)
}

func (c *rowsCode) put(s Store) {
	o := c.g.operands[s.Operand]
	if o.Half {
		c.StoreHalf(c.value(s.Node), loop.Indexed(c.ptr[s.Operand], c.index, c.off), c.active)
		return
	}
	m, stride := c.place(s.Operand)
	c.Store(c.value(s.Node), m, stride, c.active, o.Int)
}

// place is where the current chunk of an operand lies.
func (c *rowsCode) place(operand int) (loop.Mem, int) {
	col := max(1, c.g.operands[operand].Col)
	if p, ok := c.running[operand]; ok {
		return loop.At(p, c.off*col), col
	}
	if col > 1 {
		return loop.At(c.ptr[operand], c.off*col), col
	}
	return loop.Indexed(c.ptr[operand], c.index, c.off), 1
}

// element emits a load, an iota or a kept value of the current chunk.
func (c *rowsCode) element(n int) loop.Arg {
	node := c.g.nodes[n]
	switch {
	case c.kept(n):
		m := c.scratch(n)
		return loop.Reg(c.builder.Load(m, 1, c.Lanes, false))
	case node.Op == "iota" && c.index != loop.NoIndex:
		return c.Op(loop.OpAdd, loop.Reg(c.iota), loop.Imm(float64(c.off)))
	case node.Op == "iota":
		d := c.NewV()
		c.Emit(&loop.Instr{Op: loop.OpIota, Dst: d, Args: []loop.Arg{loop.Imm(float64(c.off))}})
		return loop.Reg(d)
	}
	m, stride := c.place(node.Operand)
	return loop.Reg(c.builder.Load(m, stride, c.active, c.g.operands[node.Operand].Int))
}

// accumulate adds the current chunk to a reduction.
func (c *rowsCode) accumulate(a *accumulator, part int) {
	op, arg := c.g.nodes[a.node].Op, c.g.nodes[a.node].Args[0]
	if a.exact {
		a.waiting = append(a.waiting, c.value(arg))
		return
	}
	v := a.part[part]
	whole := c.active == c.Lanes
	if whole && a.set[part] && op == "rowsum" && c.g.full[arg] && c.fusible(arg, arg) && !c.known(arg) {
		p := c.g.nodes[arg]
		c.OpTo(v, loop.OpFMA, c.value(p.Args[0]), c.value(p.Args[1]), loop.Reg(v))
		return
	}
	x := c.value(arg)
	if !whole {
		d := c.NewV()
		c.Emit(&loop.Instr{Op: loop.OpTail, Dst: d, Args: []loop.Arg{x, loop.Imm(identity(op))}, Lanes: c.active})
		x = loop.Reg(d)
	}
	switch {
	case !a.set[part]:
		c.OpTo(v, loop.OpMov, x)
		a.set[part] = true
	case op == "rowsum":
		c.OpTo(v, loop.OpAdd, loop.Reg(v), x)
	default:
		c.raise(v, x)
	}
}

// addWaiting adds what waits to the exact sums (Knuth's sum of two numbers, "The Art of Computer
// Programming", volume 2, section 4.2.2, theorem B).
func (c *rowsCode) addWaiting(accs []*accumulator) {
	for _, a := range accs {
		if len(a.waiting) == 0 {
			continue
		}
		x := c.pairwise(a.waiting, func(x, y loop.Arg) loop.Arg { return c.Op(loop.OpAdd, x, y) })
		a.waiting = nil
		sum, lost := a.part[0], a.part[1]
		if !a.set[0] { // the whole row is no more than a group
			c.OpTo(sum, loop.OpMov, x)
			c.OpTo(lost, loop.OpMov, loop.Imm(0))
			a.set[0] = true
			continue
		}
		next := c.Op(loop.OpAdd, loop.Reg(sum), x)
		added := c.Op(loop.OpSub, next, loop.Reg(sum))
		rest := c.Op(loop.OpAdd, c.Op(loop.OpSub, loop.Reg(sum), c.Op(loop.OpSub, next, added)), c.Op(loop.OpSub, x, added))
		c.OpTo(lost, loop.OpAdd, loop.Reg(lost), rest)
		c.OpTo(sum, loop.OpMov, next)
	}
}

// pairwise joins numbers in pairs, the results in pairs, and so on.
func (b *builder) pairwise(x []loop.Arg, join func(x, y loop.Arg) loop.Arg) loop.Arg {
	for len(x) > 1 {
		var next []loop.Arg
		for i := 0; i+1 < len(x); i += 2 {
			next = append(next, join(x[i], x[i+1]))
		}
		if len(x)%2 == 1 {
			next = append(next, x[len(x)-1])
		}
		x = next
	}
	return x[0]
}

func (c *rowsCode) known(n int) bool { _, ok := c.memo[n]; return ok }

// combine joins the partial results in pairs, then the lanes. A largest element of 0 is +0,
// whatever the order in which zeros of both signs were compared.
func (c *rowsCode) combine(a *accumulator) loop.Arg {
	join, cross, last := func(x, y loop.Arg) loop.Arg { return c.Op(loop.OpAdd, x, y) }, loop.OpHSum, func(x loop.Arg) loop.Arg { return x }
	if c.g.nodes[a.node].Op == "rowmax" {
		join, cross, last = func(x, y loop.Arg) loop.Arg { return c.extremum(loop.OpMax, x, y) }, loop.OpHMax, c.positiveZero
	}
	if a.exact { // what an infinite sum has lost is NaN
		sum, lost := loop.Reg(a.part[0]), loop.Reg(a.part[1])
		return c.Op(loop.OpSelEq, lost, lost, c.Op(loop.OpAdd, sum, lost), sum)
	}
	var parts []loop.Arg
	for i, v := range a.part {
		if a.set[i] {
			parts = append(parts, loop.Reg(v))
		}
	}
	whole := c.pairwise(parts, join)
	if c.Lanes == 1 {
		return last(whole)
	}
	return last(c.Op(cross, whole))
}
