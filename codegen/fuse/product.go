package fuse

import (
	"cmp"
	"math"
	"slices"

	"mspecc/ir"
	"mspecc/kernels"
)

// Sizes of the blocks that one call of a matrix-product kernel works on.
const (
	blockRows  = 96      // rows of the result per call
	blockInner = 128     // inner extent per call where the result accumulates
	batchFlops = 1 << 22 // work of one task of small batched products
	lanes      = 8       // parts of a product with a split inner extent
	maxParts   = 1 << 21 // elements of all of them
)

// products emits v as the sum of matrix products; unless v is the only one, the products
// themselves are not stored.
func (f *fuser) products(v *ir.Value, ms []*ir.Value) {
	if p := f.split[v]; p != nil {
		f.unitOf[v] = f.newUnit(nil, f.addParts(v, p.place))
		return
	}
	var launches []*Launch
	for i, m := range ms {
		launches = append(launches, f.matmul(m, f.storage[v], i > 0))
	}
	f.unitOf[v] = f.newUnit(nil, launches...)
}

// parts is a sum of products whose inner extent is cut: each product writes, or adds to, one
// result for each part; the results are added up in the end. So the products need not run
// at the same time, and each can follow what it reads.
type parts struct {
	n     int
	place View // [n, rows, columns]
	some  bool // a product has been emitted
}

// splitSums finds the sums of products whose inner extent is cut.
func (f *fuser) splitSums(opt Options) {
	for _, v := range f.order {
		ms := f.sums[v]
		if v.Op == ir.OpMatMul && f.stored[v] {
			ms = []*ir.Value{v}
		}
		if !f.stored[v] || len(ms) == 0 {
			continue
		}
		n := splitInner(v, ms, opt)
		if n == 1 {
			continue
		}
		s := v.Shape()
		p := &parts{n: n, place: contiguous(f.newBuffer(name(v)+" parts", Temp, ir.F32, n*v.Len()), []int{n, s[0], s[1]})}
		f.split[v] = p
		for _, m := range ms {
			f.partOf[m] = p
		}
	}
}

// emit forms the launch of one product of the sum.
func (p *parts) emit(f *fuser, m *ir.Value) {
	rows, cols := p.place.Shape[1], p.place.Shape[2]
	la := f.matmul(m, p.place.slice([]int{0, 0, 0}, []int{1, rows, cols}, []int{1, 1, 1}), p.some)
	la.splitInner(p.n, rows*cols)
	p.some = true
	f.newUnit(nil, la)
}

// splitInner says into how many parts the inner extent of a weight gradient is cut: far
// fewer rows and columns than examples would otherwise make every task read all of them.
// The number depends on the shapes alone, and with it the order of additions.
func splitInner(v *ir.Value, ms []*ir.Value, opt Options) int {
	if v.Rank() != 2 {
		return 1
	}
	s := v.Shape()
	for parts := lanes; parts > 1; parts /= 2 {
		ok := parts*v.Len() <= maxParts
		for _, m := range ms {
			n, k := m.Args[0].Shape()[1], inner(m)
			enough := k/parts >= 4*blockInner || opt.Examples > 1 && n%opt.Examples == 0 && k/parts >= opt.Rows
			ok = ok && n%parts == 0 && enough && k >= 4*max(s[0], s[1])
		}
		if ok {
			return parts
		}
	}
	return 1
}

// inner is the inner extent of a product.
func inner(m *ir.Value) int {
	x := m.Args[0]
	k := x.Shape()[x.Rank()-1]
	if x.Type.DType == ir.BF16x2 {
		k *= 2
	}
	return k
}

// splitInner makes a product write the parts of its result, n elements apart.
func (l *Launch) splitInner(parts, n int) {
	k := l.MatMul
	l.K /= parts
	l.Outer = []int{parts}
	l.Operands[0].Outer, l.Operands[1].Outer, l.Operands[2].Outer = []int{l.K * k.AK}, []int{l.K * k.BK}, []int{n}
	l.Chunk, l.PerTask, l.KBlock = min(l.Count, 128), 1, min(l.K, blockInner)
	k.Ms, k.Ks = distinct(l.Chunk, l.Count%l.Chunk), distinct(l.KBlock, l.K%l.KBlock)
	l.Operands[0].Chunk, l.Operands[2].Chunk = l.Chunk*k.AM, l.Chunk*k.CM
	l.Parts = parts
	l.Note = "the inner extent in parts, added up afterwards; " + l.Note
}

