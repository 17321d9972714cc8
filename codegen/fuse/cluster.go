package fuse

import (
	"fmt"
	"slices"

	"mspecc/ir"
	"mspecc/kernels"
)

// cluster is a set of stored values that one row kernel or column reduction computes.
type cluster struct {
	n     int   // elements of the index space
	space space // its rows, if it has row reductions or values per row
	roots []*ir.Value
	moves []move // instead of roots: plain copies
	cols  *colSpace
	loads []*ir.Value
	views []View // of loads, as they are when the cluster is formed
	cost  int
}

// view is where a load of the cluster lies.
func (c *cluster) view(x *ir.Value) (View, bool) {
	if i := slices.Index(c.loads, x); i >= 0 {
		return c.views[i], true
	}
	return View{}, false
}

type move struct {
	value    *ir.Value
	src, dst View
}

// colSpace is the index space of a column reduction: [outer, r, w] -> [outer, w].
type colSpace struct{ outer, r, w int }

// window bounds how far back a value may join a cluster; further back it would mostly
// lengthen lifetimes.
const window = 12

// maxWait bounds by how many operations the values of a cluster may differ in depth: who
// needs one of them waits for all that the others need.
const maxWait = 64

// cluster computes v in an existing cluster if it may, else in a new one. It may join one
// that runs after everything v reads, has the same index space, and shares an operand.
func (f *fuser) cluster(v *ir.Value) {
	c := f.seed(v)
	after := -1
	for _, l := range c.loads {
		w, u := f.readable(l)
		c.views = append(c.views, w)
		if u != nil {
			after = max(after, u.at)
		}
	}
	for i := len(f.units) - 1; i >= max(after, len(f.units)-window, 0); i-- {
		if u := f.units[i]; u.cluster != nil && u.cluster.join(f, c) {
			f.unitOf[v] = u
			return
		}
	}
	f.unitOf[v] = f.newUnit(c)
}

// seed is the cluster of v alone.
func (f *fuser) seed(v *ir.Value) *cluster {
	c := &cluster{n: v.Len(), space: f.spaces[v], roots: []*ir.Value{v}, loads: f.coneLoads(v), cost: f.analysis.cost[v]}
	if v.Op == ir.OpPack {
		c.n = v.Args[0].Len()
	} else if v.Op.Class() == ir.Reduction {
		c.n = v.Args[0].Len()
		if !trailing(v) {
			s, first, last := v.Args[0].Shape(), v.Attr.Axes[0], v.Attr.Axes[len(v.Attr.Axes)-1]
			c.cols = &colSpace{product(s[:first]), product(s[first : last+1]), product(s[last+1:])}
			c.space = space{}
		}
	} else if c.space.kind == row {
		c.n = c.space.r * c.space.w
	}
	return c
}

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// coneLoads lists what computing v loads, as decided now that all stored values are known.
func (f *fuser) coneLoads(v *ir.Value) []*ir.Value {
	var loads []*ir.Value
	seen := map[*ir.Value]bool{}
	var visit func(x *ir.Value)
	visit = func(x *ir.Value) {
		if seen[x] || x.Op == ir.OpConst {
			return
		}
		seen[x] = true
		if x != v && f.inMemory(x) {
			loads = append(loads, x)
			return
		}
		for _, y := range x.Args {
			visit(y)
		}
	}
	visit(v)
	return loads
}

// join takes d's only root into c if the index spaces agree and the kernel stays small.
func (c *cluster) join(f *fuser, d *cluster) bool {
	if c.moves != nil || c.n != d.n || (c.cols == nil) != (d.cols == nil) || c.cols != nil && *c.cols != *d.cols {
		return false
	}
	if (c.roots[0].Phase == ir.Recompute) != (d.roots[0].Phase == ir.Recompute) {
		return false
	}
	cs, ds := c.space, d.space
	if rows(cs) && rows(ds) && (cs.r != ds.r || cs.w != ds.w) {
		return false
	}
	for _, v := range c.roots {
		if d := f.depth[v] - f.depth[d.roots[0]]; max(d, -d) > maxWait {
			return false
		}
	}
	own, shared, extra := 0, 0, 0
	for _, l := range d.loads {
		switch {
		case slices.Contains(c.roots, base(l)):
			if !f.follows(l) {
				return false
			}
			own++
		case slices.Contains(c.loads, l):
			shared++
		default:
			extra++
		}
	}
	if own+shared == 0 || len(c.loads)+extra+len(c.roots) > maxLoads+2 || c.cost+d.cost > maxCost*3/2 {
		return false
	}
	if c.cols != nil && own > 0 {
		return false
	}
	if !rows(cs) {
		c.space = ds
	}
	for i, l := range d.loads {
		if !slices.Contains(c.roots, base(l)) && !slices.Contains(c.loads, l) {
			c.loads, c.views = append(c.loads, l), append(c.views, d.views[i])
		}
	}
	c.roots = append(c.roots, d.roots...)
	c.cost += d.cost
	return true
}

