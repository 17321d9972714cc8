// Package avx512 has the vector instructions of AVX-512 F, DQ, BW, VL and BF16.
package avx512

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"mspecc/ir/loop"
	"mspecc/kernels/gen/amd64"
)

// Machine has 16 lanes; one of its 32 registers is left to the printer.
var Machine = loop.Machine{Name: "avx512", Lanes: 16, VecRegs: 31, TileRegs: 31, PtrRegs: 11, Latency: 4, Ahead: 16}

// CPU lists the features that the kernels need, and BF16CPU what products of bf16 need beside them.
var (
	CPU     = []string{"AVX512F", "AVX512DQ", "AVX512BW", "AVX512VL"}
	BF16CPU = []string{"AVX512_BF16"}
)

// Emit prints kernels lowered for Machine, as amd64.ISA.Emit does.
func Emit(kernels []*loop.Kernel, pkg string) (asm, stubs string, err error) {
	return isa.Emit(kernels, pkg)
}

// isa reads a constant as the last source of an instruction, broadcast to all lanes.
var isa = &amd64.ISA{
	Machine:  Machine,
	Title:    "AVX-512",
	Register: func(c *build.Context) amd64.Vec { return c.ZMM() },
	Copies:   1,
	Binary:   binaries,
	Products: map[loop.Op]amd64.ProductForms{
		loop.OpFused: sum,
		loop.OpFMA:   sum,
		loop.OpFNMA: {
			F231: amd64.Forms{Regs: (*build.Context).VFNMADD231PS, Mem: (*build.Context).VFNMADD231PS_BCST},
			F213: amd64.Forms{Regs: (*build.Context).VFNMADD213PS, Mem: (*build.Context).VFNMADD213PS_BCST},
			F132: amd64.Forms{Regs: (*build.Context).VFNMADD132PS, Mem: (*build.Context).VFNMADD132PS_BCST},
		},
		loop.OpFMS: {
			F231: amd64.Forms{Regs: (*build.Context).VFMSUB231PS, Mem: (*build.Context).VFMSUB231PS_BCST},
			F213: amd64.Forms{Regs: (*build.Context).VFMSUB213PS, Mem: (*build.Context).VFMSUB213PS_BCST},
			F132: amd64.Forms{Regs: (*build.Context).VFMSUB132PS, Mem: (*build.Context).VFMSUB132PS_BCST},
		},
	},
	And:   amd64.Forms{Regs: (*build.Context).VANDPS, Mem: (*build.Context).VANDPS_BCST},
	Xor:   amd64.Forms{Regs: (*build.Context).VXORPS, Mem: (*build.Context).VXORPS_BCST},
	Round: func(c *build.Context, imm, x, d operand.Op) { c.VRNDSCALEPS(imm, x, d) },
	New: func(e *amd64.Emitter) amd64.Vectors {
		return &vectors{e, map[int]reg.OpmaskVirtual{}}
	},
	Encode: Encode,
}

var binaries = map[loop.Op]amd64.Forms{
	loop.OpAdd:   {Regs: (*build.Context).VADDPS, Mem: (*build.Context).VADDPS_BCST},
	loop.OpSub:   {Regs: (*build.Context).VSUBPS, Mem: (*build.Context).VSUBPS_BCST},
	loop.OpMul:   {Regs: (*build.Context).VMULPS, Mem: (*build.Context).VMULPS_BCST},
	loop.OpDiv:   {Regs: (*build.Context).VDIVPS, Mem: (*build.Context).VDIVPS_BCST},
	loop.OpMax:   {Regs: (*build.Context).VMAXPS, Mem: (*build.Context).VMAXPS_BCST},
	loop.OpMin:   {Regs: (*build.Context).VMINPS, Mem: (*build.Context).VMINPS_BCST},
	loop.OpScale: {Regs: (*build.Context).VSCALEFPS, Mem: (*build.Context).VSCALEFPS_BCST},
}

// sum is x y + z.
var sum = amd64.ProductForms{
	F231: amd64.Forms{Regs: (*build.Context).VFMADD231PS, Mem: (*build.Context).VFMADD231PS_BCST},
	F213: amd64.Forms{Regs: (*build.Context).VFMADD213PS, Mem: (*build.Context).VFMADD213PS_BCST},
	F132: amd64.Forms{Regs: (*build.Context).VFMADD132PS, Mem: (*build.Context).VFMADD132PS_BCST},
}
