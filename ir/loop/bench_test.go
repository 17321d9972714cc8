package loop_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"mspecc/ir/loop"
	"mspecc/ir/loop/looptest"
	"mspecc/kernels/gen/avx512"
)

// fmaPeak is a kernel of 24 independent chains of products, the measure of
// what the machine can do: N[0] rounds of 24 products of 16 lanes.
func fmaPeak() *loop.Kernel {
	k := &loop.Kernel{Name: "fma_peak", Lanes: 16, Operands: []string{"x"}, Counts: []string{"rounds"}}
	k.Body = []loop.Stmt{
		&loop.Scalar{Op: loop.OpBase, P: 0},
		&loop.Scalar{Op: loop.OpCount, N: 0},
		&loop.Instr{Op: loop.OpBcast, Dst: 30, Mem: loop.Mem{Index: loop.NoIndex}},
	}
	round := &loop.Loop{Label: "round", N: 0, Down: true, Step: 1}
	for v := loop.V(0); v < 24; v++ {
		k.Body = append(k.Body, &loop.Instr{Op: loop.OpMov, Dst: v, Args: []loop.Arg{{Const: true}}})
		round.Body = append(round.Body, &loop.Instr{Op: loop.OpFMA, Dst: v, Args: []loop.Arg{{V: 30}, {V: 30}, {V: v}}})
	}
	k.Body = append(k.Body, round)
	for v := loop.V(0); v < 24; v++ {
		k.Body = append(k.Body, &loop.Instr{Op: loop.OpStore, Args: []loop.Arg{{V: v}}, Stride: 1,
			Mem: loop.Mem{Index: loop.NoIndex, Off: 16 * int(v)}})
	}
	return k
}

// BenchmarkMatMul reports GFLOP/s and the share of the FMA peak for products
// of the sizes of a transformer; the matrices of one call are in cache.
func BenchmarkMatMul(b *testing.B) {
	if !hasAVX512() {
		b.Skip("no AVX-512")
	}
	type job struct {
		m, n, k int
		dw      bool // A is transposed: unit stride along M
	}
	jobs := []job{
		{2016, 256, 256, false}, {2016, 768, 256, false}, {126, 768, 256, false}, {65, 65, 32, false}, {65, 32, 65, false},
		{126, 384, 128, false}, {252, 128, 512, false}, {768, 256, 256, true}, {256, 768, 256, true}, {128, 128, 260, true}, {128, 128, 130, true}, {128, 256, 130, true}, {384, 128, 130, true}, {256, 128, 65, true},
	}
	kernels := []*loop.Kernel{fmaPeak()}
	for i, j := range jobs {
		s := loop.MatMul{N: j.n, Ms: []int{j.m}, Ks: []int{j.k}, AM: j.k, AK: 1, BK: j.n, CM: j.n}
		if j.dw {
			s.AM, s.AK = 1, j.m
		}
		k, err := s.Lower(avx512.Machine)
		if err != nil {
			b.Fatal(err)
		}
		k.Name = fmt.Sprintf("matmul%d", i)
		kernels = append(kernels, k)
	}
	asm, stubs, err := avx512.Emit(kernels, "main")
	if err != nil {
		b.Fatal(err)
	}
	names := make([]string, len(kernels))
	for i, k := range kernels {
		names[i] = k.Name
	}
	run := looptest.Build(b, map[string]string{"k_amd64.s": asm, "k_amd64.go": stubs}, names)
	const rounds = 20000
	ns := run.Time("fma_peak", make([]float32, 24*16), []int{0}, []int{rounds}, 200)
	peak := 2 * 16 * 24 * rounds / float64(ns)
	b.Logf("FMA peak %.0f GFLOP/s", peak)
	r := rand.New(rand.NewPCG(3, 4))
	for i, j := range jobs {
		b.Run(fmt.Sprintf("%dx%dx%d dw=%v", j.m, j.n, j.k, j.dw), func(b *testing.B) {
			var a arena
			a.add(normal(r, j.m*j.k))
			a.add(normal(r, j.k*j.n))
			a.add(make([]float32, j.m*j.n))
			flops := 2 * j.m * j.n * j.k
			for b.Loop() {
				ns := run.Time(names[i+1], a.mem, a.off, []int{j.m, j.k, 0}, 100+int(2e8)/flops)
				rate := float64(flops) / float64(ns)
				b.ReportMetric(rate, "GFLOP/s")
				b.ReportMetric(100*rate/peak, "%peak")
			}
			b.Log(kernels[i+1].Doc[3:], kernels[i+1].Instructions())
		})
	}
}

// BenchmarkRows reports the nanoseconds per vector of 16 elements of row
// kernels on 64 rows.
func BenchmarkRows(b *testing.B) {
	if !hasAVX512() {
		b.Skip("no AVX-512")
	}
	specs := map[string]*loop.Rows{
		"layernorm 256": layerNorm(256), "layernorm 250": layerNorm(250), "softmax 65": softmax(65), "softmax 256": softmax(256),
		"adam 4096": adam(4096), "crowded 256": crowded(256), "layernorm 1024": layerNorm(1024),
	}
	var d dag
	x := d.load(loop.Operand{Row: 512, Col: 1})
	d.store(d.node("mul", x, d.node("erf", x)), loop.Operand{Row: 512, Col: 1})
	specs["x erf(x) 512"] = d.rows(512)
	var kernels []*loop.Kernel
	var names []string
	byName := map[string]*loop.Kernel{}
	for name, spec := range specs {
		k, err := spec.Lower(avx512.Machine)
		if err != nil {
			b.Fatal(err)
		}
		k.Name = fmt.Sprintf("kernel%d", len(names))
		kernels, names = append(kernels, k), append(names, k.Name)
		byName[name] = k
	}
	asm, stubs, err := avx512.Emit(kernels, "main")
	if err != nil {
		b.Fatal(err)
	}
	run := looptest.Build(b, map[string]string{"k_amd64.s": asm, "k_amd64.go": stubs}, names)
	const rows = 64
	r := rand.New(rand.NewPCG(3, 4))
	for name, spec := range specs {
		k := byName[name]
		b.Run(name, func(b *testing.B) {
			var a arena
			for _, o := range spec.Operands {
				a.add(normal(r, (rows-1)*o.Row+(spec.Width-1)*o.Col+1))
			}
			a.add(make([]float32, k.Scratch))
			for b.Loop() {
				ns := run.Time(k.Name, a.mem, a.off, []int{rows}, 300)
				b.ReportMetric(float64(ns)*16/float64(rows*spec.Width), "ns/vector")
			}
			b.Logf("%d instructions, %d scratch, %+v", k.Instructions(), k.Scratch, loop.Pressure(k))
		})
	}
}
