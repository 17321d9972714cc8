package codegen

import (
	"slices"
	"strings"

	"github.com/dave/jennifer/jen"

	"mspecc/codegen/fuse"
	"mspecc/internal/module"
	"mspecc/ir"
	"mspecc/ir/elab"
)

func rt(name string) *jen.Statement { return jen.Qual(module.Runtime, name) }

// programFile completes the description of one modality that the run-time library works from.
func (t *Target) programFile(p *Program, tables *constants) ([]byte, error) {
	f := t.header()
	name := programName(p.Variant.Modality.Name)
	f.Line()
	f.Comment(name + " is " + t.mod.Model.Name + " compiled for " + p.Variant.Modality.Name + ".")
	f.Func().Id(name).Params().Op("*").Add(rt("Program")).BlockFunc(func(g *jen.Group) {
		set := func(name string, x jen.Code) { g.Id("p").Dot(name).Op("=").Add(x) }
		g.Id("p").Op(":=").Qual(modelPath, modelName(p.Variant.Modality.Name)).Call()
		set("Target", jen.Lit(t.name()))
		if cpu := t.cpu(); len(cpu) > 0 {
			set("CPU", jen.Index().String().ValuesFunc(func(g *jen.Group) {
				for _, feature := range cpu {
					g.Lit(feature)
				}
			}))
		}
		if t.Fused {
			set("Fused", jen.True())
		}
		if sum := t.kernelSum(p); sum != "" {
			set("Kernels", jen.Lit(sum))
		}
		set("Constants", jen.Index().Add(rt("Constant")).ValuesFunc(func(g *jen.Group) {
			for _, c := range p.Constants {
				g.Line().Values(jen.Dict{jen.Id("Offset"): jen.Lit(c.Offset), jen.Id("Values"): jen.Qual(modelPath, "Constant").Call(jen.Lit(tables.add(c)), jen.Lit(len(c.Values)))})
			}
		}))
		set("Floats", jen.Lit(p.Floats))
		set("Scratch", jen.Lit(p.Scratch))
		set("Local", jen.Lit(p.Local))
		var small []jen.Code
		for _, fn := range p.Functions {
			if strings.HasPrefix(fn.Name, smallName) && fn.Name != smallName {
				small = append(small, jen.Line().Add(function(p, fn)))
				continue
			}
			set(fn.Name, function(p, fn))
		}
		if len(small) > 0 {
			set("Small", jen.Index().Op("*").Add(rt("Function")).Values(append(small, jen.Line())...))
		}
		g.Return(jen.Id("p"))
	})
	for _, fn := range p.Functions {
		f.Line()
		f.Comment(callsName(p, fn) + " are the launches of " + fn.Name + ".") // of a package, Go's compiler makes data and not code
		f.Var().Id(callsName(p, fn)).Op("=").Add(calls(fn))
	}
	return render(f)
}

// programName is the function that gives the program of a modality.
func programName(modality string) string { return identifier(modality) + "Program" }

// programsFile lists the programs.
func (t *Target) programsFile() ([]byte, error) {
	f := t.header()
	f.PackageComment("Package " + t.Name + " is " + t.mod.Model.Name + " compiled for the target " + t.Name + ".")
	f.Line()
	f.Comment("Programs are those of all modalities.")
	f.Func().Id("Programs").Params().Index().Op("*").Add(rt("Program")).Block(jen.Return(jen.Index().Op("*").Add(rt("Program")).ValuesFunc(func(g *jen.Group) {
		for _, p := range t.Programs {
			g.Id(programName(p.Variant.Modality.Name)).Call()
		}
	})))
	return render(f)
}

func callsName(p *Program, fn *Function) string {
	return identifier(p.Variant.Modality.Name) + fn.Name + "Calls"
}

