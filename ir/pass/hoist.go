package pass

import (
	"slices"

	"mspecc/ir"
)

// hoist moves work to where there is less of it.
//
// If a gather is the only reader of a row-wise value, and reads at most half its rows, it is
// pushed onto that value's arguments. An elementwise operation whose arguments are all the same
// view is done before the view, which is then needed once.
//
// A division by few numbers, repeated, becomes a product with their reciprocals: dividing
// takes ten times as long as multiplying, and forward and backward share the reciprocals.
//
// A product, or a sum of products, that is only read transposed is computed transposed, from transposed operands,
// which kernels read in place: gradients of a weight that is used both ways then add up in
// one order.
//
// Takes: any program. Promises: none of these forms is left, or the bound on rounds was
// reached.
//
//	%1 = exp %0; %3 = gather %1 %2                                   %1 = gather %0 %2; %3 = exp %1
//	%2 = broadcast %1; %3 = div %0 %2                                %2 = div 1 %1; %3 = broadcast %2; %4 = mul %0 %3
//	%2 = transpose %0; %3 = transpose %1; %4 = add %2 %3             %2 = add %0 %1; %4 = transpose %2
//	%2 = matmul %0 %1; %3 = transpose %2                             %2 = transpose %1; %3 = transpose %0; %4 = matmul %2 %3
func hoist(p *Program, fold bool) {
	for range 4 * maxRounds { // each round moves a gather by one operation
		order := p.Live()
		uses, roots := users(order), p.Roots()
		changed := false
		Rebuild(p, fold, func(b *ir.Builder, v *ir.Value, to func(*ir.Value) *ir.Value) *ir.Value {
			var w *ir.Value
			switch {
			case v.Op == ir.OpGather:
				if x := v.Args[0]; len(uses[x]) == 1 && !slices.Contains(roots, x) && 2*v.Len() <= x.Len() {
					w = b.NarrowOnce(b.Gather(to(x), to(v.Args[1]), v.Attr.Batch))
				}
			case v.Op == ir.OpTranspose && swapsLast(v):
				w = transposed(b, v.Args[0], to, func(x *ir.Value) bool { return len(uses[x]) == 1 && !slices.Contains(roots, x) })
			case v.Op == ir.Div && v.Args[1].Op == ir.OpBroadcast:
				w = reciprocal(b, v, to)
			}
			if w == nil && v.Op.Class() == ir.Elementwise && len(v.Args) > 1 {
				w = afterView(b, v, to)
			}
			changed = changed || w != nil
			return w
		})
		if !changed {
			return
		}
	}
}

// swapsLast reports whether a transpose exchanges the last two axes and nothing else.
func swapsLast(v *ir.Value) bool {
	n := v.Rank()
	for i, a := range v.Attr.Axes {
		want := i
		if i >= n-2 {
			want = 2*n - 3 - i
		}
		if a != want {
			return false
		}
	}
	return n >= 2
}

// transposed is the transpose of x, if x is a product or a sum of products that nobody else
// reads.
func transposed(b *ir.Builder, x *ir.Value, to func(*ir.Value) *ir.Value, single func(*ir.Value) bool) *ir.Value {
	if !single(x) {
		return nil
	}
	switch x.Op {
	case ir.OpMatMul:
		return b.MatMul(b.SwapLast(to(x.Args[1])), b.SwapLast(to(x.Args[0])))
	case ir.Add:
		if l, r := transposed(b, x.Args[0], to, single), transposed(b, x.Args[1], to, single); l != nil && r != nil {
			return b.Binary(ir.Add, l, r)
		}
	}
	return nil
}

// reciprocal turns x / broadcast(y) into x * broadcast(1/y).
func reciprocal(b *ir.Builder, v *ir.Value, to func(*ir.Value) *ir.Value) *ir.Value {
	x, y := to(v.Args[0]), to(v.Args[1].Args[0])
	if v.Args[0].Op == ir.OpConst {
		return nil // is a reciprocal already; folding moves it before the broadcast
	}
	inverse := b.Binary(ir.Div, b.Splat(1, y.Shape()...), y)
	return b.Binary(ir.Mul, x, b.Broadcast(inverse, v.Shape()))
}

// afterView turns op(view x, view y) into view(op(x, y)); constants have any view.
func afterView(b *ir.Builder, v *ir.Value, to func(*ir.Value) *ir.Value) *ir.Value {
	var like *ir.Value
	views := 0
	for _, a := range v.Args {
		switch {
		case a.Op == ir.OpConst:
		case a.Op != ir.OpTranspose && a.Op != ir.OpReshape:
			return nil
		case like != nil && (a.Op != like.Op || !slices.Equal(a.Args[0].Shape(), like.Args[0].Shape()) || !slices.Equal(a.Attr.Axes, like.Attr.Axes)):
			return nil
		case a != like:
			like = a
			views++
		}
	}
	if views < 2 {
		return nil // one view stays one view
	}
	args := make([]*ir.Value, len(v.Args))
	for i, a := range v.Args {
		if a.Op != ir.OpConst {
			args[i] = to(a.Args[0])
		} else if args[i] = b.Splat(a.Attr.Const, like.Args[0].Shape()...); a.Type.DType == ir.I32 {
			args[i] = b.SplatInt(int(a.Attr.Const), like.Args[0].Shape()...)
		}
	}
	w := b.Apply(v.Op, v.Attr, args...)
	if like.Op == ir.OpTranspose {
		return b.Transpose(w, like.Attr.Axes...)
	}
	return b.Reshape(w, v.Shape())
}
