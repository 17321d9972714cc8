// Package codegen turns an elaborated model into a Go module: it differentiates and
// optimises each function's graph, fuses it into kernels, lays out the arena, and writes
// kernels for each target and the Go code that drives them.
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
	"mspecc/ir/elab"
	"mspecc/ir/loop"
	"mspecc/ir/optim"
	"mspecc/ir/pass"
	"mspecc/kernels/gen"
)

// Options steers a compilation.
type Options struct {
	Targets []gen.Target // what kernels are written for, the best first
	Disable []string     // optional passes to leave out
	Memory  int          // bytes that the arena may take; 0: no limit
	// Observe is called with every stage of every function's graph.
	Observe func(function, stage string, p *pass.Program)
}

// Module is a compiled model: everything that is written out, and what explain shows.
type Module struct {
	Model   *elab.Model
	Library bool      // a package with func Programs, for a main of the user's own, rather than a program
	Targets []*Target // a trainer takes the first that its CPU runs
	Graphs  []Graph   // one for each modality
}

// Graph is the ONNX graph of a modality's features, for other programs.
type Graph struct {
	*onnx.Graph       // nil where there is none
	Missing     error // why
}

// Target is a model compiled for one target: fused, laid out and lowered for its machine.
type Target struct {
	gen.Target
	Programs []*Program // one for each modality
	Kernels  []*Kernel
	Drivers  []*Driver

	mod     *Module
	mu      sync.Mutex // of kernels, while functions are compiled side by side
	kernels map[string]*Kernel
	drivers map[string]*Driver
}

