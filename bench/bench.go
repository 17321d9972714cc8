package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"mspecc/internal/refcase"
	"mspecc/kernels/gen"
	"mspecc/runtime"
)

// bench is one run of the tool.
type bench struct {
	ctx    context.Context
	o      *options
	out    io.Writer
	log    io.Writer
	dir    string // temporary files
	root   string // the repository
	mspecc string
	report report
	start  time.Time
}

// report is what --json writes.
type report struct {
	Date    string   `json:"date"`
	CPU     string   `json:"cpu"`
	Cores   int      `json:"cores"`
	Threads int      `json:"threads"`
	Go      string   `json:"go"`
	PyTorch string   `json:"pytorch,omitempty"`
	JAX     string   `json:"jax,omitempty"`
	Peak    float64  `json:"fma_peak_flop_per_s,omitempty"` // float32, by all threads
	Noise   float64  `json:"allowed_noise"`
	Others  float64  `json:"others"`          // largest share of the machine that others used
	Busy    bool     `json:"busy"`            // more than allowed: the figures are no verdict
	Notes   []string `json:"notes,omitempty"` // what could not be measured, and why
	Results []any    `json:"results"`
}

// newBench finds the repository and makes a folder for temporary files.
func newBench(ctx context.Context, o *options, out, log io.Writer) (*bench, error) {
	b := &bench{ctx: ctx, o: o, out: out, log: log, mspecc: o.mspecc, start: time.Now()}
	b.report = report{
		Date: b.start.Format(time.DateOnly), CPU: cpuName(), Cores: goruntime.NumCPU(), Threads: o.threads,
		Go: goruntime.Version(), Noise: o.noise, Results: []any{},
	}
	cases, err := refcase.Dir()
	if err != nil {
		return nil, err
	}
	b.root = filepath.Dir(filepath.Dir(cases))
	b.dir, err = os.MkdirTemp("", "mspecc-bench-")
	return b, err
}

// prepare finds the peers and, where something is to be measured, checks that the machine is
// idle, builds the compiler and measures the peak.
func (b *bench) prepare() error {
	if err := b.findPeers(); err != nil || b.o.mode == "check" {
		return err
	}
	if err := b.idle(3 * time.Second); err != nil {
		return err
	}
	if b.mspecc == "" {
		b.say("building the compiler")
		b.mspecc = filepath.Join(b.dir, "mspecc")
		if _, err := b.command([]string{"go", "build", "-C", b.root, "-o", b.mspecc, "./cmd/mspecc"}, nil); err != nil {
			return err
		}
	}
	return b.probe()
}

func (b *bench) close() { _ = os.RemoveAll(b.dir) }

// say writes a line of progress.
func (b *bench) say(format string, a ...any) {
	fmt.Fprintf(b.log, "%6.0f s  %s\n", time.Since(b.start).Seconds(), fmt.Sprintf(format, a...))
}

// note records what could not be measured.
func (b *bench) note(format string, a ...any) {
	text := fmt.Sprintf(format, a...)
	if !contains(b.report.Notes, text) {
		b.report.Notes = append(b.report.Notes, text)
		b.say("%s", text)
	}
}

// cpuName is the processor as the system calls it.
func cpuName() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return goruntime.GOARCH
}

// probe measures the peak of multiply-adds with the vectors of the target; the best of all probes of a run counts.
func (b *bench) probe() error {
	targets, err := gen.Select(b.o.target, goruntime.GOARCH)
	if err != nil {
		return err
	}
	best := slices.IndexFunc(targets, func(t gen.Target) bool { return runtime.HasCPU(t.CPU...) })
	if best < 0 {
		return fmt.Errorf("this CPU does not run the kernels of %s", b.o.target)
	}
	m, err := runtime.NewMachine(&runtime.Program{Target: targets[best].Name, CPU: targets[best].CPU}, b.o.threads)
	if err != nil {
		return err
	}
	defer m.Close()
	b.report.Peak = max(b.report.Peak, m.Probe().FLOPs)
	return nil
}

// output is what a command left behind.
type output struct {
	stdout []byte
	wall   float64 // seconds
	others float64 // share of the machine that others used meanwhile
}

