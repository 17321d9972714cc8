// Package avx2 has the vector instructions of AVX2 and FMA, the x86-64-v3 of most processors.
package avx2

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"mspecc/ir/loop"
	"mspecc/kernels/gen/amd64"
)

// Machine has 8 lanes; one of its 16 registers is left to the printer, and a product of bf16 pairs
// takes one more. The latency asks for the 12 sums of a tile of 6 x 16: with the 8 that two units of
// latency 4 would do with, products wait. Fetching ahead takes slots from the loads of tiles so small.
var Machine = loop.Machine{Name: "avx2", Lanes: 8, VecRegs: 15, TileRegs: 15, DotRegs: 1, PtrRegs: 11, Line: 16, Latency: 6}

// Emit prints kernels lowered for Machine, as amd64.ISA.Emit does.
func Emit(kernels []*loop.Kernel, pkg string) (asm, stubs string, err error) {
	return isa.Emit(kernels, pkg)
}

// isa has no broadcast from memory: constants stand there once for each lane.
var isa = &amd64.ISA{
	Machine:  Machine,
	Title:    "AVX2",
	Register: func(c *build.Context) amd64.Vec { return c.YMM() },
	Fixed:    registers[:Machine.VecRegs],
	Copies:   8,
	Binary: map[loop.Op]amd64.Forms{
		loop.OpAdd: both((*build.Context).VADDPS),
		loop.OpSub: both((*build.Context).VSUBPS),
		loop.OpMul: both((*build.Context).VMULPS),
		loop.OpDiv: both((*build.Context).VDIVPS),
		loop.OpMax: both((*build.Context).VMAXPS),
		loop.OpMin: both((*build.Context).VMINPS),
	},
	Products: map[loop.Op]amd64.ProductForms{
		loop.OpFused: sum,
		loop.OpFMA:   sum,
		loop.OpFNMA: {
			F231: both((*build.Context).VFNMADD231PS),
			F213: both((*build.Context).VFNMADD213PS),
			F132: both((*build.Context).VFNMADD132PS),
		},
		loop.OpFMS: {
			F231: both((*build.Context).VFMSUB231PS),
			F213: both((*build.Context).VFMSUB213PS),
			F132: both((*build.Context).VFMSUB132PS),
		},
	},
	And:    both((*build.Context).VANDPS),
	Xor:    both((*build.Context).VXORPS),
	Round:  func(c *build.Context, imm, x, d operand.Op) { c.VROUNDPS(imm, x, d) },
	New:    func(e *amd64.Emitter) amd64.Vectors { return &vectors{Emitter: e} },
	Encode: check,
}

// registers are all there are. Those of the IR have fixed ones, so that whatever else is needed for a
// moment finds a free one below 16: avo's allocator would also take the registers 16 to 31 of AVX-512.
var registers = [16]reg.VecPhysical{reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
	reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15}

// sum is x y + z.
var sum = amd64.ProductForms{
	F231: both((*build.Context).VFMADD231PS),
	F213: both((*build.Context).VFMADD213PS),
	F132: both((*build.Context).VFMADD132PS),
}

func both(f func(c *build.Context, ops ...operand.Op)) amd64.Forms {
	return amd64.Forms{Regs: f, Mem: f}
}

// check reports what only AVX-512 has: an instruction, or a register because more were needed at a
// time than AVX2 has.
func check(f *ir.File) error {
	for _, fn := range f.Functions() {
		for _, i := range fn.Instructions() {
			for _, isa := range i.ISA {
				if strings.HasPrefix(isa, "AVX512") {
					return fmt.Errorf("%s is not in AVX2", i.Opcode)
				}
			}
			for _, r := range i.Registers() {
				if p := reg.ToPhysical(r); p.Kind() == reg.KindVector && int(p.PhysicalIndex()) >= len(registers) {
					return fmt.Errorf("%s takes a register more than the %d of AVX2", i.Opcode, len(registers))
				}
			}
		}
	}
	return nil
}
