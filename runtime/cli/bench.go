package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mspecc/runtime"
	"mspecc/runtime/data"
	"mspecc/runtime/train"
)

func (a *app) bench() *cobra.Command {
	var d dataFlags
	var steps, warmup int
	var profile bool
	c := &cobra.Command{
		Use:   "bench",
		Short: "Time training steps",
		Long: `Time training steps from fresh parameters, on random data unless --data is given. Nothing
is written. The machine should be idle; where the slowest step takes much longer than the
median, it was not.`,
		Example: `  BIN bench --steps 20
  BIN bench --threads 1 --profile
  BIN bench --data DIR --json`,
		RunE: func(*cobra.Command, []string) error {
			if steps < 1 || warmup < 0 {
				return usagef("--steps is %d and --warmup %d, expected at least 1 and 0", steps, warmup)
			}
			m, err := a.machine()
			if err != nil {
				return err
			}
			defer m.Close()
			p := m.Program
			if p.Step == nil {
				return fmt.Errorf("the model %s has no objective to train", p.Name)
			}
			var batches train.Batches = synthetic(p)
			if d.dir != "" {
				s, err := d.open(p, p.Train.Seed)
				if err != nil {
					return err
				}
				l, err := data.NewLoader(s.train.Data, s.train.Want, data.LoaderOptions{Batch: p.Batch, Seed: p.Train.Seed, Shuffle: true})
				if err != nil {
					return err
				}
				defer l.Close()
				batches = l
			}
			return a.runBench(m, batches, warmup, steps, profile)
		},
	}
	d.add(c)
	fl := c.Flags()
	fl.IntVar(&steps, "steps", 10, "steps to time")
	fl.IntVar(&warmup, "warmup", 3, "steps before that")
	fl.BoolVar(&profile, "profile", false, "also show where the time goes, kernel by kernel")
	return c
}

// fixed is one batch for every step.
type fixed data.Batch

func (f *fixed) Batch(int) (*data.Batch, error) { return (*data.Batch)(f), nil }

// synthetic is a batch of random values of deviation 1, or of random tokens.
func synthetic(p *runtime.Program) *fixed {
	x, ok := p.Step.Input("x")
	if !ok {
		return &fixed{}
	}
	u := make([]float32, x.Len())
	runtime.Uniform(u, "bench/x", 1, 0)
	b := &fixed{}
	if x.DType == runtime.I32 {
		b.Tokens = make([]int32, len(u))
		for i, v := range u {
			b.Tokens[i] = int32(v * float32(p.Modality.Vocab))
		}
		return b
	}
	for i, v := range u {
		u[i] = 3.4641016 * (v - 0.5)
	}
	b.X = u
	return b
}

// timing is what bench prints.
type timing struct {
	Model    string   `json:"model"`
	Modality string   `json:"modality"`
	Target   string   `json:"target"`
	Threads  int      `json:"threads"`
	Batch    int      `json:"batch"`
	Steps    int      `json:"steps"`
	Median   float64  `json:"median_s"`
	Min      float64  `json:"min_s"`
	Max      float64  `json:"max_s"`
	Rate     float64  `json:"examples_per_s"`
	GFLOPs   float64  `json:"gflop_per_s,omitempty"`
	Arena    int      `json:"arena_bytes"`
	Peak     int      `json:"peak_memory_bytes,omitempty"`
	Loss     float64  `json:"loss"`
	Profile  []kernel `json:"profile,omitempty"`
}

// kernel is one line of the profile: all launches of one name in a step.
type kernel struct {
	Name    string  `json:"name"`
	Calls   int     `json:"calls"`
	Seconds float64 `json:"seconds"`
	Share   float64 `json:"share"`
	GFLOPs  float64 `json:"gflop_per_s,omitempty"`
	GBs     float64 `json:"gb_per_s,omitempty"`
	flops   float64
	bytes   float64
}

