package cli

import (
	"errors"
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
type exportFlags struct {
	checkpoint, out, key, prefix string
	scaled                       bool // the ONNX model takes values that are scaled
}

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
  .onnx         the features as an ONNX model, input x, output features, for any batch

All keep as metadata what is needed to feed the model as in training: reader and options, mean and
factor of standardized values, the vocabulary. An ONNX model scales values itself, so that it
takes them as they are in files; with --scaled-input it takes them scaled.`,
		Example: `  BIN export --checkpoint runs/a --out model.safetensors
  BIN export --checkpoint runs/a --out encoder.onnx
  BIN export --checkpoint runs/a --out encoder.onnx --scaled-input
  BIN export --checkpoint runs/a --out model.pth --prefix module.`,
		RunE: func(*cobra.Command, []string) error { return a.runExport(&f) },
	}
	fl := c.Flags()
	fl.StringVar(&f.checkpoint, "checkpoint", "", "checkpoint or run directory")
	fl.StringVar(&f.out, "out", "", "file to write")
	fl.StringVar(&f.key, "key", "model", "in .pth: key of the state dict, empty for the state dict alone")
	fl.StringVar(&f.prefix, "prefix", "", "text to put before every parameter's name, such as module.")
	fl.BoolVar(&f.scaled, "scaled-input", false, "the ONNX model takes values that are scaled already, where the model was trained with standardized ones")
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
	switch onnx := filepath.Ext(f.out) == ".onnx"; {
	case onnx && f.prefix != "":
		return usagef("--prefix is for files of parameters, not for an ONNX model")
	case !onnx && f.scaled:
		return usagef("--scaled-input is for an ONNX model; a file of parameters leaves values to its reader, and says how to scale them")
	case f.key != "model" && !strings.HasPrefix(filepath.Ext(f.out), ".p"):
		return usagef("--key is for PyTorch's files, %s has none", filepath.Ext(f.out))
	case f.key == "metadata":
		return usagef("--key metadata is where the file says how to feed the model; choose another one")
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
	if l := state.Data; f.key == "" && strings.HasPrefix(filepath.Ext(f.out), ".p") && (l.Scaling != nil || l.Vocabulary != nil) {
		a.note("a state dict alone has no room for how values are scaled and texts become tokens: leave --key out, or export safetensors, to keep it")
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

// about is what an exported file says beside the parameters. The checkpoint of another version of the
// spec fits this trainer, whose digest the file has.
func about(m *runtime.Machine, state ckpt.State) *exchange.About {
	a := exchange.Describe(state)
	a.Model, a.Modality, a.Digest = m.Program.Name, m.Program.Modality.Name, m.Program.Digest
	return a
}

func exportSafetensors(f *exportFlags, m *runtime.Machine, state ckpt.State) (string, error) {
	meta, err := about(m, state).Texts()
	if err != nil {
		return "", err
	}
	meta["format"] = "pt"
	file := ckpt.File{Tensors: f.take(m), Metadata: meta}
	return fmt.Sprintf("%d tensors", len(file.Tensors)), file.WriteFile(f.out)
}

func exportTorch(f *exportFlags, m *runtime.Machine, state ckpt.State) (string, error) {
	var meta map[string]any
	if f.key != "" {
		var err error
		if meta, err = about(m, state).Values(); err != nil {
			return "", err
		}
	}
	all := f.take(m)
	err := ckpt.Atomic(f.out, func(w io.Writer) error { return torch.Write(w, f.key, all, meta) })
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
	meta, err := about(m, state).Texts()
	if err != nil {
		return "", err
	}
	what, graph := "", p.Graph.Proto
	if s := state.Data.Scaling; s != nil {
		if meta["input"] = "scaled"; f.scaled {
			what = ", of values that are scaled already"
		} else {
			var more []ckpt.Tensor
			if graph, more, err = onnx.Scale(graph, valueInputs(p), s); err != nil {
				return "", err
			}
			params = append(params, more...)
			meta["input"], what = "raw", ", which scales values as in training"
		}
	} else if f.scaled {
		return "", errors.New("the model was trained with values as they are: there is no scaling for --scaled-input to leave out")
	}
	batch := "batches of any size"
	if p.Graph.Batch > 0 {
		batch = fmt.Sprintf("batches of %d", p.Graph.Batch)
	}
	err = ckpt.Atomic(f.out, func(w io.Writer) error { return onnx.Write(w, graph, params, meta) })
	return fmt.Sprintf("an ONNX model of the features%s, %s, %d tensors", what, batch, len(params)), err
}

// valueInputs are the inputs of values of a program's graph, in the order of an example.
func valueInputs(p *runtime.Program) []onnx.Input {
	var list []onnx.Input
	for _, in := range p.Modality.Inputs {
		if in.DType == runtime.F32 {
			list = append(list, onnx.Input{Name: in.Tensor(), Shape: in.Shape})
		}
	}
	return list
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
with its shape: safetensors, or a PyTorch checkpoint in either of its formats; also from the
index or the folder of several, as Hugging Face's libraries write large models. No code in a
checkpoint is run. Where the names stand below others, as in {"model": {"module.NAME": ...}},
that is found out; the names that wrappers such as torch.compile leave in them are dropped.
Float64, float16 and bfloat16 are converted; float32 stays bit by bit.
What else the file holds (running averages, optimiser state) is left out and listed. How a
model that export wrote wants its values scaled and its texts split is taken along.`,
		Example: `  BIN import --in ckpt-100k.pth --out imported.safetensors
  BIN eval --checkpoint imported.safetensors --data DIR
  BIN train --init-from imported.safetensors --data DIR`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.prefixed = cmd.Flags().Changed("prefix")
			return a.runImport(&f)
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.in, "in", "", "file to read: safetensors, .pth or .pt; an index of several, or their folder")
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
	state := ckpt.State{Seed: t.Seed, LR: t.LR, Steps: t.Steps}
	switch about := file.About; {
	case about == nil:
	case about.Modality != m.Program.Modality.Name:
		a.note("%s was exported for the modality %s: how its values are scaled and its texts split is left out", f.in, about.Modality)
	default:
		if about.Seed != nil {
			state.Seed = *about.Seed
		}
		if state.Data, err = about.Data(); err != nil {
			return fmt.Errorf("%s: %w", f.in, err)
		}
	}
	made, err := ckpt.Snapshot(m, state)
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
