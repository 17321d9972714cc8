// Package codegen turns an elaborated model into a Go module: it differentiates and
// optimises each function's graph, fuses it into kernels, lays out the arena, and writes
// AVX-512 assembly, portable Go and the Go code that drives them.
package codegen

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"mspecc/codegen/fuse"
	"mspecc/codegen/onnx"
	"mspecc/codegen/plan"
	"mspecc/ir"
	"mspecc/ir/build"
	"mspecc/ir/loop"
	"mspecc/ir/optim"
	"mspecc/ir/pass"
	"mspecc/kernels/gen/avx512"
	"mspecc/kernels/gen/portable"
)

// Options steers a compilation.
type Options struct {
	Target  string   // auto, avx512 or portable
	Disable []string // optional passes to leave out
	Memory  int      // bytes that the arena may take; 0: no limit
	// Observe is called with every stage of every function's graph.
	Observe func(function, stage string, p *pass.Program)
}

// Module is a compiled model: everything that is written out, and what explain shows.
type Module struct {
	Model    *build.Model
	Target   string
	Library  bool // a package with func Programs, for a main of the user's own, rather than a program
	Programs []*Program
	Kernels  []*Kernel
	Drivers  []*Driver

	mu      sync.Mutex // of kernels, while functions are compiled side by side
	kernels map[string]*Kernel
	drivers map[string]*Driver
}

// Program is the model compiled for one modality. Its arena begins with regions of
// equal size: parameters, what the optimiser keeps, and gradients.
type Program struct {
	Variant   *build.Variant
	Region    int      // floats of one region
	Trained   int      // the part of it, at its beginning, with the parameters that the optimiser changes
	Places    []int    // offset of each parameter inside a region
	State     []string // what the optimiser keeps, a region each
	Functions []*Function
	Floats    int // arena size
	Scratch   int // floats of scratch for each worker
	Local     int // floats of each worker for values that live within one block of a launch
	Constants []Constant
	Graph     *onnx.Graph // features for other programs; nil where there is none
	NoGraph   error       // why

	constants map[string]*fuse.Buffer
}

// bf16 reports whether matrix products take operands in bf16.
func (p *Program) bf16() bool { return p.Variant.Train.Precision == "bf16" }

// Constant is a table written into the arena before anything runs.
type Constant struct {
	Offset int
	DType  ir.DType
	Values []float64
}

// Function is one entry point in kernel form.
type Function struct {
	Name    string // Step, Replay, Features, Reconstruct, Pullback, or Features and a smaller batch
	Calls   []Call
	Inputs  []Tensor
	Streams []Tensor
	Outputs []Tensor
	Floats  int // end of what it uses of the arena
	Again   int // values computed a second time to save memory
}

// Tensor is a named place in the arena.
type Tensor struct {
	Name   string
	Type   ir.Type
	Offset int
}

// Call is one launch with its driver.
type Call struct {
	Launch *fuse.Launch
	Driver *Driver // nil where the run-time library does the work
}

// Kernel is one generated kernel in both forms.
type Kernel struct {
	Name     string
	Doc      []string
	AVX512   *loop.Kernel
	Portable *loop.Kernel
	Scratch  int
	Launches int // how many calls use it
	err      error
}

// Driver is the Go function that runs a kernel, or the kernels of a chain, over the tasks
// of a launch.
type Driver struct {
	Name    string
	Launch  *fuse.Launch   // the first launch of this form
	Stages  []*fuse.Launch // the launch itself, or the stages of a chain
	Kernels []*Kernel      // one for each stage; of a block chain: none
	Parts   []*Driver      // of a block chain: one for each stage, nil for what the run-time library does
}

// Title names what the driver runs, for tables and comments.
func (d *Driver) Title() string {
	if d.Parts != nil {
		return fmt.Sprintf("%d blocks through %d kernels", d.Launch.Blocks, len(d.Launch.Kernels()))
	}
	return strings.Join(Call{d.Launch, d}.names(), " > ")
}

// Kernels are those of the launch, in the order of Launch.Kernels; nil stands for what the
// run-time library does.
func (c Call) Kernels() []*Kernel { return kernels(c.Driver, c.Launch) }

