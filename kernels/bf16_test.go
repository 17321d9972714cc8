package kernels_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/cpu"

	"mspecc/ir/loop"
	"mspecc/kernels"
	"mspecc/kernels/kerneltest"
)

// newBF16Suite leaves out what this CPU has no instructions for.
func newBF16Suite(t *testing.T) *suite {
	s := newSuite(t)
	if s.targets[len(s.targets)-1] == "avx512" && !cpu.X86.HasAVX512BF16 {
		t.Log("no bf16 instructions here: AVX-512 kernels are interpreted, not run")
		s.targets = s.targets[:len(s.targets)-1]
	}
	return s
}

// pairs are words of two bf16 numbers; some are infinite, not a number, tiny or zero.
func pairs(r *rand.Rand, n int, special bool) []float32 {
	x := make([]float32, n)
	for i := range x {
		lo, hi := loop.Half(float32(r.NormFloat64())), loop.Half(float32(r.NormFloat64()))
		if special {
			switch r.IntN(6) {
			case 0:
				lo = math.Float32frombits(uint32(r.IntN(1<<16)) << 16)
			case 1:
				hi = float32(math.Copysign(1e-38, r.Float64()-0.5))
			case 2:
				lo *= 1e-30
			}
			lo, hi = loop.Half(lo), loop.Half(hi)
		}
		x[i] = math.Float32frombits(math.Float32bits(lo)>>16 | math.Float32bits(hi))
	}
	return x
}

// sameBits treats all numbers that are none as equal.
func sameBits(x, y float32) bool {
	return math.Float32bits(x) == math.Float32bits(y) || x != x && y != y
}

// TestPairs: products of bf16 pairs give the same bits on every target, also where the result
// is written in pairs.
func TestPairs(t *testing.T) {
	s := newBF16Suite(t)
	list := matmuls()
	for _, p := range list {
		if p.spec.Half = p.spec.N%2 == 0; p.spec.Half {
			p.spec.CM = p.spec.N/2 + p.padding
			list = append(list, p)
		}
	}
	made := map[string]string{}
	for i := range list {
		p := &list[i]
		p.spec.Pairs = true
		key := p.spec.Key()
		if made[key] == "" {
			made[key] = s.add(&p.spec)
		}
		p.kernel = made[key]
	}
	s.build()
	r := rand.New(rand.NewPCG(3, 4))
	for i, p := range list {
		for _, target := range s.targets {
			add := i % 2
			if p.spec.Half {
				add = 0
			}
			if err := p.checkPairs(s, p.kernel+target, add, r); err != nil {
				t.Fatalf("%s %s m %d k %d: %v", target, p.spec.Key(), p.m, p.k, err)
			}
		}
	}
}

func (p product) checkPairs(s *suite, kernel string, add int, r *rand.Rand) error {
	spec := p.spec
	special := p.k <= 3
	var a arena
	at := a.add(pairs(r, (p.m-1)*spec.AM+(p.k-1)*spec.AK+1, special))
	bt := a.add(pairs(r, (p.k-1)*spec.BK+spec.N, special))
	ct := a.add(normal(r, (p.m-1)*spec.CM+spec.N))
	before := append([]float32(nil), a.mem...)
	s.run(kernel, a.mem, a.off, []int{p.m, p.k, add})
	for i := 0; i < p.m; i++ {
		for j := 0; j < spec.N; j++ {
			want := float32(0)
			for k := 0; k < p.k; k++ {
				want = loop.Dot(before[at+i*spec.AM+k*spec.AK], before[bt+k*spec.BK+j], want)
			}
			if add == 1 {
				want += before[ct+i*spec.CM+j]
			}
			if spec.Half {
				bits := math.Float32bits(a.mem[ct+i*spec.CM+j/2]) >> (j % 2 * 16) << 16
				if got := math.Float32frombits(bits); !sameBits(got, loop.Half(want)) {
					return fmt.Errorf("C[%d,%d] = %g, want %g", i, j, got, loop.Half(want))
				}
				continue
			}
			if got := a.mem[ct+i*spec.CM+j]; !sameBits(got, want) {
				return fmt.Errorf("C[%d,%d] = %g (%x), want %g (%x)", i, j, got, math.Float32bits(got), want, math.Float32bits(want))
			}
		}
	}
	return intact(before, a.mem, func(i int) bool {
		i -= ct
		if spec.Half {
			return i >= 0 && i/spec.CM < p.m && i%spec.CM < spec.N/2
		}
		return i >= 0 && i/spec.CM < p.m && i%spec.CM < spec.N
	})
}

