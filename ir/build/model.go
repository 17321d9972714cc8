package build

import (
	"mspecc/ir"
	"mspecc/spec"
)

// Options choose among what a spec offers.
type Options struct {
	Modalities []string // by name; empty: all that the file declares
	Set        []string // "name=value" for settings of the model
}

// Model is an elaborated spec.
type Model struct {
	Name, File string
	Digest     string // sha256 over all sources, hexadecimal
	Variants   []*Variant
}

// Variant is the model for one modality. A model without modality parameter has one,
// named after the model.
type Variant struct {
	Modality Modality
	Batch    int         // the setting batch, 0 where there is none
	Settings []Setting   // in the order of the model
	Params   []*ir.Value // in the order of their first use by the objective = checkpoint order
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

// Output is a named result. Reports are scalars that a trainer logs.
type Output struct {
	Name   string
	Value  *ir.Value
	Report bool
}

// Option is one option of a data reader, as text.
type Option struct{ Name, Value string }

// Modality describes the input of a variant.
type Modality struct {
	Name, Kind string
	Input      ir.Type // one example, without the batch axis
	HasInput   bool
	Vocab      int // number of different tokens, 0 for values
	Reader     string
	Options    []Option
	Sample     string // folder of the data set to carry, relative to the working directory or absolute; "" for none
	Metric     string
	Grid       []int // tokens per axis
	Patch      []int // patch size per axis
	Channels   int
}

// Setting is a compile-time constant of the model.
type Setting struct {
	Name, Value string
	From        string   // "model", "modality" or "command line"
	Pos         spec.Pos // where it was set
}

// Train holds the train block; see the language reference for the defaults.
type Train struct {
	Optimizer         string // "adamw", "adam" or "sgd"
	LR, WeightDecay   float64
	Beta1, Beta2, Eps float64
	Schedule          Schedule
	Clip              float64 // largest gradient norm, 0 for no clipping
	Steps             int
	CheckpointEvery   int // steps, 0 for only the last one
	Seed              uint64
	Precision         string // "f32" or "bf16"
	Recompute         string // what is computed again to save memory: "none", "cheap" or "all"
}

// Schedule is the learning rate's course over the steps.
type Schedule struct {
	Kind   string  // "constant", "cosine", "linear" or "step"
	Warmup int     // steps over which the rate grows linearly from 0
	Every  int     // "step": steps between two changes
	Factor float64 // "step": the multiplier; "cosine" and "linear": the share left at the end
}
