package fuse

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"mspecc/ir"
)

// Root is a value that must be in memory after a run, at a given place if Dest is set.
type Root struct {
	Value *ir.Value
	Name  string
	Dest  *Buffer // its elements are contiguous at DestOffset; nil: a new Output buffer
	At    int
}

// Result is a function in kernel form.
type Result struct {
	Launches []*Launch
	Buffers  []*Buffer
	Leaves   map[*ir.Value]*Buffer // inputs, random streams and parameters that are read
	Roots    []View                // where each root lies
	Storage  map[*ir.Value]View    // where each stored value lies
	analysis *analysis
}

// Hint asks for another attempt at fusion with one decision taken differently.
type Hint struct {
	Contiguous *ir.Value // read this view from a contiguous copy; store this value contiguously
	Split      *ir.Value // store this value: the kernel it is fused into needs too many registers
}

func (h *Hint) Error() string { return "another attempt at fusion is needed" }

// Options choose how launches are put together.
type Options struct {
	Examples int  // examples of a batch, along which tiled launches are cut; 0 where there are none
	Rows     int  // rows of a product that a tile of a tiled launch should have at least; 0: the default
	NoChains bool // one kernel a launch
	NoTiles  bool // no tiled launches
	NoLocal  bool // all buffers in the arena
}

// Fuse forms the kernels that compute roots. leaf gives the buffer of a parameter, input
// or random stream. check lowers a launch's kernel and may return a Hint.
func Fuse(roots []Root, leaf func(*ir.Value) *Buffer, check func(*Launch) error, opt Options) (*Result, error) {
	opt.Rows = cmp.Or(opt.Rows, tileRows)
	var hints []Hint
	for {
		res, err := attempt(roots, leaf, hints, opt)
		if err == nil {
			err = checkAll(res.Launches, check)
		}
		var h *Hint
		switch {
		case err == nil:
			return res, nil
		case !errors.As(err, &h) || slices.Contains(hints, *h):
			return nil, err
		}
		hints = append(hints, *h)
	}
}

func checkAll(launches []*Launch, check func(*Launch) error) error {
	for _, l := range launches {
		if err := checkAll(l.Stages, check); err != nil {
			return err
		}
		if err := check(l); err != nil {
			return err
		}
	}
	return nil
}

func attempt(roots []Root, leaf func(*ir.Value) *Buffer, hints []Hint, opt Options) (*Result, error) {
	vals := make([]*ir.Value, len(roots))
	keep, plain := map[*ir.Value]bool{}, map[*ir.Value]bool{}
	for _, h := range hints {
		if h.Split != nil {
			keep[h.Split] = true
		} else {
			plain[h.Contiguous] = true
		}
	}
	for i, r := range roots {
		vals[i] = r.Value
		keep[base(r.Value)] = true
	}
	order := sumsFirst(ir.Reachable(vals), opt.Examples)
	f := &fuser{analysis: analyse(order, keep), leaf: leaf, plain: plain, out: &Result{Leaves: map[*ir.Value]*Buffer{}},
		storage: map[*ir.Value]View{}, unitOf: map[*ir.Value]*unit{}, copies: map[*ir.Value]copied{},
		views: map[*ir.Value][]*ir.Value{}, partOf: map[*ir.Value]*parts{}, split: map[*ir.Value]*parts{},
		rounded: map[*ir.Value]bool{}, written: map[*ir.Value]bool{}, opt: opt}
	for _, v := range order {
		for _, x := range v.Args {
			if isView(v) {
				f.views[x] = append(f.views[x], v)
			}
		}
	}
	f.placeAll(roots)
	f.splitSums(opt)
	for _, v := range order {
		if p := f.partOf[v]; p != nil {
			p.emit(f, v)
		}
		if f.stored[v] {
			f.emit(v)
		}
	}
	for _, r := range roots {
		f.finish(r)
	}
	for _, u := range f.units {
		if err := u.lower(f); err != nil {
			return nil, err
		}
		for _, l := range u.launches {
			l.depth, l.ids = f.depth[l.Main()], []int{len(f.out.Launches)}
			f.out.Launches = append(f.out.Launches, l)
		}
	}
	delay(f.out.Launches)
	f.out.Storage, f.out.analysis = f.storage, f.analysis
	if !opt.NoChains {
		tiles := !opt.NoTiles && opt.Examples > 1
		f.out.Launches = chains(f.out.Launches, !tiles)
		if tiles {
			f.out.Launches = tileBatch(f.out.Launches, opt.Examples, opt.Rows)
			f.out.Launches = chains(f.out.Launches, true) // what is left
		}
		if !opt.NoLocal {
			localize(f.out.Launches)
		}
	}
	return f.out, nil
}