func rows(s space) bool { return s.kind == full || s.kind == row }

// follows reports whether a kernel that computes the base of x has x's elements at hand
// in the same order: only reshapes and repeats along rows lie between.
func (f *fuser) follows(x *ir.Value) bool {
	for ; isView(x); x = x.Args[0] {
		if x.Op != ir.OpReshape && (x.Op != ir.OpBroadcast || !repeatsRows(x)) {
			return false
		}
	}
	return true
}

// lowering builds the node list of one cluster.
type lowering struct {
	f        *fuser
	c        *cluster
	r, w     int   // the row space: r*w elements
	dims     []int // factors of the index space, last ones make up w
	nodes    []kernels.Node
	stores   []kernels.Store
	operands []operand
	memo     map[*ir.Value]int
	own      map[*ir.Value]bool
	err      error
}

type operand struct {
	value  *ir.Value
	view   View // over dims
	write  bool
	isInt  bool
	perRow bool
	half   bool // stored as bf16; the view counts these
}

func (c *cluster) lower(f *fuser) ([]*Launch, error) {
	l := &lowering{f: f, c: c, memo: map[*ir.Value]int{}, own: map[*ir.Value]bool{}}
	l.rowSpace()
	if err := l.factor(); err != nil {
		return nil, err
	}
	for _, m := range c.moves {
		l.store(l.load(m.value, m.src, false), operand{value: m.value, view: m.dst})
	}
	for _, v := range c.roots {
		l.own[v] = true
	}
	for _, v := range c.roots {
		l.root(v)
	}
	if l.err != nil {
		return nil, l.err
	}
	if c.cols != nil {
		return l.colReduce()
	}
	la, err := l.rows()
	return []*Launch{la}, err
}

// rowSpace settles r and w: given by reductions, else chosen for long rows.
func (l *lowering) rowSpace() {
	switch {
	case l.c.cols != nil:
		l.w = l.c.cols.w
		l.r = l.c.n / l.w
	case rows(l.c.space):
		l.r, l.w = l.c.space.r, l.c.space.w
	default:
		l.r, l.w = 1, l.c.n // flat; factored again by collapse
	}
}

// factor finds common factors of the index space so that every strided operand has one
// stride for each.
func (l *lowering) factor() error {
	shapes := [][]int{{l.r, l.w}}
	if cs := l.c.cols; cs != nil {
		shapes = [][]int{{cs.outer, cs.r, cs.w}}
	}
	add := func(w View, n int) {
		if w.isContiguous() {
			return
		}
		s := slices.Clone(w.Shape)
		if n != l.c.n { // a value per row
			s = append(s, l.c.n/max(1, n))
		}
		shapes = append(shapes, s)
	}
	for _, m := range l.c.moves {
		add(m.src, m.value.Len())
		add(m.dst, product(m.dst.Shape))
	}
	for _, x := range l.c.loads {
		if w, ok := l.c.view(x); ok {
			add(w, x.Len())
		}
	}
	for _, v := range l.c.roots {
		if l.c.cols == nil {
			w, n := l.f.place(v)
			add(w, n)
		}
	}
	dims, ok := commonDims(shapes...)
	if !ok {
		for _, x := range l.c.loads {
			if w, ok := l.c.view(x); ok && !w.isContiguous() {
				return &Hint{Contiguous: x}
			}
		}
		for _, v := range l.c.roots {
			if w, _ := l.f.place(v); !w.isContiguous() {
				return &Hint{Contiguous: v}
			}
		}
		return fmt.Errorf("internal error: no common index space for %v", shapes)
	}
	l.dims = dims
	return nil
}

// root computes and stores one value of the cluster.
func (l *lowering) root(v *ir.Value) {
	if l.c.cols != nil {
		op := map[ir.Op]string{ir.OpSum: "colsum", ir.OpMax: "colmax"}[v.Op]
		n := l.node(kernels.Node{Op: op, Args: []int{l.value(v.Args[0])}})
		l.stores = append(l.stores, kernels.Store{Node: n, Operand: len(l.operands)})
		l.operands = append(l.operands, operand{value: v, view: l.f.storage[v], write: true})
		return
	}
	w, n := l.f.place(v)
	if v.Op == ir.OpPack {
		l.store(l.value(v.Args[0]), operand{value: v, view: w, half: true})
		return
	}
	l.store(l.value(v), operand{value: v, view: w, perRow: n != l.c.n})
}

