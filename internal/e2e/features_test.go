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
	"mspecc/ir/elab"
	"mspecc/runtime/ckpt"
	"mspecc/spec"
)

//go:embed testdata/features.go.txt
var featuresHarness string

// TestFeatures: features in batches of other sizes are the features, and the pullback is
// the gradient that the float64 interpreter computes, for each kind of input, for features
// that hold a gradient themselves, and on both kinds of kernels.
func TestFeatures(t *testing.T) {
	const batch = 40 // more than the pullback takes at once, and no multiple of it
	for _, name := range []string{"series_small", "image_small", "tokens_small", "dynamic"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file, sets := filepath.Join("..", "..", "codegen", "onnx", "testdata", "dynamic.mspec"), []string{fmt.Sprint("batch=", batch)}
			if name != "dynamic" {
				c, err := refcase.Get(name)
				if err != nil {
					t.Fatal(err)
				}
				c.Batch = batch
				var text string
				if text, sets, err = c.SpecFor(); err != nil {
					t.Fatal(err)
				}
				file = filepath.Join(dir, "case.mspec")
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			m, diags := elab.Load(file, elab.Options{Set: sets})
			if spec.HasErrors(diags) {
				t.Fatal(diags)
			}
			f := newFeatureCase(t, m, dir)
			f.counted = name == "dynamic"
			for _, target := range targets(t, "f32") {
				others := [][]string{threads("3")}
				if target == "portable" {
					others = nil
				}
				sameBits(t, target, func(env ...string) []byte { return f.check(t, target, env...) }, others...)
			}
		})
	}
}

// featureCase is a trainer with the interpreter's results for one batch.
type featureCase struct {
	bin, in  string
	batch    int
	counted  bool                 // the features depend on the place in the batch
	features []float64            // [B, D]
	grads    map[string][]float64 // of the first pullbackBatch examples
}

// pullbackBatch is what codegen compiles the pullback for.
const pullbackBatch = 32

func newFeatureCase(t *testing.T, m *elab.Model, dir string) *featureCase {
	v := m.Variants[0]
	f := &featureCase{batch: v.Batch}
	f.inputs(t, v, dir)
	mod, err := codegen.Compile(m, codegen.Options{Targets: compiled()})
	if err != nil {
		t.Fatal(err)
	}
	f.bin = buildModule(t, mod, dir, featuresHarness)
	return f
}

// inputs writes parameters, batch and cotangent, and evaluates the graph in float64.
func (f *featureCase) inputs(t *testing.T, v *elab.Variant, dir string) {
	feeds, file := map[string][]float64{}, &ckpt.File{}
	add := func(name, feed string, shape []int, scale, shift float64) {
		x := make([]float32, 0, 1)
		for _, u := range refcase.Uniform("features/"+name, size(shape)) {
			x = append(x, float32(scale*(2*u-1)+shift))
		}
		feeds[feed] = convert[float64](x)
		file.Tensors = append(file.Tensors, ckpt.Floats(name, shape, x))
	}
	for _, p := range v.Params {
		shift := 0.0
		if strings.Contains(p.Attr.Name, "norm") && strings.HasSuffix(p.Attr.Name, "weight") {
			shift = 1
		}
		add("param."+p.Attr.Name, p.Attr.Name, p.Shape(), 0.3, shift)
	}
	fn, err := v.FeaturesAt(pullbackBatch)
	if err != nil {
		t.Fatal(err)
	}
	pulled := map[string]*ir.Value{"cotangent": fn.Outputs[0].Value}
	for _, o := range fn.Outputs[1:] {
		if o.Name == "tokens" {
			pulled["cotangent.tokens"] = o.Value
		}
	}
	for name, v := range pulled {
		add(name, name, append([]int{f.batch}, v.Shape()[1:]...), 1, 0)
	}
	shape := append([]int{f.batch}, v.Modality.Inputs[0].Type.Shape...)
	if v.Modality.Inputs[0].Vocab > 0 {
		tokens := make([]int32, size(shape))
		for i, u := range refcase.Uniform("features/x", len(tokens)) {
			tokens[i] = int32(u * float64(v.Modality.Inputs[0].Vocab))
			feeds["x"] = append(feeds["x"], float64(tokens[i]))
		}
		file.Tensors = append(file.Tensors, ckpt.Ints("x", shape, tokens))
	} else {
		add("x", "x", shape, 1.7, 0)
	}
	f.in = filepath.Join(dir, "in.safetensors")
	if err := file.WriteFile(f.in); err != nil {
		t.Fatal(err)
	}
	f.features = evaluate(t, feeds, v.Features.Outputs[0].Value)[0]
	feeds["x"] = feeds["x"][:len(feeds["x"])/f.batch*pullbackBatch]
	loss := fn.B.Const(0)
	for name, v := range pulled {
		feeds[name] = feeds[name][:len(feeds[name])/f.batch*pullbackBatch]
		part := fn.B.Binary(ir.Mul, v, fn.B.Input(name, ir.F32, v.Shape()))
		loss = fn.B.Binary(ir.Add, loss, fn.B.Sum(part, []int{0, 1, 2}[:len(v.Shape())]...))
	}
	f.grads = map[string][]float64{}
	for i, g := range evaluate(t, feeds, fn.B.Grad(loss, fn.Params...)...) {
		f.grads[fn.Params[i].Attr.Name] = g
	}
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
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
		for first := 0; first+n <= f.batch && !f.counted; first += n {
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
	if touched == 0 {
		t.Errorf("%s: no parameter has a pullback", target)
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
