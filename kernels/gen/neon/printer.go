package neon

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mspecc/ir/loop"
	"mspecc/kernels/gen/asm"
)

// General registers. R18 belongs to the operating system, R27 to the assembler, R28 and above to Go.
const (
	argsReg   = "R0"  // *runtime.Args
	memReg    = "R1"  // start of the arena
	scratch   = "R24" // for a moment
	addrReg   = "R25" // for a moment, addresses
	tableReg  = "R26" // the constants
	argsOff   = 24    // of Off in runtime.Args
	argsN     = argsOff + 24*8
	floatSize = 4
	halfSize  = 2
)

// general are the registers of pointers and counters, and of distances.
var general = []string{"R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15", "R16", "R17",
	"R19", "R20", "R21", "R22", "R23"}

// vec is a vector register. Those from firstTemp are for the printer, within an instruction of the IR.
type vec int

const (
	temp0 vec = iota + firstTemp
	temp1
	temp2
	firstTemp = 29
)

// words are the lanes of a constant.
type words [4]uint32

func fill(w uint32) words { return words{w, w, w, w} }

// printer writes one kernel.
type printer struct {
	k       *loop.Kernel
	text    strings.Builder
	labels  map[string]int
	vectors int                 // registers of the IR
	limit   vec                 // of the registers for it and for constants
	place   map[asm.Name]string // the register, or the slot in the stack frame, of a pointer or counter
	frame   int                 // bytes of it
	weight  int                 // of the loops around what is printed

	table     []words       // constants in memory
	constants map[words]int // how often one was needed in a register, by weight
	kept      map[words]vec // those that have a register throughout
	free      []string      // general registers
	distances map[int]int   // how often a number of bytes was needed in a register, by weight
	far       map[int]string
}

func newPrinter(k *loop.Kernel) *printer {
	vectors, dots := 0, false
	u := asm.Uses{Index: 1, See: func(s *loop.Instr) {
		dots = dots || s.Op == loop.OpDot
		vectors = max(vectors, vectorsOf(s))
	}}
	ranked := u.Rank(k)
	p := &printer{k: k, labels: map[string]int{}, vectors: vectors, limit: firstTemp, place: map[asm.Name]string{}, weight: 1, constants: map[words]int{},
		kept: map[words]vec{}, free: general, distances: map[int]int{}, far: map[int]string{}}
	if dots {
		p.limit = dotTemp0
	}
	for _, n := range ranked {
		if len(p.free) > 0 {
			p.place[n], p.free = p.free[0], p.free[1:]
			continue
		}
		p.frame += 8
		class := "p"
		if n.Counter {
			class = "n"
		}
		p.place[n] = fmt.Sprintf("%s%d-%d(SP)", class, n.ID, p.frame)
	}
	return p
}

// vectorsOf is how many vector registers there are up to the last one that an instruction names.
func vectorsOf(s *loop.Instr) (n int) {
	for _, a := range s.Args {
		if !a.Const {
			n = max(n, int(a.V)+1)
		}
	}
	for _, v := range s.Block {
		n = max(n, int(v)+1)
	}
	if s.Op.HasResult() {
		n = max(n, int(s.Dst)+1)
	}
	return n
}

// keep gives the registers that are left to what another text of the kernel needed most often in loops.
func (p *printer) keep(other *printer) {
	for i, w := range mostNeeded(other.constants, func(a, b words) int { return slices.Compare(a[:], b[:]) }) {
		v := vec(p.vectors + i)
		if v == p.limit {
			break
		}
		p.kept[w] = v
	}
	for _, n := range mostNeeded(other.distances, cmp.Compare[int]) {
		if len(p.free) == 0 {
			break
		}
		p.far[n], p.free = p.free[0], p.free[1:]
	}
}

// mostNeeded lists what is needed in loops, the most important first.
func mostNeeded[T comparable](weights map[T]int, compare func(a, b T) int) []T {
	maps.DeleteFunc(weights, func(_ T, weight int) bool { return weight < asm.InLoop })
	return slices.SortedFunc(maps.Keys(weights), func(a, b T) int { return cmp.Or(cmp.Compare(weights[b], weights[a]), compare(a, b)) })
}

