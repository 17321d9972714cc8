package avx2

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"mspecc/ir/loop"
	"mspecc/kernels/gen/amd64"
)

// after is an address so many bytes further.
func after(a operand.Mem, bytes int) operand.Mem {
	a.Disp += bytes
	return a
}

func active(s *loop.Instr) int {
	if s.Lanes > 0 {
		return s.Lanes
	}
	return Machine.Lanes
}

func (e *vectors) load(s *loop.Instr) {
	d := e.V(s.Dst)
	switch n := active(s); {
	case s.Half:
		e.loadHalves(e.AddressHalf(s.Mem), n, d)
		return
	case s.Stride != 1:
		e.gather(e.Address(s.Mem), amd64.FloatSize*s.Stride, n, d)
	case n < Machine.Lanes:
		e.loadFirst(e.Address(s.Mem), n, d)
	case s.Int:
		e.C.VCVTDQ2PS(e.Address(s.Mem), d)
		return
	default:
		e.C.VMOVUPS(e.Address(s.Mem), d)
	}
	if s.Int {
		e.C.VCVTDQ2PS(d, d)
	}
}

// loadFirst loads the first n lanes and touches nothing else; the other lanes are 0.
func (e *vectors) loadFirst(a operand.Mem, n int, d amd64.Vec) {
	switch n {
	case 1:
		e.low("VMOVSS", d, a)
	case 2:
		e.low("VMOVSD", d, a)
	case 4:
		e.low("VMOVUPS", d, a)
	default:
		e.C.VMOVUPS(e.mask(n), d)
		e.C.VMASKMOVPS(a, d, d)
	}
}

// mask is the address of a mask of the first n lanes.
func (e *vectors) mask(n int) operand.Mem {
	lanes := make([]operand.Constant, Machine.Lanes)
	for i := range lanes {
		lanes[i] = operand.U32(0)
		if i < n {
			lanes[i] = operand.U32(0xffffffff)
		}
	}
	return e.Table(fmt.Sprintf("first_%d", n), lanes...)
}

// gather loads n lanes that are some bytes apart, one by one: VGATHERDPS is slower on many processors.
func (e *vectors) gather(a operand.Mem, apart, n int, d amd64.Vec) {
	quarter := func(from, n int, d amd64.Vec) {
		e.low("VMOVSS", d, after(a, from*apart))
		for i := 1; i < n; i++ {
			e.low("VINSERTPS", d, operand.U8(i<<4), after(a, (from+i)*apart), d.AsX())
		}
	}
	quarter(0, min(n, 4), d)
	if n > 4 {
		t := e.C.YMM()
		quarter(4, n-4, t)
		e.C.VINSERTF128(operand.U8(1), t.AsX(), d, d)
	}
}

func (e *vectors) store(s *loop.Instr) {
	x, n := e.In(s.Args[0]), active(s)
	if s.Half {
		e.storeHalves(x, e.AddressHalf(s.Mem), n)
		return
	}
	if s.Int {
		t := e.C.YMM()
		e.C.VCVTTPS2DQ(x, t)
		x = t
	}
	switch a := e.Address(s.Mem); {
	case s.Stride != 1:
		e.scatter(x, a, amd64.FloatSize*s.Stride, n)
	case n < Machine.Lanes:
		e.storeFirst(x, a, n)
	default:
		e.C.VMOVUPS(x, a)
	}
}

// storeFirst stores the first n lanes in pieces of 4, 2 and 1: VMASKMOVPS takes tens of
// cycles on some processors.
func (e *vectors) storeFirst(x amd64.Vec, a operand.Mem, n int) {
	low := x.AsX()
	if n >= 4 {
		e.C.VMOVUPS(low, a)
		if n > 4 {
			low = e.upper(x)
		}
	}
	at := n &^ 3
	if n&2 != 0 {
		e.C.VMOVLPS(low, after(a, at*amd64.FloatSize))
		at += 2
	}
	if n&1 != 0 {
		e.storeLane(low, at&3, after(a, at*amd64.FloatSize))
	}
}

// upper is the upper half of x.
func (e *vectors) upper(x amd64.Vec) reg.Register {
	t := e.C.XMM()
	e.C.VEXTRACTF128(operand.U8(1), x, t)
	return t
}

func (e *vectors) storeLane(x reg.Register, lane int, a operand.Mem) {
	if lane == 0 {
		e.C.VMOVSS(x, a)
	} else {
		e.C.VEXTRACTPS(operand.U8(lane), x, a)
	}
}

// scatter stores n lanes some bytes apart.
func (e *vectors) scatter(x amd64.Vec, a operand.Mem, apart, n int) {
	quarter := x.AsX()
	for i := range n {
		if i == 4 {
			quarter = e.upper(x)
		}
		e.storeLane(quarter, i&3, after(a, i*apart))
	}
}
