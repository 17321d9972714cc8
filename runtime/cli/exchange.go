package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/exchange"
	"mspecc/runtime/onnx"
	"mspecc/runtime/torch"
)

// exportFlags are the flags of export.
type exportFlags struct{ checkpoint, out, key, prefix string }

// exporters write a program's parameters, by the ending of the file's name, and say what
// they wrote.
var exporters = map[string]func(f *exportFlags, m *runtime.Machine, state ckpt.State) (what string, err error){
	".safetensors": exportSafetensors, ".pth": exportTorch, ".pt": exportTorch, ".onnx": exportONNX,
}

func exportEndings() string {
	var all []string
	for e := range exporters {
		all = append(all, e)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func (a *app) export() *cobra.Command {
	var f exportFlags
	c := &cobra.Command{
		Use:   "export",
		Short: "Write a checkpoint's parameters for other programs",
		Long: `Write the parameters alone, under their own names and bit by bit, for other programs. The
file's ending chooses the format:

  .safetensors  float32 tensors; PyTorch, JAX and others read it
  .pth, .pt     a state dict as torch.save writes it, below the key "model" of a dictionary;
                torch.load reads it with weights_only=True
  .onnx         the features as an ONNX model, input x, output features, for any batch`,
		Example: `  BIN export --checkpoint runs/a --out model.safetensors
  BIN export --checkpoint runs/a --out encoder.onnx
  BIN export --checkpoint runs/a --out model.pth --prefix module.`,
		RunE: func(*cobra.Command, []string) error { return a.runExport(&f) },
	}
	fl := c.Flags()
	fl.StringVar(&f.checkpoint, "checkpoint", "", "checkpoint or run directory")
	fl.StringVar(&f.out, "out", "", "file to write")
	fl.StringVar(&f.key, "key", "model", "in .pth: key of the state dict, empty for the state dict alone")
	fl.StringVar(&f.prefix, "prefix", "", "text to put before every parameter's name, such as module.")
	return c
}

func (a *app) runExport(f *exportFlags) error {
	if f.out == "" {
		return usagef("give the file to write with --out")
	}
	write, ok := exporters[filepath.Ext(f.out)]
	if !ok {
		return usagef("--out is %q, expected a name ending in %s", f.out, exportEndings())
	}
	if filepath.Ext(f.out) == ".onnx" && f.prefix != "" {
		return usagef("--prefix is for files of parameters, not for an ONNX model")
	}
	m, state, err := a.trained(f.checkpoint)
	if err != nil {
		return err
	}
	defer m.Close()
	what, err := write(f, m, state.State)
	if err != nil {
		return err
	}
	return a.print(map[string]any{"out": f.out, "format": filepath.Ext(f.out)[1:], "content": what, "step": state.Step}, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %s of step %d\n", f.out, what, state.Step)
	})
}

// take copies the parameters out of a machine.
func (f *exportFlags) take(m *runtime.Machine) []ckpt.Tensor {
	var all []ckpt.Tensor
	for _, p := range m.Program.Params {
		all = append(all, ckpt.Take(m, p.Tensor, f.prefix+p.Name))
	}
	return all
}

func exportSafetensors(f *exportFlags, m *runtime.Machine, state ckpt.State) (string, error) {
	p := m.Program
	file := ckpt.File{Tensors: f.take(m), Metadata: map[string]string{"format": "pt", "model": p.Name, "modality": p.Modality.Name,
		"spec_digest": p.Digest, "step": fmt.Sprint(state.Step)}}
	return fmt.Sprintf("%d tensors", len(file.Tensors)), file.WriteFile(f.out)
}

func exportTorch(f *exportFlags, m *runtime.Machine, _ ckpt.State) (string, error) {
	all := f.take(m)
	err := ckpt.Atomic(f.out, func(w io.Writer) error { return torch.Write(w, f.key, all) })
	return fmt.Sprintf("%d tensors", len(all)), err
}

func exportONNX(f *exportFlags, m *runtime.Machine, state ckpt.State) (string, error) {
	p := m.Program
	if p.Graph.Proto == nil {
		return "", fmt.Errorf("the features of the model %s have no ONNX form: %s", p.Name, p.Graph.Missing)
	}
	var params []ckpt.Tensor
	for _, name := range p.Graph.Params {
		q, ok := p.Param(name)
		if !ok {
			return "", fmt.Errorf("the ONNX graph uses the parameter %s, which the program does not have", name)
		}
		params = append(params, ckpt.Take(m, q.Tensor, name))
	}
	meta := map[string]string{"model": p.Name, "modality": p.Modality.Name, "spec_digest": p.Digest, "step": fmt.Sprint(state.Step)}
	batch := "batches of any size"
	if p.Graph.Batch > 0 {
		batch = fmt.Sprintf("batches of %d", p.Graph.Batch)
	}
	err := ckpt.Atomic(f.out, func(w io.Writer) error { return onnx.Write(w, p.Graph.Proto, params, meta) })
	return fmt.Sprintf("an ONNX model of the features, %s, %d tensors", batch, len(params)), err
}

// importFlags are the flags of import.
type importFlags struct {
	in, out, prefix string
	prefixed        bool // a prefix was given, perhaps an empty one
	strict          bool
}

func (a *app) importCommand() *cobra.Command {
	var f importFlags
	c := &cobra.Command{
		Use:   "import",
		Short: "Make a checkpoint from another program's parameters",
		Long: `Make a checkpoint of step 0 from a file that holds every parameter under its own name
with its shape: safetensors, or a PyTorch checkpoint in either of its formats. No code in a
checkpoint is run. Where the names stand below others, as in {"model": {"module.NAME": ...}},
that is found out. Float64, float16 and bfloat16 are converted; float32 stays bit by bit.
What else the file holds (running averages, optimiser state) is left out and listed.`,
		Example: `  BIN import --in ckpt-100k.pth --out imported.safetensors
  BIN eval --checkpoint imported.safetensors --data DIR
  BIN train --init-from imported.safetensors --data DIR`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.prefixed = cmd.Flags().Changed("prefix")
			return a.runImport(&f)
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.in, "in", "", "file to read: safetensors, .pth or .pt")
	fl.StringVar(&f.out, "out", "", "checkpoint to write")
	fl.StringVar(&f.prefix, "prefix", "", "text before the parameters' names (default found out)")
	fl.BoolVar(&f.strict, "strict", false, "refuse a file with tensors that are no parameters")
	return c
}

func (a *app) runImport(f *importFlags) error {
	if f.in == "" || f.out == "" {
		return usagef("give the file to read with --in and the checkpoint to write with --out")
	}
	m, err := a.machine()
	if err != nil {
		return err
	}
	defer m.Close()
	file, err := exchange.Open(f.in)
	if err != nil {
		return err
	}
	defer file.Close()
	var prefix *string
	if f.prefixed {
		prefix = &f.prefix
	}
	match, err := file.Match(m.Program, prefix)
	if err != nil {
		return err
	}
	if f.strict && len(match.Left) > 0 {
		return fmt.Errorf("%s: %d tensors are no parameters of the model %s: %s", f.in, len(match.Left), m.Program.Name, exchange.Some(match.Left))
	}
	m.Initialize(0)
	if err := match.Into(m); err != nil {
		return err
	}
	t := m.Program.Train
	made, err := ckpt.Snapshot(m, ckpt.State{Seed: t.Seed, LR: t.LR, Steps: t.Steps})
	if err != nil {
		return err
	}
	if err := made.WriteFile(f.out); err != nil {
		return err
	}
	if n := len(match.Left); n > 0 {
		a.note("left out %d tensors that are no parameters: %s", n, exchange.Some(match.Left))
	}
	for _, n := range match.Notes {
		a.note("%s", n)
	}
	result := map[string]any{"out": f.out, "format": file.Format, "tensors": len(m.Program.Params), "prefix": match.Prefix,
		"left": append([]string{}, match.Left...), "notes": append([]string{}, match.Notes...)}
	return a.print(result, func(w io.Writer) {
		where := ""
		if match.Prefix != "" {
			where = fmt.Sprintf(", found below %q", match.Prefix)
		}
		fmt.Fprintf(w, "%s: checkpoint of %d tensors%s\n", f.out, len(m.Program.Params), where)
	})
}