// function is the whole text: head, what is kept in registers, body and constants.
func (p *printer) function() string {
	var b strings.Builder
	b.WriteString("\n")
	for _, d := range p.k.Doc {
		b.WriteString("// " + d + "\n")
	}
	fmt.Fprintf(&b, "// func %s(a *runtime.Args)\nTEXT ·%s(SB), NOSPLIT, $%d-8\n", p.k.Name, p.k.Name, p.frame)
	body := p.text.String()
	p.text.Reset()
	p.linef("MOVD a+0(FP), %s", argsReg)
	p.linef("MOVD (%s), %s", argsReg, memReg)
	for _, n := range slices.Sorted(maps.Keys(p.far)) {
		p.linef("MOVD $%d, %s", n, p.far[n])
	}
	prologue := p.text.String()
	p.text.Reset()
	for _, w := range slices.SortedFunc(maps.Keys(p.kept), func(a, b words) int { return cmp.Compare(p.kept[a], p.kept[b]) }) {
		p.fill(w, p.kept[w])
	}
	constants := "constants_" + p.k.Name + "<>"
	b.WriteString(prologue)
	if len(p.table) > 0 {
		fmt.Fprintf(&b, "\tMOVD $%s(SB), %s\n", constants, tableReg)
	}
	b.WriteString(p.text.String())
	b.WriteString(body)
	b.WriteString("\tRET\n")
	if len(p.table) > 0 {
		b.WriteString("\n")
		for i, w := range p.table {
			for j := range 2 {
				fmt.Fprintf(&b, "DATA %s+%d(SB)/8, $0x%08x%08x\n", constants, 16*i+8*j, w[2*j+1], w[2*j])
			}
		}
		fmt.Fprintf(&b, "GLOBL %s(SB), RODATA|NOPTR, $%d\n", constants, 16*len(p.table))
	}
	return b.String()
}

func (p *printer) linef(format string, args ...any) {
	fmt.Fprintf(&p.text, "\t"+format+"\n", args...)
}

// word writes an instruction that Go's assembler does not know.
func (p *printer) word(name string, d, n, m vec, lane int) {
	w, text := encode(name, int(d), int(n), int(m), lane)
	p.linef("WORD $0x%08x // %s", w, text)
}

func (p *printer) label(name string) string {
	p.labels[name]++
	if n := p.labels[name]; n > 1 {
		return fmt.Sprintf("%s_%d", name, n)
	}
	return name
}

