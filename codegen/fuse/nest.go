package fuse

import (
	"fmt"
	"slices"

	"mspecc/ir"
	"mspecc/kernels"
)

// taskElements is how many elements one task of a row kernel works on: enough to hide the
// hand-over to a worker, small enough to stay in the second-level cache.
const taskElements = 32768

// collapse merges neighbouring factors that every operand strides over evenly, but never
// across a boundary, given as the number of elements below it.
func (l *lowering) collapse(boundaries ...int) {
	for i := len(l.dims) - 2; i >= 0; i-- {
		even := !slices.Contains(boundaries, product(l.dims[i+1:]))
		for _, o := range l.operands {
			s := o.view.Strides
			even = even && s[i] == s[i+1]*l.dims[i+1]
		}
		if !even {
			continue
		}
		for k := range l.operands {
			s := slices.Clone(l.operands[k].view.Strides)
			l.operands[k].view.Strides = slices.Delete(s, i, i+1)
		}
		l.dims = slices.Clone(l.dims)
		l.dims[i+1] *= l.dims[i]
		l.dims = slices.Delete(l.dims, i, i+1)
	}
}

// splitRow splits a flat index space into rows: whole rows for each example where these are long
// enough, otherwise rows as long as they can be.
func (l *lowering) splitRow() {
	last := len(l.dims) - 1
	if last < 0 {
		return
	}
	n, w := l.dims[last], 0
	if e := l.f.opt.Examples; last == 0 && e > 1 && n%e == 0 {
		if d := rowDivisor(n / e); d >= 8 && n <= flatRows || d >= 64 && fills(d) {
			w = d
		}
	}
	if w == 0 {
		if n <= 2048 {
			return
		}
		if w = rowDivisor(n); w < 16 && n <= flatRows {
			return
		}
	}
	l.dims = append(l.dims[:last:last], n/w, w)
	for k := range l.operands {
		s := l.operands[k].view.Strides
		l.operands[k].view.Strides = append(s[:last:last], s[last]*w, s[last])
	}
}

// flatRows is the number of elements for which the length of rows makes no difference.
const flatRows = 1 << 16

// rowDivisor is the longest divisor of n up to 1024, of those that fill vectors if there are
// any.
func rowDivisor(n int) int {
	w := 1
	for d := 2; d <= 1024; d++ {
		if n%d == 0 && (fills(d) || !fills(w)) {
			w = d
		}
	}
	return w
}

// fills reports whether the vectors of a row are full, but for one lane in 32.
func fills(width int) bool { return 31*((width+15)/16*16) <= 32*width }

// rows makes the launch of a row kernel: the last factor is the row, the one before it
// the kernel's loop over rows, the others loops of the driver.
func (l *lowering) rows() (*Launch, error) {
	if rows(l.c.space) {
		l.collapse(l.w)
		if l.w == 1 {
			l.insert(len(l.dims))
		}
		if err := l.regular(len(l.dims)-1, l.w); err != nil {
			return nil, err
		}
	} else {
		l.collapse()
		l.splitRow()
	}
	for len(l.dims) < 2 {
		l.insert(0)
	}
	k := len(l.dims) - 2
	kernel := &kernels.Rows{Width: l.dims[k+1], Nodes: l.nodes, Stores: l.stores}
	la := &Launch{Kind: RowsKind, Rows: kernel, Outer: l.dims[:k], Count: l.dims[k]}
	for _, o := range l.operands {
		s, at := o.view.Strides, o.view.Offset
		if o.half { // to places of pairs
			s, at = append(halved(s[:k+1]), 1), at/2
		}
		kernel.Operands = append(kernel.Operands, kernels.Operand{Name: operandName(o), Int: o.isInt, Half: o.half, Row: s[k], Col: s[k+1]})
		la.Operands = append(la.Operands, Access{Buf: o.view.Buf, Offset: at, Outer: s[:k], Chunk: s[k], Write: o.write})
	}
	perTask := max(1, taskElements/max(1, kernel.Width))
	if la.Chunk = min(la.Count, perTask); la.Chunk == la.Count {
		la.PerTask = max(1, perTask/max(1, la.Count))
	} else {
		la.PerTask = 1
	}
	for i := range la.Operands {
		la.Operands[i].Chunk *= la.Chunk
	}
	l.describe(la)
	return la, nil
}

