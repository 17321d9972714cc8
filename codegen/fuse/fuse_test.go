package fuse_test

import (
	"fmt"
	"math"
	"math/rand"
	"slices"
	"strconv"
	"testing"

	"mspecc/codegen/fuse"
	"mspecc/codegen/plan"
	"mspecc/internal/simulate"
	"mspecc/ir"
	"mspecc/ir/pass"
	"mspecc/kernels"
)

// model is a transformer block with everything that MetaMAE's gradient meets: layer norm,
// attention over slices of one product, GELU, a masked loss, an inner gradient step.
type model struct {
	b      *ir.Builder
	params []*ir.Value
}

func (m *model) param(name string, shape ...int) *ir.Value {
	p := m.b.Param(name, shape, ir.Init{Kind: "normal", B: 0.3})
	for _, q := range m.params {
		if q == p {
			return p
		}
	}
	m.params = append(m.params, p)
	return p
}

func (m *model) bin(op ir.Op, x, y *ir.Value) *ir.Value {
	b := m.b
	if x.Rank() < y.Rank() {
		x = b.Broadcast(x, y.Shape())
	}
	return b.Binary(op, x, b.Broadcast(y, x.Shape()))
}

func (m *model) c(x float64) *ir.Value { return m.b.Const(x) }

func (m *model) keep(x *ir.Value) *ir.Value { // adds a last axis of 1
	return m.b.Reshape(x, append(append([]int{}, x.Shape()...), 1))
}

func (m *model) norm(name string, x *ir.Value) *ir.Value {
	b, w := m.b, x.Shape()[x.Rank()-1]
	mean := m.bin(ir.Mul, b.Sum(x, x.Rank()-1), m.c(1/float64(w)))
	d := m.bin(ir.Sub, x, m.keep(mean))
	v := m.bin(ir.Mul, b.Sum(b.Binary(ir.Mul, d, d), x.Rank()-1), m.c(1/float64(w)))
	y := m.bin(ir.Div, d, m.keep(b.Unary(ir.Sqrt, m.bin(ir.Add, v, m.c(1e-5)))))
	return m.bin(ir.Add, m.bin(ir.Mul, y, m.param(name+".weight", w)), m.param(name+".bias", w))
}

func (m *model) linear(name string, x *ir.Value, out int) *ir.Value {
	w := m.param(name+".weight", out, x.Shape()[x.Rank()-1])
	return m.b.MatMul(x, m.b.Transpose(w, 1, 0))
}

func (m *model) block(name string, x *ir.Value, heads int) *ir.Value {
	b, s := m.b, x.Shape()
	B, N, W := s[0], s[1], s[2]
	qkv := b.Transpose(b.Reshape(m.linear(name+".qkv", m.norm(name+".norm1", x), 3*W), []int{B, N, 3, heads, W / heads}), 2, 0, 3, 1, 4)
	part := func(i int) *ir.Value {
		return b.Reshape(b.Slice(qkv, []int{i, 0, 0, 0, 0}, []int{i + 1, B, heads, N, W / heads}, nil), []int{B, heads, N, W / heads})
	}
	a := m.bin(ir.Mul, b.MatMul(part(0), b.Transpose(part(1), 0, 1, 3, 2)), m.c(1/math.Sqrt(float64(W/heads))))
	e := b.Unary(ir.Exp, m.bin(ir.Sub, a, m.keep(b.MaxOver(a, 3))))
	p := m.bin(ir.Div, e, m.keep(b.Sum(e, 3)))
	o := b.Reshape(b.Transpose(b.MatMul(p, part(2)), 0, 2, 1, 3), []int{B, N, W})
	x = b.Binary(ir.Add, x, m.linear(name+".proj", o, W))
	h := m.bin(ir.Add, m.linear(name+".fc1", m.norm(name+".norm2", x), 2*W), m.param(name+".fc1.bias", 2*W))
	g := m.bin(ir.Mul, b.Binary(ir.Mul, h, m.bin(ir.Add, b.Unary(ir.Erf, m.bin(ir.Mul, h, m.c(math.Sqrt(0.5)))), m.c(1))), m.c(0.5))
	return b.Binary(ir.Add, x, m.linear(name+".fc2", g, W))
}