// fuser holds the state of one fusion.
type fuser struct {
	*analysis
	leaf    func(*ir.Value) *Buffer
	out     *Result
	storage map[*ir.Value]View // where stored values lie
	unitOf  map[*ir.Value]*unit
	units   []*unit
	copies  map[*ir.Value]copied      // contiguous copies of views that strides cannot express
	views   map[*ir.Value][]*ir.Value // the views taken directly of a value
	partOf  map[*ir.Value]*parts      // products whose inner extent is cut, by product
	split   map[*ir.Value]*parts      // and by the sum of products that they belong to
	rounded map[*ir.Value]bool        // products that are written in pairs of bf16
	written map[*ir.Value]bool        // what these make up: packs and concats
	tables  []*Buffer
	opt     Options
	plain   map[*ir.Value]bool // from hints: to be contiguous
}

type copied struct {
	view View
	unit *unit
}

// unit is what becomes one kernel: a cluster of values, or a single opaque operation.
type unit struct {
	at       int // position in the run
	cluster  *cluster
	launches []*Launch
}

func (u *unit) lower(f *fuser) error {
	if u.cluster == nil {
		return nil
	}
	ls, err := u.cluster.lower(f)
	u.launches = ls
	return err
}

func (f *fuser) newUnit(c *cluster, launches ...*Launch) *unit {
	u := &unit{at: len(f.units), cluster: c, launches: launches}
	f.units = append(f.units, u)
	return u
}

func (f *fuser) newBuffer(name string, class Class, t ir.DType, n int) *Buffer {
	b := &Buffer{ID: len(f.out.Buffers), Name: name, Class: class, DType: t, Len: n}
	f.out.Buffers = append(f.out.Buffers, b)
	return b
}

// placeAll gives every stored value its storage before kernels are formed, readers first:
// roots at their destinations, pieces inside the concat they are joined into, and values
// whose only reader wants another axis order in that order.
func (f *fuser) placeAll(roots []Root) {
	for _, r := range roots {
		v := base(r.Value)
		if r.Dest == nil || !f.stored[v] {
			continue
		}
		if _, taken := f.storage[v]; !taken {
			f.placeAt(r.Value, View{r.Dest, r.Value.Shape(), ir.Strides(r.Value.Shape()), r.At})
		}
	}
	for i := len(f.order) - 1; i >= 0; i-- {
		v := f.order[i]
		if !f.stored[v] || v.Op == ir.OpInterleave || f.rounded[v] || f.written[v] {
			continue
		}
		if _, ok := f.storage[v]; !ok && !f.placeForReader(v) {
			f.storage[v] = contiguous(f.newBuffer(name(v), Temp, v.Type.DType, v.Len()), v.Shape())
		}
		switch v.Op {
		case ir.OpConcat:
			f.placePieces(v)
		case ir.OpPack:
			f.round(v)
		}
	}
}

// placeAt stores the value below v so that v itself has view w, if it can be.
func (f *fuser) placeAt(v *ir.Value, w View) bool {
	ok := true
	for ok && isView(v) {
		w, ok = w.invert(v)
		v = v.Args[0]
	}
	if _, taken := f.storage[v]; !ok || taken || !f.stored[v] || f.plain[v] || v.Type.DType != ir.F32 && v.Op != ir.OpPack {
		return false
	}
	switch {
	case v.Op.Class() == ir.Opaque && v.Op != ir.OpMatMul && v.Op != ir.OpConcat: // these write contiguous results
		if !w.isContiguous() {
			return false
		}
	case v.Op == ir.OpMatMul || v.Op == ir.OpPack || f.sums[v] != nil: // and these rows of unit stride
		if n := v.Rank(); w.Strides[n-1] != 1 && v.Shape()[n-1] > 1 {
			return false
		}
	}
	f.storage[v] = w
	return true
}

// placePieces lets the arguments of a concat be written into it directly.
func (f *fuser) placePieces(v *ir.Value) {
	for i, w := range f.pieces(v) {
		if x := v.Args[i]; !slices.Contains(v.Args[:i], x) {
			f.placeAt(x, w)
		}
	}
}

// pieces gives the part of a concat's storage that each argument has.
func (f *fuser) pieces(v *ir.Value) []View {
	out := make([]View, len(v.Args))
	for i := range v.Args {
		out[i] = f.storage[v].piece(v, i)
	}
	return out
}

