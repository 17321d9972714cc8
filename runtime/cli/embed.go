package cli

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"mspecc/runtime/ckpt"
	"mspecc/runtime/eval"
)

func (a *app) embed() *cobra.Command {
	var d dataFlags
	var checkpoint, split, out string
	var seed uint64
	var most int
	c := &cobra.Command{
		Use:   "embed",
		Short: "Write the features of a data set to a file",
		Long: `Write the features of every example, in the data set's order, with its label. The file's
ending chooses the format: .safetensors (tensors "features" and "labels"), .npy (labels go to
NAME.labels.npy), or .csv (the label is the last column).`,
		Example: `  BIN embed --checkpoint runs/a --data DIR --split test --out test.npy
  BIN embed --checkpoint runs/a --data DIR --out train.safetensors`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			write, ok := map[string]func(string, *eval.Set) error{".safetensors": writeSafetensors, ".npy": writeNpy, ".csv": writeCSV}[filepath.Ext(out)]
			if !ok {
				return usagef("--out is %q, expected a name ending in .safetensors, .npy or .csv", out)
			}
			m, _, err := a.trained(checkpoint)
			if err != nil {
				return err
			}
			defer m.Close()
			s, err := d.open(m.Program, seed)
			if err != nil {
				return err
			}
			a.sayData(&d, s)
			src, err := s.split(split)
			if err != nil {
				return err
			}
			src.Max = most
			set, err := a.features(cmd.Context(), m, src)
			if err != nil {
				return err
			}
			if err := write(out, set); err != nil {
				return err
			}
			return a.print(map[string]any{"out": out, "examples": set.Len(), "width": set.Width, "classes": set.Classes}, func(w io.Writer) {
				fmt.Fprintf(w, "%s: features of %d examples, %d each\n", out, set.Len(), set.Width)
			})
		},
	}
	d.add(c)
	fl := c.Flags()
	fl.StringVar(&checkpoint, "checkpoint", "", "checkpoint or run directory")
	fl.StringVar(&split, "split", "train", "train or test")
	fl.StringVar(&out, "out", "features.safetensors", "file to write")
	fl.Uint64Var(&seed, "seed", 1, "seed of the data's random windows")
	fl.IntVar(&most, "max-examples", 0, "write at most so many (default all)")
	return c
}

// labels are the labels as float32; empty where the data have none.
func labels(s *eval.Set) []float32 {
	if s.Classes == 0 {
		return nil
	}
	y := make([]float32, s.Len())
	for i, v := range s.Y {
		y[i] = float32(v)
	}
	return y
}

func writeSafetensors(name string, s *eval.Set) error {
	f := ckpt.File{Metadata: map[string]string{"classes": strconv.Itoa(s.Classes)},
		Tensors: []ckpt.Tensor{ckpt.Floats("features", []int{s.Len(), s.Width}, s.X)}}
	if y := labels(s); y != nil {
		f.Tensors = append(f.Tensors, ckpt.Floats("labels", []int{s.Len()}, y))
	}
	return f.WriteFile(name)
}

func writeNpy(name string, s *eval.Set) error {
	if err := npy(name, fmt.Sprintf("(%d, %d)", s.Len(), s.Width), s.X); err != nil {
		return err
	}
	y := labels(s)
	if y == nil {
		return nil
	}
	return npy(strings.TrimSuffix(name, ".npy")+".labels.npy", fmt.Sprintf("(%d,)", s.Len()), y)
}

// npy writes a float32 array in NumPy's format, version 1.0.
func npy(name, shape string, x []float32) error {
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': %s, }", shape)
	header += strings.Repeat(" ", 63-(10+len(header))%64) + "\n"
	raw := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	raw = append(raw, header...)
	for _, v := range x {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return ckpt.Atomic(name, func(w io.Writer) error {
		_, err := w.Write(raw)
		return err
	})
}

func writeCSV(name string, s *eval.Set) error {
	return ckpt.Atomic(name, func(w io.Writer) error {
		var line []byte
		for j := range s.Width {
			line = fmt.Appendf(line, "f%d,", j)
		}
		if s.Classes > 0 {
			line = append(line, "label,"...)
		}
		line[len(line)-1] = '\n'
		if _, err := w.Write(line); err != nil {
			return err
		}
		for i := range s.Len() {
			line = line[:0]
			for _, v := range s.Row(i) {
				line = append(strconv.AppendFloat(line, float64(v), 'g', -1, 32), ',')
			}
			if s.Classes > 0 {
				line = append(strconv.AppendFloat(line, s.Y[i], 'g', -1, 64), ',')
			}
			line[len(line)-1] = '\n'
			if _, err := w.Write(line); err != nil {
				return err
			}
		}
		return nil
	})
}