func kernels(d *Driver, l *fuse.Launch) []*Kernel {
	switch {
	case d == nil:
		return []*Kernel{nil}
	case d.Parts != nil:
		var out []*Kernel
		for i, p := range d.Parts {
			out = append(out, kernels(p, l.Stages[i])...)
		}
		return out
	}
	return d.Kernels
}

// names are those of the kernels, or of what the run-time library does.
func (c Call) names() []string {
	var out []string
	for i, k := range c.Kernels() {
		if k != nil {
			out = append(out, k.Name)
		} else {
			out = append(out, c.Launch.Kernels()[i].Kind.String())
		}
	}
	return out
}

// scratch is what the driver's kernels need of it.
func (d *Driver) scratch() int {
	if d == nil {
		return 0
	}
	n := 0
	for _, k := range d.Kernels {
		n = max(n, k.Scratch)
	}
	for _, p := range d.Parts {
		n = max(n, p.scratch())
	}
	return n
}

// lowering is what all kernel families have in common.
type lowering interface {
	Key() string
	Lower(loop.Machine) (*loop.Kernel, error)
}

// Compile compiles every modality of a model.
func Compile(m *build.Model, opt Options) (*Module, error) {
	mod := &Module{Model: m, Target: opt.Target, kernels: map[string]*Kernel{}, drivers: map[string]*Driver{}}
	for _, v := range m.Variants {
		p, err := mod.program(v, opt)
		if err != nil {
			return nil, fmt.Errorf("modality %s: %w", v.Modality.Name, err)
		}
		mod.Programs = append(mod.Programs, p)
	}
	return mod, nil
}

// regionAlign makes a region divide into rows of a good length for the optimiser.
const regionAlign = 1024

func (mod *Module) program(v *build.Variant, opt Options) (*Program, error) {
	p := &Program{Variant: v, constants: map[string]*fuse.Buffer{}}
	if o, ok := optim.Find(v.Train.Optimizer); ok {
		p.State = o.State(v.Train.Settings)
	}
	p.regions()
	list := entries(v)
	all, errs := make([]*compilation, len(list)), make([]error, len(list))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	if opt.Observe != nil {
		g.SetLimit(1) // stages are seen in order
	}
	for i, f := range list {
		all[i] = &compilation{mod: mod, prog: p, opt: opt, fn: &Function{Name: f.name}, leaves: map[string]*fuse.Buffer{}}
		g.Go(func() error {
			errs[i] = all[i].compile(f.fn)
			return nil
		})
	}
	g.Wait()
	for i, err := range errs { // the first in the list, whichever was first in time
		if err != nil {
			return nil, fmt.Errorf("%s: %w", list[i].name, err)
		}
	}
	for _, c := range all { // one after another: kernels and drivers are numbered as they come
		for _, l := range c.launches {
			c.fn.Calls = append(c.fn.Calls, Call{l, mod.driver(l)})
		}
		p.Local = max(p.Local, c.local)
		p.Functions = append(p.Functions, c.fn)
	}
	p.Graph, p.NoGraph = onnx.Features(v)
	p.layout()
	return p, nil
}

// regions settles where parameters lie. Those that no gradient reaches come last, where no optimiser gets at them.
func (p *Program) regions() {
	p.Places = make([]int, len(p.Variant.Params))
	for _, frozen := range []bool{false, true} {
		for i, w := range p.Variant.Params {
			if p.frozen(w) == frozen {
				p.Places[i] = p.Region
				p.Region += (w.Len() + 15) &^ 15
			}
		}
		p.Region = (p.Region + regionAlign - 1) / regionAlign * regionAlign
		if !frozen {
			p.Trained = p.Region
		}
	}
	p.Floats = (p.gradients() + 1) * p.Region
}

// frozen reports whether no gradient reaches a parameter.
func (p *Program) frozen(w *ir.Value) bool { return slices.Contains(p.Variant.Frozen, w.Attr.Name) }

// gradients is the number of the region with the gradients.
func (p *Program) gradients() int { return 1 + len(p.State) }

