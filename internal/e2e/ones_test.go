package e2e

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mspecc/codegen"
	"mspecc/ir"
	"mspecc/ir/elab"
	"mspecc/spec"
)

// onesTolerance is of an output's largest magnitude, or of 1.
const onesTolerance = 1e-4

// TestOnes: every family of kernels, in every choice of extents of 1, and each extent of 0 where the
// program is one, builds and gives what the interpreter gives on every target.
func TestOnes(t *testing.T) {
	c := onesCases(t)
	dir := t.TempDir()
	mod, err := codegen.Compile(c.model, codegen.Options{Targets: compiled()})
	if err != nil {
		t.Fatal(err)
	}
	harness := strings.ReplaceAll(randomHarness, "p.Features", "p.Replay")
	bin := buildModule(t, mod, dir, harness)
	in := c.writeFeeds(t, dir)
	for _, target := range targets(t, "f32") {
		c.run(t, bin, in, target, "MSPECC_CASE_THREADS=2")
	}

	// An index that is known at run time only and out of range is refused, with the line that uses it.
	one := slices.Index(c.names, "rows_2_3_5_4")
	for stream, line := range map[string]string{"pick": "gather (ones.mspec:96): index 3 at position ", "put": " (ones.mspec:98): index 3 at position "} {
		c.feeds[one][stream][1] = 1
		in := c.writeFeeds(t, dir)
		c.feeds[one][stream][1] = 0
		for _, target := range targets(t, "f32") {
			cmd := exec.Command(bin)
			cmd.Env = environ(target, "MSPECC_CASE_IN="+in, "MSPECC_CASE_OUT="+filepath.Join(dir, "none"))
			if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), line) {
				t.Errorf("%s, %s: %v\n%s", stream, target, err, out)
			}
		}
	}
}

var onesPrograms = []string{"conv", "depthwise", "block", "tokens", "rows", "products", "reductions", "views"}

// onesCases are the programs of testdata/ones.mspec with their gradients, as variants of one model.
func onesCases(t *testing.T) *randomCase {
	t.Helper()
	r := &randomCase{tol: onesTolerance, model: &elab.Model{Name: "ones", File: "ones.mspec", Digest: strings.Repeat("0", 64)}}
	full := [4]int{2, 3, 5, 4}
	for _, program := range onesPrograms {
		for choice := range 1 << len(full) {
			extents := full
			for i := range extents {
				if choice>>i&1 == 1 {
					extents[i] = 1
				}
			}
			if n := bits.OnesCount(uint(choice)); n != 2 && !r.addOnes(t, program, extents) {
				t.Errorf("%s of %v is refused", program, extents)
			}
		}
	}
	for _, extents := range [][4]int{{0, 3, 5, 4}, {2, 0, 5, 4}, {2, 3, 0, 4}, {2, 3, 5, 0}, {0, 0, 0, 0}, {1, 1, 1, 0}} {
		if !r.addOnes(t, "empty", extents) {
			t.Errorf("empty of %v is refused", extents)
		}
	}
	return r
}

// addOnes adds a program with its gradients; false where it is refused.
func (r *randomCase) addOnes(t *testing.T, program string, extents [4]int) bool {
	t.Helper()
	// The batch says along which axis chains of launches are cut.
	opt := elab.Options{Set: []string{"program=" + strconv.Quote(program), fmt.Sprint("batch=", max(1, extents[0]))}}
	name := program
	for i, n := range extents {
		opt.Set = append(opt.Set, fmt.Sprintf("%c=%d", 'a'+i, n))
		name += fmt.Sprint("_", n)
	}
	m, diags := elab.Load("testdata/ones.mspec", opt)
	if m == nil {
		var s strings.Builder
		spec.Render(&s, diags, nil)
		t.Log(name, s.String())
		return false
	}
	v := m.Variants[0]
	v.Modality.Name = name
	f := v.Replay
	v.Objective = nil // the same with an optimiser
	p := &ir.Program{B: f.B, Outputs: []ir.Output{{Name: "loss", Value: f.Outputs[0].Value}}}
	for i, g := range f.B.Grad(f.Outputs[0].Value, f.Params...) {
		p.Outputs = append(p.Outputs, ir.Output{Name: "grad." + f.Params[i].Attr.Name, Value: g})
	}
	r.model.Variants = append(r.model.Variants, v)
	r.names, r.drawn, r.progs = append(r.names, name), append(r.drawn, p), append(r.progs, p)
	feeds := map[string][]float64{}
	for _, x := range p.Live() {
		if x.Op != ir.OpParam && x.Op != ir.OpUniform {
			continue
		}
		list := make([]float64, x.Len())
		rnd := rand.New(rand.NewPCG(uint64(len(x.Attr.Name)), uint64(x.Len())))
		for i := range list {
			list[i] = math.Floor(rnd.Float64()*1024) / 1024
			if x.Op == ir.OpParam {
				list[i] = math.Copysign(list[i]/2+0.5, list[i]-0.5)
			}
		}
		feeds[x.Attr.Name] = list
	}
	r.feeds = append(r.feeds, feeds)
	return true
}