func tensor(t Tensor, typed bool) *jen.Statement {
	fields := jen.Values(jen.Dict{
		jen.Id("Name"):   jen.Lit(t.Name),
		jen.Id("DType"):  dtype(t.Type.DType),
		jen.Id("Shape"):  ints(t.Type.Shape),
		jen.Id("Offset"): jen.Lit(t.Offset)})
	if typed {
		return rt("Tensor").Add(fields)
	}
	return fields
}

func tensors(ts []Tensor) *jen.Statement {
	return jen.Index().Add(rt("Tensor")).ValuesFunc(func(g *jen.Group) {
		for _, t := range ts {
			g.Line().Add(tensor(t, false))
		}
	})
}

func ints(s []int) *jen.Statement {
	return jen.Index().Int().ValuesFunc(func(g *jen.Group) {
		for _, n := range s {
			g.Lit(n)
		}
	})
}

func function(p *Program, fn *Function) *jen.Statement {
	flops := 0
	for _, c := range fn.Calls {
		flops += c.Launch.Flops
	}
	return jen.Op("&").Add(rt("Function")).Values(jen.Dict{
		jen.Id("Inputs"):  tensors(fn.Inputs),
		jen.Id("Streams"): tensors(fn.Streams),
		jen.Id("Outputs"): tensors(fn.Outputs),
		jen.Id("Run"):     jen.Id(runName(p, fn)),
		jen.Id("FLOPs"):   jen.Lit(float64(flops)),
		jen.Id("Calls"):   jen.Id(callsName(p, fn)),
	})
}

// calls describes the launches of a function, a line for each of their kernels.
func calls(fn *Function) *jen.Statement {
	return jen.Index().Add(rt("CallInfo")).ValuesFunc(func(g *jen.Group) {
		for _, c := range fn.Calls {
			names := c.names()
			g.Line().Values(jen.Id("Stages").Op(":").Index().Add(rt("StageInfo")).ValuesFunc(func(g *jen.Group) {
				for i, s := range c.Launch.Kernels() {
					fields := []jen.Code{jen.Id("Name").Op(":").Lit(names[i]), jen.Id("Phase").Op(":").Lit(s.Main().Phase.String()),
						jen.Id("FLOPs").Op(":").Lit(s.Flops), jen.Id("Bytes").Op(":").Lit(s.Bytes)}
					if s.Kind == fuse.GatherKind || s.Kind == fuse.ScatterAddKind { // an index may be out of range
						fields = append(fields, jen.Id("Place").Op(":").Lit(place(s.Main())))
					}
					g.Line().Values(fields...)
				}
				g.Line()
			}))
		}
		g.Line()
	})
}

func dtype(d ir.DType) *jen.Statement {
	return rt(map[ir.DType]string{ir.F32: "F32", ir.I32: "I32"}[d])
}

func options(list []elab.Option) *jen.Statement {
	return jen.Index().Add(rt("Option")).ValuesFunc(func(g *jen.Group) {
		for _, o := range list {
			g.Values(jen.Lit(o.Name), jen.Lit(o.Value))
		}
	})
}

func modality(m elab.Modality) *jen.Statement {
	return rt("Modality").Values(jen.Dict{
		jen.Id("Name"): jen.Lit(m.Name),
		jen.Id("Kind"): jen.Lit(m.Kind),
		jen.Id("Inputs"): jen.Index().Add(rt("Input")).ValuesFunc(func(g *jen.Group) {
			for _, in := range m.Inputs {
				g.Values(jen.Dict{jen.Id("Name"): jen.Lit(in.Name), jen.Id("Shape"): ints(in.Type.Shape), jen.Id("DType"): dtype(in.Type.DType), jen.Id("Vocab"): jen.Lit(in.Vocab)})
			}
		}),
		jen.Id("Reader"):  jen.Lit(m.Reader),
		jen.Id("Options"): options(m.Options),
		jen.Id("Tasks"): jen.Index().Add(rt("EvalTask")).ValuesFunc(func(g *jen.Group) {
			for _, t := range m.Tasks {
				g.Line().Values(jen.Dict{jen.Id("Name"): jen.Lit(t.Name), jen.Id("Reader"): jen.Lit(t.Reader), jen.Id("Options"): options(t.Options), jen.Id("Metric"): jen.Lit(t.Metric)})
			}
		}),
		jen.Id("Metric"):   jen.Lit(m.Metric),
		jen.Id("Grid"):     ints(m.Grid),
		jen.Id("Patch"):    ints(m.Patch),
		jen.Id("Channels"): jen.Lit(m.Channels),
		jen.Id("Layouts"):  layouts(m.Layouts),
	})
}

