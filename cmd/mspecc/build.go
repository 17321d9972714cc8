package main

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"mspecc/codegen"
	"mspecc/ir/elab"
	"mspecc/kernels/gen"
	"mspecc/runtime/files"
	"mspecc/spec"
)

// buildFlags are what build, run, dump and explain have in common.
type buildFlags struct {
	modalities []string
	sets       []string
	target     string
	memory     string
	disable    []string
	emit       string
	library    bool
	dataless   bool // nothing is made that reads data: a reader that is not known is but a warning
	output     string
	quiet      bool
}

// model adds the flags that choose what is compiled.
func (f *buildFlags) model(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringSliceVar(&f.modalities, "modality", nil, "compile only these modalities (default: all of the spec)")
	fl.StringArrayVar(&f.sets, "set", nil, "override a setting, as `name=value`; may be repeated")
	fl.StringSliceVar(&f.disable, "disable", nil, "leave out these optional passes (see 'mspecc dump --help')")
	fl.StringVar(&f.memory, "memory", "", "`limit` of the arena, such as 800MB or 1.5GiB: as much as needed is computed again instead of being kept")
}

// kernels adds the flag that chooses what kernels are written for.
func (f *buildFlags) kernels(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.target, "target", gen.Auto, gen.Auto+", or some of "+strings.Join(gen.Names(), ",")+"; the trainer takes the best of them that its CPU runs")
}

func (f *buildFlags) full(cmd *cobra.Command) {
	f.model(cmd)
	f.kernels(cmd)
	cmd.Flags().StringVar(&f.emit, "emit", "", "also write the generated Go module to this `directory`")
	cmd.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "print nothing but errors")
}

// load elaborates the spec and prints its diagnostics.
func (f *buildFlags) load(file string) (*elab.Model, error) {
	if _, err := f.targets(); err != nil {
		return nil, err
	}
	m, diags := elab.Load(file, elab.Options{Modalities: f.modalities, Set: f.sets, OwnReaders: f.library || f.dataless})
	if len(diags) > 0 {
		spec.Render(os.Stderr, diags, nil)
	}
	if m == nil {
		return nil, errReported
	}
	return m, nil
}

// loadAndCompile elaborates and compiles the spec.
func (f *buildFlags) loadAndCompile(file string) (*codegen.Module, error) {
	m, err := f.load(file)
	if err != nil {
		return nil, err
	}
	return f.compile(m)
}

// compile compiles a model.
func (f *buildFlags) compile(m *elab.Model) (*codegen.Module, error) {
	o, err := f.options()
	if err != nil {
		return nil, err
	}
	return codegen.Compile(m, o)
}

// here reports whether this machine's architecture is the target's.
func here(t gen.Target) bool { return t.Of(runtime.GOARCH) }

// targets are those that kernels are written for. A binary is for this machine; a module may be built for any.
func (f *buildFlags) targets() ([]gen.Target, error) {
	goarch := runtime.GOARCH
	if f.emit != "" {
		goarch = ""
	}
	targets, err := gen.Select(cmp.Or(f.target, gen.Auto), goarch)
	if err != nil {
		return nil, usageError{fmt.Errorf("--target %s: %w", f.target, err)}
	}
	switch {
	case f.dataless: // one is shown, which need not run here
		return targets[:1], nil
	case f.emit == "" && !slices.ContainsFunc(targets, here):
		return nil, usageError{fmt.Errorf("--target %s: none of it runs on %s; write the module with --emit and build it with go build for a machine that does", f.target, runtime.GOARCH)}
	}
	return targets, nil
}

// options are those of the compiler.
func (f *buildFlags) options() (codegen.Options, error) {
	o := codegen.Options{Disable: f.disable}
	var err error
	if o.Targets, err = f.targets(); err != nil {
		return o, err
	}
	if f.memory != "" {
		n, err := humanize.ParseBytes(f.memory)
		if err != nil || n == 0 || n > math.MaxInt {
			return o, usageError{fmt.Errorf("--memory %s: give a size, such as 800MB or 1.5GiB", f.memory)}
		}
		o.Memory = int(n)
	}
	return o, nil
}

func newBuildCmd() *cobra.Command {
	f := &buildFlags{}
	cmd := &cobra.Command{
		Use:   "build FILE",
		Short: "Compile a spec into a trainer binary",
		Long: `Build compiles a spec into one static binary that trains the model. It needs an
installed Go toolchain and nothing else, and works from any folder.

The generated module is kept in the user's cache folder for the next build of the
same file, unless --emit names a folder. Modules used least recently go once all
have more than 256 MB together, or than MSPECC_CACHE_SIZE says (0 keeps none).`,
		Example: `  mspecc build examples/metamae.mspec --modality fashion
  mspecc build model.mspec -o trainer --set batch=128 --set enc_layers=6 --emit gen`,
		Args: oneFile,
		RunE: func(_ *cobra.Command, args []string) error {
			switch {
			case f.library && f.emit == "":
				return usageError{errors.New("--library writes a package: name its directory with --emit")}
			case f.library && f.output != "":
				return usageError{errors.New("--library builds no binary: leave -o out")}
			}
			_, err := f.build(args[0])
			return err
		},
	}
	f.full(cmd)
	cmd.Flags().BoolVar(&f.library, "library", false, "with --emit: write a package to import into a main of your own, and build no binary")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "name of the binary (default: the spec's name without .mspec)")
	return cmd
}