// build gives loss and gradients of a small model with an inner step.
func build(b *ir.Builder, B, L, keep, W, heads int) (roots []*ir.Value) {
	m := &model{b: b}
	x := b.Input("x", ir.F32, []int{B, L, W})
	order := b.ArgSort(b.Uniform("noise", []int{B, L}))
	restore := b.ArgSort(b.Float(order))
	tok := b.Gather(m.bin(ir.Add, m.linear("embed", x, W), b.Iota([]int{L, 1}, 0)), b.Slice(order, []int{0, 0}, []int{B, keep}, nil), 1)
	cls := b.Broadcast(m.param("cls", 1, 1, W), []int{B, 1, W})
	z := m.norm("norm", m.block("enc", b.Concat(1, cls, tok), heads))
	mask := b.Float(restore)
	mask = b.Binary(ir.Le, b.Splat(float64(keep), B, L), mask)
	loss := func(z, where *ir.Value) *ir.Value {
		hidden := b.Broadcast(m.param("mask", 1, 1, W), []int{B, L - keep, W})
		y := b.Gather(b.Concat(1, b.Slice(z, []int{0, 1, 0}, []int{B, keep + 1, W}, nil), hidden), restore, 1)
		y = b.Concat(1, b.Slice(z, []int{0, 0, 0}, []int{B, 1, W}, nil), y)
		y = m.linear("head", m.block("dec", y, heads), W)
		d := b.Binary(ir.Sub, b.Slice(y, []int{0, 1, 0}, []int{B, L + 1, W}, nil), x)
		l := m.bin(ir.Mul, b.Sum(b.Binary(ir.Mul, d, d), 2), m.c(1/float64(W)))
		return b.Binary(ir.Div, b.Sum(b.Sum(b.Binary(ir.Mul, l, where), 1), 0), b.Sum(b.Sum(where, 1), 0))
	}
	g := b.Grad(m.bin(ir.Mul, loss(z, m.bin(ir.Sub, b.Splat(1, B, L), mask)), m.c(5)), z)[0]
	adapted := b.Binary(ir.Sub, z, g)
	out := loss(adapted, mask)
	b.Phase = ir.Backward
	grads := b.Grad(out, m.params...)
	return append([]*ir.Value{out, z, adapted}, grads...)
}

// feeds draws every leaf of a graph.
func feeds(b *ir.Builder, seed int64) map[string][]float64 {
	r, out := rand.New(rand.NewSource(seed)), map[string][]float64{}
	for _, v := range b.Values() {
		switch v.Op {
		case ir.OpParam, ir.OpInput, ir.OpUniform:
			x := make([]float64, v.Len())
			for i := range x {
				x[i] = float64(float32(r.NormFloat64() * 0.5))
				if v.Op == ir.OpUniform {
					x[i] = float64(r.Float32())
				}
			}
			out[v.Attr.Name] = x
		}
	}
	return out
}

// compare fuses roots, simulates the launches and compares with the interpreter.
func compare(t *testing.T, roots []*ir.Value, feeds map[string][]float64, tol float64, opt fuse.Options) *fuse.Result {
	t.Helper()
	res, err := check(roots, feeds, tol, opt)
	if err != nil {
		t.Error(err)
	}
	return res
}