// placeForReader looks for a reader that sees v through a permutation and a reshape which
// strides over a row-major v cannot express, and stores v in the order it wants.
func (f *fuser) placeForReader(v *ir.Value) bool {
	if v.Op != ir.OpMatMul && v.Op != ir.OpConcat && v.Op != ir.OpPack && f.sums[v] == nil {
		return false
	}
	var search func(x *ir.Value, w View, depth int) bool
	search = func(x *ir.Value, w View, depth int) bool {
		for _, u := range f.views[x] {
			if depth > 3 {
				return false
			}
			next, ok := w.apply(u)
			if !ok {
				n := u.Len()
				return f.placeAt(u, contiguous(f.newBuffer(name(v), Temp, v.Type.DType, n), u.Shape()))
			}
			if (u.Op == ir.OpReshape || u.Op == ir.OpTranspose) && search(u, next, depth+1) {
				return true
			}
		}
		return false
	}
	return search(v, contiguous(nil, v.Shape()), 0)
}

// name describes a value for buffers and comments.
func name(v *ir.Value) string {
	if v.Attr.Name != "" {
		return v.Attr.Name
	}
	if v.Label != "" {
		return v.Label + " " + v.Op.String()
	}
	return v.Op.String()
}

// view gives the place of an in-memory value; ok is false where strides cannot express it.
func (f *fuser) view(v *ir.Value) (View, bool) {
	if c, ok := f.copy(v); ok {
		return c.view, true
	}
	if isView(v) {
		w, ok := f.view(v.Args[0])
		if !ok {
			return View{}, false
		}
		return w.apply(v)
	}
	if v.Op == ir.OpInterleave {
		return f.copies[v].view, true
	}
	if w, ok := f.storage[v]; ok {
		return w, true
	}
	w := f.leafView(v)
	f.storage[v] = w
	return w, true
}

func (f *fuser) leafView(v *ir.Value) View {
	switch v.Op {
	case ir.OpTable:
		b := f.newBuffer("table", Const, v.Type.DType, v.Len())
		b.Data = v.Attr.Table
		return contiguous(b, v.Shape())
	case ir.OpIota:
		w := View{f.counting(v.Shape()[v.Attr.Axis]), v.Shape(), make([]int, v.Rank()), 0}
		w.Strides[v.Attr.Axis] = 1
		return w
	case ir.OpConst:
		b := f.newBuffer("splat", Const, v.Type.DType, 1)
		b.Data = []float64{v.Attr.Const}
		return View{b, v.Shape(), make([]int, v.Rank()), 0}
	}
	b := f.leaf(v)
	if !slices.Contains(f.out.Buffers, b) {
		f.out.Buffers = append(f.out.Buffers, b)
	}
	f.out.Leaves[v] = b
	return contiguous(b, v.Shape())
}

// counting is a constant buffer 0, 1, ... of at least n elements.
func (f *fuser) counting(n int) *Buffer {
	for _, b := range f.tables {
		if b.Len >= n {
			return b
		}
	}
	b := f.newBuffer("iota", Const, ir.F32, n)
	for i := range n {
		b.Data = append(b.Data, float64(i))
	}
	f.tables = append(f.tables, b)
	return b
}

// readable gives a view of v, copying first where strides cannot express it, and the unit
// that must have run before.
func (f *fuser) readable(v *ir.Value) (View, *unit) {
	if x := base(v); x.Op == ir.OpInterleave {
		f.interleave(x)
	}
	if w, ok := f.view(v); ok {
		if f.plain[v] && !w.isContiguous() {
			f.copyOf(v)
			return f.readable(v)
		}
		return w, f.producer(v)
	}
	x := v // copy the last value on the way that strides do express
	for {
		if _, ok := f.view(x.Args[0]); ok {
			break
		}
		x = x.Args[0]
	}
	f.copyOf(x)
	return f.readable(v)
}

// copyReach is how many units a copy serves: making it again costs less than keeping it in
// memory all that time. Copies of inputs and parameters serve the whole run.
const copyReach = 40

// copy gives the copy of v that is to be read, if there is one.
func (f *fuser) copy(v *ir.Value) (copied, bool) {
	c, ok := f.copies[v]
	return c, ok && (len(f.units)-c.unit.at <= copyReach || lasting(v))
}

// lasting reports whether v is an input or a parameter, seen through views and packing.
func lasting(v *ir.Value) bool {
	for isView(v) || v.Op == ir.OpPack || v.Op == ir.OpInterleave {
		v = v.Args[0]
	}
	return v.Op.Class() == ir.Leaf
}

// copyOf makes a contiguous copy of a view.
func (f *fuser) copyOf(x *ir.Value) View {
	dst := contiguous(f.newBuffer(name(x)+" copy", Temp, x.Type.DType, x.Len()), x.Shape())
	u := f.copyTo(x, dst)
	f.copies[x] = copied{dst, u}
	return dst
}

