package codegen

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/dave/jennifer/jen"

	"mspecc/codegen/fuse"
	"mspecc/internal/module"
)

// A generated module has a package for the program, one for what the model is whatever it is compiled for, and one
// for each target.
const (
	modelFolder = "model"
	modelPath   = module.Trainer + "/" + modelFolder
)

// header heads every generated Go file; goarch says what it is for, "" is every architecture.
func (mod *Module) header(pkg, goarch string) *jen.File {
	f := jen.NewFile(pkg)
	f.HeaderComment(mod.generated())
	if goarch != "" {
		f.HeaderComment("//go:build " + goarch)
	}
	f.ImportName(module.Runtime, "runtime")
	f.ImportName(modelPath, modelFolder)
	return f
}

func (t *Target) header() *jen.File { return t.mod.header(t.Name, t.GOARCH) }

func render(f *jen.File) ([]byte, error) {
	var b bytes.Buffer
	err := f.Render(&b)
	return b.Bytes(), err
}

// driversFile holds one Go function for each way a kernel is run: it cuts the work into
// tasks, and each task into kernel calls.
func (t *Target) driversFile() ([]byte, error) {
	f := t.header()
	f.Line()
	for _, d := range t.Drivers {
		l := d.Launch
		tasks, chunks := l.Tasks()
		params := func(task string) []jen.Code {
			return []jen.Code{jen.Id("w").Op("*").Qual(module.Runtime, "Worker"), jen.Id("c").Op("*").Qual(module.Runtime, "Call"), jen.Id(task).Int()}
		}
		if d.Parts != nil {
			f.Comment(fmt.Sprintf("%s runs %s.", d.Name, d.Title()))
			index := "tile"
			if l.Lanes > 0 {
				index = "lane"
			}
			f.Func().Id(d.Name).Params(params(index)...).BlockFunc(func(g *jen.Group) { tiledBody(g, d) })
		} else {
			f.Comment(fmt.Sprintf("%s runs %s: %d tasks; %s.", d.Name, d.Title(), tasks, shape(l)))
			f.Func().Id(d.Name).Params(params("task")...).BlockFunc(func(g *jen.Group) { driverBody(g, d, chunks) })
		}
		f.Line()
	}
	return render(f)
}

func shape(l *fuse.Launch) string {
	s := ""
	if len(l.Outer) > 0 {
		s = fmt.Sprintf("outer loops %v, ", l.Outer)
	}
	s += fmt.Sprintf("%d rows", l.Count)
	if l.Chunk < l.Count {
		s += fmt.Sprintf(" in chunks of %d", l.Chunk)
	}
	return s
}

// tiledBody takes one tile, or the tiles of one lane, through the stages of a tiled launch.
func tiledBody(g *jen.Group, d *Driver) {
	l := d.Launch
	if l.Lanes == 0 {
		tileStages(g, d)
		return
	}
	per := l.Tiles / l.Lanes
	sums := slices.ContainsFunc(l.Stages, func(s *fuse.Launch) bool { return s.Sum })
	if sums {
		g.Id("add").Op(":=").Lit(0).Comment("the first tile of a lane overwrites its sums")
	}
	g.For(jen.Id("tile").Op(":=").Add(times(jen.Id("lane"), per)), jen.Id("tile").Op("<").Add(times(jen.Id("lane"), per)).Op("+").Lit(per), jen.Id("tile").Op("++")).
		BlockFunc(func(g *jen.Group) {
			tileStages(g, d)
			if sums {
				g.Id("add").Op("=").Lit(1)
			}
		})
}

// tileStages runs the stages on one tile.
func tileStages(g *jen.Group, d *Driver) {
	l := d.Launch
	stage := 0
	for i, s := range l.Stages {
		var operands []jen.Code
		for _, o := range s.Operands {
			if o.Buf.Within == l {
				operands = append(operands, jen.Id("w").Dot("Local").Op("+").Lit(o.Buf.Offset+o.Offset))
				continue
			}
			e := jen.Id("c").Dot("Off").Index(jen.Lit(l.Operand(o)))
			if o.Tile != 0 {
				e = e.Op("+").Add(times(jen.Id("tile"), o.Tile))
			}
			if o.Lane != 0 {
				e = e.Op("+").Add(times(jen.Id("lane"), o.Lane))
			}
			operands = append(operands, e)
		}
		if s.Sum {
			operands = append(operands, jen.Id("add"))
		}
		if p := d.Parts[i]; p != nil {
			tasks, _ := s.Tasks()
			g.Id("w").Dot("Run").Call(append([]jen.Code{jen.Id(p.Name), jen.Lit(stage), jen.Lit(tasks)}, operands...)...)
		} else {
			g.Id("w").Dot(libraryCall[s.Kind]).Call(append([]jen.Code{jen.Lit(stage)}, libraryArgs(s, operands)...)...)
		}
		stage += len(s.Kernels())
	}
}