func check(roots []*ir.Value, feeds map[string][]float64, tol float64, opt fuse.Options) (*fuse.Result, error) {
	want, err := ir.Eval(feeds, roots...)
	if err != nil {
		return nil, err
	}
	var rs []fuse.Root
	for i, v := range roots {
		rs = append(rs, fuse.Root{Value: v, Name: strconv.Itoa(i)})
	}
	leaves := map[*ir.Value]*fuse.Buffer{}
	leaf := func(v *ir.Value) *fuse.Buffer {
		if leaves[v] == nil {
			leaves[v] = &fuse.Buffer{ID: 1 << 20, Name: v.Attr.Name, Class: fuse.Input, DType: v.Type.DType, Len: v.Len()}
		}
		return leaves[v]
	}
	res, err := fuse.Fuse(rs, leaf, func(*fuse.Launch) error { return nil }, opt)
	if err != nil {
		return nil, err
	}
	floats, local := plan.Assign(res, 0)
	mem := make([]float32, floats+local)
	for i := range mem {
		mem[i] = float32(math.NaN())
	}
	for v, buf := range leaves {
		write(mem[buf.Offset:], feeds[v.Attr.Name], buf.DType)
	}
	for _, buf := range res.Buffers {
		if buf.Class == fuse.Const {
			write(mem[buf.Offset:], buf.Data, buf.DType)
		}
	}
	if err := simulate.Run(res.Launches, mem, local); err != nil {
		return nil, err
	}
	for i, v := range roots {
		w := res.Roots[i]
		norm, diff := 0.0, 0.0
		for k, x := range want[i] {
			got := float64(mem[w.Buf.Offset+w.Offset+k])
			if v.Type.DType == ir.I32 {
				got = float64(int32(math.Float32bits(mem[w.Buf.Offset+w.Offset+k])))
			}
			norm += x * x
			diff += (got - x) * (got - x)
		}
		if !(math.Sqrt(diff) <= tol*(math.Sqrt(norm)+1e-2*math.Sqrt(float64(v.Len())))) {
			return nil, fmt.Errorf("root %d (%s %s %s): error %g of norm %g", i, v.Op, v.Type, v.Label, math.Sqrt(diff), math.Sqrt(norm))
		}
	}
	return res, nil
}

func write(dst []float32, src []float64, d ir.DType) {
	for i, x := range src {
		dst[i] = float32(x)
		if d == ir.I32 {
			dst[i] = math.Float32frombits(uint32(int32(x)))
		}
	}
}

// TestSumsOverExamples: weight gradients join the chain that computes what they read.
func TestSumsOverExamples(t *testing.T) {
	b := ir.NewBuilder()
	b.Fold = true
	roots := build(b, 16, 9, 4, 4, 2)
	for _, rows := range []int{1, 12, 30} {
		res := compare(t, roots, feeds(b, 1), 5e-5, fuse.Options{Examples: 16, Rows: rows})
		sums := 0
		for _, l := range res.Launches {
			for _, s := range l.Stages {
				if s.Sum {
					sums++
				}
			}
		}
		if rows < 30 && sums == 0 {
			t.Errorf("no product in a tiled launch of at least %d rows sums over the examples", rows)
		}
	}
}

// packed is what the compiler makes of roots for precision bf16.
func packed(t testing.TB, b *ir.Builder, roots []*ir.Value) []*ir.Value {
	t.Helper()
	p := &pass.Program{B: b}
	for i, v := range roots {
		p.Outputs = append(p.Outputs, ir.Output{Name: strconv.Itoa(i), Value: v})
	}
	if err := pass.Run(p, pass.Options{BF16: true}); err != nil {
		t.Fatal(err)
	}
	return p.Roots()
}

