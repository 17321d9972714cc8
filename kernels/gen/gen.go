// Package gen is the table of targets: for each, the machine that kernels are lowered for and the
// printer of its code, which are in the folder of its name.
package gen

import (
	"mspecc/ir/loop"
	"mspecc/kernels/gen/avx512"
	"mspecc/kernels/gen/portable"
)

// A Target is what kernels are compiled for.
type Target struct {
	loop.Machine
	// GOARCH is what the code is for; "" is every one.
	GOARCH string
	// Emit prints kernels that were lowered for the machine, as functions func(*runtime.Args) of
	// package pkg.
	Emit func(kernels []*loop.Kernel, pkg string) (Code, error)
}

// Code is the text of kernels: assembly with the Go declarations that belong to it, or Go alone.
type Code struct{ Asm, Go string }

// Text is what computes: the assembly, or Go where there is none.
func (c Code) Text() string {
	if c.Asm != "" {
		return c.Asm
	}
	return c.Go
}

// Targets lists the targets; of those for one architecture, the best comes first.
var Targets = []Target{
	{avx512.Machine, "amd64", func(kernels []*loop.Kernel, pkg string) (c Code, err error) {
		c.Asm, c.Go, err = avx512.Emit(kernels, pkg)
		return c, err
	}},
	{portable.Machine, "", func(kernels []*loop.Kernel, pkg string) (c Code, err error) {
		c.Go, err = portable.Emit(kernels, pkg)
		return c, err
	}},
}

// Find is the target of a name.
func Find(name string) (Target, bool) {
	for _, t := range Targets {
		if t.Name == name {
			return t, true
		}
	}
	return Target{}, false
}
