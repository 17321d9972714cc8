// Package gen is the table of targets: for each, the machine that kernels are lowered for and the
// printer of its code, which are in the folder of its name.
package gen

import (
	"fmt"
	"slices"
	"strings"

	"mspecc/ir/loop"
	"mspecc/kernels/gen/avx2"
	"mspecc/kernels/gen/avx512"
	"mspecc/kernels/gen/neon"
	"mspecc/kernels/gen/portable"
)

// A Target is what kernels are compiled for.
type Target struct {
	loop.Machine
	// GOARCH is what the code is for; "" is every one.
	GOARCH string
	// CPU lists the features of a CPU that the code needs, by the names of runtime.HasCPU.
	CPU []string
	// Products of bf16 that need a CPU with more are a target with a name of its own; both are empty
	// where they do not.
	BF16    string
	BF16CPU []string
	// Fused says that products are fused with the sums they are added to: numbers depend on it.
	Fused bool
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
	{
		Machine: avx512.Machine, GOARCH: "amd64", CPU: avx512.CPU, BF16: avx512.Machine.Name + "-bf16", BF16CPU: avx512.BF16CPU, Fused: true,
		Emit: assembly(avx512.Emit),
	},
	{
		Machine: avx2.Machine, GOARCH: "amd64", CPU: []string{"AVX2", "FMA"}, Fused: true,
		Emit: assembly(avx2.Emit),
	},
	{
		Machine: neon.Machine, GOARCH: "arm64", Fused: true,
		Emit: assembly(neon.Emit),
	},
	{
		Machine: portable.Machine,
		Emit: func(kernels []*loop.Kernel, pkg string) (c Code, err error) {
			c.Go, err = portable.Emit(kernels, pkg)
			return c, err
		},
	},
}

// assembly is a printer of assembly and its declarations as one of a target.
func assembly(emit func(kernels []*loop.Kernel, pkg string) (asm, stubs string, err error)) func([]*loop.Kernel, string) (Code, error) {
	return func(kernels []*loop.Kernel, pkg string) (c Code, err error) {
		c.Asm, c.Go, err = emit(kernels, pkg)
		return c, err
	}
}

// Auto stands for all targets of an architecture.
const Auto = "auto"

// Select finds targets by their names, separated by commas, and sorts them, the best first; "auto"
// is all those that an architecture has, of "" those of every one.
func Select(names, goarch string) ([]Target, error) {
	wanted := strings.Split(names, ",")
	var out []Target
	for _, t := range Targets {
		if slices.Contains(wanted, t.Name) || names == Auto && (goarch == "" || t.Of(goarch)) {
			out = append(out, t)
		}
	}
	for _, name := range wanted {
		if names != Auto && !slices.ContainsFunc(out, func(t Target) bool { return t.Name == name }) {
			return nil, fmt.Errorf("the targets are %s and %s, not %q", Auto, strings.Join(Names(), ", "), name)
		}
	}
	return out, nil
}

// Of reports whether code for the target can run on an architecture.
func (t Target) Of(goarch string) bool { return t.GOARCH == "" || t.GOARCH == goarch }

// Names lists the targets' names.
func Names() []string {
	var out []string
	for _, t := range Targets {
		out = append(out, t.Name)
	}
	return out
}
