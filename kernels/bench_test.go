package kernels_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"mspecc/ir/loop"
	"mspecc/kernels"
	"mspecc/kernels/gen/avx2"
	"mspecc/kernels/gen/avx512"
	"mspecc/kernels/kerneltest"
)

// vectorTargets are those whose speed is measured.
var vectorTargets = []loop.Machine{avx2.Machine, avx512.Machine}

// chains are the independent chains of products of fmaPeak.
const chains = 12

// fmaPeak is a kernel of independent chains of products, the measure of what the machine can do:
// N[0] rounds of a product of all lanes in each chain.
func fmaPeak(m loop.Machine) *loop.Kernel {
	k := &loop.Kernel{Name: "fma_peak", Lanes: m.Lanes, Operands: []string{"x"}, Counts: []string{"rounds"}}
	k.Body = []loop.Stmt{
		&loop.Scalar{Op: loop.OpBase, P: 0},
		&loop.Scalar{Op: loop.OpCount, N: 0},
		&loop.Instr{Op: loop.OpBcast, Dst: chains, Mem: loop.Mem{Index: loop.NoIndex}},
	}
	round := &loop.Loop{Label: "round", N: 0, Down: true, Step: 1}
	for v := loop.V(0); v < chains; v++ {
		k.Body = append(k.Body, &loop.Instr{Op: loop.OpMov, Dst: v, Args: []loop.Arg{{Const: true}}})
		round.Body = append(round.Body, &loop.Instr{Op: loop.OpFMA, Dst: v, Args: []loop.Arg{{V: chains}, {V: chains}, {V: v}}})
	}
	k.Body = append(k.Body, round)
	for v := loop.V(0); v < chains; v++ {
		k.Body = append(k.Body, &loop.Instr{Op: loop.OpStore, Args: []loop.Arg{{V: v}}, Stride: 1,
			Mem: loop.Mem{Index: loop.NoIndex, Off: m.Lanes * int(v)}})
	}
	return k
}

// measured builds kernels for measurements.
func measured(b *testing.B, m loop.Machine, list []*loop.Kernel) *kerneltest.Runner {
	asm, stubs, err := assembly[m.Name](list, "main")
	if err != nil {
		b.Fatal(err)
	}
	names := make([]string, len(list))
	for i, k := range list {
		names[i] = k.Name
	}
	return kerneltest.Build(b, map[string]string{"k_amd64.s": asm, "k_amd64.go": stubs}, names)
}

func onEachTarget(b *testing.B, f func(b *testing.B, m loop.Machine)) {
	for _, m := range vectorTargets {
		b.Run(m.Name, func(b *testing.B) {
			if !runs(m.Name) {
				b.Skip("this CPU does not run its kernels")
			}
			f(b, m)
		})
	}
}

// BenchmarkMatMul reports GFLOP/s and the share of the FMA peak for products
// of the sizes of a transformer; the matrices of one call are in cache.
func BenchmarkMatMul(b *testing.B) { onEachTarget(b, benchmarkMatMul) }

func benchmarkMatMul(b *testing.B, machine loop.Machine) {
	type job struct {
		m, n, k int
		dw      bool // A is transposed: unit stride along M
	}
	jobs := []job{
		{2016, 256, 256, false}, {2016, 768, 256, false}, {126, 768, 256, false}, {65, 65, 32, false}, {65, 32, 65, false},
		{126, 384, 128, false}, {252, 128, 512, false}, {768, 256, 256, true}, {256, 768, 256, true}, {128, 128, 260, true}, {128, 128, 130, true}, {128, 256, 130, true}, {384, 128, 130, true}, {256, 128, 65, true}, {768, 768, 2016, true}, {2016, 768, 768, false},
	}
	list := []*loop.Kernel{fmaPeak(machine)}
	for i, j := range jobs {
		s := kernels.MatMul{N: j.n, Ms: []int{j.m}, Ks: []int{j.k}, AM: j.k, AK: 1, BK: j.n, CM: j.n}
		if j.dw {
			s.AM, s.AK = 1, j.m
		}
		k, err := s.Lower(machine)
		if err != nil {
			b.Fatal(err)
		}
		k.Name = fmt.Sprintf("matmul%d", i)
		list = append(list, k)
	}
	run := measured(b, machine, list)
	peak := func() float64 {
		const rounds = 20000
		ns := run.Time("fma_peak", make([]float32, chains*machine.Lanes), []int{0}, []int{rounds}, 200)
		return float64(2*machine.Lanes*chains*rounds) / float64(ns)
	}
	b.Logf("FMA peak %.0f GFLOP/s", peak())
	r := rand.New(rand.NewPCG(3, 4))
	for i, j := range jobs {
		b.Run(fmt.Sprintf("%dx%dx%d dw=%v", j.m, j.n, j.k, j.dw), func(b *testing.B) {
			var a arena
			a.add(normal(r, j.m*j.k))
			a.add(normal(r, j.k*j.n))
			a.add(make([]float32, j.m*j.n))
			flops := 2 * j.m * j.n * j.k
			for b.Loop() {
				ns := run.Time(list[i+1].Name, a.mem, a.off, []int{j.m, j.k, 0}, 100+int(2e8)/flops)
				rate := float64(flops) / float64(ns)
				b.ReportMetric(rate, "GFLOP/s")
				b.ReportMetric(100*rate/peak(), "%peak")
			}
			b.Log(list[i+1].Doc[3:], list[i+1].Instructions())
		})
	}
}

// BenchmarkRows reports the nanoseconds per 16 elements of row kernels on 64 rows.
func BenchmarkRows(b *testing.B) { onEachTarget(b, benchmarkRows) }

func benchmarkRows(b *testing.B, machine loop.Machine) {
	specs := map[string]*kernels.Rows{
		"layernorm 256": layerNorm(256), "layernorm 250": layerNorm(250), "softmax 65": softmax(65), "softmax 256": softmax(256),
		"adam 4096": adam(4096), "crowded 256": crowded(256), "layernorm 1024": layerNorm(1024), "gelu 256": gelu(256),
	}
	var d dag
	x := d.load(kernels.Operand{Row: 512, Col: 1})
	d.store(d.node("mul", x, d.node("erf", x)), kernels.Operand{Row: 512, Col: 1})
	specs["x erf(x) 512"] = d.rows(512)
	var list []*loop.Kernel
	byName := map[string]*loop.Kernel{}
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		k, err := specs[name].Lower(machine)
		if err != nil {
			b.Fatal(err)
		}
		k.Name = fmt.Sprintf("kernel%d", len(list))
		list = append(list, k)
		byName[name] = k
	}
	run := measured(b, machine, list)
	const rows = 64
	r := rand.New(rand.NewPCG(3, 4))
	for _, name := range slices.Sorted(maps.Keys(specs)) {
		spec, k := specs[name], byName[name]
		b.Run(name, func(b *testing.B) {
			var a arena
			for _, o := range spec.Operands {
				a.add(normal(r, (rows-1)*o.Row+(spec.Width-1)*o.Col+1))
			}
			a.add(make([]float32, k.Scratch))
			for b.Loop() {
				ns := run.Time(k.Name, a.mem, a.off, []int{rows}, 300)
				b.ReportMetric(float64(ns)*16/float64(rows*spec.Width), "ns/16")
			}
			b.Logf("%d instructions, %d scratch, %+v", k.Instructions(), k.Scratch, loop.Pressure(k))
		})
	}
}
