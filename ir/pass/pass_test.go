package pass

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"mspecc/internal/progen"
	"mspecc/ir"
)

var update = flag.Bool("update", false, "rewrite the expected programs in testdata")

// without lists the optional passes other than keep.
func without(keep ...string) []string {
	var names []string
	for _, p := range passes {
		if !p.required && !slices.Contains(keep, p.name) {
			names = append(names, p.name)
		}
	}
	return names
}

// TestOrder checks the list against the recorded constraints.
func TestOrder(t *testing.T) {
	place := map[string]int{}
	for i, p := range passes {
		if _, twice := place[p.name]; twice || p.doc == "" || p.run == nil {
			t.Errorf("pass %q is there twice or lacks something", p.name)
		}
		place[p.name] = i
	}
	for _, o := range order {
		before, ok1 := place[o.before]
		after, ok2 := place[o.after]
		if !ok1 || !ok2 || before >= after || o.why == "" {
			t.Errorf("%s must come before %s: %s", o.before, o.after, o.why)
		}
	}
	if len(List()) != len(passes) {
		t.Error("List is not the list")
	}
}

// TestExamples runs the passes on the programs in testdata. A file's first line names the
// pass, run alone; then follow the program before and after.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no examples", err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name, _, _ := strings.Cut(string(ar.Comment), "\n")
			i := slices.IndexFunc(passes, func(p pass) bool { return p.name == name })
			if i < 0 || len(ar.Files) != 2 {
				t.Fatalf("%s: the first line must name a pass, then come -- in -- and -- out --", file)
			}
			seen[name] = true
			p, err := ir.Parse(file, string(ar.Files[0].Data))
			if err != nil {
				t.Fatal(err)
			}
			before := *p
			passes[i].run(p, !passes[i].required)
			dce(p, false)
			if err := ir.Verify(p); err != nil {
				t.Fatal(err)
			}
			if passes[i].bf16 {
				packAll(&before)
			}
			if msg := progen.Compare(progen.Feeds(1, before.Live()), &before, p, 1e-12); msg != "" {
				t.Error(msg)
			}
			if *update {
				ar.Files[1].Data = []byte(p.String())
				if err := os.WriteFile(file, txtar.Format(ar), 0o666); err != nil {
					t.Fatal(err)
				}
			} else if got := p.String(); got != string(ar.Files[1].Data) {
				t.Errorf("got\n%s\nwant\n%s", got, ar.Files[1].Data)
			}
		})
	}
	for _, p := range passes {
		if !seen[p.name] {
			t.Errorf("pass %q has no example", p.name)
		}
	}
}

// TestRandomPrograms: no optional pass, all of them and each alone leave valid programs
// with the same numbers.
func TestRandomPrograms(t *testing.T) {
	variants := map[string][]string{"none": without(), "all": nil}
	for _, p := range passes {
		if !p.required {
			variants[p.name] = without(p.name)
		}
	}
	for _, seed := range progen.Seeds(t, 150) {
		p := progen.Program(seed)
		for name, disable := range variants {
			fault := func(p *Program) string { return faultOf(p, seed, disable) }
			if msg := fault(p); msg != "" {
				small := progen.Shrink(p, func(p *Program) bool { return fault(p) != "" })
				t.Fatalf("MSPECC_SEED=%d, passes: %s: %s\nin a smaller program:\n%s%s", seed, name, msg, small, fault(small))
			}
		}
	}
}

// faultOf runs the passes on a copy of p and says what is wrong with the result.
func faultOf(p *Program, seed uint64, disable []string) string {
	q := *p
	if err := Prepare(&q, Options{Disable: disable, Check: true}); err != nil {
		return err.Error()
	}
	if err := Run(&q, Options{Disable: disable, Check: true}); err != nil {
		return err.Error()
	}
	if msg := progen.Compare(progen.Feeds(seed, p.Live()), p, &q, 1e-8); msg != "" {
		return msg
	}
	return promises(&q)
}

// promises checks what the required passes guarantee to later stages.
func promises(p *Program) string {
	for i, v := range p.Live() {
		switch {
		case p.B.Values()[i] != v:
			return "there are values that no output needs"
		case v.Op == ir.OpStopGradient:
			return fmt.Sprintf("%s is still there", v)
		case v.Op == ir.OpSum || v.Op == ir.OpMax:
			axes := v.Attr.Axes
			if axes[len(axes)-1]-axes[0] != len(axes)-1 {
				return fmt.Sprintf("%s reduces axes that are not neighbours", v)
			}
		}
	}
	return ""
}

// TestNonFinite: on numbers among which there are zeros of both signs, infinities and NaN, no pass
// makes a number of what is none, and none of what is a number.
func TestNonFinite(t *testing.T) {
	for _, seed := range progen.Seeds(t, 400) {
		p := progen.Program(seed)
		fault := func(p *Program) string {
			feeds := progen.Feeds(seed, p.Live())
			progen.Sprinkle(seed, feeds, p.Live())
			q := *p
			if err := Run(&q, Options{}); err != nil {
				return err.Error()
			}
			return progen.CompareKinds(feeds, p, &q, 1e-8)
		}
		if msg := fault(p); msg != "" {
			small := progen.Shrink(p, func(p *Program) bool { return fault(p) != "" })
			t.Fatalf("MSPECC_SEED=%d: %s\nin a smaller program:\n%s%s", seed, msg, small, fault(small))
		}
	}
}