// layout puts constants behind everything the functions use.
func (p *Program) layout() {
	for _, f := range p.Functions {
		p.Floats = max(p.Floats, f.Floats)
	}
	seen := map[*fuse.Buffer]bool{}
	for _, f := range p.Functions {
		for _, c := range f.Calls {
			for _, o := range c.Launch.Operands {
				if o.Buf.Class == fuse.Const && !seen[o.Buf] {
					seen[o.Buf] = true
					o.Buf.Offset = p.Floats
					p.Constants = append(p.Constants, Constant{p.Floats, o.Buf.DType, o.Buf.Data})
					p.Floats += (o.Buf.Len + 15) &^ 15
				}
			}
			p.Scratch = max(p.Scratch, c.Driver.scratch())
		}
	}
}

// What puts launches together can be disabled like a pass.
const (
	chainsName = "chains" // several kernels on one block of rows or one head
	blocksName = "blocks" // several launches on a few examples
	localName  = "local"  // buffers of one block
)

// LaunchPasses lists them with what they do.
var LaunchPasses = []pass.Pass{
	{Name: chainsName, Doc: "kernels on the same rows or the same head run one after another, block by block"},
	{Name: blocksName, Doc: "launches run one after another on a few examples at a time"},
	{Name: localName, Doc: "what lives within one block is memory of the worker"},
}

// compilation is the work on one function. Those of one program run side by side: of the module
// they share the kernels alone, and of the program they change nothing.
type compilation struct {
	mod      *Module
	prog     *Program
	opt      Options
	fn       *Function
	leaves   map[string]*fuse.Buffer
	pinned   []pinned
	launches []*fuse.Launch // in order
	local    int            // floats for values that live within one block of a launch
}

// pinned remembers which buffer a named tensor lies in until offsets are known.
type pinned struct {
	list *[]Tensor
	name string
	typ  ir.Type
	buf  *fuse.Buffer
}

func (c *compilation) compile(fn *build.Func) error {
	fn, err := c.prepare(fn)
	if err != nil {
		return err
	}
	b := fn.B
	roots := make([]ir.Output, 0, len(fn.Outputs)+len(c.prog.Variant.Params))
	for i, o := range fn.Outputs {
		if c.fn.Name != "Step" || i == 0 || o.Report { // a training step logs scalars only
			roots = append(roots, ir.Output{Name: o.Name, Value: o.Value})
		}
	}
	named := len(roots)
	switch c.fn.Name {
	case "Pullback":
		roots, named = pullback(fn), 0
	case "Step", "Replay":
		values := make([]*ir.Value, len(roots))
		for i, r := range roots {
			values[i] = r.Value
		}
		ir.MarkInner(values)
		b.Phase = ir.Backward
		for i, g := range b.Grad(fn.Outputs[0].Value, c.params(fn)...) {
			roots = append(roots, ir.Output{Name: "grad." + c.prog.Variant.Params[i].Attr.Name, Value: g})
		}
	}
	at := c.prog.gradients() * c.prog.Region
	grads := &fuse.Buffer{Name: "gradients", Class: fuse.State, Len: c.prog.Region, Offset: at, Fixed: true}
	err = c.graph(&pass.Program{B: b, Outputs: roots}, at+c.prog.Region, named, func(_ int, name string) (*fuse.Buffer, int) {
		return grads, c.prog.place(strings.TrimPrefix(name, "grad."))
	})
	if err != nil {
		return err
	}
	if c.fn.Name == "Step" {
		return c.optimiser()
	}
	return nil
}

// place is where a parameter lies inside a region.
func (p *Program) place(name string) int {
	return p.Places[slices.IndexFunc(p.Variant.Params, func(v *ir.Value) bool { return v.Attr.Name == name })]
}

// params gives the function's own value of each parameter; one that the function does not
// use gets a fresh value, whose gradient is zero.
func (c *compilation) params(fn *build.Func) []*ir.Value {
	own := map[string]*ir.Value{}
	for _, v := range fn.B.Values() {
		if v.Op == ir.OpParam {
			own[v.Attr.Name] = v
		}
	}
	out := make([]*ir.Value, len(c.prog.Variant.Params))
	for i, p := range c.prog.Variant.Params {
		if out[i] = own[p.Attr.Name]; out[i] == nil {
			out[i] = fn.B.Param(p.Attr.Name, p.Shape(), p.Attr.Init)
		}
	}
	return out
}