// Program is the model compiled for one modality. Its arena begins with regions of
// equal size: parameters, what the optimiser keeps, and gradients.
type Program struct {
	Variant   *elab.Variant
	Region    int      // floats of one region
	Trained   int      // the part of it, at its beginning, with the parameters that the optimiser changes
	Places    []int    // offset of each parameter inside a region
	State     []string // what the optimiser keeps, a region each
	Functions []*Function
	Floats    int // arena size
	Scratch   int // floats of scratch for each worker
	Local     int // floats of each worker for values that live within one tile of a launch
	Constants []Constant
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

// Kernel is one generated kernel.
type Kernel struct {
	*loop.Kernel
	Launches int // how many calls use it

	once sync.Once // lowers it
	err  error
}

// Driver is the Go function that runs a kernel, or the kernels of a chain, over the tasks
// of a launch.
type Driver struct {
	Name    string
	Launch  *fuse.Launch   // the first launch of this form
	Stages  []*fuse.Launch // the launch itself, or the stages of a chain
	Kernels []*Kernel      // one for each stage; of a tiled launch: none
	Parts   []*Driver      // of a tiled launch: one for each stage, nil for what the run-time library does
}

// Title names what the driver runs, for tables and comments.
func (d *Driver) Title() string {
	if d.Parts != nil {
		return fmt.Sprintf("%d tiles through %d kernels", d.Launch.Tiles, len(d.Launch.Kernels()))
	}
	return strings.Join(Call{d.Launch, d}.names(), " > ")
}

// Kernels are those of the launch, in the order of Launch.Kernels; nil stands for what the
// run-time library does.
func (c Call) Kernels() []*Kernel { return kernelsOf(c.Driver, c.Launch) }

func kernelsOf(d *Driver, l *fuse.Launch) []*Kernel {
	switch {
	case d == nil:
		return []*Kernel{nil}
	case d.Parts != nil:
		var out []*Kernel
		for i, p := range d.Parts {
			out = append(out, kernelsOf(p, l.Stages[i])...)
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

// Compile compiles every modality of a model for every target.
func Compile(m *elab.Model, opt Options) (*Module, error) {
	mod := &Module{Model: m}
	for _, t := range opt.Targets {
		mod.Targets = append(mod.Targets, &Target{Target: t, mod: mod, kernels: map[string]*Kernel{}, drivers: map[string]*Driver{}})
	}
	for _, v := range m.Variants {
		if err := mod.variant(v, opt); err != nil {
			return nil, fmt.Errorf("modality %s: %w", v.Modality.Name, err)
		}
		g, err := onnx.Features(v)
		mod.Graphs = append(mod.Graphs, Graph{g, err})
	}
	return mod, nil
}

// regionAlign makes the length of a region a multiple of the optimiser's row.
const regionAlign = 1024

// variant compiles one modality: each function is differentiated and optimised once, and then compiled for
// each target.
func (mod *Module) variant(v *elab.Variant, opt Options) error {
	for _, t := range mod.Targets {
		t.Programs = append(t.Programs, newProgram(v))
	}
	list := entries(v)
	all, errs := make([][]*compilation, len(list)), make([]error, len(list))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	if opt.Observe != nil {
		g.SetLimit(1) // stages are seen in order
	}
	for i, f := range list {
		g.Go(func() error {
			all[i], errs[i] = mod.function(f, opt)
			return nil
		})
	}
	g.Wait()
	for i, err := range errs { // the first in the list, whichever was first in time
		if err != nil {
			return fmt.Errorf("%s: %w", list[i].name, err)
		}
	}
	for i, t := range mod.Targets {
		p := t.Programs[len(t.Programs)-1]
		for _, f := range all { // one after another: kernels and drivers are numbered as they come
			t.finish(p, f[i])
		}
		p.layout()
	}
	return nil
}

// function compiles one function of the newest programs, for every target.
func (mod *Module) function(f entry, opt Options) ([]*compilation, error) {
	var all []*compilation
	var graph *graph
	for _, t := range mod.Targets {
		c := &compilation{target: t, prog: t.Programs[len(t.Programs)-1], opt: opt, fn: &Function{Name: f.name}, leaves: map[string]*fuse.Buffer{}}
		if graph == nil {
			var err error
			if graph, err = c.differentiate(f.fn); err != nil {
				return nil, err
			}
		}
		if err := c.compile(graph); err != nil {
			return nil, fmt.Errorf("for %s: %w", t.Name, err)
		}
		opt.Observe = nil // once is enough
		all = append(all, c)
	}
	return all, nil
}

// finish adds a function to its program.
func (t *Target) finish(p *Program, c *compilation) {
	for _, l := range c.launches {
		c.fn.Calls = append(c.fn.Calls, Call{l, t.driver(l)})
	}
	p.Local = max(p.Local, c.local)
	p.Functions = append(p.Functions, c.fn)
}

func newProgram(v *elab.Variant) *Program {
	p := &Program{Variant: v}
	if o, ok := optim.Find(v.Train.Optimizer); ok {
		p.State = o.State(v.Train.Settings)
	}
	p.regions()
	return p
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
	chainsName = "chains" // several kernels on one tile of rows or one head
	tilesName  = "tiles"  // several launches on a few examples
	localName  = "local"  // buffers of one tile
)

// LaunchPasses lists them with what they do.
var LaunchPasses = []pass.Pass{
	{Name: chainsName, Doc: "kernels on the same rows or the same head run one after another, tile by tile"},
	{Name: tilesName, Doc: "launches run one after another on a few examples at a time"},
	{Name: localName, Doc: "what lives within one tile is memory of the worker"},
}

// compilation is the work on one function for one target. Functions are compiled concurrently: they share
// the target's table of kernels only, and do not modify the program.
type compilation struct {
	target   *Target
	prog     *Program
	opt      Options
	fn       *Function
	leaves   map[string]*fuse.Buffer
	pinned   []pinned
	launches []*fuse.Launch // in order
	local    int            // floats for values that live within one tile of a launch
}

// pinned remembers which buffer a named tensor lies in until offsets are known.
type pinned struct {
	list *[]Tensor
	name string
	typ  ir.Type
	buf  *fuse.Buffer
}

// graph is what a function computes, in primitive operations; every target is compiled from it.
type graph struct {
	*pass.Program
	named int // of the outputs, how many get places of their own; the others are gradients
}

// differentiate is a function with its gradients, after the passes.
func (c *compilation) differentiate(fn *elab.Func) (*graph, error) {
	fn, err := c.prepare(fn)
	if err != nil {
		return nil, err
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
	g := &graph{&pass.Program{B: b, Outputs: roots}, named}
	return g, pass.Run(g.Program, c.passOptions())
}

// compile makes launches of a function, and in a training step of the optimiser's update.
func (c *compilation) compile(g *graph) error {
	at := c.prog.gradients() * c.prog.Region
	grads := &fuse.Buffer{Name: "gradients", Class: fuse.State, Len: c.prog.Region, Offset: at, Fixed: true}
	err := c.launch(g, at+c.prog.Region, func(name string) (*fuse.Buffer, int) {
		return grads, c.prog.place(strings.TrimPrefix(name, "grad."))
	})
	if err != nil || c.fn.Name != "Step" {
		return err
	}
	return c.optimiser()
}

// place is where a parameter lies inside a region.
func (p *Program) place(name string) int {
	return p.Places[slices.IndexFunc(p.Variant.Params, func(v *ir.Value) bool { return v.Attr.Name == name })]
}

// params gives the function's own value of each parameter; one that the function does not
// use gets a fresh value, whose gradient is zero.
func (c *compilation) params(fn *elab.Func) []*ir.Value {
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
func (c *compilation) prepare(fn *elab.Func) (*elab.Func, error) {
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

// launch compiles a graph into launches. dest gives the places of gradients and updated state. Temporary memory
// starts at start.
func (c *compilation) launch(g *graph, start int, dest func(name string) (*fuse.Buffer, int)) error {
	roots := func(p *pass.Program) []fuse.Root {
		out := make([]fuse.Root, len(p.Outputs))
		for i, o := range p.Outputs {
			out[i] = fuse.Root{Value: o.Value, Name: o.Name}
			if i >= g.named {
				out[i].Dest, out[i].At = dest(o.Name)
			}
		}
		return out
	}
	f, err := c.fit(g.Program, roots, start)
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
		if w := res.Roots[i]; i < g.named || c.fn.Name != "Step" {
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
	k := c.target.kernel(spec)
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
func (t *Target) kernel(spec lowering) *Kernel {
	key := spec.Key()
	t.mu.Lock()
	k := t.kernels[key]
	if k == nil {
		k = &Kernel{}
		t.kernels[key] = k
	}
	t.mu.Unlock()
	k.once.Do(func() { k.Kernel, k.err = spec.Lower(t.Machine) })
	return k
}

// driver returns the driver of a launch; launches that differ only in their operands'
// places share one. It is nil for what the run-time library does.
func (t *Target) driver(l *fuse.Launch) *Driver {
	d := &Driver{Launch: l, Stages: l.Stages}
	key := ""
	switch l.Kind {
	case fuse.TiledKind:
		key = fmt.Sprint(l.Tiles, l.Lanes)
		for _, s := range l.Stages {
			p := t.driver(s)
			d.Parts = append(d.Parts, p)
			if tasks, _ := s.Tasks(); p != nil {
				key += fmt.Sprint("; ", p.Name, tasks)
			} else {
				key += fmt.Sprint("; ", s.Kind, s.Sizes)
			}
			for _, o := range s.Operands {
				key += fmt.Sprint(o.Tile, o.Lane, reference(l, o))
			}
		}
	case fuse.ChainKind:
	default:
		if kernelSpec(l) == nil {
			return nil
		}
		d.Stages = []*fuse.Launch{l}
	}
	if l.Kind != fuse.TiledKind {
		key = fmt.Sprint(l.Outer, l.PerTask)
		for _, s := range d.Stages {
			k := t.use(s)
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
	if known, ok := t.drivers[key]; ok {
		return known
	}
	t.drivers[key] = d
	d.Name = t.driverName(d)
	t.Drivers = append(t.Drivers, d)
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
func (t *Target) use(l *fuse.Launch) *Kernel {
	k := t.kernel(kernelSpec(l))
	if k.Name == "" {
		k.Name = fmt.Sprintf("%s%d", kernelName(l), len(t.Kernels))
		k.Doc = describe(l)
		t.Kernels = append(t.Kernels, k)
	}
	k.Launches++
	return k
}

// driverName is unique: run and the kernel's name, or chain or blocks and a number.
func (t *Target) driverName(d *Driver) string {
	n, kind := 1, d.Launch.Kind
	for _, e := range t.Drivers {
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