// command runs a program to its end, with variables beside those of the environment.
func (b *bench) command(args, env []string) (*output, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(b.ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	before, err := machineSeconds()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if err := cmd.Run(); err != nil {
		if b.ctx.Err() != nil {
			return nil, errors.New("interrupted")
		}
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, tail(stderr.String(), 2000))
	}
	wall := time.Since(start).Seconds()
	after, err := machineSeconds()
	if err != nil {
		return nil, err
	}
	own := (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	return &output{stdout.Bytes(), wall, others(after-before, own, wall, b.report.Cores)}, nil
}

// tail is the end of a text.
func tail(text string, n int) string {
	text = strings.TrimSpace(text)
	if len(text) > n {
		return "..." + text[len(text)-n:]
	}
	return text
}

// program is something that takes training steps: a trainer or a peer.
type program struct {
	label   string
	model   string   // what it trains
	args    []string // the command; --steps, --warmup and --threads are added
	env     []string
	variant string    // how it runs, where there is a choice
	choice  []variant // what else is tried first
	work    float64   // operations of the matrix products of a step, nothing left out
}

// sample is what a program says of its steps; trainers and peers use the same keys.
type sample struct {
	Seconds []float64 `json:"step_s"`
	Memory  float64   `json:"peak_memory_bytes"`
	Loss    float64   `json:"loss"`
	wall    float64
	others  float64
}

// take lets a program take steps.
func (b *bench) take(p program, warmup, steps int) (*sample, error) {
	args := append(append([]string{}, p.args...),
		"--warmup", strconv.Itoa(warmup), "--steps", strconv.Itoa(steps), "--threads", strconv.Itoa(b.o.threads))
	out, err := b.command(args, p.env)
	if err != nil {
		return nil, err
	}
	s := &sample{wall: out.wall, others: out.others}
	if err := json.Unmarshal(out.stdout, s); err != nil {
		return nil, fmt.Errorf("%s printed no result: %w", strings.Join(args, " "), err)
	}
	if len(s.Seconds) != steps {
		return nil, fmt.Errorf("%s timed %d steps, %d were asked for", strings.Join(args, " "), len(s.Seconds), steps)
	}
	b.report.Others = max(b.report.Others, s.others)
	return s, nil
}

// result is all runs of one program on one configuration.
type result struct {
	Data    string    `json:"data"`
	Model   string    `json:"model"`
	Program string    `json:"program"`
	Variant string    `json:"variant,omitempty"`
	Step    summary   `json:"step"`
	Seconds []float64 `json:"step_s"`
	FLOP    float64   `json:"matrix_flop"`
	Rate    float64   `json:"gflop_per_s"`
	Peak    float64   `json:"share_of_peak"`
	Memory  float64   `json:"peak_memory_bytes"`
	Others  float64   `json:"others"`
	Busy    bool      `json:"busy"`
}

// alternate runs the programs in turn, round after round.
func (b *bench) alternate(data string, programs []program) ([]*result, error) {
	results := make([]*result, len(programs))
	for i := range programs {
		if err := b.tune(&programs[i]); err != nil {
			return nil, err
		}
		p := programs[i]
		results[i] = &result{Data: data, Model: p.model, Program: p.label, Variant: p.variant, FLOP: p.work}
	}
	for round := range b.o.rounds {
		for i, p := range programs {
			s, err := b.take(p, b.o.warmup, b.o.steps)
			if err != nil {
				return nil, err
			}
			results[i].add(s)
			b.say("%s, round %d of %d: %s %s, %s s a step%s", data, round+1, b.o.rounds, p.label, p.model, seconds(summarise(s.Seconds).Median), b.mark(s.others))
		}
		if err := b.probe(); err != nil {
			return nil, err
		}
	}
	for _, r := range results {
		r.sum(b.report.Peak, b.o.noise)
		b.report.Results = append(b.report.Results, r)
	}
	return results, nil
}

func (r *result) add(s *sample) {
	r.Seconds = append(r.Seconds, s.Seconds...)
	r.Memory, r.Others = max(r.Memory, s.Memory), max(r.Others, s.others)
}

// sum works out the figures, given the peak and the share that others may use.
func (r *result) sum(peak, noise float64) {
	r.Step = summarise(r.Seconds)
	r.Rate = r.FLOP / r.Step.Median / 1e9
	r.Peak = 1e9 * r.Rate / peak
	r.Busy = r.Others > noise
}

// mark says that a machine was busy.
func (b *bench) mark(others float64) string {
	if others > b.o.noise {
		return fmt.Sprintf(", busy: others used %s", percent(others))
	}
	return ""
}

// heading writes what was measured on what.
func (b *bench) heading(what string) {
	r := b.report
	fmt.Fprintf(b.out, "%s. %s, %s, %d of %d cores, float32 FMA peak %.0f GFLOP/s, %s", what, r.Date, r.CPU, r.Threads, r.Cores, r.Peak/1e9, r.Go)
	for _, peer := range [][2]string{{"PyTorch", r.PyTorch}, {"JAX", r.JAX}} {
		if peer[1] != "" {
			fmt.Fprintf(b.out, ", %s %s", peer[0], peer[1])
		}
	}
	fmt.Fprintf(b.out, ".\n\n")
}

// finish writes the notes, the file of results and the verdict on the machine.
func (b *bench) finish() error {
	r := &b.report
	r.Busy = r.Others > b.o.noise
	for _, n := range r.Notes {
		fmt.Fprintf(b.out, "\n%s\n", n)
	}
	if b.o.json != "" {
		if err := writeJSON(b.o.json, r); err != nil {
			return err
		}
	}
	if b.o.mode == "check" {
		return nil
	}
	if r.Busy {
		fmt.Fprintf(b.out, "\nNo verdict: others used up to %s of the machine, at most %s is allowed.\n", percent(r.Others), percent(b.o.noise))
		return fmt.Errorf("%w: others used up to %s of the machine", errBusy, percent(r.Others))
	}
	fmt.Fprintf(b.out, "\nOthers used at most %s of the machine.\n", percent(r.Others))
	return nil
}
