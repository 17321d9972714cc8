package amd64

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"mspecc/ir/loop"
)

// An ISA is a vector instruction set: tables of the instructions that are alike in all sets, and
// what writes the others.
type ISA struct {
	loop.Machine
	Title string // its name in messages
	// Register makes a virtual register that holds all lanes.
	Register func(c *build.Context) Vec
	// Fixed are the registers of the first registers of the IR, which are the same throughout a
	// kernel; others get virtual ones.
	Fixed []reg.VecPhysical
	// Copies is how often a constant stands in memory, for the Mem form of an instruction: once where
	// it fills all lanes by itself, once for each lane elsewhere.
	Copies   int
	Binary   map[loop.Op]Forms
	Products map[loop.Op]ProductForms
	And, Xor Forms // on bits
	// Round rounds to an integer; the immediate operand is that of VROUNDPS.
	Round func(c *build.Context, imm, x, d operand.Op)
	// New makes what writes the other instructions of a kernel.
	New func(e *Emitter) Vectors
	// Encode, if set, writes instructions that Go's assembler does not know as bytes, once they have
	// their registers.
	Encode func(f *ir.File) error
}

// Vec is a vector register, virtual or physical.
type Vec interface {
	reg.Register
	reg.Vec
}

// Forms are the two forms of an instruction. Operands are in the order of Go's assembler: the last
// source is the first of them, and only that may be in memory.
type Forms struct {
	Regs func(c *build.Context, ops ...operand.Op)
	Mem  func(c *build.Context, ops ...operand.Op) // the last source is a constant
}

// ProductForms are the three operand orders of a fused product: 231 adds to the destination, 213
// and 132 multiply it.
type ProductForms struct{ F231, F213, F132 Forms }

// Vectors writes the instructions of one kernel that differ from ISA to ISA.
type Vectors interface {
	// Prologue prepares what instructions of the kernel want: accesses to the first n lanes only, for
	// each n of a sorted list, and dots.
	Prologue(tails []int, dots bool)
	// Instr writes an instruction that is not written by the emitter itself.
	Instr(s *loop.Instr) error
	// Exchange sets d to x where each lane has changed places with its partner, distance (a multiple
	// of 4) lanes away.
	Exchange(distance int, x, d Vec)
	// Larger sets d to the larger of x and y, lane by lane, NaN where one of them is; y may be
	// destroyed.
	Larger(x, y, d Vec)
	// Quarters sets d to the quarters (of 4 lanes) with even numbers of x and after them those of y;
	// if odd, those with odd numbers.
	Quarters(odd bool, x, y, d Vec)
}

// Modal is implemented by Vectors that compute dots in a mode of their own. The emitter begins it before
// a run of statements with no other arithmetic and ends it after that.
type Modal interface {
	DotMode(begin bool)
}