// TestHalfStores: rows are rounded to bf16 with the same bits on every target, whatever form
// the kernel has, and the last element of an odd number is filled with 0.
func TestHalfStores(t *testing.T) {
	s := newBF16Suite(t)
	type rowsCase struct {
		spec    *kernels.Rows
		reduces bool
		kernel  string
	}
	var cases []rowsCase
	for _, w := range []int{1, 2, 15, 16, 17, 31, 32, 33, 47, 64, 65, 129, 250, 1025} {
		for _, reduce := range []bool{false, true} {
			var d dag
			x := d.load(kernels.Operand{Name: "x", Row: w + 2, Col: 1})
			y := x
			if reduce { // rows longer than registers hold go through scratch
				y = d.node("sub", d.node("tanh", x), d.node("rowmax", d.node("tanh", x)))
			}
			d.store(y, kernels.Operand{Name: "full", Row: w, Col: 1})
			d.store(y, kernels.Operand{Name: "half", Half: true, Row: (w+1)/2 + 1, Col: 1})
			spec := d.rows(w)
			cases = append(cases, rowsCase{spec, reduce, s.add(spec)})
		}
	}
	s.build()
	r := rand.New(rand.NewPCG(5, 6))
	const rows = 3
	for _, c := range cases {
		w := c.spec.Width
		for _, target := range s.targets {
			var a arena
			x := normal(r, rows*(w+2))
			for i := range x {
				if r.IntN(3) == 0 {
					x[i] = math.Float32frombits(r.Uint32())
				}
				if !c.reduces && r.IntN(8) == 0 { // NaN at both ends, and what rounds to infinity
					x[i] = math.Float32frombits([]uint32{0x7fffffff, 0xffffffff, 0x7f800001, 0x7f7fffff}[r.IntN(4)])
				}
			}
			a.add(x)
			full, half := a.add(nans(rows*w)), a.add(nans(rows*((w+1)/2+1)))
			a.add(nans(s.byName[c.kernel+target].Scratch + 1))
			before := append([]float32(nil), a.mem...)
			s.run(c.kernel+target, a.mem, a.off, []int{rows})
			for i := range rows {
				for j := range (w + 1) / 2 * 2 {
					want := float32(0)
					if j < w {
						want = loop.Half(a.mem[full+i*w+j])
					}
					word := math.Float32bits(a.mem[half+i*((w+1)/2+1)+j/2])
					if got := math.Float32frombits(word >> (j % 2 * 16) << 16); !sameBits(got, want) {
						t.Fatalf("%s, %s: element %d,%d is %g, want %g", c.spec.Key(), target, i, j, got, want)
					}
				}
			}
			stride := (w+1)/2 + 1
			if err := intact(before, a.mem, func(i int) bool {
				return i >= full && i < full+rows*w || i >= half && i < half+rows*stride && (i-half)%stride < (w+1)/2 || i >= half+rows*stride+guard
			}); err != nil {
				t.Fatalf("%s, %s: %v", c.spec.Key(), target, err)
			}
		}
	}
}

// TestInterleave pairs rows, also of an odd number.
func TestInterleave(t *testing.T) {
	s := newBF16Suite(t)
	var specs []*kernels.Interleave
	var names []string
	for _, w := range []int{1, 7, 8, 9, 31, 32, 33, 64, 100} {
		for _, odd := range []bool{false, true} {
			spec := &kernels.Interleave{Width: w, In: w + 1, Out: 2*w + 3, Odd: odd}
			specs, names = append(specs, spec), append(names, s.add(spec))
		}
	}
	s.build()
	r := rand.New(rand.NewPCG(7, 8))
	for i, spec := range specs {
		for _, target := range s.targets {
			for _, n := range []int{1, 3} {
				rows := 2 * n
				if spec.Odd {
					rows--
				}
				var a arena
				in := a.add(pairs(r, rows*spec.In, false))
				out := a.add(nans(n * spec.Out))
				before := append([]float32(nil), a.mem...)
				s.run(names[i]+target, a.mem, a.off, []int{n})
				half := func(row, j int) uint32 {
					if row >= rows {
						return 0
					}
					return math.Float32bits(before[in+row*spec.In+j/2]) >> (j % 2 * 16) & 0xffff
				}
				for k := range n {
					for j := range 2 * spec.Width {
						want := half(2*k, j) | half(2*k+1, j)<<16
						if got := math.Float32bits(a.mem[out+k*spec.Out+j]); got != want {
							t.Fatalf("%s, %s: element %d,%d is %08x, want %08x", spec.Key(), target, k, j, got, want)
						}
					}
				}
				if err := intact(before, a.mem, func(i int) bool {
					i -= out
					return i >= 0 && i < n*spec.Out && i%spec.Out < 2*spec.Width
				}); err != nil {
					t.Fatalf("%s, %s: %v", spec.Key(), target, err)
				}
			}
		}
	}
}

