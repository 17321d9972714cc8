// Package cli is the command line of a trainer.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mspecc/runtime"
	"mspecc/runtime/ckpt"
	"mspecc/runtime/exchange"
	"mspecc/runtime/runs"
	"mspecc/runtime/torch"
)

// Main runs the trainer's command line for the process and ends it: 0 on success, 1 when
// something failed (one line says why), 2 on wrong usage, 3 for a run that was stopped and can go on. There is one program per modality.
func Main(programs ...*runtime.Program) {
	os.Exit(Run(context.Background(), os.Args[0], os.Args[1:], os.Stdout, os.Stderr, programs...))
}

// Run runs one command line and gives the exit code.
func Run(ctx context.Context, name string, args []string, stdout, stderr io.Writer, programs ...*runtime.Program) int {
	out, note := &outlet{to: stdout, name: "standard output"}, &outlet{to: stderr, name: "standard error"}
	a := &app{programs: programs, out: out, err: note, begun: time.Now()}
	root := a.root(filepath.Base(name))
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	if lost := out.lost(); err == nil && lost != "" && command.Annotations[outlives] == "" {
		err = errors.New(lost)
	}
	if err == nil {
		return 0
	}
	var stopped *stoppedError
	if errors.As(err, &stopped) {
		return exitStopped
	}
	var wrong usageError
	if errors.As(err, &wrong) || !a.started {
		fmt.Fprintf(a.err, "%s: %v\nTry '%s --help'.\n", root.Name(), err, command.CommandPath())
		return 2
	}
	fmt.Fprintf(a.err, "%s: %v\n", root.Name(), err)
	return 1
}

// usageError is an error that the command line is to blame for.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// app is one invocation.
type app struct {
	programs []*runtime.Program
	out, err io.Writer // an outlet each, but in tests
	modality string
	threads  int
	json     bool
	quiet    bool
	started  bool // the arguments were accepted and a command runs
	begun    time.Time
}

func (a *app) root(name string) *cobra.Command {
	p := a.programs[0]
	root := &cobra.Command{
		Use:   name,
		Short: fmt.Sprintf("Trainer of the model %s", p.Name),
		Long: fmt.Sprintf("%s trains, evaluates and exports the model %s (%s, compiled for %s).\nModalities: %s.",
			name, p.Name, p.Spec, p.Target, strings.Join(a.modalities(), ", ")),
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	f := root.PersistentFlags()
	f.StringVar(&a.modality, "modality", "", "modality to work on: "+strings.Join(a.modalities(), ", "))
	f.IntVar(&a.threads, "threads", 0, "worker threads; results do not depend on it (default one per core)")
	f.BoolVar(&a.json, "json", false, "machine-readable output")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "no progress and no notes: results and errors alone")
	root.AddCommand(a.train(), a.eval(), a.dataCommand(), a.embed(), a.reconstruct(), a.export(), a.importCommand(), a.serve(), a.replay(), a.bench(), a.info(), a.report(), a.compare(), a.runs())
	a.prepare(root, name)
	return root
}

// prepare makes the commands below one note that they run, and fills in the binary's name.
func (a *app) prepare(above *cobra.Command, name string) {
	for _, c := range above.Commands() {
		run := c.RunE
		c.RunE = func(cmd *cobra.Command, args []string) error {
			a.started = true
			if cmd.Annotations[prints] == "" {
				outlive()
			}
			if err := noneEmpty(cmd); err != nil {
				return err
			}
			if cmd.Annotations[ofRuns] == "" {
				if err := a.programs[0].CheckTarget(); err != nil {
					return err
				}
			}
			if cmd.Flags().Changed("modality") && cmd.Annotations[ofRuns] != "" {
				return usagef("--modality does nothing here: %s is not about the model of one modality", cmd.CommandPath())
			}
			return run(cmd, args)
		}
		c.Example = strings.ReplaceAll(c.Example, "BIN", name)
		if c.Args == nil {
			c.Args = cobra.NoArgs
		}
		a.prepare(c, name)
	}
}

// ofRuns marks, among the annotations of a command, that it is about runs or readers, whatever the modality.
const ofRuns = "of runs"

// noneEmpty refuses flags that were given nothing, as happens with a variable of the shell that is not
// set: --resume "$RUN" would begin a new run, --data "$DIR" take the sample data.
func noneEmpty(cmd *cobra.Command) error {
	for _, name := range []string{"modality", "data", "reader", "task", "resume", "init-from", "checkpoint", "in", "out"} {
		f := cmd.Flags().Lookup(name)
		if f != nil && f.Changed && f.Value.String() == "" && f.DefValue == "" { // else "" has a meaning
			return usagef("--%s is empty; give a value or leave it out", name)
		}
	}
	return nil
}

// maxThreads is more than any machine has cores for: beyond it a number is a mistake.
const maxThreads = 1024

