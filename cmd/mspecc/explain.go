package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"mspecc/codegen"

	"mspecc/runtime/files"
)

func newExplainCmd() *cobra.Command {
	f := &buildFlags{dataless: true}
	var asJSON, verbose bool
	var measured string
	cmd := &cobra.Command{
		Use:   "explain FILE",
		Short: "Show what was compiled and what it costs",
		Long: `Explain lists, for every function of every modality, the launches by phase with
their floating-point operations and bytes, the arena's memory, and the kernels
with what they compute, as they are for one target: the first of --target. --verbose adds each launch and why it looks as it does.

Times are predicted from the work, the traffic and the rates of a machine: two cores
of a server, or the machine on which --measured was written. That is what a trainer's
'bench --profile --json' prints; its times then stand beside the predictions.`,
		Example: `  mspecc explain examples/metamae.mspec --modality pamap2
  ./metamae bench --modality pamap2 --profile --json > bench.json
  mspecc explain examples/metamae.mspec --modality pamap2 --measured bench.json`,
		Args: oneFile,
		RunE: func(_ *cobra.Command, args []string) error {
			if asJSON && verbose {
				return usageError{errors.New("--verbose is for people: --json has every launch")}
			}
			mod, err := f.loadAndCompile(args[0])
			if err != nil {
				return err
			}
			rates, run := codegen.TwoCores, (*profiled)(nil)
			if measured != "" {
				if run, err = readProfile(measured); err != nil {
					return err
				}
				rates = run.Profile.Limits
			}
			reports := []codegen.Report{}
			target := mod.Targets[0]
			for _, p := range target.Programs {
				for _, fn := range p.Functions {
					r := target.Explain(p, fn, rates)
					if run != nil && fn.Name == "Step" && run.Modality == r.Modality {
						r.Measure(times(run.Profile.Phases), times(run.Profile.Kernels))
					}
					reports = append(reports, r)
				}
			}
			if asJSON {
				e := json.NewEncoder(os.Stdout)
				e.SetIndent("", "  ")
				return e.Encode(reports)
			}
			for _, r := range reports {
				r.Write(os.Stdout, verbose)
			}
			return nil
		},
	}
	f.model(cmd)
	f.kernels(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&measured, "measured", "", "`file` with the output of a trainer's bench --profile --json")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "list every launch in order")
	return cmd
}

// profiled is what explain reads of a trainer's bench --profile --json.
type profiled struct {
	Modality string `json:"modality"`
	Profile  *struct {
		Limits  codegen.Rates `json:"limits"`
		Phases  []spent       `json:"phases"`
		Kernels []spent       `json:"kernels"`
	} `json:"profile"`
}

// spent is the time of one phase or one kernel.
type spent struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

func times(list []spent) map[string]float64 {
	out := map[string]float64{}
	for _, s := range list {
		out[s.Name] = s.Seconds
	}
	return out
}

// maxProfile is more than bench --profile --json prints of any model.
const maxProfile = 64 << 20

func readProfile(file string) (*profiled, error) {
	text, err := files.ReadAny(file, maxProfile)
	if err != nil {
		return nil, err
	}
	var p profiled
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fmt.Errorf("%s: %w; expected what a trainer's bench --profile --json prints", file, err)
	}
	if p.Profile == nil || p.Profile.Limits.FLOPs <= 0 || p.Profile.Limits.Memory <= 0 {
		return nil, fmt.Errorf("%s has no profile; expected what a trainer's bench --profile --json prints", file)
	}
	return &p, nil
}
