package runtime

import (
	"math"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var threadCounts = []int{1, 2, 3, 8}

// newMachine makes a machine with an arena of the given size.
func newMachine(t testing.TB, floats, threads int) *Machine {
	t.Helper()
	m, err := NewMachine(&Program{Floats: floats, Scratch: 20}, threads)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func TestRunEveryTaskOnce(t *testing.T) {
	for _, threads := range threadCounts {
		m := newMachine(t, 1<<12, threads)
		task := func(w *Worker, c *Call, task int) { w.Args.Mem[c.Off[1]+task] += float32(c.Off[0]) }
		want := make([]float32, 1<<12)
		for round := range 2000 {
			n := round % 40
			m.Run(task, n, round, 7)
			for i := range n {
				want[7+i] += float32(round)
			}
			if round%500 == 0 {
				time.Sleep(time.Millisecond) // lets the workers park
			}
		}
		if !slices.Equal(m.Mem[:1<<12], want) {
			t.Errorf("%d threads: a task ran twice or not at all", threads)
		}
	}
}

func TestRunAllocatesNothing(t *testing.T) {
	m := newMachine(t, 64, 2)
	nothing := func(w *Worker, c *Call, task int) {}
	if n := testing.AllocsPerRun(100, func() { m.Run(nothing, 10, 1, 2, 3) }); n != 0 {
		t.Errorf("%v allocations a run, expected none", n)
	}
}

func TestWorkersHaveTheirOwnScratch(t *testing.T) {
	m := newMachine(t, 5, 3)
	seen := map[int]bool{}
	for _, w := range m.workers {
		if w.Scratch%16 != 0 || w.Scratch < 5 || w.Scratch+20 > len(m.Mem) || seen[w.Scratch] {
			t.Errorf("worker %d: scratch at %d of %d", w.ID, w.Scratch, len(m.Mem))
		}
		seen[w.Scratch] = true
	}
}

func TestPanicBecomesError(t *testing.T) {
	for _, threads := range threadCounts {
		m := newMachine(t, 64, threads)
		bad := func(w *Worker, c *Call, task int) {
			if task%5 == 3 {
				panic("task is ill")
			}
		}
		err := m.Execute(&Function{Run: func(m *Machine) { m.Run(bad, 50) }}, 0, 0)
		if err == nil || !strings.Contains(err.Error(), "task is ill") {
			t.Fatalf("%d threads: error %v", threads, err)
		}
		if err := m.Execute(&Function{Run: func(m *Machine) { m.Zero(0, 64) }}, 0, 0); err != nil {
			t.Fatalf("%d threads: the machine is unusable after a panic: %v", threads, err)
		}
		if err := m.Execute(&Function{Run: func(m *Machine) { m.Gather(0, 16, 32, 1, 0, 1, 1) }}, 0, 0); err == nil {
			t.Fatal("gather from no rows succeeded")
		}
	}
}

func TestProfileHasOneEntryPerRun(t *testing.T) {
	m := newMachine(t, 64, 2)
	f := &Function{Run: func(m *Machine) { m.Zero(0, 8); m.Zero(8, 8) }}
	m.Time(true)
	for range 2 {
		if err := m.Execute(f, 0, 0); err != nil || len(m.Profile()) != 2 {
			t.Fatalf("%d entries, error %v", len(m.Profile()), err)
		}
	}
}

// The known answers of the Random123 distribution.
func TestPhiloxKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		counter [4]uint32
		key     uint64
		want    [4]uint32
	}{
		{[4]uint32{}, 0, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{math.MaxUint32, math.MaxUint32, math.MaxUint32, math.MaxUint32}, math.MaxUint64,
			[4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822,
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := Philox(c.counter, c.key); got != c.want {
			t.Errorf("philox(%x, %x) = %x, expected %x", c.counter, c.key, got, c.want)
		}
	}
}

func TestFillUniformIsTheStream(t *testing.T) {
	const n = 3*uniformChunk + 5
	want := make([]float32, n)
	Uniform(want, "mask_noise", 7, 12)
	mean := 0.0
	for i, u := range want {
		word := Philox(Counter(uint64(i/4), 12, StreamID("mask_noise")), 7)[i%4]
		if u != float32(word>>8)/(1<<24) || u < 0 || u >= 1 {
			t.Fatalf("element %d is %v", i, u)
		}
		mean += float64(u) / n
	}
	if !(math.Abs(mean-0.5) <= 0.01) {
		t.Errorf("mean %v", mean)
	}
	for _, threads := range threadCounts {
		m := newMachine(t, n, threads)
		m.FillUniform(0, n, "mask_noise", 7, 12)
		if !slices.Equal(m.Mem[:n], want) {
			t.Errorf("%d threads: other numbers", threads)
		}
	}
}

// Every length, and the wrap of the counter's first word, against the definition.
func TestUniformOfAnyLength(t *testing.T) {
	for v := scalar; v <= best; v++ {
		for n := range 200 {
			got := make([]float32, n+1)
			first := uint64(math.MaxUint32 - 7)
			uniform(v, got[:n], first, 0x123456789abcdef0, 0xfedcba9876543210, 99)
			for i, u := range got[:n] {
				if want := unit(Philox(Counter(first+uint64(i/4), 99, 0x123456789abcdef0), 0xfedcba9876543210)[i%4]); u != want {
					t.Fatalf("vectors %d: element %d of %d is %v, expected %v", v, i, n, u, want)
				}
			}
			if got[n] != 0 {
				t.Fatalf("vectors %d: element %d is written, of %d", v, n, n)
			}
		}
	}
}

func TestInitialize(t *testing.T) {
	param := func(name string, off, n int, in Init) Param {
		return Param{Tensor: Tensor{Name: name, Shape: []int{n}, Offset: off}, Init: in}
	}
	p := &Program{Floats: 1 << 16, Params: []Param{
		param("a", 0, 10, Init{Kind: "const", A: 3}),
		param("b", 16, 10000, Init{Kind: "normal", A: 1, B: 0.02}),
		param("c", 16384, 10000, Init{Kind: "xavier_uniform", FanIn: 2, FanOut: 4}),
		param("d", 32768, 100, Init{Kind: "uniform", A: 2, B: 3}),
	}}
	m, err := NewMachine(p, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	m.Initialize(1)
	mean, square := 0.0, 0.0
	for _, v := range m.Floats(p.Params[1].Tensor) {
		mean += float64(v) / 10000
		square += (float64(v) - 1) * (float64(v) - 1) / 10000
	}
	if m.Mem[5] != 3 || !(math.Abs(mean-1) <= 1e-3) || !(math.Abs(math.Sqrt(square)-0.02) <= 1e-3) {
		t.Errorf("const %v, normal mean %v deviation %v", m.Mem[5], mean, math.Sqrt(square))
	}
	c := m.Floats(p.Params[2].Tensor)
	if lo, hi := slices.Min(c), slices.Max(c); lo < -1 || lo > -0.99 || hi > 1 || hi < 0.99 {
		t.Errorf("xavier_uniform in [%v, %v], expected [-1, 1]", lo, hi)
	}
	if d := m.Floats(p.Params[3].Tensor); slices.Min(d) < 2 || slices.Max(d) >= 3 {
		t.Errorf("uniform in [%v, %v], expected [2, 3)", slices.Min(d), slices.Max(d))
	}
}

func TestArgSort(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	row := []float32{0.5, nan, -1, float32(math.Copysign(0, -1)), 0, inf, -inf, 0.5, -2, -nan, 1e-40, -1e-40}
	for _, threads := range threadCounts {
		m := newMachine(t, 4096, threads)
		for r := range 20 {
			copy(m.Mem[r*12:], row)
		}
		m.ArgSort(1024, 0, 20, 12)
		for r := range 20 {
			if got, want := m.ints(1024+r*12, 12), []int32{6, 8, 2, 11, 3, 4, 10, 0, 7, 5, 1, 9}; !slices.Equal(got, want) {
				t.Fatalf("%d threads: row %d sorted as %v, expected %v", threads, r, got, want)
			}
		}
	}
}

func TestArgSortIsStable(t *testing.T) {
	m := newMachine(t, 4096, 2)
	rapid.Check(t, func(t *rapid.T) {
		row := rapid.SliceOfN(rapid.SampledFrom([]float32{-1, 0, 1, 2}), 1, 300).Draw(t, "row")
		want := make([]int32, len(row))
		for i := range want {
			want[i] = int32(i)
		}
		sort.SliceStable(want, func(i, j int) bool { return row[want[i]] < row[want[j]] })
		copy(m.Mem, row)
		m.ArgSort(1024, 0, 1, len(row))
		if got := m.ints(1024, len(row)); !slices.Equal(got, want) {
			t.Fatalf("%v, expected %v", got, want)
		}
	})
}

func TestGatherScatterAdd(t *testing.T) {
	const batch, rows, k, width = 3, 7, 50, 130
	for _, threads := range threadCounts {
		m := newMachine(t, 1<<17, threads)
		src, idx, dst, sum := 0, 1<<12, 1<<13, 1<<15
		Uniform(m.Mem[:batch*rows*width], "src", 1, 1)
		for i, p := range m.ints(idx, batch*k) {
			m.ints(idx, batch*k)[i] = p + int32(i*i%rows)
		}
		m.Gather(dst, src, idx, batch, rows, k, width)
		m.ScatterAdd(sum, dst, idx, batch, rows, k, width)
		want := make([]float32, batch*rows*width)
		for i := range batch * k {
			from, b := i*i%rows, i/k
			for j := range width {
				v := m.Mem[src+(b*rows+from)*width+j]
				if m.Mem[dst+i*width+j] != v {
					t.Fatalf("gather: row %d", i)
				}
				want[(b*rows+from)*width+j] += v
			}
		}
		if !slices.Equal(m.Mem[sum:sum+len(want)], want) {
			t.Errorf("%d threads: scatter_add differs", threads)
		}
		m.ints(idx, 1)[0] = rows
		err := m.Execute(&Function{Run: func(m *Machine) { m.Gather(dst, src, idx, batch, rows, k, width) }}, 0, 0)
		if err == nil || !strings.Contains(err.Error(), "index 7 at position 0, expected 0..6") {
			t.Errorf("index out of range: %v", err)
		}
		// The second launch fails in its third kernel, however often this function has run before.
		chain := func(w *Worker, c *Call, task int) {
			w.Run(func(*Worker, *Call, int) {}, 0, 2)
			w.ScatterAdd(2, sum, dst, idx, batch, rows, k, width)
		}
		f := &Function{Run: func(m *Machine) { m.Zero(sum, 8); m.Run(chain, 1) },
			Calls: []CallInfo{{Stages: []StageInfo{{}}}, {Stages: []StageInfo{{}, {}, {Place: "put (a.mspec:7)"}}}}}
		for range 2 {
			if err := m.Execute(f, 0, 0); err == nil || !strings.Contains(err.Error(), "put (a.mspec:7): index 7 at position 0, expected 0..6") {
				t.Errorf("%d threads: index out of range: %v", threads, err)
			}
		}
	}
}

func TestCopy(t *testing.T) {
	m := newMachine(t, 1<<18, 2)
	src, dst := 0, 1<<17
	Uniform(m.Mem[:1<<17], "src", 1, 1)
	check := func(t *rapid.T) {
		rank := rapid.IntRange(0, 5).Draw(t, "rank")
		shape := make([]int, rank)
		perm := rapid.Permutation([]int{0, 1, 2, 3, 4}[:rank]).Draw(t, "perm")
		for i := range shape {
			shape[i] = rapid.IntRange(1, 9).Draw(t, "size")
		}
		big := 1
		if rank > 0 && rapid.Bool().Draw(t, "long") {
			big = 200 / max(1, rank*rank)
			shape[0] *= max(1, big/shape[0])
		}
		srcStride, dstStride := make([]int, rank), make([]int, rank)
		n := 1
		for i := rank - 1; i >= 0; i-- {
			dstStride[i] = n
			n *= shape[i]
		}
		step := 1
		for _, p := range perm {
			srcStride[p] = step
			step *= shape[p]
		}
		if rank > 1 && rapid.Bool().Draw(t, "broadcast") {
			srcStride[0] = 0
		}
		if n > 1<<17 || step > 1<<17 {
			t.Skip()
		}
		m.Zero(dst, 1<<17)
		m.Copy(dst, src, shape, dstStride, srcStride)
		for i := range n {
			from, rest := 0, i
			for a := rank - 1; a >= 0; a-- {
				from += rest % shape[a] * srcStride[a]
				rest /= shape[a]
			}
			if m.Mem[dst+i] != m.Mem[src+from] {
				t.Fatalf("element %d of shape %v, source strides %v", i, shape, srcStride)
			}
		}
		if m.Mem[min(dst+n, len(m.Mem)-1)] != 0 {
			t.Fatal("wrote past the end")
		}
	}
	rapid.Check(t, check)
	m.Copy(dst, src, []int{100000}, []int{1}, []int{1})
	if !slices.Equal(m.Mem[dst:dst+100000], m.Mem[:100000]) {
		t.Error("long copy differs")
	}
}

func BenchmarkFillUniform(b *testing.B) {
	m := newMachine(b, 1<<20, 1)
	b.SetBytes(4 << 20)
	for i := range b.N {
		m.FillUniform(0, 1<<20, "dropout", 1, uint64(i))
	}
}

func BenchmarkRun(b *testing.B) {
	m := newMachine(b, 64, 2)
	nothing := func(w *Worker, c *Call, task int) {}
	for range b.N {
		m.Run(nothing, 2)
	}
}

// TestProfileStages: laps divide a task's time among its stages, and tasks without laps
// count as one stage.
func TestProfileStages(t *testing.T) {
	m := newMachine(t, 64, 2)
	m.Time(true)
	two := func(w *Worker, _ *Call, _ int) {
		time.Sleep(time.Millisecond)
		w.Lap(0)
		time.Sleep(3 * time.Millisecond)
		w.Lap(1)
	}
	one := func(*Worker, *Call, int) { time.Sleep(time.Millisecond) }
	f := &Function{Run: func(m *Machine) { m.Run(two, 4); m.Run(one, 4) }}
	if err := m.Execute(f, 0, 0); err != nil {
		t.Fatal(err)
	}
	p := m.Profile()
	if s := p[0].Stages; len(s) != 2 || s[0] < 4*time.Millisecond || s[1] < 12*time.Millisecond || s[1] < s[0] {
		t.Errorf("stages of the first launch took %v", s)
	}
	if b := p[1].Busy(); b < 4*time.Millisecond || p[1].Stages[0] != b {
		t.Errorf("stages of the second launch took %v", p[1].Stages)
	}
	if p[0].Busy() > 2*p[0].Wall {
		t.Errorf("two workers were busy for %v in %v", p[0].Busy(), p[0].Wall)
	}
}

func TestProbe(t *testing.T) {
	l := newMachine(t, 64, 2).Probe()
	if l.FLOPs < 1e8 || l.Bandwidth < 1e8 || (l.BF16 > 1e8) != HasCPU("AVX512F", "AVX512_BF16") {
		t.Errorf("limits %+v", l)
	}
}

// The peak is that of the vectors of the program's kernels.
func TestProbedVectors(t *testing.T) {
	for _, c := range []struct {
		p    Program
		want vectors
	}{
		{Program{}, best},
		{Program{Target: "portable"}, scalar},
		{Program{Target: "avx2", CPU: []string{"AVX2", "FMA"}}, avx2},
		{Program{Target: "avx512", CPU: []string{"AVX512F", "AVX512VL"}}, avx512},
		{Program{Target: "avx512-bf16"}, avx512}, // of an earlier compiler
	} {
		if got := c.p.vectors(); got != c.want {
			t.Errorf("%+v: vectors %d, expected %d", c.p, got, c.want)
		}
	}
	const rounds = 1 << 18
	rate := [3]float64{}
	for v := scalar; v <= best; v++ {
		for range 5 {
			start := time.Now()
			n := multiplyAdd(v, rounds)
			rate[v] = max(rate[v], n/time.Since(start).Seconds())
		}
		if v > scalar && rate[v] < 2*rate[scalar] { // AVX-512 is no faster than AVX2 on some CPUs
			t.Errorf("operations per second: %.3g with vectors %d, %.3g without", rate[v], v, rate[scalar])
		}
	}
}