// addParts adds the parts of a product in a fixed order.
func (f *fuser) addParts(v *ir.Value, part View) *Launch {
	dst := f.storage[v]
	parts, rows, cols := part.Shape[0], part.Shape[1], part.Shape[2]
	kernel := &kernels.ColReduce{Width: cols,
		Operands: []kernels.Operand{{Name: "in", Row: rows * cols, Col: 1}, {Name: "out", Col: dst.Strides[1]}},
		Nodes:    []kernels.Node{{Op: "load"}, {Op: "colsum", Args: []int{0}}},
		Stores:   []kernels.Store{{Node: 1, Operand: 1}}}
	return &Launch{Kind: ColReduceKind, ColReduce: kernel, Outer: []int{rows}, Count: parts, Chunk: parts,
		PerTask:  max(1, taskElements/(parts*cols)),
		Operands: []Access{{Buf: part.Buf, Outer: []int{cols}}, {Buf: dst.Buf, Offset: dst.Offset, Outer: []int{dst.Strides[0]}, Write: true}},
		Values:   []*ir.Value{v}, Flops: parts * v.Len(), Bytes: 4 * part.Buf.Len, Note: "adds the parts of a product in a fixed order"}
}

// matmul emits the product m into c, or adds it to what is there.
func (f *fuser) matmul(m *ir.Value, c View, accumulate bool) *Launch {
	x, y := m.Args[0], m.Args[1]
	rank := m.Rank()
	a, _ := f.readable(x)
	b := f.unitColumns(y)
	if len(c.Shape) > rank { // the first part of several
		c = View{c.Buf, c.Shape[1:], c.Strides[1:], c.Offset}
	}
	dims, av, bv, cv := batchDims(m.Shape()[:rank-2], a, b, c)
	s := m.Shape()
	rowsM, cols := s[rank-2], s[rank-1]
	flops, size := 2*m.Len()*inner(m), m.Len()
	if f.rounded[m] {
		size /= 2
	}

	k := &kernels.MatMul{N: cols, Half: f.rounded[m], Pairs: x.Type.DType == ir.BF16x2, AM: av[len(av)-2], AK: av[len(av)-1], BK: bv[len(bv)-2], CM: cv[len(cv)-2]}
	la := &Launch{Kind: MatMulKind, MatMul: k, Outer: dims, Count: rowsM, K: x.Shape()[rank-1], Accumulate: accumulate,
		Values: []*ir.Value{m}, Flops: flops, Bytes: 4 * (x.Len() + y.Len() + size)}
	n := len(dims)
	la.Operands = []Access{
		{Buf: a.Buf, Offset: a.Offset, Outer: av[:n]},
		{Buf: b.Buf, Offset: b.Offset, Outer: bv[:n]},
		{Buf: c.Buf, Offset: c.Offset, Outer: cv[:n], Write: true}}
	la.block()
	la.Operands[0].Chunk = la.Chunk * k.AM
	la.Operands[2].Chunk = la.Chunk * k.CM
	if accumulate {
		la.Note = "adds to the product before it"
	}
	return la
}

// block chooses how the driver cuts a product into kernel calls and tasks.
func (l *Launch) block() {
	k := l.MatMul
	l.Chunk, l.KBlock, l.PerTask = l.Count, l.K, 1
	if batch := product(l.Outer); batch > 4 && l.Flops/batch < 8*batchFlops {
		l.PerTask = max(1, min(batchFlops*batch/max(1, l.Flops), (batch+7)/8))
	} else {
		l.Chunk = min(l.Count, blockRows)
		for l.Chunk > 24 && batch*((l.Count+l.Chunk-1)/l.Chunk) < 4 {
			l.Chunk /= 2
		}
	}
	if l.K > 2*blockInner {
		l.KBlock = blockInner
	}
	k.Ms = distinct(l.Chunk, l.Count%l.Chunk)
	k.Ks = distinct(l.KBlock, l.K%l.KBlock)
}

