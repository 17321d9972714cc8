// Package runtime is what a generated trainer links: the contract types between generated
// code and the run-time library, the memory arena, the workers, and the counter-based
// random numbers. It knows nothing of the compiler.
//
// All tensors of a program live in one arena of float32; offsets are counted in floats and
// are multiples of 16, so that every tensor starts on a cache line. Int32 tensors are
// stored as bits in the same arena.
package runtime

import (
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
)

// DType is the element type of a tensor; both take one arena float per element.
type DType uint8

// The element types.
const (
	F32 DType = iota
	I32
)

// String is the type's name in specs and messages.
func (d DType) String() string {
	if d == I32 {
		return "i32"
	}
	return "f32"
}

// MarshalText gives the type's name in JSON.
func (d DType) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Tensor is a named, dense, row-major region of the arena.
type Tensor struct {
	Name   string
	DType  DType
	Shape  []int // empty for a scalar
	Offset int   // in floats, a multiple of 16
}

// Len is the number of elements.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// TypeString is the type in the spec's notation, such as f32[64,9,256].
func (t Tensor) TypeString() string {
	return t.DType.String() + strings.ReplaceAll(fmt.Sprint(t.Shape), " ", ",")
}

// Init says how a parameter gets its first values. The numbers come from the random stream
// "init/NAME" of the run's seed.
type Init struct {
	Kind          string  // "const", "uniform", "normal" or "xavier_uniform"
	A, B          float64 // const: A; uniform: [A, B); normal: mean A, deviation B
	FanIn, FanOut int     // xavier_uniform: uniform in +-sqrt(6 / (FanIn + FanOut))
}

// Param is a trained tensor.
type Param struct {
	Tensor
	Init   Init
	Frozen bool // no gradient reaches it: it keeps its first values
}

// Constant is a table that is written into the arena once, before anything runs.
type Constant struct {
	Offset int
	Values []float32
}

// Option is one option of a data reader, as text.
type Option struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Input is one input of an example.
type Input struct {
	Name  string `json:"name"`  // "" for the only input of its kind
	Shape []int  `json:"shape"` // of one example, without the batch
	DType DType  `json:"dtype"` // F32 values or I32 token ids
	Vocab int    `json:"vocab"` // number of different tokens, 0 for values
}

// Len is the number of values or tokens of one example.
func (in Input) Len() int { return Tensor{Shape: in.Shape}.Len() }

// Tensor is the name of the input's batch among a function's inputs.
func (in Input) Tensor() string {
	if in.Name == "" {
		return "x"
	}
	return "x." + in.Name
}

// TypeString is the type of one example in the spec's notation.
func (in Input) TypeString() string {
	return Tensor{DType: in.DType, Shape: in.Shape}.TypeString()
}

// EvalTask is data to evaluate on, by name.
type EvalTask struct {
	Name    string   `json:"name"`
	Reader  string   `json:"reader"`
	Options []Option `json:"options"`
	Metric  string   `json:"metric"` // as Modality.Metric
}

// Modality describes the input a program was specialised to. A model without data has no Inputs.
type Modality struct {
	Name    string     `json:"name"`
	Kind    string     `json:"kind"`    // "series", "image", "tokens", or whatever the spec calls it
	Inputs  []Input    `json:"inputs"`  // of one example, mostly one
	Reader  string     `json:"reader"`  // data reader, "" where the spec names none
	Options []Option   `json:"options"` // the reader's options, in the order of the spec
	Metric  string     `json:"metric"`  // "accuracy", "weighted_f1", "auroc", "spearman" or "pearson"; "" follows from the labels
	Tasks   []EvalTask `json:"tasks"`

	Grid     []int    `json:"grid"`  // tokens per axis: [L], or [rows, columns] for images; for people
	Patch    []int    `json:"patch"` // patch size per axis
	Channels int      `json:"channels"`
	Layouts  []Layout `json:"-"` // how the inputs are shown; nil of a model without a reconstruct block, and in modules of earlier compilers
}

// Layout says how an input is shown, and where the values of its tokens lie in it.
type Layout struct {
	As             string // "table", "series", "image", "spectrogram", "video", "points", "tokens" or "none"
	Tokens, Values int    // of an example, and of a token; 1, the id, of tokens

	// The place of value j of token t in the input: of t*Values + j as a number with digits of these extents, the slowest
	// first, the sum of each digit times its stride; where there are no such extents, List.
	Extents, Strides, List []int
}

// Places are the places of all values; nil where the input is not shown.
func (l Layout) Places() []int {
	if l.Extents == nil {
		return l.List
	}
	places := []int{0}
	for i, n := range l.Extents {
		next := make([]int, 0, len(places)*n)
		for _, p := range places {
			for k := range n {
				next = append(next, p+k*l.Strides[i])
			}
		}
		places = next
	}
	return places
}

