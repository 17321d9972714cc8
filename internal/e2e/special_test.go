package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mspecc/codegen"
	"mspecc/ir"
	"mspecc/ir/elab"
	"mspecc/runtime/ckpt"
	"mspecc/spec"
)

// specialTable is testdata/special/table.json: functions of the language with the special points
// at which they are taken. golden.py beside it makes golden.json, what PyTorch gives there.
type specialTable struct {
	Functions []struct {
		MSpec, Torch, On string
		Differs          []deviation
	}
	Exceptions map[string]string // builtins, functions of std and operations that are not in the table: why
}

// deviation says where a result is not PyTorch's, and why.
type deviation struct {
	Of    string   // "value", "first" or "second", the order of the derivative
	At    []string // inputs of a function of one list, by text; numbers of rows; empty: wherever it is so
	Torch string   // what PyTorch has there: "nan", "finite", ...
	Ours  string   // and what it is here
	Only  string   // "float64" or "float32" where it is so in one of them only
	Why   string
}

type specialGolden struct {
	Version   string
	Functions []struct {
		MSpec            string
		Shape            []int
		Inputs           [][]string
		Float64, Float32 [][]string // value, first derivatives, second derivatives
	}
}

// special is the table made into a program.
type special struct {
	table  specialTable
	golden specialGolden
	f      *elab.Func
	params []*ir.Value
	feeds  map[string][]float64
}

func readJSON(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "special", name))
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func loadSpecial(t *testing.T) *special {
	t.Helper()
	s := &special{feeds: map[string][]float64{}}
	readJSON(t, "table.json", &s.table)
	readJSON(t, "golden.json", &s.golden)
	var text strings.Builder
	text.WriteString("import \"std/nn\"\nimport \"std/modality\"\n\nmodel special {\n")
	var body strings.Builder
	for i, f := range s.golden.Functions {
		if i >= len(s.table.Functions) || s.table.Functions[i].MSpec != f.MSpec {
			t.Fatalf("golden.json has %s in place %d, not the table: run golden.py", f.MSpec, i)
		}
		names, args := []string{"x", "y"}[:len(f.Inputs)], []string{}
		for k, n := range names {
			name := fmt.Sprint(n, i)
			fmt.Fprintf(&body, "        param %s [%s] = 0\n", name, joined(f.Shape))
			args = append(args, name)
			s.feeds[name] = numbers(t, f.Inputs[k])
		}
		fmt.Fprintf(&text, "    fn f%d(%s) = %s\n", i, strings.Join(names, ", "), f.MSpec)
		fmt.Fprintf(&body, "        expose value%d = (in%d: f%d(%s))\n", i, i, i, strings.Join(args, ", "))
	}
	fmt.Fprintf(&text, "    objective() {\n%s        return sum(x0 * x0)\n    }\n}\n", body.String())
	if len(s.golden.Functions) != len(s.table.Functions) {
		t.Fatalf("golden.json has %d functions, the table %d: run golden.py", len(s.golden.Functions), len(s.table.Functions))
	}
	file := filepath.Join(t.TempDir(), "special.mspec")
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	m, diags := elab.Load(file, elab.Options{})
	if m == nil {
		var out strings.Builder
		spec.Render(&out, diags, nil)
		t.Fatal(out.String())
	}
	s.derive(t, m.Variants[0])
	return s
}

func joined(shape []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(shape), "[]"), " ", ", ")
}

