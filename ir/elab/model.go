package elab

import (
	"mspecc/ir"
	"mspecc/ir/optim"
	"mspecc/spec"
)

// Options choose among what a spec offers.
type Options struct {
	Modalities []string // by name; empty: all that the file declares
	Set        []string // "name=value" for settings of the model
	OwnReaders bool     // the program may have data readers of its own: one that is not known is but a warning
}

// Model is an elaborated spec.
type Model struct {
	Name, File string
	Digest     string // sha256 over all sources, hexadecimal
	Sources    []Source
	Variants   []*Variant
}

// Source is one file that the model was made of. Names are with slashes and relative to a folder
// that holds all files, save std/... of the standard library: written out under them they
// compile to the same model.
type Source struct{ Name, Text string }

// Variant is the model for one modality. A model without modality parameter has one,
// named after the model.
type Variant struct {
	Modality Modality
	Batch    int         // the setting batch, 0 where there is none
	Settings []Setting   // in the order of the model
	Params   []*ir.Value // in the order of their first use by the objective = checkpoint order
	Frozen   []string    // names of those that no gradient of the loss reaches: they keep their first values
	Train    Train

	Objective   *Func // Outputs[0] is "loss"; random dropout
	Replay      *Func // the same without dropout
	Features    *Func // output "features"; nil: none
	Reconstruct *Func // outputs as exposed; nil: none

	build *variantBuild // what FeaturesAt starts from; nil where the variant was made by hand
}

// Func is one entry point with a graph of its own.
type Func struct {
	Name                    string
	B                       *ir.Builder
	Inputs, Streams, Params []*ir.Value
	Outputs                 []Output
}

// Program is the function's graph with its outputs.
func (f *Func) Program() *ir.Program {
	p := &ir.Program{B: f.B}
	for _, o := range f.Outputs {
		p.Outputs = append(p.Outputs, ir.Output{Name: o.Name, Value: o.Value})
	}
	return p
}

// On is the function with another graph that computes the same outputs; p has them in the
// order of Program. What no output needs is not in its lists.
func (f *Func) On(p *ir.Program) *Func {
	g := &Func{Name: f.Name, B: p.B}
	for i, o := range f.Outputs {
		g.Outputs = append(g.Outputs, Output{o.Name, p.Outputs[i].Value, o.Report})
	}
	own := func(op ir.Op, values []*ir.Value) (out []*ir.Value) {
		for _, v := range values {
			if w := p.Leaf(op, v.Attr.Name); w != nil {
				out = append(out, w)
			}
		}
		return out
	}
	g.Inputs, g.Streams, g.Params = own(ir.OpInput, f.Inputs), own(ir.OpUniform, f.Streams), own(ir.OpParam, f.Params)
	return g
}

// Output is a named result. Reports are scalars that a trainer logs.
type Output struct {
	Name   string
	Value  *ir.Value
	Report bool
}

// Option is one option of a data reader, as text.
type Option struct{ Name, Value string }

// Input is one input of an example.
type Input struct {
	Name  string  // "" for the only one of a kind
	Type  ir.Type // without the batch axis
	Vocab int     // number of different tokens, 0 for values
	As    string  // what it is shown as, see shownAs
}

// Tensor is the name of the input's batch among a program's inputs.
func (in Input) Tensor() string {
	if in.Name == "" {
		return "x"
	}
	return "x." + in.Name
}

// Task is data to evaluate on, by name.
type Task struct {
	Name    string
	Reader  string
	Options []Option
	Metric  string
}

// Modality describes the input of a variant.
type Modality struct {
	Name, Kind string
	Inputs     []Input // of one example; none for a model without data
	Reader     string
	Options    []Option
	Tasks      []Task
	Sample     string // folder of the data set to carry, relative to the working directory or absolute; "" for none
	Metric     string
	Grid       []int // tokens per axis
	Patch      []int // patch size per axis
	Channels   int
	Layouts    []Layout // how the inputs are shown, in their order; none where the model has no reconstruct
}

// Setting is a compile-time constant of the model.
type Setting struct {
	Name, Value string
	From        string   // "model", "modality" or "command line"
	Pos         spec.Pos // where it was set
}

// Train holds the train block; see the language reference for the defaults.
type Train struct {
	Optimizer string // of package optim
	optim.Settings
	Schedule        Schedule
	Clip            float64 // largest gradient norm, 0 for no clipping
	Steps           int
	CheckpointEvery int // steps, 0 for only the last one
	Seed            uint64
	Precision       string // "f32" or "bf16"
	Recompute       string // what is computed again to save memory: "none", "cheap" or "all"
}

// Schedule is the learning rate's course over the steps.
type Schedule struct {
	Kind   string  // "constant", "cosine", "linear" or "step"
	Warmup int     // steps over which the rate grows linearly from 0
	Every  int     // "step": steps between two changes
	Factor float64 // "step": the multiplier; "cosine" and "linear": the share left at the end
}
