package codegen

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"path"
	"path/filepath"
	"strings"

	"github.com/dave/jennifer/jen"

	"mspecc"
	"mspecc/codegen/avx512"
	"mspecc/codegen/portable"
	"mspecc/ir"
	"mspecc/ir/loop"
)

// Files renders the module: path inside the module -> contents. The same model gives the
// same bytes.
func (mod *Module) Files() (map[string][]byte, error) {
	files := map[string][]byte{}
	var failed error
	add := func(name string, data []byte, err error) {
		if err != nil && failed == nil {
			failed = fmt.Errorf("%s: %w", name, err)
		}
		files[name] = data
	}
	var constants []byte
	for _, p := range mod.Programs {
		name := identifier(p.Variant.Modality.Name)
		data, err := mod.programFile(p, len(constants)/4)
		add("program_"+name+"_layout.go", data, err) // the suffix keeps a modality called test or arm64 from being a build constraint
		for _, fn := range p.Functions {
			data, err := mod.runFile(p, fn)
			add("run_"+name+"_"+strings.ToLower(fn.Name)+".go", data, err)
		}
		constants = appendConstants(constants, p)
		if err := mod.addSample(files, p); err != nil {
			return nil, err
		}
	}
	files["constants.bin"] = constants
	mod.addGraphs(files)
	data, err := mod.driversFile()
	add("drivers.go", data, err)
	data, err = mod.mainFile()
	add("main.go", data, err)
	data, err = mod.sourcesFile()
	add("sources.go", data, err)
	mod.kernelFiles(add)
	if err := mspecc.RuntimeModule(files); err != nil {
		return nil, err
	}
	return files, failed
}

func appendConstants(out []byte, p *Program) []byte {
	for _, c := range p.Constants {
		for _, x := range c.Values {
			bits := math.Float32bits(float32(x))
			if c.DType == ir.I32 {
				bits = uint32(int32(x))
			}
			out = binary.LittleEndian.AppendUint32(out, bits)
		}
	}
	return out
}

// addSample copies the small data set that the spec names into the module.
func (mod *Module) addSample(files map[string][]byte, p *Program) error {
	dir := p.Variant.Modality.Sample
	if dir == "" {
		return nil
	}
	list, err := SampleFiles(p.Variant.Modality.Name, dir)
	if err != nil {
		return err
	}
	for _, s := range list {
		data, err := s.read()
		if err != nil {
			return err
		}
		files[path.Join("sample", p.Variant.Modality.Name, s.Name)] = data
	}
	return nil
}

// mainFile holds main and the embedded data.
func (mod *Module) mainFile() ([]byte, error) {
	f := mod.header()
	f.Anon("embed")
	f.Line()
	programs := func(g *jen.Group) {
		for _, p := range mod.Programs {
			g.Id(identifier(p.Variant.Modality.Name) + "Program").Call()
		}
	}
	if mod.Library {
		f.Comment("Programs are the model " + mod.Model.Name + " compiled for each modality.")
		f.Func().Id("Programs").Params().Index().Op("*").Add(rt("Program")).Block(jen.Return(jen.Index().Op("*").Add(rt("Program")).ValuesFunc(programs)))
	} else {
		f.Func().Id("main").Params().Block(jen.Qual(runtimePath+"/cli", "Main").CallFunc(programs))
	}
	f.Line()
	f.Comment("The constant tables of all programs, little-endian float32.")
	f.Comment("//go:embed constants.bin")
	f.Var().Id("constants").Index().Byte()
	f.Line()
	f.Comment("constant is n of the table's values from the given one on.")
	f.Func().Id("constant").Params(jen.List(jen.Id("from"), jen.Id("n")).Int()).Index().Float32().Block(
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

// pkg is the name of the generated package.
func (mod *Module) pkg() string {
	if mod.Library {
		return "trainer"
	}
	return "main"
}

// sourcesFile holds the spec itself, so that a run can keep what it was made of.
func (mod *Module) sourcesFile() ([]byte, error) {
	f := mod.header()
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
	for _, p := range mod.Programs {
		if p.Variant.Modality.Sample != "" {
			return true
		}
	}
	return false
}

// kernelFiles writes the kernels for each target and the choice between them.
func (mod *Module) kernelFiles(add func(string, []byte, error)) {
	var fast, plain []*loop.Kernel
	for _, k := range mod.Kernels {
		fast, plain = append(fast, k.AVX512), append(plain, k.Portable)
	}
	head := fmt.Sprintf("// Code generated by mspecc from %s (sha256 %.12s); DO NOT EDIT.\n\n", baseName(mod.Model.File), mod.Model.Digest)
	src, err := portable.Emit(plain, mod.pkg())
	if mod.Target != "avx512" {
		add("kernels_portable.go", []byte(src), err)
		add("dispatch_portable.go", []byte(mod.dispatch(head, "Portable")), nil)
	}
	if mod.Target == "portable" {
		return
	}
	asm, stubs, err := avx512.Emit(fast, mod.pkg())
	add("kernels_amd64.s", []byte(asm), err)
	add("kernels_amd64.go", []byte(stubs), err)
	add("dispatch_amd64.go", []byte(mod.dispatch(head, "AVX512")), nil)
}

// dispatch is the file that binds kernel names to an implementation. With target auto the
// amd64 build asks the CPU.
func (mod *Module) dispatch(head, kind string) string {
	var b bytes.Buffer
	choose := kind == "AVX512" && mod.Target == "auto"
	native := mod.native()
	b.WriteString(head)
	switch {
	case kind == "AVX512":
		b.WriteString("//go:build amd64\n\n")
	case mod.Target == "auto":
		b.WriteString("//go:build !amd64\n\n")
	}
	b.WriteString("package " + mod.pkg() + "\n\nimport \"mspecc/runtime\"\n\n")
	switch {
	case choose:
		fmt.Fprintf(&b, "// fast says whether this CPU runs the AVX-512 kernels.\nvar fast = runtime.HasTarget(%q)\n\nfunc target() string {\n\tif fast {\n\t\treturn %q\n\t}\n\treturn \"portable\"\n}\n", native, native)
	case kind == "AVX512":
		fmt.Fprintf(&b, "func target() string { return %q }\n", native)
	default:
		b.WriteString("func target() string { return \"portable\" }\n")
	}
	for _, k := range mod.Kernels {
		if choose {
			fmt.Fprintf(&b, "\nfunc %s(a *runtime.Args) {\n\tif fast {\n\t\t%sAVX512(a)\n\t\treturn\n\t}\n\t%sPortable(a)\n}\n", k.Name, k.Name, k.Name)
		} else {
			fmt.Fprintf(&b, "\nfunc %s(a *runtime.Args) { %s%s(a) }\n", k.Name, k.Name, kind)
		}
	}
	return b.String()
}

func baseName(file string) string { return filepath.Base(file) }
