package codegen

import (
	"fmt"
	"io"
	"strings"

	"mspecc/ir/loop"
)

// Dump writes one of the late stages of a module for one target: loops, plan or asm.
func (t *Target) Dump(w io.Writer, stage, function string) error {
	chosen, used := map[*Function]bool{}, map[*Kernel]bool{}
	for _, p := range t.Programs {
		for _, fn := range p.Functions {
			if function == "" || strings.EqualFold(fn.Name, function) {
				chosen[fn] = true
				for _, c := range fn.Calls {
					c.Driver.kernels(used)
				}
			}
		}
	}
	if len(chosen) == 0 {
		return fmt.Errorf("%s has no function %q", t.mod.Model.File, function)
	}
	if stage == "plan" {
		for _, p := range t.Programs {
			for _, fn := range p.Functions {
				if chosen[fn] {
					t.dumpPlan(w, p, fn)
				}
			}
		}
		return nil
	}
	var kernels []*loop.Kernel
	for _, k := range t.Kernels {
		if used[k] {
			kernels = append(kernels, k.Kernel)
		}
	}
	if stage == "loops" {
		for _, k := range kernels {
			fmt.Fprintln(w, k)
		}
		return nil
	}
	code, err := t.Emit(kernels, "main")
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, code.Text())
	return err
}

// kernels marks the kernels that a driver runs; a launch without a driver has none.
func (d *Driver) kernels(used map[*Kernel]bool) {
	if d == nil {
		return
	}
	for _, k := range d.Kernels {
		used[k] = true
	}
	for _, p := range d.Parts {
		p.kernels(used)
	}
}

// dumpPlan lists the launches with the places of their operands.
func (t *Target) dumpPlan(w io.Writer, p *Program, fn *Function) {
	fmt.Fprintf(w, "// %s, %s for %s: arena of %d floats\n", p.Variant.Modality.Name, fn.Name, t.Name, p.Floats)
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
