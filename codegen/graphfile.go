package codegen

import (
	"path"
	"slices"

	"github.com/dave/jennifer/jen"
)

// graphFolder holds, in the folder of the model, the ONNX graph of every modality's features.
const graphFolder = "onnx"

// value describes the graph to the run-time library.
func (g Graph) value(modality string) *jen.Statement {
	if g.Graph == nil {
		return rt("Graph").Values(jen.Dict{jen.Id("Missing"): jen.Lit(g.Missing.Error())})
	}
	return rt("Graph").Values(jen.Dict{
		jen.Id("Proto"): jen.Id("graph").Call(jen.Lit(modality)),
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
	for i, v := range mod.Model.Variants {
		if g := mod.Graphs[i].Graph; g != nil {
			files[path.Join(modelFolder, graphFolder, v.Modality.Name)] = g.Proto
		}
	}
}

// graphFile declares what embeds the graphs, where there are any.
func (mod *Module) graphFile(f *jen.File) {
	if !slices.ContainsFunc(mod.Graphs, func(g Graph) bool { return g.Graph != nil }) {
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
