package codegen_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"mspecc/codegen/fuse"
	"mspecc/ir/elab"
	"mspecc/ir/loop"
	"mspecc/kernels"
	"mspecc/kernels/gen/avx512"
	"mspecc/kernels/kerneltest"
)

// BenchmarkRowKernels reports the time of each row kernel of a model's step with its operands
// in the second-level cache: what remains when memory is no limit. MSPECC_BENCH names the
// modality (pamap2) and settings: "higgs batch=32".
func BenchmarkRowKernels(b *testing.B) {
	words := strings.Fields(os.Getenv("MSPECC_BENCH"))
	if len(words) == 0 {
		words = []string{"pamap2"}
	}
	mod := compile(b, "../examples/metamae.mspec", elab.Options{Modalities: words[:1], Set: words[1:]})
	type job struct {
		name string
		spec *kernels.Rows
		doc  []string
		all  int // rows of a step
	}
	var jobs []job
	at := map[string]int{}
	var kernels []*loop.Kernel
	var names []string
	for _, fn := range mod.Targets[0].Programs[0].Functions[:1] {
		for _, c := range fn.Calls {
			for i, s := range c.Launch.Kernels() {
				k := c.Kernels()[i]
				if s.Kind != fuse.RowsKind {
					continue
				}
				j, ok := at[k.Name]
				if !ok {
					j = len(jobs)
					at[k.Name] = j
					jobs = append(jobs, job{name: k.Name, spec: s.Rows, doc: k.Doc})
					kernels, names = append(kernels, k.Kernel), append(names, k.Name)
				}
				rows := s.Count * max(1, s.InTiles)
				for _, o := range s.Outer {
					rows *= o
				}
				jobs[j].all += rows
			}
		}
	}
	asm, stubs, err := avx512.Emit(kernels, "main")
	if err != nil {
		b.Fatal(err)
	}
	run := kerneltest.Build(b, map[string]string{"k_amd64.s": asm, "k_amd64.go": stubs}, names)
	for i, j := range jobs {
		b.Run(j.name, func(b *testing.B) {
			rows := max(4, min(64, 32768/j.spec.Width/len(j.spec.Operands)))
			var off []int
			n := 0
			for _, o := range j.spec.Operands {
				off = append(off, n)
				n += ((rows-1)*o.Row+(j.spec.Width-1)*o.Col+1+15)&^15 + 16*(len(off)%3)
			}
			off = append(off, n)
			mem := make([]float32, n+kernels[i].Scratch)
			for k := range mem {
				mem[k] = 0.5 + float32(k%97)/97
			}
			for b.Loop() {
				ns := run.Time(j.name, mem, off, []int{rows}, 400)
				vectors := float64(rows) * float64((j.spec.Width+15)/16)
				b.ReportMetric(float64(ns)/vectors, "ns/vector")
				b.ReportMetric(float64(ns)/float64(rows)*float64(j.all)/1e6, "ms/step")
				b.ReportMetric(float64(kernels[i].Instructions()), "instructions")
			}
			b.Log(fmt.Sprint(strings.Join(j.doc, "; ")))
		})
	}
}
