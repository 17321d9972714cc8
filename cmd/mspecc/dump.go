package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mspecc/codegen"
	"mspecc/ir"
	"mspecc/ir/elab"
	"mspecc/ir/pass"
	"mspecc/ir/view"
	"mspecc/parser"
	"mspecc/spec"
)

// stages are what dump shows, in the order of the compiler.
var stages = []string{"ast", "ir", "grad", "opt", "loops", "plan", "asm"}

func newDumpCmd() *cobra.Command {
	f := &buildFlags{dataless: true}
	var stage, function, html string
	list := &strings.Builder{}
	for _, p := range pass.List() {
		kind := "optional"
		if p.Required {
			kind = "required"
		}
		fmt.Fprintf(list, "  %-20s %s (%s)\n", p.Name, p.Doc, kind)
	}
	for _, p := range codegen.LaunchPasses {
		fmt.Fprintf(list, "  %-20s %s (optional, after fusion)\n", p.Name, p.Doc)
	}
	cmd := &cobra.Command{
		Use:   "dump FILE",
		Short: "Show a stage of the compilation",
		Long: `Dump prints what the compiler has made of a spec at one stage:

  ast    the syntax tree
  ir     the objective's tensor graph as elaborated
  grad   with the gradients of all parameters
  opt    after the passes
  loops  the kernels as loop IR
  plan   the launches with the places of their operands
  asm    the kernels as assembly, or as Go code for the target portable

--html writes one self-contained page with a column for each pass instead.
The passes, of which --disable takes the optional ones:

` + list.String(),
		Example: `  mspecc dump model.mspec --stage opt --modality fashion
  mspecc dump model.mspec --html passes.html --modality fashion`,
		Args: oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := heeded(cmd, stage, html != ""); err != nil {
				return err
			}
			if html != "" {
				return f.dumpHTML(args[0], html, function)
			}
			if function == "" && slices.Contains([]string{"ir", "grad", "opt"}, stage) {
				function = "step"
			}
			return f.dump(os.Stdout, args[0], stage, function)
		},
	}
	f.model(cmd)
	f.kernels(cmd)
	cmd.Flags().StringVar(&stage, "stage", "opt", "one of "+strings.Join(stages, ", "))
	cmd.Flags().StringVar(&function, "function", "", "step, replay, features, reconstruct or pullback (the gradient of features); default step, of loops, plan and asm all")
	cmd.Flags().StringVar(&html, "html", "", "write a page with one column per pass to this `file`")
	return cmd
}

// heeds lists the flags that have a meaning for each stage, and for a page.
var heeds = map[string][]string{
	"ast":   nil,
	"ir":    {"modality", "set", "function"},
	"grad":  {"modality", "set", "function"},
	"opt":   {"modality", "set", "function", "disable"},
	"loops": {"modality", "set", "function", "disable", "memory", "target"},
	"plan":  {"modality", "set", "function", "disable", "memory", "target"},
	"asm":   {"modality", "set", "function", "disable", "memory", "target"},
	"page":  {"modality", "set", "function", "disable"},
}

// heeded refuses flags that would do nothing.
func heeded(cmd *cobra.Command, stage string, page bool) error {
	some, of := []string{"modality", "set", "function", "disable", "memory", "target"}, "--stage "+stage
	if page {
		some, stage, of = append(some, "stage"), "page", "--html"
	}
	known, ok := heeds[stage]
	for _, name := range some {
		if ok && cmd.Flags().Changed(name) && !slices.Contains(known, name) {
			return usageError{fmt.Errorf("--%s does nothing with %s: leave it out", name, of)}
		}
	}
	return nil
}

func (f *buildFlags) dump(w io.Writer, file, stage, function string) error {
	switch stage {
	case "ast":
		src, err := spec.ReadFile(file)
		if err != nil {
			return err
		}
		tree, diags := parser.Parse(file, src)
		if len(diags) > 0 {
			spec.Render(os.Stderr, diags, nil)
			return errReported
		}
		spec.Dump(w, tree)
		return nil
	case "ir":
		m, err := f.load(file)
		if err != nil {
			return err
		}
		for _, v := range m.Variants {
			fn := pickFunc(v, function)
			if fn == nil {
				return fmt.Errorf("modality %s has no function %q", v.Modality.Name, function)
			}
			fmt.Fprintf(w, "// modality %s\n", v.Modality.Name)
			if err := ir.Dump(w, fn.Program()); err != nil {
				return err
			}
		}
		return nil
	case "grad", "opt":
		_, seen, err := f.observe(file, function)
		if err != nil {
			return err
		}
		for _, s := range seen {
			at := len(s) - 1
			if stage == "grad" {
				at = slices.IndexFunc(s, isInput)
			}
			if err := ir.Dump(w, s[at].Program); err != nil {
				return err
			}
		}
		return nil
	case "loops", "plan", "asm":
		mod, err := f.loadAndCompile(file)
		if err != nil {
			return err
		}
		return mod.Targets[0].Dump(w, stage, function)
	}
	return usageError{fmt.Errorf("--stage %s: the stages are %s", stage, strings.Join(stages, ", "))}
}

// isInput reports whether a stage is what comes out of differentiation.
func isInput(s view.Stage) bool { return s.Name == "input" }

// observe compiles and keeps every stage of the named function, for each modality.
func (f *buildFlags) observe(file, function string) (m *elab.Model, all [][]view.Stage, err error) {
	if m, err = f.load(file); err != nil {
		return nil, nil, err
	}
	o, err := f.options()
	if err != nil {
		return nil, nil, err
	}
	o.Observe = func(fn, stage string, p *pass.Program) {
		if !strings.EqualFold(fn, function) {
			return
		}
		if stage == "elaborated" || stage == "input" && (len(all) == 0 || slices.ContainsFunc(all[len(all)-1], isInput)) {
			all = append(all, nil) // the next modality, or what follows the gradient: the optimiser
		}
		r := view.Recorder{Stages: all[len(all)-1]}
		r.Observe(stage, p)
		all[len(all)-1] = r.Stages
	}
	_, err = codegen.Compile(m, o)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%s has no function %q", file, function)
	}
	return m, all, err
}

func (f *buildFlags) dumpHTML(file, out, function string) error {
	m, all, err := f.observe(file, cmp.Or(function, "step"))
	if err != nil {
		return err
	}
	if n := len(m.Variants); n > 1 {
		return usageError{fmt.Errorf("--html shows one modality, %s has %d: choose one with --modality", file, n)}
	}
	w, err := os.Create(out)
	if err != nil {
		return err
	}
	if err := view.Write(w, file, all[0]); err != nil {
		w.Close()
		return err
	}
	fmt.Fprintf(os.Stderr, "mspecc: wrote %s\n", out)
	return w.Close()
}

func pickFunc(v *elab.Variant, name string) *elab.Func {
	return map[string]*elab.Func{"step": v.Objective, "replay": v.Replay, "features": v.Features, "reconstruct": v.Reconstruct, "pullback": v.Features}[strings.ToLower(name)]
}
