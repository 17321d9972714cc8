package e2e

import (
	_ "embed"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mspecc/codegen"
	"mspecc/internal/refcase"
	"mspecc/ir"
	"mspecc/ir/build"
	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/spec"
)

//go:embed testdata/features.go.txt
var featuresHarness string

// TestFeatures: features in batches of other sizes are the features, and the pullback is
// the gradient that the float64 interpreter computes, for each kind of input and on both
// kinds of kernels.
func TestFeatures(t *testing.T) {
	dir, err := refcase.Dir()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"series_small", "image_small", "tokens_small"} {
		t.Run(name, func(t *testing.T) {
			c, err := refcase.Load(filepath.Join(dir, name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			c.Batch = 40 // more than the pullback takes at once, and no multiple of it
			f := newFeatureCase(t, c)
			if runtime.HasAVX512() {
				one := f.check(t, "avx512", "GODEBUG=", "MSPECC_CASE_THREADS=1")
				three := f.check(t, "avx512", "GODEBUG=", "MSPECC_CASE_THREADS=3")
				if string(one) != string(three) {
					t.Error("3 threads give other bits than 1")
				}
			}
			f.check(t, "portable", "GODEBUG=cpu.avx512f=off", "MSPECC_CASE_THREADS=2")
		})
	}
}

// featureCase is a trainer with the interpreter's results for one batch.
type featureCase struct {
	bin, in  string
	batch    int
	features []float64            // [B, D]
	grads    map[string][]float64 // of the first pullbackBatch examples
}

// pullbackBatch is what codegen compiles the pullback for.
const pullbackBatch = 32

func newFeatureCase(t *testing.T, c *refcase.Case) *featureCase {
	dir := t.TempDir()
	text, sets, err := c.SpecFor()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "case.mspec")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	m, diags := build.Load(file, build.Options{Set: sets, Modalities: []string{c.Name}})
	if spec.HasErrors(diags) {
		t.Fatal(diags)
	}
	f := &featureCase{batch: c.Batch}
	f.inputs(t, c, m.Variants[0], dir)
	mod, err := codegen.Compile(m, codegen.Options{Target: "auto"})
	if err != nil {
		t.Fatal(err)
	}
	f.bin = buildModule(t, mod, dir, strings.ReplaceAll(featuresHarness, "PROGRAM", c.Name+"Program"))
	return f
}

// inputs writes parameters, batch and cotangent, and evaluates the graph in float64.
func (f *featureCase) inputs(t *testing.T, c *refcase.Case, v *build.Variant, dir string) {
	feeds, file := map[string][]float64{}, &ckpt.File{}
	add := func(name, feed string, shape []int, x []float64) {
		feeds[feed] = x
		file.Tensors = append(file.Tensors, ckpt.Floats(name, shape, convert[float32](x)))
	}
	for _, p := range c.Params() {
		x := convert[float64](convert[float32](c.Values(p)))
		add("param."+p.Name, p.Name, p.Shape, x)
	}
	fn, err := v.FeaturesAt(pullbackBatch)
	if err != nil {
		t.Fatal(err)
	}
	width := fn.Outputs[0].Value.Shape()[1]
	add("cotangent", "cotangent", []int{c.Batch, width}, refcase.Uniform("cotangent", c.Batch*width))
	b := c.Step(0)
	if b.Tokens != nil {
		for _, tok := range b.Tokens {
			feeds["x"] = append(feeds["x"], float64(tok))
		}
		file.Tensors = append(file.Tensors, ckpt.Ints("x", []int{c.Batch, c.Tokens()}, b.Tokens))
	} else {
		add("x", "x", append([]int{c.Batch}, c.Input.Shape...), convert[float64](convert[float32](b.X)))
	}
	f.in = filepath.Join(dir, "in.safetensors")
	if err := file.WriteFile(f.in); err != nil {
		t.Fatal(err)
	}
	f.features = evaluate(t, feeds, v.Features.Outputs[0].Value)[0]
	for _, name := range []string{"x", "cotangent"} {
		feeds[name] = feeds[name][:len(feeds[name])/c.Batch*pullbackBatch]
	}
	features := fn.Outputs[0].Value
	loss := fn.B.Sum(fn.B.Binary(ir.Mul, features, fn.B.Input("cotangent", ir.F32, features.Shape())), 0, 1)
	f.grads = map[string][]float64{}
	for i, g := range evaluate(t, feeds, fn.B.Grad(loss, fn.Params...)...) {
		f.grads[fn.Params[i].Attr.Name] = g
	}
}

func evaluate(t *testing.T, feeds map[string][]float64, want ...*ir.Value) [][]float64 {
	t.Helper()
	got, err := ir.Eval(feeds, want...)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// check runs the trainer and compares; it returns the raw results.
func (f *featureCase) check(t *testing.T, target string, env ...string) []byte {
	t.Helper()
	out := filepath.Join(filepath.Dir(f.in), "out.safetensors")
	got := runHarness(t, f.bin, f.in, out, target, env...)
	width := len(f.features) / f.batch
	full := got["full0.features"]
	if e := distance(full, f.features); !(e <= 1e-5) {
		t.Errorf("%s: the features are off by %.2g of their norm", target, e)
	}
	for _, n := range []int{1, 8} {
		for first := 0; first+n <= f.batch; first += n {
			small := got[fmt.Sprintf("small%d.%d.features", n, first)]
			if e := distance(small, full[first*width:(first+n)*width]); !(e <= 1e-6) {
				t.Fatalf("%s: in batches of %d, the features from example %d on are off by %.2g of their norm", target, n, first, e)
			}
		}
	}
	touched := 0
	for name, want := range f.grads {
		g, ok := got["grad."+name]
		if zero := norm(want) == 0; zero == ok {
			t.Errorf("%s: %s has a gradient: %v, it should have: %v", target, name, ok, !zero)
		}
		if !ok {
			continue
		}
		touched++
		if e := distance(g, want); !(e <= 1e-4) {
			t.Errorf("%s: the pullback to %s is off by %.2g of its norm", target, name, e)
		}
	}
	if touched < 20 {
		t.Errorf("%s: only %d parameters have a pullback", target, touched)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func norm(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v * v
	}
	return math.Sqrt(s)
}

// distance is |got - want| / |want|, infinite where the lengths differ.
func distance(got, want []float64) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	d := make([]float64, len(want))
	for i, w := range want {
		d[i] = got[i] - w
	}
	return norm(d) / norm(want)
}
