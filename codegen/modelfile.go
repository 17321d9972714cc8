package codegen

import (
	"encoding/binary"
	"math"
	"path"
	"path/filepath"

	"github.com/dave/jennifer/jen"

	"mspecc/ir"
	"mspecc/ir/elab"
)

// constants are the constant tables of all programs; what several of them hold is there once.
type constants struct {
	bytes []byte
	at    map[string]int // where a table begins, in elements
}

// add is where a table begins.
func (c *constants) add(t Constant) int {
	table := make([]byte, 0, 4*len(t.Values))
	for _, x := range t.Values {
		bits := math.Float32bits(float32(x))
		if t.DType == ir.I32 {
			bits = uint32(int32(x))
		}
		table = binary.LittleEndian.AppendUint32(table, bits)
	}
	at, ok := c.at[string(table)]
	if !ok {
		at = len(c.bytes) / 4
		c.at[string(table)] = at
		c.bytes = append(c.bytes, table...)
	}
	return at
}

// addSample copies the small data set that the spec names into the module.
func (mod *Module) addSample(files map[string][]byte, m elab.Modality) error {
	if m.Sample == "" {
		return nil
	}
	list, err := SampleFiles(m.Name, m.Sample)
	if err != nil {
		return err
	}
	for _, s := range list {
		data, err := s.read()
		if err != nil {
			return err
		}
		files[path.Join(modelFolder, "sample", m.Name, s.Name)] = data
	}
	return nil
}

// modelFiles are those of the package of what the model is, whatever it is compiled for.
func (mod *Module) modelFiles(add func(string, []byte, error)) {
	data, err := mod.dataFile()
	add("data.go", data, err)
	data, err = mod.sourcesFile()
	add("sources.go", data, err)
	for i, v := range mod.Model.Variants {
		data, err := mod.modelFile(v, mod.Graphs[i])
		add("program_"+identifier(v.Modality.Name)+"_model.go", data, err) // with a suffix, as the programs' files
	}
}

// dataFile holds the embedded data.
func (mod *Module) dataFile() ([]byte, error) {
	f := mod.header(modelFolder, "")
	f.PackageComment("Package " + modelFolder + " is what " + mod.Model.Name + " is, whatever it is compiled for: parameters, settings, data.")
	f.Anon("embed")
	f.Line()
	f.Comment("The constant tables of all programs, little-endian float32.")
	f.Comment("//go:embed constants.bin")
	f.Var().Id("constants").Index().Byte()
	f.Line()
	f.Comment("Constant is n of the tables' values from the given one on.")
	f.Func().Id("Constant").Params(jen.List(jen.Id("from"), jen.Id("n")).Int()).Index().Float32().Block(
		jen.Id("out").Op(":=").Make(jen.Index().Float32(), jen.Id("n")),
		jen.For(jen.Id("i").Op(":=").Range().Id("out")).Block(
			jen.Id("out").Index(jen.Id("i")).Op("=").Qual("math", "Float32frombits").Call(jen.Qual("encoding/binary", "LittleEndian").Dot("Uint32").Call(jen.Id("constants").Index(jen.Lit(4).Op("*").Parens(jen.Id("from").Op("+").Id("i")).Op(":"))))),
		jen.Return(jen.Id("out")))
	if mod.hasSample() {
		f.Line()
		f.Comment("//go:embed all:sample")
		f.Var().Id("samples").Qual("embed", "FS")
		f.Line()
		f.Comment("sample is the small data set that the spec names for a modality.")
		f.Func().Id("sample").Params(jen.Id("modality").String()).Qual("io/fs", "FS").Block(
			jen.List(jen.Id("sub"), jen.Err()).Op(":=").Qual("io/fs", "Sub").Call(jen.Id("samples"), jen.Lit("sample/").Op("+").Id("modality")),
			jen.If(jen.Err().Op("!=").Nil()).Block(jen.Panic(jen.Err()).Comment("the path is a constant")),
			jen.Return(jen.Id("sub")))
	}
	mod.graphFile(f)
	return render(f)
}