func driverBody(g *jen.Group, d *Driver, chunks int) {
	l := d.Launch
	g.Id("a").Op(":=").Op("&").Id("w").Dot("Args")
	group, chunk := jen.Id("task"), jen.Lit(0)
	if chunks > 1 {
		chunk = jen.Id("chunk")
		if len(l.Outer) > 0 {
			g.List(jen.Id("group"), jen.Id("chunk")).Op(":=").List(jen.Id("task").Op("/").Lit(chunks), jen.Id("task").Op("%").Lit(chunks))
			group = jen.Id("group")
		} else {
			g.Id("chunk").Op(":=").Id("task")
		}
	}
	call := func(g *jen.Group, index []*jen.Statement) {
		for i := range d.Stages {
			stageCall(g, d, i, index, chunk, chunks)
			if len(d.Stages) > 1 {
				g.Id("w").Dot("Lap").Call(jen.Lit(i))
			}
		}
	}
	outerLoops(g, l, group, call)
}

// stageCall calls the kernel of one stage on one tile.
func stageCall(g *jen.Group, d *Driver, stage int, index []*jen.Statement, chunk *jen.Statement, chunks int) {
	l, k := d.Stages[stage], d.Kernels[stage]
	for i, o := range l.Operands {
		at := i
		if d.Launch.Stages != nil {
			at = d.Launch.Operand(o)
		}
		e := jen.Id("c").Dot("Off").Index(jen.Lit(at))
		if o.Buf.Within == d.Launch {
			e = jen.Id("w").Dot("Local").Op("+").Lit(o.Buf.Offset + o.Offset)
		}
		for n, s := range o.Outer {
			if s != 0 {
				e = e.Op("+").Add(times(index[n].Clone(), s))
			}
		}
		if chunks > 1 && o.Chunk != 0 {
			e = e.Op("+").Add(times(chunk.Clone(), o.Chunk))
		}
		g.Id("a").Dot("Off").Index(jen.Lit(i)).Op("=").Add(e)
	}
	if k.Scratch > 0 {
		g.Id("a").Dot("Off").Index(jen.Lit(len(l.Operands))).Op("=").Id("w").Dot("Scratch")
	}
	rows := jen.Lit(l.Count)
	if chunks > 1 {
		rows = jen.Min(jen.Lit(l.Chunk), jen.Lit(l.Count).Op("-").Add(times(chunk.Clone(), l.Chunk)))
	}
	g.Id("a").Dot("N").Index(jen.Lit(0)).Op("=").Add(rows)
	if l.Kind == fuse.MatMulKind {
		matmulCalls(g, l, k)
		return
	}
	g.Id(k.Name).Call(jen.Id("a"))
}

// matmulCalls runs the kernel over blocks of the inner extent.
func matmulCalls(g *jen.Group, l *fuse.Launch, kernel *Kernel) {
	n := func(i int) *jen.Statement { return jen.Id("a").Dot("N").Index(jen.Lit(i)) }
	first := jen.Lit(0)
	switch {
	case l.Accumulate:
		first = jen.Lit(1)
	case l.Sum:
		first = jen.Id("c").Dot("Off").Index(jen.Lit(len(l.Operands)))
	}
	if l.KBlock >= l.K {
		g.Add(n(1)).Op("=").Lit(l.K)
		g.Add(n(2)).Op("=").Add(first)
		g.Id(kernel.Name).Call(jen.Id("a"))
		return
	}
	g.Add(n(2)).Op("=").Add(first)
	g.For(jen.Id("k").Op(":=").Lit(0), jen.Id("k").Op("<").Lit(l.K), jen.Id("k").Op("+=").Lit(l.KBlock)).BlockFunc(func(g *jen.Group) {
		g.Add(n(1)).Op("=").Min(jen.Lit(l.KBlock), jen.Lit(l.K).Op("-").Id("k"))
		g.Id(kernel.Name).Call(jen.Id("a"))
		g.Add(n(2)).Op("=").Lit(1).Comment("later blocks add")
		g.Id("a").Dot("Off").Index(jen.Lit(0)).Op("+=").Lit(l.KBlock * l.MatMul.AK)
		g.Id("a").Dot("Off").Index(jen.Lit(1)).Op("+=").Lit(l.KBlock * l.MatMul.BK)
	})
}

