package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mspecc/internal/pytest"
	"mspecc/internal/refcase"
)

func TestSummary(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   summary
	}{
		{[]float64{3}, summary{1, 3, 3, 3, 3, 3}},
		{[]float64{2, 1}, summary{2, 1, 1.25, 1.5, 1.75, 2}},
		{[]float64{5, 1, 4, 2, 3}, summary{5, 1, 2, 3, 4, 5}},
	} {
		before := append([]float64{}, c.values...)
		if diff := cmp.Diff(c.want, summarise(c.values)); diff != "" {
			t.Errorf("%v:\n%s", c.values, diff)
		}
		if !cmp.Equal(before, c.values) {
			t.Errorf("%v became %v", before, c.values)
		}
	}
}

func TestDigits(t *testing.T) {
	for _, c := range []struct {
		v    float64
		n    int
		want string
	}{{1.58, 4, "1.580"}, {0.000123456, 4, "0.0001235"}, {12345, 3, "12345"}, {0, 3, "0"}, {9.999, 3, "10.00"}, {math.NaN(), 3, "NaN"}} {
		if got := digits(c.v, c.n); got != c.want {
			t.Errorf("digits(%g, %d) is %s, expected %s", c.v, c.n, got, c.want)
		}
	}
	if got := factor(3, 0); got != "" {
		t.Errorf("a factor of nothing is %q", got)
	}
}

