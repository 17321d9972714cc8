package loop

// builder appends statements to the innermost open block of a kernel.
type builder struct {
	k       *Kernel
	lanes   int
	out     *[]Stmt
	v, p, n int // registers made so far
}

func newBuilder(t Machine, operands, counts []string) *builder {
	k := &Kernel{Lanes: t.Lanes, Operands: operands, Counts: counts}
	return &builder{k: k, lanes: t.Lanes, out: &k.Body}
}

func (b *builder) emit(s Stmt)         { *b.out = append(*b.out, s) }
func (b *builder) comment(text string) { b.emit(&Comment{text}) }
func (b *builder) newV() V             { b.v++; return V(b.v - 1) }
func (b *builder) newP() P             { b.p++; return P(b.p - 1) }
func (b *builder) newN() N             { b.n++; return N(b.n - 1) }
func (b *builder) step(p P, elems int) { b.move(p, p, elems) }
func imm(x float64) Arg                { return Arg{Const: true, Imm: float32(x)} }
func reg(v V) Arg                      { return Arg{V: v} }
func at(p P, off int) Mem              { return Mem{p, NoIndex, off} }
func (b *builder) into(body *[]Stmt, f func()) {
	saved := b.out
	b.out = body
	f()
	b.out = saved
}

func (b *builder) base(operand int) P {
	p := b.newP()
	b.emit(&Scalar{Op: OpBase, P: p, Value: operand})
	return p
}

func (b *builder) move(p, from P, elems int) {
	if p != from || elems != 0 {
		b.emit(&Scalar{Op: OpMove, P: p, From: from, Value: elems})
	}
}

func (b *builder) copyP(from P, elems int) P {
	p := b.newP()
	b.move(p, from, elems)
	return p
}

func (b *builder) count(i int) N { return b.countLess(i, 0) }

// countLess is a count without the first so many.
func (b *builder) countLess(i, less int) N {
	n := b.newN()
	b.emit(&Scalar{Op: OpCount, N: n, Value: i, Less: less})
	return n
}

// up runs f for n = 0, step, ... below limit; a single pass needs no loop and
// gets NoIndex.
func (b *builder) up(label string, limit, step int, f func(n N)) {
	if limit <= 0 {
		return
	}
	if limit == step {
		f(NoIndex)
		return
	}
	l := &Loop{Label: label, N: b.newN(), Limit: limit, Step: step}
	b.into(&l.Body, func() { f(l.N) })
	b.emit(l)
}

func (b *builder) down(label string, n N, step int, f func()) {
	l := &Loop{Label: label, N: n, Down: true, Step: step}
	b.into(&l.Body, f)
	b.emit(l)
}

// op appends an elementwise instruction with a fresh result, or computes it
// now where all arguments are constants.
func (b *builder) op(op Op, args ...Arg) Arg {
	if x, ok := fold(op, args); ok {
		return x
	}
	d := b.newV()
	b.opTo(d, op, args...)
	return reg(d)
}

func (b *builder) opTo(d V, op Op, args ...Arg) {
	b.emit(&Instr{Op: op, Dst: d, Args: args})
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

func (b *builder) load(m Mem, stride, lanes int, i32 bool) V {
	d := b.newV()
	b.emit(&Instr{Op: OpLoad, Dst: d, Mem: m, Stride: stride, Lanes: b.partial(lanes), Int: i32})
	return d
}

// loadHalf loads bf16 elements.
func (b *builder) loadHalf(m Mem, lanes int) V {
	d := b.newV()
	b.emit(&Instr{Op: OpLoad, Dst: d, Mem: m, Stride: 1, Lanes: b.partial(lanes), Half: true})
	return d
}

// storeHalf stores elements rounded to bf16.
func (b *builder) storeHalf(x Arg, m Mem, lanes int) {
	b.emit(&Instr{Op: OpStore, Args: []Arg{x}, Mem: m, Stride: 1, Lanes: b.partial(lanes), Half: true})
}

func (b *builder) bcast(m Mem, i32 bool) V {
	d := b.newV()
	b.emit(&Instr{Op: OpBcast, Dst: d, Mem: m, Int: i32})
	return d
}

func (b *builder) store(x Arg, m Mem, stride, lanes int, i32 bool) {
	b.emit(&Instr{Op: OpStore, Args: []Arg{x}, Mem: m, Stride: stride, Lanes: b.partial(lanes), Int: i32})
}

func (b *builder) prefetch(m Mem) { b.emit(&Instr{Op: OpPrefetch, Mem: m}) }

// partial is the Lanes of an instruction on the first n lanes.
func (b *builder) partial(n int) int {
	if n == b.lanes {
		return 0
	}
	return n
}
