package progen

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"mspecc/ir"
)

// generator grows one program. Three pools keep it well-behaved: all f32 values are
// bounded by a few units, exact ones may be compared, smooth leaves are differentiated.
type generator struct {
	b      *ir.Builder
	r      *rand.Rand
	pool   []*ir.Value // f32, magnitude at most about 4
	exact  []*ir.Value // f32, the same bits on every target
	smooth []*ir.Value // leaves to differentiate
	names  int
}

// extents mixes tiny axes with ones around the width of a vector.
var extents = []int{1, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 33}

const maxElements = 600

func (g *generator) shape() []int {
	s := make([]int, g.r.IntN(4))
	n := 1
	for i := range s {
		s[i] = extents[g.r.IntN(len(extents))]
		if n*s[i] > maxElements {
			s[i] = 1
		}
		n *= s[i]
	}
	return s
}

func (g *generator) name(kind string) string {
	g.names++
	return fmt.Sprintf("%s %d", kind, g.names)
}

func (g *generator) leaves() {
	b := g.b
	for range 3 {
		g.leaf(b.Input(g.name("x"), ir.F32, g.shape()), true)
		g.leaf(b.Param(g.name("w"), g.shape(), ir.Init{Kind: "normal", B: 1}), true)
	}
	g.leaf(b.Uniform(g.name("u"), g.shape()), false)
	if s := g.shape(); len(s) > 0 {
		i := b.Iota(s, g.r.IntN(len(s)))
		g.leaf(b.Binary(ir.Mul, i, b.Splat(1./32, s...)), false)
	}
	s := g.shape()
	t := ir.Type{DType: ir.F32, Shape: s}
	data := make([]float64, t.Len())
	for i := range data {
		data[i] = float64(g.r.IntN(65)-32) / 16
	}
	g.leaf(b.Table(t, data), false)
}

func (g *generator) leaf(v *ir.Value, smooth bool) {
	g.pool = append(g.pool, v)
	g.exact = append(g.exact, v)
	if smooth {
		g.smooth = append(g.smooth, v)
	}
}

// add squashes v into the bounds of the pool.
func (g *generator) add(v *ir.Value) {
	switch g.r.IntN(3) {
	case 0:
		v = g.b.Unary(ir.Tanh, v)
	case 1: // v/(1+v^2)
		v = g.b.Binary(ir.Div, v, g.onePlusSquare(v))
	default:
		v = g.b.Unary([]ir.Op{ir.Sin, ir.Cos, ir.Erf}[g.r.IntN(3)], v)
	}
	g.pool = append(g.pool, v)
}

func (g *generator) onePlusSquare(v *ir.Value) *ir.Value {
	return g.b.Binary(ir.Add, g.b.Splat(1, v.Shape()...), g.b.Binary(ir.Mul, v, v))
}

// any picks from the pool, mostly recent values.
func (g *generator) any(ok func(*ir.Value) bool) *ir.Value { return g.pick(g.pool, ok) }

