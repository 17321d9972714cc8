package codegen

import (
	"github.com/dave/jennifer/jen"
)

// graphFolder holds, in a generated module, the ONNX graph of every modality's features.
const graphFolder = "onnx"

// graph describes the ONNX graph to the run-time library.
func (p *Program) graph() *jen.Statement {
	g := p.Graph
	if g == nil {
		return rt("Graph").Values(jen.Dict{jen.Id("Missing"): jen.Lit(p.NoGraph.Error())})
	}
	return rt("Graph").Values(jen.Dict{
		jen.Id("Proto"): jen.Id("graph").Call(jen.Lit(p.Variant.Modality.Name)),
		jen.Id("Batch"): jen.Lit(g.Batch),
		jen.Id("Params"): jen.Index().String().ValuesFunc(func(list *jen.Group) {
			for _, name := range g.Params {
				list.Line().Lit(name)
			}
		}),
	})
}

// addGraphs writes the graphs beside the code.
func (mod *Module) addGraphs(files map[string][]byte) {
	for _, p := range mod.Programs {
		if p.Graph != nil {
			files[graphFolder+"/"+p.Variant.Modality.Name] = p.Graph.Proto
		}
	}
}

// graphFile declares what embeds the graphs, where there are any.
func (mod *Module) graphFile(f *jen.File) {
	any := false
	for _, p := range mod.Programs {
		any = any || p.Graph != nil
	}
	if !any {
		return
	}
	f.Line()
	f.Comment("//go:embed all:" + graphFolder)
	f.Var().Id("graphs").Qual("embed", "FS")
	f.Line()
	f.Comment("graph is the ONNX graph of a modality's features.")
	f.Func().Id("graph").Params(jen.Id("modality").String()).Index().Byte().Block(
		jen.List(jen.Id("data"), jen.Err()).Op(":=").Id("graphs").Dot("ReadFile").Call(jen.Lit(graphFolder+"/").Op("+").Id("modality")),
		jen.If(jen.Err().Op("!=").Nil()).Block(jen.Panic(jen.Err()).Comment("the path is a constant")),
		jen.Return(jen.Id("data")))
}
