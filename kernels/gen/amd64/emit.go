// Package amd64 is what the targets of amd64 have in common: it prints loop IR as Go assembly
// (through avo, which allocates the registers and checks the operands). A target gives the
// vector instructions, as an ISA.
package amd64

import (
	"fmt"
	"go/token"
	"go/types"
	"runtime"
	"sort"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/buildtags"
	"github.com/mmcloughlin/avo/gotypes"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"golang.org/x/sync/errgroup"

	"mspecc/internal/module"
	"mspecc/ir/loop"
	"mspecc/kernels/gen/asm"
)

// Emit prints kernels lowered for the instruction set's machine as one assembly file and the Go
// declarations (package pkg) that belong to it. Each kernel becomes
//
//	func name(a *runtime.Args)
//
// The same kernels give the same bytes.
func (isa *ISA) Emit(kernels []*loop.Kernel, pkg string) (code, stubs string, err error) {
	file := ir.NewFile()
	file.Constraints = buildtags.Constraints{{{buildtags.Term("amd64")}}}
	globals := map[string]*ir.Global{}
	docs := map[string][]string{}
	parts, err := isa.compileAll(kernels)
	if err != nil {
		return "", "", err
	}
	for i, k := range kernels {
		if docs[k.Name] != nil {
			return "", "", fmt.Errorf("two kernels are named %s", k.Name)
		}
		part := parts[i]
		docs[k.Name] = append([]string{""}, k.Doc...)
		file.Includes = part.Includes
		for _, s := range part.Sections {
			if g, ok := s.(*ir.Global); ok {
				globals[g.Symbol.Name] = g
				continue
			}
			file.AddSection(s)
		}
	}
	names := make([]string, 0, len(globals))
	for n := range globals {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		file.AddSection(globals[n])
	}
	text, err := printer.NewGoAsm(printer.Config{Name: "mspecc", Pkg: pkg}).Print(file)
	if err != nil {
		return "", "", err
	}
	return document(string(text), docs), asm.Declare(kernels, pkg, "amd64"), nil
}

// compileAll compiles kernels side by side: allocating registers takes most of a build's time,
// and each kernel has its own.
func (isa *ISA) compileAll(kernels []*loop.Kernel) ([]*ir.File, error) {
	parts := make([]*ir.File, len(kernels))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, k := range kernels {
		g.Go(func() (err error) {
			if parts[i], err = isa.compile(k); err != nil {
				err = fmt.Errorf("kernel %s: %w", k.Name, err)
			}
			return err
		})
	}
	return parts, g.Wait()
}

// compile runs one kernel through avo; an error of its register allocation
// then belongs to a kernel.
func (isa *ISA) compile(k *loop.Kernel) (*ir.File, error) {
	if k.Lanes != isa.Lanes {
		return nil, fmt.Errorf("it was lowered for %d lanes, %s has %d", k.Lanes, isa.Title, isa.Lanes)
	}
	if err := loop.Verify(k); err != nil {
		return nil, err
	}
	c := build.NewContext()
	c.Function(k.Name)
	c.Attributes(attr.NOSPLIT)
	c.Signature(signature())
	e := newEmitter(isa, c, k)
	e.prologue()
	if err := e.block(k.Body); err != nil {
		return nil, err
	}
	c.VZEROUPPER()
	c.RET()
	for _, t := range e.tables() {
		c.StaticGlobal(t.name)
		c.DataAttributes(attr.RODATA | attr.NOPTR)
		for _, v := range t.values {
			c.AppendDatum(v)
		}
	}
	f, err := c.Result()
	if err != nil {
		return nil, err
	}
	if err := pass.Compile.Execute(f); err != nil {
		return nil, err
	}
	if isa.Encode == nil {
		return f, nil
	}
	return f, isa.Encode(f)
}

// signature is that of every kernel: func(a *runtime.Args).
func signature() *gotypes.Signature {
	p := types.NewPackage(module.Runtime, "runtime")
	args := types.NewNamed(types.NewTypeName(token.NoPos, p, "Args", nil), types.NewStruct(nil, nil), nil)
	a := types.NewVar(token.NoPos, nil, "a", types.NewPointer(args))
	return gotypes.NewSignature(nil, types.NewSignatureType(nil, nil, nil, types.NewTuple(a), nil, false))
}

// document puts each kernel's doc lines over its declaration comment.
func document(asm string, docs map[string][]string) string {
	var b strings.Builder
	for _, line := range strings.SplitAfter(asm, "\n") {
		if name, ok := strings.CutPrefix(line, "// func "); ok {
			name, _, _ = strings.Cut(name, "(")
			for _, d := range docs[name] {
				if d != "" {
					b.WriteString("// " + d + "\n")
				}
			}
		}
		b.WriteString(line)
	}
	return b.String()
}