// TestBF16: packed operands, pairs of rows and their products, in all kinds of launches, for
// odd and even numbers of rows and columns. Where f32 and f64 round to different bf16 numbers,
// results differ. Where heads have an even width, nothing packed is copied into another order,
// and products that are only read packed are written so.
func TestBF16(t *testing.T) {
	for _, shape := range [][4]int{{4, 7, 3, 12}, {4, 8, 4, 12}, {3, 9, 4, 6}, {8, 6, 3, 32}} {
		b := ir.NewBuilder()
		b.Fold = true
		B := shape[0]
		roots := packed(t, b, build(b, B, shape[1], shape[2], shape[3], 2))
		for _, opt := range []fuse.Options{{}, {NoChains: true}, {Examples: B, Rows: 1}, {Examples: B, Rows: 10, NoLocal: true}} {
			res := compare(t, roots, feeds(b, 1), 5e-3, opt)
			kinds, copied, rounded := map[fuse.Kind]int{}, 0, 0
			for _, l := range res.Launches {
				for _, k := range l.Kernels() {
					switch {
					case k.Kind == fuse.MatMulKind && !k.MatMul.Pairs:
						continue
					case k.Kind == fuse.MatMulKind && k.MatMul.Half:
						rounded++
					case k.Kind == fuse.RowsKind && k.Main().Op.Class() == ir.View && k.Main().Type.DType == ir.BF16x2:
						copied++
					}
					kinds[k.Kind]++
				}
			}
			even := shape[3]/2%2 == 0
			if kinds[fuse.MatMulKind] < 20 || kinds[fuse.InterleaveKind] == 0 || even && (copied > 0 || rounded < 20) {
				t.Errorf("%v, %+v: launches %v, %d copies of packed values, %d rounded products", shape, opt, kinds, copied, rounded)
			}
		}
	}
}

// TestReplace: what several kernels read is computed once if it is costly and what it is
// computed from need not be kept, but again if that is needed anyway.
func TestReplace(t *testing.T) {
	for _, kept := range []bool{false, true} {
		b := ir.NewBuilder()
		m := &model{b: b}
		s := b.MatMul(b.Input("x", ir.F32, []int{32, 8}), b.Input("y", ir.F32, []int{8, 24}))
		e := b.Unary(ir.Exp, m.bin(ir.Sub, s, m.keep(b.MaxOver(s, 1))))
		p := m.bin(ir.Div, e, m.keep(b.Sum(e, 1)))
		later := b.MatMul(b.MatMul(p, b.Input("z", ir.F32, []int{24, 24})), b.Input("w", ir.F32, []int{24, 24}))
		roots := []*ir.Value{m.bin(ir.Mul, p, later)}
		if kept {
			roots = append(roots, m.bin(ir.Mul, s, later))
		}
		res := compare(t, packed(t, b, roots), feeds(b, 1), 1e-2, fuse.Options{})
		exps := 0
		for _, l := range res.Launches {
			for _, k := range l.Kernels() {
				if k.Rows != nil && slices.ContainsFunc(k.Rows.Nodes, func(n kernels.Node) bool { return n.Op == "exp" }) {
					exps++
				}
			}
		}
		if want := map[bool]int{false: 1, true: 2}[kept]; exps != want {
			t.Errorf("kept %v: the exponential is computed %d times, expected %d", kept, exps, want)
		}
	}
}

func TestTransformerWithInnerStep(t *testing.T) {
	for _, fold := range []bool{false, true} {
		b := ir.NewBuilder()
		b.Fold = fold
		roots := build(b, 3, 7, 3, 12, 2)
		for _, opt := range []fuse.Options{{}, {NoChains: true}, {Examples: 3, Rows: 1}, {Examples: 3, Rows: 1, NoLocal: true}} {
			res := compare(t, roots, feeds(b, 1), 2e-5, opt)
			kinds, locals := map[fuse.Kind]int{}, 0
			for _, l := range res.Launches {
				kinds[l.Kind]++
			}
			for _, b := range res.Buffers {
				if b.Class == fuse.Local {
					locals++
				}
			}
			t.Logf("fold %v, %+v: %d values, %d launches %v, %d of %d buffers local", fold, opt, len(b.Values()), len(res.Launches), kinds, locals, len(res.Buffers))
			if blocks := opt.Examples > 0; (kinds[fuse.TiledKind] > 0) != blocks {
				t.Errorf("%+v gives %d tiled launches", opt, kinds[fuse.TiledKind])
			}
			if local := !opt.NoChains && !opt.NoLocal; (locals > 0) != local {
				t.Errorf("%+v gives %d local buffers", opt, locals)
			}
		}
	}
}
