package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// group is how many elements the functions work on at a time, one vector of AVX-512. AVX2 takes two, so that each sum
// has the same terms.
const group = 16

func products(c *build.Context) {
	for _, v := range sets(c) {
		v.dots()
	}
	for _, v := range sets(c) {
		v.addScaled()
	}
}

// parts is how many vectors a group has.
func (v vectors) parts() int { return group / v.lanes() }

// element is memory of one part of the group at an offset.
func (v vectors) element(base, offset reg.Register, part int) operand.Mem {
	return operand.Mem{Base: base, Index: offset, Scale: 1, Disp: 4 * v.lanes() * part}
}

// dots writes the products of two vectors with four others: whole groups (at least one) of elements.
func (v vectors) dots() {
	v.begin("dots", "groups int, a, b, w0, w1, w2, w3 *float32, sums *[8]float32")
	groups := v.param("groups")
	x := []reg.GPVirtual{v.param("a"), v.param("b")}
	var w [4]reg.GPVirtual
	for i, name := range []string{"w0", "w1", "w2", "w3"} {
		w[i] = v.param(name)
	}
	to := v.param("sums")
	if v.wide {
		v.dotsOf(groups, x, w, to, 0)
	} else { // eight sums of two vectors each do not fit into 16 registers
		again := v.GP64()
		v.MOVQ(groups, again)
		v.dotsOf(groups, x[:1], w, to, 0)
		v.dotsOf(again, x[1:], w, to, 4)
	}
	v.end()
}

// dotsOf writes the products of some vectors x with the four others, the first of them to number first of sums.
func (v vectors) dotsOf(groups reg.GPVirtual, x []reg.GPVirtual, w [4]reg.GPVirtual, to reg.GPVirtual, first int) {
	offset := v.GP64()
	v.XORQ(offset, offset)
	var sums [][4][]reg.VecVirtual
	for range x {
		var s [4][]reg.VecVirtual
		for i := range s {
			for range v.parts() {
				s[i] = append(s[i], v.zero())
			}
		}
		sums = append(sums, s)
	}
	v.repeat(fmt.Sprintf("group%d", first), groups, func() {
		for part := range v.parts() {
			var values []reg.VecVirtual
			for _, p := range x {
				values = append(values, v.load(v.element(p, offset, part)))
			}
			for i := range w {
				// A register where the element is used twice, memory where once.
				var weight operand.Op = v.element(w[i], offset, part)
				if len(x) > 1 {
					weight = v.load(v.element(w[i], offset, part))
				}
				for n := range x {
					v.VFMADD231PS(weight, values[n], sums[n][i][part])
				}
			}
		}
		v.ADDQ(operand.U8(4*group), offset)
	})
	for n, s := range sums {
		for i := range s {
			v.sum(s[i], at(to, 4*(first+4*n+i)))
		}
	}
}

// load reads a vector.
func (v vectors) load(from operand.Mem) reg.VecVirtual {
	x := v.vec()
	v.VMOVUPS(from, x)
	return x
}

// sum writes the sum of the 16 lanes of a group, by halves.
func (v vectors) sum(parts []reg.VecVirtual, to operand.Mem) {
	y := parts[0].AsY()
	if v.wide {
		upper := v.YMM()
		v.VEXTRACTF64X4(operand.U8(1), parts[0], upper)
		v.VADDPS(upper, y, y)
	} else {
		v.VADDPS(parts[1], y, y)
	}
	x, other := parts[0].AsX(), v.XMM()
	v.VEXTRACTF128(operand.U8(1), y, other)
	v.VADDPS(other, x, x)
	for _, order := range []uint8{0x4e, 0xb1} {
		v.VPERMILPS(operand.U8(order), x, other)
		v.VADDPS(other, x, x)
	}
	v.VMOVSS(x, to)
}

// addScaled adds d[0] x0 + d[1] x1 + d[2] x2 + d[3] x3 to a vector: whole groups (at least one) of elements.
func (v vectors) addScaled() {
	v.begin("addScaled", "groups int, to, x0, x1, x2, x3 *float32, d *[4]float32")
	groups, to := v.param("groups"), v.param("to")
	var x [4]reg.GPVirtual
	for i, name := range []string{"x0", "x1", "x2", "x3"} {
		x[i] = v.param(name)
	}
	d := v.param("d")
	var scale [4]reg.VecVirtual
	for i := range scale {
		scale[i] = v.vec()
		v.VBROADCASTSS(at(d, 4*i), scale[i])
	}
	offset := v.GP64()
	v.XORQ(offset, offset)
	v.repeat("group", groups, func() {
		for part := range v.parts() {
			y := v.load(v.element(to, offset, part))
			var terms [2]reg.VecVirtual
			for i := range terms {
				terms[i] = v.vec()
				v.VMULPS(v.element(x[i], offset, part), scale[i], terms[i])
			}
			for i := range terms {
				v.VFMADD231PS(v.element(x[2+i], offset, part), scale[2+i], terms[i])
			}
			for _, t := range terms {
				v.VADDPS(t, y, y)
			}
			v.VMOVUPS(y, v.element(to, offset, part))
		}
		v.ADDQ(operand.U8(4*group), offset)
	})
	v.end()
}