func TestTable(t *testing.T) {
	tab := table{head: []string{" data", "s", " é"}}
	tab.add("higgs", "1.5", "ü")
	tab.add("x", "", "long")
	var out strings.Builder
	tab.write(&out)
	want := `| data  |   s | é    |
| ----- | --: | ---- |
| higgs | 1.5 | ü    |
| x     |     | long |
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// TestProducts: the numbers are those of PyTorch 2.15's FlopCounterMode for the peer, at batch 4.
func TestProducts(t *testing.T) {
	counted := map[string][4]float64{ // MAE, first order, second order, two inner steps
		"pamap2":     {2573557760, 3280896000, 4657725440, 6722969600},
		"higgs":      {2695671808, 2986455040, 3530174464, 4345753600},
		"imagenet32": {3566641152, 4249862144, 5578457088, 7571349504},
		"genomics":   {26374840320, 30248845312, 37959008256, 49524252672},
	}
	for _, c := range configs() {
		want, ok := counted[c.Name]
		if !ok {
			continue
		}
		c.Batch = 4
		var got [4]float64
		for i, o := range orders {
			got[i] = productFLOPs(with(c, o.change))
		}
		got[3] = productFLOPs(with(c, func(c *refcase.Case) { c.Objective.InnerSteps = 2 }))
		if got != want {
			t.Errorf("%s: %v, expected %v", c.Name, got, want)
		}
	}
}

func TestInnerActivations(t *testing.T) {
	c := with(sweepCase(), func(c *refcase.Case) { c.Batch = 1 })
	// 65 rows, 2 layers: 12 values of width 128, and 65 of each of 4 heads.
	if got, want := innerActivations(c), 4.0*65*2*(12*128+4*65); got != want {
		t.Errorf("%g bytes, expected %g", got, want)
	}
}

func TestParseStat(t *testing.T) {
	got, err := parseStat("cpu  100 20 30 4000 500 6 7 80 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n")
	if want := 2.43; err != nil || !(math.Abs(got-want) <= 1e-12) {
		t.Errorf("%g seconds (%v), expected %g: idle, waiting and guest time are not counted", got, err, want)
	}
	for _, text := range []string{"", "cpu 1 2 3", "cpu0 1 2 3 4 5 6 7 8", "cpu 1 2 x 4 5 6 7 8"} {
		if _, err := parseStat(text); err == nil {
			t.Errorf("%q is read without error", text)
		}
	}
}

func TestParseProcess(t *testing.T) {
	who, s, err := parseProcess("42 (a) b(c) S 1 1 1 0 -1 4194560 100 0 0 0 150 50 7 8 20 0 1 0 99\n")
	if err != nil || who != (task{42, "a) b(c"}) || s != 2 {
		t.Errorf("%v, %g seconds, %v", who, s, err)
	}
	for _, text := range []string{"", "42 a S 1", "42 (a) S 1 1", "x (a) S 1 1 1 0 -1 4194560 100 0 0 0 150 50 7"} {
		if _, _, err := parseProcess(text); err == nil {
			t.Errorf("%q is read without error", text)
		}
	}
}

func TestOthers(t *testing.T) {
	for _, c := range []struct{ all, own, wall, want float64 }{
		{4, 3, 2, 0.25}, {4, 4, 2, 0}, {3.99, 4, 2, 0}, {1, 0, 0, 0},
	} {
		if got := others(c.all, c.own, c.wall, 2); got != c.want {
			t.Errorf("%+v: %g", c, got)
		}
	}
}

func TestBusiest(t *testing.T) {
	before := map[task]float64{{1, "init"}: 5, {2, "old"}: 1}
	after := map[task]float64{{1, "init"}: 5.01, {2, "old"}: 2, {3, "new"}: 1.5, {os.Getpid(), "bench"}: 9}
	if got, want := busiest(before, after, 2), "new (3) 75 %, old (2) 50 %"; got != want {
		t.Errorf("%q, expected %q", got, want)
	}
	if got := busiest(before, before, 2); got != "no single process" {
		t.Errorf("nothing ran, but: %s", got)
	}
}

func TestJudge(t *testing.T) {
	b := newTestBench(t)
	if err := b.judge(0.02, ""); err != nil {
		t.Errorf("2 %% of 3 %%: %v", err)
	}
	err := b.judge(0.2, "sshd (7) 40 %")
	if !errors.Is(err, errBusy) || !strings.Contains(err.Error(), "20.0 %") || !strings.Contains(err.Error(), "sshd (7)") {
		t.Errorf("20 %%: %v", err)
	}
	b.o.force = true
	if err := b.judge(0.2, ""); err != nil {
		t.Errorf("with --force: %v", err)
	}
	if err := b.finish(); !errors.Is(err, errBusy) {
		t.Errorf("a run that met a busy machine ends with %v", err)
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--steps 0", "--steps"},
		{"--ratios --sweep", "it excludes --ratios"},
		{"--only mnist", `--only: there is no "mnist"; there are pamap2, higgs`},
		{"--peers caffe", `--peers: there is no "caffe"`},
		{"--axes size", `--axes: there is no "size"`},
		{"--model vae", "metamae or mae"},
		{"--tune best", "none, quick or full"},
		{"--noise 1", "--noise"},
		{"--threads 100000", "cores"},
		{"now", "unexpected argument"},
	} {
		var log strings.Builder
		if _, err := parse(strings.Fields(c.args), &log); !errors.Is(err, errUsage) || !strings.Contains(log.String(), c.want) {
			t.Errorf("%s: %v, %s", c.args, err, log.String())
		}
	}
	o, err := parse([]string{"--only", "higgs,genomics", "--only", "pamap2", "--check", "--threads", "1"}, io.Discard)
	if err != nil || o.mode != "check" || !cmp.Equal(o.only, list{"higgs", "genomics", "pamap2"}) {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err := parse([]string{"--help"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help: %v", err)
	}
}

func TestSweepSizes(t *testing.T) {
	for _, a := range axes {
		for _, n := range a.sizes {
			c := with(sweepCase(), func(c *refcase.Case) { a.set(c, n) })
			for _, net := range []refcase.Net{c.Encoder, c.Decoder} {
				if net.Heads < 1 || net.Width%net.Heads != 0 || net.Layers < 1 {
					t.Errorf("%s %d: %+v", a.name, n, net)
				}
			}
			if c.Keep() < 1 || c.Batch < 1 {
				t.Errorf("%s %d: %d visible tokens, batch %d", a.name, n, c.Keep(), c.Batch)
			}
		}
	}
}

func TestSteep(t *testing.T) {
	for change, want := range map[float64]bool{0: false, 1: false, 1.4: false, 1.6: true, 0.7: false, 0.6: true} {
		if got := (&sized{Change: change}).steep(); got != want {
			t.Errorf("%g: %t", change, got)
		}
	}
}

// TestCompare: what the reference computed passes, anything else does not.
func TestCompare(t *testing.T) {
	c, err := refcase.Get("image_small")
	if err != nil {
		t.Fatal(err)
	}
	got := func() *checked {
		return &checked{Steps: append([]map[string]float64{}, c.Expect.Steps...), GradNorm: map[string]float64{}, GradProbe: map[string]float64{}}
	}
	fill := func(g *checked) *checked {
		for n, v := range c.Expect.GradNorm {
			g.GradNorm[n], g.GradProbe[n] = v, c.Expect.GradProbe[n]
		}
		return g
	}
	if err := fill(got()).compare(c); err != nil {
		t.Errorf("the reference's own numbers: %v", err)
	}
	wrong := map[string]*checked{"missing gradients": got(), "probe": fill(got()), "norm": fill(got()), "loss": fill(got()), "fewer steps": fill(got())}
	wrong["probe"].GradProbe["mask_token"] *= -1
	wrong["norm"].GradNorm["mask_token"] *= 1.001
	wrong["loss"].Steps[0] = map[string]float64{"loss": 1, "inner_loss": 1, "outer_loss": 1, "contrast_loss": 1}
	wrong["fewer steps"].Steps = wrong["fewer steps"].Steps[1:]
	for name, g := range wrong {
		if err := g.compare(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestPeers: where there is an interpreter with them, the peers compute what the reference did.
func TestPeers(t *testing.T) {
	for _, p := range peers {
		if len(p.args) > 0 {
			continue
		}
		for _, name := range []string{"series_small", "image_small", "tokens_small", "mae_small", "first_order_small", "two_inner_steps_small"} {
			t.Run(p.name+"/"+name, func(t *testing.T) {
				c, err := refcase.Get(name)
				if err != nil {
					t.Fatal(err)
				}
				t.Setenv("PYTHONDONTWRITEBYTECODE", "1")
				var got checked
				text := pytest.Run(t, []string{p.needs}, filepath.Join("peers", p.script), filepath.Join("..", "testdata", "cases", name+".json"), "--check", "--threads", "1")
				if err := json.Unmarshal(text, &got); err != nil {
					t.Fatal(err)
				}
				if err := got.compare(c); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func newTestBench(t *testing.T) *bench {
	t.Helper()
	o := &options{steps: 2, warmup: 1, rounds: 2, threads: 1, noise: 0.03, tune: "quick", model: "metamae", target: "auto"}
	b, err := newBench(t.Context(), o, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.close)
	return b
}

// script is a program that writes its arguments to a file and prints two steps; the variable SECONDS
// is their length.
func script(t *testing.T, dir, name, print string) program {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("needs a POSIX shell")
	}
	if _, err := machineSeconds(); err != nil {
		t.Skip(err)
	}
	file := filepath.Join(dir, name)
	text := fmt.Sprintf("echo %s \"$@\" >> %s\n%s\n", name, filepath.Join(dir, "log"), print)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return program{label: name, args: []string{sh, file}, work: 2e9}
}

const twoSteps = `echo "{\"step_s\": [${STEP:-2}, ${STEP:-2}], \"loss\": 1, \"peak_memory_bytes\": 5}"`

// TestAlternate: programs run in turn with the flags they all know, the fastest variant is kept.
func TestAlternate(t *testing.T) {
	b, dir := newTestBench(t), t.TempDir()
	first, second := script(t, dir, "first", twoSteps), script(t, dir, "second", twoSteps)
	second.variant = "as it is"
	second.choice = []variant{{name: "slow", env: []string{"STEP=3"}}, {name: "fast", args: []string{"--fast"}, env: []string{"STEP=1"}}}
	results, err := b.alternate("data", []program{first, second})
	if err != nil {
		t.Fatal(err)
	}
	const flags = " --warmup 1 --steps 2 --threads 1\n"
	want := "second" + flags + "second" + flags + "second --fast" + flags + // tuning
		"first" + flags + "second --fast" + flags + "first" + flags + "second --fast" + flags
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(log)); diff != "" {
		t.Errorf("runs:\n%s", diff)
	}
	r := results[1]
	if r.Variant != "fast" || r.Step.N != 4 || r.Step.Median != 1 || r.Memory != 5 || r.Rate != 2 || !(r.Peak > 0) {
		t.Errorf("%+v", r)
	}
	if len(b.report.Results) != 2 {
		t.Errorf("%d results are reported", len(b.report.Results))
	}
}

// TestTakeErrors: a program that fails or prints nonsense is an error that shows what it said.
func TestTakeErrors(t *testing.T) {
	b, dir := newTestBench(t), t.TempDir()
	for print, want := range map[string]string{
		"echo broken >&2; exit 3":          "broken",
		"echo hello":                       "no result",
		`echo '{"step_s": [1]}'`:           "timed 1 steps, 2 were asked for",
		`echo '{"step_s": [1,1,1,1]}'`:     "timed 4 steps",
		`echo '{"step_s": [1], "loss":'`:   "no result",
		`echo '{"step_s": ["a"]}'; exit 0`: "no result",
	} {
		if _, err := b.take(script(t, dir, "program", print), 1, 2); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", print, err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	b.ctx = ctx
	time.AfterFunc(50*time.Millisecond, stop)
	if _, err := b.take(script(t, dir, "program", "exec sleep 60"), 1, 2); err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("interrupted: %v", err)
	}
}

// TestPrintSteps: ratios are those to ours in float32 and in bf16, memory that of PyTorch.
func TestPrintSteps(t *testing.T) {
	b := newTestBench(t)
	var out bytes.Buffer
	b.out = &out
	b.report.Peak = 100e9
	var rows []*result
	for i, p := range []string{"mspecc", "mspecc bf16", "PyTorch"} {
		r := &result{Data: "higgs", Program: p, FLOP: 20e9, Memory: float64(1+i) * 1e8, Seconds: []float64{[]float64{1, 0.5, 3}[i]}}
		r.sum(b.report.Peak, b.o.noise)
		rows = append(rows, r)
	}
	rows[2].Others, rows[2].Variant = 0.2, "fused attention"
	b.printSteps([][]*result{rows})
	var cells [][]string
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "| higgs") {
			f := strings.Split(strings.Trim(line, "|\n"), "|")
			for i := range f {
				f[i] = strings.TrimSpace(f[i])
			}
			cells = append(cells, f)
		}
	}
	want := [][]string{
		{"higgs", "mspecc", "1.000 (1.000 to 1.000)", "1.000 to 1.000", "1.00", "2.00", "100", "0.333", "20", "20 %", "0.0 %", ""},
		{"higgs", "mspecc bf16", "0.5000 (0.5000 to 0.5000)", "0.5000 to 0.5000", "0.500", "1.00", "200", "0.667", "40", "40 %", "0.0 %", ""},
		{"higgs", "PyTorch", "3.000 (3.000 to 3.000)", "3.000 to 3.000", "3.00", "6.00", "300", "1.00", "7", "7 %", "20.0 %", "fused attention, busy"},
	}
	if diff := cmp.Diff(want, cells); diff != "" {
		t.Error(diff)
	}
}

// TestHeld: for a target, peers get the variables that keep them to its instructions, and no variant that
// takes others.
func TestHeld(t *testing.T) {
	c := configs()[0]
	for target, held := range map[string]bool{"auto": false, "portable": false, "avx2": true} {
		b := newTestBench(t)
		b.o.target = target
		for _, p := range peers {
			run, err := b.peer(p, c)
			if err != nil {
				t.Fatal(err)
			}
			if got := slices.Contains(run.env, "ATEN_CPU_CAPABILITY=avx2"); got != held {
				t.Errorf("%s, %s: held to AVX2: %v", target, p.name, got)
			}
			for _, v := range run.choice {
				if held && strings.Contains(strings.Join(v.env, " "), "512") {
					t.Errorf("%s tries %s", p.name, v.name)
				}
			}
		}
	}
	if _, err := parse([]string{"--target", "sse2"}, io.Discard); err == nil {
		t.Error("there is a target sse2")
	}
}
