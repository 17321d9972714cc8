package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/train"
)

func (a *app) replay() *cobra.Command {
	var in, out string
	var seed, step uint64
	var ignoreExtra bool
	c := &cobra.Command{
		Use:   "replay",
		Short: "One step's loss and gradients on given numbers, without dropout or update",
		Long: `Compute one training step's loss and gradients from a safetensors file that holds
param.NAME for every parameter, batch.x (batch.x.INPUT of each where there are several inputs),
and batch.STREAM for every random stream. The result
holds the loss, every report, z, z_adapted, and grad.NAME for every parameter. A missing,
extra or misshapen tensor is an error; tensors named expect.* are passed over. A random stream
that the file lacks is drawn only where --seed is given.`,
		Example: `  BIN replay --in in.safetensors --out out.safetensors`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if in == "" || out == "" {
				return usagef("give the file to read with --in and the one to write with --out")
			}
			m, err := a.machine()
			if err != nil {
				return err
			}
			defer m.Close()
			f := m.Program.Replay
			if f == nil {
				return fmt.Errorf("the model %s has no objective to replay", m.Program.Name)
			}
			given, err := supply(m, f, in, cmd.Flags().Changed("seed"), ignoreExtra)
			if err != nil {
				return err
			}
			if err := m.Execute(f, seed, step, given...); err != nil {
				return err
			}
			result := ckpt.File{Metadata: map[string]string{"model": m.Program.Name, "modality": m.Program.Modality.Name, "spec_digest": m.Program.Digest}}
			for _, t := range f.Outputs {
				result.Tensors = append(result.Tensors, ckpt.Take(m, t, t.Name))
			}
			if err := result.WriteFile(out); err != nil {
				return err
			}
			return a.printReplay(m, f, out)
		},
	}
	fl := c.Flags()
	fl.StringVar(&in, "in", "", "safetensors file with parameters, batch and random streams")
	fl.StringVar(&out, "out", "", "safetensors file to write")
	fl.Uint64Var(&seed, "seed", 0, "draw the random streams that the file lacks with this seed")
	fl.Uint64Var(&step, "step", 1, "the step they are drawn for")
	fl.BoolVar(&ignoreExtra, "ignore-extra", false, "pass over tensors that the program has no use for")
	return c
}

// supply copies the file's tensors into the machine and gives the names of the random streams
// it held. Streams may be missing only where draw says so.
func supply(m *runtime.Machine, f *runtime.Function, in string, draw, ignoreExtra bool) ([]string, error) {
	file, err := ckpt.ReadFile(in)
	if err != nil {
		return nil, err
	}
	want := map[string]runtime.Tensor{}
	var order []string
	expect := func(name string, t runtime.Tensor) {
		want[name] = t
		order = append(order, name)
	}
	for _, p := range m.Program.Params {
		expect("param."+p.Name, p.Tensor)
	}
	for _, t := range f.Inputs {
		expect("batch."+t.Name, t)
	}
	streams := map[string]bool{}
	for _, t := range f.Streams {
		expect("batch."+t.Name, t)
		streams["batch."+t.Name] = true
	}
	var given []string
	seen := map[string]bool{}
	for _, src := range file.Tensors {
		t, ok := want[src.Name]
		if !ok {
			if ignoreExtra || strings.HasPrefix(src.Name, "expect.") {
				continue
			}
			return nil, fmt.Errorf("%s: tensor %q is none of the program's; it takes param.NAME, %s", in, src.Name, strings.Join(order[len(m.Program.Params):], ", "))
		}
		if err := file.Put(m, src, t); err != nil {
			return nil, err
		}
		seen[src.Name] = true
		if streams[src.Name] {
			given = append(given, t.Name)
		}
	}
	for _, name := range order {
		if seen[name] || draw && streams[name] {
			continue
		}
		hint := ""
		if streams[name] {
			hint = " (a random stream; --seed draws it)"
		}
		return nil, fmt.Errorf("%s: tensor %q, %s, is missing%s", in, name, want[name].TypeString(), hint)
	}
	return given, nil
}

// printReplay shows the scalars.
func (a *app) printReplay(m *runtime.Machine, f *runtime.Function, out string) error {
	var named []float64
	names := train.Scalars(f)
	scalars := map[string]any{}
	for _, n := range names {
		t, _ := f.Output(n)
		v := float64(m.Mem[t.Offset])
		named = append(named, v)
		scalars[n] = v
		if v-v != 0 {
			scalars[n] = fmt.Sprint(v) // JSON has no NaN
		}
	}
	return a.print(map[string]any{"out": out, "scalars": scalars}, func(w io.Writer) {
		fmt.Fprintf(w, "%s\n%s: %d tensors\n", values(names, named), out, len(f.Outputs))
	})
}
