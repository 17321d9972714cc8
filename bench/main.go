// Command bench measures trainers against their peers on this machine.
//
//	go run ./bench              training steps beside PyTorch and JAX
//	go run ./bench --ratios     what second order costs over first order and over plain MAE
//	go run ./bench --sweep      other batches, sequences, widths and depths
//	go run ./bench --compile    time from the spec to the first step
//	go run ./bench --memory     memory of 1, 2, 4 and 8 inner steps
//	go run ./bench --check      the peers compute what the reference cases say
//
// Programs run alternately, so that a slow minute shows in all of them. A machine that does
// something else gives no verdict. docs/performance.md says more.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"mspecc/kernels/gen"
)

const usage = `Measure trainers against PyTorch and JAX on this machine, alternately in one run.

  go run ./bench [flags]              the table of training steps
  go run ./bench --ratios             second order over first order and over plain MAE
  go run ./bench --sweep              other batches, sequences, widths and depths
  go run ./bench --compile            from the spec to the first step, cold and warm
  go run ./bench --memory             memory of 1, 2, 4 and 8 inner steps
  go run ./bench --check              the peers compute what testdata/cases says

The table goes to standard output as Markdown, progress to standard error. Exit status: 0 measured,
1 failed, 2 wrong use, 3 no verdict because the machine was busy ('go run' makes 1 of all but 0).

Flags:
`

// errBusy says that the figures are no verdict.
var errBusy = errors.New("no verdict")

// errUsage says that the command line is wrong; what is wrong has been printed.
var errUsage = errors.New("usage")

// options are the command line.
type options struct {
	only    list    // configurations
	model   string  // metamae or mae
	peers   list    // programs to run beside ours
	axes    list    // of the sweep
	set     list    // settings of our trainers, NAME=VALUE
	target  string  // of our trainers; the peers are held to its instructions
	python  string  // interpreter of the peers
	mspecc  string  // compiler, built when empty
	steps   int     // timed steps of a run
	warmup  int     // steps before them
	rounds  int     // runs of each program
	threads int     // of every program
	noise   float64 // share of the machine that others may use
	force   bool    // measure on a busy machine
	tune    string  // which variants of the peers are tried
	json    string  // file for the results
	mode    string  // what to do; "" is the table
}

// list is a flag with values separated by commas; it may be repeated.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(text string) error {
	*l = append(*l, strings.Split(text, ",")...)
	return nil
}

// modes are the flags that choose what is measured, and what they do.
var modes = []struct {
	name, help string
	run        func(*bench) error
}{
	{"ratios", "step time of second order over first order and over plain MAE", (*bench).ratios},
	{"sweep", "step time as batch, sequence, width and depth grow", (*bench).sweep},
	{"compile", "time from the spec to the first step", (*bench).firstStep},
	{"memory", "peak memory of 1, 2, 4 and 8 inner steps", (*bench).memory},
	{"check", "compare the peers with the reference cases, without timing", (*bench).check},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case errors.Is(err, errBusy):
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(3)
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures what the command line asks for.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, o, stdout, stderr)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.prepare(); err != nil {
		return err
	}
	work := (*bench).compare
	for _, m := range modes {
		if m.name == o.mode {
			work = m.run
		}
	}
	if err := work(b); err != nil {
		return err
	}
	return b.finish()
}

// parse reads the command line. What is wrong is printed with the error.
func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	fl := flag.NewFlagSet("bench", flag.ContinueOnError)
	fl.SetOutput(stderr)
	fl.Usage = func() { fmt.Fprint(stderr, usage); fl.PrintDefaults() }
	o.define(fl)
	if err := fl.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, errUsage // flag has printed it
	}
	err := o.check()
	if fl.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q; see --help", fl.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return nil, errUsage
	}
	return o, nil
}