func (a *app) runBench(m *runtime.Machine, batches train.Batches, warmup, steps int, profile bool) error {
	p := m.Program
	m.Initialize(p.Train.Seed)
	m.Time(profile)
	s := train.Stepper{Machine: m, Batches: batches, LR: p.Train.LR, Steps: p.Train.Steps, Seed: p.Train.Seed}
	r := timing{Model: p.Name, Modality: p.Modality.Name, Target: p.Target, Threads: m.Threads(), Batch: p.Batch, Steps: steps, Arena: 4 * len(m.Mem)}
	bar := a.progress("timing", warmup+steps, 0)
	var seconds []float64
	var launches []time.Duration
	for step := 1; step <= warmup+steps; step++ {
		start := time.Now()
		values, err := s.Step(step)
		if err != nil {
			return err
		}
		if step > warmup {
			seconds = append(seconds, time.Since(start).Seconds())
			launches = addProfile(launches, m.Profile())
		}
		if len(values) > 0 {
			r.Loss = values[0]
		}
		bar.set(step)
	}
	bar.end()
	slices.Sort(seconds)
	r.Min, r.Max, r.Median = seconds[0], seconds[steps-1], (seconds[(steps-1)/2]+seconds[steps/2])/2
	r.Rate, r.GFLOPs, r.Peak = float64(p.Batch)/r.Median, p.Step.FLOPs/r.Median/1e9, peakMemory()
	if profile {
		r.Profile = kernels(p.Step, launches, steps)
	}
	return a.print(r, r.write)
}

// addProfile adds the launches of one step to the sums.
func addProfile(sums, step []time.Duration) []time.Duration {
	for len(sums) < len(step) {
		sums = append(sums, 0)
	}
	for i, d := range step {
		sums[i] += d
	}
	return sums
}

// kernels gathers launches by name, slowest first. Launches that the program does not
// describe are called by their number.
func kernels(f *runtime.Function, launches []time.Duration, steps int) []kernel {
	at := map[string]int{}
	var list []kernel
	total := 0.0
	for i, d := range launches {
		info := runtime.CallInfo{Name: "launch " + strconv.Itoa(i)}
		if i < len(f.Calls) {
			info = f.Calls[i]
		}
		k, ok := at[info.Name]
		if !ok {
			k = len(list)
			at[info.Name] = k
			list = append(list, kernel{Name: info.Name})
		}
		e := &list[k]
		e.Calls++
		e.Seconds += d.Seconds() / float64(steps)
		e.flops += info.FLOPs
		e.bytes += info.Bytes
		total += d.Seconds() / float64(steps)
	}
	for i := range list {
		e := &list[i]
		e.Share, e.GFLOPs, e.GBs = e.Seconds/total, e.flops/e.Seconds/1e9, e.bytes/e.Seconds/1e9
	}
	slices.SortStableFunc(list, func(a, b kernel) int { return cmp.Compare(b.Seconds, a.Seconds) })
	return list
}

func (r timing) write(w io.Writer) {
	fmt.Fprintf(w, "%s %s, %s, %d threads, batch %d: %d steps\n", r.Model, r.Modality, r.Target, r.Threads, r.Batch, r.Steps)
	fmt.Fprintf(w, "seconds a step   median %.4g  min %.4g  max %.4g\n", r.Median, r.Min, r.Max)
	fmt.Fprintf(w, "examples/s       %.5g\n", r.Rate)
	if r.GFLOPs > 0 {
		fmt.Fprintf(w, "GFLOP/s          %.4g\n", r.GFLOPs)
	}
	fmt.Fprintf(w, "memory           %.1f MiB arena, %.1f MiB peak\n", float64(r.Arena)/(1<<20), float64(r.Peak)/(1<<20))
	if len(r.Profile) == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\nms\tshare\tcalls\tGFLOP/s\tGB/s\t  kernel")
	for _, k := range r.Profile {
		fmt.Fprintf(t, "%.3f\t%.1f %%\t%d\t%.1f\t%.1f\t  %s\n", 1e3*k.Seconds, 100*k.Share, k.Calls, k.GFLOPs, k.GBs, k.Name)
	}
	_ = t.Flush()
}

// peakMemory is the most memory the process has had in use, 0 where the system does not say.
func peakMemory() int {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmHWM:" {
			kib, _ := strconv.Atoi(f[1])
			return kib << 10
		}
	}
	return 0
}