// place is where a stored value lies and how many elements it has. Packed values are seen as
// the bf16 numbers that they hold: offsets and strides count these.
func (f *fuser) place(v *ir.Value) (View, int) {
	w := f.storage[v]
	if v.Op != ir.OpPack {
		return w, v.Len()
	}
	x := v.Args[0]
	h := View{w.Buf, x.Shape(), scaled(w.Strides, 2), 2 * w.Offset}
	h.Strides[len(h.Strides)-1] = 1
	return h, x.Len()
}

// store writes node n to an operand, whose view is that of the value.
func (l *lowering) store(n int, out operand) {
	view, ok := l.over(out.view, out.perRow)
	if !ok {
		l.err = fmt.Errorf("internal error: %s cannot be stored over %v", name(out.value), l.dims)
		return
	}
	for i, o := range l.operands { // updated in place: one operand, loaded and stored
		if o.at(view) {
			l.operands[i].write = true
			l.stores = append(l.stores, kernels.Store{Node: n, Operand: i})
			return
		}
	}
	l.stores = append(l.stores, kernels.Store{Node: n, Operand: len(l.operands)})
	out.view, out.write, out.isInt = view, true, out.value.Type.DType == ir.I32
	l.operands = append(l.operands, out)
}

// at reports whether the operand lies where w does.
func (o operand) at(w View) bool {
	return !o.half && o.view.Buf == w.Buf && o.view.Offset == w.Offset && slices.Equal(o.view.Strides, w.Strides)
}

// over expresses a view over the factors of the index space; a value per row gets stride
// 0 along the row.
func (l *lowering) over(w View, perRow bool) (View, bool) {
	if !perRow {
		return w.reshape(l.dims)
	}
	k, n := len(l.dims), 1
	for k > 0 && n < l.w {
		k--
		n *= l.dims[k]
	}
	out, ok := w.reshape(l.dims[:k])
	if !ok {
		return View{}, false
	}
	out.Shape = l.dims
	out.Strides = append(slices.Clone(out.Strides), make([]int, len(l.dims)-k)...)
	return out, true
}

func (l *lowering) node(n kernels.Node) int {
	for i, m := range l.nodes {
		if m.Op == n.Op && m.Const == n.Const && m.Operand == n.Operand && slices.Equal(m.Args, n.Args) {
			return i
		}
	}
	l.nodes = append(l.nodes, n)
	return len(l.nodes) - 1
}

// value gives the node that computes or loads x.
func (l *lowering) value(x *ir.Value) int {
	if n, ok := l.memo[x]; ok {
		return n
	}
	n := l.build(x)
	l.memo[x] = n
	return n
}

func (l *lowering) build(x *ir.Value) int {
	switch {
	case x.Op == ir.OpConst:
		return l.node(kernels.Node{Op: "const", Const: x.Attr.Const})
	case x.Op == ir.OpIota && l.c.cols == nil && x.Len() == l.c.n && x.Attr.Axis == x.Rank()-1 && x.Shape()[x.Rank()-1] == l.w && rows(l.c.space):
		return l.node(kernels.Node{Op: "iota"})
	case isView(x) && (l.own[base(x)] && l.f.follows(x) || !l.f.inMemory(x)):
		return l.value(x.Args[0])
	case !l.own[x] && l.f.inMemory(x):
		w, ok := l.c.view(x)
		if !ok {
			l.err = fmt.Errorf("internal error: %s is not readable", name(x))
			return 0
		}
		return l.load(x, w, x.Len() != l.c.n)
	case x.Op.Class() == ir.Reduction:
		op := map[ir.Op]string{ir.OpSum: "rowsum", ir.OpMax: "rowmax"}[x.Op]
		return l.node(kernels.Node{Op: op, Args: []int{l.value(x.Args[0])}})
	case x.Op == ir.OpFloat: // loads convert
		return l.value(x.Args[0])
	}
	args := make([]int, len(x.Args))
	for i, a := range x.Args {
		args[i] = l.value(a)
	}
	return l.node(kernels.Node{Op: x.Op.String(), Args: args})
}

func (l *lowering) load(x *ir.Value, w View, perRow bool) int {
	view, ok := l.over(w, perRow)
	if !ok {
		l.err = fmt.Errorf("internal error: %s cannot be read over %v", name(x), l.dims)
		return 0
	}
	o := operand{value: x, view: view, isInt: x.Type.DType == ir.I32, perRow: perRow}
	for i, p := range l.operands {
		if p.at(view) {
			return l.node(kernels.Node{Op: "load", Operand: i})
		}
	}
	l.operands = append(l.operands, o)
	return l.node(kernels.Node{Op: "load", Operand: len(l.operands) - 1})
}
