// Command hand writes the assembly of the run-time library, which is there whatever the model is: random numbers,
// the peak of the arithmetic, products of vectors in evaluations. Each function comes for AVX-512 and for AVX2
// with FMA, and both give the same bits.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"

	"mspecc/kernels/gen/avx512"
)

//go:generate go run .

// A file of the run-time library, and what writes its functions.
type file struct {
	name string // below runtime
	pkg  string
	body func(c *build.Context)
}

var files = []file{
	{"philox_amd64.s", "runtime", philox},
	{"probe_amd64.s", "runtime", probe},
	{"eval/vec_amd64.s", "eval", products},
}

// root is the folder of the run-time library as seen from here.
const root = "../../../runtime"

func main() {
	for _, f := range files {
		text, err := f.print()
		if err == nil {
			err = os.WriteFile(filepath.Join(root, filepath.FromSlash(f.name)), text, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "hand:", err)
			os.Exit(1)
		}
	}
}

// print gives the file's text.
func (f file) print() ([]byte, error) {
	c := build.NewContext()
	f.body(c)
	tree, err := c.Result()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	if err := pass.Compile.Execute(tree); err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	if err := avx512.Encode(tree); err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	return printer.NewGoAsm(printer.Config{Name: "kernels/gen/hand", Pkg: f.pkg}).Print(tree)
}

// vectors is an instruction set: what differs between the two that functions are written for.
type vectors struct {
	*build.Context
	wide bool // AVX-512
}

func sets(c *build.Context) []vectors { return []vectors{{c, true}, {c, false}} }

// name is that of a function for the instruction set.
func (v vectors) name(s string) string {
	if v.wide {
		return s + "AVX512"
	}
	return s + "AVX2"
}

func (v vectors) lanes() int {
	if v.wide {
		return 16
	}
	return 8
}

// vec makes a virtual register for all lanes.
func (v vectors) vec() reg.VecVirtual {
	if v.wide {
		return v.ZMM()
	}
	return v.YMM()
}

// zero makes a register that holds zeros.
func (v vectors) zero() reg.VecVirtual {
	x := v.vec()
	if v.wide {
		v.VPXORD(x, x, x)
	} else {
		v.VXORPS(x, x, x)
	}
	return x
}

// begin opens a function with the parameters params, as they are in Go.
func (v vectors) begin(name, params string) {
	v.Function(v.name(name))
	v.Attributes(attr.NOSPLIT)
	v.SignatureExpr("func(" + params + ")")
}

// param loads a parameter of one word.
func (v vectors) param(name string) reg.GPVirtual {
	r := v.GP64()
	v.Load(v.Param(name), r)
	return r
}

// repeat writes a loop that is gone through n times (at least once).
func (v vectors) repeat(label string, n reg.GPVirtual, body func()) {
	v.Label(label)
	body()
	v.DECQ(n)
	v.JNZ(operand.LabelRef(label))
}

func (v vectors) end() {
	v.VZEROUPPER()
	v.RET()
}

// at is memory after an address.
func at(base reg.Register, bytes int) operand.Mem { return operand.Mem{Base: base, Disp: bytes} }

// table is a constant in memory: one number for each lane.
func (v vectors) table(name string, value func(lane int) uint32) operand.Mem {
	m := v.StaticGlobal(v.name(name))
	v.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range v.lanes() {
		v.AppendDatum(operand.U32(value(i)))
	}
	return m
}