// packAll does what the pass bf16 does without looking through views.
func packAll(p *Program) {
	big := largeProducts(p)
	Rebuild(p, false, func(b *ir.Builder, v *ir.Value, to func(*ir.Value) *ir.Value) *ir.Value {
		if !big[v] {
			return nil
		}
		x, y := to(v.Args[0]), to(v.Args[1])
		return b.MatMul(b.Pack(x), pairing{b: b}.rows(b.Pack(y), y.Shape()[y.Rank()-1]))
	})
}

// TestBF16: on random programs, packing below views gives the same numbers as packing each
// operand by itself, bit for bit.
func TestBF16(t *testing.T) {
	packed := 0
	for _, seed := range progen.Seeds(t, 300) {
		p := progen.Program(seed)
		q := *p
		packAll(&q)
		if err := ir.Try(func() { bf16(p, false) }); err != nil {
			t.Fatal(err)
		}
		if err := ir.Verify(p); err != nil {
			t.Fatal(err)
		}
		if msg := progen.Compare(progen.Feeds(seed, p.Live()), &q, p, 0); msg != "" {
			t.Fatalf("MSPECC_SEED=%d: %s\n%s", seed, msg, p)
		}
		for _, v := range p.Live() {
			if v.Op == ir.OpPack {
				packed++
			}
		}
	}
	if packed < 100 && len(progen.Seeds(t, 300)) > 1 {
		t.Errorf("only %d values were packed", packed)
	}
}

// TestDeterministic: the same program gives the same text each time.
func TestDeterministic(t *testing.T) {
	for seed := range uint64(10) {
		var text string
		for i := range 3 {
			p := progen.Program(seed)
			if err := errors.Join(Prepare(p, Options{}), Run(p, Options{})); err != nil {
				t.Fatal(err)
			}
			if s := p.String(); i == 0 {
				text = s
			} else if s != text {
				t.Fatalf("seed %d: two results", seed)
			}
		}
	}
}

func TestOptions(t *testing.T) {
	for _, name := range []string{"dce", "nonsense"} {
		err := Run(progen.Program(0), Options{Disable: []string{name}})
		if err == nil || !strings.Contains(err.Error(), "these can: rows, simplify") {
			t.Errorf("disabling %s: %v", name, err)
		}
	}
	var stages []string
	fired := 0
	o := Options{
		Disable: []string{"hoist"},
		Observe: func(stage string, _ *Program) { stages = append(stages, stage) },
		Fired:   func(string, int, int) { fired++ },
	}
	p := progen.Program(0)
	err := errors.Join(Prepare(p, o), Run(p, o))
	// All passes but hoist and bf16 fire.
	if err != nil || !slices.Equal(stages[:4], []string{"elaborated", "rows", "input", "erase-stop-gradient"}) ||
		len(stages) != len(passes) || slices.Contains(stages, "hoist") || fired != len(passes)-2 {
		t.Errorf("stages %v, %d times, %v", stages, fired, err)
	}
	p = progen.Program(0)
	p.Outputs[0].Name = p.Outputs[1].Name
	if err := Run(p, Options{Check: true}); err == nil || !strings.Contains(err.Error(), `after pass "input"`) {
		t.Errorf("an invalid program: %v", err)
	}
}

// TestFlops counts a product and its second-order relatives by phase.
func TestFlops(t *testing.T) {
	b := ir.NewBuilder()
	x, w := b.Input("x", ir.F32, []int{4, 8}), b.Input("w", ir.F32, []int{8, 2})
	y := b.MatMul(x, w)
	b.Phase = ir.Backward
	b.Grad(b.Sum(b.Binary(ir.Mul, y, y), 0, 1), x, w)
	f := ir.Flops(b.Values())
	if f[ir.Forward] != 2*4*8*2 || f[ir.Backward] != 2*2*4*8*2 {
		t.Errorf("flops %v", f)
	}
}

// TestMarkInner: marked before the outer gradient, what differentiates the inner forward
// pass counts as second order, and only that beside the derivative of the inner gradient.
func TestMarkInner(t *testing.T) {
	b := ir.NewBuilder()
	x, w, u := b.Input("x", ir.F32, []int{4, 4}), b.Param("w", []int{4, 4}, ir.Init{}), b.Param("u", []int{4, 4}, ir.Init{})
	square := func(v *ir.Value) *ir.Value { return b.Sum(b.Binary(ir.Mul, v, v), 0, 1) }
	z := b.MatMul(x, w)                                    // the encoder
	step := b.Grad(square(b.MatMul(b.MatMul(z, u), u)), z) // the inner loss
	loss := square(b.MatMul(b.Binary(ir.Sub, z, step[0]), u))
	ir.MarkInner([]*ir.Value{loss})
	b.Phase = ir.Backward
	grads := b.Grad(loss, w, u)
	const product = 2 * 4 * 4 * 4
	f := ir.Flops(ir.Reachable(append(grads, loss)))
	if want := [ir.Phases]int64{2 * product, 4 * product, 8 * product, 3 * product}; f != want {
		t.Errorf("flops by phase %v, want %v", f, want)
	}
}
