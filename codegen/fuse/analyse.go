package fuse

import (
	"slices"

	"mspecc/ir"
)

// Analysis decides, before any kernel is formed, which values are stored in memory. All
// other values are computed inside the kernels that read them.

// limits of one kernel; beyond them a value is stored instead of fused on.
const (
	maxLoads = 9    // distinct operands of a cone
	longRow  = 4096 // a single row of more elements is not one worker's
	maxCost  = 160  // operations of a cone, transcendental ones weighted
	costly   = 8    // operations that are not done again for another reader where storing the result takes no more memory
)

// space is the index space in which a value can be computed: flat (any order of n
// elements), full (an element of an R x W row space) or row (one value per row).
type space struct {
	kind spaceKind
	r, w int
}

type spaceKind uint8

const (
	neutral spaceKind = iota // constants fit anywhere
	flat
	full
	row
)

type analysis struct {
	order  []*ir.Value
	users  map[*ir.Value][]*ir.Value // users that are not views, looked up through views
	stored map[*ir.Value]bool
	spaces map[*ir.Value]space
	loads  map[*ir.Value][]*ir.Value // distinct loaded values of the cone
	cost   map[*ir.Value]int
	direct map[*ir.Value]int         // number of direct uses, views included
	keep   map[*ir.Value]bool        // to be stored whatever else
	sums   map[*ir.Value][]*ir.Value // values that are sums of matrix products
	depth  map[*ir.Value]int         // length of the longest path to a value
}

// analyse marks the stored values. keep are values that must be stored as they are.
func analyse(order []*ir.Value, keep map[*ir.Value]bool) *analysis {
	a := &analysis{order, map[*ir.Value][]*ir.Value{}, map[*ir.Value]bool{}, map[*ir.Value]space{}, map[*ir.Value][]*ir.Value{}, map[*ir.Value]int{},
		map[*ir.Value]int{}, keep, map[*ir.Value][]*ir.Value{}, map[*ir.Value]int{}}
	for i := len(order) - 1; i >= 0; i-- {
		v := order[i]
		for _, x := range v.Args {
			a.direct[x]++
			us := []*ir.Value{v}
			if isView(v) {
				us = a.users[v]
			}
			for _, u := range us {
				if !slices.Contains(a.users[x], u) {
					a.users[x] = append(a.users[x], u)
				}
			}
		}
	}
	for _, v := range order {
		for _, x := range v.Args {
			a.depth[v] = max(a.depth[v], a.depth[x])
		}
		if !isView(v) {
			a.depth[v]++
		}
		if keep[v] {
			a.store(v)
		}
		a.visit(v)
	}
	return a
}

func isView(v *ir.Value) bool { return v.Op.Class() == ir.View }

// base strips views.
func base(v *ir.Value) *ir.Value {
	for isView(v) {
		v = v.Args[0]
	}
	return v
}

// store marks the value that v is a view of; leaves are in memory anyway.
func (a *analysis) store(v *ir.Value) {
	if v = base(v); v.Op.Class() != ir.Leaf {
		a.stored[v] = true
	}
}

// inMemory reports whether reading v is a load: a leaf, a stored value or a view of one.
func (a *analysis) inMemory(v *ir.Value) bool {
	v = base(v)
	return v.Op != ir.OpConst && (v.Op.Class() == ir.Leaf || a.stored[v])
}

func (a *analysis) visit(v *ir.Value) {
	switch v.Op.Class() {
	case ir.Leaf, ir.View:
	case ir.Opaque:
		a.stored[v] = true
		for _, x := range v.Args {
			a.store(x)
		}
	case ir.Reduction:
		if trailing(v) {
			w := v.Args[0].Len() / max(1, v.Len())
			if s := a.read(v.Args[0]); s.kind == row || s.kind == full && s != (space{full, v.Len(), w}) {
				a.store(v.Args[0])
			}
			a.spaces[v] = space{row, v.Len(), w}
		} else {
			a.stored[v] = true
			a.storeReductions(v.Args[0])
			if s := a.read(v.Args[0]); s.kind == full && s.w != columns(v) {
				a.store(v.Args[0])
			}
			a.spaces[v] = space{flat, v.Len(), 1}
		}
		a.weigh(v)
	case ir.Packing:
		x := v.Args[0]
		w := x.Shape()[x.Rank()-1]
		rows := space{full, x.Len() / w, w}
		if s := a.read(x); s.kind == row || s.kind == full && s != rows {
			a.store(x)
		}
		a.stored[v] = true
		a.spaces[v] = rows
		a.weigh(v)
	default:
		if ms, inner := a.productSum(v); ms != nil {
			for _, x := range append(ms, inner...) {
				delete(a.stored, x)
			}
			a.stored[v] = true
			a.sums[v] = ms
		}
		a.spaces[v] = a.join(v)
		a.weigh(v)
	}
}

// productSum returns the matrix products that v is a sum of, if v is nothing else, and
// the sums between: the products accumulate into one result, as one product of a longer
// inner extent would.
func (a *analysis) productSum(v *ir.Value) (products, inner []*ir.Value) {
	if v.Op != ir.Add || v.Args[0] == v.Args[1] {
		return nil, nil
	}
	for _, x := range v.Args {
		if a.direct[x] != 1 || a.keep[x] {
			return nil, nil
		}
		switch x.Op {
		case ir.OpMatMul:
			products = append(products, x)
		case ir.Add:
			p, in := a.productSum(x)
			if p == nil {
				return nil, nil
			}
			products = append(products, p...)
			inner = append(append(inner, in...), x)
		default:
			return nil, nil
		}
	}
	return products, inner
}

// trailing reports whether a reduction covers exactly the last axes.
func trailing(v *ir.Value) bool {
	n := v.Args[0].Rank()
	for i, ax := range v.Attr.Axes {
		if ax != n-len(v.Attr.Axes)+i {
			return false
		}
	}
	return true
}

