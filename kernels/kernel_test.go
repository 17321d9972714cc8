package kernels_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/sys/cpu"

	"mspecc/ir/loop"
	"mspecc/kernels/gen/avx2"
	"mspecc/kernels/gen/avx512"
	"mspecc/kernels/gen/neon"
	"mspecc/kernels/gen/portable"
	"mspecc/kernels/kerneltest"
)

// lowerer is a kernel family's spec.
type lowerer interface {
	Lower(loop.Machine) (*loop.Kernel, error)
}

// interpreted marks a target whose kernels go through the text form and the
// interpreter instead of a printer.
const interpreted = " interpreted"

// suite collects specs, prints each for all targets and runs them.
type suite struct {
	t       testing.TB
	kernels map[string][]*loop.Kernel // by target
	byName  map[string]*loop.Kernel
	names   []string
	targets []string
	runner  *kerneltest.Runner
}

func newSuite(t testing.TB) *suite {
	s := &suite{t: t, kernels: map[string][]*loop.Kernel{}, byName: map[string]*loop.Kernel{}}
	s.targets = []string{"portable"}
	for _, m := range machines() {
		s.targets = append(s.targets, m.Name+interpreted)
	}
	for _, m := range machines()[1:] {
		if runs(m.Name) {
			s.targets = append(s.targets, m.Name)
		} else {
			t.Logf("this CPU is none for %s: its kernels are interpreted, not run", m.Name)
		}
	}
	return s
}

// machines are those of portable code and of the architecture that kernels are built for.
func machines() []loop.Machine {
	if kerneltest.Arch() == "arm64" {
		return []loop.Machine{portable.Machine, neon.Machine}
	}
	return []loop.Machine{portable.Machine, avx2.Machine, avx512.Machine}
}

// runs reports whether this CPU runs the kernels of a target.
func runs(target string) bool {
	switch target {
	case "avx2":
		return cpu.X86.HasAVX2 && cpu.X86.HasFMA
	case "avx512":
		return cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL
	}
	return true
}

// add lowers a spec and returns the kernel's name.
func (s *suite) add(spec lowerer) string {
	name := fmt.Sprintf("kernel%d", len(s.names))
	s.names = append(s.names, name)
	for _, target := range machines() {
		k, err := spec.Lower(target)
		if err != nil {
			s.t.Fatalf("%+v for %s: %v", spec, target.Name, err)
		}
		k.Name = name + target.Name
		if err := loop.Verify(k); err != nil {
			s.t.Fatal(err)
		}
		s.kernels[target.Name] = append(s.kernels[target.Name], k)
		s.byName[k.Name] = k
		s.byName[k.Name+interpreted] = roundTrip(s.t, k)
	}
	return name
}

// assembly are the printers of assembly.
var assembly = map[string]func(list []*loop.Kernel, pkg string) (asm, stubs string, err error){
	"avx2": avx2.Emit, "avx512": avx512.Emit, "neon": neon.Emit,
}

// printed is the text of kernels by target, for those of them that run here, which it lists.
func printed(t testing.TB, list map[string][]*loop.Kernel) (files map[string]string, run []string) {
	t.Helper()
	source, err := portable.Emit(list["portable"], "main")
	if err != nil {
		t.Fatal(err)
	}
	unrounded, err := kerneltest.Unrounded(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range unrounded {
		t.Errorf("portable code has a product that is not rounded, line %s", u)
	}
	files, run = map[string]string{"portable.go": source}, []string{"portable"}
	for _, m := range machines()[1:] {
		target := m.Name
		if !runs(target) {
			continue
		}
		asm, stubs, err := assembly[target](list[target], "main")
		if err != nil {
			t.Fatal(err)
		}
		file := target + "_" + kerneltest.Arch()
		files[file+".s"], files[file+".go"] = asm, stubs
		run = append(run, target)
	}
	return files, run
}

// build prints and compiles everything added so far.
func (s *suite) build() {
	files, run := printed(s.t, s.kernels)
	var names []string
	for _, target := range run {
		for _, n := range s.names {
			names = append(names, n+target)
		}
	}
	s.runner = kerneltest.Build(s.t, files, names)
}

// roundTrip prints and parses a kernel.
func roundTrip(t testing.TB, k *loop.Kernel) *loop.Kernel {
	t.Helper()
	back, err := loop.Parse(k.String())
	if err != nil {
		t.Fatalf("%s does not parse: %v", k.Name, err)
	}
	if back.String() != k.String() {
		t.Fatalf("%s changed by printing and parsing:\n%s\nbecame\n%s", k.Name, k, back)
	}
	return back
}

// run calls a kernel (name and target) on mem, which it updates.
func (s *suite) run(kernel string, mem []float32, off, n []int) {
	if !strings.HasSuffix(kernel, interpreted) {
		s.runner.Run(kernel, mem, off, n)
		return
	}
	if err := loop.Interpret(s.byName[kernel], mem, off, n); err != nil {
		s.t.Fatal(err)
	}
}

const guard = 48 // floats around each tensor

// arena lays out tensors with guard zones of a recognisable value.
type arena struct {
	mem []float32
	off []int
}

const guardValue = 1234.5

// add appends a tensor that starts on a cache line and returns its offset.
func (a *arena) add(x []float32) int {
	pad := func(n int) {
		for i := 0; i < n; i++ {
			a.mem = append(a.mem, guardValue)
		}
	}
	pad(guard + (16-len(a.mem)%16)%16)
	off := len(a.mem)
	a.mem = append(a.mem, x...)
	pad(guard)
	a.off = append(a.off, off)
	return off
}

// intact reports the first element outside the written regions that changed.
func intact(before, after []float32, written func(i int) bool) error {
	for i := range before {
		if math.Float32bits(before[i]) != math.Float32bits(after[i]) && !written(i) {
			return fmt.Errorf("element %d outside the outputs changed from %g to %g", i, before[i], after[i])
		}
	}
	return nil
}

func normal(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func nans(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.NaN())
	}
	return x
}
