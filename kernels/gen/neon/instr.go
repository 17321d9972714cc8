package neon

import (
	"fmt"
	"math"

	"mspecc/ir/loop"
)

// simple are instructions that are one of NEON.
var simple = map[loop.Op]string{
	loop.OpAdd: "fadd", loop.OpSub: "fsub", loop.OpMul: "fmul", loop.OpDiv: "fdiv",
	loop.OpNeg: "fneg", loop.OpAbs: "fabs", loop.OpSqrt: "fsqrt", loop.OpFloor: "frintm", loop.OpRound: "frintn", loop.OpTrunc: "frintz",
}

// in is the register of an argument; a constant that has none goes to t.
func (p *printer) in(a loop.Arg, t vec) vec {
	if !a.Const {
		return vec(a.V)
	}
	return p.bits(math.Float32bits(a.Imm), t)
}

func (p *printer) instr(s *loop.Instr) error {
	d := vec(s.Dst)
	if name, ok := simple[s.Op]; ok {
		x, y := p.in(s.Args[0], temp0), vec(0)
		if len(s.Args) == 2 {
			y = p.in(s.Args[1], temp1)
		}
		p.word(name, d, x, y, 0)
		return nil
	}
	switch s.Op {
	case loop.OpLoad:
		p.load(s)
	case loop.OpStore:
		p.store(s)
	case loop.OpBcast:
		p.linef("VLD1R (%s), [V%d.S4]", p.direct(p.address(s.Mem, false)), d)
		if s.Int {
			p.word("scvtf", d, d, 0, 0)
		}
	case loop.OpPrefetch:
		a := p.address(s.Mem, false)
		if a.off%8 != 0 || a.off < 0 || a.off >= 8<<12 {
			a = place{p.direct(a), 0}
		}
		p.linef("PRFM %s, PLDL1KEEP", a)
	case loop.OpMov:
		p.mov(s.Args[0], d)
	case loop.OpFused, loop.OpFMA, loop.OpFNMA, loop.OpFMS, loop.OpFMALane:
		p.product(s)
	case loop.OpMax:
		p.choose(s.Args[0], s.Args[1], "fcmgt", false, s.Args[0], s.Args[1], d)
	case loop.OpMin:
		p.choose(s.Args[1], s.Args[0], "fcmgt", false, s.Args[0], s.Args[1], d)
	case loop.OpSelLt:
		p.choose(s.Args[1], s.Args[0], "fcmgt", false, s.Args[2], s.Args[3], d)
	case loop.OpSelLe:
		p.choose(s.Args[1], s.Args[0], "fcmge", false, s.Args[2], s.Args[3], d)
	case loop.OpSelEq:
		p.choose(s.Args[0], s.Args[1], "fcmeq", false, s.Args[2], s.Args[3], d)
	case loop.OpSelNe:
		p.choose(s.Args[0], s.Args[1], "fcmeq", true, s.Args[2], s.Args[3], d)
	case loop.OpHSum, loop.OpHMax:
		p.across(s)
	case loop.OpIota:
		x := p.in(s.Args[0], temp0)
		var lanes words
		for i := range lanes {
			lanes[i] = math.Float32bits(float32(i))
		}
		p.word("fadd", d, p.constant(lanes, temp1), x, 0)
	case loop.OpTail:
		var first words
		for i := range s.Lanes {
			first[i] = math.MaxUint32
		}
		a, b := p.in(s.Args[0], temp1), p.in(s.Args[1], temp2)
		p.blend(p.constant(first, temp0), a, b, d)
	case loop.OpTranspose:
		p.transpose(s.Block)
	case loop.OpGetExp:
		p.exponent(p.in(s.Args[0], temp0), d)
	case loop.OpGetMant:
		p.mantissa(p.in(s.Args[0], temp0), d)
	case loop.OpScale:
		p.scale(p.in(s.Args[0], temp2), p.in(s.Args[1], temp1), d)
	case loop.OpCopySign:
		x, y := p.in(s.Args[0], temp1), p.in(s.Args[1], temp2)
		p.blend(p.bits(signBit, temp0), y, x, d)
	case loop.OpDot:
		p.dot(s)
	case loop.OpPair:
		x, y := p.in(s.Args[0], temp0), p.in(s.Args[1], temp1)
		p.right(halfBits, x, temp2)
		p.or(temp2, y, d)
	default:
		return fmt.Errorf("neon has no instruction for %s", s.Op)
	}
	return nil
}

func (p *printer) move(x, d vec) {
	if x != d {
		p.linef("VMOV V%d.B16, V%d.B16", x, d)
	}
}

func (p *printer) mov(x loop.Arg, d vec) {
	if !x.Const {
		p.move(vec(x.V), d)
		return
	}
	w := fill(math.Float32bits(x.Imm))
	if v, ok := p.kept[w]; ok {
		p.move(v, d)
		return
	}
	p.fill(w, d)
}