func numbers(t *testing.T, texts []string) []float64 {
	t.Helper()
	out := make([]float64, len(texts))
	for i, s := range texts {
		var err error
		if out[i], err = strconv.ParseFloat(s, 64); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// derive appends the derivatives, as golden.py takes them.
func (s *special) derive(t *testing.T, v *elab.Variant) {
	replay := v.Replay // nothing is dropped in it
	b := replay.B
	s.f = &elab.Func{Name: "features", B: b}
	s.params = replay.Params
	for _, p := range s.params {
		if s.feeds[p.Attr.Name] == nil {
			s.feeds[p.Attr.Name] = slices.Repeat([]float64{p.Attr.Init.A}, p.Len())
		}
	}
	out := func(name string, x *ir.Value) { s.f.Outputs = append(s.f.Outputs, elab.Output{Name: name, Value: x}) }
	for i, f := range s.golden.Functions {
		at := slices.IndexFunc(replay.Outputs, func(o elab.Output) bool { return o.Name == fmt.Sprint("value", i) })
		y := replay.Outputs[at].Value
		out(fmt.Sprintf("f%d.0", i), y)
		if len(f.Float64) == 1 {
			continue
		}
		var wrt []*ir.Value
		for k := range f.Inputs {
			name := fmt.Sprint([]string{"x", "y"}[k], i)
			wrt = append(wrt, s.params[slices.IndexFunc(s.params, func(p *ir.Value) bool { return p.Attr.Name == name })])
		}
		first := b.Grad(weighted(b, y, len(f.Shape) > 1, 1, 0.5, -2, 1.5), wrt...)
		total := weighted(b, first[0], len(f.Shape) > 1, 0.5, 1, 1.5, -1)
		for k, g := range first {
			out(fmt.Sprintf("f%d.%d", i, 1+k), g)
			if k > 0 {
				g = weighted(b, g, len(f.Shape) > 1, 0.5, 1, 1.5, -1)
				total = b.Binary(ir.Add, total, b.Binary(ir.Mul, g, b.Const(0.5)))
			}
		}
		if len(f.Float64) == 1+2*len(wrt) {
			for k, h := range b.Grad(total, wrt...) {
				out(fmt.Sprintf("f%d.%d", i, 1+len(wrt)+k), h)
			}
		}
	}
}

// weighted is the sum of x, of rows weighted along the last axis.
func weighted(b *ir.Builder, x *ir.Value, rows bool, pattern ...float64) *ir.Value {
	if rows && x.Rank() > 1 {
		n := x.Shape()[x.Rank()-1]
		w := make([]float64, n)
		for i := range w {
			w[i] = pattern[i%len(pattern)]
		}
		x = b.Binary(ir.Mul, x, b.Broadcast(b.Table(ir.Type{DType: ir.F32, Shape: []int{n}}, w), x.Shape()))
	}
	axes := make([]int, x.Rank())
	for i := range axes {
		axes[i] = i
	}
	return b.Sum(x, axes...)
}

// TestSpecialPoints: values and first and second derivatives of every function of the table at the
// ends of the float range, zeros, NaN, kinks and ties are PyTorch's: in the interpreter those in
// float64, on both kinds of kernels those in float32, or those in float64 where PyTorch's float32
// has lost digits or overflowed. Where they are meant to differ, the table says so.
func TestSpecialPoints(t *testing.T) {
	s := loadSpecial(t)
	t.Logf("%d functions, %s", len(s.golden.Functions), s.golden.Version)
	var roots []*ir.Value
	for _, o := range s.f.Outputs {
		roots = append(roots, o.Value)
	}
	values, err := ir.Eval(s.feeds, roots...)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]float64{}
	for i, o := range s.f.Outputs {
		got["special/"+o.Name] = values[i]
	}
	s.compare(t, "interpreter", "float64", got)

	v := &elab.Variant{Modality: elab.Modality{Name: "special"}, Features: s.f, Params: s.params, Train: elab.Train{Precision: "f32"}}
	model := &elab.Model{Name: "special", File: "special.mspec", Digest: strings.Repeat("0", 64), Variants: []*elab.Variant{v}}
	mod, err := codegen.Compile(model, codegen.Options{Targets: compiled()})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	bin := buildModule(t, mod, dir, randomHarness)
	in, out := filepath.Join(dir, "in.safetensors"), filepath.Join(dir, "out.safetensors")
	file := &ckpt.File{}
	for _, p := range s.params {
		file.Tensors = append(file.Tensors, ckpt.Floats("special/"+p.Attr.Name, p.Shape(), convert[float32](s.feeds[p.Attr.Name])))
	}
	if err := file.WriteFile(in); err != nil {
		t.Fatal(err)
	}
	for _, target := range targets(t, "f32") {
		s.compare(t, target, "float32", runHarness(t, bin, in, out, target))
	}
}

// compare holds the results against PyTorch's.
func (s *special) compare(t *testing.T, engine, precision string, got map[string][]float64) {
	t.Helper()
	used := map[string]bool{}
	for i, f := range s.golden.Functions {
		for k := range f.Float64 {
			exact, want := numbers(t, f.Float64[k]), numbers(t, f.Float64[k])
			if precision == "float32" {
				want = numbers(t, f.Float32[k])
			}
			have, of := got[fmt.Sprintf("special/f%d.%d", i, k)], order(k, len(f.Inputs))
			if len(want) != len(have) {
				t.Fatalf("%s: %s: %d results, expected %d", engine, f.MSpec, len(have), len(want))
			}
			for j := range want {
				if close(want[j], have[j], of, precision) || close(exact[j], have[j], of, precision) {
					continue
				}
				at := s.place(i, j, len(want))
				if d := s.deviation(i, of, at, precision, want[j], have[j]); d >= 0 {
					used[fmt.Sprint(i, " ", d)] = true
					continue
				}
				t.Errorf("%s: %s, %s %d, element %d, at %s: %v, PyTorch has %v", engine, f.MSpec, of, k, j, at, have[j], want[j])
			}
		}
	}
	for i, f := range s.table.Functions {
		for d, dev := range f.Differs {
			if (dev.Only == "" || dev.Only == precision) && !used[fmt.Sprint(i, " ", d)] {
				t.Errorf("%s: %s does not differ as the table says: %+v", engine, f.MSpec, dev)
			}
		}
	}
}

// order names the derivative that list k of a function's results is.
func order(k, inputs int) string {
	switch {
	case k == 0:
		return "value"
	case k <= inputs:
		return "first"
	}
	return "second"
}

// place names the point at which element j of n was taken: the inputs of a function of lists, the row
// of one of rows.
func (s *special) place(i, j, n int) string {
	f := s.golden.Functions[i]
	if len(f.Shape) > 1 {
		return fmt.Sprintf("row %d", j/max(1, n/f.Shape[0]))
	}
	var at []string
	for _, in := range f.Inputs {
		at = append(at, strconv.FormatFloat(numbersOf(in[j]), 'g', 6, 64))
	}
	return strings.Join(at, " ")
}

func numbersOf(s string) float64 {
	x, _ := strconv.ParseFloat(s, 64)
	return x
}

// close reports whether two results are the same: NaN, the same infinity, or near each other: values
// relative to their size, derivatives, in which large numbers cancel, also to 1.
func close(want, have float64, of, precision string) bool {
	relative, absolute := 1e-9, 1e-300
	if precision == "float32" {
		relative, absolute = 1e-5, 1e-37
	}
	if of != "value" {
		relative, absolute = 10*relative, 100*relative
	}
	switch {
	case math.IsNaN(want) || math.IsNaN(have):
		return math.IsNaN(want) && math.IsNaN(have)
	case math.IsInf(want, 0) || math.IsInf(have, 0):
		return want == have
	}
	return math.Abs(want-have) <= relative*math.Abs(want)+absolute
}

// kind is what deviations compare: nan, inf, -inf, 0 or finite.
func kind(x float64) string {
	switch {
	case math.IsNaN(x):
		return "nan"
	case math.IsInf(x, 1):
		return "inf"
	case math.IsInf(x, -1):
		return "-inf"
	case x == 0:
		return "0"
	}
	return "finite"
}

// deviation finds the entry of the table that covers a difference, -1 if there is none.
func (s *special) deviation(i int, of, at, precision string, want, have float64) int {
	return slices.IndexFunc(s.table.Functions[i].Differs, func(d deviation) bool {
		return d.Of == of && (d.Only == "" || d.Only == precision) && (len(d.At) == 0 || slices.Contains(d.At, at)) &&
			d.Torch == kind(want) && d.Ours == kind(have) && d.Why != ""
	})
}

var (
	tableRow  = regexp.MustCompile("(?m)^\\| `(kind )?([a-z_0-9]+)\\(")
	operators = []string{" + ", " - ", " * ", " / ", " < ", " <= ", " > ", " >= ", " == ", " != ", " @ ", "-x"}
)

// TestSpecialPointsComplete: every operation of the tensor IR, every builtin and operator of the
// language and every function of the standard library is in the table, or among the exceptions
// with a reason.
func TestSpecialPointsComplete(t *testing.T) {
	s := loadSpecial(t)
	all := ""
	for _, f := range s.table.Functions {
		all += f.MSpec + "\n"
	}
	reference, err := os.ReadFile(filepath.Join("..", "..", "spec", "language.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, builtins, ok := strings.Cut(string(reference), "\n## Builtins")
	if !ok {
		t.Fatal("language.md has no section on builtins")
	}
	known := map[string]bool{}
	check := func(what, name string, covered bool) {
		known[name] = true
		why, excepted := s.table.Exceptions[name]
		switch {
		case !covered && why == "":
			t.Errorf("%s %s is not in testdata/special/table.json: add it with special points, or say among the exceptions why not", what, name)
		case covered && excepted:
			t.Errorf("%s %s is in the table and among the exceptions", what, name)
		}
	}
	for _, m := range tableRow.FindAllStringSubmatch(builtins, -1) {
		check("the function", m[2], regexp.MustCompile(`\b`+m[2]+`\(`).MatchString(all))
	}
	for _, op := range operators {
		check("the operator", op, strings.Contains(all, op))
	}
	built := map[ir.Op]bool{}
	for _, v := range s.f.B.Values() {
		built[v.Op] = true
	}
	for _, op := range ir.Ops() {
		check("the operation", "op "+op.String(), built[op])
	}
	for name := range s.table.Exceptions {
		if !known[name] {
			t.Errorf("the exception %s is none of the functions, operators and operations", name)
		}
	}
}
