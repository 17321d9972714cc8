package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"mspecc/runtime/ckpt"
)

func (a *app) export() *cobra.Command {
	var checkpoint, out string
	c := &cobra.Command{
		Use:   "export",
		Short: "Write a checkpoint's parameters for other programs",
		Long: `Write the parameters alone, under their own names, as float32 safetensors, which PyTorch
and others read.`,
		Example: `  BIN export --checkpoint runs/a --out model.safetensors`,
		RunE: func(*cobra.Command, []string) error {
			if out == "" {
				return usagef("give the file to write with --out")
			}
			m, state, err := a.trained(checkpoint)
			if err != nil {
				return err
			}
			defer m.Close()
			f := ckpt.File{Metadata: map[string]string{"format": "pt", "model": m.Program.Name, "modality": m.Program.Modality.Name,
				"spec_digest": m.Program.Digest, "step": fmt.Sprint(state.Step)}}
			for _, p := range m.Program.Params {
				f.Tensors = append(f.Tensors, ckpt.Take(m, p.Tensor, p.Name))
			}
			if err := f.WriteFile(out); err != nil {
				return err
			}
			return a.print(map[string]any{"out": out, "tensors": len(f.Tensors), "step": state.Step}, func(w io.Writer) {
				fmt.Fprintf(w, "%s: %d tensors of step %d\n", out, len(f.Tensors), state.Step)
			})
		},
	}
	c.Flags().StringVar(&checkpoint, "checkpoint", "", "checkpoint or run directory")
	c.Flags().StringVar(&out, "out", "", "file to write")
	return c
}

func (a *app) importCommand() *cobra.Command {
	var in, out, prefix string
	var ignoreExtra bool
	c := &cobra.Command{
		Use:   "import",
		Short: "Make a checkpoint from another program's parameters",
		Long: `Make a checkpoint of step 0 from a safetensors file that holds every parameter under its
own name (or PREFIX and its name) with its shape. Float64, float16 and bfloat16 are converted.`,
		Example: `  BIN import --in pytorch.safetensors --out imported.safetensors
  BIN train --init imported.safetensors --data DIR`,
		RunE: func(*cobra.Command, []string) error {
			if in == "" || out == "" {
				return usagef("give the file to read with --in and the checkpoint to write with --out")
			}
			m, err := a.machine()
			if err != nil {
				return err
			}
			defer m.Close()
			f, err := ckpt.ReadFile(in)
			if err != nil {
				return err
			}
			kept := f.Tensors[:0]
			for _, t := range f.Tensors {
				t.Name = strings.TrimPrefix(t.Name, prefix)
				if _, ok := m.Program.Param(t.Name); !ok && ignoreExtra {
					continue
				}
				if t, err = t.Float32(); err != nil {
					return fmt.Errorf("%s: %w", in, err)
				}
				kept = append(kept, t)
			}
			f.Tensors = kept
			m.Initialize(0)
			if err := f.Restore(m, false); err != nil {
				return err
			}
			t := m.Program.Train
			made, err := ckpt.Snapshot(m, ckpt.State{Seed: t.Seed, LR: t.LR, Steps: t.Steps})
			if err != nil {
				return err
			}
			if err := made.WriteFile(out); err != nil {
				return err
			}
			return a.print(map[string]any{"out": out, "tensors": len(m.Program.Params)}, func(w io.Writer) {
				fmt.Fprintf(w, "%s: checkpoint of %d tensors\n", out, len(m.Program.Params))
			})
		},
	}
	fl := c.Flags()
	fl.StringVar(&in, "in", "", "safetensors file to read")
	fl.StringVar(&out, "out", "", "checkpoint to write")
	fl.StringVar(&prefix, "prefix", "param.", "text to drop from the front of names that have it")
	fl.BoolVar(&ignoreExtra, "ignore-extra", false, "pass over tensors that are no parameters (position tables, running averages)")
	return c
}
