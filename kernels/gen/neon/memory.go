package neon

import (
	"fmt"

	"mspecc/ir/loop"
	"mspecc/kernels/gen/asm"
)

func active(s *loop.Instr) int {
	if s.Lanes > 0 {
		return s.Lanes
	}
	return Machine.Lanes
}

// place is an address: a register and so many bytes more.
type place struct {
	reg string
	off int
}

func (a place) String() string {
	if a.off == 0 {
		return "(" + a.reg + ")"
	}
	return fmt.Sprintf("%d(%s)", a.off, a.reg)
}

// after is the address so many bytes further.
func (a place) after(bytes int) place { return place{a.reg, a.off + bytes} }

// address is that of an access; with an index it takes the address register.
func (p *printer) address(m loop.Mem, half bool) place {
	base, size := p.register(asm.Pointer(m.P), addrReg), floatSize
	if half {
		size = halfSize
	}
	if m.Index != loop.NoIndex {
		index := p.register(asm.Counter(m.Index), scratch)
		if half {
			index += ">>1"
		}
		p.linef("ADD %s, %s, %s", index, base, addrReg)
		base = addrReg
	}
	return place{base, size * m.Off}
}

// direct is an address without anything added, in the address register if it has to be computed.
func (p *printer) direct(a place) string {
	if a.off == 0 {
		return a.reg
	}
	p.add(a.off, a.reg, addrReg)
	return addrReg
}

// several writes accesses to vectors that lie one behind the other as one instruction, with a move of
// the pointer that follows them. It says how many statements it wrote.
func (p *printer) several(body []loop.Stmt) int {
	first, ok := body[0].(*loop.Instr)
	if !ok || !whole(first) || p.onStack(first.Mem.P) {
		return 0
	}
	n := 1
	for n < len(body) && n < 4 {
		s, ok := body[n].(*loop.Instr)
		if !ok || !whole(s) || s.Op != first.Op || s.Mem.P != first.Mem.P || s.Mem.Off != first.Mem.Off+n*Machine.Lanes ||
			data(s) != data(first)+vec(n) {
			break
		}
		n++
	}
	move, post := 0, false
	if n < len(body) {
		if s, ok := body[n].(*loop.Scalar); ok && s.Op == loop.OpMove && s.P == s.From && s.P == first.Mem.P {
			move, post = floatSize*s.Value, s.Value != 0
		}
	}
	if first.Mem.Off != 0 || n == 1 && !post {
		return p.two(body)
	}
	list, suffix, at := "", "", "("+p.place[asm.Pointer(first.Mem.P)]+")"
	for i := range n {
		list += fmt.Sprintf(", V%d.S4", data(first)+vec(i))
	}
	list = "[" + list[2:] + "]"
	if post {
		suffix = ".P"
		if size := 4 * floatSize * n; move == size {
			at = fmt.Sprintf("%d%s", size, at)
		} else {
			at += "(" + p.distance(move, scratch) + ")"
		}
	}
	if first.Op == loop.OpLoad {
		p.linef("VLD1%s %s, %s", suffix, at, list)
	} else {
		p.linef("VST1%s %s, %s", suffix, list, at)
	}
	if post {
		n++
	}
	return n
}

// two writes accesses to two vectors next to each other, with any registers.
func (p *printer) two(body []loop.Stmt) int {
	if len(body) < 2 {
		return 0
	}
	first := body[0].(*loop.Instr)
	s, ok := body[1].(*loop.Instr)
	const most = 64 * 16
	off := floatSize * first.Mem.Off
	if !ok || !whole(s) || s.Op != first.Op || s.Mem.P != first.Mem.P || s.Mem.Off != first.Mem.Off+Machine.Lanes ||
		off%16 != 0 || off < -most || off >= most || first.Op == loop.OpLoad && s.Dst == first.Dst {
		return 0
	}
	at := place{p.place[asm.Pointer(first.Mem.P)], off}
	if first.Op == loop.OpLoad {
		p.linef("FLDPQ %s, (F%d, F%d)", at, data(first), data(s))
	} else {
		p.linef("FSTPQ (F%d, F%d), %s", data(first), data(s), at)
	}
	return 2
}

// whole reports whether an instruction loads or stores all lanes as they are, without an index.
func whole(s *loop.Instr) bool {
	return (s.Op == loop.OpLoad || s.Op == loop.OpStore && !s.Args[0].Const) && s.Lanes == 0 && s.Stride == 1 && !s.Int && !s.Half &&
		s.Mem.Index == loop.NoIndex
}