// build writes the module, builds it and returns the binary's path, "" where all kernels are for another
// architecture.
func (f *buildFlags) build(file string) (string, error) {
	start := time.Now()
	out, err := f.binary(file)
	if err != nil {
		return "", err
	}
	m, err := f.load(file)
	if err != nil {
		return "", err
	}
	dir := f.emit
	if dir == "" {
		cache, err := openModules()
		if err != nil {
			return "", err
		}
		held, err := cache.take(file)
		if err != nil {
			return "", err
		}
		defer func() {
			if err := errors.Join(held.release(), cache.trim()); err != nil {
				f.say("the modules that are kept between builds could not be tidied: %v", err)
			}
		}()
		dir = held.dir
	}
	key, err := f.key(m)
	if err != nil {
		return "", err
	}
	if codegen.Sealed(dir, key) {
		f.say("%s is as it was when its module was written: nothing to compile (%.1f s)", file, time.Since(start).Seconds())
	} else if err := f.generate(m, file, dir, key, start); err != nil {
		return "", err
	}
	targets, err := f.targets()
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(targets, here) {
		f.say("wrote the Go module to %s (%.1f s), for %s: build it there, or with GOARCH=%[3]s go build", f.emit, time.Since(start).Seconds(), targets[0].GOARCH)
		return "", nil
	}
	f.say("building with go build")
	if err := f.goBuild(dir, out); err != nil {
		return "", err
	}
	if f.library {
		f.say("wrote the Go module trainer to %s (%.1f s): trainer.Programs gives its programs", f.emit, time.Since(start).Seconds())
		return "", nil
	}
	size := int64(0)
	if st, err := os.Stat(out); err == nil {
		size = st.Size()
	}
	f.say("wrote %s (%.1f MB) in %.1f s", out, float64(size)/1e6, time.Since(start).Seconds())
	if f.emit != "" {
		f.say("wrote the Go module to %s", f.emit)
	}
	return out, nil
}

// goBuild has the go command build the module in a folder: a binary, or of a library the package alone.
func (f *buildFlags) goBuild(dir, out string) error {
	args := []string{"build", "-trimpath", "-ldflags=-w", "-o", out, "."} // no tables for debuggers: half a second less, a fifth of the file
	if f.library {
		args = []string{"build", "-trimpath", "."}
	}
	cmd, elsewhere, err := goCommand(dir, args...)
	var text []byte
	if err == nil {
		if elsewhere != "" && !f.library {
			f.say("the trainer is for this machine, not for %s as Go's settings have it; for that one, write the module with --emit and build it with go build", elsewhere)
		}
		text, err = cmd.CombinedOutput()
	}
	if err == nil {
		return nil
	}
	if _, missing := exec.LookPath("go"); missing != nil {
		return errors.New("go is not installed or not on PATH; mspecc needs it to build the trainer")
	}
	return fmt.Errorf("go build of the generated module in %s failed: %w\n%s", dir, err, text)
}

// generate compiles a model and writes its module to a folder.
func (f *buildFlags) generate(m *elab.Model, file, dir, key string, start time.Time) error {
	f.say("compiling %s", file)
	mod, err := f.compile(m)
	if err != nil {
		return err
	}
	mod.Library = f.library
	files, err := mod.Files()
	if err != nil {
		return err
	}
	for _, t := range mod.Targets {
		f.say("%s: %d kernels, %d launches a step, %.0f MB arena (%.1f s)", t.Name, len(t.Kernels), launches(t), float64(arena(t))*4/1e6, time.Since(start).Seconds())
	}
	return codegen.WriteTree(dir, files, key)
}

// key stands for all that a module is made of: this compiler, the sources, the settings, and the
// data that is copied into it.
func (f *buildFlags) key(m *elab.Model) (string, error) {
	h := sha256.New()
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if err := hashFile(h, self); err != nil {
		return "", err
	}
	fmt.Fprintf(h, "%q %q %q %q %q %q %v\n", filepath.Base(m.File), m.Digest, f.sets, f.target, f.memory, f.disable, f.library)
	for _, s := range m.Sources {
		fmt.Fprintf(h, "%q\n", s.Name)
	}
	for _, v := range m.Variants {
		fmt.Fprintf(h, "%q\n", v.Modality.Name)
		if dir := v.Modality.Sample; dir != "" {
			list, err := codegen.SampleFiles(v.Modality.Name, dir)
			if err != nil {
				return "", err
			}
			for _, s := range list {
				fmt.Fprintf(h, "%q\n", s.Path)
				if err := hashFile(h, s.Path); err != nil {
					return "", err
				}
			}
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

func hashFile(h io.Writer, path string) error {
	f, _, err := files.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(h, f)
	return err
}

// binary is the path of the trainer to write.
func (f *buildFlags) binary(file string) (string, error) {
	out := f.output
	if out == "" {
		out = strings.TrimSuffix(filepath.Base(file), ".mspec")
	}
	if st, err := os.Stat(out); err == nil && st.IsDir() {
		return "", fmt.Errorf("%s is a folder; name the binary with -o", out)
	}
	return filepath.Abs(out)
}

func (f *buildFlags) say(format string, args ...any) {
	if !f.quiet {
		fmt.Fprintf(os.Stderr, "mspecc: "+format+"\n", args...)
	}
}

func launches(t *codegen.Target) int {
	n := 0
	for _, p := range t.Programs {
		n = max(n, len(p.Functions[0].Calls))
	}
	return n
}

func arena(t *codegen.Target) int {
	n := 0
	for _, p := range t.Programs {
		n = max(n, p.Floats)
	}
	return n
}