// distinct lists the block sizes that occur: whole blocks and a remainder.
func distinct(whole, rest int) []int {
	if rest == 0 {
		return []int{whole}
	}
	return []int{whole, rest}
}

// unitColumns gives a view of y whose last axis has stride 1, transposing a copy where it
// has not. The copy is made once for all products that read it.
func (f *fuser) unitColumns(y *ir.Value) View {
	w, _ := f.readable(y)
	n := y.Rank()
	if w.Strides[n-1] == 1 || y.Shape()[n-1] == 1 {
		return w
	}
	dst := contiguous(f.newBuffer(name(y)+" columns", Temp, y.Type.DType, y.Len()), y.Shape())
	if w.Strides[n-2] != 1 {
		u := f.newUnit(&cluster{n: y.Len(), moves: []move{{y, w, dst}}})
		f.copies[y] = copied{dst, u}
		return dst
	}
	s := y.Shape()
	dims, wv, dv, _ := batchDims(y.Shape()[:n-2], w, dst, dst)
	k := len(dims)
	// The kernel reads rows of w's second-last axis: [cols, rows] -> [rows, cols].
	r, c := s[n-1], s[n-2]
	la := &Launch{Kind: TransposeKind, Transpose: &kernels.Transpose{R: r, C: c, In: wv[k+1], Out: dv[k]}, Outer: dims, Count: 1, Chunk: 1,
		PerTask:  max(1, taskElements/max(1, r*c)),
		Operands: []Access{{Buf: w.Buf, Offset: w.Offset, Outer: wv[:k]}, {Buf: dst.Buf, Offset: dst.Offset, Outer: dv[:k], Write: true}},
		Values:   []*ir.Value{y}, Bytes: 8 * y.Len(), Copy: true, Note: "columns with unit stride, shared by every product that reads them"}
	f.copies[y] = copied{dst, f.newUnit(nil, la)}
	return dst
}

// interleave emits the pairs of rows of what is packed along rows, if they are not there
// yet: close to a reader, since what they are made of takes no more room. The pairs lie in the
// order in which the rows lie, so that axes inside of a row, such as heads, take part as one
// long row.
func (f *fuser) interleave(v *ir.Value) {
	if _, ok := f.copy(v); ok {
		return
	}
	x := v.Args[0]
	w, _ := f.readable(x)
	n := v.Rank()
	if w.Strides[n-1] != 1 && x.Shape()[n-1] > 1 {
		w = f.copyOf(x)
	}
	axes := byStride(w) // outermost first
	perm := append(axes, n-1)
	shape := contiguous(nil, v.Shape()).transpose(perm).Shape
	dst := contiguous(f.newBuffer(name(x)+" pairs of rows", Temp, v.Type.DType, v.Len()), shape)
	w = w.transpose(perm)

	row := slices.Index(axes, n-2)
	in, okIn := w.reshape(append(slices.Clone(w.Shape[:row+1]), product(w.Shape[row+1:])))
	out, okOut := dst.reshape(append(slices.Clone(dst.Shape[:row+1]), product(dst.Shape[row+1:])))
	if !okIn || !okOut || in.Strides[row+1] != 1 { // the axes inside of a row are loops
		order := append(slices.Delete(upTo(n-1), row, row+1), row, n-1)
		in, out = w.transpose(order), dst.transpose(order)
	}
	k := len(in.Shape) - 2
	in.Strides[k], out.Strides[k] = w.Strides[row], dst.Strides[row] // also of a single row
	r, width := in.Shape[k], in.Shape[k+1]
	dims, wv, dv, _ := batchDims(out.Shape[:k], in, out, out)
	k = len(dims)
	kernel := &kernels.Interleave{Width: width, In: wv[k], Out: dv[k], Odd: r%2 == 1}
	la := &Launch{Kind: InterleaveKind, Interleave: kernel, Outer: dims, Count: (r + 1) / 2, Values: []*ir.Value{v},
		Bytes: 4 * (x.Len() + v.Len()), Copy: true, Note: "pairs along the inner extent of a product"}
	if k == 1 && !kernel.Odd && wv[0] == r*wv[1] { // one tall matrix
		la.Count *= dims[0]
		la.Outer, wv, dv, k = nil, wv[1:], dv[1:], 0
	}
	perTask := max(1, taskElements/(2*kernel.Width))
	la.Chunk, la.PerTask = la.Count, max(1, perTask/la.Count)
	if !kernel.Odd {
		la.Chunk = min(la.Count, perTask)
	}
	la.Operands = []Access{{Buf: w.Buf, Offset: w.Offset, Outer: wv[:k], Chunk: 2 * la.Chunk * kernel.In},
		{Buf: dst.Buf, Outer: dv[:k], Chunk: la.Chunk * kernel.Out, Write: true}}
	f.copies[v] = copied{dst.transpose(inverse(perm)), f.newUnit(nil, la)}
}