// data is the register that is loaded or stored.
func data(s *loop.Instr) vec {
	if s.Op == loop.OpLoad {
		return vec(s.Dst)
	}
	return vec(s.Args[0].V)
}

func (p *printer) onStack(ptr loop.P) bool {
	place := p.place[asm.Pointer(ptr)]
	return place[len(place)-1] == ')'
}

func (p *printer) load(s *loop.Instr) {
	d, n := vec(s.Dst), active(s)
	switch {
	case s.Half:
		p.loadHalves(p.address(s.Mem, true), n, d)
		return
	case n == Machine.Lanes && s.Stride == 1 && s.Mem.Index != loop.NoIndex && s.Mem.Off == 0:
		p.indexed("ldr", s.Mem, d)
	case n == Machine.Lanes && s.Stride == 1:
		p.linef("FMOVQ %s, F%d", p.address(s.Mem, false), d)
	case s.Stride == 1:
		p.loadFirst(p.address(s.Mem, false), n, d)
	default:
		p.gather(p.address(s.Mem, false), floatSize*s.Stride, n, d)
	}
	if s.Int {
		p.word("scvtf", d, d, 0, 0)
	}
}

// indexed loads or stores all lanes at a pointer and an index.
func (p *printer) indexed(name string, m loop.Mem, d vec) {
	p.word(name, d, number(p.register(asm.Pointer(m.P), addrReg)), number(p.register(asm.Counter(m.Index), scratch)), 0)
}

// number is that of a general register.
func number(reg string) vec {
	var n vec
	fmt.Sscanf(reg, "R%d", &n)
	return n
}

// loadFirst loads the first n lanes and touches nothing else; the other lanes are 0.
func (p *printer) loadFirst(a place, n int, d vec) {
	if n == 1 {
		p.linef("FMOVS %s, F%d", a, d)
		return
	}
	p.linef("FMOVD %s, F%d", a, d)
	if n == 3 {
		p.linef("VLD1 (%s), V%d.S[2]", p.direct(a.after(2*floatSize)), d)
	}
}

// gather loads n lanes that are some bytes apart; the other lanes are 0.
func (p *printer) gather(a place, apart, n int, d vec) {
	p.linef("FMOVS %s, F%d", a, d)
	if n == 1 {
		return
	}
	p.add(a.off+apart, a.reg, addrReg)
	step := p.distance(apart, scratch)
	for i := 1; i < n; i++ {
		if i == n-1 {
			p.linef("VLD1 (%s), V%d.S[%d]", addrReg, d, i)
		} else {
			p.linef("VLD1.P (%s)(%s), V%d.S[%d]", addrReg, step, d, i)
		}
	}
}

func (p *printer) store(s *loop.Instr) {
	n := active(s)
	if s.Half {
		p.storeHalves(p.half(s.Args[0]), p.address(s.Mem, true), n)
		return
	}
	x := p.in(s.Args[0], temp0)
	if s.Int {
		p.integer(x, temp0)
		x = temp0
	}
	switch {
	case n == Machine.Lanes && s.Stride == 1 && s.Mem.Index != loop.NoIndex && s.Mem.Off == 0:
		p.indexed("str", s.Mem, x)
	case n == Machine.Lanes && s.Stride == 1:
		p.linef("FMOVQ F%d, %s", x, p.address(s.Mem, false))
	case s.Stride == 1:
		p.storeFirst(x, p.address(s.Mem, false), n)
	default:
		p.scatter(x, p.address(s.Mem, false), floatSize*s.Stride, n)
	}
}

// storeFirst stores the first n lanes.
func (p *printer) storeFirst(x vec, a place, n int) {
	if n == 1 {
		p.linef("FMOVS F%d, %s", x, a)
		return
	}
	p.linef("FMOVD F%d, %s", x, a)
	if n == 3 {
		p.linef("VST1 V%d.S[2], (%s)", x, p.direct(a.after(2*floatSize)))
	}
}

// scatter stores n lanes some bytes apart.
func (p *printer) scatter(x vec, a place, apart, n int) {
	p.linef("FMOVS F%d, %s", x, a)
	if n == 1 {
		return
	}
	p.add(a.off+apart, a.reg, addrReg)
	step := p.distance(apart, scratch)
	for i := 1; i < n; i++ {
		if i == n-1 {
			p.linef("VST1 V%d.S[%d], (%s)", x, i, addrReg)
		} else {
			p.linef("VST1.P V%d.S[%d], (%s)(%s)", x, i, addrReg, step)
		}
	}
}
