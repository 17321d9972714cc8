package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"mspecc/ir/elab"
)

// firstSteps is how long a first look trains: a few minutes with the carried data sets.
const firstSteps = 1500

func newRunCmd() *cobra.Command {
	f := &buildFlags{}
	steps := 0
	cmd := &cobra.Command{
		Use:   "run FILE [flags] [-- trainer arguments]",
		Short: "Compile a spec and run its trainer",
		Long: `Run builds the trainer and runs it with the arguments after --.

Without trainer arguments it gives a first look: it takes the first modality of
the spec that carries a data set (or the one named with --modality), trains on
it, evaluates the features beside those of an untrained encoder, draws the loss
and, for images, a reconstruction, and says where they are.`,
		Example: `  mspecc run examples/metamae.mspec
  mspecc run examples/metamae.mspec --modality sensor -- train --steps 500 --out runs/sensor`,
		Args: func(cmd *cobra.Command, args []string) error {
			if n := cmd.ArgsLenAtDash(); n >= 0 {
				args = args[:n]
			}
			return oneFile(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 && cmd.Flags().Changed("steps") {
				return usageError{errors.New("--steps is of the first look: give it to the trainer, after --")}
			}
			return f.run(args[0], args[1:], steps)
		},
	}
	f.full(cmd)
	cmd.Flags().IntVar(&steps, "steps", firstSteps, "training steps of the first look")
	return cmd
}

// run builds the trainer in a temporary folder and runs it.
func (f *buildFlags) run(file string, trainer []string, steps int) error {
	dir, err := os.MkdirTemp("", "mspecc-run-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var first *elab.Variant
	if len(trainer) == 0 {
		if first, err = f.firstLook(file); err != nil {
			return err
		}
		f.modalities = []string{first.Modality.Name}
	}
	name := strings.TrimSuffix(filepath.Base(file), ".mspec")
	f.output = filepath.Join(dir, name)
	bin, err := f.build(file)
	if err != nil {
		return err
	}
	if bin == "" {
		return usageError{fmt.Errorf("--target %s: none of it runs here", f.target)}
	}
	if first == nil {
		return execute(bin, trainer...)
	}
	out := filepath.Join("runs", name+"-"+first.Modality.Name)
	train := []string{"train", "--steps", strconv.Itoa(steps), "--log-every", strconv.Itoa(max(1, steps/30)), "--out", out}
	if first.Features != nil && len(first.Modality.Inputs) > 0 {
		train = append(train, "--eval")
	}
	if err := execute(bin, train...); err != nil {
		return err
	}
	if first.Reconstruct != nil && first.Modality.Kind == "image" {
		if err := execute(bin, "reconstruct", "--checkpoint", out, "--out", filepath.Join(out, "pictures", "reconstruction.png")); err != nil {
			return err
		}
	}
	fmt.Printf("\nThe run is in %s: the loss curve pictures/curve.png, the losses metrics.jsonl, the checkpoints", out)
	if first.Modality.Kind == "image" {
		fmt.Print(", the picture pictures/reconstruction.png")
	}
	fmt.Println(".")
	return nil
}

// firstLook is the variant for a first look.
func (f *buildFlags) firstLook(file string) (*elab.Variant, error) {
	m, err := f.load(file)
	if err != nil {
		return nil, err
	}
	for _, v := range m.Variants {
		if v.Modality.Sample != "" || len(v.Modality.Inputs) == 0 {
			f.say("a first look at %s with modality %s", file, v.Modality.Name)
			return v, nil
		}
	}
	return nil, fmt.Errorf("no chosen modality of %s carries a data set; name the trainer's arguments: mspecc run %s -- train --data DIR", file, file)
}

// execute runs the trainer with this process's terminal, from which interrupts reach it by themselves; SIGTERM
// is passed on. The trainer ends cleanly.
func execute(bin string, args ...string) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	cmd := exec.Command(bin, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Start()
	if err == nil {
		go func() {
			for s := range signals {
				if s == syscall.SIGTERM {
					_ = cmd.Process.Signal(s) // a trainer that is gone needs none
				}
			}
		}()
		err = cmd.Wait()
	}
	signal.Stop(signals)
	close(signals)
	var exit *exec.ExitError
	switch {
	case !errors.As(err, &exit):
		return err
	case exit.ExitCode() < 0:
		return fmt.Errorf("the trainer was ended by a signal: %s", exit)
	}
	return &trainerExit{exit.ExitCode()}
}