// outerLoops runs call for every outer index of a task, split into one index per loop.
func outerLoops(g *jen.Group, l *fuse.Launch, group *jen.Statement, call func(*jen.Group, []*jen.Statement)) {
	n := 1
	for _, e := range l.Outer {
		n *= e
	}
	if len(l.Outer) == 0 {
		call(g, nil)
		return
	}
	body := func(g *jen.Group, o *jen.Statement) {
		index := make([]*jen.Statement, len(l.Outer))
		rest := 1
		for k := len(l.Outer) - 1; k >= 0; k-- {
			e := o.Clone()
			if rest > 1 {
				e = e.Op("/").Lit(rest)
			}
			if k > 0 {
				e = e.Op("%").Lit(l.Outer[k])
			}
			if len(l.Outer) == 1 {
				index[k] = o
			} else {
				g.Id(fmt.Sprintf("i%d", k)).Op(":=").Add(e)
				index[k] = jen.Id(fmt.Sprintf("i%d", k))
			}
			rest *= l.Outer[k]
		}
		used := make([]bool, len(index))
		for _, s := range l.Kernels() {
			for _, op := range s.Operands {
				for k, s := range op.Outer {
					used[k] = used[k] || s != 0
				}
			}
		}
		for k, u := range used {
			if !u { // an extent of 1, over which nothing strides
				g.Id("_").Op("=").Add(index[k].Clone())
			}
		}
		call(g, index)
	}
	if l.PerTask == 1 {
		g.Id("o").Op(":=").Add(group)
		body(g, jen.Id("o"))
		return
	}
	g.For(jen.Id("o").Op(":=").Add(times(group.Clone(), l.PerTask)), jen.Id("o").Op("<").Min(jen.Lit(n), jen.Add(times(group.Clone(), l.PerTask)).Op("+").Lit(l.PerTask)), jen.Id("o").Op("++")).
		BlockFunc(func(g *jen.Group) { body(g, jen.Id("o")) })
}

func times(x *jen.Statement, n int) *jen.Statement {
	if n == 1 {
		return x
	}
	return x.Op("*").Lit(n)
}

// runFile holds the run of one function: its launches in order.
func (t *Target) runFile(p *Program, fn *Function) ([]byte, error) {
	f := t.header()
	f.Line()
	f.Comment(fmt.Sprintf("%s computes %s of %s: %d launches.", runName(p, fn), fn.Name, p.Variant.Modality.Name, len(fn.Calls)))
	f.Func().Id(runName(p, fn)).Params(jen.Id("m").Op("*").Qual(module.Runtime, "Machine")).BlockFunc(func(g *jen.Group) {
		last := ""
		for _, c := range fn.Calls {
			l := c.Launch
			if at := l.Main().Phase.String() + ": " + place(l.Main()); at != last {
				g.Comment(at)
				last = at
			}
			offsets := make([]jen.Code, 0, len(l.Operands)+6)
			for _, o := range l.Operands {
				offsets = append(offsets, jen.Lit(o.Buf.Offset+o.Offset))
			}
			if c.Driver != nil {
				tasks, _ := l.Tasks()
				g.Id("m").Dot("Run").Call(append([]jen.Code{jen.Id(c.Driver.Name), jen.Lit(tasks)}, offsets...)...)
				continue
			}
			g.Id("m").Dot(libraryCall[l.Kind]).Call(libraryArgs(l, offsets)...)
		}
	})
	return render(f)
}

var libraryCall = map[fuse.Kind]string{fuse.GatherKind: "Gather", fuse.ScatterAddKind: "ScatterAdd", fuse.ArgSortKind: "ArgSort", fuse.ZeroKind: "Zero"}

// libraryArgs orders the arguments as the run-time library takes them: destination first.
func libraryArgs(l *fuse.Launch, offsets []jen.Code) []jen.Code {
	n := len(offsets)
	args := append([]jen.Code{offsets[n-1]}, offsets[:n-1]...)
	for _, s := range l.Sizes {
		args = append(args, jen.Lit(s))
	}
	return args
}

func runName(p *Program, fn *Function) string {
	return identifier(p.Variant.Modality.Name) + fn.Name
}

// identifier makes a Go name of a modality's name.
func identifier(s string) string {
	var out strings.Builder
	for i, r := range s {
		if r == '_' || r >= '0' && r <= '9' && i > 0 || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			out.WriteRune(r)
		}
	}
	return out.String()
}