// byStride lists all axes of a view but the last, those of the longest strides first; repeats
// are outermost.
func byStride(w View) []int {
	axes := upTo(len(w.Shape) - 1)
	stride := func(i int) int {
		if w.Strides[i] == 0 || w.Shape[i] == 1 {
			return math.MaxInt
		}
		return w.Strides[i]
	}
	slices.SortStableFunc(axes, func(i, j int) int { return cmp.Compare(stride(j), stride(i)) })
	return axes
}

// upTo lists 0 to n-1.
func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// batchDims merges the leading axes, of the extents lead, that all three views stride over
// evenly and returns their extents and the remaining strides of each view.
func batchDims(lead []int, views ...View) (dims []int, a, b, c []int) {
	dims = slices.Clone(lead)
	st := make([][]int, len(views))
	for i, w := range views {
		st[i] = slices.Clone(w.Strides)
	}
	for i := len(dims) - 2; i >= 0; i-- {
		even := true
		for _, s := range st {
			even = even && s[i] == s[i+1]*dims[i+1]
		}
		if even || dims[i] == 1 {
			dims[i+1] *= dims[i]
			dims = slices.Delete(dims, i, i+1)
			for k := range st {
				st[k] = slices.Delete(st[k], i, i+1)
			}
		}
	}
	return dims, st[0], st[1], st[2]
}

// indexing emits gathers, scatters and sorts, which the run-time library carries out on
// contiguous tensors.
func (f *fuser) indexing(v *ir.Value) []*Launch {
	kind := map[ir.Op]Kind{ir.OpGather: GatherKind, ir.OpScatterAdd: ScatterAddKind, ir.OpArgSort: ArgSortKind}[v.Op]
	la := &Launch{Kind: kind, Values: []*ir.Value{v}}
	for _, x := range v.Args {
		w, _ := f.readable(x)
		if !w.isContiguous() {
			w = f.copyOf(x)
		}
		la.Operands = append(la.Operands, Access{Buf: w.Buf, Offset: w.Offset})
		la.Bytes += 4 * x.Len()
	}
	w := f.storage[v]
	la.Operands = append(la.Operands, Access{Buf: w.Buf, Offset: w.Offset, Write: true})
	la.Bytes += 4 * v.Len()
	s := v.Shape()
	switch v.Op {
	case ir.OpArgSort:
		n := s[len(s)-1]
		la.Sizes = []int{v.Len() / max(1, n), n}
	default:
		idx, at := v.Args[1], v.Attr.Batch
		picked := v // the tensor with one row per index
		if v.Op == ir.OpScatterAdd {
			picked = v.Args[0]
		}
		rows := v.Args[0].Shape()[at]
		if v.Op == ir.OpScatterAdd {
			rows = v.Attr.Rows
		}
		k := idx.Shape()[at]
		la.Sizes = []int{idx.Len() / max(1, k), rows, k, picked.Len() / max(1, idx.Len())}
	}
	return []*Launch{la}
}