func layouts(list []elab.Layout) *jen.Statement {
	if list == nil {
		return jen.Nil()
	}
	return jen.Index().Add(rt("Layout")).ValuesFunc(func(g *jen.Group) {
		for _, l := range list {
			d := jen.Dict{jen.Id("As"): jen.Lit(l.As), jen.Id("Tokens"): jen.Lit(l.Tokens), jen.Id("Values"): jen.Lit(l.Values)}
			if extents, strides, start := steps(l.Places); start == 0 && len(extents) > 0 {
				d[jen.Id("Extents")], d[jen.Id("Strides")] = ints(extents), ints(strides)
			} else if l.Places != nil {
				d[jen.Id("List")] = ints(l.Places)
			}
			g.Line().Values(d)
		}
	})
}

// steps writes a list as start plus the digits of its index times strides, as far as it has that form: what
// rearrangements by reshape and permute have. Without it extents are nil.
func steps(list []int) (extents, strides []int, start int) {
	for len(list) > 1 {
		n, by := run(list)
		if n < 2 {
			return nil, nil, 0
		}
		extents, strides = append(extents, n), append(strides, by)
		var firsts []int
		for i := 0; i < len(list); i += n {
			firsts = append(firsts, list[i])
		}
		list = firsts
	}
	if len(list) == 0 {
		return nil, nil, 0
	}
	slices.Reverse(extents)
	slices.Reverse(strides)
	return extents, strides, list[0]
}

// run is the largest n that divides a list into parts of n numbers that are the same steps apart, everywhere.
func run(list []int) (n, by int) {
	by = list[1] - list[0]
	for n = len(list); n > 1; n-- {
		if len(list)%n != 0 {
			continue
		}
		fits := true
		for i := 1; i < len(list) && fits; i++ {
			fits = i%n == 0 || list[i]-list[i-1] == by
		}
		if fits {
			return n, by
		}
	}
	return 1, by
}

func train(t elab.Train) *jen.Statement {
	s := t.Schedule
	return rt("Train").Values(jen.Dict{
		jen.Id("Optimizer"): jen.Lit(t.Optimizer), jen.Id("Update"): jen.Lit(t.Optimizer), jen.Id("LR"): jen.Lit(t.LR), jen.Id("WeightDecay"): jen.Lit(t.WeightDecay),
		jen.Id("Momentum"): jen.Lit(t.Momentum), jen.Id("Beta1"): jen.Lit(t.Beta1), jen.Id("Beta2"): jen.Lit(t.Beta2), jen.Id("Eps"): jen.Lit(t.Eps),
		jen.Id("Schedule"): rt("Schedule").Values(jen.Dict{jen.Id("Kind"): jen.Lit(s.Kind), jen.Id("Warmup"): jen.Lit(s.Warmup), jen.Id("Every"): jen.Lit(s.Every), jen.Id("Factor"): jen.Lit(s.Factor)}),
		jen.Id("Clip"):     jen.Lit(t.Clip), jen.Id("Steps"): jen.Lit(t.Steps), jen.Id("CheckpointEvery"): jen.Lit(t.CheckpointEvery),
		jen.Id("Seed"): jen.Lit(t.Seed), jen.Id("Precision"): jen.Lit(t.Precision)})
}