// columns is the number of columns that a column reduction keeps.
func columns(v *ir.Value) int {
	return product(v.Args[0].Shape()[v.Attr.Axes[len(v.Attr.Axes)-1]+1:])
}

// read is the space in which an argument is available to a kernel that computes it or
// loads it; views that only a load can follow force a store.
func (a *analysis) read(x *ir.Value) space {
	switch {
	case x.Op == ir.OpConst:
		return space{}
	case a.inMemory(x):
		return space{flat, x.Len(), 1}
	case x.Op == ir.OpReshape:
		return a.read(x.Args[0])
	case x.Op == ir.OpBroadcast:
		y := x.Args[0]
		s, w := a.read(y), x.Len()/max(1, y.Len())
		if s.kind == neutral {
			return s
		}
		if y.Len() == 1 && w > longRow {
			break // a scalar is computed once, so that its readers can share the work
		}
		if repeatsRows(x) && !a.inMemory(y) && (s.kind == flat || s == (space{row, y.Len(), w})) {
			return space{full, y.Len(), w}
		}
	case !isView(x):
		return a.spaces[x]
	}
	a.store(x)
	return space{flat, x.Len(), 1}
}

// repeatsRows reports whether a broadcast repeats each element along the last axes only.
func repeatsRows(x *ir.Value) bool {
	from, to, i := x.Args[0].Shape(), x.Shape(), 0
	for i < len(to) && from[i] == to[i] {
		i++
	}
	for ; i < len(to); i++ {
		if from[i] != 1 {
			return false
		}
	}
	return true
}

// join finds one space for an elementwise value and stores the arguments that do not fit.
func (a *analysis) join(v *ir.Value) space {
	out := space{flat, v.Len(), 1}
	for _, x := range v.Args {
		s := a.read(x)
		if s.kind == full && out.kind != full || s.kind == row && out.kind == flat {
			out = s
		}
	}
	for _, x := range v.Args {
		if s := a.read(x); (s.kind == full || s.kind == row) && s != out {
			a.store(x)
		}
	}
	return out
}

// storeReductions stores the row reductions below x: a column reduction cannot compute
// them on the way.
func (a *analysis) storeReductions(x *ir.Value) {
	if a.inMemory(x) {
		return
	}
	if x.Op.Class() == ir.Reduction {
		a.stored[x] = true
		return
	}
	for _, y := range x.Args {
		a.storeReductions(y)
	}
}

var weight = map[ir.Op]int{ir.Exp: 8, ir.Log: 10, ir.Erf: 14, ir.Erfc: 14, ir.Tanh: 12, ir.Sin: 14, ir.Cos: 14, ir.Div: 3, ir.Sqrt: 3}

// weigh collects what v's cone loads and costs, cuts it where it grows too large, and
// stores v where several readers would otherwise each read more than v itself.
func (a *analysis) weigh(v *ir.Value) {
	for {
		loads, cost := []*ir.Value{}, 1+weight[v.Op]
		for _, x := range v.Args {
			xl, xc := a.cone(x)
			cost += xc
			for _, l := range xl {
				if !slices.Contains(loads, l) {
					loads = append(loads, l)
				}
			}
		}
		if len(loads) > maxLoads || cost > maxCost {
			if a.cut(v) {
				continue
			}
		}
		a.loads[v], a.cost[v] = loads, cost
		break
	}
	if len(a.users[v]) < 2 || a.stored[v] {
		return
	}
	big := 0
	for _, l := range a.loads[v] {
		if b := base(l); 2*b.Len() >= v.Len() {
			big++
		}
	}
	if big >= 2 || v.Op.Class() == ir.Reduction || a.spaces[v].kind == row || a.cost[v] >= costly && a.replaces(v) {
		a.stored[v] = true
	}
}

// replaces reports whether nothing but v, and what is computed on the way to it, needs the
// large values that v is computed from: stored instead of them, it takes no more memory.
func (a *analysis) replaces(v *ir.Value) bool {
	cone, freed := map[*ir.Value]bool{}, 0
	var visit func(x *ir.Value)
	visit = func(x *ir.Value) {
		if !cone[x] && !a.inMemory(x) {
			cone[x] = true
			for _, y := range x.Args {
				visit(y)
			}
		}
	}
	visit(v)
	inside := func(x *ir.Value) bool {
		return !slices.ContainsFunc(a.users[x], func(u *ir.Value) bool { return !cone[u] })
	}
	for x := range cone {
		if x != v && !isView(x) && x.Op != ir.OpConst && !inside(x) {
			return false
		}
	}
	for _, l := range a.loads[v] {
		if b := base(l); 2*b.Len() >= v.Len() {
			if b.Op.Class() == ir.Leaf || !inside(b) {
				return false
			}
			freed += b.Len()
		}
	}
	return freed >= v.Len()
}

// cone gives the loads and cost of reading x inside a kernel.
func (a *analysis) cone(x *ir.Value) ([]*ir.Value, int) {
	switch {
	case x.Op == ir.OpConst || x.Op == ir.OpIota:
		return nil, 0
	case a.inMemory(x):
		return []*ir.Value{x}, 0
	case isView(x):
		return a.cone(x.Args[0])
	}
	return a.loads[x], a.cost[x]
}

// cut stores the costliest argument of v; false when all are in memory already.
func (a *analysis) cut(v *ir.Value) bool {
	var worst *ir.Value
	most := 0
	for _, x := range v.Args {
		if l, c := a.cone(x); !a.inMemory(x) && c+len(l) > most {
			worst, most = x, c+len(l)
		}
	}
	if worst == nil {
		return false
	}
	a.store(worst)
	return true
}