// prepare is fn after the passes that come before its gradient.
func (c *compilation) prepare(fn *build.Func) (*build.Func, error) {
	p := fn.Program()
	if err := pass.Prepare(p, c.passOptions()); err != nil {
		return nil, err
	}
	return fn.On(p), nil
}

func (c *compilation) passOptions() pass.Options {
	o := pass.Options{BF16: c.prog.bf16(), Disable: slices.DeleteFunc(slices.Clone(c.opt.Disable), func(name string) bool {
		return slices.ContainsFunc(LaunchPasses, func(p pass.Pass) bool { return p.Name == name })
	})}
	if c.opt.Observe != nil {
		o.Observe = func(stage string, p *pass.Program) { c.opt.Observe(c.fn.Name, stage, p) }
	}
	return o
}

// graph compiles a graph into calls. The first named outputs get places of their own; dest
// gives the places of the others. Temporary memory starts at start.
func (c *compilation) graph(p *pass.Program, start, named int, dest func(i int, name string) (*fuse.Buffer, int)) error {
	if err := pass.Run(p, c.passOptions()); err != nil {
		return err
	}
	roots := func(p *pass.Program) []fuse.Root {
		out := make([]fuse.Root, len(p.Outputs))
		for i, o := range p.Outputs {
			out[i] = fuse.Root{Value: o.Value, Name: o.Name}
			if i >= named {
				out[i].Dest, out[i].At = dest(i-named, o.Name)
			}
		}
		return out
	}
	f, err := c.fit(p, roots, start)
	if err != nil {
		return err
	}
	p, res := f.p, f.res
	end, local := plan.Assign(res, start) // other attempts may have moved inputs
	if c.fn.Again += f.again; f.again > 0 && c.opt.Observe != nil {
		c.opt.Observe(c.fn.Name, "recompute", p)
	}
	c.fn.Floats, c.local = max(c.fn.Floats, end), max(c.local, local)
	for i, o := range p.Outputs {
		if w := res.Roots[i]; i < named || c.fn.Name != "Step" {
			c.fn.Outputs = append(c.fn.Outputs, Tensor{o.Name, o.Value.Type, w.Buf.Offset + w.Offset})
		}
	}
	for _, q := range c.pinned {
		*q.list = append(*q.list, Tensor{q.name, q.typ, q.buf.Offset})
	}
	c.pinned = nil
	c.launches = append(c.launches, res.Launches...)
	return nil
}

// leaf gives the buffer of a parameter, an input or a random stream.
func (c *compilation) leaf(v *ir.Value) *fuse.Buffer {
	key := v.Op.String() + " " + v.Attr.Name
	if b, ok := c.leaves[key]; ok {
		return b
	}
	b := &fuse.Buffer{Name: v.Attr.Name, Class: fuse.Input, DType: v.Type.DType, Len: v.Len()}
	c.leaves[key] = b
	switch v.Op {
	case ir.OpParam:
		b.Class, b.Fixed, b.Offset = fuse.Param, true, c.prog.place(v.Attr.Name)
	case ir.OpUniform:
		c.pinned = append(c.pinned, pinned{&c.fn.Streams, v.Attr.Name, v.Type, b})
	default:
		c.pinned = append(c.pinned, pinned{&c.fn.Inputs, v.Attr.Name, v.Type, b})
	}
	return b
}

// lower makes the kernel of a launch, or asks for the cluster to be cut.
func (c *compilation) lower(l *fuse.Launch) error {
	spec := kernelSpec(l)
	if spec == nil {
		return nil
	}
	k := c.mod.kernel(l, spec)
	if errors.Is(k.err, loop.ErrPressure) && l.Half != nil {
		return &fuse.Hint{Split: l.Half}
	}
	return k.err
}

func kernelSpec(l *fuse.Launch) lowering {
	switch l.Kind {
	case fuse.RowsKind:
		return l.Rows
	case fuse.ColReduceKind:
		return l.ColReduce
	case fuse.MatMulKind:
		return l.MatMul
	case fuse.TransposeKind:
		return l.Transpose
	case fuse.InterleaveKind:
		return l.Interleave
	}
	return nil
}