// sourcesFile holds the spec itself, so that a run can keep what it was made of.
func (mod *Module) sourcesFile() ([]byte, error) {
	f := mod.header(modelFolder, "")
	f.Line()
	f.Comment("sources are the files of the spec.")
	f.Var().Id("sources").Op("=").Index().Add(rt("Source")).ValuesFunc(func(g *jen.Group) {
		for _, s := range mod.Model.Sources {
			g.Line().Values(jen.Dict{jen.Id("Name"): jen.Lit(s.Name), jen.Id("Text"): jen.Lit(s.Text)})
		}
		g.Line()
	})
	return render(f)
}

func (mod *Module) hasSample() bool {
	for _, v := range mod.Model.Variants {
		if v.Modality.Sample != "" {
			return true
		}
	}
	return false
}

// modelName is the function of package model that gives the part of a program which no target changes.
func modelName(modality string) string { return "Program" + capital(identifier(modality)) }

// modelFile holds what the run-time library must know of one modality, whatever it is compiled for.
func (mod *Module) modelFile(v *elab.Variant, g Graph) ([]byte, error) {
	f := mod.header(modelFolder, "")
	p := newProgram(v) // where parameters and state lie is the same for all targets
	name := modelName(v.Modality.Name)
	f.Line()
	f.Comment(name + " describes " + mod.Model.Name + " for " + v.Modality.Name + ", without what computes it.")
	f.Func().Id(name).Params().Op("*").Add(rt("Program")).Block(jen.Return(jen.Op("&").Add(rt("Program")).Values(jen.DictFunc(func(d jen.Dict) {
		set := func(name string, x jen.Code) { d[jen.Id(name)] = x }
		set("Name", jen.Lit(mod.Model.Name))
		set("Spec", jen.Lit(filepath.Base(mod.Model.File)))
		set("Digest", jen.Lit(mod.Model.Digest))
		set("Sources", jen.Id("sources"))
		set("Modality", modality(v.Modality))
		set("Settings", jen.Index().Add(rt("Setting")).ValuesFunc(func(g *jen.Group) {
			for _, s := range v.Settings {
				g.Line().Values(jen.Dict{jen.Id("Name"): jen.Lit(s.Name), jen.Id("Value"): jen.Lit(s.Value), jen.Id("From"): jen.Lit(s.From)})
			}
		}))
		set("Train", train(v.Train))
		set("Batch", jen.Lit(v.Batch))
		set("Params", jen.Index().Add(rt("Param")).ValuesFunc(func(g *jen.Group) {
			for i, w := range v.Params {
				in := w.Attr.Init
				d := jen.Dict{
					jen.Id("Tensor"): tensor(Tensor{w.Attr.Name, w.Type, p.Places[i]}, true),
					jen.Id("Init"): rt("Init").Values(jen.Dict{jen.Id("Kind"): jen.Lit(in.Kind), jen.Id("A"): jen.Lit(in.A), jen.Id("B"): jen.Lit(in.B),
						jen.Id("FanIn"): jen.Lit(in.FanIn), jen.Id("FanOut"): jen.Lit(in.FanOut)})}
				if p.frozen(w) {
					d[jen.Id("Frozen")] = jen.True()
				}
				g.Line().Values(d)
			}
		}))
		var state []Tensor
		for i, name := range p.State {
			state = append(state, Tensor{name, ir.Type{DType: ir.F32, Shape: []int{p.Region}}, (1 + i) * p.Region})
		}
		set("State", tensors(state))
		set("Graph", g.value(v.Modality.Name))
		if v.Modality.Sample != "" {
			set("Sample", jen.Id("sample").Call(jen.Lit(v.Modality.Name)))
		}
	}))))
	return render(f)
}
