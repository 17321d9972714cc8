package ir

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mspecc/spec"
)

// source is a seeded generator, so that a failure repeats.
func source(seed string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(seed))
	return rand.New(rand.NewPCG(h.Sum64(), 1))
}

// draw fills an input of a sample; the first word of its name is the set of numbers:
// real, positive and nonzero (magnitudes in [0.3, 2]), noninteger (away from integers),
// distinct (differences above 0.01), fixed (not differentiated), index N (i32 in [0, N)).
func draw(t *testing.T, v *Value, r *rand.Rand) []float64 {
	t.Helper()
	x := make([]float64, v.Len())
	words := strings.Fields(v.Attr.Name)
	var one func(i int) float64
	switch words[0] {
	case "real", "fixed":
		one = func(int) float64 { return r.NormFloat64() }
	case "positive":
		one = func(int) float64 { return 0.3 + 1.7*r.Float64() }
	case "nonzero":
		one = func(int) float64 { return (0.3 + 1.7*r.Float64()) * float64(1-2*r.IntN(2)) }
	case "noninteger":
		one = func(int) float64 { return float64(r.IntN(7)-3) + 0.2 + 0.6*r.Float64() }
	case "distinct":
		perm := r.Perm(len(x))
		one = func(i int) float64 { return (float64(perm[i]) + 0.5*r.Float64()) * 0.1 }
	case "index":
		n, err := strconv.Atoi(strings.TrimRight(words[1], "abcdefghijklmnopqrstuvwxyz"))
		if err != nil {
			t.Fatalf("input %q: the second word must be a number", v.Attr.Name)
		}
		one = func(int) float64 { return float64(r.IntN(n)) }
	default:
		t.Fatalf("input %q: unknown set %q", v.Attr.Name, words[0])
	}
	for i := range x {
		x[i] = one(i)
	}
	return x
}

// gradCheck holds one function under test: its inputs and their values.
type gradCheck struct {
	t     *testing.T
	b     *Builder
	r     *rand.Rand
	feeds map[string][]float64
}

// check compares the derivative of the scalar f along a random direction of wrt by
// central differences with the one from Grad; then each gradient in turn, paired with a
// cotangent that is one more input, up to the given order.
func (c *gradCheck) check(f *Value, wrt []*Value, order int, path string) {
	c.t.Helper()
	dir := make([][]float64, len(wrt))
	for i, w := range wrt {
		dir[i] = make([]float64, w.Len())
		for j := range dir[i] {
			dir[i][j] = c.r.NormFloat64()
		}
	}
	at := func(h float64) float64 {
		moved := map[string][]float64{}
		for k, x := range c.feeds {
			moved[k] = x
		}
		for i, w := range wrt {
			x := slices.Clone(c.feeds[w.Attr.Name])
			for j := range x {
				x[j] += h * dir[i][j]
			}
			moved[w.Attr.Name] = x
		}
		return c.eval(moved, f)[0][0]
	}
	const h = 1e-4 // with the error of order h^4 below
	numeric := (8*(at(h)-at(-h)) - (at(2*h) - at(-2*h))) / (12 * h)
	grads := c.b.Grad(f, wrt...)
	analytic := 0.0
	for i, g := range c.eval(c.feeds, grads...) {
		for j, x := range g {
			analytic += x * dir[i][j]
		}
	}
	if !(math.Abs(numeric-analytic) <= 1e-6*(1+math.Abs(numeric))) {
		c.t.Errorf("%s: numeric %.10g, analytic %.10g", path, numeric, analytic)
	}
	if order <= 1 {
		return
	}
	for i, g := range grads {
		name := fmt.Sprintf("%s/%s", path, wrt[i].Attr.Name)
		f, seed := c.pair(g, "real seed "+name)
		c.check(f, append(slices.Clone(wrt), seed), order-1, name)
	}
}

// pair is the sum of v times a new input.
func (c *gradCheck) pair(v *Value, name string) (f, seed *Value) {
	seed = c.b.Input(name, F32, v.Shape())
	c.feeds[name] = draw(c.t, seed, c.r)
	axes := make([]int, v.Rank())
	for i := range axes {
		axes[i] = i
	}
	return c.b.Sum(c.b.mul(v, seed), axes...), seed
}

