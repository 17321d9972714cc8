package progen

import (
	"fmt"
	"slices"

	"mspecc/ir"
)

// Rows that are looked up, joined, worked on each by itself and picked again are what rewritings of
// rows look for; see the pass "rows".

// lookup picks more rows than there are, mostly with two leading axes, joins some with others, and
// works on them.
func (g *generator) lookup() {
	x := g.any(func(v *ir.Value) bool { return v.Rank() > 0 && v.Rank() < 4 && v.Shape()[0] < 9 })
	if x == nil {
		return
	}
	b, rows, rest := g.b, x.Shape()[0], x.Shape()[1:]
	lead := []int{1 + g.r.IntN(3), rows/2 + 1 + g.r.IntN(4)}
	if lead[0]*lead[1]*x.Len()/rows > maxElements {
		return
	}
	v := b.Gather(x, g.places(lead, rows), 0)
	if g.r.IntN(4) > 0 {
		v = b.Reshape(v, append(slices.Clone(lead), rest...))
		g.put(x, v)
		if g.r.IntN(2) == 0 {
			parts := []*ir.Value{v, g.like(g.pool, append([]int{lead[0], 1 + g.r.IntN(3)}, rest...))}
			if g.r.IntN(2) == 0 {
				slices.Reverse(parts)
			}
			v = b.Concat(1, parts...)
			g.put(nil, v)
		}
	} else {
		g.put(x, v)
	}
	g.work(v)
}

// places is an index, [lead...] made flat, into a number of rows: random, or the first ones of a
// random order.
func (g *generator) places(lead []int, rows int) *ir.Value {
	b, n := g.b, lead[0]*lead[1]
	if lead[1] <= rows && g.r.IntN(2) == 0 {
		order := b.ArgSort(g.like(g.exact, []int{lead[0], rows}))
		return b.Reshape(b.Slice(order, []int{0, 0}, lead, nil), []int{n})
	}
	return b.Input(g.name(fmt.Sprintf("index %d", rows)), ir.I32, []int{n})
}

// work applies a few operations, most of them to each row by itself. The last value is in the pool.
func (g *generator) work(x *ir.Value) *ir.Value {
	for range 1 + g.r.IntN(4) {
		if x.Rank() == 0 {
			break
		}
		b, s, last := g.b, x.Shape(), x.Rank()-1
		each := func(v *ir.Value) *ir.Value {
			return b.Broadcast(b.Reshape(v, append(slices.Clone(s[:last]), 1)), s)
		}
		mean := func() *ir.Value { return b.Binary(ir.Mul, b.Sum(x, last), b.Splat(1/float64(s[last]), s[:last]...)) }
		switch g.r.IntN(7) {
		case 0:
			x = b.Binary(ir.Sub, x, each(mean()))
		case 1:
			x = b.Softmax(x)
		case 2:
			x = b.Binary(ir.Add, x, b.Broadcast(g.like(g.pool, s[last:]), s))
		case 3:
			if last > 0 {
				x = b.MatMul(x, g.like(g.pool, []int{s[last], 1 + g.r.IntN(5)}))
				x = b.Binary(ir.Mul, x, b.Splat(1/float64(s[last]), x.Shape()...))
			}
		case 4:
			x = b.Binary(ir.Mul, x, each(b.Unary(ir.Tanh, mean())))
		case 5: // other numbers at each place
			x = b.Binary(ir.Mul, x, g.like(g.pool, s))
		case 6:
			x = b.Reshape(b.Unary(ir.Sin, b.Reshape(x, append(slices.Clone(s), 1))), s)
		}
		g.add(x)
		x = g.pool[len(g.pool)-1]
	}
	return x
}

// picked takes some rows of an order of what was worked on: at once, of the order undone, or of a part.
func (g *generator) picked() {
	x := g.any(func(v *ir.Value) bool { return v.Rank() > 1 && v.Shape()[0] > 1 && v.Shape()[1] > 1 })
	if x == nil {
		return
	}
	if g.r.IntN(2) == 0 {
		if x = g.work(x); x.Rank() < 2 || x.Shape()[1] < 2 {
			return
		}
	}
	b, n := g.b, g.r.IntN(2)
	batch, rows := x.Shape()[:n], x.Shape()[n]
	order := b.ArgSort(g.like(g.exact, append(slices.Clone(batch), rows)))
	lo := g.r.IntN(rows)
	hi := lo + 1 + g.r.IntN(rows-lo)
	part := func(v *ir.Value, lo, hi int) *ir.Value { // rows lo to hi
		from, to := make([]int, v.Rank()), slices.Clone(v.Shape())
		from[n], to[n] = lo, hi
		return b.Slice(v, from, to, nil)
	}
	switch g.r.IntN(4) {
	case 0:
		x = b.Gather(b.Gather(x, b.ArgSort(order), n), part(order, lo, hi), n)
	case 1:
		x = b.Gather(b.Gather(x, order, n), part(order, lo, hi), n)
	case 2:
		y := part(x, lo, hi)
		x = b.Gather(y, b.Input(g.name(fmt.Sprintf("index %d", hi-lo)), ir.I32, append(slices.Clone(batch), 1+g.r.IntN(hi-lo))), n)
	default:
		x = b.Gather(x, part(order, lo, hi), n)
	}
	g.put(nil, x)
}

// quantised rounds, with the gradient of what was rounded.
func (g *generator) quantised() {
	x, b := g.pick(g.exact, nil), g.b
	eight := b.Splat(8, x.Shape()...)
	q := b.Binary(ir.Div, b.Unary(ir.Floor, b.Binary(ir.Mul, x, eight)), eight)
	g.pool = append(g.pool, b.Binary(ir.Add, x, b.StopGradient(b.Binary(ir.Sub, q, x))))
}

// masked is one value here and another there, by a mask of zeros and ones.
func (g *generator) masked() {
	x, b := g.any(nil), g.b
	m := b.Binary(ir.Lt, g.like(g.exact, x.Shape()), g.like(g.exact, x.Shape()))
	rest := b.Binary(ir.Sub, b.Splat(1, x.Shape()...), m)
	g.pool = append(g.pool, b.Binary(ir.Add, b.Binary(ir.Mul, x, m), b.Binary(ir.Mul, g.like(g.pool, x.Shape()), rest)))
}