func halved(s []int) []int {
	out := make([]int, len(s), len(s)+1)
	for i, x := range s {
		out[i] = x / 2
	}
	return out
}

// insert adds a factor of 1.
func (l *lowering) insert(at int) {
	l.dims = slices.Insert(slices.Clone(l.dims), at, 1)
	for k := range l.operands {
		l.operands[k].view.Strides = slices.Insert(slices.Clone(l.operands[k].view.Strides), at, 0)
	}
}

// regular reports whether factor at spans n elements. If not, some operand strides
// unevenly inside them, and the hint asks for a contiguous copy of it.
func (l *lowering) regular(at, n int) error {
	if at < 0 || l.dims[at] == n || n == 1 {
		return nil
	}
	for i := len(l.dims) - 2; i >= 0; i-- {
		if below := product(l.dims[i+1:]); below >= n {
			break
		}
		if o := l.uneven(i); o != nil {
			return &Hint{Contiguous: o.value}
		}
	}
	return fmt.Errorf("internal error: no operand explains the factors %v of a row of %d", l.dims, n)
}

// uneven finds an operand that does not stride evenly over factors i and i+1.
func (l *lowering) uneven(i int) *operand {
	for k, o := range l.operands {
		if s := o.view.Strides; s[i] != s[i+1]*l.dims[i+1] {
			return &l.operands[k]
		}
	}
	return nil
}

func operandName(o operand) string {
	if o.write {
		return "out"
	}
	return "in"
}

// describe fills in what a launch computes and costs.
func (l *lowering) describe(la *Launch) {
	for _, m := range l.c.moves {
		la.Values = append(la.Values, m.value)
		la.Note = "a copy into the order or place its reader wants"
	}
	la.Values = append(la.Values, l.c.roots...)
	la.Half = l.half()
	for _, n := range l.nodes {
		if n.Op != "load" && n.Op != "const" {
			la.Flops += l.c.n
		}
	}
	for i := range la.Operands {
		la.Bytes += 4 * la.elements(i)
	}
	if len(l.c.roots) > 0 {
		la.Note = fmt.Sprintf("%d stored values, %d operands, %d operations fused", len(l.c.roots), len(la.Operands), len(l.nodes))
	}
}

// half is the value inside the cluster at which it is best cut in two.
func (l *lowering) half() *ir.Value {
	top := 0
	for x := range l.memo {
		top = max(top, l.f.cost[x])
	}
	var best *ir.Value
	far := func(x *ir.Value) int { return max(2*l.f.cost[x]-top, top-2*l.f.cost[x]) }
	for x := range l.memo {
		if x.Op.Class() != ir.Elementwise && x.Op.Class() != ir.Reduction || slices.Contains(l.c.roots, x) || l.f.stored[x] {
			continue
		}
		if best == nil || far(x) < far(best) || far(x) == far(best) && x.ID < best.ID {
			best = x
		}
	}
	return best
}

// chunkRows is how many rows one task of a column reduction adds up; more rows than that
// give partial results, added in a second launch. The bounds depend on the shape and the
// number of examples alone: where they go through tiled launches, each has a partial result.
func chunkRows(r, w, examples int) int {
	if examples > 1 && r%examples == 0 && r/examples >= 8 && r*w > taskElements {
		return r / examples
	}
	if r*w <= taskElements || r <= 64 {
		return r
	}
	return max(64, taskElements/w)
}