func (c *gradCheck) eval(feeds map[string][]float64, want ...*Value) [][]float64 {
	c.t.Helper()
	out, err := Eval(feeds, want...)
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

// newCheck draws numbers for the inputs of v.
func newCheck(t *testing.T, b *Builder, v *Value) (*gradCheck, []*Value) {
	c := &gradCheck{t, b, source(t.Name()), map[string][]float64{}}
	var wrt []*Value
	for _, x := range Reachable([]*Value{v}) {
		if x.Op == OpInput {
			c.feeds[x.Attr.Name] = draw(t, x, c.r)
			if x.Type.DType == F32 && !strings.HasPrefix(x.Attr.Name, "fixed") {
				wrt = append(wrt, x)
			}
		}
	}
	return c, wrt
}

// TestGradients checks every operation of the table to third order.
func TestGradients(t *testing.T) {
	for _, fold := range []bool{false, true} {
		t.Run(fmt.Sprintf("fold=%v", fold), func(t *testing.T) {
			for _, op := range Ops() {
				for i := range op.Info().samples(NewBuilder()) {
					t.Run(fmt.Sprintf("%s/%d", op, i), func(t *testing.T) {
						b := NewBuilder()
						b.Fold = fold
						v := op.Info().samples(b)[i]
						c, wrt := newCheck(t, b, v)
						if v.Type.DType != F32 || op == OpStopGradient {
							return // no gradient; TestStopGradient has the other
						}
						f, seed := c.pair(v, "real seed")
						c.check(f, append(wrt, seed), 3, op.String())
					})
				}
			}
		})
	}
}

// TestComposedGradients checks operations over squares of their arguments, where an
// operation whose gradient forgets that it depends on them has a wrong second derivative.
func TestComposedGradients(t *testing.T) {
	for _, op := range Ops() {
		for i, v := range op.Info().samples(NewBuilder()) {
			if v.Type.DType != F32 || op == OpStopGradient {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d", op, i), func(t *testing.T) {
				b := NewBuilder()
				v := squared(b, op.Info().samples(NewBuilder())[i])
				c, wrt := newCheck(t, b, v)
				f, seed := c.pair(b.mul(v, v), "real seed")
				c.check(f, append(wrt, seed), 2, op.String())
			})
		}
	}
}

// squared rebuilds v in b with x*|x| for each f32 input x, which keeps the sets of draw
// but for noninteger.
func squared(b *Builder, v *Value) *Value {
	to := map[*Value]*Value{}
	for _, x := range Reachable([]*Value{v}) {
		args := make([]*Value, len(x.Args))
		for i, a := range x.Args {
			args[i] = to[a]
		}
		y := b.Copy(x, args)
		if x.Op == OpInput && x.Type.DType == F32 && x.Attr.Name != "noninteger" {
			y = b.mul(y, b.Unary(Abs, y))
		}
		to[x] = y
	}
	return to[v]
}

// TestTable walks the table: every operation says everything about itself.
func TestTable(t *testing.T) {
	names := map[string]bool{}
	for _, op := range Ops() {
		in := op.Info()
		chosen := in.Class == Leaf || op == OpReshape || op == OpBroadcast // these carry their type
		fed := op == OpParam || op == OpInput || op == OpUniform
		for what, ok := range map[string]bool{
			"the entry of its number": in.Op == op,
			"a name of its own":       in.Name != "" && !names[in.Name],
			"a doc line":              in.Doc != "" && !strings.Contains(in.Doc, "\n"),
			"infer":                   (in.infer != nil) != chosen,
			"eval":                    (in.eval != nil) != fed,
			"samples":                 in.samples != nil && (in.Class == Leaf || len(in.samples(NewBuilder())) > 0),
			"vjp, NoVJP or a documented zero gradient": in.Class == Leaf || in.vjp != nil || in.NoVJP != "" || strings.Contains(in.Doc, "gradient"),
		} {
			if !ok {
				t.Errorf("%s lacks %s", op, what)
			}
		}
		names[in.Name] = true
	}
}

// TestErrors feeds every operation wrong arguments; it must say so with an *Error.
func TestErrors(t *testing.T) {
	odd := func(b *Builder) []*Value {
		return []*Value{b.Input("f", F32, []int{2, 3}), b.Input("g", F32, []int{5}), b.Input("i", I32, []int{2, 3}), b.Input("s", F32, nil), b.Input("e", F32, []int{0, 3})}
	}
	r := source("errors")
	for _, op := range Ops() {
		if op.Class() == Leaf || op == OpReshape || op == OpBroadcast {
			continue
		}
		for range 200 {
			b := NewBuilder()
			pool := odd(b)
			args := make([]*Value, r.IntN(4))
			for i := range args {
				args[i] = pool[r.IntN(len(pool))]
			}
			ints := func() []int {
				s := make([]int, r.IntN(4))
				for i := range s {
					s[i] = r.IntN(5) - 1
				}
				return s
			}
			attr := Attr{Axes: ints(), Lo: ints(), Hi: ints(), Step: ints(), Axis: r.IntN(5) - 1, Batch: r.IntN(4) - 1, Rows: r.IntN(4)}
			if err := Try(func() { b.Apply(op, attr, args...) }); err != nil && (err.Op != op.String() || err.Msg == "") {
				t.Errorf("%s: %v", op, err)
			}
		}
	}
}

func TestPositions(t *testing.T) {
	b := NewBuilder()
	x := b.Input("x", F32, nil)
	b.Pos, b.Label = spec.Pos{File: "a.mspec", Line: 3, Col: 4}, "head"
	y := b.mul(x, x)
	b.Pos, b.Label, b.Phase = spec.Pos{}, "", Backward
	g := b.Grad(y, x)[0]
	if g.Pos.Line != 3 || g.Label != "head" || g.Phase != Backward {
		t.Errorf("the cotangent is %s, not at its value's position", g)
	}
	if b.Pos.Line != 0 || b.Label != "" || b.Phase != Backward {
		t.Error("Grad moved the builder's position")
	}
}
