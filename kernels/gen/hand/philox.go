package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Philox4x32-10 (runtime/rng.go): a register holds one word of as many blocks as it has lanes.
const (
	philoxM0, philoxM1 = 0xD2511F53, 0xCD9E8D57
	rounds             = 10
)

func philox(c *build.Context) {
	for _, v := range sets(c) {
		philoxOf(v)
	}
}

// philoxOf writes groups (at least 1) of 4 numbers for each lane, the blocks from *counter on; keys are the two key words of each
// round.
func philoxOf(v vectors) {
	// The transpose at the end works within quarters of four lanes. Lane p works on such a block that it leaves
	// the blocks in order.
	quarters := v.lanes() / 4
	order := v.table("order", func(p int) uint32 { return uint32(quarters*(p%4) + p/4) })
	step := v.table("step", func(int) uint32 { return uint32(v.lanes()) })
	unit := v.table("unit", func(int) uint32 { return 0x33800000 }) // 1 / 2^24

	v.begin("philox", "dst *float32, groups int, counter *[4]uint32, keys *[20]uint32")
	dst, groups, counter, keys := v.param("dst"), v.param("groups"), v.param("counter"), v.param("keys")
	p := philoxer{vectors: v, keys: keys, m0: v.vec(), m1: v.vec()}
	if v.wide {
		p.odd, p.even = v.mask(0xAAAA), v.mask(0x5555)
	}
	v.broadcast(philoxM0, p.m0)
	v.broadcast(philoxM1, p.m1)
	var first [4]reg.VecVirtual
	for i := range first {
		first[i] = v.vec()
		v.VPBROADCASTD(at(counter, 4*i), first[i])
	}
	v.VPADDD(order, first[0], first[0])
	v.repeat("group", groups, func() {
		w := first
		for r := range rounds {
			w = p.round(w, r)
		}
		for i, x := range p.transpose(w) {
			v.Comment("The top 24 bits over 2^24.")
			v.VPSRLD(operand.U8(8), x, x)
			v.VCVTDQ2PS(x, x)
			v.VMULPS(unit, x, x)
			v.VMOVUPS(x, at(dst, 4*v.lanes()*i))
		}
		v.VPADDD(step, first[0], first[0])
		v.ADDQ(operand.U32(16*v.lanes()), dst)
	})
	v.end()
}

func (v vectors) broadcast(x uint32, to reg.Register) {
	r := v.GP32()
	v.MOVL(operand.U32(x), r)
	if v.wide {
		v.VPBROADCASTD(r, to)
		return
	}
	low := v.XMM()
	v.VMOVD(r, low)
	v.VPBROADCASTD(low, to)
}

func (v vectors) mask(lanes uint32) reg.OpmaskVirtual {
	r, k := v.GP32(), v.K()
	v.MOVL(operand.U32(lanes), r)
	v.KMOVW(r, k)
	return k
}

// philoxer has what rounds share.
type philoxer struct {
	vectors
	keys      reg.GPVirtual
	m0, m1    reg.VecVirtual
	odd, even reg.OpmaskVirtual // lanes, of AVX-512
}

// round makes (hi(M1 w2) ^ w1 ^ k0, lo(M1 w2), hi(M0 w0) ^ w3 ^ k1, lo(M0 w0)) of (w0, w1, w2, w3).
func (p *philoxer) round(w [4]reg.VecVirtual, n int) [4]reg.VecVirtual {
	p.Commentf("Round %d.", n+1)
	hi0, lo0 := p.multiply(w[0], p.m0)
	hi1, lo1 := p.multiply(w[2], p.m1)
	p.xor(at(p.keys, 8*n), w[1], hi1)
	p.xor(at(p.keys, 8*n+4), w[3], hi0)
	return [4]reg.VecVirtual{hi1, lo1, hi0, lo0}
}

// multiply gives the high and the low halves of products. VPMULUDQ multiplies the lanes with even numbers; the
// odd ones are moved there first, and the halves put back together.
func (p *philoxer) multiply(x, m reg.VecVirtual) (hi, lo reg.VecVirtual) {
	even, odd := p.vec(), p.vec()
	p.VMOVSHDUP(x, odd)
	p.VPMULUDQ(m, x, even)
	p.VPMULUDQ(m, odd, odd)
	hi = p.vec()
	if p.wide {
		p.VMOVDQA32(odd, hi)
		p.VMOVSHDUP(even, p.even, hi)
		p.VMOVSLDUP(odd, p.odd, even)
		return hi, even
	}
	p.VMOVSHDUP(even, hi)
	p.VPBLENDD(operand.U8(0xAA), odd, hi, hi)
	p.VMOVSLDUP(odd, odd)
	p.VPBLENDD(operand.U8(0xAA), odd, even, even)
	return hi, even
}

// xor sets d to d ^ x ^ key.
func (p *philoxer) xor(key operand.Mem, x, d reg.VecVirtual) {
	if p.wide {
		p.VPTERNLOGD_BCST(operand.U8(0x96), key, x, d)
		return
	}
	k := p.vec()
	p.VPBROADCASTD(key, k)
	p.VPXOR(x, d, d)
	p.VPXOR(k, d, d)
}

// transpose lays the words of a block side by side.
func (p *philoxer) transpose(w [4]reg.VecVirtual) [4]reg.VecVirtual {
	p.Comment("Words of a block side by side.")
	pair := func(unpack func(...operand.Op), x, y reg.VecVirtual) reg.VecVirtual {
		d := p.vec()
		unpack(y, x, d)
		return d
	}
	a, b := pair(p.VPUNPCKLDQ, w[0], w[1]), pair(p.VPUNPCKHDQ, w[0], w[1])
	c, d := pair(p.VPUNPCKLDQ, w[2], w[3]), pair(p.VPUNPCKHDQ, w[2], w[3])
	return [4]reg.VecVirtual{pair(p.VPUNPCKLQDQ, a, c), pair(p.VPUNPCKHQDQ, a, c), pair(p.VPUNPCKLQDQ, b, d), pair(p.VPUNPCKHQDQ, b, d)}
}