// ReaderOptions are a reader's options as a map.
func ReaderOptions(options []Option) map[string]string {
	o := make(map[string]string, len(options))
	for _, x := range options {
		o[x.Name] = x.Value
	}
	return o
}

// Source is one file of a spec. Names are with slashes and relative: written out under them, the
// files compile to the same program. What is below std/ the compiler carries itself.
type Source struct{ Name, Text string }

// Fed says whether a function takes any of the modality's inputs.
func (m Modality) Fed(f *Function) bool {
	return slices.ContainsFunc(m.Inputs, func(in Input) bool { _, ok := f.Input(in.Tensor()); return ok })
}

// Setting is one compile-time constant of the model.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	From  string `json:"from"` // "model", "modality" or "command line"
}

// Schedule is the learning rate's course over the steps.
type Schedule struct {
	Kind   string  `json:"kind"`   // "" or "constant", "cosine", "linear", "step"
	Warmup int     `json:"warmup"` // steps over which the rate grows linearly from 0
	Every  int     `json:"every"`  // "step": the rate is multiplied by Factor every this many steps
	Factor float64 `json:"factor"` // "step": the multiplier; "cosine" and "linear": the share of the rate left at the end
}

// Train holds the spec's train block.
type Train struct {
	Optimizer       string   `json:"optimizer"` // "adamw", "adam" or "sgd"
	Update          string   `json:"update"`    // what a step does; "": AdamW, as all that was compiled before there was this field
	LR              float64  `json:"lr"`
	WeightDecay     float64  `json:"weight_decay"`
	Momentum        float64  `json:"momentum"`
	Beta1           float64  `json:"beta1"`
	Beta2           float64  `json:"beta2"`
	Eps             float64  `json:"eps"`
	Schedule        Schedule `json:"schedule"`
	Clip            float64  `json:"clip"` // largest gradient norm, 0 for no clipping
	Steps           int      `json:"steps"`
	CheckpointEvery int      `json:"checkpoint_every"` // steps, 0 for only the last one
	Seed            uint64   `json:"seed"`
	Precision       string   `json:"precision"` // "f32" or "bf16"
}

// InTruth is the optimiser that a step runs. What was compiled before there was Update ran AdamW, whatever the spec
// said; adam without decay is the same.
func (t Train) InTruth() string {
	if t.Update == "" && (t.Optimizer == "sgd" || t.Optimizer == "adam" && t.WeightDecay != 0) {
		return "adamw"
	}
	return t.Optimizer
}

// Numbers are those of the optimiser in truth besides rate and decay.
func (t Train) Numbers() string {
	switch {
	case t.InTruth() != "sgd":
		return fmt.Sprintf("beta1 %g, beta2 %g, eps %g", t.Beta1, t.Beta2, t.Eps)
	case t.Momentum != 0:
		return fmt.Sprintf("momentum %g", t.Momentum)
	}
	return ""
}

// Kernel is one compiled kernel. Assembly reads its arguments through the pointer: the
// arena's base at byte 0, Off[i] at byte 24+8*i, N[i] at byte 216+8*i.
type Kernel func(a *Args)

// Args is what one kernel call gets.
type Args struct {
	Mem []float32 // the whole arena
	Off [24]int   // operand offsets, in floats
	N   [8]int    // counts and strides, as the kernel defines them
}

// Call holds the operands of one launch, shared by all of its tasks.
type Call struct{ Off [5120]int }

// Worker is what a task knows about the thread that runs it. Results must not depend on it.
type Worker struct {
	Args    Args
	ID      int      // 0..threads-1
	Scratch int      // offset of this worker's own Program.Scratch floats
	Local   int      // offset of this worker's own Program.Local floats
	keys    []uint64 // sorting buffer, grown by ArgSort
	clock   *clock   // nil unless launches are timed
	stage   int      // of the kernel that runs by itself, see Run
	call    Call     // of what a task runs by itself, see Run
}

// Task does one of the independent parts of a launch. Different tasks write different memory.
type Task func(w *Worker, c *Call, task int)

// CallInfo describes one launch of a function, for profiles.
type CallInfo struct {
	Stages []StageInfo // the kernels that each task calls, one after another
}

// StageInfo describes one kernel of a launch; the work is that of the whole launch.
type StageInfo struct {
	Name  string  // of the kernel
	Phase string  // forward, inner, backward, second-order or optimiser
	FLOPs float64 // floating-point operations
	Bytes float64 // bytes that its operands occupy
	Place string  // operation and line of the spec, for kernels that may fail; "" for others
}

// Function is one compiled entry point of a program.
type Function struct {
	Inputs  []Tensor // written by the caller before a run
	Streams []Tensor // random numbers in [0, 1), drawn before a run unless supplied
	Outputs []Tensor // read after a run
	Run     func(*Machine)
	FLOPs   float64    // of one run, 0 where unknown
	Calls   []CallInfo // one per Machine.Run call, in order; nil where unknown
}