// TestDot: sums of products of pairs that are subnormal, or nearly, have the same bits on every target,
// and numbers that are added after them stay as they are if they are subnormal.
func TestDot(t *testing.T) {
	const text = `kernel dot%s lanes %d
operands "x" "y" "z" "c" "out"
counts "vectors"
p0 = base 0
p1 = base 1
p2 = base 2
p3 = base 3
p4 = base 4
n0 = count 0
loop vector down n0 step 1 {
	v0 = load [p0]
	v1 = load [p1]
	v2 = load [p2]
	v3 = load [p3]
	v2 = dot v0, v1, v2
	v2 = add v2, v3
	store v2, [p4]
	p0 = move p0 + %[2]d
	p1 = move p1 + %[2]d
	p2 = move p2 + %[2]d
	p3 = move p3 + %[2]d
	p4 = move p4 + %[2]d
}
`
	byTarget := map[string][]*loop.Kernel{}
	for _, m := range machines() {
		k, err := loop.Parse(fmt.Sprintf(text, m.Name, m.Lanes))
		if err != nil {
			t.Fatal(err)
		}
		byTarget[m.Name] = []*loop.Kernel{k}
	}
	files, run := printed(t, byTarget)
	if run[len(run)-1] == "avx512" && !cpu.X86.HasAVX512BF16 {
		run = run[:len(run)-1]
		t.Log("no bf16 instructions here: AVX-512 kernels are not run")
	}
	var names []string
	for _, target := range run {
		names = append(names, "dot"+target)
	}
	program := kerneltest.Build(t, files, names)
	const smallest = 0x1p-126
	var x, y, z, c []float32
	for _, sum := range []float64{0, smallest, -smallest, 0x1.8p-126, -0x1.000002p-126, 0x1p-125, 1, math.Inf(1), math.NaN()} {
		for _, p := range []float64{0, 0x1p-64, -0x1p-75, 0x1p-75, 0x1.4p-75, -0x1.fep-63, 0x1p-62, 1, 0x1p100, math.Inf(-1)} {
			for _, q := range []float64{0x1p-64, 0x1p-75, -0x1p-76, 0x1.8p-76, -0x1.8p-76, 0x1.02p-76, -0x1p-77, 0x1.04p-62, 0x1p100} {
				for _, half := range []uint{0, 16} {
					x = append(x, math.Float32frombits(math.Float32bits(float32(p))>>half))
					y = append(y, math.Float32frombits(math.Float32bits(float32(q))>>half))
					z = append(z, float32(sum))
					c = append(c, float32([]float64{0, 0x1.8p-140, -0x1p-149}[len(c)%3]))
				}
			}
		}
	}
	n := (len(x) + 15) / 16 * 16
	mem := make([]float32, 5*n)
	off := []int{0, n, 2 * n, 3 * n, 4 * n}
	for i, part := range [][]float32{x, y, z, c} {
		copy(mem[off[i]:], part)
	}
	for i, target := range run {
		got := append([]float32(nil), mem...)
		program.Run(names[i], got, off, []int{n / byTarget[target][0].Lanes})
		for j := range x {
			if want := loop.Dot(x[j], y[j], z[j]) + c[j]; !sameBits(got[off[4]+j], want) {
				t.Fatalf("%s: %g + (%08x . %08x) + %g is %g, want %g", target, z[j], math.Float32bits(x[j]), math.Float32bits(y[j]), c[j], got[off[4]+j], want)
			}
		}
	}
}