func (g *generator) pick(pool []*ir.Value, ok func(*ir.Value) bool) *ir.Value {
	var fit []*ir.Value
	for _, v := range pool {
		if ok == nil || ok(v) {
			fit = append(fit, v)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return fit[len(fit)-1-min(g.r.IntN(len(fit)), g.r.IntN(len(fit)))]
}

// like finds or makes a value of the pool with a shape.
func (g *generator) like(pool []*ir.Value, shape []int) *ir.Value {
	if v := g.pick(pool, func(v *ir.Value) bool { return slices.Equal(v.Shape(), shape) }); v != nil && g.r.IntN(4) > 0 {
		return v
	}
	if v := g.pick(pool, func(v *ir.Value) bool { return broadcasts(v.Shape(), shape) }); v != nil {
		return g.b.Broadcast(v, shape)
	}
	return g.b.Splat(float64(g.r.IntN(17)-8)/4, shape...)
}

func broadcasts(from, to []int) bool {
	lead := len(to) - len(from)
	if lead < 0 {
		return false
	}
	for i, n := range from {
		if n != 1 && n != to[lead+i] {
			return false
		}
	}
	return true
}

// step adds one operation, or a few that belong together.
func (g *generator) step() {
	steps := []func(){g.unary, g.unary, g.binary, g.binary, g.kink, g.kink, g.selected, g.reduce, g.reduce, g.view, g.view,
		g.cut, g.cut, g.join, g.product, g.product, g.indexed, g.indexed, g.scattered, g.softmax, g.norm, g.stop,
		g.lookup, g.lookup, g.picked, g.picked, g.quantised, g.masked}
	steps[g.r.IntN(len(steps))]()
}

func (g *generator) unary() {
	x, b := g.any(nil), g.b
	switch op := []ir.Op{ir.Neg, ir.Exp, ir.Log, ir.Sqrt, ir.Tanh, ir.Erf, ir.Erfc, ir.Sin, ir.Cos}[g.r.IntN(9)]; op {
	case ir.Log, ir.Sqrt:
		g.add(b.Unary(op, g.onePlusSquare(x)))
	default:
		g.add(b.Unary(op, x))
	}
}

func (g *generator) binary() {
	x, b := g.any(nil), g.b
	y := g.like(g.pool, x.Shape())
	switch op := []ir.Op{ir.Add, ir.Sub, ir.Mul, ir.Div}[g.r.IntN(4)]; op {
	case ir.Div:
		g.add(b.Binary(op, x, g.onePlusSquare(y)))
	default:
		g.add(b.Binary(op, x, y))
	}
}

// kink is an operation that jumps or bends, on exact values.
func (g *generator) kink() {
	x, b := g.pick(g.exact, nil), g.b
	y := g.like(g.exact, x.Shape())
	eight := b.Splat(8, x.Shape()...)
	switch g.r.IntN(6) {
	case 0:
		g.pool = append(g.pool, b.Binary([]ir.Op{ir.Lt, ir.Le, ir.Eq}[g.r.IntN(3)], x, y))
	case 1:
		g.pool = append(g.pool, b.Binary([]ir.Op{ir.Max, ir.Min}[g.r.IntN(2)], x, y))
	case 2:
		g.pool = append(g.pool, b.Unary([]ir.Op{ir.Abs, ir.Sign}[g.r.IntN(2)], x))
	case 3:
		g.pool = append(g.pool, b.Binary(ir.Div, b.Unary(ir.Floor, b.Binary(ir.Mul, x, eight)), eight))
	case 4:
		g.pool = append(g.pool, b.Binary(ir.Div, b.Float(b.Int(b.Binary(ir.Mul, x, eight))), eight))
	default:
		if x.Rank() > 0 {
			g.pool = append(g.pool, b.MaxOver(x, g.axes(x)...))
		}
	}
}

func (g *generator) selected() {
	x := g.any(nil)
	m := g.b.Binary(ir.Le, g.like(g.exact, x.Shape()), g.like(g.exact, x.Shape()))
	g.pool = append(g.pool, g.b.Select(m, x, g.like(g.pool, x.Shape())))
}

// axes picks at least one axis.
func (g *generator) axes(x *ir.Value) []int {
	var axes []int
	for i := range x.Rank() {
		if g.r.IntN(2) == 0 {
			axes = append(axes, i)
		}
	}
	if axes == nil {
		axes = []int{g.r.IntN(x.Rank())}
	}
	return axes
}

func ranked(n int) func(*ir.Value) bool {
	return func(v *ir.Value) bool { return v.Rank() >= n }
}

func (g *generator) reduce() {
	if x := g.any(ranked(1)); x != nil {
		axes := g.axes(x)
		s := g.b.Sum(x, axes...)
		n := float64(x.Len()) / float64(s.Len())
		g.add(g.b.Binary(ir.Mul, s, g.b.Splat(2/n, s.Shape()...)))
	}
}

// put adds a view, which is exact when its argument is.
func (g *generator) put(x, v *ir.Value) {
	if v.Len() > maxElements || v.Len() == 0 {
		return
	}
	g.pool = append(g.pool, v)
	if slices.Contains(g.exact, x) {
		g.exact = append(g.exact, v)
	}
}

func (g *generator) view() {
	x, b := g.any(nil), g.b
	switch g.r.IntN(3) {
	case 0:
		g.put(x, b.Transpose(x, g.r.Perm(x.Rank())...))
	case 1:
		g.put(x, b.Reshape(x, factors(g.r, x.Len())))
	default:
		s := slices.Clone(x.Shape())
		for i, n := range s {
			if n == 1 {
				s[i] = 1 + g.r.IntN(4)
			}
		}
		if g.r.IntN(2) == 0 {
			s = slices.Insert(s, 0, 1+g.r.IntN(4))
		}
		g.put(x, b.Broadcast(x, s))
	}
}

// factors splits n into a random shape.
func factors(r *rand.Rand, n int) []int {
	var s []int
	for d := 2; n > 1; {
		if n%d != 0 {
			d++
			continue
		}
		n /= d
		if len(s) == 0 || r.IntN(2) == 0 {
			s = append(s, d)
		} else {
			s[len(s)-1] *= d
		}
	}
	return s
}

// cut slices or pads.
func (g *generator) cut() {
	x := g.any(ranked(1))
	if x == nil {
		return
	}
	lo, hi, step := make([]int, x.Rank()), make([]int, x.Rank()), make([]int, x.Rank())
	if g.r.IntN(2) == 0 {
		for i := range lo {
			lo[i], hi[i] = g.r.IntN(3), g.r.IntN(3)
		}
		g.put(x, g.b.Pad(x, lo, hi))
		return
	}
	for i, n := range x.Shape() {
		lo[i] = g.r.IntN(n)
		hi[i] = lo[i] + 1 + g.r.IntN(n-lo[i])
		step[i] = 1 + g.r.IntN(2)
	}
	g.put(x, g.b.Slice(x, lo, hi, step))
}

func (g *generator) join() {
	x := g.any(ranked(1))
	if x == nil {
		return
	}
	axis, xs := g.r.IntN(x.Rank()), []*ir.Value{x}
	for range 1 + g.r.IntN(2) {
		xs = append(xs, g.like(g.pool, x.Shape()))
	}
	g.put(nil, g.b.Concat(axis, xs...))
}

func (g *generator) product() {
	x := g.any(ranked(2))
	if x == nil {
		return
	}
	s := slices.Clone(x.Shape())
	k := s[len(s)-1]
	s[len(s)-2], s[len(s)-1] = k, 1+g.r.IntN(9)
	if g.r.IntN(2) == 0 {
		s = s[len(s)-2:] // a matrix that all rows share
	}
	v := g.b.MatMul(x, g.like(g.pool, s))
	g.add(g.b.Binary(ir.Mul, v, g.b.Splat(1/float64(k), v.Shape()...)))
}

// index is an order of n rows, or a random choice of k among them, with batch axes.
func (g *generator) index(batch []int, n int) *ir.Value {
	shape := append(slices.Clone(batch), n)
	if g.r.IntN(2) == 0 {
		return g.b.ArgSort(g.like(g.exact, shape))
	}
	shape[len(batch)] = 1 + g.r.IntN(n+2)
	return g.b.Input(g.name(fmt.Sprintf("index %d", n)), ir.I32, shape)
}

func (g *generator) indexed() {
	if x := g.any(ranked(1)); x != nil {
		n := g.r.IntN(x.Rank())
		g.put(x, g.b.Gather(x, g.index(x.Shape()[:n], x.Shape()[n]), n))
	}
}

func (g *generator) scattered() {
	x := g.any(ranked(1))
	if x == nil {
		return
	}
	n := g.r.IntN(x.Rank())
	rows := 1 + g.r.IntN(6)
	idx := g.b.Input(g.name(fmt.Sprintf("index %d", rows)), ir.I32, x.Shape()[:n+1])
	if v := g.b.ScatterAdd(x, idx, n, rows); v.Len() <= maxElements {
		g.add(g.b.Binary(ir.Mul, v, g.b.Splat(2/float64(x.Shape()[n]), v.Shape()...)))
	}
}

// softmax is the operation, or written out: the maximum is subtracted, without gradient.
func (g *generator) softmax() {
	x := g.any(ranked(1))
	if x == nil {
		return
	}
	b, last := g.b, x.Rank()-1
	if x.Shape()[last] == 0 {
		return
	}
	if g.r.IntN(2) == 0 {
		g.pool = append(g.pool, b.Softmax(x))
		return
	}
	keep := slices.Clone(x.Shape())
	keep[last] = 1
	rows := func(v *ir.Value) *ir.Value { return b.Broadcast(b.Reshape(v, keep), x.Shape()) }
	e := b.Unary(ir.Exp, b.Binary(ir.Sub, x, rows(b.StopGradient(b.MaxOver(x, last)))))
	g.pool = append(g.pool, b.Binary(ir.Div, e, rows(b.Sum(e, last))))
}

// norm is a layer norm without scale.
func (g *generator) norm() {
	x := g.any(func(v *ir.Value) bool { return v.Rank() > 0 && v.Shape()[v.Rank()-1] > 1 })
	if x == nil {
		return
	}
	b, last := g.b, x.Rank()-1
	n := float64(x.Shape()[last])
	keep := slices.Clone(x.Shape())
	keep[last] = 1
	mean := func(v *ir.Value) *ir.Value {
		return b.Binary(ir.Mul, b.Reshape(b.Sum(v, last), keep), b.Splat(1/n, keep...))
	}
	d := b.Binary(ir.Sub, x, b.Broadcast(mean(x), x.Shape()))
	s := b.Unary(ir.Sqrt, b.Binary(ir.Add, mean(b.Binary(ir.Mul, d, d)), b.Splat(0.25, keep...)))
	g.pool = append(g.pool, b.Binary(ir.Div, d, b.Broadcast(s, x.Shape())))
}

func (g *generator) stop() {
	x := g.any(nil)
	g.pool = append(g.pool, g.b.Binary(ir.Sub, g.b.StopGradient(x), x))
}

// loss sums the means of what nobody uses, so that every value matters.
func (g *generator) loss() *ir.Value {
	used := map[*ir.Value]bool{}
	for _, v := range g.b.Values() {
		for _, a := range v.Args {
			used[a] = true
		}
	}
	loss := g.b.Const(0)
	for _, v := range g.pool {
		if !used[v] {
			loss = g.b.Binary(ir.Add, loss, g.mean(g.b.Unary(ir.Tanh, v)))
		}
	}
	return loss
}

func (g *generator) mean(v *ir.Value) *ir.Value {
	axes := make([]int, v.Rank())
	for i := range axes {
		axes[i] = i
	}
	return g.b.Binary(ir.Mul, g.b.Sum(v, axes...), g.b.Const(1/float64(v.Len())))
}
