package codegen_test

import (
	"bytes"
	"flag"
	"math"
	"os"
	"strings"
	"testing"

	"mspecc/codegen"
	"mspecc/codegen/fuse"
	"mspecc/ir"
	"mspecc/ir/elab"
	"mspecc/kernels/gen"
	"mspecc/spec"
)

var update = flag.Bool("update", false, "rewrite testdata/small.explain")

func compile(t testing.TB, file string, opt elab.Options) *codegen.Module {
	t.Helper()
	m, diags := elab.Load(file, opt)
	if m == nil {
		var s strings.Builder
		spec.Render(&s, diags, nil)
		t.Fatal(s.String())
	}
	mod, err := codegen.Compile(m, codegen.Options{Targets: gen.Targets})
	if err != nil {
		t.Fatal(err)
	}
	return mod
}

// paper are the four configurations of the paper's network that performance is judged by,
// with the matrix work of one exact second-order step in GFLOP: that of a framework, less the
// rows that are equal for all examples (first decoder block) and those that nobody reads (last).
var paper = []struct {
	modality string
	settings []string
	gflop    float64
}{
	{"pamap2", []string{"batch=256", "mask_ratio=0.85"}, 280.1},
	{"imagenet32", []string{"batch=64", "mask_ratio=0.75"}, 85.7},
	{"higgs", []string{"batch=256", "mask_ratio=0.5"}, 220.9},
	{"genomics", []string{"batch=32", "mask_ratio=0.5"}, 295.9},
}

// maxInstructions bounds a kernel: longer ones crowd the instruction cache and take long
// to assemble.
const maxInstructions = 1500

// TestPaperConfigurations: the compiled step does the work that the mathematics asks for
// and not more, in kernels of bounded length.
func TestPaperConfigurations(t *testing.T) {
	for _, c := range paper {
		t.Run(c.modality, func(t *testing.T) {
			mod := compile(t, "../examples/metamae.mspec", elab.Options{Modalities: []string{c.modality}, Set: append(c.settings, "dropout=0.0")}).Targets[0]
			r := mod.Explain(mod.Programs[0], mod.Programs[0].Functions[0], codegen.TwoCores)
			flop, again := 0, 0
			for _, p := range r.Phases {
				flop += p.MatrixFlops
				if p.Phase == ir.Recompute.String() {
					again = p.MatrixFlops
				}
			}
			if got := float64(flop-again) / 1e9; !(math.Abs(got-c.gflop) <= 0.005*c.gflop) {
				t.Errorf("%.1f GFLOP of matrix work, expected %g", got, c.gflop)
			}
			if share := float64(again) / float64(flop); share > 0.03 {
				t.Errorf("%.1f %% of the matrix work is done a second time, where only what is cheap may be", 100*share)
			}
			checkUpdate(t, mod.Programs[0])
			byPhase, byKernel := 0.0, 0.0
			for _, p := range r.Phases {
				byPhase += p.Predicted
			}
			for _, k := range r.Kernels {
				byKernel += k.Predicted
			}
			if least := float64(flop) / codegen.TwoCores.FLOPs; byKernel < least || !(math.Abs(byPhase-byKernel) <= 1e-9*byKernel) {
				t.Errorf("predicted are %g s by phase and %g s by kernel; the products alone take %g s", byPhase, byKernel, least)
			}
			longest := 0
			for _, k := range mod.Kernels {
				n := k.Instructions()
				longest = max(longest, n)
				if n > maxInstructions {
					t.Errorf("%s has %d instructions, at most %d are good: %s", k.Name, n, maxInstructions, k.Doc)
				}
			}
			t.Logf("%.1f GFLOP, %d kernels, the longest of %d instructions", float64(flop)/1e9, len(mod.Kernels), longest)
		})
	}
}

// checkUpdate holds what a trainer relies on that leaves a step in its midst: only the launches of the optimiser, the last
// ones, change parameters and what the optimiser keeps.
func checkUpdate(t *testing.T, p *codegen.Program) {
	t.Helper()
	changes, updates := 0, false
	for _, c := range p.Functions[0].Calls {
		update := false
		for _, k := range c.Launch.Kernels() {
			update = update || k.Main().Phase == ir.Optimiser
		}
		if updates && !update {
			t.Errorf("%s runs behind the optimiser", c.Launch)
		}
		updates = updates || update
		for _, o := range c.Launch.Operands {
			if !o.Write || o.Buf.Class != fuse.State || o.Buf.Offset >= p.Region*(1+len(p.State)) {
				continue
			}
			if changes++; !update {
				t.Errorf("%s changes %s and is not the optimiser's", c.Launch, o.Buf.Name)
			}
		}
	}
	if changes == 0 {
		t.Error("no launch changes a parameter")
	}
}

// TestDeterminism: the same spec gives the same bytes.
func TestDeterminism(t *testing.T) {
	for file, modality := range map[string][]string{"../examples/metamae.mspec": {"fashion"}, "testdata/small.mspec": nil} {
		var first map[string][]byte
		for range 2 {
			files, err := compile(t, file, elab.Options{Modalities: modality}).Files()
			if err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = files
				continue
			}
			if len(files) != len(first) {
				t.Errorf("%s: %d files, then %d", file, len(first), len(files))
			}
			for name, data := range files {
				if !bytes.Equal(data, first[name]) {
					t.Errorf("%s: %s differs the second time", file, name)
				}
			}
		}
	}
}

// TestExplain compares the report on a small model with testdata/small.explain.
func TestExplain(t *testing.T) {
	mod := compile(t, "testdata/small.mspec", elab.Options{}).Targets[0]
	var got bytes.Buffer
	for _, fn := range mod.Programs[0].Functions {
		mod.Explain(mod.Programs[0], fn, codegen.TwoCores).Write(&got, fn.Name == "Step")
	}
	const golden = "testdata/small.explain"
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("got\n%s\nwant (go test -update rewrites it)\n%s", got.Bytes(), want)
	}
}

// TestExplainAddsUp: phases, kernels and launches tell of the same work.
func TestExplainAddsUp(t *testing.T) {
	mod := compile(t, "../examples/metamae.mspec", elab.Options{Modalities: []string{"sensor"}, Set: []string{"enc_layers=1", "dec_layers=1"}}).Targets[0]
	for _, fn := range mod.Programs[0].Functions {
		r := mod.Explain(mod.Programs[0], fn, codegen.TwoCores)
		var phases, kernels, calls [3]int
		for _, p := range r.Phases {
			phases[0] += p.Launches
			phases[1] += p.MatrixFlops + p.OtherFlops
			phases[2] += p.Bytes
		}
		for _, k := range r.Kernels {
			kernels[0] += k.Launches
			kernels[1] += k.Flops
			kernels[2] += k.Bytes
		}
		for _, c := range r.Calls {
			calls[0]++
			calls[1] += c.Flops
			calls[2] += c.Bytes
		}
		if phases[1] != kernels[1] || phases[2] != kernels[2] || phases[1] != calls[1] || phases[2] != calls[2] || calls[0] != r.Launches {
			t.Errorf("%s: phases %v, kernels %v, launches %v of %d", fn.Name, phases, kernels, calls, r.Launches)
		}
		m := r.Memory
		if m.Total != m.Parameters+m.Optimiser+m.Gradients+m.Constants+m.Temporary {
			t.Errorf("%s: memory %+v does not add up", fn.Name, m)
		}
	}
}