// define declares the flags.
func (o *options) define(fl *flag.FlagSet) {
	for _, m := range modes {
		fl.BoolFunc(m.name, m.help, func(value string) error {
			if on, err := strconv.ParseBool(value); err != nil || !on {
				return err
			}
			if o.mode != "" && o.mode != m.name {
				return fmt.Errorf("it excludes --%s", o.mode)
			}
			o.mode = m.name
			return nil
		})
	}
	fl.Var(&o.only, "only", "these `configurations` of "+strings.Join(configNames(), ", ")+" (default "+strings.Join(defaultNames(), ",")+"; imagenet32 with --compile and --memory)")
	fl.StringVar(&o.model, "model", "metamae", "`model` of the table: metamae or mae")
	fl.Var(&o.peers, "peers", "`programs` beside ours, of "+strings.Join(peerNames(), ", ")+", or none (default all that can run the model)")
	fl.Var(&o.set, "set", "a setting of our trainers, as `name=value`; may be repeated")
	fl.StringVar(&o.target, "target", gen.Auto, "`target` of our trainers: auto or one of "+strings.Join(gen.Names(), ", ")+"; peers are held to the vectors of avx2, and the table has the portable kernels too")
	fl.Var(&o.axes, "axes", "with --sweep, these `axes` of "+strings.Join(axisNames(), ", ")+" (default all)")
	fl.StringVar(&o.python, "python", defaultPython(), "`interpreter` of the peers; $MSPECC_PYTHON names another")
	fl.StringVar(&o.mspecc, "mspecc", "", "the compiler's `binary` (default built from this repository)")
	fl.IntVar(&o.steps, "steps", 5, "timed steps of a run")
	fl.IntVar(&o.warmup, "warmup", 2, "steps before them")
	fl.IntVar(&o.rounds, "rounds", 3, "runs of each program")
	fl.IntVar(&o.threads, "threads", 2, "threads of every program")
	fl.Float64Var(&o.noise, "noise", 0.03, "`share` of the machine that others may use")
	fl.BoolVar(&o.force, "force", false, "measure on a busy machine too; the figures are marked and no verdict")
	fl.StringVar(&o.tune, "tune", "quick", "`variants` of the peers tried before the first round: none, quick, or full (also a compiled encoder)")
	fl.StringVar(&o.json, "json", "", "also write the results to this `file`")
}

// check refuses values that make no sense and fills in the configurations.
func (o *options) check() error {
	switch {
	case o.steps < 1 || o.rounds < 1 || o.threads < 1 || o.warmup < 0:
		return errors.New("--steps, --rounds and --threads are at least 1, --warmup at least 0")
	case o.threads > runtime.NumCPU():
		return fmt.Errorf("--threads is %d, but this machine has %d cores", o.threads, runtime.NumCPU())
	case !(o.noise >= 0 && o.noise < 1):
		return fmt.Errorf("--noise is %g, expected a share of at least 0 and below 1", o.noise)
	case o.model != "metamae" && o.model != "mae":
		return fmt.Errorf("--model is %q, expected metamae or mae", o.model)
	case o.tune != "none" && o.tune != "quick" && o.tune != "full":
		return fmt.Errorf("--tune is %q, expected none, quick or full", o.tune)
	}
	if len(o.only) == 0 {
		o.only = defaultNames()
		if o.mode == "compile" || o.mode == "memory" {
			o.only = list{"imagenet32"}
		}
	}
	for _, l := range []struct {
		flag          string
		values, known []string
	}{{"only", o.only, configNames()}, {"target", list{o.target}, append(gen.Names(), gen.Auto)}, {"axes", o.axes, axisNames()}, {"peers", o.peers, append(peerNames(), "none")}} {
		for _, v := range l.values {
			if !contains(l.known, v) {
				return fmt.Errorf("--%s: there is no %q; there are %s", l.flag, v, strings.Join(l.known, ", "))
			}
		}
	}
	return nil
}

// writeJSON writes the results to a file.
func writeJSON(file string, v any) error {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
