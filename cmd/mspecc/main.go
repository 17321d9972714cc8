// Command mspecc compiles models written in mspec into self-contained trainers.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// errReported ends a command with exit code 1 after it has printed why.
var errReported = errors.New("reported")

// trainerExit passes on the exit code of a trainer, which has said why itself.
type trainerExit struct{ code int }

func (e *trainerExit) Error() string {
	return fmt.Sprintf("the trainer ended with exit code %d", e.code)
}

// usageError marks wrong usage, which exits with 2.
type usageError struct{ error }

// gcPercent lets the heap grow further between collections than Go does by itself: a compilation
// is short and allocates much of what it keeps to its end.
const gcPercent = 300

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	root := newRoot()
	cmd, err := root.ExecuteC()
	var exit *trainerExit
	var usage usageError
	switch {
	case err == nil:
	case errors.Is(err, errReported):
		os.Exit(1)
	case errors.As(err, &exit):
		os.Exit(exit.code)
	case errors.As(err, &usage) || cmd == root:
		fmt.Fprintf(os.Stderr, "mspecc: %v\nSee '%s --help'.\n", err, cmd.CommandPath())
		os.Exit(2)
	default:
		fmt.Fprintf(os.Stderr, "mspecc: %v\n", err)
		os.Exit(1)
	}
}

// newRoot makes the command with all that are below it.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "mspecc",
		Short: "Compile a model written in mspec into a static binary that trains it",
		Long: `mspecc compiles a model written in a small language (.mspec) into one static
binary that trains, evaluates and exports it. All gradients, also those through
gradient steps inside the model, are derived symbolically and fused into kernels
made for the model's shapes: AVX-512, AVX2 or NEON assembly, or portable Go elsewhere.`,
		Example: `  mspecc run examples/metamae.mspec --modality fashion
  mspecc build model.mspec -o trainer --set batch=128
  mspecc explain model.mspec`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newBuildCmd(), newRunCmd(), newCheckCmd(), newFmtCmd(), newDumpCmd(), newExplainCmd())
	return root
}

// oneFile accepts exactly one spec file.
func oneFile(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("%s takes one spec file, not %d", cmd.Name(), len(args))}
	}
	return nil
}
