package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mspecc/codegen"
	"mspecc/internal/progen"
	"mspecc/ir"
	"mspecc/ir/elab"
	"mspecc/ir/pass"
	"mspecc/runtime/ckpt"

	_ "embed"
)

//go:embed testdata/random.go.txt
var randomHarness string

// randomPrograms is how many random programs one generated module holds.
const randomPrograms = 45

// Tolerances are of an output's largest magnitude, or of 1: float32 through second gradients
// against float64. With bf16, both round the same operands, but where float32 and float64
// fall on two sides of the middle between two bf16 numbers, these differ by 2^-8.
const (
	randomTolerance = 2e-3
	bf16Tolerance   = 3e-2
)

// TestRandomPrograms: random programs with first and second gradients, through every
// stage of the compiler into one binary, agree with the float64 interpreter on every
// target, with and without the optional passes and chains, and with products in bf16.
func TestRandomPrograms(t *testing.T) {
	optional := []string{"chains"}
	for _, p := range pass.List() {
		if !p.Required {
			optional = append(optional, p.Name)
		}
	}
	for _, o := range []struct {
		name, precision string
		disable         []string
	}{{"optimised", "f32", nil}, {"plain", "f32", optional}, {"bf16", "bf16", nil}} {
		t.Run(o.name, func(t *testing.T) {
			r := newRandomCase(t, progen.Seeds(t, randomPrograms), o.precision)
			dir := t.TempDir()
			bin := r.build(t, dir, o.disable)
			in := r.writeFeeds(t, dir)
			for _, target := range targets(t, o.precision) {
				sameBits(t, target, func(env ...string) []byte { return r.run(t, bin, in, target, env...) }, threads("3"))
			}
		})
	}
}

// randomCase is a model whose variants are random programs.
type randomCase struct {
	model *elab.Model
	names []string
	drawn []*ir.Program
	progs []*ir.Program // what the interpreter runs: as drawn or, with bf16, as packed
	feeds []map[string][]float64
	want  [][][]float64 // what the interpreter gives, once it has run
	tol   float64
}

func newRandomCase(t *testing.T, seeds []uint64, precision string) *randomCase {
	t.Helper()
	r := &randomCase{tol: randomTolerance, model: &elab.Model{Name: "random", File: "random.mspec", Digest: strings.Repeat("0", 64)}}
	for _, seed := range seeds {
		p := progen.Program(seed)
		meaning := progen.Program(seed)
		if precision == "bf16" {
			r.tol = bf16Tolerance
			if err := pass.Run(meaning, pass.Options{BF16: true}); err != nil {
				t.Fatal(err)
			}
		}
		r.add(fmt.Sprintf("seed%d", seed), p, meaning, progen.Feeds(seed, p.Live()), precision)
	}
	return r
}

// add takes in a program whose meaning, on some numbers, is that of another one.
func (r *randomCase) add(name string, p, meaning *ir.Program, feeds map[string][]float64, precision string) {
	r.names, r.drawn, r.progs, r.feeds = append(r.names, name), append(r.drawn, p), append(r.progs, meaning), append(r.feeds, feeds)
	f := &elab.Func{Name: "features", B: p.B}
	v := &elab.Variant{Modality: elab.Modality{Name: name}, Features: f, Train: elab.Train{Precision: precision}}
	for _, o := range p.Outputs {
		f.Outputs = append(f.Outputs, elab.Output{Name: o.Name, Value: o.Value})
	}
	for _, x := range p.Live() {
		if x.Op == ir.OpParam {
			v.Params = append(v.Params, x)
		}
	}
	r.model.Variants = append(r.model.Variants, v)
}

func (r *randomCase) build(t *testing.T, dir string, disable []string) string {
	t.Helper()
	mod, err := codegen.Compile(r.model, codegen.Options{Targets: compiled(), Disable: disable})
	if err != nil {
		t.Fatal(err)
	}
	return buildModule(t, mod, dir, randomHarness)
}

func (r *randomCase) writeFeeds(t *testing.T, dir string) string {
	t.Helper()
	f := &ckpt.File{}
	for i, p := range r.drawn {
		seen := map[string]bool{}
		for _, v := range p.Live() {
			x, ok := r.feeds[i][v.Attr.Name]
			if !ok || seen[v.Attr.Name] || v.Op != ir.OpInput && v.Op != ir.OpParam && v.Op != ir.OpUniform {
				continue
			}
			seen[v.Attr.Name] = true
			name := r.names[i] + "/" + strings.ReplaceAll(v.Attr.Name, " ", "_")
			if v.Type.DType == ir.I32 {
				f.Tensors = append(f.Tensors, ckpt.Ints(name, v.Shape(), convert[int32](x)))
			} else {
				f.Tensors = append(f.Tensors, ckpt.Floats(name, v.Shape(), convert[float32](x)))
			}
		}
	}
	name := filepath.Join(dir, "in.safetensors")
	if err := f.WriteFile(name); err != nil {
		t.Fatal(err)
	}
	return name
}

func convert[T, F int32 | float32 | float64](x []F) []T {
	out := make([]T, len(x))
	for i, v := range x {
		out[i] = T(v)
	}
	return out
}

// run runs every program and compares its outputs; it returns the raw results.
func (r *randomCase) run(t *testing.T, bin, in, target string, env ...string) []byte {
	t.Helper()
	out := filepath.Join(filepath.Dir(in), "out.safetensors")
	got := runHarness(t, bin, in, out, target, env...)
	for i := len(r.want); i < len(r.progs); i++ {
		want, err := ir.Eval(r.feeds[i], r.progs[i].Roots()...)
		if err != nil {
			t.Fatal(err)
		}
		r.want = append(r.want, want)
	}
	for i, p := range r.progs {
		want := r.want[i]
		for k, o := range p.Outputs {
			x := got[r.names[i]+"/"+o.Name]
			if len(x) != len(want[k]) {
				t.Fatalf("%s: %s %s has %d elements, expected %d", target, r.names[i], o.Name, len(x), len(want[k]))
			}
			if j := progen.Differ(want[k], x, r.tol); j >= 0 {
				t.Errorf("%s: %s: %s %s, element %d: %v, expected %v (%s)", target, r.names[i], o.Name, o.Value.Type, j, x[j], want[k][j], o.Value.Op)
				break
			}
		}
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