// kernel returns the kernel of a spec; equal specs share one.
func (mod *Module) kernel(l *fuse.Launch, spec lowering) *Kernel {
	key := spec.Key()
	mod.mu.Lock()
	defer mod.mu.Unlock()
	if k, ok := mod.kernels[key]; ok {
		return k
	}
	k := &Kernel{}
	mod.kernels[key] = k
	if k.AVX512, k.err = spec.Lower(avx512.Machine); k.err == nil {
		k.Portable, k.err = spec.Lower(portable.Machine)
	}
	if k.err == nil {
		k.Scratch = max(k.AVX512.Scratch, k.Portable.Scratch)
	}
	return k
}

// driver returns the driver of a launch; launches that differ only in their operands'
// places share one. It is nil for what the run-time library does.
func (mod *Module) driver(l *fuse.Launch) *Driver {
	d := &Driver{Launch: l, Stages: l.Stages}
	key := ""
	switch l.Kind {
	case fuse.BlocksKind:
		key = fmt.Sprint(l.Blocks, l.Lanes)
		for _, s := range l.Stages {
			p := mod.driver(s)
			d.Parts = append(d.Parts, p)
			if tasks, _ := s.Tasks(); p != nil {
				key += fmt.Sprint("; ", p.Name, tasks)
			} else {
				key += fmt.Sprint("; ", s.Kind, s.Sizes)
			}
			for _, o := range s.Operands {
				key += fmt.Sprint(o.Block, o.Lane, reference(l, o))
			}
		}
	case fuse.ChainKind:
	default:
		if kernelSpec(l) == nil {
			return nil
		}
		d.Stages = []*fuse.Launch{l}
	}
	if l.Kind != fuse.BlocksKind {
		key = fmt.Sprint(l.Outer, l.PerTask)
		for _, s := range d.Stages {
			k := mod.use(s)
			d.Kernels = append(d.Kernels, k)
			key += fmt.Sprint("; ", k.Name, s.Count, s.Chunk, s.K, s.KBlock, s.Accumulate, s.Sum)
			for _, o := range s.Operands {
				key += fmt.Sprint(o.Outer, o.Chunk)
				if l.Stages != nil {
					key += reference(l, o)
				}
			}
		}
	}
	if known, ok := mod.drivers[key]; ok {
		return known
	}
	mod.drivers[key] = d
	d.Name = mod.driverName(d)
	mod.Drivers = append(mod.Drivers, d)
	return d
}

// reference says which operand of the chain l an operand of one of its stages is, or where
// it lies in the worker's memory.
func reference(l *fuse.Launch, o fuse.Access) string {
	if o.Buf.Within == l {
		return fmt.Sprint("local ", o.Buf.Offset+o.Offset)
	}
	return fmt.Sprint("@", l.Operand(o))
}

// use returns the kernel of a launch that is going to run. Kernels are named when first
// used, so that those of discarded attempts at fusion leave no gap.
func (mod *Module) use(l *fuse.Launch) *Kernel {
	k := mod.kernel(l, kernelSpec(l))
	if k.Name == "" {
		k.Name = fmt.Sprintf("%s%d", kernelName(l), len(mod.Kernels))
		k.Doc = describe(l)
		k.AVX512.Name, k.Portable.Name = k.Name+"AVX512", k.Name+"Portable"
		k.AVX512.Doc, k.Portable.Doc = k.Doc, k.Doc
		mod.Kernels = append(mod.Kernels, k)
	}
	k.Launches++
	return k
}

// driverName is unique: run and the kernel's name, or chain or blocks and a number.
func (mod *Module) driverName(d *Driver) string {
	n, kind := 1, d.Launch.Kind
	for _, e := range mod.Drivers {
		if len(d.Stages) > 1 && e.Launch.Kind == kind || d.Launch.Stages == nil && e.Launch.Stages == nil && e.Kernels[0] == d.Kernels[0] {
			n++
		}
	}
	if d.Launch.Stages != nil {
		return fmt.Sprintf("run%s%d", capital(kind.String()), n)
	}
	return "run" + capital(d.Kernels[0].Name) + suffix(n)
}

// suffix tells drivers of one kernel apart: the first has none, the others B, C, ...
func suffix(n int) string {
	s := ""
	for n--; n > 0; n = (n - 1) / 25 {
		s = string(rune('B'+(n-1)%25)) + s
	}
	return s
}
