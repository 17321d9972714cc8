// Package loop is the loop IR: kernels as structured loops over vector code,
// and the lowering of the kernel families (Rows, ColReduce, MatMul,
// Transpose) to it.
//
// The IR knows neither a CPU nor Go. A Target says how many f32 lanes a
// vector has and how many registers there are; the same lowering serves
// AVX-512 (16 lanes), portable Go (1 lane) and whatever prints it next.
package loop

// Target is what lowering needs to know of a machine.
type Target struct {
	Name    string
	Lanes   int // f32 lanes of a vector
	VecRegs int // vector registers a kernel may keep live
	PtrRegs int // pointers and counters that stay in registers; printers spill the rest
}

// AVX512 has 16 lanes; one of its 32 registers is left to the printer.
var AVX512 = Target{Name: "avx512", Lanes: 16, VecRegs: 31, PtrRegs: 11}

// Portable is scalar code: one lane. Its registers are Go variables, so that
// VecRegs only bounds tile sizes.
var Portable = Target{Name: "portable", Lanes: 1, VecRegs: 1 << 20, PtrRegs: 1 << 20}