// Optimiser is the phase of the launches that change parameters and what the optimiser keeps; those
// before the first of them do not.
const Optimiser = "optimiser"

// lastExit is the last launch before which the function may be left, -1 for none.
func (f *Function) lastExit(trains bool) int {
	for i, c := range f.Calls {
		if slices.ContainsFunc(c.Stages, func(s StageInfo) bool { return s.Phase == Optimiser }) {
			return i
		}
	}
	if trains {
		return -1 // it is not known where parameters change
	}
	return len(f.Calls) - 1
}

// place is where the kernel of a stage of a launch comes from, "" where that is not known.
func (f *Function) place(launch, stage int) string {
	if launch < 0 || launch >= len(f.Calls) || stage >= len(f.Calls[launch].Stages) {
		return ""
	}
	return f.Calls[launch].Stages[stage].Place
}

// Input finds an input by name.
func (f *Function) Input(name string) (Tensor, bool) { return find(f.Inputs, name) }

// Stream finds a random stream by name.
func (f *Function) Stream(name string) (Tensor, bool) { return find(f.Streams, name) }

// Output finds an output by name.
func (f *Function) Output(name string) (Tensor, bool) { return find(f.Outputs, name) }

func find(list []Tensor, name string) (Tensor, bool) {
	for _, t := range list {
		if t.Name == name {
			return t, true
		}
	}
	return Tensor{}, false
}

// Program is a model compiled for one modality.
//
// The batch of an input is called "x", or "x.NAME" where the input has a name; below, "x" stands
// for all of them. Step trains on one batch: inputs "x" (absent where the model has no data input), "opt.lr"
// and, for Adam, "opt.bias1" and "opt.bias2" (1 - beta^t); outputs "loss" first, then every
// report, then "grad_norm" where gradients are clipped; it updates parameters and state in
// place. Replay computes loss, reports, z, z_adapted and "grad.NAME" of every parameter
// without dropout or update. Features gives "features" [B, D]. Reconstruct gives "target",
// "mask", "reconstruction" and "adapted" in token space [B, L, P]. Pullback takes "x" and
// "cotangent" [b, D], for a batch b of its own that may be smaller, and gives "grad.NAME", the
// gradient of the sum of cotangent times features, of every parameter that the features
// depend on; where Features gives "tokens" [B, L, D] too it takes "cotangent.tokens" [b, L, D]
// and adds the sum of that times the tokens.
type Program struct {
	Name   string // of the model
	Spec   string // file name of the spec
	Digest string // sha256 over all sources of the spec

	Target string   // that its kernels were made for, such as "avx512"
	CPU    []string // the CPU's features that they need; see HasCPU
	Fused  bool     // products are fused with the sums they are added to

	Kernels string // a hash of the kernels of Step

	Sources   []Source // the spec itself
	Modality  Modality
	Settings  []Setting
	Train     Train
	Batch     int
	Params    []Param  // one contiguous region, in checkpoint order
	State     []Tensor // optimiser state such as "adam.m", each laid out as the parameter region
	Constants []Constant
	Floats    int // arena floats without the workers' scratch
	Scratch   int // scratch floats per worker, for kernels
	Local     int // floats per worker for values that live within one block of a launch

	Step, Replay, Features, Reconstruct, Pullback *Function // nil where the spec has none

	// Small are Features for smaller batches, smallest first: a few examples need not cost as
	// much as a whole batch.
	Small []*Function

	Graph  Graph // Features for other programs
	Sample fs.FS // a small data set carried by the binary, or nil
}

// Graph is Features as an ONNX graph; the package onnx makes a model of it.
type Graph struct {
	Proto   []byte   // GraphProto without the values of the parameters; nil where there is none
	Batch   int      // examples of a batch, 0 for any number
	Params  []string // the parameters that it uses
	Missing string   // why there is none
}

// Param finds a parameter by name.
func (p *Program) Param(name string) (Param, bool) {
	for _, q := range p.Params {
		if q.Name == name {
			return q, true
		}
	}
	return Param{}, false
}

// ParamCount is the number of trained scalars.
func (p *Program) ParamCount() int {
	n := 0
	for _, q := range p.Params {
		n += q.Len()
	}
	return n
}

// StateTensors lists the optimiser state of every parameter, named STATE/PARAM such as
// "adam.m/encoder.0.weight", in checkpoint order.
func (p *Program) StateTensors() []Tensor {
	var out []Tensor
	first := math.MaxInt // where the region of parameters begins
	for _, q := range p.Params {
		first = min(first, q.Offset)
	}
	for _, s := range p.State {
		for _, q := range p.Params {
			t := q.Tensor
			t.Name = s.Name + "/" + q.Name
			t.Offset = s.Offset + q.Offset - first
			out = append(out, t)
		}
	}
	return out
}