// product adds to the third argument, in a register that is not one of the others.
func (p *printer) product(s *loop.Instr) {
	d, x, y, z := vec(s.Dst), p.in(s.Args[0], temp0), p.in(s.Args[1], temp1), s.Args[2]
	sum := d
	if x == d || y == d {
		sum = temp2
	}
	switch {
	case s.Op != loop.OpFMS:
		p.mov(z, sum)
	case z.Const:
		p.mov(loop.Arg{Const: true, Imm: -z.Imm}, sum)
	default:
		p.word("fneg", sum, vec(z.V), 0, 0)
	}
	switch s.Op {
	case loop.OpFMALane:
		p.word("fmla", sum, y, x, s.Lane)
	case loop.OpFNMA:
		p.linef("VFMLS V%d.S4, V%d.S4, V%d.S4", y, x, sum)
	default:
		p.linef("VFMLA V%d.S4, V%d.S4, V%d.S4", y, x, sum)
	}
	p.move(sum, d)
}

// choose sets d to a where x compares with y so, and to b elsewhere; the reverse if not is set.
func (p *printer) choose(x, y loop.Arg, compare string, not bool, a, b loop.Arg, d vec) {
	mask := d
	for _, c := range []loop.Arg{a, b} {
		if !c.Const && vec(c.V) == d {
			mask = temp0
		}
	}
	p.word(compare, mask, p.in(x, temp1), p.in(y, temp2), 0)
	if not {
		a, b = b, a
	}
	switch {
	case isZero(a):
		p.word("bic", d, p.in(b, temp1), mask, 0)
	case isZero(b):
		p.and(p.in(a, temp1), mask, d)
	default:
		p.blend(mask, p.in(a, temp1), p.in(b, temp2), d)
	}
}

// isZero: 0 has no bits, unlike -0.
func isZero(a loop.Arg) bool { return a.Const && math.Float32bits(a.Imm) == 0 }

// blend sets d to a where the bits of a mask are set, and to b elsewhere. The mask may be d, and is lost
// if it is temp0.
func (p *printer) blend(mask, a, b, d vec) {
	switch {
	case a == b:
		p.move(a, d)
	case d == a:
		p.unless(mask, b, d)
	case mask == d, d != b && mask == temp0:
		p.linef("VBSL V%d.B16, V%d.B16, V%d.B16", b, a, mask)
		p.move(mask, d)
	default:
		p.move(b, d)
		p.where(mask, a, d)
	}
}

// where takes the bits of x where those of a mask are set, unless takes the others; d keeps the rest.
func (p *printer) where(mask, x, d vec) {
	p.linef("VBIT V%d.B16, V%d.B16, V%d.B16", mask, x, d)
}

func (p *printer) unless(mask, x, d vec) {
	p.linef("VBIF V%d.B16, V%d.B16, V%d.B16", mask, x, d)
}

func (p *printer) and(x, y, d vec) { p.linef("VAND V%d.B16, V%d.B16, V%d.B16", y, x, d) }
func (p *printer) or(x, y, d vec)  { p.linef("VORR V%d.B16, V%d.B16, V%d.B16", y, x, d) }

// plus adds integers.
func (p *printer) plus(x, y, d vec) { p.linef("VADD V%d.S4, V%d.S4, V%d.S4", y, x, d) }

func (p *printer) left(bits int, x, d vec)  { p.linef("VSHL $%d, V%d.S4, V%d.S4", bits, x, d) }
func (p *printer) right(bits int, x, d vec) { p.linef("VUSHR $%d, V%d.S4, V%d.S4", bits, x, d) }

// across combines each lane with that two lanes away and then with its neighbour.
func (p *printer) across(s *loop.Instr) {
	x, d := p.in(s.Args[0], temp0), vec(s.Dst)
	for _, bytes := range []int{8, 4} {
		p.linef("VEXT $%d, V%d.B16, V%d.B16, V%d.B16", bytes, x, x, temp1)
		if s.Op == loop.OpHSum {
			p.word("fadd", d, x, temp1, 0)
		} else { // which 0 is taken is said by the order, and fmax gives NaN if there is one
			p.word("fcmge", temp2, temp1, x, 0)
			p.word("fmax", d, x, temp1, 0)
			p.where(temp2, temp1, d)
		}
		x = d
	}
	if s.Op == loop.OpHMax {
		p.linef("VDUP V%d.S[0], V%d.S4", d, d)
	}
}

// transpose exchanges rows and columns of 4 registers.
func (p *printer) transpose(block []loop.V) {
	a, b, c, d := vec(block[0]), vec(block[1]), vec(block[2]), vec(block[3])
	pair := func(odd int, shape string, x, y, d vec) {
		p.linef("VTRN%d V%d.%[3]s, V%[4]d.%[3]s, V%[5]d.%[3]s", odd, y, shape, x, d)
	}
	pair(1, "S4", a, b, temp0)
	pair(2, "S4", a, b, temp1)
	pair(1, "S4", c, d, temp2)
	pair(2, "S4", c, d, d)
	pair(1, "D2", temp0, temp2, a)
	pair(2, "D2", temp0, temp2, c)
	pair(1, "D2", temp1, d, b)
	pair(2, "D2", temp1, d, d)
}
