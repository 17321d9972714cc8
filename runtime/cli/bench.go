package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mspecc/runtime"
	"mspecc/runtime/data"
	"mspecc/runtime/eval"
	"mspecc/runtime/train"
)

func (a *app) bench() *cobra.Command {
	var d dataFlags
	var steps, warmup int
	var timed bool
	c := &cobra.Command{
		Use:         "bench",
		Annotations: map[string]string{prints: "true"},
		Short:       "Time training steps",
		Long: `Time training steps from fresh parameters, on random data unless --data is given. Nothing
is written. The machine should be idle; where the slowest step takes much longer than the
median, it was not. With --data it also says how many examples a second one core decodes, and
which part of the time the steps waited for data once the first had them.`,
		Example: `  BIN bench --steps 20
  BIN bench --threads 1 --profile
  BIN bench --data DIR --json`,
		RunE: func(*cobra.Command, []string) error {
			if steps < 1 || warmup < 0 {
				return usagef("--steps is %d and --warmup %d, expected at least 1 and 0", steps, warmup)
			}
			if d.dir == "" && (d.reader != "" || len(d.options) > 0 || d.skipBad != 0) {
				return usagef("--reader, --data-option and --skip-bad are for --data: without it random numbers are taken")
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
			b := benchmark{app: a, m: m, batches: synthetic(p), warmup: warmup, steps: steps, timed: timed}
			if d.dir != "" {
				s, err := a.open(&d, p, p.Train.Seed)
				if err != nil {
					return err
				}
				if b.decode, err = decodingRate(s.train); err != nil {
					return err
				}
				l, err := data.NewLoader(s.train.Data, s.train.Want, data.LoaderOptions{Batch: p.Batch, Seed: p.Train.Seed, Shuffle: true})
				if err != nil {
					return err
				}
				defer l.Close()
				b.batches = l
			}
			return b.run()
		},
	}
	d.add(c)
	fl := c.Flags()
	fl.IntVar(&steps, "steps", 10, "steps to time")
	fl.IntVar(&warmup, "warmup", 3, "steps before that")
	fl.BoolVar(&timed, "profile", false, "also show where the time goes, by phase and by kernel, against what this machine can do")
	return c
}

// fixed is one batch for every step.
type fixed data.Batch

// BatchUntil gives the batch.
func (f *fixed) BatchUntil(context.Context, int) (*data.Batch, error) { return (*data.Batch)(f), nil }

func (f *fixed) Stats() data.Stats { return data.Stats{} }

// synthetic is a batch of random values of deviation 1, or of random tokens.
func synthetic(p *runtime.Program) *fixed {
	b := &fixed{}
	for row := range p.Batch {
		for _, in := range p.Modality.Inputs {
			u := make([]float32, in.Len())
			runtime.Uniform(u, "bench/"+in.Tensor(), 1, uint64(row))
			for _, v := range u {
				if in.DType == runtime.I32 {
					b.Tokens = append(b.Tokens, int32(v*float32(in.Vocab)))
				} else {
					b.X = append(b.X, 3.4641016*(v-0.5))
				}
			}
		}
	}
	return b
}

// timing is what bench prints.
type timing struct {
	Model    string    `json:"model"`
	Modality string    `json:"modality"`
	Target   string    `json:"target"`
	Threads  int       `json:"threads"`
	Batch    int       `json:"batch"`
	Steps    int       `json:"steps"`
	Median   float64   `json:"median_s"`
	Min      float64   `json:"min_s"`
	Max      float64   `json:"max_s"`
	Seconds  []float64 `json:"step_s"` // of every step, in order
	Rate     float64   `json:"examples_per_s"`
	GFLOPs   float64   `json:"gflop_per_s,omitempty"`
	Arena    int       `json:"arena_bytes"`
	Peak     int       `json:"peak_memory_bytes,omitempty"`
	Loss     float64   `json:"loss"`
	Data     *feeding  `json:"data,omitempty"`
	Profile  *profile  `json:"profile,omitempty"`
}

// feeding says whether data come as fast as they are used.
type feeding struct {
	Decode float64 `json:"decoded_per_s"` // examples, by one core that does nothing else
	Wait   float64 `json:"wait"`          // share of the timed steps' time that they waited for data
}

// decoding is for how long examples are decoded to tell the rate.
const decoding = time.Second / 2

// decodingRate is how many examples a second one core decodes.
func decodingRate(s eval.Source) (float64, error) {
	e, n := data.NewExample(s.Want, s.Data.Labels()), s.Data.Len()
	start := time.Now()
	for i := 0; ; i++ {
		if err := s.Data.Example(data.Draw(n, uint64(i)), 0, e); err != nil {
			return 0, err
		}
		if took := time.Since(start); took > decoding {
			return float64(i+1) / took.Seconds(), nil
		}
	}
}

// benchmark is one call of bench.
type benchmark struct {
	app           *app
	m             *runtime.Machine
	batches       train.Batches
	decode        float64 // examples a second, 0 for random data
	warmup, steps int
	timed         bool
}

func (b *benchmark) run() error {
	a, m, batches, warmup, steps, timed := b.app, b.m, b.batches, b.warmup, b.steps, b.timed
	p := m.Program
	m.Initialize(p.Train.Seed)
	m.Time(timed)
	s := train.Stepper{Machine: m, Batches: batches, LR: p.Train.LR, Steps: p.Train.Steps, Seed: p.Train.Seed}
	r := timing{Model: p.Name, Modality: p.Modality.Name, Target: p.Target, Threads: m.Threads(), Batch: p.Batch, Steps: steps, Arena: 4 * len(m.Mem)}
	bar := a.progress("timing", warmup+steps, 0)
	var seconds []float64
	var launches launchSums
	var waited time.Duration // until the first timed step
	for step := 1; step <= warmup+steps; step++ {
		if step == warmup+1 {
			waited = batches.Stats().Waited
		}
		start := time.Now()
		values, err := s.Step(context.Background(), step)
		if err != nil {
			return err
		}
		if step > warmup {
			seconds = append(seconds, time.Since(start).Seconds())
			launches.add(m.Profile())
		}
		if len(values) > 0 {
			r.Loss = values[0]
		}
		bar.set(step)
	}
	bar.end()
	if b.decode > 0 {
		total := 0.0
		for _, s := range seconds {
			total += s
		}
		r.Data = &feeding{Decode: b.decode, Wait: (batches.Stats().Waited - waited).Seconds() / total}
	}
	r.Seconds = slices.Clone(seconds)
	slices.Sort(seconds)
	r.Min, r.Max, r.Median = seconds[0], seconds[steps-1], (seconds[(steps-1)/2]+seconds[steps/2])/2
	r.Rate, r.GFLOPs, r.Peak = float64(p.Batch)/r.Median, p.Step.FLOPs/r.Median/1e9, peakMemory()
	if timed {
		r.Profile = newProfile(p.Step, slices.Contains(p.CPU, "AVX512_BF16"), launches, steps, m.Threads(), m.Probe())
	}
	return a.print(r, r.write)
}

func (r timing) write(w io.Writer) {
	fmt.Fprintf(w, "%s %s, %s, %d threads, batch %d: %d steps\n", r.Model, r.Modality, r.Target, r.Threads, r.Batch, r.Steps)
	fmt.Fprintf(w, "seconds a step   median %.4g  min %.4g  max %.4g\n", r.Median, r.Min, r.Max)
	fmt.Fprintf(w, "examples/s       %.5g\n", r.Rate)
	if r.Data != nil {
		fmt.Fprintf(w, "data             a core decodes %s examples/s; %.1f %% of the time waiting for data\n", rate(r.Data.Decode), 100*r.Data.Wait)
	}
	if r.GFLOPs > 0 {
		fmt.Fprintf(w, "GFLOP/s          %.4g\n", r.GFLOPs)
	}
	fmt.Fprintf(w, "memory           %.1f MiB arena, %.1f MiB peak\n", float64(r.Arena)/(1<<20), float64(r.Peak)/(1<<20))
	if r.Profile != nil {
		r.Profile.write(w)
	}
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
