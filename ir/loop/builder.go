package loop

// Builder appends statements to the innermost open block of a kernel.
type Builder struct {
	Kernel  *Kernel
	Lanes   int
	out     *[]Stmt
	v, p, n int // registers made so far
}

// NewBuilder begins a kernel for a machine, with the names of its operands and of its run-time counts.
func NewBuilder(t Machine, operands, counts []string) *Builder {
	k := &Kernel{Lanes: t.Lanes, Operands: operands, Counts: counts}
	return &Builder{Kernel: k, Lanes: t.Lanes, out: &k.Body}
}

// Emit appends a statement.
func (b *Builder) Emit(s Stmt) { *b.out = append(*b.out, s) }

// Comment appends a line for readers of the printed code.
func (b *Builder) Comment(text string) { b.Emit(&Comment{text}) }

// NewV is a fresh vector register.
func (b *Builder) NewV() V { b.v++; return V(b.v - 1) }

func (b *Builder) newP() P { b.p++; return P(b.p - 1) }
func (b *Builder) newN() N { b.n++; return N(b.n - 1) }

// Step advances a pointer by a number of elements.
func (b *Builder) Step(p P, elems int) { b.move(p, p, elems) }

// Imm is a constant argument, rounded to float32; Reg a register; At the address of an element, and Indexed with an index.
func Imm(x float64) Arg                 { return Arg{Const: true, Imm: float32(x)} }
func Reg(v V) Arg                       { return Arg{V: v} }
func At(p P, off int) Mem               { return Mem{p, NoIndex, off} }
func Indexed(p P, index N, off int) Mem { return Mem{p, index, off} }

// Into lets f append to another block.
func (b *Builder) Into(body *[]Stmt, f func()) {
	saved := b.out
	b.out = body
	f()
	b.out = saved
}

// Base is a pointer to the beginning of an operand.
func (b *Builder) Base(operand int) P {
	p := b.newP()
	b.Emit(&Scalar{Op: OpBase, P: p, Value: operand})
	return p
}

func (b *Builder) move(p, from P, elems int) {
	if p != from || elems != 0 {
		b.Emit(&Scalar{Op: OpMove, P: p, From: from, Value: elems})
	}
}

// CopyP is a fresh pointer, some elements after another.
func (b *Builder) CopyP(from P, elems int) P {
	p := b.newP()
	b.move(p, from, elems)
	return p
}

// Count is a counter that begins with run-time count i.
func (b *Builder) Count(i int) N { return b.CountLess(i, 0) }

// CountLess is a count without the first so many.
func (b *Builder) CountLess(i, less int) N {
	n := b.newN()
	b.Emit(&Scalar{Op: OpCount, N: n, Value: i, Less: less})
	return n
}

// Up runs f for n = 0, step, ... below limit; a single pass needs no loop and
// gets NoIndex.
func (b *Builder) Up(label string, limit, step int, f func(n N)) {
	if limit <= 0 {
		return
	}
	if limit == step {
		f(NoIndex)
		return
	}
	l := &Loop{Label: label, N: b.newN(), Limit: limit, Step: step}
	b.Into(&l.Body, func() { f(l.N) })
	b.Emit(l)
}

// Down runs f while n is at least step, and lowers n by step after each run.
func (b *Builder) Down(label string, n N, step int, f func()) {
	l := &Loop{Label: label, N: n, Down: true, Step: step}
	b.Into(&l.Body, f)
	b.Emit(l)
}

// Op appends an elementwise instruction with a fresh result, or computes it
// now where all arguments are constants.
func (b *Builder) Op(op Op, args ...Arg) Arg {
	if x, ok := fold(op, args); ok {
		return x
	}
	d := b.NewV()
	b.OpTo(d, op, args...)
	return Reg(d)
}

// OpTo appends an elementwise instruction with its result in d.
func (b *Builder) OpTo(d V, op Op, args ...Arg) {
	b.Emit(&Instr{Op: op, Dst: d, Args: args})
}

func fold(op Op, args []Arg) (Arg, bool) {
	e, ok := elementwiseOps[op]
	if !ok || op == OpMov {
		return Arg{}, false
	}
	x := make([]float32, len(args))
	for i, a := range args {
		if !a.Const {
			return Arg{}, false
		}
		x[i] = a.Imm
	}
	return Arg{Const: true, Imm: e.eval(x)}, true
}

// Load loads the first lanes elements, stride apart, those of i32 converted.
func (b *Builder) Load(m Mem, stride, lanes int, i32 bool) V {
	d := b.NewV()
	b.Emit(&Instr{Op: OpLoad, Dst: d, Mem: m, Stride: stride, Lanes: b.partial(lanes), Int: i32})
	return d
}

// LoadHalf loads bf16 elements.
func (b *Builder) LoadHalf(m Mem, lanes int) V {
	d := b.NewV()
	b.Emit(&Instr{Op: OpLoad, Dst: d, Mem: m, Stride: 1, Lanes: b.partial(lanes), Half: true})
	return d
}

// StoreHalf stores elements rounded to bf16.
func (b *Builder) StoreHalf(x Arg, m Mem, lanes int) {
	b.Emit(&Instr{Op: OpStore, Args: []Arg{x}, Mem: m, Stride: 1, Lanes: b.partial(lanes), Half: true})
}

// Bcast loads one element into all lanes.
func (b *Builder) Bcast(m Mem, i32 bool) V {
	d := b.NewV()
	b.Emit(&Instr{Op: OpBcast, Dst: d, Mem: m, Int: i32})
	return d
}

// Store stores the first lanes elements, stride apart, those of i32 converted.
func (b *Builder) Store(x Arg, m Mem, stride, lanes int, i32 bool) {
	b.Emit(&Instr{Op: OpStore, Args: []Arg{x}, Mem: m, Stride: stride, Lanes: b.partial(lanes), Int: i32})
}

// Prefetch asks for the cache line of an element.
func (b *Builder) Prefetch(m Mem) { b.Emit(&Instr{Op: OpPrefetch, Mem: m}) }

// partial is the Lanes of an instruction on the first n lanes.
func (b *Builder) partial(n int) int {
	if n == b.Lanes {
		return 0
	}
	return n
}