func (p *printer) block(body []loop.Stmt) error {
	for i := 0; i < len(body); i++ {
		if n := p.several(body[i:]); n > 0 {
			i += n - 1
			continue
		}
		var err error
		switch s := body[i].(type) {
		case *loop.Comment:
			p.linef("// %s", s.Text)
		case *loop.Scalar:
			p.scalar(s)
		case *loop.Instr:
			err = p.instr(s)
		case *loop.Loop:
			err = p.loop(s)
		case *loop.If:
			err = p.branch(s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Counters are in bytes, so that they can be added to addresses.

func (p *printer) loop(l *loop.Loop) error {
	n, head := asm.Counter(l.N), p.label(l.Label)
	p.weight *= asm.InLoop
	defer func(w int) { p.weight = w }(p.weight / asm.InLoop)
	if !l.Down {
		p.set(n, func(r string) { p.linef("MOVD $0, %s", r) })
		p.text.WriteString(head + ":\n")
		if err := p.block(l.Body); err != nil {
			return err
		}
		p.set(n, func(r string) {
			p.linef("ADD $%d, %s, %s", floatSize*l.Step, p.register(n, r), r)
			p.linef("CMP $%d, %s", floatSize*l.Limit, r)
		})
		p.linef("BLT %s", head)
		return nil
	}
	end := head + "_end"
	p.linef("CMP $%d, %s", floatSize*l.Step, p.register(n, scratch))
	p.linef("BLT %s", end)
	p.text.WriteString(head + ":\n")
	if err := p.block(l.Body); err != nil {
		return err
	}
	p.set(n, func(r string) {
		p.linef("SUB $%d, %s, %s", floatSize*l.Step, p.register(n, r), r)
		p.linef("CMP $%d, %s", floatSize*l.Step, r)
	})
	p.linef("BGE %s", head)
	p.text.WriteString(end + ":\n")
	return nil
}

func (p *printer) branch(s *loop.If) error {
	name := p.label(s.Label)
	end, other := name+"_end", name+"_else"
	if len(s.Else) == 0 {
		other = end
	}
	p.linef("CMP $%d, %s", floatSize*s.Equal, p.register(asm.Counter(s.N), scratch))
	p.linef("BNE %s", other)
	if err := p.block(s.Then); err != nil {
		return err
	}
	if len(s.Else) > 0 {
		p.linef("B %s", end)
		p.text.WriteString(other + ":\n")
		if err := p.block(s.Else); err != nil {
			return err
		}
	}
	p.text.WriteString(end + ":\n")
	return nil
}

func (p *printer) scalar(s *loop.Scalar) {
	switch s.Op {
	case loop.OpCount:
		p.set(asm.Counter(s.N), func(r string) {
			p.linef("MOVD %d(%s), %s", argsN+8*s.Value, argsReg, r)
			if s.Less != 0 {
				p.linef("SUB $%d, %s, %s", s.Less, r, r)
			}
			p.linef("LSL $2, %s, %s", r, r)
		})
	case loop.OpBase:
		p.set(asm.Pointer(s.P), func(r string) {
			p.linef("MOVD %d(%s), %s", argsOff+8*s.Value, argsReg, r)
			p.linef("ADD %s<<2, %s, %s", r, memReg, r)
		})
	case loop.OpMove:
		p.set(asm.Pointer(s.P), func(r string) { p.add(floatSize*s.Value, p.register(asm.Pointer(s.From), r), r) })
	}
}

// add sets a register to another and so many bytes.
func (p *printer) add(bytes int, from, to string) {
	const most = 1 << 12 // that an instruction holds
	switch {
	case bytes == 0:
		if from != to {
			p.linef("MOVD %s, %s", from, to)
		}
	case bytes < most && bytes > -most:
		p.linef("ADD $%d, %s, %s", bytes, from, to)
	default:
		p.linef("ADD %s, %s, %s", p.distance(bytes, scratch), from, to)
	}
}

// distance is a register that holds a number of bytes, r if there is no other.
func (p *printer) distance(bytes int, r string) string {
	if far, ok := p.far[bytes]; ok {
		return far
	}
	p.distances[bytes] += p.weight
	p.linef("MOVD $%d, %s", bytes, r)
	return r
}

// register is where a pointer or counter is, or r, to which it is loaded.
func (p *printer) register(n asm.Name, r string) string {
	place := p.place[n]
	if !strings.HasSuffix(place, ")") {
		return place
	}
	p.linef("MOVD %s, %s", place, r)
	return r
}

// set writes a pointer or counter, by way of a scratch register if it is in the stack frame.
func (p *printer) set(n asm.Name, f func(r string)) {
	place := p.place[n]
	if !strings.HasSuffix(place, ")") {
		f(place)
		return
	}
	f(addrReg)
	p.linef("MOVD %s, %s", addrReg, place)
}

// fill loads a constant into a register.
func (p *printer) fill(w words, d vec) {
	if w == (words{}) {
		p.linef("VEOR V%[1]d.B16, V%[1]d.B16, V%[1]d.B16", d)
		return
	}
	i := slices.Index(p.table, w)
	if i < 0 {
		i = len(p.table)
		p.table = append(p.table, w)
	}
	p.linef("FMOVQ %d(%s), F%d", 16*i, tableReg, d)
}

// constant is a register that holds a constant, t if there is no other.
func (p *printer) constant(w words, t vec) vec {
	if v, ok := p.kept[w]; ok {
		return v
	}
	p.constants[w] += p.weight
	p.fill(w, t)
	return t
}

// bits is a constant of the same bits in all lanes.
func (p *printer) bits(w uint32, t vec) vec { return p.constant(fill(w), t) }