// copyTo copies an in-memory value to a place. A reshape that strides cannot express is
// copied from its argument, in the same row-major order.
func (f *fuser) copyTo(x *ir.Value, dst View) *unit {
	src := x
	if w, ok := f.view(x); ok {
		return f.newUnit(&cluster{n: x.Len(), moves: []move{{x, w, dst}}})
	}
	src = x.Args[0]
	w, _ := f.readable(src)
	return f.newUnit(&cluster{n: x.Len(), moves: []move{{x, w, dst}}})
}

// producer is the last unit that writes what v reads.
func (f *fuser) producer(v *ir.Value) *unit {
	for {
		if c, ok := f.copy(v); ok {
			return c.unit
		}
		if !isView(v) {
			return f.unitOf[v]
		}
		v = v.Args[0]
	}
}

// emit forms the unit of a stored value.
func (f *fuser) emit(v *ir.Value) {
	if f.written[v] {
		f.unitOf[v] = f.lastWriter(v)
		return
	}
	switch v.Op {
	case ir.OpMatMul:
		f.products(v, []*ir.Value{v})
	case ir.OpGather, ir.OpScatterAdd, ir.OpArgSort:
		f.unitOf[v] = f.newUnit(nil, f.indexing(v)...)
	case ir.OpConcat:
		f.concat(v)
	case ir.OpPad:
		f.pad(v)
	case ir.OpInterleave: // when it is read
	default:
		if ms := f.sums[v]; ms != nil {
			f.products(v, ms)
		} else {
			f.cluster(v)
		}
	}
}

// concat copies the pieces that were not written in place.
func (f *fuser) concat(v *ir.Value) {
	var last *unit
	for i, dst := range f.pieces(v) {
		x := v.Args[i]
		src, u := f.readable(x)
		if !src.same(dst) {
			u = f.newUnit(&cluster{n: x.Len(), moves: []move{{x, src, dst}}})
		}
		if u != nil && (last == nil || u.at > last.at) {
			last = u
		}
	}
	f.unitOf[v] = last
}

// lastWriter is the last unit of the products that v is made up of.
func (f *fuser) lastWriter(v *ir.Value) *unit {
	var last *unit
	for _, x := range v.Args {
		if u := f.unitOf[base(x)]; last == nil || u.at > last.at {
			last = u
		}
	}
	return last
}

// pad writes zeros and copies the argument between them.
func (f *fuser) pad(v *ir.Value) {
	dst := f.storage[v]
	f.newUnit(nil, &Launch{Kind: ZeroKind, Operands: []Access{{Buf: dst.Buf, Offset: dst.Offset, Write: true}},
		Sizes: []int{v.Len()}, Values: []*ir.Value{v}, Bytes: 4 * v.Len(), Note: "the zeros around a padded tensor"})
	hi := make([]int, v.Rank())
	for i, n := range v.Args[0].Shape() {
		hi[i] = v.Attr.Lo[i] + (n-1)*v.Attr.Step[i] + 1
	}
	src, _ := f.readable(v.Args[0])
	f.unitOf[v] = f.newUnit(&cluster{n: v.Args[0].Len(), moves: []move{{v.Args[0], src, dst.slice(v.Attr.Lo, hi, v.Attr.Step)}}})
}

// finish makes sure that a root lies where it is wanted.
func (f *fuser) finish(r Root) {
	v := r.Value
	if v.Len() == 0 {
		f.out.Roots = append(f.out.Roots, contiguous(f.newBuffer(r.Name, Output, v.Type.DType, 0), v.Shape()))
		return
	}
	if v.Op == ir.OpConst {
		if r.Dest == nil {
			r.Dest = f.newBuffer(r.Name, Output, v.Type.DType, v.Len())
		}
		src := f.leafView(v)
		dst := View{r.Dest, v.Shape(), ir.Strides(v.Shape()), r.At}
		f.newUnit(&cluster{n: v.Len(), moves: []move{{v, src, dst}}})
		f.out.Roots = append(f.out.Roots, dst)
		return
	}
	w, _ := f.readable(v)
	want := w
	switch {
	case r.Dest != nil:
		want = View{r.Dest, v.Shape(), ir.Strides(v.Shape()), r.At}
	case !w.isContiguous() || w.Buf.Class != Temp:
		want = contiguous(f.newBuffer(r.Name, Output, v.Type.DType, v.Len()), v.Shape())
	default:
		w.Buf.Class = Output
	}
	if want.Buf != w.Buf || want.Offset != w.Offset || !w.isContiguous() {
		f.newUnit(&cluster{n: v.Len(), moves: []move{{v, w, want}}})
	}
	f.out.Roots = append(f.out.Roots, want)
}

func (l *Launch) String() string {
	return fmt.Sprintf("%s %s", l.Kind, name(l.Main()))
}