func (a *app) modalities() []string {
	var names []string
	for _, p := range a.programs {
		names = append(names, p.Modality.Name)
	}
	return names
}

// program is the one the user chose.
func (a *app) program() (*runtime.Program, error) {
	if a.threads < 0 || a.threads > maxThreads {
		return nil, usagef("--threads is %d, expected 1 to %d", a.threads, maxThreads)
	}
	if a.modality == "" {
		if len(a.programs) == 1 {
			return a.programs[0], nil
		}
		return nil, usagef("this trainer has several modalities: choose one with --modality (%s)", strings.Join(a.modalities(), ", "))
	}
	for _, p := range a.programs {
		if p.Modality.Name == a.modality {
			return p, nil
		}
	}
	return nil, usagef("there is no modality %q; use one of %s", a.modality, strings.Join(a.modalities(), ", "))
}

// machine makes a machine for the chosen program.
func (a *app) machine() (*runtime.Machine, error) {
	p, err := a.program()
	if err != nil {
		return nil, err
	}
	if p.Train.Precision == "bf16" && !slices.Contains(p.CPU, "AVX512_BF16") {
		a.note("the products in bf16 are emulated, which is slow: on a CPU without AVX512_BF16 build with --set precision=f32, or what the spec calls it")
	}
	return runtime.NewMachine(p, a.threads)
}

// loaded is a checkpoint that a machine has the parameters of.
type loaded struct {
	ckpt.State
	path   string
	seeded bool // the seed is that of a run
}

// seed is that of the run that the checkpoint is of, or else the spec's.
func (l loaded) seed(p *runtime.Program) uint64 {
	if l.seeded {
		return l.State.Seed
	}
	return p.Train.Seed
}

// trained makes a machine with the parameters of a checkpoint, which may be a run directory.
func (a *app) trained(checkpoint string) (*runtime.Machine, loaded, error) {
	if checkpoint == "" {
		return nil, loaded{}, usagef("give a checkpoint or a run directory with --checkpoint")
	}
	m, err := a.machine()
	if err != nil {
		return nil, loaded{}, err
	}
	state, err := a.load(m, checkpoint)
	if err != nil {
		m.Close()
		return nil, state, err
	}
	return m, state, nil
}

// find reads a checkpoint, the newest that verifies of a run directory, and says which it skipped.
func (a *app) find(name string) (*runs.Found, error) {
	found, err := runs.Find(name)
	if err != nil {
		if torch.IsFile(name) {
			err = fmt.Errorf("%s: is a checkpoint of PyTorch; make one of this trainer from it: import --in %s --out FILE", name, name)
		}
		return nil, err
	}
	for _, s := range found.Skipped {
		a.note("skipped %v", s.Err)
	}
	return found, nil
}

// load restores the parameters of a checkpoint and warns where it was written by another version
// of the spec.
func (a *app) load(m *runtime.Machine, checkpoint string) (loaded, error) {
	found, err := a.find(checkpoint)
	if err != nil {
		return loaded{}, err
	}
	l, known, err := readState(found)
	if err != nil {
		return loaded{}, err
	}
	state := l.State
	if state.Modality != "" && state.Modality != m.Program.Modality.Name {
		return loaded{}, fmt.Errorf("%s: is a checkpoint of the modality %s, not %s", found.Path, state.Modality, m.Program.Modality.Name)
	}
	if known && state.Digest != m.Program.Digest {
		a.note("%s was written by another version of %s: %s", found.Path, m.Program.Spec, strings.Join(found.Differences(state, m.Program, false), "; "))
	}
	return l, found.Restore(m, false)
}

// readState is the state of a checkpoint, and whether it is one; of what export wrote, it is as much as is known.
func readState(found *runs.Found) (l loaded, known bool, err error) {
	state, known, err := found.ReadState()
	if known || err != nil {
		return loaded{state, found.Path, known}, known, err
	}
	about, err := exchange.ReadAbout(found.Metadata)
	if err == nil && about != nil {
		state.Model, state.Modality, state.Digest, state.Step = about.Model, about.Modality, about.Digest, about.Step
		if l.seeded = about.Seed != nil; l.seeded {
			state.Seed = *about.Seed
		}
		state.Data, err = about.Data()
	}
	if err != nil {
		err = fmt.Errorf("%s: its metadata cannot be understood: %w", found.Path, err)
	}
	return loaded{state, found.Path, l.seeded}, false, err
}

// note tells the user something on standard error.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.err, "note: "+format+"\n", args...)
	}
}

// logLevel is the least that a command which logs should say.
func (a *app) logLevel() slog.Level {
	if a.quiet {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// print writes v as JSON where --json asks for it, else calls text.
func (a *app) print(v any, text func(w io.Writer)) error {
	if !a.json {
		text(a.out)
		return nil
	}
	return printJSON(a.out, v)
}

// printJSON writes a value as one line.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
