// Package neon prints loop IR as Go assembly for arm64 with its 128-bit vectors, which every such
// processor has. What Go's assembler does not know is written as words (encode.go).
package neon

import (
	"fmt"
	"strings"

	"mspecc/ir/loop"
	"mspecc/kernels/gen/asm"
)

// Machine has 4 lanes; three of its 32 registers are left to the printer. The latency is that of a
// sum of products on most cores.
var Machine = loop.Machine{Name: "neon", Lanes: 4, VecRegs: firstTemp, TileRegs: firstTemp, DotRegs: dotRegs, PtrRegs: len(general), Line: 16, Latency: 4, ByLane: true}

// Emit prints kernels lowered for Machine as one assembly file and the Go declarations (package pkg)
// that belong to it. Each kernel becomes
//
//	func name(a *runtime.Args)
//
// The same kernels give the same bytes.
func Emit(kernels []*loop.Kernel, pkg string) (text, stubs string, err error) {
	var b strings.Builder
	b.WriteString(asm.Header("arm64") + "#include \"textflag.h\"\n")
	named := map[string]bool{}
	for _, k := range kernels {
		if named[k.Name] {
			return "", "", fmt.Errorf("two kernels are named %s", k.Name)
		}
		named[k.Name] = true
		code, err := print(k)
		if err != nil {
			return "", "", fmt.Errorf("kernel %s: %w", k.Name, err)
		}
		b.WriteString(code)
	}
	return b.String(), asm.Declare(kernels, pkg, "arm64"), nil
}

// print prints a kernel twice: what the first text has shown to be needed most often in loops is in
// registers in the second.
func print(k *loop.Kernel) (string, error) {
	if k.Lanes != Machine.Lanes {
		return "", fmt.Errorf("it was lowered for %d lanes, NEON has %d", k.Lanes, Machine.Lanes)
	}
	if err := loop.Verify(k); err != nil {
		return "", err
	}
	first := newPrinter(k)
	if first.vectors > int(first.limit) {
		return "", fmt.Errorf("it takes %d vector registers, NEON has %d for it", first.vectors, first.limit)
	}
	if err := first.block(k.Body); err != nil {
		return "", err
	}
	p := newPrinter(k)
	p.keep(first)
	if err := p.block(k.Body); err != nil {
		return "", err
	}
	return p.function(), nil
}