// colReduce makes the launches of a column reduction over [outer, r, w].
func (l *lowering) colReduce() ([]*Launch, error) {
	cs := l.c.cols
	reads := slices.DeleteFunc(slices.Clone(l.operands), func(o operand) bool { return o.write })
	all := l.operands
	l.operands = reads
	l.collapse(cs.w, cs.r*cs.w)
	chunk, err := l.splitCols()
	l.operands = all
	if err != nil {
		return nil, err
	}
	mid := len(l.dims) - 3
	outer, chunks := l.dims[:mid], (cs.r+chunk-1)/chunk
	kernel := &kernels.ColReduce{Width: cs.w, Nodes: l.nodes, Stores: l.stores}
	la := &Launch{Kind: ColReduceKind, ColReduce: kernel, Outer: outer, Count: cs.r, Chunk: chunk, PerTask: 1}
	if chunks == 1 {
		la.PerTask = max(1, taskElements/max(1, cs.r*cs.w))
	}
	var combine []*Launch
	ri := 0
	for i, o := range all {
		if !o.write {
			s := reads[ri].view.Strides
			ri++
			kernel.Operands = append(kernel.Operands, kernels.Operand{Name: "in", Int: o.isInt, Row: s[mid+1], Col: s[mid+2]})
			la.Operands = append(la.Operands, Access{Buf: o.view.Buf, Offset: o.view.Offset, Outer: s[:mid], Chunk: s[mid]})
			continue
		}
		dst, okDst := o.view.reshape(append(slices.Clone(outer), cs.w))
		if !okDst {
			return nil, fmt.Errorf("internal error: a column reduction's result does not fit %v", outer)
		}
		kernel.Operands = append(kernel.Operands, kernels.Operand{Name: "out", Col: dst.Strides[len(outer)]})
		if chunks == 1 {
			la.Operands = append(la.Operands, Access{Buf: dst.Buf, Offset: dst.Offset, Outer: dst.Strides[:len(outer)], Write: true})
			continue
		}
		n := product(outer)
		part := l.f.newBuffer("partial sums", Temp, ir.F32, n*chunks*cs.w)
		kernel.Operands[i].Col = 1
		// Chunk c of outer index o writes row o*chunks+c of the partial results.
		la.Operands = append(la.Operands, Access{Buf: part, Outer: scaled(ir.Strides(outer), chunks*cs.w), Chunk: cs.w, Write: true})
		combine = append(combine, l.combine(i, part, dst, outer, chunks))
	}
	l.describe(la)
	return append([]*Launch{la}, combine...), nil
}

func scaled(s []int, by int) []int {
	out := make([]int, len(s))
	for i, x := range s {
		out[i] = x * by
	}
	return out
}

// combine adds the partial results of one output.
func (l *lowering) combine(operand int, part *Buffer, dst View, outer []int, chunks int) *Launch {
	cs, op, v := l.c.cols, "colsum", l.c.roots[0]
	for i, st := range l.stores {
		if st.Operand == operand {
			op, v = l.nodes[st.Node].Op, l.c.roots[i]
		}
	}
	kernel := &kernels.ColReduce{Width: cs.w,
		Operands: []kernels.Operand{{Name: "in", Row: cs.w, Col: 1}, {Name: "out", Col: dst.Strides[len(outer)]}},
		Nodes:    []kernels.Node{{Op: "load"}, {Op: op, Args: []int{0}}},
		Stores:   []kernels.Store{{Node: 1, Operand: 1}}}
	return &Launch{Kind: ColReduceKind, ColReduce: kernel, Outer: outer, Count: chunks, Chunk: chunks, PerTask: 1,
		Operands: []Access{{Buf: part, Outer: scaled(ir.Strides(outer), chunks*cs.w), Chunk: cs.w}, {Buf: dst.Buf, Offset: dst.Offset, Outer: dst.Strides[:len(outer)], Write: true}},
		Values:   []*ir.Value{v}, Flops: chunks * cs.w * product(outer), Bytes: 4 * part.Len, Note: "adds partial sums in a fixed order"}
}

// splitCols brings the factors into the form outer..., chunk, row, column and returns the
// rows of a chunk. Where operands stride unevenly over the reduced rows in one place, that
// place is where chunks begin.
func (l *lowering) splitCols() (int, error) {
	cs := l.c.cols
	if cs.w == 1 {
		l.insert(len(l.dims))
	}
	if err := l.regular(len(l.dims)-1, cs.w); err != nil {
		return 0, err
	}
	if cs.r == 1 { // the columns are one factor now, and this one is before them
		l.insert(len(l.dims) - 1)
	}
	k := len(l.dims) - 2
	if k >= 1 && l.dims[k]*l.dims[k-1] == cs.r && l.dims[k] < cs.r {
		return l.dims[k], nil
	}
	if l.dims[k] != cs.r {
		for i := k - 1; i >= 0 && product(l.dims[i+1:]) < cs.r*cs.w; i-- {
			if o := l.uneven(i); o != nil {
				return 0, &Hint{Contiguous: o.value}
			}
		}
		return 0, fmt.Errorf("internal error: column reduction over %v is not regular", l.dims)
	}
	chunk := chunkRows(cs.r, cs.w, l.f.opt.Examples)
	l.insert(k) // the factor of chunks; its extent is not used
	for i, o := range l.operands {
		l.operands[i].view.Strides[k] = o.view.Strides[k+1] * chunk
	}
	return chunk, nil
}
