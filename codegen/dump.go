package codegen

import (
	"fmt"
	"io"

	"mspecc/codegen/avx512"
	"mspecc/ir/loop"
)

// Dump writes one of the late stages of a module: loops, plan or asm.
func (mod *Module) Dump(w io.Writer, stage string) error {
	switch stage {
	case "plan":
		for _, p := range mod.Programs {
			for _, fn := range p.Functions {
				p.dumpPlan(w, fn)
			}
		}
		return nil
	case "loops":
		for _, k := range mod.Kernels {
			fmt.Fprintln(w, k.AVX512)
		}
		return nil
	}
	var kernels []*loop.Kernel
	for _, k := range mod.Kernels {
		kernels = append(kernels, k.AVX512)
	}
	asm, _, err := avx512.Emit(kernels, "main")
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, asm)
	return err
}

// dumpPlan lists the launches with the places of their operands.
func (p *Program) dumpPlan(w io.Writer, fn *Function) {
	fmt.Fprintf(w, "// %s, %s: arena of %d floats\n", p.Variant.Modality.Name, fn.Name, p.Floats)
	for i, c := range fn.Calls {
		l := c.Launch
		name := l.Kind.String()
		if c.Driver != nil {
			name = c.Driver.Title()
		}
		fmt.Fprintf(w, "%d: %s", i, name)
		for _, o := range l.Operands {
			arrow := " "
			if o.Write {
				arrow = " > "
			}
			fmt.Fprintf(w, "%s[%d %s+%d]", arrow, o.Buf.Offset+o.Offset, o.Buf.Name, o.Offset)
		}
		fmt.Fprintf(w, "  // %s: %s %s\n", l.Main().Phase, place(l.Main()), l.Main().Type)
	}
}
