package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mspecc/runtime"
)

// programInfo is what info says of one program.
type programInfo struct {
	Model      string            `json:"model"`
	Spec       string            `json:"spec"`
	Digest     string            `json:"spec_digest"`
	Target     string            `json:"target"`
	Numerics   runtime.Numerics  `json:"numerics"` // what the bits of all numbers depend on
	Modality   runtime.Modality  `json:"modality"`
	Batch      int               `json:"batch"`
	Train      runtime.Train     `json:"train"`
	Settings   []runtime.Setting `json:"settings"`
	Parameters int               `json:"parameters"`
	Memory     int               `json:"arena_bytes"`
	FLOPs      float64           `json:"step_flops"`
	Functions  []string          `json:"functions"`
	Batches    []int             `json:"features_batches"` // the sizes that features are compiled for
	Tensors    []tensorInfo      `json:"tensors"`
}

type tensorInfo struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
	Init  string `json:"init"`

	Frozen bool `json:"frozen,omitempty"` // no gradient reaches it
}

func (a *app) info() *cobra.Command {
	return &cobra.Command{
		Use:         "info",
		Annotations: map[string]string{prints: "true"},
		Short:       "Say what was compiled: parameters, shapes, settings, modality, target",
		Example: `  BIN info
  BIN info --modality NAME --json`,
		RunE: func(*cobra.Command, []string) error {
			programs := a.programs
			if a.modality != "" {
				p, err := a.program()
				if err != nil {
					return err
				}
				programs = []*runtime.Program{p}
			}
			var list []programInfo
			for _, p := range programs {
				list = append(list, describeProgram(p))
			}
			return a.print(list, func(w io.Writer) {
				for i, p := range list {
					if i > 0 {
						fmt.Fprintln(w)
					}
					p.write(w)
				}
			})
		},
	}
}

func describeProgram(p *runtime.Program) programInfo {
	info := programInfo{Model: p.Name, Spec: p.Spec, Digest: p.Digest, Target: p.Target, Numerics: p.Numerics(), Modality: p.Modality, Batch: p.Batch,
		Train: p.Train, Settings: p.Settings, Parameters: p.ParamCount(), Memory: 4 * p.Floats}
	for _, f := range []struct {
		name string
		f    *runtime.Function
	}{{"train", p.Step}, {"replay", p.Replay}, {"features", p.Features}, {"reconstruct", p.Reconstruct}, {"pullback", p.Pullback}} {
		if f.f != nil {
			info.Functions = append(info.Functions, f.name)
		}
	}
	for _, f := range p.Small {
		info.Batches = append(info.Batches, f.Outputs[0].Shape[0])
	}
	if p.Features != nil {
		info.Batches = append(info.Batches, p.Batch)
	}
	if p.Step != nil {
		info.FLOPs = p.Step.FLOPs
	}
	for _, q := range p.Params {
		info.Tensors = append(info.Tensors, tensorInfo{q.Name, q.Shape, initText(q.Init), q.Frozen})
	}
	return info
}

// optimizerText is the optimiser with its numbers.
func optimizerText(t runtime.Train) string {
	parts := []string{t.InTruth()}
	if t.InTruth() != t.Optimizer {
		parts[0] += " (the spec says " + t.Optimizer + ", which the compiler of then did not have)"
	}
	parts = append(parts, fmt.Sprintf("lr %g", t.LR), fmt.Sprintf("weight decay %g", t.WeightDecay))
	if n := t.Numbers(); n != "" {
		parts = append(parts, n)
	}
	if t.Clip > 0 {
		parts = append(parts, fmt.Sprintf("gradients clipped to a norm of %g", t.Clip))
	}
	return strings.Join(parts, ", ")
}

// scheduleText is the course of the learning rate.
func scheduleText(t runtime.Train) string {
	s := t.Schedule
	text := cmp.Or(s.Kind, "constant")
	switch text {
	case "cosine", "linear":
		text += fmt.Sprintf(" to %g of the rate", s.Factor)
	case "step":
		text += fmt.Sprintf(", times %g every %d steps", s.Factor, s.Every)
	}
	if s.Warmup > 0 {
		text += fmt.Sprintf(", warm-up of %d steps", s.Warmup)
	}
	return text
}

// readerText is a data reader with its options as in a spec.
func readerText(reader string, options []runtime.Option) string {
	var list []string
	for _, o := range options {
		list = append(list, o.Name+": "+o.Value)
	}
	return reader + "(" + strings.Join(list, ", ") + ")"
}

// initText is an initialisation in the spec's manner.
func initText(in runtime.Init) string {
	switch in.Kind {
	case "normal":
		return fmt.Sprintf("normal(%g, %g)", in.A, in.B)
	case "uniform":
		return fmt.Sprintf("uniform(%g, %g)", in.A, in.B)
	case "xavier_uniform":
		return fmt.Sprintf("xavier_uniform(%d, %d)", in.FanIn, in.FanOut)
	}
	return fmt.Sprintf("const(%g)", in.A)
}

func (p programInfo) write(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	m := p.Modality
	line("model", "%s (%s)", p.Model, p.Spec)
	line("spec digest", "%s", p.Digest)
	line("target", "%s", p.Target)
	line("numbers", "%s; products are %s", p.Numerics.Format, p.Numerics.Products)
	bits := "the target"
	if p.Numerics.Kernels != "" {
		bits += " and its kernels, " + p.Numerics.Kernels
	}
	line("bits", "depend on %s; not on the number of threads or the system", bits)
	tokens := ""
	switch {
	case len(m.Grid) > 0:
		tokens = fmt.Sprintf(", patch %v, tokens %v", m.Patch, m.Grid)
	case len(m.Layouts) > 0: // a kind that names no grid
		n := 0
		for _, l := range m.Layouts {
			n += l.Tokens
		}
		tokens = fmt.Sprintf(", %d tokens", n)
	}
	line("modality", "%s, %s of %s%s", m.Name, m.Kind, want(m), tokens)
	for _, in := range m.Inputs {
		if in.Vocab > 0 {
			line("vocabulary", "%d", in.Vocab)
		}
	}
	if m.Reader != "" {
		line("data reader", "%s", readerText(m.Reader, m.Options))
	}
	for _, t := range m.Tasks {
		line("task", "%s: %s", t.Name, readerText(t.Reader, t.Options))
	}
	line("batch", "%d", p.Batch)
	line("functions", "%s", strings.Join(p.Functions, ", "))
	if len(p.Batches) > 0 {
		line("features", "in batches of %s", strings.Trim(strings.ReplaceAll(fmt.Sprint(p.Batches), " ", ", "), "[]"))
	}
	line("optimizer", "%s", optimizerText(p.Train))
	line("schedule", "%s", scheduleText(p.Train))
	line("training", "%d steps, seed %d, precision %s", p.Train.Steps, p.Train.Seed, p.Train.Precision)
	line("memory", "%.1f MiB", float64(p.Memory)/(1<<20))
	if p.FLOPs > 0 {
		line("work", "%.4g GFLOP a step", p.FLOPs/1e9)
	}
	line("parameters", "%d", p.Parameters)
	_ = t.Flush()
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nsettings")
	for _, s := range p.Settings {
		fmt.Fprintf(t, "  %s\t%s\t(%s)\n", s.Name, s.Value, s.From)
	}
	_ = t.Flush()
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nparameters")
	for _, q := range p.Tensors {
		init := q.Init
		if q.Frozen {
			init += ", never changed: no gradient reaches it"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\n", q.Name, runtime.Tensor{Shape: q.Shape}.TypeString(), init)
	}
	_ = t.Flush()
}
